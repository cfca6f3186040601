"""Training: what a step does, what a run leaves behind, and that nothing is lost when it is stopped."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from kill_training import kill_and_resume
from PIL import Image
from torch import Tensor, nn

import ssd.train
from ssd.checkpoint import load_checkpoint
from ssd.datasets.loader import AddressedBatches
from ssd.datasets.voc import VOC_CLASSES, VOCDetection
from ssd.errors import CheckpointError, DataError, RecipeError, TrainingError
from ssd.network import model_from_weights, ssd_tiny
from ssd.priors import COCO300, COCO512, TINY, VOC300, VOC512, with_maps, with_ratios, with_sizes
from ssd.recipes import MACHINE, RECIPES, Recipe, get_recipe
from ssd.train import (
    build_network,
    choose_device,
    choose_precision,
    learning_rate,
    make_optimiser,
    require_compiler,
    train,
)

# On a machine with one processor torch advises against workers; the tests need them to see that they do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.fixture(scope="module")
def recipe(eight_pictures) -> Recipe:
    """Six steps of two pictures; a checkpoint and a line of metrics after every second."""
    return Recipe(
        name="short",
        network="ssd_tiny",
        iterations=6,
        batch_size=2,
        learning_rate=0.01,
        warmup=2,
        milestones=(5,),
        gradient_norm=10.0,
        expand_max=2.0,
        seed=3,
        data=str(eight_pictures),
        workers=0,
        device="cpu",
        checkpoint_every=2,
        log_every=2,
    )


@pytest.fixture(scope="module")
def unbroken(recipe, tmp_path_factory) -> Path:
    """Return the folder of a run that nothing disturbed. Not to be written to."""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    assert train(recipe, folder, progress=False) == folder / "weights.safetensors"
    return folder


def weights_of(folder: Path) -> dict[str, Tensor]:
    return safetensors.torch.load_file(folder / "weights.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights_of(one), weights_of(other)
    assert set(first) == set(second)
    for name in first:
        assert torch.equal(first[name], second[name]), name


def metrics_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def losses_of(folder: Path) -> list[tuple]:
    """Return what of a run's metrics does not depend on how fast the machine is."""
    names = ("iteration", "localization", "confidence", "matched", "learning_rate")
    return [tuple(line[name] for name in names) for line in metrics_of(folder)]


def at_step(monkeypatch, number: int, action: Callable[..., object]) -> None:
    """Call `action(network)` after the `number`-th training step; what it returns, if anything, replaces the loss."""
    real, done = ssd.train.training_step, []

    def step(network, *arguments, **options):
        terms = real(network, *arguments, **options)
        done.append(terms)
        return (action(network) if len(done) == number else None) or terms

    monkeypatch.setattr(ssd.train, "training_step", step)


def fail(_network: nn.Module) -> None:
    raise ZeroDivisionError("a stand-in for whatever can go wrong")


@pytest.fixture(scope="module")
def broken_off(recipe, tmp_path_factory) -> Path:
    """Return the folder of a run that fell over in its fifth step. Not to be written to."""
    folder = tmp_path_factory.mktemp("broken") / "run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        at_step(monkeypatch, 5, fail)
        with pytest.raises(ZeroDivisionError):
            train(recipe, folder, progress=False)
    return folder


@pytest.fixture
def stopped(broken_off, tmp_path) -> Path:
    """Return a copy of a run's folder with four steps done and two to go."""
    return Path(shutil.copytree(broken_off, tmp_path / "stopped"))


# ------------------------------------------------------------------------------------------------- what a run learns


def test_a_network_learns_one_picture_by_heart(tiny_voc, tmp_path, recipe):
    tiny_voc.fill(1, seed=4)
    one = replace(
        recipe,
        iterations=60,
        learning_rate=0.02,
        milestones=(),
        warmup=5,
        expand_probability=0.0,
        crop=False,
        distort=False,
        data=str(tiny_voc.root),
        log_every=5,
        checkpoint_every=60,
    )
    train(one, tmp_path / "run", progress=False)
    losses = [line["localization"] + line["confidence"] for line in metrics_of(tmp_path / "run")]
    assert losses[-1] < losses[0] / 4


@pytest.mark.parametrize("kind", ["without objects", "with difficult objects only"])
def test_pictures_with_nothing_ordinary_in_them_do_no_harm(tiny_voc, tmp_path, recipe, kind):
    tiny_voc.fill(1)
    for image_id in ("a", "b"):
        tiny_voc.picture(image_id)
        objects = [tiny_voc.object_xml("dog", (10, 10, 50, 50), difficult=1)] if "difficult" in kind else []
        tiny_voc.annotate(image_id, *objects)
    tiny_voc.split("trainval", "000001", "a", "b")
    one_by_one = {"batch_size": 1, "iterations": 3, "milestones": (), "warmup": 0, "log_every": 1}
    still = replace(recipe, data=str(tiny_voc.root), expand_probability=0.0, crop=False, **one_by_one)
    train(still, tmp_path / "run", progress=False)
    assert all(tensor.isfinite().all() for tensor in weights_of(tmp_path / "run").values())
    empty = [line for line in metrics_of(tmp_path / "run") if line["matched"] == 0]
    assert len(empty) == (0 if "difficult" in kind else 2), "difficult objects train"
    assert all(line["localization"] == line["confidence"] == 0 for line in empty)


def test_the_same_recipe_gives_the_same_bits_and_another_seed_others(recipe, unbroken, tmp_path):
    train(recipe, tmp_path / "again", progress=False)
    assert_same_weights(tmp_path / "again", unbroken)
    assert losses_of(tmp_path / "again") == losses_of(unbroken)
    train(replace(recipe, seed=4), tmp_path / "other", progress=False)
    name = "logit_heads.0.weight"
    assert not torch.equal(weights_of(tmp_path / "other")[name], weights_of(unbroken)[name])


# --------------------------------------------------------------------------------------------- what a run leaves behind


def test_finished_run_leaves_two_checkpoints_metrics_weights_and_a_record(unbroken):
    assert sorted(path.name for path in unbroken.iterdir()) == [
        "checkpoint-00000004.pt",
        "checkpoint-00000006.pt",
        "metrics.jsonl",
        "record.json",
        "weights.safetensors",
    ]


def test_metrics_have_a_line_each_log_every_iterations(unbroken, recipe):
    lines = metrics_of(unbroken)
    assert [line["iteration"] for line in lines] == [2, 4, 6]
    for line in lines:
        assert line["learning_rate"] == pytest.approx(learning_rate(recipe, line["iteration"] - 1))
        assert line["localization"] >= 0
        assert line["confidence"] > 0
        assert line["pictures_per_second"] > 0
    assert sorted(line["seconds"] for line in lines) == [line["seconds"] for line in lines]


def test_a_line_of_metrics_is_the_mean_of_the_steps_since_the_last(recipe, unbroken, tmp_path):
    train(replace(recipe, log_every=1), tmp_path / "run", progress=False)
    steps = metrics_of(tmp_path / "run")
    assert [line["iteration"] for line in steps] == [1, 2, 3, 4, 5, 6]
    for number, line in enumerate(metrics_of(unbroken)):
        for name, rounding in (("localization", 1e-5), ("confidence", 1e-5), ("matched", 0.1)):
            mean = (steps[2 * number][name] + steps[2 * number + 1][name]) / 2
            assert line[name] == pytest.approx(mean, abs=1.5 * rounding)


def test_record_says_what_was_run_on_what_and_how_it_went(unbroken, recipe):
    record = json.loads((unbroken / "record.json").read_text(encoding="utf-8"))
    assert record["recipe"] == {**asdict(recipe), "milestones": [5], "class_names": [], "prior_sizes": []}
    assert record["dataset"] == "VOC2007 trainval"
    assert record["curve"] == metrics_of(unbroken)
    assert record["train_seconds"] > 0
    assert {"date", "command", "commit", "machine", "versions"} <= set(record)
    assert record["versions"]["torch"] == torch.__version__
    assert record["machine"]["threads"] == torch.get_num_threads()


def test_weights_say_which_network_classes_and_recipe_they_belong_to(unbroken, recipe):
    with safetensors.safe_open(unbroken / "weights.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert metadata["network"] == "ssd_tiny"
    assert tuple(json.loads(metadata["class_names"])) == VOC_CLASSES
    assert json.loads(metadata["recipe"]) == {**asdict(recipe), "milestones": [5], "class_names": [], "prior_sizes": []}
    model = model_from_weights(unbroken / "weights.safetensors")
    checkpoint = load_checkpoint(unbroken)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, checkpoint["model"][name]), name


# ------------------------------------------------------------------------------------------------- stopping, going on


@pytest.mark.parametrize("workers", [0, 1])
def test_broken_off_and_resumed_run_equals_an_unbroken_one_bit_for_bit(recipe, unbroken, stopped, workers):
    assert load_checkpoint(stopped)["iteration"] == 4
    assert not (stopped / "weights.safetensors").exists()
    train(replace(recipe, workers=workers), stopped, progress=False)
    assert_same_weights(stopped, unbroken)
    assert losses_of(stopped) == losses_of(unbroken)


def test_run_that_fell_over_before_its_first_checkpoint_starts_over(recipe, unbroken, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        at_step(patch, 2, fail)
        with pytest.raises(ZeroDivisionError):
            train(replace(recipe, log_every=1), tmp_path / "run", progress=False)
    assert load_checkpoint(tmp_path / "run") is None
    train(recipe, tmp_path / "run", progress=False)
    assert_same_weights(tmp_path / "run", unbroken)
    assert losses_of(tmp_path / "run") == losses_of(unbroken)


def test_metrics_after_the_last_checkpoint_are_written_once(recipe, unbroken, stopped):
    line = {**metrics_of(stopped)[-1], "iteration": 5}
    with (stopped / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n" + json.dumps({**line, "iteration": 6})[:30])
    train(recipe, stopped, progress=False)
    assert losses_of(stopped) == losses_of(unbroken)


RUN = """
import os, signal, sys, torch
import ssd.train
from ssd.recipes import Recipe
torch.set_num_threads(1)
folder, step, kill = sys.argv[1], int(sys.argv[2]), sys.argv[3]
real, done = ssd.train.training_step, []
def training_step(*arguments, **options):
    terms = real(*arguments, **options)
    done.append(0)
    if len(done) == step:
        exec(kill)
    return terms
ssd.train.training_step = training_step
if __name__ == "__main__":
    ssd.train.train(Recipe(**eval(sys.argv[4])), folder, progress=False)
"""


def run_elsewhere(recipe: Recipe, folder: Path, step: int, kill: str) -> subprocess.CompletedProcess:
    """Train in a process and a process group of its own, which does `kill` after a step."""
    arguments = [str(folder), str(step), kill, repr(asdict(recipe))]
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, timeout=100, start_new_session=True
    )


def test_killed_run_resumes_to_the_bits_of_an_unbroken_one(recipe, unbroken, tmp_path):
    result = run_elsewhere(recipe, tmp_path / "run", 5, "os.kill(os.getpid(), signal.SIGKILL)")
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert load_checkpoint(tmp_path / "run")["iteration"] == 4
    train(recipe, tmp_path / "run", progress=False)
    assert_same_weights(tmp_path / "run", unbroken)
    assert losses_of(tmp_path / "run") == losses_of(unbroken)


def test_ctrl_c_at_a_terminal_saves_a_checkpoint_though_workers_get_it_too(recipe, unbroken, tmp_path):
    result = run_elsewhere(replace(recipe, workers=1), tmp_path / "run", 3, "os.killpg(0, signal.SIGINT)")
    assert result.returncode != 0
    assert "KeyboardInterrupt" in result.stderr
    assert load_checkpoint(tmp_path / "run")["iteration"] == 3
    assert not (tmp_path / "run" / "weights.safetensors").exists()
    train(recipe, tmp_path / "run", progress=False)
    assert_same_weights(tmp_path / "run", unbroken)
    assert [line["iteration"] for line in metrics_of(tmp_path / "run")] == [2, 3, 4, 6]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_finishes_the_step_saves_it_and_stops(recipe, tmp_path, monkeypatch, number):
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    at_step(monkeypatch, 3, lambda _: os.kill(os.getpid(), number))
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "run", progress=False)
    assert load_checkpoint(tmp_path / "run")["iteration"] == 3
    assert metrics_of(tmp_path / "run")[-1]["iteration"] == 3
    assert {n: signal.getsignal(n) for n in before} == before, "handlers are as they were"


def test_interrupt_in_the_last_step_finishes_the_run(recipe, unbroken, tmp_path, monkeypatch):
    at_step(monkeypatch, 6, lambda _: os.kill(os.getpid(), signal.SIGINT))
    train(recipe, tmp_path / "run", progress=False)
    assert_same_weights(tmp_path / "run", unbroken)


def test_finished_run_called_again_is_left_as_it_is(recipe, unbroken, tmp_path):
    folder = Path(shutil.copytree(unbroken, tmp_path / "run"))
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    assert train(recipe, folder, progress=False) == folder / "weights.safetensors"
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before


def test_finished_run_called_again_changes_no_result(recipe, unbroken, tmp_path):
    folder = Path(shutil.copytree(unbroken, tmp_path / "run"))
    (folder / "weights.safetensors").unlink()  # as if it had been killed between the last checkpoint and the weights
    assert train(recipe, folder, progress=False) == folder / "weights.safetensors"
    assert_same_weights(folder, unbroken)
    assert metrics_of(folder) == metrics_of(unbroken)
    assert json.loads((folder / "record.json").read_text())["curve"] == metrics_of(unbroken)
    assert load_checkpoint(folder)["iteration"] == 6


def can_compile() -> bool:
    """Say whether there is what `--compile` needs on a processor."""
    try:
        require_compiler(torch.device("cpu"))
    except RecipeError:
        return False
    return True


CHANGES = {
    "iterations": 7,
    "pretrain_epochs": 1,
    "pretrain_rate": 0.5,
    "batch_size": 3,
    "optimiser": "adamw",
    "learning_rate": 0.02,
    "bias_rate": 1.5,
    "momentum": 0.8,
    "weight_decay": 0.0,
    "warmup": 3,
    "schedule": "cosine",
    "milestones": (4, 5),
    "gradient_norm": 0.0,
    "expand_probability": 0.25,
    "expand_max": 3.0,
    "crop": False,
    "distort": False,
    "prior_sizes": (10, 20, 40, 80, 120, 160),
    "max_ratio": 2.0,
    "maps": 3,
    "boundary_priors": False,
    "ema": 0.9,
    "parts": 2,
    "seed": 4,
}


@pytest.mark.parametrize("field", CHANGES)
def test_changed_recipe_is_refused_by_the_name_of_the_field(recipe, stopped, field):
    before = {path.name: path.read_bytes() for path in stopped.iterdir()}
    with pytest.raises(CheckpointError) as caught:
        train(replace(recipe, **{field: CHANGES[field]}), stopped, progress=False)
    for part in (str(stopped), field, repr(CHANGES[field]), repr(getattr(recipe, field))):
        assert part in str(caught.value)
    assert {path.name: path.read_bytes() for path in stopped.iterdir()} == before, "nothing was touched"


def test_fields_about_the_machine_may_change(recipe, unbroken, stopped, eight_pictures, tmp_path):
    moved = shutil.copytree(eight_pictures, tmp_path / "moved")
    same = {torch.bfloat16: "bf16", torch.float32: "fp32"}[choose_precision(recipe.precision, torch.device("cpu"))]
    changes = {"data": str(moved), "workers": 1, "device": "cpu:0", "checkpoint_every": 3, "log_every": 1}
    changes["precision"] = same
    assert set(changes) == set(MACHINE) - {"compile"}  # it may need a compiler, and rounds in other places
    train(replace(recipe, **changes), stopped, progress=False)
    assert_same_weights(stopped, unbroken)
    assert [line["iteration"] for line in metrics_of(stopped)] == [2, 4, 5, 6]


@pytest.mark.skipif(not can_compile(), reason="no C++ compiler, which torch.compile needs")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses parts of torch that are to go
def test_compiled_network_trains_alike(recipe, tmp_path):
    for compiled in (False, True):
        train(replace(recipe, compile=compiled, precision="fp32"), tmp_path / str(compiled), progress=False)
    for line, other in zip(losses_of(tmp_path / "True"), losses_of(tmp_path / "False"), strict=True):
        assert line == pytest.approx(other, rel=1e-3)
    torch.compiler.reset()


def test_compiling_without_a_compiler_is_refused_before_anything_is_read(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RecipeError, match=r"compile: needs a C\+\+ compiler, got True; expected \S+ on this machine"):
        train(replace(recipe, compile=True, data=str(tmp_path / "none")), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_starting_over_forgets_the_run_before(recipe, unbroken, stopped):
    train(
        replace(recipe, seed=9, iterations=2, milestones=(), checkpoint_every=9), stopped, resume=False, progress=False
    )
    assert [path.name for path in stopped.glob("checkpoint-*")] == ["checkpoint-00000002.pt"]
    assert [line["iteration"] for line in metrics_of(stopped)] == [2]
    train(recipe, stopped, resume=False, progress=False)
    assert_same_weights(stopped, unbroken)
    assert losses_of(stopped) == losses_of(unbroken)


def test_starting_over_leaves_no_result_of_the_run_before_to_be_taken_for_its_own(
    recipe, unbroken, tmp_path, monkeypatch
):
    folder = Path(shutil.copytree(unbroken, tmp_path / "run"))
    at_step(monkeypatch, 1, fail)
    with pytest.raises(ZeroDivisionError):
        train(replace(recipe, seed=9), folder, resume=False, progress=False)
    assert not (folder / "weights.safetensors").exists()
    assert not (folder / "record.json").exists()


def test_starting_over_gets_past_a_damaged_checkpoint(recipe, unbroken, stopped):
    for path in stopped.glob("checkpoint-*.pt"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged"):
        train(recipe, stopped, progress=False)
    train(recipe, stopped, resume=False, progress=False)
    assert_same_weights(stopped, unbroken)


def test_damaged_checkpoint_deleted_as_told_lets_the_run_go_on_from_the_older_one(recipe, unbroken, stopped):
    newest = stopped / "checkpoint-00000004.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"checkpoint-00000002\.pt"):
        train(recipe, stopped, progress=False)
    newest.unlink()
    train(recipe, stopped, progress=False)
    assert_same_weights(stopped, unbroken)
    assert losses_of(stopped) == losses_of(unbroken)


# --------------------------------------------------------------------------------------------------- what can go wrong


def not_a_number(_network: nn.Module) -> ssd.train.MultiBoxTerms:
    return ssd.train.MultiBoxTerms(torch.tensor(1.0), torch.tensor(math.nan), torch.tensor(3))


def test_loss_that_is_no_number_stops_the_run_names_the_pictures_and_keeps_the_last_checkpoint(
    recipe, unbroken, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        at_step(patch, 5, not_a_number)
        with pytest.raises(TrainingError) as caught:
            train(recipe, tmp_path / "run", progress=False)
    samples = VOCDetection(recipe.data)
    (addresses,) = AddressedBatches(len(samples), recipe.batch_size, recipe.seed, 4, 5)
    assert "iteration 5" in str(caught.value)
    assert caught.value.value == " ".join(samples.image_ids[index] for _, index in addresses)
    assert "learning-rate" in str(caught.value)
    assert load_checkpoint(tmp_path / "run")["iteration"] == 4
    assert not (tmp_path / "run" / "weights.safetensors").exists()
    train(recipe, tmp_path / "run", progress=False)
    assert_same_weights(tmp_path / "run", unbroken)
    assert losses_of(tmp_path / "run") == losses_of(unbroken)


def test_run_that_diverges_is_stopped(recipe, tmp_path):
    wild = replace(recipe, learning_rate=1e38, gradient_norm=0.0, warmup=0)
    with pytest.raises(TrainingError, match="not a finite number"):
        train(wild, tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def overflow(network: nn.Module) -> None:
    with torch.no_grad():
        next(network.parameters()).fill_(math.inf)


def test_weights_that_are_no_numbers_are_not_saved_as_the_newest_checkpoint(recipe, tmp_path, monkeypatch):
    """The step that breaks the weights still reports a good loss; the next one's loss tells."""
    at_step(monkeypatch, 4, overflow)
    with pytest.raises(TrainingError):
        train(recipe, tmp_path / "run", progress=False)
    state = load_checkpoint(tmp_path / "run")
    assert all(tensor.isfinite().all() for tensor in state["model"].values())


def test_weights_that_are_no_numbers_are_not_handed_out(recipe, tmp_path, monkeypatch):
    at_step(monkeypatch, 6, overflow)
    with pytest.raises(TrainingError):
        train(recipe, tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_folder_that_cannot_be_written_is_named(recipe, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(CheckpointError) as caught:
            train(recipe, folder, progress=False)
        assert str(folder) in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_disk_that_is_full_when_metrics_are_written_is_an_error_of_the_users(recipe, tmp_path, monkeypatch):
    metrics = tmp_path / "run" / "metrics.jsonl"

    def fill_the_disk(_network: nn.Module) -> None:
        metrics.unlink()
        metrics.symlink_to("/dev/full")

    at_step(monkeypatch, 3, fill_the_disk)
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl"):
        train(recipe, tmp_path / "run", progress=False)
    assert load_checkpoint(tmp_path / "run")["iteration"] == 2


def test_broken_picture_stops_the_run_by_its_name(tiny_voc, recipe, tmp_path):
    tiny_voc.fill(2)
    path = tiny_voc.folder / "JPEGImages" / "000002.jpg"
    path.write_bytes(path.read_bytes()[:200])
    for workers in (0, 1):
        with pytest.raises(DataError) as caught:
            train(replace(recipe, data=str(tiny_voc.root), workers=workers), tmp_path / "run", progress=False)
        assert caught.value.file == path


def test_missing_data_network_and_device_are_named(recipe, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        train(replace(recipe, data=str(tmp_path / "nowhere")), tmp_path / "run", progress=False)
    with pytest.raises(RecipeError, match=r"network.*'resnet'.*ssd_tiny"):
        train(replace(recipe, network="resnet"), tmp_path / "run", progress=False)
    with pytest.raises(RecipeError, match=r"device.*'toaster'.*cpu"):
        train(replace(recipe, device="toaster"), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_device_that_is_not_on_this_machine_is_refused():
    for name in ("cuda", "cuda:3"):
        with pytest.raises(RecipeError, match="device"):
            choose_device(name)


def test_device_auto_is_a_gpu_where_there_is_one():
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu").type == "cpu"


# ------------------------------------------------------------------------------------------- learning rate, optimiser


def rates(**changes: object) -> list[float]:
    recipe = Recipe(**{"name": "r", "network": "ssd_tiny", "iterations": 100, "learning_rate": 0.5, **changes})
    return [learning_rate(recipe, done) for done in range(recipe.iterations)]


def test_without_a_schedule_the_rate_stays():
    assert rates() == [0.5] * 100


def test_steps_divide_the_rate_by_ten_once_that_many_iterations_are_done():
    found = rates(milestones=(80, 90))
    assert found == pytest.approx([0.5] * 80 + [0.05] * 10 + [0.005] * 10)


def test_warm_up_rises_in_a_straight_line_to_the_highest_rate():
    found = rates(warmup=10)
    assert found[:10] == pytest.approx([0.5 * n / 10 for n in range(1, 11)])
    assert found[10:] == [0.5] * 90


def test_cosine_falls_along_half_a_wave_to_zero():
    found = rates(schedule="cosine")
    assert found[0] == pytest.approx(0.5)
    assert found[50] == pytest.approx(0.25)
    assert found[25] == pytest.approx(0.25 * (1 + math.sqrt(0.5)))
    assert 0 <= found[99] < 0.001
    assert found == sorted(found, reverse=True)


def test_cosine_with_warm_up_stays_below_both():
    warm, cosine = rates(schedule="cosine", warmup=20), rates(schedule="cosine")
    assert warm[20:] == cosine[20:]
    assert warm[:20] == pytest.approx([rate * (n + 1) / 20 for n, rate in enumerate(cosine[:20])])


class EveryKind(nn.Module):
    """A convolution with bias, one without and normalised, and a learned scale as SSD's on conv4_3."""

    def __init__(self) -> None:
        super().__init__()
        self.plain, self.normalised = (
            nn.Conv2d(3, 4, 1),
            nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4)),
        )
        self.scale = nn.Parameter(torch.full((4,), 20.0))


def test_biases_learn_faster_and_do_not_decay_and_scales_decay_like_weights(recipe):
    network = EveryKind()
    optimiser = make_optimiser(network, replace(recipe, bias_rate=2.0, weight_decay=5e-4, momentum=0.9))
    rules = {
        p: (g["rate_factor"], g["weight_decay"], g["momentum"]) for g in optimiser.param_groups for p in g["params"]
    }
    assert rules[network.plain.weight] == (1, 5e-4, 0.9)
    assert rules[network.normalised[0].weight] == (1, 5e-4, 0.9)
    assert rules[network.scale] == (1, 5e-4, 0.9)
    assert rules[network.plain.bias] == (2, 0, 0.9)
    assert rules[network.normalised[1].weight] == (1, 0, 0.9)
    assert rules[network.normalised[1].bias] == (1, 0, 0.9)
    assert len(rules) == len(list(network.parameters()))


def test_every_parameter_of_the_network_is_trained_once(recipe):
    network = ssd_tiny()
    parameters = [p for group in make_optimiser(network, recipe).param_groups for p in group["params"]]
    assert len(parameters) == len(set(parameters)) == len(list(network.parameters()))


def one_step(recipe: Recipe, rate: float, norm: float) -> tuple[dict[str, Tensor], nn.Module]:
    """Take one step on a batch of the recipe's data; return the starting weights and the network."""
    samples = VOCDetection(recipe.data)
    torch.manual_seed(0)
    network = ssd_tiny().train()
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    criterion = ssd.train.MultiBoxLoss(network.priors_cxcywh, network.spec.variances)
    transform = ssd.train.TrainTransform(network.spec.image_size, 0.0, crop=False)
    (batch,) = ssd.train.training_batches(samples, transform, 2, 0, 0, 1, 0)
    optimiser = make_optimiser(network, recipe)
    terms = ssd.train.training_step(network, criterion, optimiser, batch, rate, norm)
    assert not terms.total.requires_grad
    return before, network


def test_a_step_follows_the_gradient_with_the_rates_of_each_kind(recipe):
    before, network = one_step(replace(recipe, weight_decay=0.1, bias_rate=2.0), 1e-3, 0.0)
    for name, parameter in network.named_parameters():
        bias = name.endswith("bias") and "heads" in name
        decays = parameter.ndim == 4
        step = 1e-3 * (2 if bias else 1) * (parameter.grad + (0.1 * before[name] if decays else 0))
        assert torch.allclose(parameter.detach(), before[name] - step, atol=1e-7), name


def test_a_step_of_adamw_follows_its_formula(recipe):
    before, network = one_step(replace(recipe, optimiser="adamw", weight_decay=0.1, bias_rate=2.0), 1e-3, 0.0)
    for name, parameter in network.named_parameters():
        rate = 1e-3 * (2 if name.endswith("bias") and "heads" in name else 1)
        decayed = before[name] * (1 - rate * 0.1 if parameter.ndim == 4 else 1)
        # In the first step both means, corrected for their start at zero, are the gradient and its square.
        expected = decayed - rate * parameter.grad / (parameter.grad.abs() + 1e-8)
        assert torch.allclose(parameter.detach(), expected, atol=1e-6), name


def test_bf16_steps_go_where_float32_steps_go(recipe):
    directions = []
    for precision in (torch.float32, torch.bfloat16):
        samples = VOCDetection(recipe.data)
        torch.manual_seed(0)
        network = ssd_tiny().train()
        criterion = ssd.train.MultiBoxLoss(network.priors_cxcywh, network.spec.variances)
        transform = ssd.train.TrainTransform(network.spec.image_size, 0.0, crop=False)
        (batch,) = ssd.train.training_batches(samples, transform, 4, 0, 0, 1, 0)
        ssd.train.training_step(network, criterion, make_optimiser(network, recipe), batch, 1e-3, precision=precision)
        assert all(p.dtype == torch.float32 for p in network.parameters())
        directions.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    assert torch.cosine_similarity(*directions, dim=0) > 0.98
    assert not torch.equal(*directions)


def test_precision_is_chosen_for_the_hardware(monkeypatch):
    cpu = torch.device("cpu")
    assert choose_precision("bf16", cpu) == torch.bfloat16
    assert choose_precision("fp32", torch.device("cuda")) == torch.float32
    for native, chosen in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native or including_emulation
        )
        assert choose_precision("auto", torch.device("cuda")) == chosen
    for capabilities, chosen in (
        ({"amx_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False}, torch.float32),
        ({}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert choose_precision("auto", cpu) == chosen


def test_long_gradients_are_shortened_and_short_ones_left(recipe):
    def length(norm: float) -> float:
        _, network = one_step(recipe, 1e-3, norm)
        return torch.stack([p.grad.norm() for p in network.parameters()]).norm().item()

    free = length(0.0)
    assert length(free / 10) == pytest.approx(free / 10, rel=1e-3)
    assert length(free * 10) == pytest.approx(free, rel=1e-5)


# ---------------------------------------------------------------------------------------------------------- recipes

WRONG = [
    ("iterations", 0),
    ("batch_size", 0),
    ("batch_size", -1),
    ("checkpoint_every", 0),
    ("log_every", 0),
    ("warmup", -1),
    ("workers", -1),
    ("seed", -1),
    ("gradient_norm", -0.1),
    ("weight_decay", -1e-4),
    ("learning_rate", 0.0),
    ("learning_rate", math.nan),
    ("schedule", "poly"),
    ("expand_max", 0.5),
    ("expand_max", math.nan),
    ("expand_probability", 1.1),
    ("expand_probability", -0.1),
    ("bias_rate", -1.0),
    ("momentum", 1.0),
    ("momentum", math.nan),
    ("optimiser", "adam"),
    ("precision", "fp16"),
    ("pretrain_epochs", -1),
    ("pretrain_rate", 0.0),
    ("max_ratio", -0.5),
    ("max_ratio", math.nan),
    ("maps", -1),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_recipe_that_cannot_work_is_refused_by_the_name_of_the_field(field, value):
    with pytest.raises(RecipeError) as caught:
        get_recipe("toy", **{field: value})
    for part in (field, repr(value), "expected"):
        assert part in str(caught.value)


def test_unknown_recipe_lists_those_there_are():
    with pytest.raises(RecipeError) as caught:
        get_recipe("yolo")
    for part in ("'yolo'", *RECIPES):
        assert part in str(caught.value)


def test_recipe_by_name_is_the_one_of_the_list_with_the_asked_changes():
    assert get_recipe("toy") == RECIPES["toy"]
    changed = get_recipe("toy", iterations=5, crop=False)
    assert changed == replace(RECIPES["toy"], iterations=5, crop=False)
    assert changed.differences(RECIPES["toy"]) == ["iterations", "crop"]


def test_network_gets_the_sizes_of_priors_that_the_recipe_asks_for(recipe, tmp_path):
    sizes = (10, 20.5, 40, 80, 120, 160)
    model = model_from_weights(
        train(replace(recipe, iterations=1, milestones=(), prior_sizes=sizes), tmp_path, progress=False)
    )
    assert model.spec == with_sizes(TINY, sizes)
    with pytest.raises(RecipeError, match=r"prior_sizes.*6 sizes"):
        train(replace(recipe, prior_sizes=sizes[1:]), tmp_path / "other", progress=False)
    assert not (tmp_path / "other").exists()


def test_network_gets_the_maps_ratios_and_boundary_that_the_recipe_asks_for(recipe, tmp_path):
    changes = {"maps": 2, "max_ratio": 2.0, "boundary_priors": False}
    one = replace(recipe, iterations=1, milestones=(), **changes)
    model = model_from_weights(train(one, tmp_path / "run", progress=False))
    assert model.spec == replace(with_ratios(with_maps(TINY, 2), 2.0), boundary=False)
    assert all(tensor.isfinite().all() for tensor in weights_of(tmp_path / "run").values())
    assert metrics_of(tmp_path / "run")[0]["matched"] > 0
    with pytest.raises(RecipeError, match="maps: cannot be, got 6; expected 1 to 5"):
        train(replace(recipe, maps=6), tmp_path / "other", progress=False)
    assert not (tmp_path / "other").exists()


def test_sizes_of_priors_are_those_of_all_maps_though_some_go(recipe):
    sizes = (10, 20, 40, 80, 120, 160)
    network = build_network(replace(recipe, prior_sizes=sizes, maps=4), VOC_CLASSES)
    assert network.spec == with_maps(with_sizes(TINY, sizes), 4)
    assert build_network(recipe, VOC_CLASSES).spec == TINY


def test_milestones_that_never_come_are_refused():
    with pytest.raises(
        RecipeError, match=r"milestones: .*\(80000, 100000\).*steps before the last of 40000 iterations"
    ):
        get_recipe("paper_voc300", iterations=40_000)
    assert get_recipe("paper_voc300", iterations=40_000, milestones=(30_000,)).milestones == (30_000,)


def test_data_without_an_object_are_refused(recipe, tiny_voc, tmp_path):
    tiny_voc.picture("000001")
    tiny_voc.annotate("000001")
    tiny_voc.split("trainval", "000001")
    with pytest.raises(DataError, match=r"pictures: hold no object, got 'VOC2007 trainval'"):
        train(replace(recipe, data=str(tiny_voc.root)), tmp_path / "run", progress=False)


def test_run_of_another_version_with_other_fields_is_refused(recipe, stopped):
    path = max(stopped.glob("checkpoint-*.pt"))
    state = torch.load(path)
    state["recipe"]["colour_scheme"] = "grey"
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"recipe's colour_scheme: is unknown here: another version"):
        train(recipe, stopped, progress=False)


def test_killed_at_random_moments_a_run_ends_with_the_same_bits(tmp_path):
    assert len(kill_and_resume(tmp_path, kills=2, iterations=40)) == 2


@pytest.mark.parametrize(
    ("name", "spec", "iterations", "milestones", "year"),
    [
        ("paper_voc300", VOC300, 120_000, (80_000, 100_000), "07+12"),
        ("paper_voc512", VOC512, 120_000, (80_000, 100_000), "07+12"),
        ("paper_coco300", COCO300, 400_000, (280_000, 360_000), "2017"),
        ("paper_coco512", COCO512, 400_000, (280_000, 360_000), "2017"),
    ],
)
def test_recipes_of_the_paper(name, spec, iterations, milestones, year):
    recipe = get_recipe(name)
    assert (recipe.iterations, recipe.milestones, recipe.year) == (iterations, milestones, year)
    assert (recipe.optimiser, recipe.learning_rate, recipe.momentum, recipe.weight_decay) == ("sgd", 1e-3, 0.9, 5e-4)
    assert (recipe.batch_size, recipe.bias_rate, recipe.warmup, recipe.weights) == (32, 2.0, 0, "imagenet")
    assert (recipe.expand_probability, recipe.expand_max, recipe.crop, recipe.distort) == (0.5, 4.0, True, True)
    assert recipe.keep_difficult
    assert build_network(replace(recipe, weights=""), ["thing"]).spec == spec


def test_running_mean_of_the_weights_is_what_the_run_ends_with(recipe, tmp_path, monkeypatch):
    """The mean starts as the weights after the first step behind the warm-up, and follows by a tenth of the way."""
    seen, real = [], ssd.train.training_step

    def step(network, *rest, **options):
        terms = real(network, *rest, **options)
        seen.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return terms

    monkeypatch.setattr(ssd.train, "training_step", step)
    path = train(replace(recipe, ema=0.9, warmup=2), tmp_path, progress=False)
    wanted = seen[2]
    for state in seen[3:]:
        for name, tensor in state.items():
            if tensor.is_floating_point():
                wanted[name] = 0.9 * wanted[name] + 0.1 * tensor
    found = safetensors.torch.load_file(path)
    moved = 0
    for name, tensor in wanted.items():
        if tensor.is_floating_point():
            assert torch.allclose(found[name], tensor, atol=1e-6), name
            moved += not torch.equal(found[name], seen[-1][name])
    assert moved > 20


def test_a_run_may_start_from_another_detector_on_the_same_body(recipe, unbroken, tmp_path):
    weights = str(unbroken / "weights.safetensors")
    trained = safetensors.torch.load_file(weights)
    same = build_network(replace(recipe, weights=weights), VOC_CLASSES).state_dict()
    assert all(torch.equal(tensor, same[name]) for name, tensor in trained.items())
    torch.manual_seed(1)
    sizes = (10, 20, 40, 80, 120, 160)
    other = build_network(replace(recipe, weights=weights, prior_sizes=sizes), ["cup", "spoon"])
    assert other.spec == with_sizes(TINY, sizes)
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, trained[name]) != name.startswith("logit_heads."), name
    with pytest.raises(CheckpointError, match="does not fit the network"):
        build_network(replace(recipe, weights=weights, network="ssd300_vgg16_bn"), VOC_CLASSES)
    with pytest.raises(CheckpointError, match="no such weights"):
        build_network(replace(recipe, weights="nowhere.safetensors"), VOC_CLASSES)


def test_milestones_may_be_a_list_as_json_has_them():
    assert get_recipe("toy", milestones=[4, 5]) == get_recipe("toy", milestones=(4, 5))


def test_recipes_go_by_their_own_names():
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_differences_leave_out_the_machine(recipe):
    other = replace(recipe, data="/elsewhere", workers=9, device="cuda", checkpoint_every=77, log_every=78)
    assert recipe.differences(other) == []
    assert recipe.differences(replace(other, momentum=0.5)) == ["momentum"]


# --------------------------------------------------------------------------------------------------- data of one's own


def test_a_folder_of_ones_own_trains_with_its_own_classes(tmp_path):
    data = tmp_path / "cups"
    data.mkdir()
    rng = np.random.default_rng(0)
    lines = ["picture,xmin,ymin,xmax,ymax,class"]
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(data / f"{number}.png")
        lines += [f"{number}.png,5,5,30,40,spoon", f"{number}.png,20,10,60,44,cup"][: 1 + number % 2]
    (data / "train.csv").write_text("\n".join([*lines, "nothing.png"]))
    Image.new("RGB", (30, 30)).save(data / "nothing.png")
    recipe = get_recipe("toy", data=str(data), split="train", iterations=2, batch_size=3, pretrain_epochs=1, workers=0)
    weights = train(recipe, tmp_path / "run", progress=False)
    assert model_from_weights(weights).class_names == ("cup", "spoon")
    assert json.loads((tmp_path / "run" / "record.json").read_text())["dataset"] == "cups train"
    named = get_recipe("toy", data=str(data), split="train", iterations=2, batch_size=3, pretrain_epochs=0, workers=0)
    weights = train(replace(named, class_names=("spoon", "cup", "fork")), tmp_path / "named", progress=False)
    assert model_from_weights(weights).class_names == ("spoon", "cup", "fork")

"""Several processes, and batches in parts: one step must equal that of a single process with the whole batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ssd.augment import NO_DISTORTION
from ssd.datasets.loader import AddressedBatches
from ssd.errors import RecipeError
from ssd.loss import MultiBoxLoss
from ssd.network import SSD, model_from_weights
from ssd.parallel import ALONE, Group, process_group
from ssd.priors import PriorLevel, PriorSpec
from ssd.recipes import get_recipe
from ssd.sample import Batch
from ssd.train import make_optimiser, shared_step, train, training_step

SPEC = PriorSpec(32, (PriorLevel(4, 8, 8, 16, (2.0,)), PriorLevel(2, 16, 16, 30, (2.0,))))
RECIPE = get_recipe("toy", optimiser="sgd", learning_rate=1e-3, weight_decay=5e-4, bias_rate=2.0)
STEPS, RATE = 3, 1e-3


class Plain(nn.Module):
    """Two convolutions, two maps, and no batch normalisation: that sees which pictures are together."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 8, stride=8), nn.Conv2d(8, 8, 2, stride=2)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return maps of 4 and 2 cells a side."""
        first = torch.relu(self.first(images / 64))
        return [first, torch.relu(self.second(first))]


def network() -> SSD:
    torch.manual_seed(0)
    return SSD(Plain(), [], (8, 8), SPEC, 3)


def batch(step: int) -> Batch:
    """Eight pictures; those at odd places hold no object, so that one of two processes has nothing to match."""
    generator = torch.Generator().manual_seed(step)
    low = torch.rand(8, 2, 2, generator=generator) * 0.5
    boxes = torch.cat([low, low + 0.2 + 0.3 * torch.rand(8, 2, 2, generator=generator)], dim=2)
    labels = torch.randint(1, 4, (8, 2), generator=generator)
    labels[1::2] = 0
    images = torch.randint(256, (8, 3, 32, 32), generator=generator).to(torch.uint8)
    covered = torch.tensor([[0, 0, 32, 32]] * 8)
    size = torch.tensor([[32, 32]] * 8)
    return Batch(images, boxes, labels, covered, torch.tensor([NO_DISTORTION] * 8), size, [str(n) for n in range(8)])


def part_of(whole: Batch, group: Group) -> Batch:
    share = whole.map(lambda tensor: tensor[group.rank :: group.size])
    share.image_ids = whole.image_ids[group.rank :: group.size]
    return share


def run_steps(group: Group = ALONE, parts: int = 1, norm: float = 0.0, plain: bool = False) -> dict[str, Tensor]:
    """Train for a few steps; return the weights and what the steps said."""
    model = network()
    criterion, optimiser = MultiBoxLoss(model.priors_cxcywh), make_optimiser(model, RECIPE)
    module = DistributedDataParallel(model) if group.size > 1 else model
    terms = []
    for step in range(STEPS):
        share = part_of(batch(step), group)
        if plain:
            terms.append(training_step(module, criterion, optimiser, share, RATE, norm))
        else:
            terms.append(shared_step(module, criterion, optimiser, share, RATE, norm, group=group, parts=parts))
    return {**model.state_dict(), "terms": torch.stack([torch.stack([t.double() for t in term]) for term in terms])}


def assert_equal_to_rounding(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    start = network().state_dict()
    for name, tensor in wanted.items():
        assert torch.allclose(found[name], tensor, rtol=1e-5, atol=1e-7), name
        if name != "terms":
            assert (tensor - start[name]).abs().max() > 1e-5, f"{name} has learned nothing"


@pytest.mark.parametrize("norm", [0.0, 1.0])
@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_a_batch_in_parts_gives_the_step_of_the_whole(parts, norm):
    assert_equal_to_rounding(run_steps(parts=parts, norm=norm), run_steps(norm=norm, plain=True))


WORKER = """
import sys, torch
sys.path.insert(0, {tests!r})
from test_parallel import run_steps
from ssd.parallel import process_group
torch.set_num_threads(1)
with process_group("cpu") as group:
    assert group.size == 2
    found = run_steps(group, parts=int(sys.argv[1]), norm=float(sys.argv[2]))
    torch.save(found, f"{{sys.argv[3]}}/{{group.rank}}.pt")
"""


def start(arguments: list[str], count: int = 2) -> list[subprocess.CompletedProcess]:
    """Run a program in several processes that find each other as torchrun's do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    ended = []
    for process in started:
        out, error = process.communicate(timeout=240)
        ended.append(subprocess.CompletedProcess(process.args, process.returncode, out, error))
    return ended


@pytest.mark.parametrize(("parts", "norm"), [(1, 0.0), (2, 1.0)])
def test_two_processes_take_the_step_of_one(tmp_path, parts, norm):
    program = WORKER.format(tests=str(Path(__file__).parent))
    for ended in start(["-c", program, str(parts), str(norm), str(tmp_path)]):
        assert ended.returncode == 0, ended.stderr
    wanted = run_steps(norm=norm, plain=True)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert_equal_to_rounding(first, wanted)
    for name in wanted:
        assert torch.equal(first[name], second[name]), name


def test_shares_of_a_batch_are_the_batch():
    whole = list(AddressedBatches(10, 6, 0, 2, 9))
    shares = [list(AddressedBatches(10, 6, 0, 2, 9, Group(rank, 3))) for rank in range(3)]
    for number, addresses in enumerate(whole):
        parts = [share[number] for share in shares]
        assert [len(part) for part in parts] == [2, 2, 2]
        assert sorted(address for part in parts for address in part) == sorted(addresses)


def test_training_in_two_processes_leaves_one_run_and_resumes_it(eight_pictures, tmp_path):
    brief = "--iterations 4 --batch-size 4 --pretrain-epochs 1 --workers 0 --device cpu --precision fp32"
    command = ["-m", "ssd", "train", "toy", "--data", str(eight_pictures), "--out", str(tmp_path), *brief.split()]
    for ended in start([*command, "--checkpoint-every", "2"]):
        assert ended.returncode == 0, ended.stderr
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["processes"] == 2
    assert [line["iteration"] for line in record["curve"]] == [2, 4]
    kept = {"checkpoint-00000002.pt", "metrics.jsonl"}
    spoilt = {"checkpoint-00000004.pt", "record.json", "weights.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == kept | spoilt
    unbroken = model_from_weights(tmp_path / "weights.safetensors").state_dict()
    for name in spoilt:
        (tmp_path / name).unlink()
    for ended in start([*command, "--checkpoint-every", "2"]):
        assert ended.returncode == 0, ended.stderr
    resumed = model_from_weights(tmp_path / "weights.safetensors").state_dict()
    for name, tensor in unbroken.items():
        assert torch.equal(resumed[name], tensor), name


def test_evaluation_in_two_processes_measures_what_one_does(eight_pictures, tmp_path, run):
    def command(json_file: Path) -> list[str]:
        options = ["--split", "trainval", "--workers", "0", "--device", "cpu", "--json", str(json_file)]
        return ["evaluate", "ssd_tiny_toyvoc", "--data", str(eight_pictures), *options]

    first, second = start(["-m", "ssd", *command(tmp_path / "two.json")])
    assert first.returncode == 0, first.stderr
    assert "mAP" in first.stdout
    assert (second.returncode, second.stdout) == (0, ""), second.stderr
    assert run(*command(tmp_path / "one.json"))[0] == 0
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
    assert two["pictures"] == 8
    assert two["ap"] == pytest.approx(one["ap"], abs=1e-6)
    assert any(value is not None for value in one["ap"].values())


def test_batch_that_cannot_be_shared_out_is_refused(eight_pictures, tmp_path):
    recipe = get_recipe("toy", data=str(eight_pictures), batch_size=4, parts=3, device="cpu")
    with pytest.raises(RecipeError, match=r"batch_size.*got 4.*1 processes times 3 parts"):
        train(recipe, tmp_path / "run", progress=False)


def test_without_torchrun_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group() as group:
        assert group == ALONE
    assert torch.equal(ALONE.sum(torch.tensor([1, 2])), torch.tensor([1, 2]))
    assert ALONE.gather("x") == ["x"]
    ALONE.wait()


def test_more_processes_than_gpus_are_refused(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "9"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RecipeError, match="no GPU of its own"), process_group("cuda"):
        pass


def test_one_gpu_named_for_several_processes_is_refused(monkeypatch):
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(RecipeError, match=r"device: is one GPU for all processes, got 'cuda:0'"),
        process_group("cuda:0"),
    ):
        pass

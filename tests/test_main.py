"""The command line: what it writes, and that bad input gives one line, exit status 2, and leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from PIL import Image

import ssd.__main__
from ssd.datasets import VOC_CLASSES
from ssd.network import model_from_weights, save_weights, ssd_tiny
from ssd.network.weights import read_metadata

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

BRIEF = ["--iterations", "2", "--batch-size", "2", "--pretrain-epochs", "0", "--workers", "0", "--device", "cpu"]


def refused(result: tuple[int, str, str]) -> str:
    """Return the one line that a refused command must have written."""
    status, _, error = result
    # What is drawn before the error (a progress bar) is wiped by going back to the start of its line.
    lines = [line.split("\r")[-1] for line in error.rstrip("\n").split("\n")]
    assert status == 2, error
    assert len(lines) == 1, error
    assert lines[0].startswith("ssd: ")
    return lines[0]


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Return weights from chance, as a training run would leave them."""
    path = tmp_path_factory.mktemp("weights") / "chance.safetensors"
    torch.manual_seed(0)
    save_weights(ssd_tiny(), path, {"network": "ssd_tiny", "recipe": "{}"})
    return path


def break_(voc, how: str) -> tuple[str, list[str]]:
    """Break picture 000002 of a dataset; return the file that an error must name, and what else it must say."""
    xml = voc.folder / "Annotations" / "000002.xml"
    jpeg = voc.folder / "JPEGImages" / "000002.jpg"
    text = xml.read_text()
    if how == "truncated JPEG":
        jpeg.write_bytes(jpeg.read_bytes()[:300])
        return "000002.jpg", ["damaged"]
    if how == "missing JPEG":
        jpeg.unlink()
        return "000002.jpg", ["missing"]
    if how == "missing XML":
        xml.unlink()
        return "000002.xml", ["missing"]
    if how == "broken XML":
        xml.write_text(text[:40])
        return "000002.xml", ["not a valid XML"]
    if how == "unknown class":
        voc.annotate("000002", voc.object_xml("dragon", (1, 1, 20, 20)))
        return "000002.xml", ["object 1 name", "'dragon'", "aeroplane"]
    box = {"box of zero width": (30, 10, 29, 20), "box of negative height": (10, 40, 30, 20)}[how]
    voc.annotate("000002", voc.object_xml("dog", box))
    return "000002.xml", ["object 1 bndbox (dog)", str(tuple(map(float, box))), "xmin <= xmax"]


FAULTS = [
    "truncated JPEG",
    "missing JPEG",
    "missing XML",
    "broken XML",
    "unknown class",
    "box of zero width",
    "box of negative height",
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("pretrain_epochs", [0, 1])
def test_training_on_broken_data_names_the_file_and_leaves_nothing(tiny_voc, tmp_path, run, fault, pretrain_epochs):
    tiny_voc.fill(4)
    name, parts = break_(tiny_voc, fault)
    out = tmp_path / "run"
    line = refused(
        run("train", "toy", "--data", tiny_voc.root, "--out", out, *BRIEF, "--pretrain-epochs", pretrain_epochs)
    )
    assert name in line
    assert all(part in line for part in parts)
    assert files_below(out) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_measuring_on_broken_data_names_the_file_and_writes_no_result(tiny_voc, tmp_path, run, weights, fault):
    tiny_voc.fill(4, split="test")
    name, parts = break_(tiny_voc, fault)
    result = tmp_path / "out" / "result.json"
    line = refused(run("evaluate", weights, "--data", tiny_voc.root, "--workers", 0, "--json", result))
    assert name in line
    assert all(part in line for part in parts)
    assert not result.parent.exists()


def test_detecting_in_a_broken_picture_names_it_before_anything_is_written(tiny_voc, tmp_path, run, weights):
    tiny_voc.fill(4)
    name, _ = break_(tiny_voc, "truncated JPEG")
    line = refused(run("detect", weights, tiny_voc.folder / "JPEGImages", "--out", tmp_path / "out"))
    assert name in line
    assert not (tmp_path / "out").exists()


WRONG = [
    (["train", "toy", "--data", "nowhere", "--out", "out"], ["nowhere", "no such folder", "VOCdevkit"]),
    (["train", "tpy", "--data", ".", "--out", "out"], ["recipe", "'tpy'", "toy"]),
    (["train", "toy", "--data", ".", "--out", "out"], ["holds no data", "trainval.csv", "VOCdevkit/VOC2007"]),
    (["train", "toy", "--out", "out", "--iterations", "0"], ["iterations", "0", "at least 1"]),
    (["train", "toy", "--out", "out", "--iterations", "ten"], ["iterations", "ten"]),
    (["train", "toy", "--out", "out", "--milestones", "8,x"], ["milestones", "8,x", "800,1200"]),
    (["train", "toy", "--out", "out", "--prior-sizes", "8;9"], ["prior_sizes", "8;9", "numbers"]),
    (["train", "toy", "--out", "out", "--schedule", "linear"], ["schedule", "'linear'", "steps or cosine"]),
    (["train", "toy", "--out", "out", "--precision", "fp8"], ["precision", "'fp8'", "bf16"]),
    (["train", "toy", "--out", "out", "--device", "abacus"], ["device", "'abacus'"]),
    (["train", "toy"], ["--out"]),
    (["evaluate", "nothing", "--data", "."], ["nothing", "no such weights", ".safetensors"]),
    (["evaluate", ".", "--data", "."], ["holds no weights", "weights.safetensors"]),
    (["evaluate", "nothing", "--data", ".", "--metric", "voc08"], ["metric", "'voc08'", "voc07"]),
    (["detect", "nothing", "x.jpg", "--out", "out"], ["x.jpg", "missing"]),
    (["detect", "nothing", ".", "--out", "out"], ["holds no picture"]),
    (["detect", "nothing", "--out", "out"], ["pictures"]),
    (["data", "toyvoc", "--out", "out", "--train", "0"], ["train", "0"]),
    (["fly"], ["fly"]),
]


@pytest.mark.parametrize(("arguments", "parts"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_arguments_that_cannot_work_are_named(run, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    line = refused(run(*arguments))
    assert all(part in line for part in parts), line
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be_is_named(run, tmp_path, eight_pictures):
    (tmp_path / "run").write_text("not a folder")
    line = refused(run("train", "toy", "--data", eight_pictures, "--out", tmp_path / "run", *BRIEF))
    assert str(tmp_path / "run") in line
    assert (tmp_path / "run").read_text() == "not a folder"


def test_weights_for_other_classes_are_refused(run, tmp_path, eight_pictures):
    path = tmp_path / "other.safetensors"
    save_weights(ssd_tiny(2, class_names=("cat", "hat")), path, {"network": "ssd_tiny"})
    line = refused(run("evaluate", path, "--data", eight_pictures, "--split", "trainval"))
    assert "unknown class" in line
    assert "cat, hat" in line


def test_weights_without_names_of_classes_are_refused(run, tmp_path, eight_pictures):
    path = tmp_path / "nameless.safetensors"
    tensors = ssd_tiny().state_dict()
    for names in (None, "no JSON", '"aeroplane"', "[1, 2]"):
        metadata = {"network": "ssd_tiny", "priors": "{}"} | ({"class_names": names} if names else {})
        path.write_bytes(safetensors.torch.save(tensors, metadata))
        line = refused(run("evaluate", path, "--data", eight_pictures, "--split", "trainval"))
        assert "metadata class_names" in line
        assert str(path) in line


def test_priors_for_a_folders_objects_are_proposed(run, eight_pictures):
    status, output, _ = run("data", "priors", "--data", eight_pictures, "--network", "ssd_tiny")
    assert status == 0
    assert "sizes now, in pixels of 192: 14,28,56,96,140,184" in output
    assert "sizes proposed, in pixels of 192: " in output
    line = refused(run("data", "priors", "--data", eight_pictures, "--network", "resnet"))
    assert "network: unknown, got 'resnet'; expected one of ssd_tiny" in line


def test_weights_of_another_project_are_taken_over(run, tmp_path):
    theirs = torchvision.models.detection.ssd300_vgg16(weights=None, weights_backbone=None, num_classes=3)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    names = ("--class-names", "cup, spoon")
    status, output, _ = run(
        "weights", "import", tmp_path / "theirs.pth", "--out", tmp_path / "ours.safetensors", *names
    )
    assert status == 0
    assert "ssd300_vgg16 with 2 classes" in output
    network = model_from_weights(tmp_path / "ours.safetensors")
    assert network.class_names == ("cup", "spoon")
    assert torch.equal(network.extras[0].conv8_1.weight, theirs.state_dict()["backbone.extra.1.0.weight"])
    line = refused(run("weights", "import", tmp_path / "theirs.pth", "--out", tmp_path / "b", "--priors", "voc512"))
    assert "priors: do not fit" in line
    assert not (tmp_path / "b").exists()


def test_weights_are_halved_and_say_the_same_of_themselves(run, tmp_path):
    torch.manual_seed(0)
    save_weights(ssd_tiny(2), tmp_path / "weights.safetensors", {"network": "ssd_tiny", "recipe": "{}"})
    status, output, _ = run("weights", "halve", tmp_path, "--out", tmp_path / "half.safetensors")
    assert status == 0
    assert "5.8 MB have become 2.9 MB" in output
    assert read_metadata(tmp_path / "half.safetensors") == read_metadata(tmp_path / "weights.safetensors")
    assert "no such weights" in refused(run("weights", "halve", tmp_path / "none", "--out", tmp_path / "x"))


def test_from_data_to_detections_in_three_commands(tiny_voc, tmp_path, run):
    image_ids = tiny_voc.fill(4)
    tiny_voc.split("test", *image_ids[:2])
    out = tmp_path / "run"
    status, output, _ = run("train", "toy", "--data", tiny_voc.root, "--out", out, *BRIEF)
    assert status == 0
    assert str(out / "weights.safetensors") in output

    result = tmp_path / "result.json"
    status, output, _ = run("evaluate", out, "--data", tiny_voc.root, "--workers", 0, "--json", result)
    assert status == 0
    assert "mAP" in output
    record = json.loads(result.read_text())
    there = [value for value in record["ap"].values() if value is not None]
    assert set(record["ap"]) == set(VOC_CLASSES)
    assert record["mAP"] == pytest.approx(sum(there) / len(there))
    assert (record["dataset"], record["pictures"], record["metric"]) == ("VOC2007 test", 2, "voc07")

    picture = tiny_voc.folder / "JPEGImages" / f"{image_ids[0]}.jpg"
    status, output, _ = run("detect", out, picture, "--out", tmp_path / "found", "--score", 0.0)
    assert status == 0
    assert image_ids[0] in output
    with Image.open(tmp_path / "found" / f"{image_ids[0]}.png") as drawn:
        assert drawn.size == (64, 64)
    found = json.loads((tmp_path / "found" / f"{image_ids[0]}.json").read_text())
    assert (found["width"], found["height"]) == (64, 64)
    for one in found["detections"]:
        assert one["class"] in VOC_CLASSES
        assert 0 <= one["score"] <= 1
        assert 0 <= one["box"][0] <= one["box"][2] <= 64


def test_pictures_whose_results_would_share_a_name_are_refused(run, tmp_path, weights):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (20, 20)).save(tmp_path / folder / "same.png")
    line = refused(run("detect", weights, tmp_path / "one", tmp_path / "two", "--out", tmp_path / "out"))
    assert "same.png" in line
    assert not (tmp_path / "out").exists()


def test_every_field_of_a_recipe_is_an_option_with_its_description(run):
    status, output, _ = run("train", "--help")
    assert status == 0
    for field in ssd.__main__.fields(ssd.__main__.Recipe):
        if field.name != "name":
            assert f"--{field.name.replace('_', '-')}" in output


@pytest.mark.parametrize("arguments", [[], ["data"], ["--help"], ["evaluate", "--help"]])
def test_without_anything_to_do_it_says_what_it_can(run, arguments):
    status, output, error = run(*arguments)
    assert status == 0
    assert "Usage: python -m ssd" in output
    assert not error


def test_it_runs_as_a_program():
    """The tests above call it from inside; this one sees that the shell gets the status, too."""
    done = subprocess.run([sys.executable, "-m", "ssd", "train", "no"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_bench_leaves_a_record(run, tmp_path):
    status, output, _ = run("bench", "--batch-size", "1", "--seconds", "0", "--out", tmp_path, "--device", "cpu")
    assert status == 0
    assert "matching" in output
    (path,) = tmp_path.glob("bench-cpu-*.json")
    record = json.loads(path.read_text())
    assert str(path) in output.replace("\n", "")
    assert record["measured"]["matching"]["ratio"] > 0
    assert record["peer"] == "torchvision's ssd300_vgg16 and transforms.v2"
    assert record["measured"]["augment_workers_vs_torchvision"]["times_as_fast"] > 0
    assert record["loader"]["pictures_a_second"]["1"] > 0
    assert record["machine"]["processor"]

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
from ssd.metrics.coco import NUMBERS
from ssd.network import model_from_weights, save_weights, ssd_tiny
from ssd.network.weights import SHIPPED, read_metadata

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


def test_detecting_does_not_draw_over_the_pictures_it_is_given(tmp_path, run, weights):
    picture = tmp_path / "cat.png"
    Image.new("RGB", (64, 64)).save(picture)
    before = picture.read_bytes()
    line = refused(run("detect", weights, picture, "--out", tmp_path))
    assert "cat.png" in line
    assert "may be drawn over" in line
    assert picture.read_bytes() == before
    assert list(tmp_path.glob("*.json")) == []


def test_help_names_the_weights_that_are_shipped(run):
    _, output, _ = run("detect", "--help")
    for path in SHIPPED.glob("*.safetensors"):
        assert path.stem in output


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
    (["evaluate", "--data", "."], ["weights or --detections: need one of the two", "'neither'"]),
    (["evaluate", "nothing", "--data", ".", "--detections", "x"], ["weights or --detections: need one", "'both'"]),
    (["evaluate", "nothing", "--data", ".", "--metric", "coco", "--plot", "x.png"], ["metric", "'coco'", "--plot"]),
    (["detect", "nothing", "x.jpg", "--out", "out"], ["x.jpg", "missing"]),
    (["detect", "nothing", ".", "--out", "out"], ["holds no picture"]),
    (["detect", "nothing"], ["pictures"]),
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
    found = json.loads((tmp_path / "found" / f"{image_ids[0]}.json").read_text())
    best = found["detections"][0]
    assert f"{image_ids[0]}.jpg: {len(found['detections'])} objects ({best['class']} {best['score']:.2f}, " in output
    assert f"drawn in {tmp_path / 'found' / image_ids[0]}.png" in output
    with Image.open(tmp_path / "found" / f"{image_ids[0]}.png") as drawn:
        assert drawn.size == (64, 64)
    assert (found["width"], found["height"]) == (64, 64)
    for one in found["detections"]:
        assert one["class"] in VOC_CLASSES
        assert 0 <= one["score"] <= 1
        assert 0 <= one["box"][0] <= one["box"][2] <= 64


def dogs(voc, path: Path) -> Path:
    """Write eight pictures' annotations, a dog in each, and detections that find the first four; no pictures."""
    image_ids = [f"{number:06d}" for number in range(1, 9)]
    for image_id in image_ids:
        voc.annotate(image_id, voc.object_xml("dog", (11, 11, 30, 30)))
    voc.split("test", *image_ids)
    dog = VOC_CLASSES.index("dog") + 1
    found = [
        {"image_id": image_id, "category_id": dog, "bbox": [10, 10, 20, 20], "score": 0.9 - number / 100}
        for number, image_id in enumerate(image_ids[:4])
    ]
    path.write_text(json.dumps(found))
    return path


@pytest.mark.parametrize(("metric", "ap"), [("voc07", 6 / 11), ("voc12", 0.5)])
def test_a_file_of_detections_is_measured_without_a_network_or_pictures(tiny_voc, tmp_path, run, metric, ap):
    found, result = dogs(tiny_voc, tmp_path / "found.json"), tmp_path / "result.json"
    arguments = ("--data", tiny_voc.root, "--detections", found, "--metric", metric, "--json", result)
    status, output, error = run("evaluate", *arguments)
    assert (status, error) == (0, "")
    assert "95 per cent of draws" in output
    record = json.loads(result.read_text())
    assert record["mAP"] == pytest.approx(ap)
    assert record["ap"] == {name: pytest.approx(ap) if name == "dog" else None for name in VOC_CLASSES}
    assert record["objects"] == {name: 8 if name == "dog" else 0 for name in VOC_CLASSES}
    low, high = record["interval"]
    assert 0 <= low < record["mAP"] < high <= 1
    assert (record["dataset"], record["pictures"], record["metric"]) == ("VOC2007 test", 8, metric)
    assert (record["weights"], record["detections"], record["seconds"]) == (None, str(found), None)
    assert "numbers" not in record


def test_cocos_twelve_numbers_are_printed_and_recorded(tiny_voc, tmp_path, run):
    found, result = dogs(tiny_voc, tmp_path / "found.json"), tmp_path / "result.json"
    arguments = ("--data", tiny_voc.root, "--detections", found, "--metric", "coco", "--json", result)
    status, output, _ = run("evaluate", *arguments)
    assert status == 0
    assert "AP 0.505, AP50 0.505, AP75 0.505, AP_small 0.505, AP_medium nan, AP_large nan, AR_1 0.500" in output
    record = json.loads(result.read_text())
    assert list(record["numbers"]) == list(NUMBERS)
    assert record["numbers"]["AP"] == record["mAP"] == pytest.approx(51 / 101)
    assert record["numbers"]["AR_100"] == pytest.approx(0.5)
    assert record["numbers"]["AP_large"] is None
    assert record["ap"]["dog"] == pytest.approx(51 / 101)
    assert record["ap"]["cat"] is None
    assert record["objects"] == {name: 8 if name == "dog" else 0 for name in VOC_CLASSES}
    assert "interval" not in record


def test_saved_detections_measure_the_same_again_without_a_network(run, tmp_path, monkeypatch, weights, eight_pictures):
    saved, again = tmp_path / "saved.json", tmp_path / "again.json"
    arguments = ("--data", eight_pictures, "--split", "trainval", "--workers", 0)
    status, _, _ = run(
        "evaluate", weights, *arguments, "--save-detections", saved, "--json", tmp_path / "one.json", "--device", "cpu"
    )
    assert status == 0
    assert json.loads(saved.read_text())
    monkeypatch.setattr("ssd.network.model_from_weights", None)
    status, _, _ = run(
        "evaluate", "--detections", saved, *arguments, "--save-detections", again, "--json", tmp_path / "other.json"
    )
    assert status == 0
    one, other = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "other"))
    for what in ("mAP", "ap", "objects", "interval", "dataset", "pictures"):
        assert other[what] == one[what], what
    assert (one["weights"], other["weights"]) == (str(weights), None)
    assert again.read_bytes() == saved.read_bytes()


def test_files_of_detections_name_classes_and_pictures_as_cocos_json_does(run, tmp_path):
    data, found, saved, result = (tmp_path / name for name in ("data", "found.json", "saved.json", "result.json"))
    data.mkdir()
    objects = [
        {"image_id": 139, "category_id": 90, "bbox": [30, 30, 20, 25]},
        {"image_id": 139, "category_id": 18, "bbox": [10, 10, 20, 20], "area": 300},
    ]
    content = {
        "images": [{"id": 139, "file_name": "a.jpg", "width": 64, "height": 64}],
        "annotations": objects,
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 18, "name": "dog"}],
    }
    (data / "test.json").write_text(json.dumps(content))
    entries = [
        {"image_id": 139, "category_id": one["category_id"], "bbox": one["bbox"], "score": 0.5} for one in objects
    ]
    found.write_text(json.dumps(entries))
    arguments = ("--data", data, "--detections", found, "--save-detections", saved, "--json", result)
    status, _, _ = run("evaluate", *arguments, "--metric", "coco")
    assert status == 0
    assert json.loads(result.read_text())["ap"] == pytest.approx({"dog": 1.0, "toothbrush": 1.0})
    assert json.loads(saved.read_text()) == entries


def test_a_plot_is_a_png(tiny_voc, tmp_path, run):
    found, plot = dogs(tiny_voc, tmp_path / "found.json"), tmp_path / "plots" / "curves.png"
    status, _, _ = run("evaluate", "--data", tiny_voc.root, "--detections", found, "--plot", plot)
    assert status == 0
    with Image.open(plot) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (1000, 800))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[1]", "entry 1: is not an object, got 1"),
        ('[{"image_id": "000009"', "is not valid JSON"),
        ('[{"image_id": 9, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 1}]', "entry 1: unknown picture, got '9'"),
        (None, "no such file"),
    ],
)
def test_a_faulty_file_of_detections_is_named_and_nothing_is_written(tiny_voc, tmp_path, run, text, part):
    found, out = dogs(tiny_voc, tmp_path / "found.json"), tmp_path / "out"
    if text is None:
        found.unlink()
    else:
        found.write_text(text)
    results = ("--json", out / "result.json", "--save-detections", out / "saved.json", "--plot", out / "plot.png")
    line = refused(run("evaluate", "--data", tiny_voc.root, "--detections", found, *results))
    assert f"{found}: {part}" in line
    assert not out.exists()


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

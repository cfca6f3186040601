"""ssd.report and `python -m ssd diagnose`: a page whose pictures are there, and the record behind them."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from PIL import Image
from strategies import as_boxes

import ssd.report
from ssd.datasets import VOC_CLASSES, FolderDetection, VOCDetection
from ssd.draw import PALETTE
from ssd.errors import DataError
from ssd.metrics import diagnose, write_detections
from ssd.metrics.diagnosis import KINDS
from ssd.network import save_weights, ssd_tiny
from ssd.report import worst_errors, write_report
from ssd.sample import Detections

DOG, CAT, CAR = (VOC_CLASSES.index(name) + 1 for name in ("dog", "cat", "car"))


def found(*rows):
    """Build a picture's detections of (box, score, label)."""
    scores = torch.tensor([row[1] for row in rows], dtype=torch.float32)
    return Detections(as_boxes([row[0] for row in rows]), scores, torch.tensor([row[2] for row in rows]).long())


@pytest.fixture
def scene(tiny_voc):
    """Return three pictures, each of a size of its own, and detections of every kind in them."""
    objects = {
        "wide": [("dog", (11, 11, 30, 30))],
        "tall": [("cat", (5, 5, 24, 24))],
        "square": [("dog", (10, 10, 40, 40)), ("car", (42, 42, 59, 59))],
    }
    for (image_id, there), size in zip(objects.items(), ((80, 40), (40, 80), (60, 60)), strict=True):
        tiny_voc.picture(image_id, size)
        tiny_voc.annotate(image_id, *(tiny_voc.object_xml(name, box) for name, box in there), size=size)
    tiny_voc.split("test", *objects)
    detections = {
        # the dog; the dog again, its lower part left out; nothing
        "wide": found(((10, 10, 30, 30), 0.9, DOG), ((10, 10, 30, 18), 0.8, DOG), ((60, 5, 75, 15), 0.5, DOG)),
        # nothing, nothing; the cat
        "tall": found(((4, 40, 30, 70), 0.95, DOG), ((5, 50, 30, 75), 0.85, DOG), ((4, 4, 24, 24), 0.7, DOG)),
        # nothing; the car
        "square": found(((41, 2, 58, 20), 0.75, DOG), ((41, 41, 59, 59), 0.6, DOG)),
    }
    return VOCDetection(tiny_voc.root, split="test"), detections


def diagnosis_of(dataset, detections):
    return diagnose(detections, dataset.ground_truth(), dataset.class_names)


class Page(HTMLParser):
    """Collects a page's pictures and the texts of its titles and cells, and checks that each element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images, self.open, self.texts = [], [], {"title": [], "h1": [], "td": []}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        """Note an element that opens."""
        if tag == "img":
            self.images.append(dict(attributes))
        elif tag != "meta":
            self.open.append(tag)
        if tag in self.texts:
            self.texts[tag].append("")

    def handle_endtag(self, tag):
        """See that what closes is what opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Note what stands in titles and cells."""
        if self.open and self.open[-1] in self.texts:
            self.texts[self.open[-1]][-1] += data


def read_page(folder: Path) -> Page:
    """Read a report's page, and see that the pictures it shows are those of the folder, each with words in its place.

    `HTMLParser` turns escaped characters back into what they stand for.
    """
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    page = Page(text)
    assert sorted(image["src"] for image in page.images) == sorted(path.name for path in folder.glob("*.png"))
    assert all(len(image["alt"]) > 10 for image in page.images)
    for image in page.images:
        with Image.open(folder / image["src"]) as picture:
            assert min(picture.size) >= 100
    return page


@pytest.fixture
def characteristics(monkeypatch):
    """Return a list that receives the characteristics that the report draws."""
    drawn, real = [], ssd.report.sensitivity

    def draw(axes, record, characteristic):
        drawn.append(characteristic)
        real(axes, record, characteristic)

    monkeypatch.setattr(ssd.report, "sensitivity", draw)
    return drawn


@pytest.fixture
def groups(monkeypatch):
    """Return a list that receives the axes and classes of each group that the report draws."""
    drawn, real = [], ssd.report.error_kinds

    def draw(axes, record, names, legend=True):
        drawn.append((axes, names))
        real(axes, record, names, legend=legend)

    monkeypatch.setattr(ssd.report, "error_kinds", draw)
    return drawn


# ------------------------------------------------------------------------------------------------- the worst errors


def test_the_worst_errors_of_a_kind_are_the_surest_one_in_a_picture(scene):
    dataset, detections = scene
    diagnosis = diagnosis_of(dataset, detections)
    sizes = {
        kind: [picture.size for picture in worst_errors(diagnosis, detections, dataset, kind)] for kind in KINDS[1:]
    }
    assert sizes == {
        "localisation": [(80, 40)],
        "similar": [(40, 80)],
        "other": [(60, 60)],
        "background": [(40, 80), (60, 60), (80, 40)],
    }
    assert [p.size for p in worst_errors(diagnosis, detections, dataset, "background", 2)] == [(40, 80), (60, 60)]


def test_an_error_is_drawn_with_what_it_may_have_meant(scene, monkeypatch):
    dataset, detections = scene
    drawn = []

    def draw(image, boxes, captions, colours):
        drawn.append((tuple(image.shape), boxes.tolist(), captions, colours))
        return Image.new("RGB", (1, 1))

    monkeypatch.setattr(ssd.report, "annotate", draw)
    assert len(worst_errors(diagnosis_of(dataset, detections), detections, dataset, "background")) == 3
    truth, error = PALETTE[2], PALETTE[3]
    assert drawn[0] == (
        (3, 80, 40),
        [[4, 4, 24, 24], [4, 40, 30, 70]],
        ["cat", "dog 0.95"],
        [truth, error],
    )
    assert [captions for _, _, captions, _ in drawn[1:]] == [["dog", "car", "dog 0.75"], ["dog", "dog 0.50"]]
    assert [colours for *_, colours in drawn[1:]] == [[truth, truth, error], [truth, error]]


def test_a_kind_that_does_not_occur_has_no_pictures(scene):
    dataset, _ = scene
    right = {"wide": found(((10, 10, 30, 30), 0.9, DOG))}
    for kind in KINDS[1:]:
        assert worst_errors(diagnosis_of(dataset, right), right, dataset, kind) == []


# ------------------------------------------------------------------------------------------------- the report


def test_the_report_shows_every_kind_and_keeps_its_record(scene, tmp_path, groups, characteristics):
    dataset, detections = scene
    diagnosis, about = diagnosis_of(dataset, detections), {"weights": "a<b>&c.safetensors", "pictures": 3}
    path = write_report(diagnosis, detections, dataset, tmp_path / "out", about)
    assert path == tmp_path / "out" / "index.html"
    page = read_page(tmp_path / "out")
    assert [image["src"] for image in page.images] == [
        "kinds.png",
        "sensitivity.png",
        "missed.png",
        *(f"{kind}.png" for kind in KINDS[1:]),
    ]
    assert page.texts["title"] == page.texts["h1"] == ["Diagnosis of a<b>&c.safetensors on VOC2007 test"]
    # Two dogs: of the best two detections one is background, one right; the second dog was not met.
    columns = 3 + len(KINDS) + 4
    cells = page.texts["td"]
    rows = {cells[place]: cells[place : place + columns] for place in range(0, len(cells), columns)}
    assert list(rows) == ["car", "cat", "dog"]
    normalised = f"{diagnosis.classes['dog'].normalised_ap:.3f}"
    assert rows["dog"][:8] == ["dog", "2", normalised, "50%", "0%", "0%", "0%", "50%"]
    record = json.loads((tmp_path / "out" / "diagnosis.json").read_text(encoding="utf-8"))
    assert record == json.loads(json.dumps({**about, **diagnosis.record()}))
    assert [(axes.get_title(), set(names) & set(record["classes"])) for axes, names in groups] == [
        ("animals", {"cat", "dog"}),
        ("vehicles", {"car"}),
    ]
    # All objects are squares, and none is cut off or covered.
    assert characteristics == ["size", "objects in the picture"]


def own_pictures(folder: Path, *lines: str) -> FolderDetection:
    """Write two pictures and a table of what is in them."""
    folder.mkdir()
    for number in range(2):
        Image.new("RGB", (64, 48), (90, 90, 90)).save(folder / f"{number}.png")
    table = ["picture,xmin,ymin,xmax,ymax,class", *lines]
    (folder / "test.csv").write_text("\n".join(table), encoding="utf-8")
    return FolderDetection(folder, folder / "test.csv")


def test_classes_of_ones_own_are_one_group_and_their_names_are_escaped(tmp_path, groups):
    name = "<cup> & saucer"
    dataset = own_pictures(tmp_path / "cups", f"0.png,5,5,30,40,{name}", "1.png,10,10,40,40,spoon")
    write_report(diagnosis_of(dataset, {}), {}, dataset, tmp_path / "out", {})
    page = read_page(tmp_path / "out")
    # Nothing was detected, so there are no errors to show; and one object of each class differs from no other.
    assert [image["src"] for image in page.images] == ["kinds.png", "missed.png"]
    assert name in page.texts["td"]
    assert name not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert page.texts["title"] == page.texts["h1"] == ["Diagnosis of detections on cups test"]
    ((axes, names),) = groups
    assert (axes.get_title(), names) == ("all classes", (name, "spoon"))


def test_data_without_an_object_to_find_are_refused_before_anything_is_written(tiny_voc, tmp_path):
    tiny_voc.picture("a")
    tiny_voc.annotate("a", tiny_voc.object_xml("dog", (5, 5, 20, 20), difficult=1))
    tiny_voc.split("test", "a")
    dataset = VOCDetection(tiny_voc.root, split="test")
    with pytest.raises(DataError, match="classes: have no objects"):
        write_report(diagnosis_of(dataset, {}), {}, dataset, tmp_path / "out", {})
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------- the command


def test_a_file_of_detections_is_diagnosed(scene, tmp_path, run, tiny_voc, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    dataset, detections = scene
    write_detections(tmp_path / "found.json", detections, range(1, 21))
    given = ("--data", tiny_voc.root, "--detections", tmp_path / "found.json")
    status, output, _ = run("diagnose", *given, "--out", tmp_path / "out", "--workers", 0)
    assert status == 0
    assert f"report: {tmp_path / 'out' / 'index.html'}" in output
    assert all(name in output for name in ("dog", "cat", "car", *KINDS, "missed", "VOC2007 test"))
    assert "bus" not in output
    assert len(read_page(tmp_path / "out").images) == 7
    record = json.loads((tmp_path / "out" / "diagnosis.json").read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(diagnosis_of(dataset, detections).record()))
    assert {name: record[name] for name in plain} == plain
    assert (record["dataset"], record["pictures"]) == ("VOC2007 test", 3)
    assert (record["weights"], record["detections"]) == (None, str(tmp_path / "found.json"))
    assert {"date", "command", "commit", "machine", "versions"} <= set(record)


def test_a_network_is_diagnosed(eight_pictures, tmp_path, run):
    torch.manual_seed(0)
    weights = tmp_path / "chance.safetensors"
    save_weights(ssd_tiny(), weights, {"network": "ssd_tiny"})
    given = (weights, "--data", eight_pictures, "--split", "trainval", "--device", "cpu", "--workers", 0)
    status, output, _ = run("diagnose", *given, "--out", tmp_path / "out")
    assert status == 0
    assert str(tmp_path / "out" / "index.html") in output
    page = read_page(tmp_path / "out")
    assert page.texts["title"] == [f"Diagnosis of {weights} on VOC2007 trainval"]
    record = json.loads((tmp_path / "out" / "diagnosis.json").read_text(encoding="utf-8"))
    assert set(record["classes"]) <= {"bus", "dog", "person"}
    assert (record["pictures"], record["weights"]) == (8, str(weights))


WRONG = [
    (["diagnose", "--data", "."], ["weights or --detections", "need one of the two", "'neither'"]),
    (["diagnose", "a", "--data", ".", "--detections", "b"], ["weights or --detections", "'both'"]),
    (["diagnose", "--data", "nowhere", "--detections", "b"], ["nowhere", "no such folder"]),
    (["diagnose", "nothing", "--data", "."], ["nothing", "no such weights"]),
]


@pytest.mark.parametrize(("arguments", "parts"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_what_cannot_be_diagnosed_is_named_and_nothing_written(run, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    status, _, error = run(*arguments)
    assert status == 2
    assert error.count("\n") == 1
    assert all(part in error for part in ("ssd: ", *parts)), error
    assert list(tmp_path.iterdir()) == []


def test_detections_of_other_pictures_are_refused_and_nothing_is_written(scene, tmp_path, run, tiny_voc):
    write_detections(tmp_path / "found.json", {"elsewhere": found(((0, 0, 9, 9), 0.5, DOG))}, range(1, 21))
    status, _, error = run(
        "diagnose", "--data", tiny_voc.root, "--detections", tmp_path / "found.json", "--out", tmp_path / "out"
    )
    assert status == 2
    assert "unknown picture, got 'elsewhere'" in error
    assert not (tmp_path / "out").exists()

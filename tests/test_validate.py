"""Validation: a folder with every fault there is gives a finding for each, and a good one none."""

import json

import pytest
import torch
from PIL import Image

from ssd.datasets import validate
from ssd.datasets.validate import check_dataset
from ssd.errors import DataError
from ssd.priors import VOC300


def check(root, **how):
    return check_dataset(root, VOC300, workers=1, progress=False, **how)


def texts(report, serious):
    return [finding.text for finding in report.findings if finding.serious == serious]


def test_good_data_have_no_findings_and_are_counted(eight_pictures):
    report = check(eight_pictures)
    assert texts(report, serious=True) == []
    assert (report.pictures, report.empty) == (8, 0)
    assert report.objects.total() == len(report.boxes) == len(report.shapes) == len(report.reached)
    assert set(report.objects) <= {"bus", "dog", "person"}
    assert report.difficult.total() <= report.objects.total()
    assert not report.serious


@pytest.fixture
def broken(tiny_voc):
    """Write 12 pictures, each with a fault of its own, and one that is good."""
    voc, dog = tiny_voc, tiny_voc.object_xml("dog", (5, 5, 40, 40))
    names = [f"{number:06d}" for number in range(13)]
    for name in names:
        voc.picture(name)
        voc.annotate(name, dog)
    (voc.folder / "JPEGImages" / "000001.jpg").unlink()
    (voc.folder / "Annotations" / "000002.xml").unlink()
    voc.picture("000003", size=(64, 60))
    voc.annotate("000004", dog, voc.object_xml("dog", (50, 5, 90, 40)), voc.object_xml("cat", (9, 5, 4, 40)), dog)
    voc.annotate("000005", voc.object_xml("unicorn"), voc.object_xml("dog", ("x", 5, 9, 9)), dog)
    voc.annotate("000006", dog, dog, voc.object_xml("cat", (1, 1, 1, 1)))
    voc.annotate("000007", voc.object_xml("dog", (5, 5, 40, 40), difficult=1))
    whole = (voc.folder / "JPEGImages" / "000008.jpg").read_bytes()
    (voc.folder / "JPEGImages" / "000008.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("CMYK", (64, 64)).save(voc.folder / "JPEGImages" / "000009.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (64, 64)).save(voc.folder / "JPEGImages" / "000010.jpg", exif=exif)
    voc.annotate("000011")
    voc.write_xml("000012", "<annotation><size>")
    voc.split("trainval", *names)
    return voc.root


def test_every_fault_is_found_with_file_and_field(broken):
    report = check(broken)
    found = "\n".join(texts(report, serious=True))
    for part in (
        "000001.jpg: picture is missing",
        "000002.xml: annotation is missing",
        "000003.jpg: size: is not the annotation's, got (64, 60); expected (64, 64), as ",
        "000004.xml: object 2 bndbox: box leaves the picture, got (50.0, 5.0, 90.0, 40.0)",
        "000004.xml: object 3 bndbox (cat): box has no area, got (9.0, 5.0, 4.0, 40.0)",
        "000005.xml: object 1 name: unknown class, got 'unicorn'",
        "000005.xml: object 2 bndbox xmin: is not a number, got 'x'",
        "000008.jpg: picture is damaged",
        "000012.xml: is not a valid XML",
    ):
        assert part in found
    assert len(texts(report, serious=True)) == 9
    noted = "\n".join(texts(report, serious=False))
    for part in (
        "000006.xml: object 2 (dog) repeats another, box [5.0, 5.0, 40.0, 40.0]",
        "000004.xml: object 2 (dog) repeats another",
        "000007.xml: all its objects are difficult",
        "000009.jpg: its colours are CMYK; they are turned into RGB",
        "000010.jpg: its colours are L; they are turned into RGB",
        "000010.jpg: EXIF says that it is turned",
    ):
        assert part in noted
    assert report.serious
    assert (report.pictures, report.empty) == (8, 1)


def test_objects_that_are_tiny_in_the_networks_input_are_noted(tiny_voc):
    tiny_voc.picture("000001", size=(600, 600))
    tiny_voc.annotate("000001", tiny_voc.object_xml("dog", (10, 10, 16, 100)), size=(600, 600))
    tiny_voc.split("trainval", "000001")
    report = check(tiny_voc.root)
    assert not report.serious
    (text,) = texts(report, serious=False)
    assert text.endswith("object 1 (dog) is 3.5 x 45.5 pixels in the network's input of 300")
    assert report.reached.tolist() == [False]
    assert torch.allclose(report.shapes, torch.tensor([7 / 91]))


def test_data_without_any_object_are_no_data(tiny_voc):
    tiny_voc.picture("000001")
    tiny_voc.annotate("000001")
    tiny_voc.split("trainval", "000001")
    report = check(tiny_voc.root)
    assert report.serious
    assert texts(report, serious=True) == ["VOC2007 trainval: holds no object to learn from"]


def test_a_table_of_ones_own_pictures_is_checked_line_by_line(tmp_path):
    Image.new("RGB", (40, 32)).save(tmp_path / "a.png")
    rows = [
        "picture,xmin,ymin,xmax,ymax,class",
        "a.png,1,2,30,20,cup",
        "a.png,1,2,x,20,cup",
        "a.png,1,2,3",
        "b.png,,,,,",
    ]
    (tmp_path / "train.csv").write_text("\n".join(rows))
    report = check(tmp_path, split="train")
    found = "\n".join(texts(report, serious=True))
    for part in ("line 3 xmax: is not a number", "line 4: has another number of fields", "b.png: picture is missing"):
        assert part in found
    assert report.objects == {"cup": 1}


def test_fractions_where_pixels_belong_are_found(tmp_path):
    Image.new("RGB", (40, 32)).save(tmp_path / "a.png")
    (tmp_path / "train.csv").write_text("picture,xmin,ymin,xmax,ymax,class\na.png,0.1,0.2,0.75,1,cup\n")
    (found,) = texts(check(tmp_path, split="train"), serious=True)
    assert "train.csv: a.png: no box reaches beyond 1: fractions" in found


def test_a_class_with_hardly_an_object_among_many_is_noted(tmp_path):
    Image.new("RGB", (40, 32)).save(tmp_path / "a.png")
    rows = ["picture,xmin,ymin,xmax,ymax,class"]
    rows += [f"a.png,{n % 20},0,{n % 20 + 9 + n // 20},30,{'cups' if n == 50 else 'cup'}" for n in range(100)]
    (tmp_path / "train.csv").write_text("\n".join(rows))
    report = check(tmp_path, split="train")
    assert not report.serious
    (found,) = (f.text for f in report.findings if f.kind == "rare class")
    assert "class cups: only 1 of 100 objects" in found


def test_several_processes_find_what_one_does(broken, monkeypatch):
    alone = check(broken)
    monkeypatch.setattr(validate, "WORTH_A_POOL", 1)
    together = check_dataset(broken, VOC300, workers=2, progress=False)
    assert together.findings == alone.findings
    assert together.objects == alone.objects


def test_a_table_with_nothing_but_faults_still_names_them_all(tmp_path):
    rows = ["picture,xmin,ymin,xmax,ymax,class", "../a.png,1,2,30,20,cup", "a.png,1,2,3"]
    (tmp_path / "train.csv").write_text("\n".join(rows))
    found = "\n".join(texts(check(tmp_path, split="train"), serious=True))
    for part in ("line 2 picture: cannot be", "line 3: has another number of fields", "train.csv: names no picture"):
        assert part in found


def test_boxes_without_area_in_cocos_json_are_noted(tmp_path):
    Image.new("RGB", (40, 32)).save(tmp_path / "a.png")
    objects = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, width, 9]} for width in (5, 0)]
    images = [{"id": 1, "file_name": "a.png", "width": 40, "height": 32}]
    content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "cup"}]}
    (tmp_path / "train.json").write_text(json.dumps(content))
    report = check(tmp_path, split="train")
    assert not report.serious
    assert any("annotations[1]: a box without area" in text for text in texts(report, serious=False))


def test_a_missing_folder_is_an_error_and_not_a_finding(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        check(tmp_path / "none")


def test_command_exits_with_1_where_training_would_fail(run, broken, tmp_path, eight_pictures):
    files = ("--sheet", tmp_path / "sheet.png", "--json", tmp_path / "found.json")
    status, output, _ = run("data", "check", "--data", broken, "--workers", "1", *files)
    assert status == 1
    output = output.replace("\n", " ")
    assert "spoils training: " in output
    assert "9 findings would spoil training" in output
    assert len(json.loads((tmp_path / "found.json").read_text())["findings"]) == 15
    with Image.open(tmp_path / "sheet.png") as drawn:
        assert drawn.width > 1000
    status, output, _ = run("data", "check", "--data", eight_pictures, "--workers", "1", "--network", "ssd_tiny")
    assert status == 0
    assert "nothing found that would spoil training" in output

"""Your own pictures with a CSV table; and how a folder of data is recognised."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import fuzzing, outcome, spoilt

from ssd.datasets import FolderDetection, VOCDetection, open_data, union
from ssd.errors import DataError

HEAD = "picture,xmin,ymin,xmax,ymax,class\n"
TABLE = HEAD + "a.png,1,2,30,20.5,cup\nsub/b.jpg,0,0,32,32,spoon\na.png,5,5,10,10,spoon\nempty.png,,,,,\nlast.png\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "sub/b.jpg", "empty.png", "last.png"):
        Image.new("RGB", (40, 32), (90, 90, 90)).save(tmp_path / name)
    return tmp_path


def read(folder: Path, text: str, **how: object) -> FolderDetection:
    (folder / "train.csv").write_text(text, encoding="utf-8")
    return FolderDetection(folder, folder / "train.csv", **how)


def test_a_line_is_an_object_and_a_name_alone_a_picture_without_one(folder):
    dataset = read(folder, TABLE)
    assert dataset.name == f"{folder.name} train"
    assert dataset.class_names == ("cup", "spoon")
    assert dataset.image_ids == ["a.png", "sub/b.jpg", "empty.png", "last.png"]
    assert dataset[0].boxes.tolist() == [[1, 2, 30, 20.5], [5, 5, 10, 10]]
    assert dataset[0].labels.tolist() == [1, 2]
    assert not dataset[0].difficult.any()
    assert dataset[1].image.shape == (3, 32, 40)
    assert len(dataset[2].labels) == len(dataset[3].labels) == 0
    assert dataset.fractions().shape == (3, 4)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TABLE,
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("cup", '"cup"').replace(",", " , "),
        "class,picture,xmin,ymin,xmax,ymax\n cup,a.png,1,2,30,20.5\nspoon,a.png,5,5,10,10\n\n",
    ],
)
def test_tables_as_spreadsheets_write_them(folder, text):
    dataset = read(folder, text)
    assert dataset[0].boxes.tolist() == [[1, 2, 30, 20.5], [5, 5, 10, 10]]
    assert dataset.class_names == ("cup", "spoon")


def test_classes_may_be_given(folder):
    dataset = read(folder, TABLE, class_names=("spoon", "fork", "cup"))
    assert dataset[0].labels.tolist() == [3, 1]
    with pytest.raises(DataError, match=r"line 2 class: unknown class, got 'cup'; expected one of spoon"):
        read(folder, TABLE, class_names=("spoon",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: has other columns, got ''; expected picture,xmin,ymin,xmax,ymax,class"),
        ("picture;xmin;ymin;xmax;ymax;class\n", r"line 1: has other columns"),
        (HEAD, r"train\.csv: names no picture"),
        (HEAD + "a.png\n", r"train\.csv: holds no object"),
        (HEAD + "a.png,1,2,3,4\n", r"line 2: has another number of fields, got 5; expected 6"),
        (HEAD + "a.png,1,2,3,4,cup,7\n", r"line 2: has another number of fields, got 7"),
        (HEAD + "a.png,1,2,3,4,\n", r"line 2 class: unknown class, got ''; expected a name"),
        (HEAD + "a.png,1,2,3,4,cup\na.png,one,2,3,4,cup\n", r"line 3 xmin: is not a number, got 'one'"),
        (HEAD + "a.png,1,2,nan,4,cup\n", r"line 2 xmax: is not a number, got 'nan'"),
        (HEAD + "a.png,1,2,,4,cup\n", r"line 2 xmax: is not a number, got ''"),
        (HEAD + "a.png,3,2,3,4,cup\n", r"line 2: box has no area, got \(3\.0, 2\.0, 3\.0, 4\.0\)"),
        (HEAD + "../a.png,1,2,3,4,cup\n", r"line 2 picture: cannot be, got '\.\./a\.png'"),
        (HEAD + ",1,2,3,4,cup\n", r"line 2 picture: cannot be, got ''"),
        (HEAD + 'a.png,1,2,3,4,"cup\n', "is not a CSV table"),
    ],
)
def test_a_broken_line_is_named(folder, text, message):
    with pytest.raises(DataError, match=message):
        read(folder, text)


def test_a_table_in_another_encoding_is_refused(folder):
    (folder / "train.csv").write_bytes((HEAD + "a.png,1,2,3,4,tasse à thé\n").encode("latin-1"))
    with pytest.raises(DataError, match=r"is not a CSV table .*expected text in UTF-8"):
        FolderDetection(folder, folder / "train.csv")


def test_a_box_outside_and_a_missing_picture_are_named_when_read(folder):
    with pytest.raises(
        DataError, match=r"train\.csv: a\.png: object 1 box: box leaves the picture, got \(1\.0, 2\.0, 50"
    ):
        read(folder, HEAD + "a.png,1,2,50,4,cup\n")[0]
    with pytest.raises(DataError, match=r"none\.png: picture is missing"):
        read(folder, HEAD + "none.png,1,2,5,4,cup\n")[0]


TEXTS = st.text(max_size=60) | st.lists(st.text(max_size=4), max_size=8).map(lambda fields: HEAD + ",".join(fields))


@fuzzing
@given(content=spoilt(TABLE.encode()) | TEXTS.map(lambda text: text.encode(errors="replace")) | st.binary(max_size=60))
def test_whatever_stands_in_the_table_gives_a_dataset_or_an_error_that_names_it(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    (folder / "fuzz.csv").write_bytes(content)
    found = outcome(FolderDetection, folder, folder / "fuzz.csv")
    if isinstance(found, DataError):
        assert str(folder / "fuzz.csv") in str(found)


# ------------------------------------------------------------------------------------------------ what is in a folder


def test_a_folder_is_opened_by_what_is_in_it(folder, eight_pictures):
    read(folder, TABLE)
    assert isinstance(open_data(folder, split="train"), FolderDetection)
    assert open_data(eight_pictures).name == VOCDetection(eight_pictures).name
    content = {"images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 32}], "annotations": []}
    content["categories"] = [{"id": 1, "name": "cup"}]
    (folder / "val.json").write_text(json.dumps(content))
    assert open_data(folder, split="val").class_names == ("cup",)
    (folder / "annotations").mkdir()
    (folder / "annotations" / "instances_sub2017.json").write_text(json.dumps(content))
    (folder / "sub2017").mkdir()
    assert open_data(folder, "2017", "sub").name == "instances_sub2017"


def test_a_missing_split_names_those_there_are(folder, tmp_path):
    read(folder, TABLE)
    with pytest.raises(DataError, match=r"split: no such split, got 'test'; expected one of train\.csv"):
        open_data(folder, split="test")
    with pytest.raises(DataError, match=r"no data of a kind that is read here; expected one of annotations/instances"):
        open_data(folder / "sub")


def test_a_union_has_all_pictures_and_refuses_to_mix(folder, tiny_voc):
    tiny_voc.fill(3)
    one = VOCDetection(tiny_voc.root)
    other = read(folder, TABLE.replace("cup", "dog").replace("spoon", "cat"), class_names=one.class_names)
    both = union("both", [one, other])
    assert len(both) == 7
    assert both[4].image_id == "sub/b.jpg"
    assert len(both.ground_truth()) == 7
    with pytest.raises(DataError, match="picture: is in two of the datasets, got '000001'"):
        union("twice", [one, one])
    with pytest.raises(DataError, match="train: has other classes, got 'cup, spoon'"):
        union("mixed", [one, read(folder, TABLE)])

"""COCO's format: what is read, and what is said of a JSON that is broken."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import fuzzing, outcome, spoilt

from ssd.datasets import CocoDetection
from ssd.errors import DataError

CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}]
PICTURES = [
    {"id": 7, "file_name": "a.jpg", "width": 64, "height": 48},
    {"id": 3, "file_name": "sub/b.png", "width": 32, "height": 32},
    {"id": 9, "file_name": "c.jpg", "width": 20, "height": 10},
]
OBJECTS = [
    {"id": 1, "image_id": 7, "category_id": 18, "bbox": [10, 5, 20.5, 30], "iscrowd": 0, "area": 600},
    {"id": 2, "image_id": 3, "category_id": 90, "bbox": [0, 0, 32, 32]},
    {"id": 3, "image_id": 7, "category_id": 1, "bbox": [0, 0, 64, 20], "iscrowd": 1},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for picture in PICTURES:
        Image.new("RGB", (picture["width"], picture["height"]), (90, 90, 90)).save(tmp_path / picture["file_name"])
    return tmp_path


def write(folder: Path, **changes: object) -> Path:
    content = {"images": PICTURES, "annotations": OBJECTS, "categories": CATEGORIES, **changes}
    path = folder / "train.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def read(folder: Path, **how: object) -> CocoDetection:
    return CocoDetection(folder, folder / "train.json", **how)


def test_boxes_become_corners_and_categories_labels_without_gaps(folder):
    write(folder)
    dataset = read(folder)
    assert dataset.class_names == ("person", "dog", "toothbrush")
    assert dataset.category_ids == (1, 18, 90)
    assert dataset.name == "train"
    assert dataset.image_ids == ["7", "3", "9"]
    sample = dataset[0]
    assert sample.image.shape == (3, 48, 64)
    assert sample.boxes.tolist() == [[10, 5, 30.5, 35]]
    assert sample.labels.tolist() == [2]
    assert dataset.ground_truth()["7"].boxes.tolist() == [[10, 5, 30.5, 35], [0, 0, 64, 20]]
    assert len(dataset[2].labels) == 0
    assert torch.allclose(dataset.fractions()[0], torch.tensor([10 / 64, 5 / 48, 30.5 / 64, 35 / 48]))


def test_training_drops_crowds_and_the_ground_truth_keeps_them(folder):
    write(folder)
    dataset = read(folder)
    assert dataset[0].labels.tolist() == [2]
    assert dataset.ground_truth()["7"].difficult.tolist() == [False, True]


def test_areas_are_those_of_the_outlines_or_else_of_the_boxes(folder):
    write(folder)
    truth = read(folder).ground_truth()
    assert {name: one.areas.tolist() for name, one in truth.items()} == {"7": [600, 64 * 20], "3": [32 * 32], "9": []}
    assert all(one.areas.dtype == torch.float32 for one in truth.values())


def test_an_object_whose_area_cannot_be_is_left_out_where_faults_are_collected(folder):
    faults = []
    write(folder, annotations=[{**OBJECTS[0], "area": -1}, OBJECTS[2]])
    there = read(folder, on_error=faults.append).ground_truth()["7"]
    assert there.areas.tolist() == [64 * 20]
    assert there.labels.tolist() == [1]
    assert [fault.field for fault in faults] == ["annotations[0] area"]


def test_classes_may_be_given_in_another_order(folder):
    write(folder)
    dataset = read(folder, class_names=("toothbrush", "cat", "dog", "person"))
    assert dataset[0].labels.tolist() == [3]
    assert dataset.category_ids == (90, 91, 18, 1)  # "cat" is not in the file
    with pytest.raises(DataError, match="categories: unknown class, got 'person'; expected one of dog, toothbrush"):
        read(folder, class_names=("dog", "toothbrush"))


def test_boxes_without_area_are_left_out_and_named(folder):
    write(folder, annotations=[*OBJECTS, {"image_id": 9, "category_id": 1, "bbox": [3, 3, 0, 4]}])
    with pytest.warns(UserWarning, match=r"1 left out, the first: .*annotations\[3\]: a box without area"):
        dataset = read(folder)
    assert len(dataset[2].labels) == 0
    assert dataset.left_out == (f"{folder / 'train.json'}: annotations[3]: a box without area, [3, 3, 0, 4]",)


def test_a_box_a_rounding_error_outside_ends_at_the_border(folder):
    write(folder, annotations=[{"image_id": 9, "category_id": 1, "bbox": [-0.3, 0, 20.9, 10.2]}])
    assert read(folder)[2].boxes.tolist() == [[0, 0, 20, 10]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": []}, r"train\.json: images: holds no pictures"),
        ({"images": {}}, r"train\.json: images: is not a list, got 'dict'"),
        ({"annotations": None}, r"train\.json: annotations: is not a list, got 'NoneType'"),
        ({"categories": [1]}, r"categories\[0\]: is not an object, got 1"),
        ({"categories": [{"id": 1}]}, r"categories\[0\] name: cannot be, got 'nothing'; expected a text"),
        ({"images": [{"id": 1, "width": 3, "height": 3}]}, r"images\[0\] file_name: cannot be, got 'nothing'"),
        ({"images": [{**PICTURES[0], "width": "64"}]}, r"images\[0\] width: cannot be, got '64'; expected a whole"),
        ({"images": [*PICTURES, PICTURES[0]]}, r"images\[3\] id: is used twice, got '7'; expected an id of its own"),
        ({"images": [{**PICTURES[0], "file_name": "../a.jpg"}]}, r"images\[0\] file_name: cannot be, got '../a.jpg'"),
        ({"annotations": [{**OBJECTS[0], "image_id": 8}]}, r"annotations\[0\] image_id: no such picture, got '8'"),
        ({"annotations": [{**OBJECTS[0], "category_id": 2}]}, r"annotations\[0\] category_id: no such category, got 2"),
        ({"annotations": [{**OBJECTS[0], "bbox": [1, 2, 3]}]}, r"annotations\[0\] bbox: cannot be, got \[1, 2, 3\]"),
        ({"annotations": [{**OBJECTS[0], "bbox": [1, 2, -3, 4]}]}, r"annotations\[0\] bbox: cannot be"),
        ({"annotations": [{**OBJECTS[0], "bbox": [1, 2, "3", 4]}]}, r"annotations\[0\] bbox: cannot be"),
        ({"annotations": [{"image_id": 7, "category_id": 1}]}, r"annotations\[0\] bbox: cannot be, got 'nothing'"),
        ({"annotations": [OBJECTS[1], {**OBJECTS[0], "area": "600"}]}, r"annotations\[1\] area: cannot be, got '600'"),
        ({"annotations": [{**OBJECTS[0], "area": -1}]}, r"annotations\[0\] area: cannot be, got -1; expected square"),
        ({"annotations": [{**OBJECTS[0], "area": True}]}, r"annotations\[0\] area: cannot be, got True"),
        ({"annotations": [{**OBJECTS[0], "area": float("nan")}]}, r"annotations\[0\] area: cannot be, got nan"),
        ({"annotations": [{**OBJECTS[0], "area": 10**400}]}, r"annotations\[0\] area: cannot be, got 1000"),
        (
            {"annotations": [{**OBJECTS[0], "bbox": [60, 2, 30, 4]}]},
            r"annotations\[0\]: object 1 box: box leaves",
        ),
    ],
)
def test_a_broken_entry_is_named(folder, changes, message):
    write(folder, **changes)
    with pytest.raises(DataError, match=message):
        read(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff", "[" * 100_000, '{"images": NaN}'])
def test_a_file_that_is_no_such_json_is_named(folder, text):
    (folder / "train.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"train\.json: "):
        read(folder)


def test_a_missing_file_or_folder_is_named(folder):
    with pytest.raises(DataError, match=r"train\.json: no such file"):
        read(folder)
    with pytest.raises(DataError, match="none: no such folder"):
        CocoDetection(folder / "none", folder / "train.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def nearly_right(draw):
    """Draw a COCO file with any value in the place of any one field of any entry."""
    content = {"images": [dict(p) for p in PICTURES], "annotations": [dict(o) for o in OBJECTS]}
    content["categories"] = [dict(c) for c in CATEGORIES]
    if draw(st.booleans()):
        entry = draw(st.sampled_from([e for entries in content.values() for e in entries]))
        entry[draw(st.sampled_from(sorted(entry)))] = draw(JSON)
    else:
        content[draw(st.sampled_from(sorted(content)))] = draw(JSON)
    return content


GOOD = json.dumps({"images": PICTURES, "annotations": OBJECTS, "categories": CATEGORIES}).encode()


@pytest.mark.filterwarnings("ignore:.*left out")
@fuzzing
@given(content=(nearly_right() | JSON).map(lambda content: json.dumps(content).encode()) | spoilt(GOOD))
def test_whatever_stands_in_the_file_gives_a_dataset_or_an_error_that_names_it(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "fuzz.json"
    path.write_bytes(content)
    found = outcome(CocoDetection, folder, path)
    if isinstance(found, DataError):
        assert str(path) in str(found)
    else:
        assert all((one.labels >= 1).all() for one in found.ground_truth().values())

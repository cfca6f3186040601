"""ssd.metrics.files: what is written comes back to the last bit; what others wrote is read, or refused by its place."""

import io
import json
import math
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from strategies import as_boxes, fuzzing, outcome, spoilt

from ssd.errors import DataError
from ssd.metrics import read_detections, write_detections
from ssd.sample import Detections

NAMES = ("cat", "dog", "toothbrush")
CATEGORY_IDS = (1, 18, 90)
IMAGE_IDS = ("7", "000139", "a/b.jpg")


def found(*rows):
    """Build a picture's detections of (box, score) or (box, score, label)."""
    return Detections(
        as_boxes([r[0] for r in rows]),
        torch.tensor([r[1] for r in rows], dtype=torch.float32),
        torch.tensor([r[2] if len(r) > 2 else 1 for r in rows], dtype=torch.int64),
    )


BOX, OTHER = (10, 20, 15, 26.5), (0, 0.25, 64, 48)


# --- written and read -----------------------------------------------------------------------------------------------


@st.composite
def any_detections(draw):
    """Draw a picture's detections: corners within or beyond any picture, from tiny to huge, any scores, any labels."""
    corner = st.floats(0, 2.0**90, width=32) | st.integers(0, 1000).map(float)
    score = st.floats(-(2.0**90), 2.0**90, width=32) | st.sampled_from([0.25, 0.5])
    rows = draw(st.lists(st.tuples(corner, corner, corner, corner, score, st.integers(1, 3)), max_size=5))
    boxes = [(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)) for x1, y1, x2, y2, _, _ in rows]
    return found(*((box, score, label) for box, (*_, score, label) in zip(boxes, rows, strict=True)))


@fuzzing
@given(drawn=st.dictionaries(st.sampled_from(IMAGE_IDS), any_detections()))
def test_what_was_written_is_read_to_the_last_bit_best_first(tmp_path_factory, drawn):
    path = tmp_path_factory.getbasetemp() / "round.json"
    write_detections(path, drawn, CATEGORY_IDS)
    again = read_detections(path, IMAGE_IDS, NAMES, CATEGORY_IDS)
    assert list(again) == list(IMAGE_IDS)
    for image_id, one in again.items():
        wanted = drawn.get(image_id, Detections.empty())
        scores = wanted.scores.tolist()
        order = sorted(range(len(scores)), key=lambda row, scores=scores: -scores[row])
        for name in ("boxes", "scores", "labels"):
            mine, its = getattr(one, name), getattr(wanted, name)
            assert mine.dtype == its.dtype
            assert torch.equal(mine, its[order]), name


def test_a_file_is_json_with_one_detection_a_line(tmp_path):
    path = tmp_path / "found.json"
    detections = {"7": found((BOX, 0.5), (OTHER, 0.25, 2)), "8": Detections.empty(), "a/b.jpg": found((BOX, 0.75, 3))}
    write_detections(path, detections, CATEGORY_IDS)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[-1]) == ("[", "]")
    rows = [json.loads(line.rstrip(",")) for line in lines[1:-1]]
    assert rows == json.loads(path.read_text(encoding="utf-8"))
    assert rows == [
        {"image_id": 7, "category_id": 1, "bbox": [10, 20, 5, 6.5], "score": 0.5},
        {"image_id": 7, "category_id": 18, "bbox": [0, 0.25, 64, 47.75], "score": 0.25},
        {"image_id": "a/b.jpg", "category_id": 90, "bbox": [10, 20, 5, 6.5], "score": 0.75},
    ]


def test_pycocotools_takes_the_file(tmp_path):
    path = tmp_path / "found.json"
    write_detections(path, {"7": found((BOX, 0.5), (OTHER, 0.25, 2)), "8": found((BOX, 0.75, 3))}, CATEGORY_IDS)
    coco = COCO()
    categories = [{"id": number, "name": name} for number, name in zip(CATEGORY_IDS, NAMES, strict=True)]
    coco.dataset = {"images": [{"id": 7}, {"id": 8}, {"id": 9}], "categories": categories, "annotations": []}
    with redirect_stdout(io.StringIO()):
        coco.createIndex()
        results = coco.loadRes(str(path))
    there = [(one["image_id"], one["category_id"], one["area"]) for one in results.dataset["annotations"]]
    assert there == [(7, 1, 32.5), (7, 18, 64 * 47.75), (8, 90, 32.5)]


@pytest.mark.parametrize("detections", [{}, {"7": Detections.empty()}], ids=["no picture", "nothing in it"])
def test_no_detections_are_an_empty_list(tmp_path, detections):
    path = tmp_path / "found.json"
    write_detections(path, detections, CATEGORY_IDS)
    assert json.loads(path.read_text(encoding="utf-8")) == []
    again = read_detections(path, IMAGE_IDS, NAMES)
    assert list(again) == list(IMAGE_IDS)
    for one in again.values():
        assert (one.boxes.shape, one.scores.shape, one.labels.shape) == ((0, 4), (0,), (0,))
        assert (one.boxes.dtype, one.scores.dtype, one.labels.dtype) == (torch.float32, torch.float32, torch.int64)


@pytest.mark.parametrize(
    ("image_id", "written"),
    [("139", 139), ("0", 0), ("000139", "000139"), ("a/b.jpg", "a/b.jpg"), ("-5", "-5"), ("1.0", "1.0"), ("٣", "٣")],
)
def test_only_ids_that_are_whole_numbers_are_written_as_numbers(tmp_path, image_id, written):
    path = tmp_path / "found.json"
    write_detections(path, {image_id: found((BOX, 0.5))}, (1,))
    (entry,) = json.loads(path.read_text(encoding="utf-8"))
    assert entry["image_id"] == written
    assert len(read_detections(path, [image_id], ["cat"])[image_id]) == 1


def test_classes_are_called_what_the_file_calls_them(tmp_path):
    path = tmp_path / "found.json"
    write_detections(path, {"7": found((BOX, 0.75, 3), (BOX, 0.5, 2))}, CATEGORY_IDS)
    assert [entry["category_id"] for entry in json.loads(path.read_text(encoding="utf-8"))] == [90, 18]
    assert read_detections(path, ["7"], NAMES, CATEGORY_IDS)["7"].labels.tolist() == [3, 2]
    assert read_detections(path, ["7"], NAMES, (90, 1, 18))["7"].labels.tolist() == [1, 3]
    with pytest.raises(DataError, match="category_id: unknown class, got 90; expected 1, 2, 3"):
        read_detections(path, ["7"], NAMES)


# --- COCO's JSON ----------------------------------------------------------------------------------------------------

GOOD = {"image_id": 7, "category_id": 18, "bbox": [1, 2, 3.5, 4], "score": 0.5}


def write(path: Path, entries: object) -> Path:
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def read(path: Path) -> dict[str, Detections]:
    return read_detections(path, IMAGE_IDS, NAMES, CATEGORY_IDS)


def test_detections_of_others_are_read_best_first_with_corners(tmp_path):
    other = {"image_id": "a/b.jpg", "category_id": 1, "bbox": [0, 0, 0, 0], "score": 1, "segmentation": []}
    scores = (0.25, 0.75, 0.5, 0.75)
    entries = [{**GOOD, "score": score, "bbox": [number, 2, 3.5, 4]} for number, score in enumerate(scores)]
    found = read(write(tmp_path / "found.json", [*entries, other]))
    assert found["7"].scores.tolist() == [0.75, 0.75, 0.5, 0.25]
    assert found["7"].boxes.tolist() == [[1, 2, 4.5, 6], [3, 2, 6.5, 6], [2, 2, 5.5, 6], [0, 2, 3.5, 6]]
    assert found["7"].labels.tolist() == [2, 2, 2, 2]
    assert found["a/b.jpg"].boxes.tolist() == [[0, 0, 0, 0]]
    assert len(found["000139"]) == 0


def without(name: str) -> dict:
    return {key: value for key, value in GOOD.items() if key != name}


BROKEN = [
    ({**GOOD, "image_id": 8}, "unknown picture, got '8'; expected a picture of the data"),
    ({**GOOD, "image_id": 139}, "unknown picture, got '139'"),
    ({**GOOD, "image_id": 7.0}, r"unknown picture, got '7\.0'"),
    (without("image_id"), "unknown picture, got 'None'"),
    ({**GOOD, "category_id": 2}, "category_id: unknown class, got 2; expected 1, 18, 90"),
    ({**GOOD, "category_id": True}, "category_id: unknown class, got True"),
    ({**GOOD, "category_id": 1.0}, r"category_id: unknown class, got 1\.0"),
    ({**GOOD, "category_id": "18"}, "category_id: unknown class, got '18'"),
    (without("category_id"), "category_id: unknown class; expected 1, 18, 90"),
    (without("bbox"), r"bbox: cannot be; expected \[left, top, width, height\]"),
    ({**GOOD, "bbox": [1, 2, 3]}, r"bbox: cannot be, got \[1, 2, 3\]"),
    ({**GOOD, "bbox": [1, 2, 3, 4, 5]}, "bbox: cannot be"),
    ({**GOOD, "bbox": {"left": 1}}, "bbox: cannot be, got {'left': 1}"),
    ({**GOOD, "bbox": [1, 2, "3", 4]}, r"bbox: cannot be, got \[1, 2, '3', 4\]"),
    ({**GOOD, "bbox": [True, 2, 3, 4]}, r"bbox: cannot be, got \[True, 2, 3, 4\]"),
    ({**GOOD, "bbox": [1, 2, None, 4]}, "bbox: cannot be"),
    ({**GOOD, "bbox": [1, 2, -3, 4]}, r"box: is no box, got \[1\.0, 2\.0, -2\.0, 6\.0\]; expected corners"),
    ({**GOOD, "bbox": [1, 2, 3, -4]}, "box: is no box"),
    ({**GOOD, "bbox": [1, math.nan, 3, 4]}, "box: is no box"),
    ({**GOOD, "bbox": [1, 2, math.inf, 4]}, "box: is no box"),
    (without("score"), "score: cannot be; expected a number"),
    ({**GOOD, "score": "0.5"}, r"score: cannot be, got '0\.5'"),
    ({**GOOD, "score": True}, "score: cannot be, got True"),
    ({**GOOD, "score": math.nan}, "score: is not finite, got nan"),
    ({**GOOD, "score": math.inf}, "score: is not finite, got inf"),
    ({**GOOD, "score": -math.inf}, "score: is not finite, got -inf"),
    (5, "is not an object, got 5; expected {image_id, category_id, bbox, score}"),
    (["7", 18], r"is not an object, got \['7', 18\]"),
    (None, "is not an object; expected"),
]


@pytest.mark.parametrize(("entry", "message"), BROKEN)
def test_a_broken_entry_is_named(tmp_path, entry, message):
    path = write(tmp_path / "found.json", [GOOD, entry, GOOD])
    with pytest.raises(DataError, match=rf"found\.json: entry 2: {message}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{"score": 10**400}, {"bbox": [1, 2, 10**400, 4]}], ids=["score", "bbox"])
def test_a_whole_number_beyond_all_floats_is_named(tmp_path, changes):
    with pytest.raises(DataError, match=r"found\.json: entry 2: "):
        read(write(tmp_path / "found.json", [GOOD, {**GOOD, **changes}]))


@pytest.mark.parametrize("changes", [{"score": 1e300}, {"bbox": [1, 2, 1e300, 4]}], ids=["score", "bbox"])
def test_a_number_beyond_float32_is_named(tmp_path, changes):
    with pytest.raises(DataError, match=r"found\.json: entry 2: "):
        read(write(tmp_path / "found.json", [GOOD, {**GOOD, **changes}]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "is not a list, got 'dict'; expected COCO's format of results"),
        ("null", "is not a list, got 'NoneType'"),
        ('"found"', "is not a list, got 'str'"),
        ("", "is not valid JSON"),
        ("[", "is not valid JSON"),
        ("\xff", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ('[{"score": 0.5]', "is not valid JSON"),
    ],
    ids=["object", "null", "text", "empty", "cut", "no UTF-8", "too deep", "comma"],
)
def test_a_file_that_is_no_such_json_is_named(tmp_path, text, message):
    path = tmp_path / "found.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=rf"found\.json: {message}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"found\.json: no such file; expected a JSON of detections, or a folder"):
        read(tmp_path / "found.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
ENTRIES = [GOOD, {"image_id": "a/b.jpg", "category_id": 1, "bbox": [0, 0.5, 20, 30], "score": 0.125}]


@st.composite
def nearly_right(draw):
    """Draw a file of detections with any value in the place of any one field, or of any one number of a box."""
    entries = [{**entry, "bbox": list(entry["bbox"])} for entry in ENTRIES]
    entry = draw(st.sampled_from(entries))
    if draw(st.booleans()):
        entry[draw(st.sampled_from(sorted(entry)))] = draw(JSON)
    else:
        entry["bbox"][draw(st.integers(0, 3))] = draw(JSON)
    return entries


@fuzzing
@given(
    content=(nearly_right() | JSON).map(lambda entries: json.dumps(entries).encode())
    | spoilt(json.dumps(ENTRIES).encode())
)
def test_whatever_stands_in_the_json_gives_detections_or_one_line_that_names_it(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz-found.json"
    path.write_bytes(content)
    assert_detections_or_one_line(outcome(read, path), path)


def assert_detections_or_one_line(got: object, path: Path) -> None:
    if isinstance(got, DataError):
        assert str(path) in str(got)
        assert "\n" not in str(got)
        return
    assert list(got) == list(IMAGE_IDS)
    for one in got.values():
        assert one.boxes.shape == (len(one), 4)
        assert ((one.labels >= 1) & (one.labels <= len(NAMES))).all()
        assert (one.boxes[:, 2:] >= one.boxes[:, :2]).all()
        assert (one.scores[:-1] >= one.scores[1:]).all()


# --- VOC's text files -----------------------------------------------------------------------------------------------


def write_voc(folder: Path, **texts: str) -> Path:
    """Write a class's file for each text, and empty ones for the other classes; return the folder."""
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        (folder / f"comp4_det_test_{name}.txt").write_text(texts.get(name, ""), encoding="utf-8")
    return folder


def test_corners_counted_from_1_become_ours(tmp_path):
    dogs = "000139 0.5 10 20 30 40\n\n   \n7 0.25 1 1 2.5 2\n000139 0.75 3 4 5 6"
    found = read(write_voc(tmp_path / "voc", dog=dogs, cat="000139 0.625 2 2 2 2\n"))
    assert list(found) == list(IMAGE_IDS)
    assert found["000139"].boxes.tolist() == [[2, 3, 5, 6], [1, 1, 2, 2], [9, 19, 30, 40]]
    assert found["000139"].scores.tolist() == [0.75, 0.625, 0.5]
    assert found["000139"].labels.tolist() == [2, 1, 2]
    assert found["7"].boxes.tolist() == [[0, 0, 2.5, 2]]
    assert len(found["a/b.jpg"]) == 0


def test_files_are_told_by_the_class_at_the_end_of_their_names(tmp_path):
    for name in ("cat", "comp3_det_val_dog", "hotdog", "toothbrush", "notes"):
        (tmp_path / f"{name}.txt").write_text("" if name != "comp3_det_val_dog" else "7 0.5 1 1 2 2\n")
    assert read(tmp_path)["7"].labels.tolist() == [2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7 0.5 1 2 3", r"cannot be read, got '7 0\.5 1 2 3'; expected picture, score, xmin, ymin, xmax, ymax"),
        ("7 0.5 1 2 3 4 5", "cannot be read"),
        ("7", "cannot be read, got '7'"),
        ("7 0.5 1 2 x 4", "cannot be read, got '7 0.5 1 2 x 4'"),
        ("139 0.5 1 2 3 4", "unknown picture, got '139'; expected a picture of the data"),
        ("7 nan 1 2 3 4", "score: is not finite, got nan"),
        ("7 inf 1 2 3 4", "score: is not finite, got inf"),
        ("7 0.5 30 2 3 4", r"box: is no box, got \[29\.0, 1\.0, 3\.0, 4\.0\]"),
        ("7 0.5 1 20 3 4", "box: is no box"),
        ("7 0.5 nan 2 3 4", "box: is no box"),
        ("7 0.5 1 2 3 1e999", "box: is no box"),
    ],
)
def test_a_broken_line_is_named_with_its_file(tmp_path, line, message):
    folder = write_voc(tmp_path / "voc", dog=f"7 0.5 1 2 3 4\n\n{line}\n7 0.5 1 2 3 4\n")
    with pytest.raises(DataError, match=rf"comp4_det_test_dog\.txt: line 3: {message}") as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_a_class_without_a_file_or_with_two_is_named(tmp_path):
    folder = write_voc(tmp_path / "voc")
    (folder / "comp3_det_test_dog.txt").touch()
    two = r"'comp3_det_test_dog\.txt, comp4_det_test_dog\.txt'"
    with pytest.raises(DataError, match=rf"voc: class dog: must be one file, got {two}; expected \*_dog\.txt"):
        read(folder)
    for path in folder.glob("*_dog.txt"):
        path.unlink()
    with pytest.raises(DataError, match="voc: class dog: must be one file, got 'none'"):
        read(folder)


@fuzzing
@given(content=spoilt(b"000139 0.5 10 20 30 40\n7 0.25 1 1 2 2\n\n7 1 0.5 0.5 8 8\n"))
def test_whatever_stands_in_a_line_gives_detections_or_one_line_that_names_it(tmp_path_factory, content):
    folder = write_voc(tmp_path_factory.getbasetemp() / "fuzz-voc")
    path = folder / "comp4_det_test_dog.txt"
    path.write_bytes(content)
    assert_detections_or_one_line(outcome(read, folder), path)

"""ssd.metrics.coco: figures by hand, and what pycocotools makes of the same in two files, are the references."""

import io
import json
import math
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from strategies import found, truth

from ssd.datasets import Annotation
from ssd.errors import DataError
from ssd.metrics import coco_ap
from ssd.metrics.coco import NUMBERS
from ssd.sample import Detections

SMALL, MEDIUM, LARGE = (10, 10, 20, 20), (10, 10, 60, 60), (10, 10, 110, 110)
"""Boxes of 100, 2500 and 10,000 square pixels; COCO's borders are 1024 and 9216."""

FAR = (200, 200, 210, 210)


def undefined(result):
    return {name for name, value in result.numbers.items() if math.isnan(value)}


# --- by hand --------------------------------------------------------------------------------------------------------


def test_a_perfect_detector_has_1_in_all_twelve_numbers():
    ground_truth = {"a": truth((SMALL, 1), (MEDIUM, 2)), "b": truth((LARGE, 3), (SMALL, 1))}
    detections = {"a": found((SMALL, 0.9, 1), (MEDIUM, 0.8, 2)), "b": found((LARGE, 0.7, 3), (SMALL, 0.6, 1))}
    result = coco_ap(detections, ground_truth, ["x", "y", "z"])
    assert list(result.numbers) == list(NUMBERS)
    assert result.numbers == pytest.approx(dict.fromkeys(NUMBERS, 1.0))
    assert result.ap == pytest.approx({"x": 1.0, "y": 1.0, "z": 1.0})
    assert result.objects == {"x": 2, "y": 1, "z": 1}
    assert result.mAP == result.numbers["AP"]


def test_sizes_and_classes_that_no_object_has_are_nan_and_left_out_of_the_means():
    result = coco_ap({"a": found((SMALL, 0.9), (FAR, 0.8, 2))}, {"a": truth((SMALL, 1))}, ["x", "y"])
    assert undefined(result) == {"AP_medium", "AP_large", "AR_medium", "AR_large"}
    assert math.isnan(result.ap["y"])
    assert result.ap["x"] == pytest.approx(1.0)
    assert result.mAP == pytest.approx(1.0)
    assert result.objects == {"x": 1, "y": 0}


def test_ap_is_the_mean_precision_at_101_recalls():
    # Right, wrong, right of two objects: precision 1 at the 51 recalls up to 0.5, then 2/3.
    ground_truth = {"a": truth((SMALL, 1), (FAR, 1))}
    detections = {"a": found((SMALL, 0.9), ((100, 100, 110, 110), 0.8), (FAR, 0.7))}
    result = coco_ap(detections, ground_truth, ["x"])
    wanted = (51 + 50 * 2 / 3) / 101
    for name in ("AP", "AP50", "AP75", "AP_small"):
        assert result.numbers[name] == pytest.approx(wanted)
    assert result.ap == pytest.approx({"x": wanted})


def test_ap_is_the_mean_over_ten_overlaps():
    # An IoU of 0.72 is enough for 0.5, 0.55, 0.6, 0.65 and 0.7.
    result = coco_ap({"a": found(((0, 0, 100, 72), 0.9))}, {"a": truth(((0, 0, 100, 100), 1))}, ["x"])
    assert result.mAP == pytest.approx(0.5)
    assert result.numbers["AP50"] == pytest.approx(1.0)
    assert result.numbers["AP75"] == 0.0
    assert result.numbers["AP_large"] == pytest.approx(0.5)
    assert result.numbers["AR_100"] == pytest.approx(0.5)


def test_detections_are_ranked_over_all_pictures_with_and_without_objects_or_an_entry():
    # Right, wrong (a picture without objects), right; the third object's picture has no entry.
    ground_truth = {"a": truth((SMALL, 1)), "b": truth(), "c": truth((SMALL, 1)), "d": truth((SMALL, 1))}
    detections = {"c": found((SMALL, 0.7)), "b": found((SMALL, 0.8)), "a": found((SMALL, 0.9))}
    result = coco_ap(detections, ground_truth, ["x"])
    assert result.mAP == pytest.approx((34 * 1 + 33 * 2 / 3 + 34 * 0) / 101)
    assert result.numbers["AR_1"] == result.numbers["AR_100"] == pytest.approx(2 / 3)
    assert result.objects == {"x": 3}


def test_a_detection_whose_best_object_is_taken_falls_back_on_another_unlike_vocs():
    # The second detection's IoU with the second object is 7/9: enough for 0.5 to 0.75, six of the ten overlaps.
    ground_truth = {"a": truth(((0, 0, 10, 10), 1), ((0, 0, 10, 7), 1))}
    detections = {"a": found(((0, 0, 10, 10), 0.9), ((0, 0, 10, 9), 0.8))}
    assert coco_ap(detections, ground_truth, ["x"]).mAP == pytest.approx((6 * 1 + 4 * 51 / 101) / 10)


def test_recall_is_limited_by_the_detections_allowed_in_a_picture():
    ground_truth = {"a": truth((SMALL, 1), (FAR, 1))}
    numbers = coco_ap({"a": found((SMALL, 0.9), (FAR, 0.8))}, ground_truth, ["x"]).numbers
    assert (numbers["AR_1"], numbers["AR_10"], numbers["AR_100"]) == (0.5, 1.0, 1.0)


@pytest.mark.parametrize(("better", "ap", "recall"), [(99, 0.01, 1.0), (100, 0.0, 0.0)])
def test_only_the_best_100_detections_of_a_class_in_a_picture_count(better, ap, recall):
    rows = [(FAR, 0.9 - number / 1000) for number in range(better)]
    # The other class's detection scores less still, and counts: the limit is each class's own.
    detections = {"a": found(*rows, (SMALL, 0.5), (MEDIUM, 0.4, 2))}
    result = coco_ap(detections, {"a": truth((SMALL, 1), (MEDIUM, 2))}, ["x", "y"])
    assert result.ap == pytest.approx({"x": ap, "y": 1.0})
    assert result.numbers["AR_small"] == recall
    assert result.numbers["AR_10"] == 0.5


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_the_outlines_area_decides_what_is_small_not_the_boxs():
    detections = {"a": found((LARGE, 0.9))}
    by_box = coco_ap(detections, {"a": truth((LARGE, 1))}, ["x"])
    assert undefined(by_box) == {"AP_small", "AP_medium", "AR_small", "AR_medium"}
    outlined = Annotation.of([LARGE], [1], size=None, areas=torch.tensor([500.0]))
    by_outline = coco_ap(detections, {"a": outlined}, ["x"])
    assert undefined(by_outline) == {"AP_medium", "AP_large", "AR_medium", "AR_large"}
    assert by_outline.numbers["AP_small"] == pytest.approx(1.0)
    assert by_outline.mAP == by_box.mAP == pytest.approx(1.0)


def test_an_annotation_without_areas_is_measured_by_its_boxes():
    result = coco_ap({"a": found((MEDIUM, 0.9))}, {"a": Annotation.of([MEDIUM], [1], size=None)}, ["x"])
    assert undefined(result) == {"AP_small", "AP_large", "AR_small", "AR_large"}


# --- crowds ---------------------------------------------------------------------------------------------------------


def test_crowds_are_neither_to_be_found_nor_false_however_many_lie_in_one():
    ground_truth = {"a": truth((LARGE, 1, True), (FAR, 1))}
    inside = [((10, 10, 30, 30), 0.9), ((40, 40, 60, 60), 0.8), (LARGE, 0.7)]
    result = coco_ap({"a": found(*inside, (FAR, 0.6))}, ground_truth, ["x"])
    assert result.mAP == pytest.approx(1.0)
    assert result.objects == {"x": 1}
    assert undefined(result) == {"AP_medium", "AP_large", "AR_medium", "AR_large"}
    assert coco_ap({"a": found((FAR, 0.6))}, ground_truth, ["x"]).mAP == pytest.approx(1.0)


def test_a_detection_must_lie_in_a_crowd_by_the_share_that_is_asked_for():
    # One half of it does: at an overlap of 0.5 it does not count, at the nine others it is false.
    ground_truth = {"a": truth(((0, 0, 100, 100), 1, True), (FAR, 1))}
    detections = {"a": found(((90, 0, 110, 20), 0.9), (FAR, 0.8))}
    result = coco_ap(detections, ground_truth, ["x"])
    assert result.numbers["AP50"] == pytest.approx(1.0)
    assert result.mAP == pytest.approx((1 + 9 * 0.5) / 10)


def test_a_crowd_of_another_class_excuses_nothing():
    ground_truth = {"a": truth((LARGE, 2, True), (FAR, 1))}
    detections = {"a": found((LARGE, 0.9), (FAR, 0.8))}
    result = coco_ap(detections, ground_truth, ["x", "y"])
    assert result.ap["x"] == pytest.approx(0.5)
    assert math.isnan(result.ap["y"])


# --- nothing there --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("detections", [{}, {"a": Detections.empty()}], ids=["no entry", "an empty one"])
def test_objects_that_nobody_found_give_0(detections):
    result = coco_ap(detections, {"a": truth((SMALL, 1)), "b": truth((LARGE, 2))}, ["x", "y"])
    assert result.ap == {"x": 0.0, "y": 0.0}
    assert undefined(result) == {"AP_medium", "AR_medium"}
    assert all(value == 0 for name, value in result.numbers.items() if name not in undefined(result))


@pytest.mark.parametrize(
    "ground_truth",
    [{}, {"a": truth()}, {"a": truth((SMALL, 1, True))}],
    ids=["no picture", "no object", "only a crowd"],
)
def test_without_any_object_to_find_everything_is_nan(ground_truth):
    for detections in ({}, {image_id: found((SMALL, 0.9), (FAR, 0.8)) for image_id in ground_truth}):
        result = coco_ap(detections, ground_truth, ["x"])
        assert undefined(result) == set(NUMBERS)
        assert math.isnan(result.mAP)
        assert math.isnan(result.ap["x"])
        assert result.objects == {"x": 0}


# --- pycocotools from files -----------------------------------------------------------------------------------------

CATEGORY_IDS = (3, 18, 44, 90)
"""Ids with gaps; the last class has no objects."""


def random_measurement(seed: int) -> tuple[dict[str, Detections], dict[str, Annotation]]:
    """Draw objects of all sizes, crowds among them, and detections that fit more or less, or nothing."""
    rng = np.random.default_rng(seed)
    ground_truth, detections = {}, {}
    for number in range(25):
        image_id, count = str(10 * number + 7), int(rng.integers(0, 7))
        corners, sides = rng.uniform(0, 200, (count, 2)), 2 ** rng.uniform(3, 8, (count, 2))
        boxes = np.concatenate([corners, corners + sides], axis=1)
        labels = rng.integers(1, 4, count)
        flags = [(crowd, False, False) for crowd in (rng.random(count) < 0.2).tolist()]
        outlines = sides.prod(axis=1) * rng.uniform(0.4, 1, count)
        ground_truth[image_id] = Annotation.of(
            boxes.tolist(), labels.tolist(), flags, size=None, areas=torch.from_numpy(outlines).float()
        )
        if number % 7 == 3:
            continue  # a picture without an entry
        # Each object is reported up to two times, more or less exactly; three boxes more lie anywhere.
        times = rng.integers(0, 3, count)
        near = np.repeat(boxes, times, axis=0)
        near += 0.08 * np.repeat(np.tile(sides, (1, 2)), times, axis=0) * rng.standard_normal(near.shape)
        proposed = np.concatenate([near, rng.uniform(0, 300, (3, 4))])
        low, high = np.minimum(proposed[:, :2], proposed[:, 2:]), np.maximum(proposed[:, :2], proposed[:, 2:])
        detections[image_id] = Detections(
            torch.from_numpy(np.concatenate([low, high], axis=1)).float(),
            torch.from_numpy(rng.random(len(proposed))).float(),
            torch.from_numpy(np.concatenate([np.repeat(labels, times), rng.integers(1, 5, 3)])),
        )
    return detections, ground_truth


def stats_of(truths: COCO, results: COCO, category_ids: list[int]) -> list[float]:
    """Return the twelve numbers over some classes as pycocotools gives them; -1, its "undefined", becomes NaN."""
    run = COCOeval(truths, results, "bbox")
    run.params.catIds = category_ids
    run.evaluate()
    run.accumulate()
    run.summarize()
    return [value if value >= 0 else math.nan for value in run.stats.tolist()]


def stats_from_files(
    folder: Path, detections: dict[str, Detections], ground_truth: dict[str, Annotation]
) -> tuple[list[float], list[float]]:
    """Return the twelve numbers, and AP class by class, of the same in two files that pycocotools reads itself."""
    objects, results = [], []
    for image_id, there in ground_truth.items():
        columns = (there.boxes.double(), there.labels, there.difficult, there.areas)
        for (x1, y1, x2, y2), label, crowd, area in zip(*(column.tolist() for column in columns), strict=True):
            entry = {"id": len(objects) + 1, "image_id": int(image_id), "category_id": CATEGORY_IDS[label - 1]}
            objects.append({**entry, "bbox": [x1, y1, x2 - x1, y2 - y1], "area": area, "iscrowd": int(crowd)})
    for image_id, mine in detections.items():
        columns = (mine.boxes.double(), mine.labels, mine.scores)
        for (x1, y1, x2, y2), label, score in zip(*(column.tolist() for column in columns), strict=True):
            entry = {"image_id": int(image_id), "category_id": CATEGORY_IDS[label - 1]}
            results.append({**entry, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score})
    content = {
        "images": [{"id": int(image_id)} for image_id in ground_truth],
        "categories": [{"id": number, "name": f"class {number}"} for number in CATEGORY_IDS],
        "annotations": objects,
    }
    (folder / "truth.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "found.json").write_text(json.dumps(results), encoding="utf-8")
    with redirect_stdout(io.StringIO()):
        truths = COCO(str(folder / "truth.json"))
        read = truths.loadRes(str(folder / "found.json"))
        whole = stats_of(truths, read, list(CATEGORY_IDS))
        return whole, [stats_of(truths, read, [number])[0] for number in CATEGORY_IDS]


@pytest.mark.parametrize("seed", range(3))
def test_all_numbers_equal_those_of_pycocotools_own_way_through_files(tmp_path, seed):
    detections, ground_truth = random_measurement(seed)
    numbers, by_class = stats_from_files(tmp_path, detections, ground_truth)
    backwards = dict(reversed(detections.items()))  # the order of the pictures does not matter
    result = coco_ap(backwards, ground_truth, ["x", "y", "z", "none"])
    assert list(result.numbers.values()) == pytest.approx(numbers, abs=1e-12, nan_ok=True)
    assert list(result.ap.values()) == pytest.approx(by_class, abs=1e-12, nan_ok=True)
    assert math.isnan(result.ap["none"])
    assert result.mAP == pytest.approx(np.nanmean(list(result.ap.values())))
    assert 0.02 < result.mAP < 0.9
    assert result.objects == {
        name: sum(int(((there.labels == label) & ~there.difficult).sum()) for there in ground_truth.values())
        for label, name in enumerate(result.objects, start=1)
    }


# --- what is said ---------------------------------------------------------------------------------------------------


def test_nothing_is_printed(capsys):
    coco_ap(*random_measurement(0), ["x", "y", "z", "none"])
    written = capsys.readouterr()
    assert written.out == written.err == ""


@pytest.mark.parametrize(
    ("detections", "message"),
    [
        ({"b": found((SMALL, 0.9))}, "unknown picture, got 'b'"),
        ({"b": Detections.empty()}, "unknown picture, got 'b'"),
        ({"a": found((SMALL, 0.9), (SMALL, 0.8, 3))}, r"detections of a, label: unknown, got 3; expected 1\.\.2"),
        ({"a": found((SMALL, 0.9, 0))}, r"detections of a, label: unknown, got 0; expected 1\.\.2"),
        ({"a": found((SMALL, math.nan))}, "detections of a, score: is not finite, got nan"),
        ({"a": found((SMALL, math.inf))}, "detections of a, score: is not finite, got inf"),
        ({"a": found(((20, 10, 10, 20), 0.9))}, r"detections of a, box: cannot be, got \[20\.0, 10\.0, 10\.0, 20\.0\]"),
        ({"a": found(((10, 20, 20, 10), 0.9))}, "detections of a, box: cannot be"),
        ({"a": found(((10, math.nan, 20, 20), 0.9))}, "detections of a, box: cannot be"),
        ({"a": found(((10, 10, math.inf, 20), 0.9))}, "detections of a, box: cannot be"),
    ],
)
def test_what_cannot_be_measured_is_refused(detections, message):
    with pytest.raises(DataError, match=message):
        coco_ap(detections, {"a": truth((SMALL, 1))}, ["x", "y"])


def test_ground_truth_with_an_impossible_label_is_refused():
    with pytest.raises(DataError, match=r"ground truth of a, label: unknown, got 3; expected 1\.\.2"):
        coco_ap({}, {"a": truth((SMALL, 3))}, ["x", "y"])

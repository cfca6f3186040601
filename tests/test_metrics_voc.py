"""ssd.metrics.voc: a loop that follows the development kit line by line, and figures it gave, are the references."""

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Truth, any_boxes, found, grid_boxes, repeatable, truth

from ssd.datasets.voc import VOC_CLASSES, VOCDetection
from ssd.errors import DataError
from ssd.metrics import bootstrap, match_detections, voc_ap
from ssd.metrics.voc import average_precision, count_objects
from ssd.sample import Detections


def upright(boxes):
    """Exchange corners that are the wrong way round; lines and points stay what they are."""
    return torch.cat([torch.minimum(boxes[:, :2], boxes[:, 2:]), torch.maximum(boxes[:, :2], boxes[:, 2:])], dim=1)


def slow_voc_curve(detections, ground_truth, label, threshold):
    """Follow VOCevaldet: boxes as 1-based inclusive pixels, detections best first, one object taken once."""
    objects, positives = {}, 0
    for image_id, there in ground_truth.items():
        rows = zip(there.boxes.tolist(), there.labels.tolist(), there.difficult.tolist(), strict=True)
        objects[image_id] = [
            {"bb": (x1 + 1, y1 + 1, x2, y2), "diff": difficult, "det": False}
            for (x1, y1, x2, y2), its_label, difficult in rows
            if its_label == label
        ]
        positives += sum(not o["diff"] for o in objects[image_id])
    rows = []
    for image_id, mine in detections.items():
        for (x1, y1, x2, y2), score, its_label in zip(
            mine.boxes.tolist(), mine.scores.tolist(), mine.labels.tolist(), strict=True
        ):
            if its_label == label:
                rows.append((score, image_id, (x1 + 1, y1 + 1, x2, y2)))
    rows.sort(key=lambda row: -row[0])
    right, wrong = np.zeros(len(rows)), np.zeros(len(rows))
    for d, (_, image_id, bb) in enumerate(rows):
        best, best_object = -np.inf, None
        for candidate in objects[image_id]:
            gt = candidate["bb"]
            width = min(bb[2], gt[2]) - max(bb[0], gt[0]) + 1
            height = min(bb[3], gt[3]) - max(bb[1], gt[1]) + 1
            if width > 0 and height > 0:
                union = (bb[2] - bb[0] + 1) * (bb[3] - bb[1] + 1) + (gt[2] - gt[0] + 1) * (gt[3] - gt[1] + 1)
                overlap = width * height / (union - width * height)
                if overlap > best:
                    best, best_object = overlap, candidate
        if best >= threshold:
            if not best_object["diff"]:
                if best_object["det"]:
                    wrong[d] = 1
                else:
                    right[d] = 1
                    best_object["det"] = True
        else:
            wrong[d] = 1
    right, wrong = np.cumsum(right), np.cumsum(wrong)
    # Before anything counts, 0 right of 0: the kit has NaN there, and its maximum passes over it as over a 0.
    return right / max(positives, 1), right / np.maximum(right + wrong, 1e-9), positives


def slow_eleven_point(recall, precision):
    """Average the best precision at or beyond each of eleven recalls, as the kit's Python port does."""
    total = 0.0
    for place in np.arange(0.0, 1.1, 0.1):
        beyond = precision[recall >= place]
        total += (beyond.max() if len(beyond) else 0.0) / 11
    return total


def slow_area(recall, precision):
    """Sum rectangles under the envelope, as VOC2010's kit does, with sentinels at both ends."""
    recall, precision = [0.0, *recall, 1.0], [0.0, *precision, 0.0]
    for i in range(len(precision) - 2, -1, -1):
        precision[i] = max(precision[i], precision[i + 1])
    return sum((recall[i] - recall[i - 1]) * precision[i] for i in range(1, len(recall)) if recall[i] != recall[i - 1])


def assert_equals_loop(detections, ground_truth, names, threshold, eleven_point):
    result = voc_ap(detections, ground_truth, names, iou_threshold=threshold, eleven_point=eleven_point)
    assert list(result.ap) == list(result.curves) == list(names)
    values = []
    for label, name in enumerate(names, start=1):
        recall, precision, positives = slow_voc_curve(detections, ground_truth, label, threshold)
        curve = result.curves[name]
        assert curve.objects == positives
        assert curve.recall.tolist() == pytest.approx(recall.tolist())
        assert curve.precision.tolist() == pytest.approx(precision.tolist())
        if positives:
            values.append((slow_eleven_point if eleven_point else slow_area)(recall, precision))
            assert result.ap[name] == pytest.approx(values[-1], abs=1e-9)
        else:
            assert math.isnan(result.ap[name])
    assert result.mAP == pytest.approx(np.mean(values) if values else math.nan, nan_ok=True, abs=1e-9)


@st.composite
def measurements(draw):
    """Draw ground truth and detections of a few pictures, boxes on a coarse grid, no two scores equal."""
    num_classes, ground_truth, detections = draw(st.integers(1, 3)), {}, {}
    pictures = [f"{number:06d}" for number in range(draw(st.integers(1, 4)))]
    for image_id in pictures:
        boxes = draw(grid_boxes(max_size=4))
        size = {"min_size": len(boxes), "max_size": len(boxes)}
        labels = draw(st.lists(st.integers(1, num_classes), **size))
        difficult = draw(st.lists(st.booleans(), **size))
        ground_truth[image_id] = Truth(boxes, torch.tensor(labels, dtype=torch.int64), torch.tensor(difficult).bool())
    total = 0
    for image_id in draw(st.permutations(pictures))[: draw(st.integers(0, len(pictures)))]:
        boxes = draw(st.one_of(grid_boxes(max_size=6), any_boxes(max_size=2).map(upright)))
        labels = draw(st.lists(st.integers(1, num_classes), min_size=len(boxes), max_size=len(boxes)))
        detections[image_id] = Detections(boxes, torch.zeros(len(boxes)), torch.tensor(labels, dtype=torch.int64))
        total += len(boxes)
    scores = torch.tensor(draw(st.permutations(range(total))), dtype=torch.float32) / max(total, 1)
    for mine, its_scores in zip(
        detections.values(), scores.split([len(d.boxes) for d in detections.values()]), strict=True
    ):
        mine.scores = its_scores
    return detections, ground_truth, [f"class {label}" for label in range(1, num_classes + 1)]


@settings(repeatable, max_examples=300)
@given(measurements(), st.sampled_from([0.25, 0.5, 0.75]), st.booleans())
def test_voc_ap_equals_the_kits_loop(drawn, threshold, eleven_point):
    assert_equals_loop(*drawn, threshold, eleven_point)


@pytest.mark.parametrize("eleven_point", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_voc_ap_equals_the_kits_loop_on_many_pictures(seed, eleven_point):
    generator = torch.Generator().manual_seed(seed)
    ground_truth, detections = {}, {}
    for number in range(40):
        count = int(torch.randint(1, 6, (1,), generator=generator))
        corners = torch.randint(0, 300, (count, 2), generator=generator).float()
        boxes = torch.cat([corners, corners + torch.randint(30, 200, (count, 2), generator=generator)], dim=1)
        labels = torch.randint(1, 4, (count,), generator=generator)
        ground_truth[str(number)] = Truth(boxes, labels, torch.rand(count, generator=generator) < 0.2)
        # Each object is reported up to three times, more or less exactly.
        repeats = torch.randint(0, 4, (count,), generator=generator)
        moved = boxes.repeat_interleave(repeats, dim=0)
        moved = upright(moved + 12 * torch.randn(moved.shape, generator=generator))
        scores = torch.rand(len(moved), generator=generator)
        detections[str(number)] = Detections(moved, scores, labels.repeat_interleave(repeats))
    result = voc_ap(detections, ground_truth, ["a", "b", "c"], eleven_point=eleven_point)
    assert 0.1 < result.mAP < 0.9
    assert_equals_loop(detections, ground_truth, ["a", "b", "c"], 0.5, eleven_point)


@pytest.mark.skipif(
    not (os.environ.get("SSD_GOLDEN") and os.environ.get("SSD_VOC_ROOT")),
    reason="set SSD_GOLDEN to the file of detections and their AP, SSD_VOC_ROOT to the folder that holds VOCdevkit",
)
@pytest.mark.parametrize("metric", ["voc07", "area"])
def test_ap_equals_the_golden_figures_on_voc2007_test(metric):
    golden = json.loads(Path(os.environ["SSD_GOLDEN"]).read_text())
    annotations = VOCDetection(os.environ["SSD_VOC_ROOT"], year="2007", split="test").ground_truth()
    # The figures were made on a part of the test split.
    ground_truth = {image_id: annotations[image_id] for image_id in golden["images"]}
    assert tuple(golden["classes"]) == VOC_CLASSES
    rows = {}
    for image_id, number, score, xmin, ymin, xmax, ymax in golden["detections"]:
        rows.setdefault(image_id, []).append(((xmin - 1, ymin - 1, xmax, ymax), score, number + 1))
    detections = {image_id: found(*mine) for image_id, mine in rows.items()}
    result = voc_ap(detections, ground_truth, VOC_CLASSES, eleven_point=metric == "voc07")
    expected = dict(golden["ap"][metric])
    assert result.mAP == pytest.approx(expected.pop("mAP"), abs=1e-6)
    assert result.ap == pytest.approx(expected, abs=1e-6)


BOX, NEAR, FAR = (10, 10, 20, 20), (10, 10, 20, 19), (50, 50, 60, 60)


def test_a_perfect_detector_has_ap_1():
    ground_truth = {"a": truth((BOX, 1), (FAR, 2)), "b": truth((BOX, 2))}
    detections = {"a": found((BOX, 0.9, 1), (FAR, 0.8, 2)), "b": found((BOX, 0.7, 2))}
    for eleven_point in (True, False):
        result = voc_ap(detections, ground_truth, ["x", "y"], eleven_point=eleven_point)
        assert result.ap == pytest.approx({"x": 1.0, "y": 1.0})
        assert result.mAP == pytest.approx(1.0)


def test_ap_by_hand():
    # Right, wrong, right of two objects: precision 1 up to recall 1/2, then 2/3.
    ground_truth = {"a": truth((BOX, 1), (FAR, 1))}
    detections = {"a": found((BOX, 0.9), ((30, 30, 40, 40), 0.8), (FAR, 0.7))}
    result = voc_ap(detections, ground_truth, ["x"])
    assert result.ap["x"] == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)
    assert voc_ap(detections, ground_truth, ["x"], eleven_point=False).ap["x"] == pytest.approx(0.5 + 0.5 * 2 / 3)
    curve = result.curves["x"]
    assert curve.recall.tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert curve.precision.tolist() == pytest.approx([1.0, 0.5, 2 / 3])
    assert curve.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert curve.objects == 2


def test_detections_are_ranked_by_score_over_all_pictures_not_as_they_come():
    ground_truth = {"a": truth((BOX, 1)), "b": truth((BOX, 1))}
    detections = {"b": found((FAR, 0.2), (BOX, 0.9)), "a": found((BOX, 0.5), (FAR, 0.8))}
    curve = voc_ap(detections, ground_truth, ["x"]).curves["x"]
    assert curve.scores.tolist() == pytest.approx([0.9, 0.8, 0.5, 0.2])
    assert curve.recall.tolist() == [0.5, 0.5, 1.0, 1.0]
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])


def test_boxes_measure_as_the_kits_plus_one_widths():
    # VOC's (1, 1, 4, 3) and (1, 1, 4, 6): 12 of 24 pixels. Plain differences of these would give 6 of 15.
    ground_truth = {"a": truth(((0, 0, 4, 6), 1))}
    assert voc_ap({"a": found(((0, 0, 4, 3), 0.9))}, ground_truth, ["x"]).ap["x"] == 1.0


def test_an_iou_of_exactly_the_threshold_is_enough():
    ground_truth = {"a": truth(((0, 0, 4, 4), 1))}
    half = {"a": found(((0, 0, 4, 2), 0.9))}
    assert voc_ap(half, ground_truth, ["x"], iou_threshold=0.5).ap["x"] == 1.0
    assert voc_ap(half, ground_truth, ["x"], iou_threshold=0.51).ap["x"] == 0.0


def test_a_second_detection_of_an_object_is_false_though_it_fits_better():
    ground_truth = {"a": truth((BOX, 1))}
    curve = voc_ap({"a": found((NEAR, 0.9), (BOX, 0.8))}, ground_truth, ["x"]).curves["x"]
    assert curve.precision.tolist() == [1.0, 0.5]
    assert curve.recall.tolist() == [1.0, 1.0]


def test_a_detection_whose_best_object_is_taken_does_not_fall_back_on_another():
    # Both boxes overlap both objects by more than a half, and the first object most.
    ground_truth = {"a": truth(((0, 0, 10, 10), 1), ((0, 0, 10, 7), 1))}
    detections = {"a": found(((0, 0, 10, 10), 0.9), ((0, 0, 10, 9), 0.8))}
    curve = voc_ap(detections, ground_truth, ["x"]).curves["x"]
    assert curve.recall.tolist() == [0.5, 0.5]
    assert curve.precision.tolist() == [1.0, 0.5]


def test_the_same_place_in_two_pictures_holds_two_objects():
    ground_truth = {"a": truth((BOX, 1)), "b": truth((BOX, 1)), "c": truth()}
    detections = {name: found((BOX, score)) for name, score in (("a", 0.9), ("b", 0.8), ("c", 0.7))}
    curve = voc_ap(detections, ground_truth, ["x"]).curves["x"]
    assert curve.recall.tolist() == [0.5, 1.0, 1.0]
    assert curve.precision.tolist() == pytest.approx([1.0, 1.0, 2 / 3])


def test_difficult_objects_are_neither_to_be_found_nor_false():
    ground_truth = {"a": truth((BOX, 1, True), (FAR, 1))}
    detections = {"a": found((BOX, 0.9), (NEAR, 0.8), (FAR, 0.7))}
    result = voc_ap(detections, ground_truth, ["x"])
    assert result.ap["x"] == pytest.approx(1.0)
    assert result.curves["x"].objects == 1
    # Where nothing counts yet, precision is 0.
    assert result.curves["x"].precision.tolist() == [0.0, 0.0, 1.0]


def test_overlapping_a_difficult_object_most_a_detection_is_ignored():
    # It overlaps the other object by more than a half, too, but does not claim it.
    ground_truth = {"a": truth(((0, 0, 10, 10), 1, True), ((0, 0, 10, 7), 1))}
    curve = voc_ap({"a": found(((0, 0, 10, 9), 0.9))}, ground_truth, ["x"]).curves["x"]
    assert (curve.recall.tolist(), curve.precision.tolist(), curve.objects) == ([0.0], [0.0], 1)


def test_a_class_with_only_difficult_objects_is_nan_and_left_out_of_the_mean():
    ground_truth = {"a": truth((BOX, 1, True), (FAR, 2))}
    result = voc_ap({"a": found((BOX, 0.9, 1), (FAR, 0.8, 2))}, ground_truth, ["x", "y", "z"])
    assert math.isnan(result.ap["x"])
    assert math.isnan(result.ap["z"])
    assert result.ap["y"] == pytest.approx(1.0)
    assert result.mAP == pytest.approx(1.0)


def test_without_any_object_to_find_the_mean_is_nan():
    result = voc_ap({"a": found((BOX, 0.9))}, {"a": truth()}, ["x"])
    assert math.isnan(result.mAP)
    assert math.isnan(voc_ap({}, {}, ["x"]).mAP)
    assert math.isnan(voc_ap({}, {"a": truth((BOX, 1, True))}, ["x"]).mAP)


def test_a_detection_of_another_class_is_false_and_finds_nothing():
    ground_truth = {"a": truth((BOX, 1), (FAR, 2))}
    result = voc_ap({"a": found((BOX, 0.9, 2), (FAR, 0.8, 2))}, ground_truth, ["x", "y"])
    assert result.ap["x"] == 0.0
    assert result.curves["y"].precision.tolist() == [0.0, 0.5]
    assert result.curves["y"].recall.tolist() == [0.0, 1.0]


def test_an_object_of_another_class_does_not_stand_in_the_way():
    ground_truth = {"a": truth((BOX, 2), (NEAR, 1))}
    assert voc_ap({"a": found((BOX, 0.9, 1))}, ground_truth, ["x", "y"]).ap["x"] == pytest.approx(1.0)


def test_a_false_detection_in_a_picture_without_objects_counts():
    ground_truth = {"a": truth((BOX, 1)), "b": truth()}
    curve = voc_ap({"a": found((BOX, 0.5)), "b": found((BOX, 0.9))}, ground_truth, ["x"]).curves["x"]
    assert curve.precision.tolist() == [0.0, 0.5]


@pytest.mark.parametrize("eleven_point", [True, False])
def test_objects_that_nobody_found_give_ap_0(eleven_point):
    ground_truth = {"a": truth((BOX, 1)), "b": truth((BOX, 1), (FAR, 2))}
    for detections in ({}, {"a": Detections.empty()}):
        result = voc_ap(detections, ground_truth, ["x", "y"], eleven_point=eleven_point)
        assert result.ap == {"x": 0.0, "y": 0.0}
        assert result.mAP == 0.0
        assert result.curves["x"].objects == 2
        assert (
            len(result.curves["x"].recall) == len(result.curves["x"].precision) == len(result.curves["x"].scores) == 0
        )


def test_a_picture_without_an_entry_still_has_objects_to_find():
    ground_truth = {"a": truth((BOX, 1)), "b": truth((BOX, 1))}
    result = voc_ap({"a": found((BOX, 0.9))}, ground_truth, ["x"], eleven_point=False)
    assert result.ap["x"] == pytest.approx(0.5)


def test_an_unknown_picture_is_refused():
    with pytest.raises(DataError, match="000007"):
        voc_ap({"000007": found((BOX, 0.9))}, {"000005": truth((BOX, 1))}, ["x"])
    with pytest.raises(DataError, match="000007"):
        voc_ap({"000007": Detections.empty()}, {"000005": truth((BOX, 1))}, ["x"])


@pytest.mark.parametrize("label", [0, -1, 3, 21])
def test_a_label_outside_1_to_c_is_refused(label):
    with pytest.raises(DataError, match="label") as caught:
        voc_ap({"a": found((BOX, 0.9, 1), (BOX, 0.8, label))}, {"a": truth((BOX, 1))}, ["x", "y"])
    assert caught.value.value == label
    assert caught.value.expected == "1..2"


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_refused(score):
    with pytest.raises(DataError, match="score") as caught:
        voc_ap({"a": found((BOX, 0.9), (BOX, score))}, {"a": truth((BOX, 1))}, ["x"])
    assert caught.value.value == pytest.approx(score, nan_ok=True)
    assert "a" in caught.value.field


def test_eleven_points_pass_over_a_recall_of_exactly_3_tenths():
    # The fourth point is 0.30000000000000004; without the kit's rounding the result would be 4/11.
    assert average_precision(np.array([0.1, 0.2, 0.3]), np.ones(3)) == pytest.approx(3 / 11)
    assert average_precision(np.array([0.1, 0.2, 0.31]), np.ones(3)) == pytest.approx(4 / 11)
    ground_truth = {str(number): truth((BOX, 1)) for number in range(10)}
    detections = {str(number): found((BOX, 0.9 - number / 100)) for number in range(3)}
    assert voc_ap(detections, ground_truth, ["x"]).ap["x"] == pytest.approx(3 / 11)


def test_a_recall_of_exactly_1_reaches_all_eleven_points():
    assert average_precision(np.array([0.5, 1.0]), np.array([1.0, 1.0])) == pytest.approx(1.0)
    assert average_precision(np.array([0.5, 0.99]), np.array([1.0, 1.0])) == pytest.approx(10 / 11)


@repeatable
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=12), st.integers(0, 4))
def test_average_precision_equals_the_kits_loops(rows, missed):
    right = np.array([r for r, _ in rows], dtype=float)
    recall = np.cumsum(right) / max(right.sum() + missed, 1)
    precision = np.array([p for _, p in rows])
    assert average_precision(recall, precision) == pytest.approx(slow_eleven_point(recall, precision))
    assert average_precision(recall, precision, eleven_point=False) == pytest.approx(slow_area(recall, precision))


@repeatable
@given(measurements())
def test_curves_rise_in_recall_and_fall_in_score(drawn):
    detections, ground_truth, names = drawn
    for label, name in enumerate(names, start=1):
        curve = voc_ap(detections, ground_truth, names).curves[name]
        count = sum(int((d.labels == label).sum()) for d in detections.values())
        assert len(curve.recall) == len(curve.precision) == len(curve.scores) == count
        assert (np.diff(curve.recall) >= 0).all()
        assert (np.diff(curve.scores) <= 0).all()
        assert ((curve.recall >= 0) & (curve.recall <= 1)).all()
        assert ((curve.precision >= 0) & (curve.precision <= 1)).all()


def test_ground_truth_with_an_impossible_label_is_refused():
    truth = SimpleNamespace(
        boxes=torch.tensor([[0.0, 0, 1, 1]]), labels=torch.tensor([3]), difficult=torch.tensor([False])
    )
    with pytest.raises(DataError, match=r"ground truth of p, label.*3.*1\.\.2"):
        voc_ap({}, {"p": truth}, ("cat", "dog"))


@pytest.mark.parametrize(
    "box", [(20, 10, 10, 20), (10, 20, 20, 10), (math.nan, 10, 20, 20), (10, 10, 20, math.nan), (10, 10, math.inf, 20)]
)
def test_a_box_that_is_reversed_or_not_finite_is_refused(box):
    with pytest.raises(DataError, match="detections of a, box: cannot be") as caught:
        voc_ap({"a": found((BOX, 0.9), (box, 0.8))}, {"a": truth((BOX, 1))}, ["x"])
    assert caught.value.value == pytest.approx(list(box), nan_ok=True)


def test_a_box_without_area_is_false_but_no_fault():
    result = voc_ap({"a": found(((10, 10, 10, 20), 0.9), ((10, 10, 10, 10), 0.8))}, {"a": truth((BOX, 1))}, ["x"])
    assert result.ap["x"] == 0.0


# --- what detections meet -------------------------------------------------------------------------------------------


@st.composite
def tied_measurements(draw):
    """Draw as `measurements` does, but with many equal scores, and in no order."""
    detections, ground_truth, names = draw(measurements())
    for mine in detections.values():
        scores = st.lists(st.sampled_from([0.25, 0.5, 0.75]), min_size=len(mine.boxes), max_size=len(mine.boxes))
        mine.scores = torch.tensor(draw(scores), dtype=torch.float32)
    return detections, ground_truth, names


def slow_iou(one, other):
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (sum(areas) - width * height)


def slow_matches(detections, ground_truth, threshold):
    """Go through all detections, best first, and note what each meets: a row of everything that `Matches` holds."""
    queue, objects, total = [], {}, 0
    for number, (image_id, there) in enumerate(ground_truth.items()):
        columns = (there.boxes.tolist(), there.labels.tolist(), there.difficult.tolist())
        objects[number] = [(total + place, *one) for place, one in enumerate(zip(*columns, strict=True))]
        total += len(there.labels)
        if image_id in detections:
            mine = detections[image_id]
            columns = (mine.boxes.tolist(), mine.labels.tolist(), mine.scores.tolist())
            queue += [(number, row, *one) for row, one in enumerate(zip(*columns, strict=True))]
    queue.sort(key=lambda entry: -entry[4])
    taken, rows = set(), []
    for number, row, box, label, score in queue:
        best, claimed, difficult = 0.0, -1, False
        for its_number, its_box, its_label, its_difficult in objects[number]:
            overlap = slow_iou(box, its_box) if its_label == label else 0.0
            if overlap > best:
                best, claimed, difficult = overlap, its_number, its_difficult
        if best < threshold:
            claimed, difficult = -1, False
        right = claimed >= 0 and not difficult and claimed not in taken
        taken.add(claimed)
        rows.append((number, row, label, score, claimed, right, difficult))
    return rows


@repeatable
@given(measurements() | tied_measurements(), st.sampled_from([0.25, 0.5, 0.75]))
def test_matches_equal_a_loop_over_all_detections(drawn, threshold):
    detections, ground_truth, _ = drawn
    matches = match_detections(detections, ground_truth, threshold)
    columns = (matches.pictures, matches.rows, matches.labels, matches.scores)
    columns = (*columns, matches.objects, matches.right, matches.ignored)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert rows == slow_matches(detections, ground_truth, threshold)


def test_objects_are_counted_without_the_difficult_ones():
    ground_truth = {"a": truth((BOX, 1), (FAR, 2, True), (NEAR, 1)), "b": truth(), "c": truth((BOX, 3), (FAR, 2))}
    assert count_objects(ground_truth, 4).tolist() == [[2, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]]
    assert count_objects({}, 4).shape == (0, 4)


# --- an interval for mAP --------------------------------------------------------------------------------------------


def slow_bootstrap(detections, ground_truth, names, samples, seed, eleven_point):
    """Repeat pictures for good, each copy under a name of its own, and measure anew."""
    rng, pictures, values = np.random.default_rng(seed), list(ground_truth), []
    for _ in range(samples):
        drawn = [pictures[number] for number in rng.integers(len(pictures), size=len(pictures)).tolist()]
        copies = {f"{image_id}, draw {turn}": image_id for turn, image_id in enumerate(drawn)}
        again = {copy: detections[image_id] for copy, image_id in copies.items() if image_id in detections}
        objects = {copy: ground_truth[image_id] for copy, image_id in copies.items()}
        values.append(voc_ap(again, objects, names, eleven_point=eleven_point).mAP)
    return values


@settings(repeatable, max_examples=60)
@given(measurements(), st.integers(0, 100), st.booleans())
def test_draws_equal_those_of_pictures_that_are_really_repeated(drawn, seed, eleven_point):
    fast = bootstrap(voc_ap(*drawn, eleven_point=eleven_point), samples=4, seed=seed)
    np.testing.assert_allclose(fast, slow_bootstrap(*drawn, 4, seed, eleven_point), rtol=0, atol=1e-12)


def test_with_one_picture_every_draw_is_the_map_itself():
    ground_truth = {"a": truth((BOX, 1), (FAR, 1), (BOX, 2), ((30, 30, 40, 40), 1, True))}
    rows = [(BOX, 0.9), ((0, 0, 5, 5), 0.8), ((30, 30, 40, 40), 0.7), (FAR, 0.6), (NEAR, 0.5, 2)]
    for eleven_point in (True, False):
        result = voc_ap({"a": found(*rows)}, ground_truth, ["x", "y", "z"], eleven_point=eleven_point)
        assert 0.5 < result.mAP < 1
        assert bootstrap(result, samples=5) == pytest.approx(np.full(5, result.mAP))


def halves(pictures):
    """Measure as many pictures with an object in each, of which every other is found: AP is the share found."""
    ground_truth = {str(number): truth((BOX, 1)) for number in range(pictures)}
    detections = {str(number): found((BOX, 0.9 - number / (2 * pictures))) for number in range(0, pictures, 2)}
    return voc_ap(detections, ground_truth, ["x"], eleven_point=False)


def test_the_same_seed_gives_the_same_draws():
    result = halves(20)
    assert len(bootstrap(result)) == 1000
    one, same, other = (bootstrap(result, 50, seed) for seed in (1, 1, 2))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


def test_a_draw_without_any_object_is_nan():
    result = voc_ap({"a": found((BOX, 0.9))}, {"a": truth((BOX, 1)), "b": truth()}, ["x"])
    values = bootstrap(result, samples=50, seed=3)
    rng = np.random.default_rng(3)
    empty = [rng.integers(2, size=2).tolist() == [1, 1] for _ in range(50)]
    assert np.isnan(values).tolist() == empty
    assert 0 < sum(empty) < 50
    assert values[~np.array(empty)] == pytest.approx(np.ones(50 - sum(empty)))
    assert np.isnan(bootstrap(voc_ap({}, {"a": truth()}, ["x"]), samples=3)).all()


def test_the_interval_holds_the_map_and_shrinks_as_pictures_become_more():
    widths = []
    for pictures in (20, 320):
        result = halves(pictures)
        assert result.mAP == pytest.approx(0.5)
        low, high = np.quantile(bootstrap(result, 400), (0.025, 0.975))
        assert low < result.mAP < high
        widths.append(high - low)
    # The width goes with the root of the number of pictures: 16 times as many make it a quarter.
    assert widths[1] < widths[0] / 2

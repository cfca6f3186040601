"""ssd.metrics.diagnosis: scenes worked out by hand, and a loop over single detections, are the references."""

import json
import math
from collections import Counter
from itertools import accumulate
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from strategies import as_boxes

from ssd.datasets import Annotation
from ssd.errors import DataError, RecipeError
from ssd.metrics import diagnose, voc_ap
from ssd.metrics.diagnosis import (
    CHARACTERISTICS,
    COUNTS,
    KINDS,
    MULTIPLES,
    REASONS,
    SIMILAR,
    ClassDiagnosis,
)
from ssd.sample import Detections

NAMES = ("dog", "cat", "car", "bus")
DOG, CAT, CAR, BUS = 1, 2, 3, 4
"""A dog is like a cat, and a car like a bus."""

A, B, C = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)
"""Places of objects, far from each other."""

NEARLY, HALF, WEAKLY, TENTH, LESS = (0, 0, 10, 9), (0, 0, 10, 5), (0, 0, 10, 4), (0, 0, 10, 1), (0, 0, 9, 1)
"""Boxes that overlap A by 0.9, 0.5, 0.4, 0.1 and 0.09."""

NOWHERE = (60, 60, 70, 70)


def truth(*objects):
    """Build a picture's ground truth of (box, label, flags): of d(ifficult), t(runcated), o(ccluded), or none."""
    flags = [tuple(flag in "".join(o[2:]) for flag in "dto") for o in objects]
    return Annotation.of([o[0] for o in objects], [o[1] for o in objects], flags, size=None)


def found(*rows):
    """Build a picture's detections of (box, score, label)."""
    scores = torch.tensor([row[1] for row in rows], dtype=torch.float32)
    return Detections(as_boxes([row[0] for row in rows]), scores, torch.tensor([row[2] for row in rows]).long())


def diagnose_one(detections, objects, name="dog", **options):
    """Diagnose a single picture; return what became of one class."""
    return diagnose({"p": found(*detections)}, {"p": truth(*objects)}, NAMES, **options).classes[name]


def kinds_of(detections, objects, **options):
    return [KINDS[kind] for kind in diagnose_one(detections, objects, **options).kinds]


# ------------------------------------------------------------------------------------------------- kinds, by hand


def test_each_kind_of_detection_in_one_picture():
    objects = [(A, DOG), (B, CAT), (C, CAR)]
    detections = [(A, 0.9, DOG), (WEAKLY, 0.8, DOG), (B, 0.7, DOG), (C, 0.6, DOG), (NOWHERE, 0.5, DOG)]
    one = diagnose_one(detections, objects)
    assert [KINDS[kind] for kind in one.kinds] == list(KINDS)
    assert one.duplicates.tolist() == [False] * 5
    assert one.objects == 1


def test_a_second_detection_of_an_object_is_of_the_kind_localisation_and_marked():
    one = diagnose_one([(NEARLY, 0.9, DOG), (A, 0.8, DOG), (WEAKLY, 0.7, DOG)], [(A, DOG)])
    assert [KINDS[kind] for kind in one.kinds] == ["correct", "localisation", "localisation"]
    assert one.duplicates.tolist() == [False, True, False]


def test_an_object_of_its_own_class_comes_first_then_one_of_a_similar_class_then_any_other():
    detections = [(TENTH, 0.9, DOG)]
    assert kinds_of(detections, [(A, DOG), (TENTH, CAT), (TENTH, CAR)]) == ["localisation"]
    assert kinds_of(detections, [(B, DOG), (A, CAT), (TENTH, CAR)]) == ["similar"]
    assert kinds_of(detections, [(B, DOG), (TENTH, CAR)]) == ["other"]


def test_an_overlap_of_exactly_a_tenth_counts_and_less_does_not():
    for label, kind in ((DOG, "localisation"), (CAT, "similar"), (CAR, "other")):
        objects = [(A, label), (C, DOG)]
        assert kinds_of([(TENTH, 0.9, DOG)], objects) == [kind]
        assert kinds_of([(LESS, 0.9, DOG)], objects) == ["background"]
    # Not about the dog any more, it is about the cat.
    assert kinds_of([(LESS, 0.9, DOG)], [(A, DOG), (TENTH, CAT)]) == ["similar"]


def test_what_is_similar_can_be_said():
    detections, objects = [(A, 0.9, DOG), (B, 0.8, DOG)], [(A, CAT), (B, CAR), (C, DOG)]
    assert kinds_of(detections, objects) == ["similar", "other"]
    assert kinds_of(detections, objects, similar=[("dog", "car", "unicorn")]) == ["other", "similar"]
    assert kinds_of(detections, objects, similar=()) == ["other", "other"]


def test_a_class_in_two_groups_does_not_make_all_of_them_similar():
    names = ("bird", "aeroplane", "cat")
    ground_truth = {"p": truth((A, 1), (B, 2), (C, 3))}
    detections = {"p": found((B, 0.9, 1), (C, 0.8, 1), (A, 0.7, 2), (C, 0.6, 2))}
    classes = diagnose(detections, ground_truth, names).classes
    assert [KINDS[kind] for kind in classes["bird"].kinds] == ["similar", "similar"]
    assert [KINDS[kind] for kind in classes["aeroplane"].kinds] == ["similar", "other"]


def test_difficult_objects_tell_what_an_error_is_about():
    assert kinds_of([(WEAKLY, 0.9, DOG)], [(A, DOG, "d"), (C, DOG)]) == ["localisation"]
    assert kinds_of([(A, 0.9, DOG)], [(A, CAT, "d"), (C, DOG)]) == ["similar"]
    assert kinds_of([(A, 0.9, DOG)], [(A, CAR, "d"), (C, DOG)]) == ["other"]


def test_a_detection_of_a_difficult_object_is_not_counted_at_all():
    one = diagnose_one([(A, 0.9, DOG), (NEARLY, 0.8, DOG), (B, 0.7, DOG)], [(A, DOG, "d"), (B, DOG)])
    assert [KINDS[kind] for kind in one.kinds] == ["correct"]
    assert one.duplicates.tolist() == [False]
    assert one.objects == 1


def test_the_overlap_of_a_right_detection_can_be_said():
    assert kinds_of([(WEAKLY, 0.9, DOG)], [(A, DOG)], iou_threshold=0.3) == ["correct"]
    assert kinds_of([(HALF, 0.9, DOG)], [(A, DOG)], iou_threshold=0.5) == ["correct"]
    assert kinds_of([(HALF, 0.9, DOG)], [(A, DOG)], iou_threshold=0.6) == ["localisation"]


def test_classes_without_an_object_to_find_are_left_out():
    ground_truth = {"p": truth((A, DOG), (B, CAT, "d"))}
    done = diagnose({"p": found((A, 0.9, DOG), (B, 0.8, CAT), (C, 0.7, CAR))}, ground_truth, NAMES)
    assert list(done.classes) == ["dog"]
    assert list(done.record()["classes"]) == ["dog"]
    nothing = diagnose({}, {}, NAMES)
    assert (nothing.classes, nothing.image_ids) == ({}, ())


def test_detections_are_found_again_by_their_rows_best_first():
    ground_truth = {"p": truth((A, DOG)), "q": truth(), "r": truth((B, CAT))}
    detections = {
        "r": found((B, 0.3, DOG), (B, 0.6, CAT)),
        "p": found((A, 0.4, DOG), (C, 0.9, CAT), (NOWHERE, 0.8, DOG)),
        "q": found((A, 0.5, DOG)),
    }
    done = diagnose(detections, ground_truth, NAMES)
    assert done.image_ids == ("p", "q", "r")
    places = {
        name: [(done.image_ids[done.matches.pictures[row]], int(done.matches.rows[row])) for row in one.matches]
        for name, one in done.classes.items()
    }
    assert places == {"dog": [("p", 2), ("q", 0), ("p", 0), ("r", 0)], "cat": [("p", 1), ("r", 1)]}
    assert [KINDS[kind] for kind in done.classes["dog"].kinds] == ["background", "background", "correct", "similar"]


# ------------------------------------------------------------------------------------------------- shares and recall


def class_of(kinds, objects, weak_recall=()):
    """Build what became of a class from its detections' kinds alone."""
    kinds = np.array(kinds, dtype=np.int64)
    nothing = np.zeros(len(kinds), dtype=bool)
    return ClassDiagnosis(objects, kinds, nothing, np.arange(len(kinds)), np.array(weak_recall), 0.0, {}, {})


def test_shares_are_those_of_the_best_detections_in_multiples_of_the_objects():
    one = class_of([0, 1, 0, 4, 2, 0], 4)
    # Half an object's worth is still one detection; of twice as many as there are objects there are too few.
    assert one.shares([0.125, 0.5, 1, 1.5, 2]).tolist() == [
        [1, 0, 0, 0, 0],
        [0.5, 0.5, 0, 0, 0],
        [0.5, 0.25, 0, 0, 0.25],
        pytest.approx([3 / 6, 1 / 6, 1 / 6, 0, 1 / 6]),
        pytest.approx([math.nan] * 5, nan_ok=True),
    ]


def test_recall_is_that_of_the_best_detections_in_multiples_of_the_objects():
    one = class_of([0, 1, 0, 4, 2, 0], 4, [0.25, 0.5, 0.75, 0.75, 0.75, 1.0])
    assert one.recall([0.125, 0.5, 1, 8]).tolist() == [[0.25, 0.25], [0.25, 0.5], [0.5, 0.75], [0.75, 1.0]]


def test_false_detections_are_shared_out_among_themselves():
    one = class_of([0, 1, 0, 4, 2, 0], 4)
    assert one.false_positives([1, 2, 3, 4]).tolist() == [
        [1, 0, 0, 0],
        [0.5, 0, 0, 0.5],
        pytest.approx([1 / 3, 1 / 3, 0, 1 / 3]),
        pytest.approx([math.nan] * 4, nan_ok=True),
    ]


def test_where_there_is_no_detection_or_no_false_one_there_are_no_shares():
    assert np.isnan(class_of([], 4).shares(MULTIPLES)).all()
    assert class_of([], 4).shares(MULTIPLES).shape == (len(MULTIPLES), len(KINDS))
    assert class_of([], 4).recall(MULTIPLES).tolist() == [[0.0, 0.0]] * len(MULTIPLES)
    for kinds in ([], [0, 0]):
        false = class_of(kinds, 4).false_positives(COUNTS)
        assert np.isnan(false).all()
        assert false.shape == (len(COUNTS), len(KINDS) - 1)


def test_an_object_is_found_weakly_before_it_is_found():
    one = diagnose_one([(WEAKLY, 0.9, DOG), (NOWHERE, 0.8, DOG), (A, 0.7, DOG)], [(A, DOG), (B, DOG)])
    assert one.weak_recall.tolist() == [0.5, 0.5, 0.5]
    assert one.recall([0.5, 1, 2]).tolist() == [[0.0, 0.5], [0.0, 0.5], [0.5, 0.5]]


# ------------------------------------------------------------------------------------------------- normalised precision


def pictures(count, **some):
    """Return the ground truth of `count` pictures, all empty but those that are given."""
    return {**some, **{f"empty {number}": truth() for number in range(count - len(some))}}


def test_normalised_ap_by_hand():
    # Ten pictures, so N is 1.5. Right, false, right: 0.75 / 0.75, 0.75 / 1.75 and 1.5 / 2.5.
    ground_truth = pictures(10, p=truth((A, DOG), (B, DOG)))
    detections = {"p": found((A, 0.9, DOG), (NOWHERE, 0.8, DOG), (B, 0.7, DOG))}
    one = diagnose(detections, ground_truth, NAMES).classes["dog"]
    assert one.normalised_ap == pytest.approx(0.5 * 1 + 0.5 * 0.6)


def test_normalised_ap_of_as_many_objects_as_are_normal_is_the_area():
    # Three objects in twenty pictures are 0.15 of them.
    ground_truth = pictures(20, p=truth((A, DOG)), q=truth((A, DOG)), r=truth((B, DOG), (C, CAT)))
    detections = {
        "p": found((A, 0.9, DOG), (NOWHERE, 0.8, DOG)),
        "q": found((A, 0.7, DOG), (NOWHERE, 0.95, DOG), (C, 0.3, CAT)),
        "r": found((B, 0.5, DOG), (C, 0.6, CAT)),
    }
    one = diagnose(detections, ground_truth, NAMES).classes
    area = voc_ap(detections, ground_truth, NAMES, eleven_point=False).ap
    assert one["dog"].normalised_ap == pytest.approx(area["dog"])
    assert area["dog"] < 1
    # Of the only cat, the first detection is right; the second stands behind it and costs nothing.
    assert area["cat"] == pytest.approx(1)
    assert one["cat"].normalised_ap == pytest.approx(1)


def test_sensitivity_by_hand():
    # Twenty pictures, N is 3: right on the large dog, false, right on the small one.
    ground_truth = pictures(20, p=truth((A, DOG)), q=truth(((0, 0, 40, 40), DOG)))
    detections = {"p": found((A, 0.7, DOG)), "q": found(((0, 0, 40, 40), 0.9, DOG), (NOWHERE, 0.8, DOG))}
    table = diagnose(detections, ground_truth, NAMES).classes["dog"].sensitivity
    whole = 0.5 * 1 + 0.5 * 3 / 4
    nothing = pytest.approx((math.nan, 0), nan_ok=True)
    assert table["size"]["XS"] == pytest.approx((3 / 4, 1))  # false, then right
    assert table["size"]["L"] == pytest.approx((1.0, 1))  # right, then false
    assert [table["size"][level] for level in ("S", "M", "XL")] == [nothing] * 3
    # Both are squares, neither is cut off or covered, and each is alone.
    alike = {"shape": "XT", "truncated": "no", "occluded": "no", "objects in the picture": "1"}
    for characteristic, level in alike.items():
        assert table[characteristic].pop(level) == pytest.approx((whole, 2))
        assert list(table[characteristic].values()) == [nothing] * len(table[characteristic])


def counts_of(ground_truth, characteristic, name="dog"):
    """Return how many objects of a class each level of a characteristic has."""
    table = diagnose({}, ground_truth, NAMES).classes[name].sensitivity[characteristic]
    assert tuple(table) == CHARACTERISTICS[characteristic]
    return [number for _, number in table.values()]


@pytest.mark.parametrize(
    ("count", "levels"), [(1, [1, 0, 0, 0, 0]), (2, [1, 0, 0, 1, 0]), (3, [1, 0, 1, 1, 0]), (10, [1, 2, 4, 2, 1])]
)
def test_sizes_are_told_apart_by_quantiles_within_the_class(count, levels):
    ground_truth = {
        str(n): truth(((0, 0, 10 + n, 10 + n), DOG), ((0, 0, 900, 900), CAT), ((0, 0, 1 + n, 1), DOG, "d"))
        for n in range(count)
    }
    assert counts_of(ground_truth, "size") == levels
    assert counts_of(ground_truth, "size", "cat") == [count, 0, 0, 0, 0]


def test_shapes_run_from_tall_to_wide():
    tall, square, wide = (0, 0, 10, 30), (0, 0, 20, 20), (0, 0, 30, 10)
    ground_truth = {"p": truth((wide, DOG, "t"), (tall, DOG), (square, DOG, "o"))}
    assert counts_of(ground_truth, "shape") == [1, 0, 1, 1, 0]
    table = diagnose({"p": found((wide, 0.9, DOG))}, ground_truth, NAMES).classes["dog"].sensitivity
    assert [table["shape"][level][0] for level in ("XT", "M", "W")] == pytest.approx([0, 0, 1])
    assert [table["truncated"][level] for level in ("no", "yes")] == [(0.0, 2), pytest.approx((1.0, 1))]


def test_cut_off_covered_and_in_company():
    crowd = truth((A, DOG, "to"), *[(B, CAT)] * 2, *[(C, BUS, "d")] * 3)  # six, whatever they are
    ground_truth = {"p": crowd, "q": truth((A, DOG, "t"), (B, CAT)), "r": truth((A, DOG), *[(B, DOG)] * 2)}
    assert counts_of(ground_truth, "truncated") == [3, 2]
    assert counts_of(ground_truth, "occluded") == [4, 1]
    assert counts_of(ground_truth, "objects in the picture") == [0, 1, 3, 1]
    assert counts_of({"p": truth((A, DOG)), "q": truth(*[(A, DOG)] * 5)}, "objects in the picture") == [1, 0, 5, 0]


def test_ground_truth_may_know_nothing_of_flags():
    plain = SimpleNamespace(boxes=as_boxes([A]), labels=torch.tensor([DOG]), difficult=torch.tensor([False]))
    assert counts_of({"p": plain}, "truncated") == counts_of({"p": plain}, "occluded") == [1, 0]


# ------------------------------------------------------------------------------------------------- what is missed


def missed_of(detections, objects):
    """Return why dogs were missed in a single picture, where N is 0.15, without the reasons that nobody has."""
    missed = diagnose_one(detections, objects).missed
    assert tuple(missed) == REASONS
    return {reason: number for reason, number in missed.items() if number}


def test_an_object_found_behind_three_false_detections_is_found_late():
    # 0.15 / (0.15 + 2) is 0.07, 0.15 / (0.15 + 3) less than 0.05.
    false = [(NOWHERE, 0.9, DOG), (B, 0.8, DOG), (C, 0.7, DOG)]
    assert missed_of([(A, 0.6, DOG)], [(A, DOG)]) == {}
    assert missed_of([*false[:2], (A, 0.6, DOG)], [(A, DOG)]) == {}
    assert missed_of([*false, (A, 0.6, DOG)], [(A, DOG)]) == {"late": 1}


def test_an_object_is_not_late_if_precision_is_high_enough_at_a_later_one():
    # 0.075 / (0.075 + 2) is 0.036, and with the second object found 0.15 / (0.15 + 2) is 0.07.
    first, objects = [(NOWHERE, 0.9, DOG), (C, 0.8, DOG), (A, 0.7, DOG)], [(A, DOG), (B, DOG)]
    assert missed_of(first, objects) == {"late": 1, "unseen": 1}
    assert missed_of([*first, (B, 0.6, DOG)], objects) == {}


def test_an_object_that_a_detection_of_its_class_touches_is_found_loosely():
    objects = [(B, DOG), (A, DOG)]
    for box, reason in ((WEAKLY, "loose"), (TENTH, "loose"), (LESS, "unseen"), (NOWHERE, "unseen")):
        assert missed_of([(B, 0.9, DOG), (box, 0.8, DOG)], objects) == {reason: 1}


def test_an_object_where_another_class_was_detected_is_confused():
    objects = [(A, DOG), (B, CAT), (C, DOG)]
    cat = [(B, 0.9, CAT)]
    for box, reason in ((A, "confused"), (HALF, "confused"), (WEAKLY, "unseen")):
        assert missed_of([*cat, (box, 0.8, CAT), (C, 0.7, DOG)], objects) == {reason: 1}
    # What touches it comes first.
    assert missed_of([*cat, (A, 0.8, CAT), (C, 0.7, DOG), (TENTH, 0.6, DOG)], objects) == {"loose": 1}


def test_detections_that_come_too_late_to_count_explain_nothing():
    # 0.075 / (0.075 + 1) is 0.07, and behind another false detection 0.036.
    objects = [(B, DOG), (A, DOG)]
    assert missed_of([(B, 0.9, DOG), (WEAKLY, 0.8, DOG), (NOWHERE, 0.7, DOG)], objects) == {"loose": 1}
    assert missed_of([(B, 0.9, DOG), (NOWHERE, 0.8, DOG), (WEAKLY, 0.7, DOG)], objects) == {"unseen": 1}
    # Of a class of which nothing is right precision is 0; otherwise what counts is the best precision from there on.
    assert missed_of([(WEAKLY, 0.9, DOG)], [(A, DOG)]) == {"unseen": 1}
    assert missed_of([(WEAKLY, 0.9, DOG), (B, 0.8, DOG)], objects) == {"loose": 1}


def test_a_right_detection_is_about_its_own_object_alone():
    assert missed_of([(A, 0.9, DOG)], [(A, DOG), (HALF, DOG)]) == {"unseen": 1}
    assert missed_of([(A, 0.9, CAT)], [(A, DOG), (A, CAT)]) == {"unseen": 1}
    assert missed_of([(A, 0.9, DOG), (NEARLY, 0.8, DOG)], [(A, DOG), (HALF, DOG)]) == {"loose": 1}


def test_difficult_objects_are_not_missed():
    assert missed_of([], [(A, DOG, "d"), (B, DOG)]) == {"unseen": 1}


# ------------------------------------------------------------------------------------------- against the slow loop


def slow_iou(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (areas[0] + areas[1] - both)


def slow_curve(rights, total, normal):
    """Return recall and normalised precision after each detection."""
    curve, hits, false = [], 0, 0
    for right in rights:
        hits, false = hits + right, false + (not right)
        recall = hits / max(total, 1)
        curve.append((recall, recall * normal / (recall * normal + false)))
    return curve


def slow_normalised_ap(rights, total, normal):
    """Sum rectangles as high as the best precision from there on."""
    curve, area, before = slow_curve(rights, total, normal), 0.0, 0.0
    for place, (recall, _) in enumerate(curve):
        if recall > before:
            area += (recall - before) * max(precision for _, precision in curve[place:])
            before = recall
    return area


def slow_diagnosis(detections, ground_truth, names, threshold=0.5):
    """Tell all there is to know of every object and every detection, best first, one after the other."""
    objects, ranking = [], []
    for image_id, there in ground_truth.items():
        columns = (there.boxes, there.labels, there.difficult, there.truncated, there.occluded)
        objects += [
            SimpleNamespace(
                picture=image_id,
                box=box,
                label=label,
                difficult=difficult,
                truncated=truncated,
                occluded=occluded,
                company=len(there.labels),
                finder=None,
                touched=False,
            )
            for box, label, difficult, truncated, occluded in zip(*(c.tolist() for c in columns), strict=True)
        ]
        if image_id in detections:
            mine = detections[image_id]
            rows = zip(mine.boxes.tolist(), mine.labels.tolist(), mine.scores.tolist(), strict=True)
            ranking += [
                SimpleNamespace(picture=image_id, box=box, label=label, score=score, precision=0.0)
                for box, label, score in rows
            ]
    ranking.sort(key=lambda one: -one.score)
    for one in ranking:
        here = [(slow_iou(one.box, o.box), o) for o in objects if o.picture == one.picture]
        own = [pair for pair in here if pair[1].label == one.label]
        overlap, best = max(own, key=lambda pair: pair[0], default=(0.0, None))
        one.claimed, weakly = best if overlap >= threshold else None, best if overlap >= 0.1 else None
        one.ignored = one.claimed is not None and one.claimed.difficult
        one.right = one.claimed is not None and not one.ignored and one.claimed.finder is None
        one.duplicate = one.claimed is not None and not one.ignored and not one.right
        if one.right:
            one.claimed.finder = one
        one.touches = weakly is not None and not weakly.difficult and not weakly.touched
        if one.touches:
            weakly.touched = True
        name, about = names[one.label - 1], {names[o.label - 1] for overlap, o in here if overlap >= 0.1}
        like = {other for group in SIMILAR if name in group for other in group} - {name}
        one.kind = 0 if one.right else 1 if name in about else 2 if about & like else 3 if about else 4
    for label in range(1, len(names) + 1):
        mine = [one for one in ranking if one.label == label and not one.ignored]
        total = sum(o.label == label and not o.difficult for o in objects)
        curve = slow_curve([one.right for one in mine], total, 0.15 * len(ground_truth))
        for place, one in enumerate(mine):
            one.precision = max(precision for _, precision in curve[place:])
    return objects, ranking


def slow_levels(characteristic, there):
    """Return the level of each of a class's objects."""
    if characteristic == "objects in the picture":
        return [sum(o.company >= least for least in (2, 3, 6)) for o in there]
    if characteristic in ("truncated", "occluded"):
        return [int(getattr(o, characteristic)) for o in there]
    sides = [(o.box[2] - o.box[0], o.box[3] - o.box[1]) for o in there]
    values = [width * height if characteristic == "size" else width / height for width, height in sides]
    ends = [sorted(values)[max(math.floor(q * len(values) + 0.5), 1) - 1] for q in (0.1, 0.3, 0.7, 0.9)]
    return [sum(value > end for end in ends) for value in values]


def slow_reason(one, ranking, threshold=0.5):
    """Return why an object was missed, or "found"."""
    if one.finder is not None:
        return "found" if one.finder.precision >= 0.05 else "late"
    here = [d for d in ranking if d.picture == one.picture and d.precision >= 0.05 and not d.right]
    near = [(slow_iou(one.box, d.box), d) for d in here]
    if any(overlap >= 0.1 and d.label == one.label for overlap, d in near):
        return "loose"
    return "confused" if any(v >= threshold and d.label != one.label for v, d in near) else "unseen"


CLASSES = ("dog", "cat", "car", "bottle", "bus")


def scenes(seed, count=40):
    """Draw pictures with up to four objects, none of them a bus, and detections of all kinds, scores often equal."""
    rng = np.random.default_rng(seed)
    ground_truth, detections = {}, {}
    for number in range(count):
        objects = int(rng.integers(0, 5))
        corners = rng.integers(0, 30, (objects, 2))
        boxes = np.concatenate([corners, corners + rng.integers(6, 21, (objects, 2))], axis=1)
        labels, flags = rng.integers(1, 5, objects), rng.random((objects, 3)) < 0.25
        ground_truth[str(number)] = Annotation.of(boxes.tolist(), labels.tolist(), flags.tolist(), size=None)
        rows = []
        for box, label in zip(boxes, labels.tolist(), strict=True):
            for _ in range(int(rng.integers(0, 3))):
                moved = box + rng.integers(-1, 2, 4)
                if rng.random() < 0.4:
                    moved = moved + np.tile(rng.integers(-6, 7, 2), 2)
                rows.append((moved.tolist(), label if rng.random() < 0.7 else int(rng.integers(1, 6))))
        for _ in range(1 if seed % 2 else 12):  # so many false ones that most objects are found late
            corner = rng.integers(0, 60, 2)
            box = np.concatenate([corner, corner + rng.integers(4, 15, 2)]).tolist()
            rows.append((box, int(rng.integers(1, 6))))
        if rng.random() < 0.9:
            scores = np.round(rng.random(len(rows)), 1).tolist()
            detections[str(number)] = found(
                *((box, score, label) for (box, label), score in zip(rows, scores, strict=True))
            )
    return dict(reversed(detections.items())), ground_truth


def assert_equals_loop(detections, ground_truth):
    """Compare a diagnosis with the loop; return how often each kind and each reason occurred."""
    done = diagnose(detections, ground_truth, CLASSES)
    objects, ranking = slow_diagnosis(detections, ground_truth, CLASSES)
    normal, kinds, reasons = 0.15 * len(ground_truth), Counter(), Counter()
    for label, name in enumerate(CLASSES, start=1):
        there = [o for o in objects if o.label == label and not o.difficult]
        assert (name in done.classes) == bool(there)
        if not there:
            continue
        one, mine = done.classes[name], [d for d in ranking if d.label == label and not d.ignored]
        assert one.objects == len(there)
        assert one.kinds.tolist() == [d.kind for d in mine]
        assert one.duplicates.tolist() == [d.duplicate for d in mine]
        assert one.weak_recall.tolist() == pytest.approx([n / len(there) for n in accumulate(d.touches for d in mine)])
        assert one.normalised_ap == pytest.approx(slow_normalised_ap([d.right for d in mine], len(there), normal))
        assert list(one.sensitivity) == list(CHARACTERISTICS)
        for characteristic, table in one.sensitivity.items():
            levels = slow_levels(characteristic, there)
            assert tuple(table) == CHARACTERISTICS[characteristic]
            for number, (value, count) in enumerate(table.values()):
                chosen = {id(o) for o, level in zip(there, levels, strict=True) if level == number}
                rights = [d.right for d in mine if not d.right or id(d.claimed) in chosen]
                wanted = slow_normalised_ap(rights, len(chosen), normal) if chosen else math.nan
                assert value == pytest.approx(wanted, nan_ok=True)
                assert count == len(chosen)
        why = Counter(slow_reason(o, ranking) for o in there)
        assert one.missed == {reason: why[reason] for reason in REASONS}
        assert sum(one.missed.values()) == one.objects - sum(d.right and d.precision >= 0.05 for d in mine)
        kinds.update(KINDS[d.kind] for d in mine)
        kinds["duplicate"] += int(one.duplicates.sum())
        reasons += why
    return kinds, reasons


def test_a_diagnosis_equals_a_loop_over_single_detections():
    kinds, reasons = Counter(), Counter()
    for seed in range(6):
        more_kinds, more_reasons = assert_equals_loop(*scenes(seed))
        kinds, reasons = kinds + more_kinds, reasons + more_reasons
    # The scenes hold all there can be.
    assert set(kinds) == {*KINDS, "duplicate"}
    assert set(reasons) == {*REASONS, "found"}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_diagnosis_of_few_pictures_equals_the_loop(count):
    for seed in range(10):
        assert_equals_loop(*scenes(seed, count))


@pytest.mark.parametrize("seed", range(4))
def test_shares_sum_to_one_and_recall_is_that_of_average_precision(seed):
    detections, ground_truth = scenes(seed)
    strong, weak = (voc_ap(detections, ground_truth, CLASSES, iou_threshold=t) for t in (0.5, 0.1))
    for name, one in diagnose(detections, ground_truth, CLASSES).classes.items():
        false = (one.kinds > 0).sum()
        wanted = [1 if round(m * one.objects) <= len(one.kinds) else math.nan for m in MULTIPLES]
        assert one.shares(MULTIPLES).sum(axis=1) == pytest.approx(np.array(wanted), nan_ok=True)
        wanted = [1 if count <= false else math.nan for count in (1, 5, *COUNTS)]
        assert one.false_positives((1, 5, *COUNTS)).sum(axis=1) == pytest.approx(np.array(wanted), nan_ok=True)
        counted = ~strong.matches.ignored[strong.matches.labels == CLASSES.index(name) + 1]
        recall = np.cumsum(one.kinds == 0) / one.objects
        assert recall == pytest.approx(strong.curves[name].recall[counted])
        assert one.weak_recall == pytest.approx(weak.curves[name].recall[counted])
        # Whatever finds an object finds it weakly, too, unless something else has done so before.
        assert (recall <= one.weak_recall + 1e-9).all()
        assert one.recall([1e6])[0] == pytest.approx([recall[-1], one.weak_recall[-1]])
        for found_by_now in one.recall(MULTIPLES).T:
            assert (np.diff(found_by_now) >= 0).all()


# ------------------------------------------------------------------------------------------------- the record


def test_the_record_is_json_with_four_decimals_and_nothing_that_is_no_number():
    objects = [(A, DOG), (B, DOG), (C, DOG), ((80, 80, 90, 90), CAT)]
    detections = {"p": found((A, 0.9, DOG), (NEARLY, 0.8, DOG), (NOWHERE, 0.7, DOG))}
    record = diagnose(detections, {"p": truth(*objects)}, NAMES).record()
    loaded = json.loads(json.dumps(record, allow_nan=False))
    assert (loaded["kinds"], loaded["multiples"], loaded["counts"]) == (list(KINDS), list(MULTIPLES), list(COUNTS))
    dog, cat = loaded["classes"]["dog"], loaded["classes"]["cat"]
    place = MULTIPLES.index(1)
    assert dog["objects"] == 3
    assert dog["shares"][place] == [0.3333, 0.3333, 0.0, 0.0, 0.3333]
    assert dog["recall"][place] == [0.3333, 0.3333]
    assert dog["duplicates"] == 0.3333
    assert dog["shares"][place + 1] == [None] * len(KINDS)  # there are not so many detections
    assert dog["false_positives"] == [[None] * (len(KINDS) - 1)] * len(COUNTS)
    assert dog["normalised_ap"] == 0.3333
    assert dog["missed"] == {"late": 0, "loose": 0, "confused": 0, "unseen": 2}
    assert dog["sensitivity"]["truncated"]["yes"] == [None, 0]
    assert dog["sensitivity"]["truncated"]["no"] == [0.3333, 3]
    assert {name: list(table) for name, table in dog["sensitivity"].items()} == {
        name: list(levels) for name, levels in CHARACTERISTICS.items()
    }
    # Nobody has detected a cat.
    assert (cat["objects"], cat["normalised_ap"], cat["duplicates"]) == (1, 0.0, None)
    assert cat["shares"] == [[None] * len(KINDS)] * len(MULTIPLES)
    assert cat["recall"] == [[0.0, 0.0]] * len(MULTIPLES)
    assert cat["false_positives"] == [[None] * (len(KINDS) - 1)] * len(COUNTS)
    assert cat["missed"]["unseen"] == 1


# ------------------------------------------------------------------------------------------------- what is refused


def test_an_unknown_picture_is_refused():
    with pytest.raises(DataError, match=r"detections: unknown picture, got 'q'"):
        diagnose({"q": Detections.empty()}, {"p": truth((A, DOG))}, NAMES)


@pytest.mark.parametrize("label", [-1, 0, 5])
def test_a_label_outside_1_to_c_is_refused(label):
    with pytest.raises(DataError, match=rf"detections of p, label: unknown, got {label}; expected 1\.\.4"):
        diagnose({"p": found((A, 0.9, label))}, {"p": truth((A, DOG))}, NAMES)
    with pytest.raises(DataError, match=rf"ground truth of p, label: unknown, got {label}; expected 1\.\.4"):
        diagnose({}, {"p": truth((A, label))}, NAMES)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused(score):
    with pytest.raises(DataError, match=r"detections of p, score: is not finite"):
        diagnose({"p": found((A, score, DOG))}, {"p": truth((A, DOG))}, NAMES)


@pytest.mark.parametrize("box", [(10, 0, 0, 10), (0, 10, 10, 0), (0, 0, math.nan, 10), (0, 0, math.inf, 10)])
def test_a_box_that_cannot_be_is_refused(box):
    with pytest.raises(DataError, match=r"detections of p, box: cannot be"):
        diagnose({"p": found((box, 0.9, DOG))}, {"p": truth((A, DOG))}, NAMES)


@pytest.mark.parametrize("threshold", [0.09, 0.0, 1.1, math.nan])
def test_an_overlap_that_cannot_be_asked_for_is_refused(threshold):
    with pytest.raises(RecipeError, match=rf"iou_threshold: cannot be, got {threshold}; expected 0\.1 to 1"):
        diagnose({}, {"p": truth((A, DOG))}, NAMES, iou_threshold=threshold)

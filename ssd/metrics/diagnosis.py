"""Where a detector's errors come from (Hoiem, Chodpathumwan, Dai: Diagnosing Error in Object Detectors, ECCV 2012).

The paper's figures 3 and 4 are made by that method. What follows the article is said below with its name; what differs
is said, too: a detection is right here when it is right for average precision (`ssd.metrics.voc`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..boxes import iou
from ..errors import RecipeError
from ..sample import Detections
from .voc import GroundTruth, Matches, average_precision, check_measurable, count_objects, match_detections

KINDS = ("correct", "localisation", "similar", "other", "background")
"""What a detection is: right, or false in one of four ways, by what it overlaps by at least `WEAK`.

localisation: an object of its own class, which it misses by too much or which a better detection has found already.
similar: else, an object of a class like its own (`SIMILAR`).
other: else, an object of another class.
background: nothing.

Difficult objects count here like others. A detection that meets a difficult object of its own class well enough to be
right is no error and not counted at all.
"""

WEAK = 0.1
"""IoU from which a detection is said to be about an object, though it may miss it."""

SIMILAR = (
    ("aeroplane", "bicycle", "boat", "bus", "car", "motorbike", "train"),
    ("bird", "cat", "cow", "dog", "horse", "person", "sheep"),
    ("chair", "diningtable", "sofa"),
    ("aeroplane", "bird"),
)
"""Classes of VOC that are like each other: vehicles, animals and people, furniture, and what flies (Hoiem et al.)."""

GROUPS = {
    "animals": ("bird", "cat", "cow", "dog", "horse", "sheep"),
    "vehicles": ("aeroplane", "bicycle", "boat", "bus", "car", "motorbike", "train"),
    "furniture": ("chair", "diningtable", "sofa"),
}
"""Groups of classes that figure 3 shows."""

NORMAL_SHARE = 0.15
"""Normalised precision acts as if each class had this many objects for each picture (Hoiem et al.)."""

FOUND = 0.05
"""Normalised precision that a detection must have, at its rank or at a later one, for its object to count as found
(Hoiem et al.)."""

REASONS = ("late", "loose", "confused", "unseen")
"""Why an object was missed, the first that holds.

late: it was found, but among so many false detections that it does not count.
loose: a false detection of its class overlaps it by at least `WEAK`.
confused: one of another class overlaps it by as much as a right one must.
unseen: none of these.

Of false detections those count whose normalised precision is at least `FOUND`; so a class without a right detection, or
without objects, gives no reasons. The reasons are this package's, not the article's.
"""

QUANTILES = (0.1, 0.3, 0.7, 0.9)
"""Where extra-small ends and small, medium, large and extra-large begin, by class (Hoiem et al.)."""

MULTIPLES = (0.125, 0.25, 0.5, 1, 2, 4, 8)
"""Numbers of detections, in multiples of the objects of a class, at which figure 3 looks from above."""

COUNTS = (25, 50, 100, 200, 400, 800, 1600, 3200)
"""Numbers of false detections at which figure 3 looks from below."""

CHARACTERISTICS = {
    "size": ("XS", "S", "M", "L", "XL"),
    "shape": ("XT", "T", "M", "W", "XW"),
    "truncated": ("no", "yes"),
    "occluded": ("no", "yes"),
    "objects in the picture": ("1", "2", "3-5", "6+"),
}
"""What objects are told apart by, and their levels: area and width / height of the box by quantiles within the class,
from extra-small to extra-large and from extra-tall to extra-wide; the annotation's flags; and company of any class."""


@dataclass(frozen=True)
class ClassDiagnosis:
    """What became of one class's detections and objects.

    Attributes:
        objects: how many there are to find, difficult ones left out.
        kinds: (D,) index in `KINDS` of each detection, best score first.
        duplicates: (D,) whether the object that it is about has a better detection already.
        matches: (D,) rows of `Diagnosis.matches` that these are.
        weak_recall: (D,) share of the objects found so far, if an IoU of `WEAK` were enough.
        normalised_ap: area under the curve of normalised precision.
        sensitivity: by characteristic and level, normalised AP for these objects alone, and their number; NaN where
            there are none.
        missed: number of objects by the reason why they were missed.

    """

    objects: int
    kinds: np.ndarray
    duplicates: np.ndarray
    matches: np.ndarray
    weak_recall: np.ndarray
    normalised_ap: float
    sensitivity: dict[str, dict[str, tuple[float, int]]]
    missed: dict[str, int]

    def shares(self, multiples: Sequence[float]) -> np.ndarray:
        """Return the shares of each of `KINDS` among the best m x N detections, N being the objects; figure 3, top.

        Args:
            multiples: M values of m.

        Returns:
            (M, 5), rows that sum to 1; NaN where there are not so many detections.

        """
        ends = [max(1, round(m * self.objects)) for m in multiples]
        return np.array([_shares(self.kinds[:end] if end <= len(self.kinds) else self.kinds[:0]) for end in ends])

    def recall(self, multiples: Sequence[float]) -> np.ndarray:
        """Return the share of objects found by the best m x N detections, (M, 2): with the full overlap and `WEAK`."""
        ends = [min(max(1, round(m * self.objects)), len(self.kinds)) for m in multiples]
        strong = np.cumsum(self.kinds == 0) / max(self.objects, 1)
        return np.array([(strong[end - 1], self.weak_recall[end - 1]) if end else (0.0, 0.0) for end in ends])

    def false_positives(self, counts: Sequence[int]) -> np.ndarray:
        """Return the shares of the four kinds of error among the best so many false detections; figure 3, bottom.

        Args:
            counts: M numbers of false detections.

        Returns:
            (M, 4), rows that sum to 1; NaN where there are not so many.

        """
        false = self.kinds[self.kinds > 0]
        return np.array([_shares(false[:count] if count <= len(false) else false[:0])[1:] for count in counts])


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` finds.

    Attributes:
        classes: by name, those that have objects to find.
        matches: what each detection met, best first, of all classes.
        image_ids: names of the pictures, by the numbers in `matches`.

    """

    classes: dict[str, ClassDiagnosis]
    matches: Matches
    image_ids: tuple[str, ...]

    def record(self) -> dict:
        """Return the diagnosis as JSON can hold it, which is also what `ssd.charts` draws; None stands for NaN."""
        return {
            "kinds": KINDS,
            "multiples": MULTIPLES,
            "counts": COUNTS,
            "classes": {
                name: {
                    "objects": one.objects,
                    "normalised_ap": _plain(one.normalised_ap),
                    "shares": _plain(one.shares(MULTIPLES)),
                    "recall": _plain(one.recall(MULTIPLES)),
                    "duplicates": _plain(one.duplicates[: one.objects].mean()) if len(one.kinds) else None,
                    "false_positives": _plain(one.false_positives(COUNTS)),
                    "sensitivity": {key: _plain(table) for key, table in one.sensitivity.items()},
                    "missed": one.missed,
                }
                for name, one in self.classes.items()
            },
        }


def _plain(value: Any) -> Any:
    """Turn arrays and tables of numbers into lists and dicts of rounded ones, and NaN into None."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | np.ndarray) and np.ndim(value):
        return [_plain(one) for one in value]
    if isinstance(value, int | np.integer):
        return int(value)
    return None if np.isnan(value) else round(float(value), 4)


def diagnose(
    detections: Mapping[str, Detections],
    ground_truth: Mapping[str, GroundTruth],
    class_names: Sequence[str],
    iou_threshold: float = 0.5,
    similar: Sequence[Sequence[str]] = SIMILAR,
) -> Diagnosis:
    """Say of every detection what kind of error it is, of every missed object why, and what objects are hard.

    Args:
        detections: by picture, in pixels; pictures without an entry have none.
        ground_truth: by picture; `truncated` and `occluded` (G,) are used where they are known.
        class_names: names of labels 1..C.
        iou_threshold: of a right detection.
        similar: groups of classes that are like each other; names that are none of the classes do no harm.

    Raises:
        DataError: detections for a picture that has no ground truth, or a label, score or box that cannot be.
        RecipeError: the threshold is below `WEAK`.

    """
    if not WEAK <= iou_threshold <= 1:
        raise RecipeError("cannot be", field="iou_threshold", value=iou_threshold, expected=f"{WEAK} to 1")
    check_measurable(detections, ground_truth, len(class_names))
    matches, weak = (match_detections(detections, ground_truth, t) for t in (iou_threshold, WEAK))
    alike = torch.zeros(len(class_names) + 1, len(class_names) + 1, dtype=torch.bool)
    for group in similar:
        labels = [class_names.index(name) + 1 for name in group if name in class_names]
        for label in labels:
            alike[label, labels] = True
    alike.fill_diagonal_(False)

    near = _nearest(detections, ground_truth, alike)
    starts = np.cumsum([0, *(len(detections[i].scores) if i in detections else 0 for i in ground_truth)])
    near = near[starts[matches.pictures] + matches.rows]
    own, like, other = (near >= WEAK).T
    kinds = np.select([matches.right, own, like, other], [0, 1, 2, 3], default=4)
    duplicates = ~matches.right & ~matches.ignored & (matches.objects >= 0)
    objects = _Objects.of(ground_truth)
    normal = NORMAL_SHARE * len(ground_truth)

    totals = count_objects(ground_truth, len(class_names)).sum(axis=0)
    rows = [np.flatnonzero((matches.labels == n) & ~matches.ignored) for n in range(1, len(class_names) + 1)]
    precision = np.zeros(len(matches.scores))
    for mine, total in zip(rows, totals, strict=True):
        raw = _normalised_curve(matches.right[mine], total, normal)[1]
        precision[mine] = np.maximum.accumulate(raw[::-1])[::-1]
    reasons = _reasons(detections, ground_truth, matches, precision, objects, iou_threshold)
    classes = {}
    for label, (name, mine, total) in enumerate(zip(class_names, rows, totals.tolist(), strict=True), start=1):
        if not total:
            continue
        own_objects = (objects.labels == label) & objects.wanted
        classes[name] = ClassDiagnosis(
            objects=total,
            kinds=kinds[mine],
            duplicates=duplicates[mine],
            matches=mine,
            weak_recall=np.cumsum(np.where(matches.labels == label, weak.right, False))[mine] / total,
            normalised_ap=_normalised_ap(matches.right[mine], total, normal),
            sensitivity={
                name: _sensitivity(matches, mine, own_objects, levels, CHARACTERISTICS[name], normal)
                for name, levels in objects.levels(own_objects).items()
            },
            missed={
                reason: int((reasons[own_objects] == number).sum()) for number, reason in enumerate(REASONS, start=1)
            },
        )
    return Diagnosis(classes, matches, tuple(ground_truth))


@dataclass(frozen=True)
class _Objects:
    """All objects of a dataset, picture after picture, G of them.

    Attributes:
        pictures: (G,) number of the picture.
        labels: (G,).
        wanted: (G,) whether the object is to be found.
        sizes: (G, 2) width and height in pixels.
        truncated: (G,).
        occluded: (G,).
        company: (G,) objects in the same picture, this one included.

    """

    pictures: np.ndarray
    labels: np.ndarray
    wanted: np.ndarray
    sizes: np.ndarray
    truncated: np.ndarray
    occluded: np.ndarray
    company: np.ndarray

    @staticmethod
    def of(ground_truth: Mapping[str, GroundTruth]) -> "_Objects":
        """Lay the objects of all pictures end to end."""
        each = list(ground_truth.values())
        counts = [len(truth.labels) for truth in each]

        def join(name: str) -> np.ndarray:
            flags = [
                getattr(truth, name, torch.zeros(n, dtype=torch.bool)) for truth, n in zip(each, counts, strict=True)
            ]
            return torch.cat([torch.zeros(0, dtype=torch.bool), *flags]).numpy()

        boxes = torch.cat([torch.zeros(0, 4), *(truth.boxes for truth in each)])
        return _Objects(
            pictures=np.repeat(np.arange(len(each)), counts),
            labels=torch.cat([torch.zeros(0, dtype=torch.int64), *(truth.labels for truth in each)]).numpy(),
            wanted=~join("difficult"),
            sizes=(boxes[:, 2:] - boxes[:, :2]).double().numpy(),
            truncated=join("truncated"),
            occluded=join("occluded"),
            company=np.repeat(counts, counts),
        )

    def levels(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """Return by characteristic every object's level (G,), from 0; quantiles are those of the chosen ones."""
        width, height = self.sizes.T
        return {
            "size": _by_quantiles(width * height, chosen),
            "shape": _by_quantiles(width / height, chosen),
            "truncated": self.truncated.astype(np.int64),
            "occluded": self.occluded.astype(np.int64),
            "objects in the picture": np.digitize(self.company, (2, 3, 6)),
        }


def _by_quantiles(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return how many of the chosen values' quantiles each value exceeds, (G,)."""
    ranked = np.sort(values[chosen])
    places = np.floor(np.array(QUANTILES) * len(ranked) + 0.5).astype(np.int64)
    return (values[:, None] > ranked[np.maximum(places, 1) - 1]).sum(axis=1)


def _nearest(
    detections: Mapping[str, Detections], ground_truth: Mapping[str, GroundTruth], alike: Tensor
) -> np.ndarray:
    """Return each detection's largest IoU with objects of its own class, of a similar one and of others, (D, 3)."""
    parts = [torch.zeros(0, 3, dtype=torch.float64)]
    for image_id, truth in ground_truth.items():
        if image_id not in detections:
            continue
        found = detections[image_id]
        if len(truth.labels) == 0:
            parts.append(torch.zeros(len(found.scores), 3, dtype=torch.float64))
            continue
        overlap = iou(found.boxes.double().cpu(), truth.boxes.double())
        labels = found.labels.cpu()
        own = labels[:, None] == truth.labels
        like = alike[labels][:, truth.labels]
        kin = torch.stack([own, like, ~own & ~like], dim=1)
        parts.append((overlap[:, None] * kin).amax(dim=2))
    return torch.cat(parts).numpy()


def _reasons(
    detections: Mapping[str, Detections],
    ground_truth: Mapping[str, GroundTruth],
    matches: Matches,
    precision: np.ndarray,
    objects: _Objects,
    iou_threshold: float,
) -> np.ndarray:
    """Return for each object the number of its reason in `REASONS`, counted from 1; 0 where it was found."""
    counts = precision >= FOUND
    reasons = np.full(len(objects.labels), REASONS.index("unseen") + 1)
    order = np.lexsort((matches.rows, matches.pictures))
    numbers = np.arange(len(ground_truth) + 1)
    ends, object_ends = (np.searchsorted(p, numbers) for p in (matches.pictures[order], objects.pictures))
    for number, (image_id, truth) in enumerate(ground_truth.items()):
        mine = order[ends[number] : ends[number + 1]]
        mine = mine[counts[mine] & ~matches.right[mine]]  # a right one is about its own object
        if len(mine) == 0 or len(truth.labels) == 0:
            continue
        found = detections[image_id]
        rows = torch.from_numpy(matches.rows[mine])
        overlap = iou(truth.boxes.double(), found.boxes.cpu()[rows].double())
        own = truth.labels[:, None] == found.labels.cpu()[rows]
        confused = (overlap * ~own).amax(dim=1) >= iou_threshold
        loose = (overlap * own).amax(dim=1) >= WEAK
        here = slice(object_ends[number], object_ends[number + 1])
        reasons[here] = np.select([loose.numpy(), confused.numpy()], [2, 3], default=4)
    claimed = matches.objects[matches.right]
    reasons[claimed] = np.where(counts[matches.right], 0, 1)
    return reasons


def _sensitivity(
    matches: Matches, mine: np.ndarray, chosen: np.ndarray, levels: np.ndarray, names: Sequence[str], normal: float
) -> dict[str, tuple[float, int]]:
    """Return, for one class, normalised AP for the objects of each level alone; right detections of others go."""
    right, objects = matches.right[mine], matches.objects[mine]
    table = {}
    for number, name in enumerate(names):
        there = chosen & (levels == number)
        keep = ~right | there[objects]
        total = int(there.sum())
        table[name] = (_normalised_ap(right[keep], total, normal) if total else float("nan"), total)
    return table


def _normalised_curve(right: np.ndarray, total: int, normal: float) -> tuple[np.ndarray, np.ndarray]:
    """Return recall and normalised precision, which acts as if there were `normal` objects and not `total`."""
    recall = np.cumsum(right) / max(total, 1)
    hits = recall * normal
    return recall, hits / np.maximum(hits + np.cumsum(~right), 1e-12)


def _normalised_ap(right: np.ndarray, total: int, normal: float) -> float:
    """Return the area under the curve of normalised precision."""
    return average_precision(*_normalised_curve(right, total, normal), eleven_point=False)


def _shares(kinds: np.ndarray) -> np.ndarray:
    """Return the share of each of `KINDS`, (5,)."""
    counts = np.bincount(kinds, minlength=len(KINDS))
    return counts / counts.sum() if len(kinds) else np.full(len(KINDS), np.nan)

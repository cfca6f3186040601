"""Average precision as the PASCAL VOC challenges define it (VOC development kit; Everingham et al., IJCV 2010)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from ..boxes import iou
from ..errors import DataError
from ..sample import Detections


class GroundTruth(Protocol):
    """What detections are measured against: boxes (G, 4) pixels, labels (G,), difficult (G,) bool."""

    boxes: Tensor
    labels: Tensor
    difficult: Tensor


@dataclass(frozen=True)
class Curve:
    """Precision and recall of one class as the score falls.

    Attributes:
        recall: (D,) share of the objects found by the detections so far.
        precision: (D,) share of the detections so far that are right; difficult ones count in neither.
        scores: (D,) score of each detection, falling.
        objects: how many objects there are to find, difficult ones left out.

    """

    recall: np.ndarray
    precision: np.ndarray
    scores: np.ndarray
    objects: int


@dataclass(frozen=True)
class Matches:
    """Every detection of a dataset, best score first, and what it met.

    Equal scores are in the order of the pictures in the ground truth, then in that of the detections.

    Attributes:
        pictures: (D,) number of the picture in the ground truth.
        rows: (D,) number of the detection within its picture.
        labels: (D,) 1..C.
        scores: (D,).
        objects: (D,) number of the object claimed, counted over all pictures; -1 for none.
        right: (D,) whether it claims an object that no better detection has claimed.
        ignored: (D,) whether the object it claims is a difficult one, so that it counts neither way.

    """

    pictures: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    objects: np.ndarray
    right: np.ndarray
    ignored: np.ndarray


@dataclass(frozen=True)
class VOCResult:
    """What `voc_ap` measures.

    Attributes:
        mAP: mean of `ap` over the classes that have objects; NaN if none has.
        ap: average precision by class name; NaN where there is no object to find.
        curves: precision and recall by class name.
        matches: what each detection met.
        objects: (pictures, C) how many objects there are to find, difficult ones left out.
        eleven_point: whether `ap` is the mean at 11 recalls or the area.

    """

    mAP: float
    ap: dict[str, float]
    curves: dict[str, Curve]
    matches: Matches
    objects: np.ndarray
    eleven_point: bool


def voc_ap(
    detections: Mapping[str, Detections],
    ground_truth: Mapping[str, GroundTruth],
    class_names: Sequence[str],
    iou_threshold: float = 0.5,
    eleven_point: bool = True,
) -> VOCResult:
    """Measure detections.

    A detection is right when it has IoU of at least `iou_threshold` with the object of its class that it overlaps most,
    and no better detection has claimed that object. Overlapping a difficult object, it counts neither way. Boxes are in
    pixels, right and bottom exclusive, so that widths equal the development kit's "+1" ones. Detections with equal
    scores count in the order of the pictures in `ground_truth`, then in their own.

    Args:
        detections: by picture; pictures without an entry have none.
        ground_truth: by picture; the pictures measured on.
        class_names: names of labels 1..C.
        iou_threshold: of a right detection.
        eleven_point: mean precision at 11 recalls (VOC2007) rather than the area under the curve (VOC2010 and later).

    Raises:
        DataError: detections for a picture that has no ground truth, or a label, score or box that cannot be.

    """
    check_measurable(detections, ground_truth, len(class_names))
    matches = match_detections(detections, ground_truth, iou_threshold)
    objects = count_objects(ground_truth, len(class_names))
    ap, curves = {}, {}
    for label, name in enumerate(class_names, start=1):
        mine, total = matches.labels == label, int(objects[:, label - 1].sum())
        hits, seen = np.cumsum(matches.right[mine]), np.cumsum(~matches.ignored[mine])
        # Where only difficult objects were met so far, nothing counts yet and precision is 0.
        recall, precision = hits / max(total, 1), hits / np.maximum(seen, 1)
        curves[name] = Curve(recall, precision, matches.scores[mine], total)
        ap[name] = average_precision(recall, precision, eleven_point) if total else float("nan")
    there = [value for value in ap.values() if not np.isnan(value)]
    return VOCResult(float(np.mean(there)) if there else float("nan"), ap, curves, matches, objects, eleven_point)


def bootstrap(result: VOCResult, samples: int = 1000, seed: int = 0) -> np.ndarray:
    """Say how far mAP moves by the chance of which pictures were measured (Efron, Annals of Statistics 1979).

    The pictures are drawn anew, as many as there are, each as often as chance will have it, and AP and mAP are measured
    on the draw. The quantiles of what comes out are an interval for mAP: between those of 2.5 and 97.5 per cent
    lie 95 per cent of the draws.

    Args:
        result: of `voc_ap`.
        samples: draws.
        seed: of the draws.

    Returns:
        (samples,) mAP of each draw; NaN where it holds no object to find.

    """
    rng = np.random.default_rng(seed)
    pictures, classes = result.objects.shape
    found = result.matches
    parts = [(found.labels == label) & ~found.ignored for label in range(1, classes + 1)]
    parts = [(found.pictures[mine], found.right[mine]) for mine in parts]
    values = np.full(samples, np.nan)
    for sample in range(samples):
        # A picture drawn n times has its objects and detections n times; equal ones in a row end at the same point.
        times = np.bincount(rng.integers(pictures, size=pictures), minlength=pictures)
        total = times @ result.objects
        ap = []
        for (where, right), objects in zip(parts, total.tolist(), strict=True):
            if objects:
                weight = times[where]
                hits, seen = np.cumsum(weight * right), np.cumsum(weight)
                ap.append(average_precision(hits / objects, hits / np.maximum(seen, 1), result.eleven_point))
        if ap:
            values[sample] = np.mean(ap)
    return values


def average_precision(recall: np.ndarray, precision: np.ndarray, eleven_point: bool = True) -> float:
    """Sum up a precision-recall curve in one number.

    Args:
        recall: (D,) rising.
        precision: (D,).
        eleven_point: mean, over the recalls 0, 0.1, ..., 1, of the best precision at that recall or beyond (VOC2007);
            otherwise the area under the curve made monotone in the same way (VOC2010 and later).

    """
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if eleven_point:
        # As in the Python port of the development kit that published figures come from, rounding included: its fourth
        # point is 0.30000000000000004, which a recall of 3/10 does not reach; 6/10 and 7/10 fall short likewise.
        places = np.searchsorted(recall, np.arange(0, 1.1, 0.1))
        return float(np.append(envelope, 0.0)[places].mean())
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def match_detections(
    detections: Mapping[str, Detections], ground_truth: Mapping[str, GroundTruth], iou_threshold: float = 0.5
) -> Matches:
    """Give objects to detections as `voc_ap` describes.

    Args:
        detections: by picture; pictures without an entry have none.
        ground_truth: by picture.
        iou_threshold: of a claim.

    """
    parts, first_object = [np.empty((0, 5), dtype=np.int64)], 0
    for number, (image_id, truth) in enumerate(ground_truth.items()):
        found = detections.get(image_id)
        if found is not None and len(found.scores):
            claimed, difficult = _claims(found, truth, iou_threshold)
            rows = np.arange(len(claimed))
            objects = np.where(claimed >= 0, claimed + first_object, -1)
            parts.append(
                np.stack([np.full_like(rows, number), rows, found.labels.cpu().numpy(), objects, difficult], 1)
            )
        first_object += len(truth.labels)
    scores = [np.empty(0)]
    scores += [detections[i].scores.double().cpu().numpy() for i in ground_truth if i in detections]
    scores = np.concatenate(scores)
    order = np.argsort(-scores, kind="stable")
    pictures, rows, labels, objects, difficult = np.concatenate(parts)[order].T
    # An object goes to the best detection that claims it.
    first = np.zeros(len(order), dtype=bool)
    first[np.unique(objects, return_index=True)[1]] = True
    ignored = difficult.astype(bool)
    return Matches(pictures, rows, labels, scores[order], objects, first & (objects >= 0) & ~ignored, ignored)


def _claims(detections: Detections, truth: GroundTruth, iou_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Say which of a picture's objects each detection claims, (D,), -1 for none; and whether it is a difficult one."""
    if len(truth.labels) == 0:
        return np.full(len(detections.scores), -1), np.zeros(len(detections.scores), dtype=bool)
    overlap = iou(detections.boxes.double().cpu(), truth.boxes.double())
    overlap = overlap.masked_fill(detections.labels.cpu()[:, None] != truth.labels, -1)
    best, which = overlap.max(dim=1)
    hit = best >= iou_threshold
    return which.masked_fill(~hit, -1).numpy(), (hit & truth.difficult[which]).numpy()


def count_objects(ground_truth: Mapping[str, GroundTruth], num_classes: int) -> np.ndarray:
    """Return how many objects of each class are to be found in each picture, (pictures, C); difficult ones are not."""
    counts = np.zeros((len(ground_truth), num_classes), dtype=np.int64)
    for row, truth in zip(counts, ground_truth.values(), strict=True):
        row += np.bincount(truth.labels[~truth.difficult].numpy(), minlength=num_classes + 1)[1:]
    return counts


def check_measurable(
    detections: Mapping[str, Detections], ground_truth: Mapping[str, GroundTruth], num_classes: int
) -> None:
    """Refuse what cannot be measured.

    Raises:
        DataError: detections for a picture that has no ground truth; or a label, score or box that cannot be.

    """
    for image_id, truth in ground_truth.items():
        for label in truth.labels[(truth.labels < 1) | (truth.labels > num_classes)].tolist():
            raise DataError(
                "unknown", field=f"ground truth of {image_id}, label", value=label, expected=f"1..{num_classes}"
            )
    for image_id, found in detections.items():
        if image_id not in ground_truth:
            raise DataError(
                "unknown picture", field="detections", value=image_id, expected="a picture of the ground truth"
            )
        where = f"detections of {image_id}"
        for label in found.labels[(found.labels < 1) | (found.labels > num_classes)].tolist():
            raise DataError("unknown", field=f"{where}, label", value=label, expected=f"1..{num_classes}")
        for score in found.scores[~found.scores.isfinite()].tolist():
            raise DataError("is not finite", field=f"{where}, score", value=score, expected="a number")
        for box in found.boxes[
            ~(found.boxes.isfinite().all(dim=1) & (found.boxes[:, 2:] >= found.boxes[:, :2]).all(dim=1))
        ]:
            expected = "xmin, ymin, xmax, ymax, none larger than its partner"
            raise DataError("cannot be", field=f"{where}, box", value=box.tolist(), expected=expected)

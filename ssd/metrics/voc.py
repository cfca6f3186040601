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
class VOCResult:
    """What `voc_ap` measures.

    Attributes:
        mAP: mean of `ap` over the classes that have objects; NaN if none has.
        ap: average precision by class name; NaN where there is no object to find.
        curves: precision and recall by class name.

    """

    mAP: float
    ap: dict[str, float]
    curves: dict[str, Curve]


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
        DataError: detections for a picture that has no ground truth, or a label or score that cannot be.

    """
    _check(detections, ground_truth, len(class_names))
    order = {image_id: number for number, image_id in enumerate(ground_truth)}
    found = [image_id for image_id in ground_truth if image_id in detections and len(detections[image_id].scores)]
    claims = [_claims(detections[image_id], ground_truth[image_id], iou_threshold) for image_id in found]
    pictures = np.concatenate([np.full(len(c), order[i]) for i, c in zip(found, claims, strict=True)] or [np.empty(0)])
    claims = np.concatenate(claims or [np.empty((0, 2), dtype=np.int64)])
    scores = np.concatenate([detections[i].scores.double().cpu().numpy() for i in found] or [np.empty(0)])
    labels = np.concatenate([detections[i].labels.cpu().numpy() for i in found] or [np.empty(0)])
    ap, curves = {}, {}
    for label, name in enumerate(class_names, start=1):
        objects = sum(int(((g.labels == label) & ~g.difficult).sum()) for g in ground_truth.values())
        mine = np.flatnonzero(labels == label)
        mine = mine[np.argsort(-scores[mine], kind="stable")]
        curves[name] = _curve(pictures[mine], claims[mine], scores[mine], objects)
        ap[name] = (
            average_precision(curves[name].recall, curves[name].precision, eleven_point) if objects else float("nan")
        )
    there = [value for value in ap.values() if not np.isnan(value)]
    return VOCResult(float(np.mean(there)) if there else float("nan"), ap, curves)


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
        # point is 0.30000000000000004, which a recall of 3/10 does not reach.
        places = np.searchsorted(recall, np.arange(0, 1.1, 0.1))
        return float(np.append(envelope, 0.0)[places].mean())
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def _claims(detections: Detections, truth: GroundTruth, iou_threshold: float) -> np.ndarray:
    """Say which object each detection of a picture claims.

    Returns:
        (D, 2): the object's index, or -1 for none; and 1 where that object is difficult.

    """
    if len(truth.labels) == 0:
        return np.tile([-1, 0], (len(detections.scores), 1))
    overlap = iou(detections.boxes.double().cpu(), truth.boxes.double())
    overlap = overlap.masked_fill(detections.labels.cpu()[:, None] != truth.labels, -1)
    best, which = overlap.max(dim=1)
    hit = best >= iou_threshold
    claims = np.stack([which.masked_fill(~hit, -1).numpy(), (hit & truth.difficult[which]).numpy()], axis=1)
    return claims.astype(np.int64)


def _curve(pictures: np.ndarray, claims: np.ndarray, scores: np.ndarray, objects: int) -> Curve:
    """Follow one class's detections, best first, and count."""
    claimed, difficult = claims[:, 0], claims[:, 1].astype(bool)
    # An object goes to the best detection that claims it: the first row with its (picture, object).
    first = np.zeros(len(claimed), dtype=bool)
    first[np.unique(np.stack([pictures, claimed]), axis=1, return_index=True)[1]] = True
    right = first & (claimed >= 0) & ~difficult
    counts = ~difficult
    hits, seen = np.cumsum(right), np.cumsum(counts)
    # Where only difficult objects were met so far, nothing counts yet and precision is 0.
    return Curve(hits / max(objects, 1), hits / np.maximum(seen, 1), scores, objects)


def _check(detections: Mapping[str, Detections], ground_truth: Mapping[str, GroundTruth], num_classes: int) -> None:
    """Refuse what cannot be measured."""
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

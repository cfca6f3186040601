"""Average precision as COCO defines it, computed by pycocotools (Lin et al., ECCV 2014)."""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ..sample import Detections
from .voc import GroundTruth, check_measurable, count_objects

NUMBERS = (
    *("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"),
    *("AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large"),
)
"""COCO's twelve numbers, in the order of pycocotools: average precision and average recall.

AP is the mean over the overlaps 0.5, 0.55, ..., 0.95, where a digit does not name one. AR_1 to AR_100 allow so many
detections of a class in a picture, all others 100. Small objects have an area of up to 32 x 32 pixels of the original
picture, medium ones of up to 96 x 96, large ones of that and more.
"""


@dataclass(frozen=True)
class COCOResult:
    """What `coco_ap` measures.

    Attributes:
        mAP: COCO's AP, the mean over classes and over the overlaps from 0.5 to 0.95; NaN if there is no object.
        ap: the same by class name; NaN where there is no object to find.
        numbers: COCO's twelve (`NUMBERS`) by name; NaN where there is no object of that size.
        objects: how many objects there are to find, by class name; crowds left out.

    """

    mAP: float
    ap: dict[str, float]
    numbers: dict[str, float]
    objects: dict[str, int]


def coco_ap(
    detections: Mapping[str, Detections], ground_truth: Mapping[str, GroundTruth], class_names: Sequence[str]
) -> COCOResult:
    """Measure detections as COCO does.

    Difficult objects count as COCO's crowds do: a detection that lies within one to the share that is asked for counts
    neither way, however many do, and nobody has to find them.

    Args:
        detections: by picture, in pixels; pictures without an entry have none.
        ground_truth: by picture; `areas` (G,) of the objects where they are known (COCO's are those of the outlines),
            else those of the boxes.
        class_names: names of labels 1..C.

    Raises:
        DataError: detections for a picture that has no ground truth, or a label, score or box that cannot be.

    """
    check_measurable(detections, ground_truth, len(class_names))
    numbers = {image_id: number for number, image_id in enumerate(ground_truth, start=1)}
    objects, found = [], []
    for image_id, truth in ground_truth.items():
        areas = getattr(truth, "areas", None)
        if areas is None:
            areas = (truth.boxes[:, 2:] - truth.boxes[:, :2]).prod(dim=1)
        rows = zip(*(t.tolist() for t in (truth.boxes.double(), truth.labels, truth.difficult, areas)), strict=True)
        for box, label, crowd, area in rows:
            entry = _entry(len(objects), numbers[image_id], label, box)
            objects.append({**entry, "area": area, "iscrowd": int(crowd)})
    for image_id, one in detections.items():
        rows = zip(*(t.cpu().tolist() for t in (one.boxes.double(), one.labels, one.scores)), strict=True)
        for box, label, score in rows:
            entry = _entry(len(found), numbers[image_id], label, box)
            found.append({**entry, "area": entry["bbox"][2] * entry["bbox"][3], "iscrowd": 0, "score": score})
    with redirect_stdout(io.StringIO()):  # pycocotools tells everything to the terminal
        truth, results = (_coco(entries, numbers, class_names) for entries in (objects, found))
        run = COCOeval(truth, results, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    precision = run.eval["precision"][..., 0, -1]  # overlaps, recalls, classes; objects of all sizes, 100 detections
    there = dict(zip(class_names, count_objects(ground_truth, len(class_names)).sum(axis=0).tolist(), strict=True))
    ap = {
        name: float(precision[:, :, place].mean()) if there[name] else float("nan")
        for place, name in enumerate(class_names)
    }
    stats = {name: float(value) if value >= 0 else float("nan") for name, value in zip(NUMBERS, run.stats, strict=True)}
    return COCOResult(stats["AP"], ap, stats, there)


def _entry(number: int, picture: int, label: int, box: list[float]) -> dict:
    """Return what objects and detections have in common, in COCO's format; pycocotools takes id 0 for none."""
    left, top, right, bottom = box
    return {
        "id": number + 1,
        "image_id": picture,
        "category_id": label,
        "bbox": [left, top, right - left, bottom - top],
    }


def _coco(entries: list[dict], numbers: Mapping[str, int], class_names: Sequence[str]) -> COCO:
    """Hand entries to pycocotools without a file; unlike its own reader of results, this also takes none at all."""
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in numbers.values()],
        "categories": [{"id": number, "name": name} for number, name in enumerate(class_names, start=1)],
        "annotations": entries,
    }
    coco.createIndex()
    return coco

"""Make tests/golden/toyvoc_sample.json: detections, and what they score by other code than this package's.

VOC's figures come from the loop of test_metrics_voc.py, which follows the development kit, COCO's from pycocotools
reading files. Run from the root of the project: python tests/make_golden.py. The detections are those of a network
that is shipped; when it changes, they need not.
"""

import contextlib
import io
import json
import math
import tempfile
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from test_metrics_voc import slow_area, slow_eleven_point, slow_voc_curve

from ssd.datasets import VOCDetection
from ssd.evaluate import detect_all
from ssd.metrics import read_detections
from ssd.network import model_from_weights

ROOT = Path(__file__).resolve().parents[1]
LEAST = 0.03
"""Detections below are left out: the file is to be small."""


def rounded_detections(dataset: VOCDetection) -> list[dict]:
    """Detect with few digits, so that some scores are equal; COCO's format of results."""
    model = model_from_weights("ssd_tiny_toyvoc")
    entries = []
    for image_id, found in detect_all(model, dataset, workers=0, progress=False).items():
        found = found.above(LEAST)
        for box, label, score in zip(found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True):
            left, top, right, bottom = (round(value) for value in box)
            bbox = [left, top, right - left, bottom - top]
            entries.append({"image_id": image_id, "category_id": label, "bbox": bbox, "score": round(score, 3)})
    return entries


def voc_figures(entries: list[dict], dataset: VOCDetection, summary) -> dict:
    """Measure with the loop."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        path.write_text(json.dumps(entries))
        found = read_detections(path, dataset.image_ids, dataset.class_names)
    ap = {}
    for label, name in enumerate(dataset.class_names, start=1):
        recall, precision, objects = slow_voc_curve(found, dataset.ground_truth(), label, 0.5)
        ap[name] = float(summary(recall, precision)) if objects else None
    return {"mAP": float(np.mean([value for value in ap.values() if value is not None])), "ap": ap}


def coco_figures(entries: list[dict], dataset: VOCDetection) -> list[float | None]:
    """Measure with pycocotools and its files; difficult objects are crowds."""
    numbers = {image_id: number for number, image_id in enumerate(dataset.image_ids, start=1)}
    objects = []
    for image_id, truth in dataset.ground_truth().items():
        for box, label, difficult in zip(
            truth.boxes.tolist(), truth.labels.tolist(), truth.difficult.tolist(), strict=True
        ):
            left, top, right, bottom = box
            width, height = right - left, bottom - top
            bbox = {"bbox": [left, top, width, height], "area": width * height, "iscrowd": int(difficult)}
            where = {"id": len(objects) + 1, "image_id": numbers[image_id], "category_id": label}
            objects.append({**where, **bbox})
    truth = {
        "images": [{"id": number} for number in numbers.values()],
        "categories": [{"id": label, "name": name} for label, name in enumerate(dataset.class_names, start=1)],
        "annotations": objects,
    }
    found = [{**entry, "image_id": numbers[entry["image_id"]]} for entry in entries]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        for name, content in (("truth", truth), ("found", found)):
            (Path(folder) / f"{name}.json").write_text(json.dumps(content))
        coco = COCO(Path(folder) / "truth.json")
        run = COCOeval(coco, coco.loadRes(str(Path(folder) / "found.json")), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [None if value < 0 or math.isnan(value) else float(value) for value in run.stats]


def main() -> None:
    """Write the file."""
    dataset = VOCDetection(ROOT / "data" / "toyvoc_sample", split="test")
    entries = rounded_detections(dataset)
    golden = {
        "about": "Detections in the 16 test scenes of data/toyvoc_sample, in COCO's format of results, and their AP: "
        "VOC's by a loop that follows the development kit, COCO's twelve numbers by pycocotools. Made by "
        "tests/make_golden.py.",
        "voc07": voc_figures(entries, dataset, slow_eleven_point),
        "voc12": voc_figures(entries, dataset, slow_area),
        "coco": coco_figures(entries, dataset),
        "detections": entries,
    }
    lines = json.dumps(golden).replace('{"image_id"', '\n{"image_id"')
    (ROOT / "tests" / "golden" / "toyvoc_sample.json").write_text(lines + "\n")


if __name__ == "__main__":
    main()

"""The committed golden set: what the package measures is what other code has measured (tests/make_golden.py)."""

import json
import math
from pathlib import Path

import pytest

from ssd.datasets import VOCDetection
from ssd.metrics import coco_ap, read_detections, voc_ap

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "toyvoc_sample.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dataset():
    return VOCDetection(ROOT / "data" / "toyvoc_sample", split="test")


@pytest.fixture(scope="module")
def detections(dataset, tmp_path_factory):
    """Return the detections as a user of the file would read them."""
    path = tmp_path_factory.mktemp("golden") / "found.json"
    path.write_text(json.dumps(GOLDEN["detections"]))
    return read_detections(path, dataset.image_ids, dataset.class_names)


def plain(value):
    return None if math.isnan(value) else pytest.approx(value, abs=1e-6)


def test_the_set_tries_what_is_easily_got_wrong(detections, dataset):
    scores = [entry["score"] for entry in GOLDEN["detections"]]
    assert len(set(scores)) < 0.9 * len(scores)  # equal scores
    assert any(truth.difficult.any() for truth in dataset.ground_truth().values())
    matches = voc_ap(detections, dataset.ground_truth(), dataset.class_names).matches
    assert matches.ignored.any()
    assert (~matches.right & ~matches.ignored & (matches.objects >= 0)).any()  # found again


@pytest.mark.parametrize(("metric", "eleven_point"), [("voc07", True), ("voc12", False)])
def test_voc_ap_equals_the_golden_figures(detections, dataset, metric, eleven_point):
    result = voc_ap(detections, dataset.ground_truth(), dataset.class_names, eleven_point=eleven_point)
    assert GOLDEN[metric]["mAP"] == plain(result.mAP)
    assert GOLDEN[metric]["ap"] == {name: plain(value) for name, value in result.ap.items()}


def test_coco_ap_equals_the_golden_figures(detections, dataset):
    result = coco_ap(detections, dataset.ground_truth(), dataset.class_names)
    assert GOLDEN["coco"] == [plain(value) for value in result.numbers.values()]

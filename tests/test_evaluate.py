"""Evaluation: the same detections as picture by picture, measured against the right pictures."""

import pytest
import torch

from ssd.datasets.voc import VOCDetection
from ssd.errors import DataError, RecipeError
from ssd.evaluate import METRICS, check_metric, detect_all, evaluate, measure
from ssd.metrics import COCOResult, VOCResult, coco_ap, voc_ap
from ssd.network import SSD, ssd_tiny
from ssd.sample import Detections

# On a machine with one processor torch advises against workers; the tests need them to see that they do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.fixture(scope="module")
def dataset(eight_pictures) -> VOCDetection:
    return VOCDetection(eight_pictures)


@pytest.fixture(scope="module")
def network() -> SSD:
    """Return a network that knows nothing but says so firmly, so that its scores lie far apart."""
    torch.manual_seed(0)
    network = ssd_tiny()
    with torch.no_grad():
        for head in network.logit_heads:
            head.weight.mul_(5)
    return network.eval()


def assert_same_detections(one: Detections, other: Detections) -> None:
    """Each detection of one has its like in the other; rounding may make near equals change places."""
    assert len(one) == len(other) > 0
    assert torch.allclose(one.scores, other.scores, atol=1e-4)
    near = (one.boxes[:, None] - other.boxes).abs().amax(dim=2) < 0.05
    near &= (one.scores[:, None] - other.scores).abs() < 1e-4
    near &= one.labels[:, None] == other.labels
    assert near.any(dim=0).all()
    assert near.any(dim=1).all()


@pytest.mark.parametrize(("batch_size", "workers"), [(3, 0), (8, 1), (1, 0)])
def test_detections_of_a_dataset_are_those_of_predict_picture_by_picture(network, dataset, batch_size, workers):
    found = detect_all(network, dataset, batch_size, workers, progress=False)
    assert list(found) == dataset.image_ids
    for image_id, detections in found.items():
        (wanted,) = network.predict(dataset.paths[image_id])
        assert_same_detections(detections, wanted)


def test_detections_are_in_pixels_of_pictures_of_any_size(network, tiny_voc):
    for image_id, size in (("wide", (90, 31)), ("tall", (17, 200)), ("dot", (1, 1))):
        tiny_voc.picture(image_id, size)
        tiny_voc.annotate(image_id, size=size)
    tiny_voc.split("trainval", "wide", "tall", "dot")
    dataset = VOCDetection(tiny_voc.root)
    for image_id, detections in detect_all(network, dataset, 2, 0, progress=False).items():
        width, height = dataset.annotations[image_id].size
        assert ((detections.boxes >= 0) & (detections.boxes <= torch.tensor([width, height] * 2))).all()
        assert_same_detections(detections, network.predict(dataset.paths[image_id])[0])


def test_network_is_put_back_into_the_mode_it_was_in(dataset, tiny_voc):
    network = ssd_tiny().train()
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    detect_all(network, dataset, 4, 0, progress=False)
    assert network.training
    assert all(torch.equal(buffer, before[name]) for name, buffer in network.named_buffers())
    tiny_voc.annotate("gone")
    tiny_voc.split("trainval", "gone")
    with pytest.raises(DataError):
        detect_all(network, VOCDetection(tiny_voc.root), 4, 0, progress=False)
    assert network.training
    detect_all(network.eval(), dataset, 4, 0, progress=False)
    assert not network.training


def test_evaluation_holds_detections_and_what_the_metric_makes_of_them(network, dataset):
    for metric, eleven_point in (("voc07", True), ("voc12", False)):
        evaluation = evaluate(network, dataset, metric, 8, 0, progress=False)
        wanted = voc_ap(evaluation.detections, dataset.ground_truth(), dataset.class_names, eleven_point=eleven_point)
        assert set(evaluation.detections) == set(dataset.image_ids)
        assert evaluation.result.mAP == wanted.mAP
        assert evaluation.result.ap == pytest.approx(wanted.ap, nan_ok=True)
        assert evaluation.seconds > 0


@pytest.mark.parametrize("metric", METRICS)
def test_network_that_finds_every_object_has_map_1(dataset, monkeypatch, metric):
    """Only if boxes reach the metric in the right picture, in pixels, with their own labels."""
    network, queue = ssd_tiny(), list(dataset.annotations.values())

    def detect(offsets, _logits, **_limits):
        truths = [queue.pop(0) for _ in range(len(offsets))]
        return [
            Detections(t.boxes / torch.tensor([*t.size, *t.size]), torch.ones(len(t.labels)), t.labels) for t in truths
        ]

    monkeypatch.setattr(network, "detect", detect)
    assert evaluate(network, dataset, metric, 3, 0, progress=False).result.mAP == pytest.approx(1)


def half_found(dataset: VOCDetection) -> dict[str, Detections]:
    """Return detections that find every object of every other picture, and nothing else."""
    return {
        image_id: Detections(there.boxes, torch.full((len(there.labels),), 0.9 - number / 100), there.labels)
        for number, (image_id, there) in enumerate(dataset.ground_truth().items())
        if number % 2 == 0
    }


def test_detections_that_are_there_already_are_measured_by_each_metric(dataset):
    found, against = half_found(dataset), (dataset.ground_truth(), dataset.class_names)
    for metric, eleven_point in (("voc07", True), ("voc12", False)):
        result = measure(found, dataset, metric)
        assert isinstance(result, VOCResult)
        assert result.eleven_point == eleven_point
        assert result.mAP == voc_ap(found, *against, eleven_point=eleven_point).mAP
        assert 0 < result.mAP < 1
    result = measure(found, dataset, "coco")
    assert isinstance(result, COCOResult)
    assert result.mAP == coco_ap(found, *against).mAP
    assert 0 < result.mAP < 1


@pytest.mark.parametrize("metric", METRICS)
def test_detections_of_another_datasets_pictures_are_refused(dataset, metric):
    with pytest.raises(DataError, match="unknown picture, got 'elsewhere'"):
        measure({"elsewhere": Detections.empty()}, dataset, metric)


def test_network_with_other_classes_than_the_dataset_is_refused(dataset):
    for network in (ssd_tiny(2, class_names=("cat", "dog")), ssd_tiny(20, class_names=dataset.class_names[::-1])):
        with pytest.raises(RecipeError, match="classes") as caught:
            evaluate(network, dataset, workers=0, progress=False)
        assert ", ".join(network.class_names) in str(caught.value)
        assert ", ".join(dataset.class_names) in str(caught.value)


@pytest.mark.parametrize("metric", ["COCO", "VOC07", ""])
def test_unknown_metric_lists_those_there_are(network, dataset, metric):
    for call in (
        lambda: check_metric(metric),
        lambda: measure({}, dataset, metric),
        lambda: evaluate(network, dataset, metric, workers=0, progress=False),
    ):
        with pytest.raises(RecipeError) as caught:
            call()
        for part in ("metric", repr(metric), *METRICS):
            assert part in str(caught.value)


def test_known_metrics_pass():
    for metric in METRICS:
        check_metric(metric)


@pytest.mark.parametrize("workers", [0, 1])
def test_broken_picture_is_named(network, tiny_voc, workers):
    tiny_voc.fill(3)
    path = tiny_voc.folder / "JPEGImages" / "000002.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        evaluate(network, VOCDetection(tiny_voc.root), batch_size=2, workers=workers, progress=False)
    assert caught.value.file == path

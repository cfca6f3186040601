"""Benchmarks: both sides do the same work, so that their times may be compared."""

import pytest
import torch
from torchvision.models.detection import ssd300_vgg16
from torchvision.ops import box_iou

from ssd.augment import normalize
from ssd.bench import (
    bench_detecting,
    bench_fed_training,
    bench_loader,
    bench_parts,
    bench_reading,
    bench_training,
    compare,
    confident_logits,
    photographs,
    random_objects,
)
from ssd.bench.whole import equal_detectors, random_batch
from ssd.boxes import cxcywh_to_xyxy
from ssd.matching import match_batch
from ssd.nms import detect
from ssd.priors import VOC300, prior_boxes

CPU = torch.device("cpu")


def test_everything_is_measured_on_both_sides():
    timings = bench_parts(CPU, batch_size=2, seconds=0)
    assert list(timings) == [
        "matching",
        "loss, forward and backward",
        "detecting, random scores",
        "detecting, as after training",
        "network, one picture",
    ]
    assert [t.pictures for t in timings.values()] == [2, 2, 1, 1, 1]
    for timing in timings.values():
        assert timing.ours > 0
        assert timing.theirs > 0
        assert timing.rounds == 1
        assert timing.ratio == timing.ours / timing.theirs


def test_reading_is_measured_on_both_sides_in_one_thread_that_is_given_back():
    torch.set_num_threads(2)
    try:
        timings = bench_reading(seconds=0, image_size=32)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert list(timings) == [
        "augment_workers_vs_torchvision",
        "augment_all_vs_torchvision",
        "from JPEG file to square",
    ]
    for timing in timings.values():
        assert timing.pictures == 32
        assert timing.ours > 0
        assert timing.times_as_fast == timing.theirs / timing.ours


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_loader_is_measured_for_every_number_of_readers(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    measured = bench_loader(seconds=0, image_size=16, batch_size=4)
    assert list(measured["pictures_a_second"]) == ["1", "2", "3"]
    assert all(speed > 0 for speed in measured["pictures_a_second"].values())


def test_photographs_are_a_dataset_of_the_size_that_is_said():
    with photographs(6) as data:
        assert len(data) == 6
        for index in range(6):
            assert data[index].image.shape == (3, 375, 500)
            assert len(data[index].labels) == 3
        path = data.paths[data.image_ids[0]]
        assert path.read_bytes().startswith(b"\xff\xd8"), "a JPEG"
    assert not path.exists()


def test_both_are_run_in_turn():
    calls = []
    timing = compare(lambda: calls.append("ours"), lambda: calls.append("theirs"), 1, 1e-9, CPU)
    assert calls == ["ours", "theirs"] * 6  # once to warm up
    assert timing.rounds == 5


def test_a_trial_runs_once_after_warming_up():
    calls = []
    assert compare(lambda: calls.append("ours"), lambda: calls.append("theirs"), 1, 0, CPU).rounds == 1
    assert calls == ["ours", "theirs"] * 2


def test_training_is_measured_on_both_sides():
    timings = bench_training(CPU, batch_size=1, seconds=0, compiled=False)
    assert list(timings) == ["training step of 1"]
    assert timings["training step of 1"].ours > 0
    assert timings["training step of 1"].theirs > 0


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_training_with_the_loader_is_measured_beside_training_without():
    fed = bench_fed_training(CPU, batch_size=1, seconds=0)
    assert fed["share"] == pytest.approx(fed["pictures_a_second"] / fed["pictures_a_second_without_loader"], rel=0.2)


def test_detecting_is_measured_one_by_one_and_in_batches():
    timings = bench_detecting(CPU, batch_size=2, seconds=0, compiled=False)
    assert {name: timing.pictures for name, timing in timings.items()} == {"detecting in 1": 1, "detecting in 2": 2}


def test_detectors_that_are_compared_have_the_same_outputs_and_as_much_to_suppress_as_trained_ones():
    ours, theirs = equal_detectors(CPU)
    pictures = random_batch(1, CPU).images
    with torch.no_grad():
        offsets, logits = ours(normalize(pictures))
        inputs, _ = theirs.transform([image / 255 for image in pictures])
        outputs = theirs.head(list(theirs.backbone(inputs.tensors).values()))
    assert torch.allclose(offsets, outputs["bbox_regression"], atol=1e-3)
    assert torch.allclose(logits, outputs["cls_logits"], atol=1e-3)
    assert 200 < int((logits.softmax(dim=2)[..., 1:] > 0.01).sum()) <= 400


def test_both_match_the_same_priors_where_no_prior_is_contested():
    torch.manual_seed(0)
    corners = cxcywh_to_xyxy(prior_boxes(VOC300))
    boxes, labels = random_objects(4, CPU)
    matcher = ssd300_vgg16(weights=None, weights_backbone=None).proposal_matcher
    ours = match_batch(corners, boxes, labels > 0)
    theirs = torch.stack([matcher(box_iou(b, corners)) for b in boxes]).clamp(min=-1)
    assert float((ours == theirs).float().mean()) > 0.9995
    assert boxes.min() >= 0
    assert boxes.max() <= 1


def test_both_find_the_same_in_trained_scores():
    torch.manual_seed(0)
    priors = prior_boxes(VOC300)
    corners = cxcywh_to_xyxy(priors)
    offsets, logits = torch.zeros(2, len(priors), 4), confident_logits(2, len(priors), CPU)
    # Torchvision clips before the suppression, so boxes that reach outside may meet another fate: leave them out.
    logits[:, ((corners < 0) | (corners > 1)).any(dim=1), 0] += 100
    theirs = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=21)
    outputs = {"bbox_regression": offsets, "cls_logits": logits}
    wanted = theirs.postprocess_detections(outputs, [corners * 300] * 2, [(300, 300)] * 2)
    for one, other in zip(detect(offsets, logits, priors), wanted, strict=True):
        assert 30 < len(one) < 200
        assert torch.equal(one.labels, other["labels"])
        assert torch.allclose(one.boxes * 300, other["boxes"], atol=1e-3)

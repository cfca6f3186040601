"""Samples, detections, and batches padded to their busiest picture."""

import math

import pytest
import torch

from ssd.errors import DataError
from ssd.sample import Batch, Detections, Example, Sample


def example(objects: int, number: int = 0, side: int = 8) -> Example:
    generator = torch.Generator().manual_seed(number)
    return Example(
        image=torch.randint(0, 256, (3, side, side), dtype=torch.uint8, generator=generator),
        boxes=torch.rand(objects, 4, generator=generator),
        labels=torch.randint(1, 21, (objects,), generator=generator),
        covered=torch.tensor([0, 0, side, number]),
        colour=torch.rand(5, generator=generator),
        size=torch.tensor([100 + number, 200 + number]),
        image_id=f"picture {number}",
    )


def detections() -> Detections:
    boxes = torch.arange(12.0).reshape(3, 4)
    return Detections(boxes, torch.tensor([0.9, 0.5, 0.1]), torch.tensor([3, 1, 2]))


@pytest.mark.parametrize(
    "box", [(4, 0, 4, 9), (0, 9, 5, 9), (5, 0, 1, 9), (0, 9, 5, 1), (0, 0, math.nan, 9), (0, 0, math.inf, 9)]
)
def test_a_box_that_would_spoil_the_loss_is_refused_by_picture_and_object(box):
    boxes = torch.tensor([(0, 0, 5, 5), box], dtype=torch.float32)
    with pytest.raises(DataError, match=r"000012: object 2 box: cannot be, got \["):
        Sample(torch.zeros(3, 9, 9).byte(), boxes, torch.tensor([1, 2]), torch.zeros(2).bool(), "000012")


@pytest.mark.parametrize(("label", "names"), [(0, ()), (-1, ()), (3, ("cat", "dog"))])
def test_a_label_that_is_no_class_is_refused(label, names):
    boxes, difficult = torch.tensor([[0.0, 0, 5, 5]]), torch.zeros(1).bool()
    with pytest.raises(DataError, match=f"object 1 label: cannot be, got {label}; expected 1 for the first class"):
        Sample(torch.zeros(3, 9, 9).byte(), boxes, torch.tensor([label]), difficult, class_names=names)


def test_target_is_what_torchvision_takes():
    boxes, labels = torch.tensor([[0.0, 1, 2, 3], [1, 1, 4, 4]]), torch.tensor([1, 2])
    target = Sample(torch.zeros(3, 4, 4, dtype=torch.uint8), boxes, labels, torch.zeros(2, dtype=torch.bool)).target()
    assert set(target) == {"boxes", "labels"}
    assert torch.equal(target["boxes"], boxes)
    assert torch.equal(target["labels"], labels)


def test_collate_pads_to_the_busiest_picture_and_marks_padding_with_label_0():
    examples = [example(objects, number) for number, objects in enumerate([2, 0, 5, 1])]
    batch = Batch.collate(examples)
    assert batch.boxes.shape == (4, 5, 4)
    assert batch.labels.shape == (4, 5)
    assert batch.boxes.dtype == torch.float32
    assert batch.labels.dtype == torch.int64
    for row, one in enumerate(examples):
        count = len(one.labels)
        assert torch.equal(batch.boxes[row, :count], one.boxes)
        assert torch.equal(batch.labels[row, :count], one.labels)
        assert not batch.labels[row, count:].any()
        assert not batch.boxes[row, count:].any()


def test_collate_keeps_everything_else_in_order():
    examples = [example(1, number) for number in range(3)]
    batch = Batch.collate(examples)
    assert batch.images.dtype == torch.uint8
    for row, one in enumerate(examples):
        assert torch.equal(batch.images[row], one.image)
        assert torch.equal(batch.covered[row], one.covered)
        assert torch.equal(batch.colour[row], one.colour)
        assert torch.equal(batch.sizes[row], one.size)
    assert batch.image_ids == ["picture 0", "picture 1", "picture 2"]


def test_batch_without_any_object_has_one_row_of_padding():
    batch = Batch.collate([example(0, 1), example(0, 2)])
    assert batch.boxes.shape == (2, 1, 4)
    assert batch.labels.tolist() == [[0], [0]]


def test_batch_of_one_picture_may_have_any_number_of_objects():
    for objects in (0, 1, 42):
        assert Batch.collate([example(objects)]).labels.shape == (1, max(1, objects))


def test_map_reaches_every_tensor_and_leaves_names_alone():
    batch = Batch.collate([example(2, 1), example(1, 2)])
    doubled = batch.map(lambda tensor: tensor.double())
    for name in ("images", "boxes", "labels", "covered", "colour", "sizes"):
        assert getattr(doubled, name).dtype == torch.float64
        assert torch.equal(getattr(doubled, name), getattr(batch, name).double())
    assert doubled.image_ids == batch.image_ids


def test_to_moves_every_tensor_and_leaves_the_original():
    batch = Batch.collate([example(2, 1), example(1, 2)])
    moved = batch.to("meta")
    for name in ("images", "boxes", "labels", "covered", "colour", "sizes"):
        assert getattr(moved, name).device.type == "meta"
        assert getattr(moved, name).shape == getattr(batch, name).shape
        assert getattr(batch, name).device.type == "cpu"
    assert moved.image_ids == batch.image_ids


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_batch_is_page_locked_and_arrives_unchanged():
    batch = Batch.collate([example(2, 1)])
    pinned = batch.pin_memory()
    assert pinned.images.is_pinned()
    assert torch.equal(pinned.to("cuda").images.cpu(), batch.images)


def test_above_keeps_scores_of_at_least_the_threshold():
    kept = detections().above(0.5)
    assert len(kept) == 2
    assert kept.scores.tolist() == [pytest.approx(0.9), 0.5]
    assert kept.labels.tolist() == [3, 1]
    assert kept.boxes.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_above_may_leave_nothing_and_of_nothing_leaves_nothing():
    for kept in (detections().above(0.95), Detections.empty().above(0.0)):
        assert len(kept) == 0
        assert kept.boxes.shape == (0, 4)


def test_above_leaves_the_original():
    found = detections()
    found.above(0.5)
    assert len(found) == 3


def test_empty_detections_have_the_shapes_and_types_of_full_ones():
    empty, full = Detections.empty(), detections()
    assert len(empty) == 0
    assert empty.boxes.shape == (0, 4)
    for name in ("boxes", "scores", "labels"):
        assert getattr(empty, name).dtype == getattr(full, name).dtype


def test_cpu_keeps_the_detections():
    found = detections()
    for name in ("boxes", "scores", "labels"):
        assert torch.equal(getattr(found.cpu(), name), getattr(found, name))

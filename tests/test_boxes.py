"""ssd.boxes: torchvision's operators and numbers worked out by hand are the references."""

import math

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_boxes, proper_boxes, repeatable
from torchvision.models.detection._utils import BoxCoder

from ssd.boxes import VARIANCES, area, clip, cxcywh_to_xyxy, decode, encode, iou, xyxy_to_cxcywh


def test_variances_are_those_of_the_caffe_code():
    assert VARIANCES == (0.1, 0.1, 0.2, 0.2)


def test_conversions_by_hand():
    corners, centre_size = torch.tensor([3.0, 3.0, 7.0, 5.0]), torch.tensor([5.0, 4.0, 4.0, 2.0])
    assert torch.equal(cxcywh_to_xyxy(centre_size), corners)
    assert torch.equal(xyxy_to_cxcywh(corners), centre_size)


@repeatable
@given(proper_boxes())
def test_conversions_agree_with_torchvision_and_undo_each_other(boxes):
    centre_size = xyxy_to_cxcywh(boxes)
    torch.testing.assert_close(centre_size, torchvision.ops.box_convert(boxes, "xyxy", "cxcywh"))
    torch.testing.assert_close(
        cxcywh_to_xyxy(centre_size), torchvision.ops.box_convert(centre_size, "cxcywh", "xyxy"), atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(cxcywh_to_xyxy(centre_size), boxes, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(xyxy_to_cxcywh(cxcywh_to_xyxy(centre_size)), centre_size, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("function", [cxcywh_to_xyxy, xyxy_to_cxcywh, area, clip])
def test_leading_dimensions_are_kept(function):
    boxes = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    one_by_one = torch.stack([function(row) for row in boxes.reshape(-1, 4)])
    result = function(boxes)
    assert result.shape[:3] == (2, 3, 5)
    torch.testing.assert_close(result.reshape(one_by_one.shape), one_by_one)


@pytest.mark.parametrize("function", [cxcywh_to_xyxy, xyxy_to_cxcywh, area, clip])
def test_no_boxes_give_no_results(function):
    assert len(function(torch.zeros(0, 4))) == 0


def test_area_by_hand():
    boxes = torch.tensor([[0.0, 0.0, 3.0, 2.0], [-2.0, 1.0, 0.5, 5.0], [1.0, 1.0, 1.0, 9.0]])
    assert area(boxes).tolist() == [6.0, 10.0, 0.0]


@pytest.mark.parametrize("box", [(2, 0, 0, 2), (0, 2, 2, 0), (2, 2, 0, 0), (1, 1, 1, 1)])
def test_reversed_and_degenerate_boxes_have_no_area(box):
    # Reversed both ways is the trap: two negative sides multiply to a positive number.
    assert area(torch.tensor(box, dtype=torch.float32)) == 0


@repeatable
@given(proper_boxes())
def test_area_agrees_with_torchvision(boxes):
    torch.testing.assert_close(area(boxes), torchvision.ops.box_area(boxes))


def test_iou_by_hand():
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    b = torch.tensor([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 1.0, 2.0], [2.0, 0.0, 4.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
    torch.testing.assert_close(iou(a, b), torch.tensor([[1 / 7, 1 / 2, 0.0, 0.0]]))


@repeatable
@given(proper_boxes(), proper_boxes())
def test_iou_agrees_with_torchvision(a, b):
    assert iou(a, b).shape == (len(a), len(b))
    torch.testing.assert_close(iou(a, b), torchvision.ops.box_iou(a, b))


@repeatable
@given(any_boxes(), any_boxes())
def test_iou_is_symmetric_within_0_and_1_and_0_for_empty_boxes(a, b):
    overlap = iou(a, b)
    assert torch.equal(overlap, iou(b, a).T)
    assert ((overlap >= 0) & (overlap <= 1)).all()
    assert (overlap[area(a) == 0] == 0).all()
    assert (overlap[:, area(b) == 0] == 0).all()


@repeatable
@given(proper_boxes())
def test_iou_is_1_only_for_a_box_with_itself(boxes):
    overlap = iou(boxes, boxes)
    torch.testing.assert_close(overlap.diagonal(), torch.ones(len(boxes)))
    moved = boxes + torch.tensor([0.5, 0.0, 0.5, 0.0])
    assert (iou(moved, boxes).diagonal() < 1).all()


@repeatable
@given(proper_boxes(min_size=1), proper_boxes(min_size=1), st.sampled_from([0.25, 2.0, 256.0]))
def test_iou_does_not_depend_on_the_unit(a, b, scale):
    assert torch.equal(iou(a * scale, b * scale), iou(a, b))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_iou_of_empty_boxes_is_0_in_every_precision(dtype):
    empty = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 3], [3, 3, 1, 1]], dtype=dtype)
    assert torch.equal(iou(empty, empty), torch.zeros(3, 3, dtype=dtype))


def test_iou_broadcasts_leading_dimensions():
    generator = torch.Generator().manual_seed(0)
    a = cxcywh_to_xyxy(torch.rand(2, 3, 4, generator=generator))
    b = cxcywh_to_xyxy(torch.rand(5, 4, generator=generator))
    together = iou(a, b)
    assert together.shape == (2, 3, 5)
    for picture in range(2):
        torch.testing.assert_close(together[picture], torchvision.ops.box_iou(a[picture], b))


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
def test_iou_of_no_boxes_is_an_empty_table(n, m):
    assert iou(torch.ones(n, 4), torch.ones(m, 4)).shape == (n, m)


def test_encode_by_hand():
    # A prior 4 x 8 around (10, 20); a box 8 x 4 around (11, 18): a quarter of the width right, of the height up.
    box, prior = torch.tensor([7.0, 16.0, 15.0, 20.0]), torch.tensor([10.0, 20.0, 4.0, 8.0])
    expected = torch.tensor([0.25 / 0.1, -0.25 / 0.1, math.log(2) / 0.2, -math.log(2) / 0.2])
    torch.testing.assert_close(encode(box, prior), expected)
    torch.testing.assert_close(decode(expected, prior), box)


def test_each_variance_divides_its_own_offset():
    box, prior = torch.tensor([7.0, 16.0, 15.0, 20.0]), torch.tensor([10.0, 20.0, 4.0, 8.0])
    plain = encode(box, prior, (1.0, 1.0, 1.0, 1.0))
    variances = (0.5, 0.25, 2.0, 4.0)
    torch.testing.assert_close(encode(box, prior, variances), plain / torch.tensor(variances))
    torch.testing.assert_close(decode(plain / torch.tensor(variances), prior, variances), box)


@repeatable
@given(proper_boxes(min_size=1))
def test_a_prior_itself_has_offsets_0(boxes):
    priors = xyxy_to_cxcywh(boxes)
    torch.testing.assert_close(encode(boxes, priors), torch.zeros_like(boxes), atol=1e-3, rtol=0)
    torch.testing.assert_close(decode(torch.zeros_like(boxes), priors), boxes, atol=1e-5, rtol=1e-5)


@repeatable
@given(proper_boxes(min_size=1), proper_boxes(min_size=1))
def test_encode_and_decode_undo_each_other_for_every_box_with_every_prior(boxes, others):
    # float64: the boxes may be 80 times the prior, and the test is of the formulas, not of rounding.
    boxes, priors = boxes.double()[:, None], xyxy_to_cxcywh(others.double())
    offsets = encode(boxes, priors)
    assert offsets.shape == (len(boxes), len(priors), 4)
    torch.testing.assert_close(decode(offsets, priors), boxes.expand_as(offsets), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(encode(decode(offsets, priors), priors), offsets, atol=1e-6, rtol=1e-6)


@repeatable
@given(proper_boxes(min_size=1), proper_boxes(min_size=1))
def test_offsets_agree_with_torchvisions_box_coder(boxes, others):
    number = min(len(boxes), len(others))
    boxes, priors = boxes[:number].double(), others[:number].double()
    coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
    offsets = encode(boxes, xyxy_to_cxcywh(priors))
    torch.testing.assert_close(offsets, coder.encode_single(boxes, priors), atol=1e-9, rtol=1e-9)
    # torchvision's decoder stops at 62.5 times the prior's size; halved offsets stay below.
    torch.testing.assert_close(
        decode(offsets / 2, xyxy_to_cxcywh(priors)), coder.decode_single(offsets / 2, priors), atol=1e-9, rtol=1e-9
    )


def test_decode_broadcasts_priors_over_a_batch():
    generator = torch.Generator().manual_seed(0)
    offsets, priors = torch.randn(2, 5, 4, generator=generator), torch.rand(5, 4, generator=generator) + 0.1
    decoded = decode(offsets, priors)
    assert decoded.shape == (2, 5, 4)
    for picture in range(2):
        for prior in range(5):
            torch.testing.assert_close(decoded[picture, prior], decode(offsets[picture, prior], priors[prior]))


def test_decode_does_not_clamp():
    prior = torch.tensor([0.5, 0.5, 1.0, 1.0])
    width, height = (decode(torch.tensor([0.0, 0.0, 50.0, -50.0]), prior)[2:] - 0.5).tolist()
    assert width == pytest.approx(math.exp(10) / 2, rel=1e-4)
    assert height == pytest.approx(math.exp(-10) / 2, rel=1e-2)
    assert decode(torch.tensor([1000.0, 0.0, 0.0, 0.0]), prior)[0] == pytest.approx(100.0)


def test_clip_cuts_to_fractions_by_default():
    boxes = torch.tensor([[-0.5, 0.25, 0.5, 1.5], [0.25, -3.0, 7.0, 0.75]])
    assert clip(boxes).tolist() == [[0.0, 0.25, 0.5, 1.0], [0.25, 0.0, 1.0, 0.75]]


def test_clip_takes_width_before_height():
    assert clip(torch.tensor([-1.0, -1.0, 999.0, 999.0]), 500, 375).tolist() == [0, 0, 500, 375]


@repeatable
@given(proper_boxes(), st.floats(0.5, 4), st.floats(0.5, 4))
def test_clip_agrees_with_torchvision_and_leaves_its_argument_alone(boxes, width, height):
    before = boxes.clone()
    once = clip(boxes, width, height)
    torch.testing.assert_close(once, torchvision.ops.clip_boxes_to_image(boxes, (height, width)))
    assert torch.equal(clip(once, width, height), once)
    assert torch.equal(boxes, before)


def test_a_box_outside_the_picture_is_clipped_to_nothing():
    outside = torch.tensor([[1.5, 0.2, 2.0, 0.4], [-2.0, -2.0, -1.0, -1.0], [0.2, 1.0, 0.4, 3.0]])
    assert area(clip(outside)).tolist() == [0.0, 0.0, 0.0]

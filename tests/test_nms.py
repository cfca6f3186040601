"""ssd.nms: one-by-one loops and torchvision's `nms` and `batched_nms` are the references."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_boxes, as_boxes, grid_boxes, proper_boxes, repeatable
from torchvision.ops import batched_nms, clip_boxes_to_image
from torchvision.ops import nms as torchvision_nms

from ssd.boxes import area, decode, iou
from ssd.nms import detect, greedy_keep, nms
from ssd.priors import TINY, prior_boxes


def slow_nms(boxes, scores, threshold):
    """Keep the best box, drop what overlaps it too much, repeat; of equal scores the lower index is the better."""
    overlap = iou(boxes, boxes).tolist()
    remaining, kept = sorted(range(len(scores)), key=lambda i: (-float(scores[i]), i)), []
    while remaining:
        best = remaining.pop(0)
        kept.append(best)
        remaining = [other for other in remaining if not overlap[best][other] > threshold]
    return kept


def slow_detect(offsets, logits, priors, score=0.01, overlap=0.45, per_class=400, per_image=200):
    """Detect in one picture, class by class and box by box; rows of (score, label, prior)."""
    boxes, shares = decode(offsets, priors), logits.softmax(dim=1)
    found = []
    for label in range(1, logits.shape[1]):
        column = shares[:, label]
        candidates = [prior for prior in range(len(priors)) if column[prior] > score]
        candidates = sorted(candidates, key=lambda prior: -float(column[prior]))[:per_class]
        kept = slow_nms(boxes[candidates], column[candidates], overlap)
        found += [(float(column[candidates[i]]), label, candidates[i]) for i in kept]
    return sorted(found, key=lambda row: -row[0])[:per_image]


def outputs(batch, num_priors, num_classes, seed):
    """Return offsets (B, P, 4), logits (B, P, C+1) and priors (P, 4) by chance."""
    generator = torch.Generator().manual_seed(seed)
    offsets = torch.randn(batch, num_priors, 4, generator=generator)
    logits = 2 * torch.randn(batch, num_priors, num_classes + 1, generator=generator)
    centres = torch.rand(num_priors, 2, generator=generator)
    sizes = 0.1 + 0.4 * torch.rand(num_priors, 2, generator=generator)
    return offsets, logits, torch.cat([centres, sizes], dim=1)


def grid_of_priors(side):
    """Return side * side priors that do not touch each other."""
    places = (torch.arange(side) + 0.5) / side
    cy, cx = torch.meshgrid(places, places, indexing="ij")
    return torch.stack([cx, cy, torch.full_like(cx, 0.5 / side), torch.full_like(cx, 0.5 / side)], dim=-1).reshape(
        -1, 4
    )


def logits_of(scores):
    """Return logits (1, P, 2) of one class whose softmax gives the scores."""
    return torch.stack([torch.zeros_like(scores), torch.log(scores / (1 - scores))], dim=1)[None]


def distinct_scores(boxes, seed):
    """Return scores for boxes, no two equal, in an order by chance."""
    return (torch.randperm(len(boxes), generator=torch.Generator().manual_seed(seed)) + 1.0) / (len(boxes) + 1)


# Thresholds whose float32 is not above the number itself: torchvision compares in double precision.
THRESHOLDS = st.sampled_from([0.0, 0.25, 0.45, 0.5, 0.75, 1.0])


@settings(repeatable, max_examples=200)
@given(grid_boxes(max_size=12), st.integers(0, 1000), THRESHOLDS)
def test_nms_equals_torchvisions_on_a_grid_where_overlaps_hit_the_threshold(boxes, seed, threshold):
    scores = distinct_scores(boxes, seed)
    assert nms(boxes, scores, threshold).tolist() == torchvision_nms(boxes, scores, threshold).tolist()


@repeatable
@given(proper_boxes(max_size=12), st.integers(0, 1000))
def test_nms_equals_torchvisions_off_the_grid(boxes, seed):
    scores = distinct_scores(boxes, seed)
    assert nms(boxes, scores, 0.45).tolist() == torchvision_nms(boxes, scores, 0.45).tolist()


@settings(repeatable, max_examples=200)
@given(any_boxes(max_size=10), st.lists(st.integers(0, 3), min_size=10, max_size=10), THRESHOLDS)
def test_nms_equals_the_loop_with_equal_scores_and_empty_boxes(boxes, levels, threshold):
    scores = torch.tensor(levels[: len(boxes)], dtype=torch.float32) / 4
    kept = nms(boxes, scores, threshold)
    assert kept.dtype == torch.int64
    assert kept.tolist() == slow_nms(boxes, scores, threshold)


@pytest.mark.parametrize("seed", range(3))
def test_nms_equals_torchvisions_on_a_crowd(seed):
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(400, 2, generator=generator)
    boxes = torch.cat([corners, corners + 0.1 + 0.3 * torch.rand(400, 2, generator=generator)], dim=1)
    scores = distinct_scores(boxes, seed)
    kept = nms(boxes, scores, 0.45)
    assert kept.tolist() == torchvision_nms(boxes, scores, 0.45).tolist()
    assert len(kept) < 200


@repeatable
@given(any_boxes(max_size=12), st.integers(0, 1000), THRESHOLDS)
def test_what_was_kept_is_kept_again(boxes, seed, threshold):
    scores = distinct_scores(boxes, seed)
    kept = nms(boxes, scores, threshold)
    assert nms(boxes[kept], scores[kept], threshold).tolist() == list(range(len(kept)))


def test_of_equal_scores_the_lower_index_is_kept():
    boxes = as_boxes([(0, 0, 4, 4), (9, 9, 12, 12), (0, 0, 4, 4), (9, 9, 12, 12)])
    assert nms(boxes, torch.tensor([0.5, 0.5, 0.5, 0.5]), 0.45).tolist() == [0, 1]
    many = as_boxes([(0, 0, 4, 4)] * 1000)
    assert nms(many, torch.full((1000,), 0.5), 0.45).tolist() == [0]


@pytest.mark.parametrize(
    ("boxes", "overlap"),
    [([(0, 0, 3, 3), (0, 0, 4, 5)], 0.45), ([(0, 0, 2, 2), (0, 0, 4, 2)], 0.5), ([(0, 0, 4, 4), (0, 0, 4, 4)], 1.0)],
)
def test_a_box_goes_only_above_the_threshold(boxes, overlap):
    boxes, scores = as_boxes(boxes), torch.tensor([0.9, 0.8])
    assert float(iou(boxes, boxes)[0, 1]) == pytest.approx(overlap, abs=1e-7)
    assert nms(boxes, scores, overlap).tolist() == [0, 1]
    assert nms(boxes, scores, overlap - 1e-3).tolist() == [0]


def test_a_box_that_is_dropped_drops_nothing():
    # Each overlaps its neighbours by 3/5 and the next but one by 1/3: every second one stays.
    boxes = as_boxes([(i, 0, i + 4, 1) for i in range(60)])
    scores = torch.linspace(0.9, 0.1, 60)
    assert nms(boxes, scores, 0.45).tolist() == list(range(0, 60, 2))
    assert nms(boxes, scores.flip(0), 0.45).tolist() == list(range(59, 0, -2))


def test_empty_boxes_neither_drop_nor_are_dropped():
    boxes = as_boxes([(1, 1, 1, 1), (0, 0, 4, 4), (1, 1, 1, 1), (3, 3, 1, 1), (0, 0, 4, 4)])
    assert greedy_keep(boxes, 0.45).tolist() == [True, True, True, True, False]


def test_nms_of_nothing_is_nothing():
    kept = nms(torch.zeros(0, 4), torch.zeros(0), 0.45)
    assert kept.shape == (0,)
    assert kept.dtype == torch.int64
    assert greedy_keep(torch.zeros(3, 0, 4), 0.45).shape == (3, 0)


@repeatable
@given(st.lists(grid_boxes(min_size=7, max_size=7), min_size=1, max_size=4))
def test_lists_are_suppressed_independently(lists):
    together = greedy_keep(torch.stack(lists), 0.45)
    falling = torch.linspace(1, 0, 7)
    for keep, boxes in zip(together, lists, strict=True):
        assert keep.nonzero().flatten().tolist() == torchvision_nms(boxes, falling, 0.45).tolist()


def assert_detects(found, offsets, logits, priors, **limits):
    """Compare one picture's detections with the loop's."""
    expected = slow_detect(offsets, logits, priors, **limits)
    assert len(found) == len(expected)
    torch.testing.assert_close(found.scores, torch.tensor([row[0] for row in expected]))
    assert found.labels.tolist() == [row[1] for row in expected]
    boxes = decode(offsets, priors)[[row[2] for row in expected]].reshape(-1, 4)
    torch.testing.assert_close(found.boxes, clip_boxes_to_image(boxes, (1, 1)))


@settings(repeatable, max_examples=40)
@given(
    st.integers(0, 2**31),
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(1, 4),
    st.sampled_from([0.01, 0.2, 0.9]),
    st.sampled_from([1, 7, 400]),
    st.sampled_from([1, 9, 200]),
)
def test_detect_equals_the_loop(seed, batch, num_priors, num_classes, score, per_class, per_image):
    offsets, logits, priors = outputs(batch, num_priors, num_classes, seed)
    found = detect(offsets, logits, priors, score_threshold=score, per_class=per_class, per_image=per_image)
    assert len(found) == batch
    for picture in range(batch):
        limits = {"score": score, "per_class": per_class, "per_image": per_image}
        assert_detects(found[picture], offsets[picture], logits[picture], priors, **limits)


@pytest.mark.parametrize("seed", range(2))
def test_detect_equals_the_loop_with_the_papers_limits(seed):
    offsets, logits, priors = outputs(1, 1000, 3, seed)
    assert_detects(detect(offsets, logits, priors)[0], offsets[0], logits[0], priors)


def test_a_picture_whose_best_boxes_are_one_crowd_is_searched_to_the_end():
    # As early in training: every prior says class 1, those near one corner loudest, and large boxes drop each other.
    priors = prior_boxes(TINY)
    generator = torch.Generator().manual_seed(0)
    logits = 0.3 * torch.randn(2, len(priors), 3, generator=generator)
    logits[0, :, 1] += 2 - 2 * priors[:, :2].norm(dim=1)
    offsets = torch.zeros(2, len(priors), 4)
    offsets[0, :, 2:] = 6
    found = detect(offsets, logits, priors)
    best = logits[0].softmax(dim=1)[:, 1].topk(400).indices
    assert int(greedy_keep(decode(offsets[0], priors)[best], 0.45).sum()) < 100
    for picture, more in ((0, 100), (1, 199)):
        assert len(found[picture]) > more
        assert_detects(found[picture], offsets[picture], logits[picture], priors)


def test_one_crowded_class_does_not_make_the_lists_of_the_others_long(monkeypatch):
    torch.manual_seed(0)
    classes, crowd, few = 20, 700, 5
    priors = torch.cat([torch.full((crowd, 4), 0.5), grid_of_priors(10)])
    scores = torch.full((len(priors), classes), 1e-4)
    scores[:crowd, 0] = torch.linspace(0.9, 0.5, crowd)  # all in one place: the best of all classes settle nothing
    for label in range(1, classes):
        places = crowd + torch.randperm(100)[:few]
        scores[places, label] = 0.012 + 0.001 * torch.rand(few)
    offsets = torch.zeros(len(priors), 4)
    logits = torch.cat([1 - scores.sum(dim=1, keepdim=True), scores], dim=1).log()
    overlaps = []

    def counted(first, second):
        overlaps.append(first.shape[:-1].numel() * second.shape[-2])
        return iou(first, second)

    monkeypatch.setattr("ssd.nms.iou", counted)
    (found,) = detect(offsets[None], logits[None], priors)
    assert 2 * 400**2 < sum(overlaps) < 2.1 * 400**2  # all classes together, then class by class
    assert_detects(found, offsets, logits, priors)


@pytest.mark.parametrize("seed", range(4))
def test_detect_equals_torchvisions_batched_nms(seed):
    offsets, logits, priors = outputs(1, 300, 5, seed)
    scores = logits[0].softmax(dim=1)[:, 1:]
    prior, label = (scores > 0.01).nonzero(as_tuple=True)
    boxes = decode(offsets[0], priors)[prior]
    kept = batched_nms(boxes, scores[prior, label], label, 0.45)[:200]
    found = detect(offsets, logits, priors)[0]
    torch.testing.assert_close(found.scores, scores[prior, label][kept])
    assert torch.equal(found.labels, label[kept] + 1)
    torch.testing.assert_close(found.boxes, clip_boxes_to_image(boxes[kept], (1, 1)))
    assert len(found) == 200


def test_at_most_400_boxes_of_a_class_enter_the_suppression():
    priors = grid_of_priors(30)
    scores = 0.02 + 0.9 * torch.linspace(0, 1, 900)
    found = detect(torch.zeros(1, 900, 4), logits_of(scores), priors, per_image=10**6)[0]
    torch.testing.assert_close(found.scores, scores.flip(0)[:400])


def test_the_400_are_counted_before_the_suppression():
    # 400 times the same box, and a lone box that scores less than each: it is the 401st, and must not enter.
    priors = torch.cat([torch.tensor([[0.3, 0.3, 0.2, 0.2]]).expand(400, 4), torch.tensor([[0.8, 0.8, 0.2, 0.2]])])
    scores = torch.cat([torch.linspace(0.9, 0.5, 400), torch.tensor([0.4])])
    offsets = torch.zeros(1, 401, 4)
    assert len(detect(offsets, logits_of(scores), priors)[0]) == 1
    assert len(detect(offsets, logits_of(scores), priors, per_class=401)[0]) == 2


def test_at_most_200_detections_of_all_classes_are_returned_the_best():
    num_priors, num_classes = 100, 4
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, num_priors, num_classes + 1, generator=generator)
    found = detect(torch.zeros(1, num_priors, 4), logits, grid_of_priors(10))[0]
    scores = logits[0].softmax(dim=1)[:, 1:].flatten()
    assert int((scores > 0.01).sum()) > 300
    torch.testing.assert_close(found.scores, scores.sort(descending=True).values[:200])
    assert set(found.labels.tolist()) == {1, 2, 3, 4}


def test_a_score_at_the_threshold_is_not_enough():
    # Equal logits of four classes give exactly a quarter each.
    offsets, logits, priors = torch.zeros(1, 1, 4), torch.zeros(1, 1, 4), torch.tensor([[0.5, 0.5, 0.2, 0.2]])
    assert len(detect(offsets, logits, priors, score_threshold=0.25)[0]) == 0
    assert len(detect(offsets, logits, priors, score_threshold=0.249)[0]) == 3
    # Nor beside a prior that does score more, in one of the classes.
    priors = torch.cat([priors, torch.tensor([[0.2, 0.2, 0.1, 0.1]])])
    logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]]])
    found = detect(torch.zeros(1, 2, 4), logits, priors, score_threshold=0.25)[0]
    assert found.labels.tolist() == [1]


def test_classes_do_not_suppress_each_other_and_background_is_not_reported():
    priors = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.21, 0.2]])
    logits = torch.tensor([[[5.0, 3.0, 1.0], [5.0, 2.0, 2.0]]])
    found = detect(torch.zeros(1, 2, 4), logits, priors)[0]
    assert found.labels.tolist() == [1, 2]


def test_boxes_are_clipped_after_the_suppression():
    # The second box contains the picture and four times its area: IoU 1/4 as decoded, 1 once clipped.
    priors = torch.tensor([[0.5, 0.5, 1.0, 1.0], [0.5, 0.5, 2.0, 2.0]])
    found = detect(torch.zeros(1, 2, 4), logits_of(torch.tensor([0.9, 0.8])), priors)[0]
    assert found.boxes.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1]]


def test_nothing_above_the_threshold_gives_empty_detections():
    offsets, logits, priors = outputs(2, 20, 3, 0)
    logits[..., 0] += 100
    for found in detect(offsets, logits, priors):
        assert (found.boxes.shape, found.scores.shape, found.labels.shape) == ((0, 4), (0,), (0,))
        assert found.labels.dtype == torch.int64


def test_one_empty_picture_does_not_disturb_the_other():
    offsets, logits, priors = outputs(2, 50, 3, 0)
    logits[0, :, 0] += 100
    first, second = detect(offsets, logits, priors)
    assert len(first) == 0
    assert_detects(second, offsets[1], logits[1], priors)


def test_a_batch_of_no_pictures_gives_no_detections():
    assert detect(torch.zeros(0, 5, 4), torch.zeros(0, 5, 3), torch.rand(5, 4)) == []


def test_variances_given_are_the_ones_used():
    priors = torch.tensor([[0.5, 0.5, 0.2, 0.4]])
    offsets = torch.tensor([[[1.0, -0.5, math.log(2), 0.0]]])
    found = detect(offsets, torch.zeros(1, 1, 2), priors, variances=(1.0, 1.0, 1.0, 1.0))[0]
    torch.testing.assert_close(found.boxes, torch.tensor([[0.5, 0.1, 0.9, 0.5]]))


def test_iou_threshold_given_is_the_one_used():
    priors = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.4, 0.2]])
    logits = logits_of(torch.tensor([0.9, 0.8]))
    assert len(detect(torch.zeros(1, 2, 4), logits, priors, iou_threshold=0.45)[0]) == 1
    assert len(detect(torch.zeros(1, 2, 4), logits, priors, iou_threshold=0.55)[0]) == 2


@pytest.mark.parametrize("scale", [1e2, 1e4])
def test_absurd_offsets_give_boxes_within_the_picture_and_no_nan(scale):
    # exp overflows to infinity here; the box is absurd, but a box.
    offsets, logits, priors = outputs(2, 60, 3, 0)
    for found in detect(offsets * scale, logits * scale, priors):
        assert len(found) > 0
        assert not found.boxes.isnan().any()
        assert not found.scores.isnan().any()
        assert ((found.boxes >= 0) & (found.boxes <= 1)).all()
        assert (area(found.boxes) >= 0).all()


def test_bfloat16_outputs_are_computed_in_float32():
    offsets, logits, priors = outputs(1, 5, 2, 0)
    half = detect(offsets.bfloat16(), logits.bfloat16(), priors)[0]
    full = detect(offsets.bfloat16().float(), logits.bfloat16().float(), priors)[0]
    assert half.boxes.dtype == half.scores.dtype == torch.float32
    assert torch.equal(half.boxes, full.boxes)
    assert torch.equal(half.scores, full.scores)


def test_detections_carry_no_gradient():
    offsets, logits, priors = outputs(1, 20, 2, 0)
    found = detect(offsets.requires_grad_(), logits.requires_grad_(), priors)[0]
    assert not found.boxes.requires_grad
    assert not found.scores.requires_grad

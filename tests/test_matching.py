"""ssd.matching: a greedy loop over a table of exact fractions is the reference, torchvision's Matcher another."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_boxes, as_boxes, grid_boxes, repeatable
from torchvision.models.detection._utils import Matcher

from ssd.boxes import cxcywh_to_xyxy, iou
from ssd.matching import MIN_OVERLAP, match, match_batch
from ssd.priors import VOC300, prior_boxes


def exact_overlaps(priors, boxes):
    """Return the IoU of whole-numbered boxes as a (P, G) table of fractions, so that equal means equal."""
    table = np.full((len(priors), len(boxes)), Fraction(0), dtype=object)
    for p, (px1, py1, px2, py2) in enumerate(priors.int().tolist()):
        for g, (gx1, gy1, gx2, gy2) in enumerate(boxes.int().tolist()):
            intersection = max(0, min(px2, gx2) - max(px1, gx1)) * max(0, min(py2, gy2) - max(py1, gy1))
            areas = max(0, px2 - px1) * max(0, py2 - py1) + max(0, gx2 - gx1) * max(0, gy2 - gy1)
            if intersection:
                table[p, g] = Fraction(intersection, areas - intersection)
    return table


def slow_bipartite(overlaps):
    """Bind priors and objects one pair at a time, largest overlap first; {prior: object}."""
    num_priors, num_objects = overlaps.shape
    free_priors, free_objects, bound = list(range(num_priors)), list(range(num_objects)), {}
    while free_priors and free_objects:
        # `max` keeps the first of equals: the lower prior, then the lower object.
        pairs = [(prior, number) for prior in free_priors for number in free_objects]
        prior, number = max(pairs, key=lambda pair: overlaps[pair])
        if overlaps[prior, number] <= MIN_OVERLAP:
            break
        bound[prior] = number
        free_priors.remove(prior)
        free_objects.remove(number)
    return bound


def slow_match(overlaps, iou_threshold=Fraction(1, 2)):
    """Match one picture's objects, given the (P, G) table of overlaps."""
    matched, bound = [], slow_bipartite(overlaps)
    for prior, row in enumerate(overlaps):
        best = max(range(len(row)), key=lambda number: row[number], default=-1)
        follows = best if best >= 0 and row[best] >= iou_threshold else -1
        matched.append(bound.get(prior, follows))
    return matched


def crowd(count, seed):
    """Return `count` objects that crowd around a few places, as fractions, so that they compete for priors."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(4, 2, generator=generator)[torch.randint(4, (count,), generator=generator)]
    centres = places + 0.03 * torch.randn(count, 2, generator=generator)
    return cxcywh_to_xyxy(torch.cat([centres, 0.05 + 0.4 * torch.rand(count, 2, generator=generator)], dim=1))


@settings(repeatable, max_examples=300)
@given(any_boxes(max_size=9, cells=3), any_boxes(min_size=1, max_size=9, cells=3))
def test_match_equals_the_greedy_loop_whatever_the_boxes(objects, priors):
    """Objects and priors may be none, one, many, equal, reversed or empty; there may be fewer priors than objects."""
    assert match(priors, objects).tolist() == slow_match(exact_overlaps(priors, objects))


@settings(repeatable, max_examples=300)
@given(grid_boxes(max_size=8, cells=3), grid_boxes(min_size=1, max_size=12, cells=3))
def test_match_equals_the_greedy_loop_where_most_overlaps_are_equal(objects, priors):
    assert match(priors, objects).tolist() == slow_match(exact_overlaps(priors, objects))


@repeatable
@given(grid_boxes(max_size=6), grid_boxes(min_size=1, max_size=8), st.sampled_from([(1, 4), (1, 3), (3, 4), (1, 1)]))
def test_a_prior_follows_an_object_from_exactly_the_threshold(objects, priors, threshold):
    expected = slow_match(exact_overlaps(priors, objects), Fraction(*threshold))
    # The float32 nearest to the fraction, as the overlap is: 1/3 as a float64 would lie above or below it.
    value = float(np.float32(threshold[0]) / np.float32(threshold[1]))
    assert match(priors, objects, iou_threshold=value).tolist() == expected


@st.composite
def padded_batches(draw):
    """Draw priors, (B, G, 4) boxes and a (B, G) mask that leaves out rows anywhere; what is left out looks real."""
    priors = draw(grid_boxes(min_size=1, max_size=10))
    batch, most = draw(st.integers(1, 3)), draw(st.integers(0, 6))
    rows = [draw(any_boxes(min_size=most, max_size=most)) for _ in range(batch)]
    valid = draw(st.lists(st.booleans(), min_size=batch * most, max_size=batch * most))
    return priors, torch.stack(rows), torch.tensor(valid, dtype=torch.bool).reshape(batch, most)


@settings(repeatable, max_examples=200)
@given(padded_batches())
def test_match_batch_equals_match_on_each_pictures_own_objects(drawn):
    priors, boxes, valid = drawn
    together = match_batch(priors, boxes, valid)
    assert together.shape == (len(boxes), len(priors))
    assert together.dtype == torch.int64
    for picture, mask in enumerate(valid):
        places = mask.nonzero().flatten()  # where in the padded rows the picture's objects stand
        alone = match(priors, boxes[picture, mask])
        expected = [int(places[number]) if number >= 0 else -1 for number in alone.tolist()]
        assert together[picture].tolist() == expected
        assert together[picture].tolist() == slow_match(
            np.where(mask.numpy(), exact_overlaps(priors, boxes[picture]), Fraction(0))
        )


@repeatable
@given(padded_batches())
def test_padding_is_never_matched(drawn):
    priors, boxes, valid = drawn
    for picture, matched in enumerate(match_batch(priors, boxes, valid).tolist()):
        assert all(valid[picture, number] for number in matched if number >= 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_crowd_among_the_real_priors_equals_the_greedy_loop(seed):
    priors, objects = cxcywh_to_xyxy(prior_boxes(VOC300)), crowd(42, seed)
    overlaps = iou(priors, objects).numpy()
    remaining, bound = overlaps.copy(), {}
    while (best := remaining.max()) > MIN_OVERLAP:
        # The first maximum in rows of priors: the lower prior, then the lower object.
        prior, number = np.unravel_index(remaining.argmax(), remaining.shape)
        assert remaining[prior, number] == best
        bound[int(prior)] = int(number)
        remaining[prior], remaining[:, number] = -1, -1
    expected = np.where(overlaps.max(axis=1) >= 0.5, overlaps.argmax(axis=1), -1)
    expected[list(bound)] = list(bound.values())
    assert len(bound) == len(objects)
    # The crowd is one: some object's best prior went to another, so that seizing priors gives another result.
    assert len(set(overlaps.argmax(axis=0).tolist())) < len(objects)
    assert match(priors, objects).tolist() == expected.tolist()


@settings(repeatable, max_examples=200)
@given(grid_boxes(min_size=1, max_size=5), grid_boxes(min_size=1, max_size=12))
def test_priors_that_no_object_owns_follow_torchvisions_matcher(objects, priors):
    theirs = Matcher(0.5, 0.5)(iou(objects, priors)).tolist()
    ours = match(priors, objects).tolist()
    owned = slow_bipartite(exact_overlaps(priors, objects))
    free = [prior for prior in range(len(priors)) if prior not in owned]
    assert [ours[prior] for prior in free] == [theirs[prior] for prior in free]


@settings(repeatable, max_examples=200)
@given(any_boxes(min_size=1, max_size=5), grid_boxes(min_size=1, max_size=12))
def test_an_object_that_overlaps_as_many_priors_as_there_are_objects_gets_one(objects, priors):
    # Others can take at most G - 1 of its G priors away.
    overlapped = (iou(objects, priors) > MIN_OVERLAP).sum(dim=1)
    matched = set(match(priors, objects).tolist())
    assert {number for number, count in enumerate(overlapped.tolist()) if count >= len(objects)} <= matched


@pytest.mark.parametrize("seed", range(4))
def test_every_object_gets_one_of_the_real_priors(seed):
    priors, objects = cxcywh_to_xyxy(prior_boxes(VOC300)), crowd(42, seed)
    assert set(range(42)) <= set(match(priors, objects).tolist())


@repeatable
@given(any_boxes(max_size=6), any_boxes(min_size=1, max_size=8))
def test_no_prior_is_matched_to_an_object_that_it_does_not_overlap(objects, priors):
    overlap = iou(priors, objects)
    for prior, number in enumerate(match(priors, objects).tolist()):
        assert number == -1 or overlap[prior, number] > MIN_OVERLAP


@settings(repeatable, max_examples=200)
@given(any_boxes(max_size=8), any_boxes(min_size=1, max_size=10))
def test_with_a_threshold_out_of_reach_priors_and_objects_are_paired_one_to_one(objects, priors):
    taken = [number for number in match(priors, objects, iou_threshold=1.1).tolist() if number >= 0]
    assert len(taken) == len(set(taken))
    assert len(taken) == len(slow_bipartite(exact_overlaps(priors, objects)))


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_objects_does_not_matter_where_no_overlaps_are_equal(seed):
    priors, objects = cxcywh_to_xyxy(prior_boxes(VOC300)), crowd(30, seed)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(seed))
    matched, shuffled = match(priors, objects), match(priors, objects[order])
    assert torch.equal(matched, torch.where(shuffled >= 0, order[shuffled], -1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_boxes_in_half_precision_are_matched(dtype):
    priors, objects = cxcywh_to_xyxy(prior_boxes(VOC300)).to(dtype), crowd(10, 0).to(dtype)
    matched = match(priors, objects)
    assert set(matched.tolist()) == set(range(-1, 10))
    agree = matched == match(priors.float(), objects.float())
    assert float(agree.float().mean()) > 0.99


def test_two_objects_that_share_their_best_prior_both_get_one():
    # Both overlap prior 0 most (16/20 and 16/18); the second keeps it, the first takes the next best.
    priors = as_boxes([(0, 0, 4, 4), (0, 3, 4, 6), (20, 20, 24, 24)])
    objects = as_boxes([(0, 0, 4, 5), (0, 0, 4, 4.5)])
    assert iou(objects, priors).argmax(dim=1).tolist() == [0, 0]
    assert match(priors, objects).tolist() == [1, 0, -1]
    # Whoever is written last must not matter.
    assert match(priors, objects.flip(0)).tolist() == [0, 1, -1]


def test_an_objects_own_prior_stays_its_own_though_it_overlaps_another_object_more():
    # Prior 0 overlaps object 1 by 16/20, but object 1 owns prior 1, and prior 0 is all that object 0 overlaps.
    priors = as_boxes([(0, 0, 4, 4), (0, 0, 4, 5)])
    objects = as_boxes([(0, 0, 1, 1), (0, 0, 4, 5)])
    assert match(priors, objects).tolist() == [0, 1]


def test_a_lone_object_gets_its_best_prior_however_little_it_overlaps():
    priors = as_boxes([(0, 0, 10, 10), (10, 10, 20, 20)])
    assert match(priors, as_boxes([(9, 9, 12, 12)])).tolist() == [-1, 0]


def test_every_free_prior_of_at_least_half_follows():
    priors = as_boxes([(0, 0, 4, 4), (0, 0, 4, 2), (0, 0, 4, 1), (0, 0, 2, 4)])
    assert match(priors, as_boxes([(0, 0, 4, 4)])).tolist() == [0, 0, -1, 0]


def test_identical_objects_get_a_prior_each_the_lower_first():
    priors = as_boxes([(9, 9, 10, 10), (0, 0, 4, 4), (0, 0, 4, 4), (0, 0, 4, 4)])
    objects = as_boxes([(0, 0, 4, 4), (0, 0, 4, 4)])
    # Priors 1 and 2 are bound; prior 3 is free, overlaps both equally and follows the lower.
    assert match(priors, objects).tolist() == [-1, 0, 1, 0]


@pytest.mark.parametrize(("width", "gets_one"), [(0.5e-6, False), (2e-6, True)])
def test_an_object_counts_from_an_overlap_of_a_millionth(width, gets_one):
    # The prior is the unit square, so that the IoU is the object's area.
    matched = match(as_boxes([(0, 0, 1, 1)]), as_boxes([(0, 0, width, 1)]))
    assert matched.tolist() == ([0] if gets_one else [-1])


def test_an_object_that_overlaps_nothing_is_not_forced_on_a_prior():
    priors = as_boxes([(0, 0, 4, 4), (4, 4, 8, 8)])
    assert match(priors, as_boxes([(20, 20, 24, 24), (4, 4, 8, 8)])).tolist() == [-1, 1]


@pytest.mark.parametrize("box", [(1, 1, 1, 3), (3, 3, 1, 1), (3, 0, 0, 3), (2, 2, 2, 2)])
def test_a_degenerate_or_reversed_object_gets_no_prior(box):
    priors = as_boxes([(0, 0, 4, 4), (1, 1, 3, 3)])
    assert match(priors, as_boxes([box])).tolist() == [-1, -1]
    assert match(priors, as_boxes([box, (0, 0, 4, 4)])).tolist() == [1, -1]


def test_with_fewer_priors_than_objects_the_best_pairs_are_bound():
    priors = as_boxes([(0, 0, 4, 4)])
    objects = as_boxes([(0, 0, 4, 3), (0, 0, 4, 4), (0, 0, 3, 3)])
    assert match(priors, objects).tolist() == [1]


def test_no_objects_make_every_prior_background():
    priors = as_boxes([(0, 0, 4, 4), (1, 1, 3, 3)])
    assert match(priors, torch.zeros(0, 4)).tolist() == [-1, -1]
    nothing = match_batch(priors, torch.zeros(3, 0, 4), torch.zeros(3, 0, dtype=torch.bool))
    assert torch.equal(nothing, torch.full((3, 2), -1))
    padding = match_batch(priors, priors.expand(3, 2, 4), torch.zeros(3, 2, dtype=torch.bool))
    assert torch.equal(padding, torch.full((3, 2), -1))


def test_padding_is_not_matched_even_when_any_overlap_is_enough_to_follow():
    priors = as_boxes([(0, 0, 4, 4), (8, 8, 9, 9)])
    matched = match_batch(priors, priors[None], torch.tensor([[False, False]]), iou_threshold=0.0)
    assert matched.tolist() == [[-1, -1]]


def test_padding_may_hold_anything_even_nan():
    priors = as_boxes([(0, 0, 4, 4), (5, 5, 9, 9)])
    boxes = as_boxes([(0, 0, 4, 4), (math.nan, math.nan, math.nan, math.nan)])
    assert match_batch(priors, boxes[None], torch.tensor([[True, False]])).tolist() == [[0, -1]]


def test_arguments_are_left_alone():
    priors, boxes, valid = crowd(20, 0), crowd(6, 1)[None], torch.tensor([[True, False, True, True, False, True]])
    copies = priors.clone(), boxes.clone(), valid.clone()
    match_batch(priors, boxes, valid)
    assert all(torch.equal(now, before) for now, before in zip((priors, boxes, valid), copies, strict=True))


def test_match_batch_never_asks_the_device_for_a_value():
    # Tensors on "meta" have a shape and no values: whatever would wait for one raises.
    matched = match_batch(
        torch.empty(50, 4, device="meta"), torch.empty(3, 7, 4, device="meta"), torch.empty(3, 7, device="meta").bool()
    )
    assert matched.shape == (3, 50)
    assert matched.dtype == torch.int64


def test_without_priors_nothing_is_matched():
    assert match(torch.zeros(0, 4), torch.tensor([[0.0, 0, 1, 1]])).shape == (0,)
    assert match_batch(torch.zeros(0, 4), torch.rand(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)).shape == (2, 0)

"""ssd.priors: the authors' numbers, a loop over the cells, and torchvision's generator are the references."""

import math
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import repeatable
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from ssd.boxes import VARIANCES, cxcywh_to_xyxy, iou
from ssd.errors import DataError, RecipeError
from ssd.loss import MultiBoxLoss
from ssd.matching import match
from ssd.network import ssd_tiny
from ssd.priors import (
    COCO300,
    COCO512,
    COCO512_CAFFE,
    TINY,
    VOC300,
    VOC512,
    VOC512_CAFFE,
    PriorLevel,
    PriorSpec,
    best_overlaps,
    prior_boxes,
    propose_spec,
    with_maps,
    with_ratios,
    with_sizes,
)

SPECS = pytest.mark.parametrize(
    "spec", [VOC300, COCO300, VOC512, COCO512, TINY], ids=["VOC300", "COCO300", "VOC512", "COCO512", "TINY"]
)


def slow_priors(spec):
    """Lay out priors one by one, in pixels, in the order of the authors' code."""
    rows = []
    for level in spec.levels:
        for row in range(level.grid):
            for column in range(level.grid):
                cx, cy = (column + 0.5) * level.step, (row + 0.5) * level.step
                for small, largest in ((level.min_size, level.max_size), *level.more):
                    large = math.sqrt(small * largest)
                    rows.append((cx, cy, small, small))
                    rows.append((cx, cy, large, large))
                    for ratio in level.aspect_ratios:
                        rows.append((cx, cy, small * math.sqrt(ratio), small / math.sqrt(ratio)))
                        rows.append((cx, cy, small / math.sqrt(ratio), small * math.sqrt(ratio)))
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)


def torchvision_priors(generator, spec):
    """Let torchvision's generator lay out priors for a spec's grids; (P, 4) corner boxes in pixels."""
    maps = [torch.zeros(1, 1, level.grid, level.grid) for level in spec.levels]
    images = ImageList(torch.zeros(1, 3, spec.image_size, spec.image_size), [(spec.image_size, spec.image_size)])
    return generator(images, maps)[0]


def torchvision_generator(spec, clip):
    """Tell torchvision's generator the numbers of a spec."""
    sizes = [level.min_size for level in spec.levels] + [spec.levels[-1].max_size]
    return DefaultBoxGenerator(
        [list(level.aspect_ratios) for level in spec.levels],
        scales=[size / spec.image_size for size in sizes],
        steps=[level.step for level in spec.levels],
        clip=clip,
    )


@pytest.mark.parametrize(("spec", "count"), [(VOC300, 8732), (COCO300, 8732), (VOC512, 24564), (COCO512, 24564)])
def test_counts_of_the_paper(spec, count):
    assert spec.num_priors == count
    assert prior_boxes(spec).shape == (count, 4)


@pytest.mark.parametrize(
    ("spec", "size", "minima", "last_maximum"),
    [
        (VOC300, 300, [30, 60, 111, 162, 213, 264], 315),
        (COCO300, 300, [21, 45, 99, 153, 207, 261], 315),
        (VOC512, 512, [35.84, 76.8, 153.6, 230.4, 307.2, 384, 460.8], 537.6),
        (COCO512, 512, [20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8], 542.72),
    ],
)
def test_sizes_of_the_authors_scripts(spec, size, minima, last_maximum):
    assert spec.image_size == size
    assert [level.min_size for level in spec.levels] == minima
    assert [level.max_size for level in spec.levels] == [*minima[1:], last_maximum]


@pytest.mark.parametrize(
    ("specs", "grids", "steps"),
    [
        ((VOC300, COCO300), [38, 19, 10, 5, 3, 1], [8, 16, 32, 64, 100, 300]),
        ((VOC512, COCO512), [64, 32, 16, 8, 4, 2, 1], [8, 16, 32, 64, 128, 256, 512]),
    ],
)
def test_grids_steps_and_ratios_of_the_authors_scripts(specs, grids, steps):
    for spec in specs:
        assert [level.grid for level in spec.levels] == grids
        assert [level.step for level in spec.levels] == steps
        few = {0, len(grids) - 2, len(grids) - 1}
        assert [set(level.aspect_ratios) for level in spec.levels] == [
            {2} if number in few else {2, 3} for number in range(len(grids))
        ]
        assert spec.variances == VARIANCES


@SPECS
def test_priors_are_float32_and_as_many_as_promised(spec):
    priors = prior_boxes(spec)
    assert priors.dtype == torch.float32
    assert priors.shape == (spec.num_priors, 4)


@SPECS
def test_priors_equal_a_loop_over_level_row_column_and_shape(spec):
    expected = slow_priors(spec) / spec.image_size
    torch.testing.assert_close(prior_boxes(spec).double(), expected, atol=1e-6, rtol=0)


LEVELS = st.builds(
    PriorLevel,
    grid=st.integers(1, 4),
    step=st.floats(1, 100),
    min_size=st.floats(1, 100),
    max_size=st.floats(1, 100),
    aspect_ratios=st.lists(st.floats(1.1, 5), max_size=3).map(tuple),
    more=st.lists(st.tuples(st.floats(1, 100), st.floats(1, 100)), max_size=2).map(tuple),
)


@repeatable
@given(st.integers(32, 512), st.lists(LEVELS, min_size=1, max_size=3))
def test_any_spec_equals_the_loop(image_size, levels):
    spec = PriorSpec(image_size, tuple(levels))
    priors = prior_boxes(spec)
    assert len(priors) == spec.num_priors
    torch.testing.assert_close(priors.double(), slow_priors(spec) / image_size, atol=1e-5, rtol=1e-5)


def test_first_priors_of_voc300_by_hand():
    # Centres 4, 12, 20, ... pixels, columns before rows; sides 30, sqrt(30 * 60), and 30 times and by sqrt(2).
    root = math.sqrt(2)
    cell = [(30, 30), (30 * root, 30 * root), (30 * root, 30 / root), (30 / root, 30 * root)]
    priors = prior_boxes(VOC300) * 300
    for first, centre in ((0, (4, 4)), (4, (12, 4)), (37 * 4, (300, 4)), (38 * 4, (4, 12))):
        expected = torch.tensor([(*centre, *shape) for shape in cell])
        torch.testing.assert_close(priors[first : first + 4], expected, atol=1e-3, rtol=0)


def test_shapes_of_a_level_with_two_ratios_by_hand():
    level = PriorLevel(grid=19, step=16, min_size=60, max_size=111, aspect_ratios=(2.0, 3.0))
    large = math.sqrt(60 * 111)
    expected = [
        (60, 60),
        (large, large),
        (60 * math.sqrt(2), 60 / math.sqrt(2)),
        (60 / math.sqrt(2), 60 * math.sqrt(2)),
        (60 * math.sqrt(3), 60 / math.sqrt(3)),
        (60 / math.sqrt(3), 60 * math.sqrt(3)),
    ]
    torch.testing.assert_close(torch.tensor(level.shapes()), torch.tensor(expected))


def test_last_prior_of_voc300_sits_in_the_middle():
    torch.testing.assert_close(prior_boxes(VOC300)[-4, :], torch.tensor([0.5, 0.5, 0.88, 0.88]))


def test_how_many_voc300_priors_leave_the_picture():
    priors = prior_boxes(VOC300)
    corners = cxcywh_to_xyxy(priors)
    crossing = ((corners < -1e-6) | (corners > 1 + 1e-6)).any(dim=1)
    centre_outside = ((priors[:, :2] < 0) | (priors[:, :2] > 1 + 1e-6)).any(dim=1)
    assert int(crossing.sum()) == 2869
    assert int(centre_outside.sum()) == 114


def test_clamping_would_change_134_priors_so_nothing_is_clipped():
    priors = prior_boxes(VOC300)
    changed = ((priors - priors.clamp(0, 1)).abs() > 1e-6).any(dim=1)
    assert int(changed.sum()) == 134


def level_centres(spec):
    """Return, for each level, the distinct centres along one axis, as fractions."""
    priors, start = prior_boxes(spec), 0
    for level in spec.levels:
        stop = start + level.grid**2 * len(level.shapes())
        yield level.grid, priors[start:stop, 0].unique()
        start = stop


@pytest.mark.parametrize(
    ("spec", "agreeing"),
    [(VOC300, {3, 1}), (COCO300, {3, 1}), (VOC512, {64, 32, 16, 8, 4, 2, 1}), (COCO512, {64, 32, 16, 8, 4, 2, 1})],
)
def test_centres_are_the_papers_only_where_the_step_divides_the_picture(spec, agreeing):
    paper = {}
    for grid, centres in level_centres(spec):
        assert len(centres) == grid
        expected = (torch.arange(grid, dtype=torch.float64) + 0.5) / grid
        paper[grid] = (centres.double() - expected).abs().max() < 1e-6
    assert {grid for grid, same in paper.items() if same} == agreeing


@SPECS
def test_unclipped_torchvision_lays_out_the_same_priors(spec):
    theirs = torchvision_priors(torchvision_generator(spec, clip=False), spec)
    torch.testing.assert_close(cxcywh_to_xyxy(prior_boxes(spec)) * spec.image_size, theirs, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("spec", "count"), [(VOC300, 20), (COCO300, 2)])
def test_torchvisions_clamp_changes_only_oblong_priors_longer_than_the_picture(spec, count):
    # At VOC's sizes those of the last cell, and of 9 cells of the level before: 213 * sqrt(2) is 301.2 pixels.
    theirs = torchvision_priors(torchvision_generator(spec, clip=True), spec)
    priors = prior_boxes(spec)
    different = ((cxcywh_to_xyxy(priors) * 300 - theirs).abs() > 1e-3).any(dim=1)
    assert int(different.sum()) == count
    assert torch.equal(different, (priors[:, 2:] > 1).any(dim=1))


def test_torchvisions_ssd300_uses_the_coco_sizes_and_maps_of_the_specs_grids():
    with torch.device("meta"):  # shapes only: nothing is computed
        network = ssd300_vgg16(weights=None, weights_backbone=None)
        maps = network.backbone(torch.empty(1, 3, 300, 300)).values()
    for spec in (VOC300, COCO300):
        assert [tuple(m.shape[2:]) for m in maps] == [(level.grid, level.grid) for level in spec.levels]
    theirs = torchvision_priors(network.anchor_generator, COCO300)
    ours = cxcywh_to_xyxy(prior_boxes(COCO300)) * 300
    unclamped = (prior_boxes(COCO300)[:, 2:] <= 1).all(dim=1)
    assert int((~unclamped).sum()) == 2
    torch.testing.assert_close(ours[unclamped], theirs[unclamped], atol=1e-3, rtol=0)


def test_grids_of_tiny_equal_the_networks_feature_maps():
    network = ssd_tiny().eval()
    with torch.no_grad():
        images = torch.zeros(1, 3, TINY.image_size, TINY.image_size)
        maps = network.feature_maps(images)
        offsets, logits = network(images)
    assert [tuple(m.shape[2:]) for m in maps] == [(level.grid, level.grid) for level in TINY.levels]
    assert offsets.shape[1] == logits.shape[1] == TINY.num_priors


def test_grid_times_step_of_tiny_covers_the_picture():
    assert all(level.grid * level.step == TINY.image_size for level in TINY.levels)


def test_a_spec_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        VOC300.image_size = 512
    with pytest.raises(FrozenInstanceError):
        VOC300.levels[0].grid = 64
    assert isinstance(VOC300.levels, tuple)
    assert hash(VOC300) != hash(COCO300)


# ------------------------------------------------------------------------------------- Caffe's sizes, other data


def test_caffes_whole_pixels_move_nearly_all_priors_of_512():
    changed = {}
    for name, meant, cut in (("voc", VOC512, VOC512_CAFFE), ("coco", COCO512, COCO512_CAFFE)):
        changed[name] = int((prior_boxes(meant) != prior_boxes(cut)).any(dim=1).sum())
        for level in cut.levels:
            assert (level.min_size, level.max_size) == (int(level.min_size), int(level.max_size))
    assert changed == {"voc": 24552, "coco": 24564}
    assert VOC512_CAFFE.levels[0].min_size == 35


def random_boxes(count, seed, low=0.0, high=1.0):
    """Draw corner boxes; they may reach outside the picture when `low` and `high` do."""
    corners = low + (high - low) * torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(seed))
    return torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)


@SPECS
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.2, 1.2), (0.4, 0.46)])
def test_best_overlap_is_the_largest_of_all_priors(spec, low, high):
    boxes = random_boxes(60, 0, low, high)
    slow = iou(boxes, cxcywh_to_xyxy(prior_boxes(spec))).amax(dim=1)
    assert torch.allclose(best_overlaps(spec, boxes), slow, atol=1e-5)


def test_best_overlap_of_a_prior_with_itself_is_one():
    priors = cxcywh_to_xyxy(prior_boxes(VOC300))
    assert torch.allclose(best_overlaps(VOC300, priors), torch.ones(len(priors)), atol=1e-5)
    assert len(best_overlaps(VOC300, torch.zeros(0, 4))) == 0


def test_proposed_priors_cover_more_and_keep_the_network():
    centres = torch.rand(300, 2, generator=torch.Generator().manual_seed(1))
    boxes = torch.cat([centres - 0.03, centres + 0.03], dim=1)  # 18 pixels of 300, which VOC's smallest misses
    proposed = propose_spec(VOC300, boxes)
    before, after = (float((best_overlaps(spec, boxes) >= 0.5).float().mean()) for spec in (VOC300, proposed))
    assert before < 0.1
    assert after > 0.9
    sizes = [level.min_size for level in proposed.levels] + [proposed.levels[-1].max_size]
    assert [level.max_size for level in proposed.levels] == sizes[1:]
    assert all(size == int(size) for size in sizes)
    assert all(large > 1.19 * small for small, large in pairwise(sizes))
    for level, old in zip(proposed.levels, VOC300.levels, strict=True):
        assert (level.grid, level.step, level.aspect_ratios) == (old.grid, old.step, old.aspect_ratios)
    assert (proposed.image_size, proposed.variances, proposed.num_priors) == (300, VOC300.variances, 8732)


def test_proposed_priors_are_never_worse():
    boxes = random_boxes(200, 2)
    reached = [(best_overlaps(spec, boxes) >= 0.5).sum() for spec in (VOC300, propose_spec(VOC300, boxes))]
    assert reached[0] <= reached[1]


def test_other_sizes_keep_everything_else():
    sizes = [level.min_size for level in COCO300.levels] + [COCO300.levels[-1].max_size]
    assert with_sizes(VOC300, sizes) == COCO300
    assert with_sizes(COCO300, [30, 60, 111, 162, 213, 264, 315]) == VOC300


@pytest.mark.parametrize(
    "sizes", [[], [30, 60], [0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, float("inf")], range(9)]
)
def test_sizes_that_cannot_be(sizes):
    with pytest.raises(RecipeError, match=r"prior_sizes.*7 sizes in pixels"):
        with_sizes(VOC300, sizes)


def test_priors_for_no_objects_are_refused():
    with pytest.raises(DataError, match="boxes: are missing"):
        propose_spec(VOC300, torch.zeros(0, 4))


# ------------------------------------------------------------------------------------- fewer maps, fewer shapes


def all_shapes(spec):
    return {shape for level in spec.levels for shape in level.shapes()}


def test_sizes_of_maps_that_go_move_to_the_last_that_stays():
    spec = with_maps(TINY, 3)
    assert spec.levels[:2] == TINY.levels[:2]
    assert spec.levels[2] == replace(TINY.levels[2], more=((96, 140), (140, 184)))
    assert (spec.image_size, spec.variances, spec.boundary) == (192, VARIANCES, True)
    assert with_maps(TINY, 5) == TINY


def test_shapes_of_a_map_with_sizes_of_another_by_hand():
    level = with_maps(TINY, 4).levels[3]
    both = [replace(level, more=()), replace(level, min_size=140, max_size=184, more=())]
    assert level.shapes() == both[0].shapes() + both[1].shapes()
    assert len(level.shapes()) == 12
    # Of the map that went, only ratio 2 was there; on its new map it has ratio 3, too.
    assert set(TINY.levels[4].shapes()) < set(both[1].shapes())
    long, short = 140 * math.sqrt(3), 140 / math.sqrt(3)
    assert all_shapes(with_maps(TINY, 4)) - all_shapes(TINY) == {(long, short), (short, long)}


@pytest.mark.parametrize(
    ("spec", "maps", "count"),
    [
        (TINY, 5, 3442),
        (TINY, 4, 24**2 * 4 + 12**2 * 6 + 6**2 * 6 + 3**2 * 12),
        (TINY, 3, 24**2 * 4 + 12**2 * 6 + 6**2 * 18),
        (TINY, 2, 24**2 * 4 + 12**2 * 24),
        (TINY, 1, 24**2 * 20),
        (VOC300, 5, 8732 - 4 + 3**2 * 4),
        (VOC300, 2, 38**2 * 4 + 19**2 * 30),
    ],
)
def test_fewer_maps_have_so_many_priors(spec, maps, count):
    fewer = with_maps(spec, maps)
    assert len(fewer.levels) == maps
    assert fewer.num_priors == count
    expected = slow_priors(fewer) / spec.image_size
    torch.testing.assert_close(prior_boxes(fewer).double(), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("spec", "least"), [(TINY, 2), (VOC300, 2), (COCO512, 2)])
def test_fewer_maps_keep_every_shape_but_where_the_last_has_fewer_ratios(spec, least):
    for maps in range(least, len(spec.levels) + 1):
        assert all_shapes(spec) <= all_shapes(with_maps(spec, maps))
    # The first map has no ratio 3, so that is lost if all sizes move there.
    many = [level for level in spec.levels if 3 in level.aspect_ratios]
    lost = all_shapes(spec) - all_shapes(with_maps(spec, 1))
    assert len(lost) == 2 * len(many)
    assert all(max(shape) / min(shape) == pytest.approx(3) for shape in lost)


@pytest.mark.parametrize("maps", [-1, 0, 6])
def test_as_many_maps_as_there_are_not_are_refused(maps):
    with pytest.raises(RecipeError, match=rf"maps: cannot be, got {maps}; expected 1 to 5"):
        with_maps(TINY, maps)


def test_maps_may_go_one_after_the_other():
    assert with_maps(with_maps(TINY, 4), 3) == with_maps(TINY, 3)


@pytest.mark.parametrize(("largest", "ratios", "count"), [(3, (2, 3), 3442), (2, (2,), 766 * 4), (1, (), 766 * 2)])
def test_priors_longer_than_a_ratio_are_left_out(largest, ratios, count):
    spec = with_ratios(TINY, largest)
    for level, old in zip(spec.levels, TINY.levels, strict=True):
        assert level == replace(old, aspect_ratios=tuple(ratio for ratio in ratios if ratio in old.aspect_ratios))
    assert spec.num_priors == len(prior_boxes(spec)) == count
    sides = prior_boxes(spec)[:, 2:]
    assert float((sides.amax(dim=1) / sides.amin(dim=1)).max()) == pytest.approx(largest, rel=1e-5)


def test_fewer_maps_and_fewer_ratios_in_either_order():
    spec = with_ratios(with_maps(TINY, 2), 1)
    assert spec == with_maps(with_ratios(TINY, 1), 2)
    assert spec.num_priors == 24**2 * 2 + 12**2 * 8


@pytest.mark.parametrize("maps", [1, 3])
def test_best_overlap_with_fewer_maps_is_the_largest_of_all_priors(maps):
    boxes, spec = random_boxes(60, 0), with_maps(TINY, maps)
    slow = iou(boxes, cxcywh_to_xyxy(prior_boxes(spec))).amax(dim=1)
    assert torch.allclose(best_overlaps(spec, boxes), slow, atol=1e-5)


# ------------------------------------------------------------------------------------- without the boundary


def inside_only(spec=TINY):
    """Return a spec without the priors on the boundary, and its priors."""
    spec = replace(spec, boundary=False)
    return spec, prior_boxes(spec)


# Of TINY inside are 22 * 22 cells for each of 4 shapes; of the second map 10 * 10 cells for 4 shapes and 8 * 10 for the
# two of ratio 3; of the third 4 * 4 for 4 and 2 * 4 for 2; of the fourth the middle cell for 4 and three for 2; of the
# fifth the squares.
@pytest.mark.parametrize(
    ("spec", "count"), [(TINY, 4 * 484 + 4 * 100 + 2 * 80 + 4 * 16 + 2 * 8 + 4 + 2 * 3 + 2), (VOC300, 8732 - 2869)]
)
def test_without_the_boundary_the_priors_within_the_picture_stay(spec, count):
    whole, (inner, priors) = prior_boxes(spec), inside_only(spec)
    slow = slow_priors(spec) / spec.image_size
    low, high = slow[:, :2] - slow[:, 2:] / 2, slow[:, :2] + slow[:, 2:] / 2
    stays = ((low >= 0) & (high <= 1)).all(dim=1)
    assert int(stays.sum()) == inner.num_priors == count
    assert priors.dtype == torch.float32
    assert torch.equal(priors, whole[stays])


def test_every_object_that_overlaps_a_prior_inside_has_one():
    _, priors = inside_only()
    corners = cxcywh_to_xyxy(priors)
    for seed in range(10):
        boxes = random_boxes(8, seed)
        matched = match(corners, boxes)
        reached = (iou(boxes, corners).amax(dim=1) > 1e-6).nonzero().flatten()
        assert torch.equal(matched[matched >= 0].unique(), reached)
        assert len(reached) > 5


CORNER, LARGER = (0.0, 0.0, 2.0, 2.0), (0.0, 0.0, 20.0, 20.0)
"""Objects at the upper left corner, in pixels of TINY. Nearest to it, of the priors inside, is the large square around
the second cell of the second row, whose left and upper edge are 12 - sqrt(14 * 28) / 2 = 2.1 pixels away."""


@pytest.mark.parametrize(("box", "own"), [(CORNER, 0), (LARGER, 1)])
def test_an_object_that_only_priors_on_the_boundary_overlap_goes_without_one(box, own):
    box = torch.tensor([box]) / TINY.image_size
    assert int((match(cxcywh_to_xyxy(prior_boxes(TINY)), box) == 0).sum()) >= 1
    _, priors = inside_only()
    assert min(int((match(cxcywh_to_xyxy(priors), box) == 0).sum()), 1) == own


def losses(boxes):
    """Return the loss of predictions by chance without the boundary, and offsets and logits with their gradients."""
    _, priors = inside_only()
    generator = torch.Generator().manual_seed(0)
    offsets, logits = (torch.randn(len(boxes), len(priors), size, generator=generator) for size in (4, 3))
    offsets.requires_grad_()
    logits.requires_grad_()
    boxes = torch.tensor(boxes)[:, None] / TINY.image_size
    terms = MultiBoxLoss(priors)(offsets, logits, boxes, torch.ones(len(boxes), 1, dtype=torch.int64))
    terms.total.backward()
    return terms, offsets.grad, logits.grad


def test_the_loss_is_finite_though_an_object_goes_without_a_prior():
    terms, offsets, logits = losses([CORNER, LARGER])
    for tensor in (*terms, offsets, logits):
        assert tensor.isfinite().all()
    assert int(terms.matched) >= 1
    assert not offsets[0].any()
    assert not logits[0].any()
    assert offsets[1].any()
    alone, *_ = losses([CORNER])
    assert [float(term.detach()) for term in alone] == [0, 0, 0]


def test_best_overlap_without_the_boundary_is_the_largest_of_the_priors_that_take_part():
    spec, priors = inside_only()
    boxes = torch.tensor([CORNER, LARGER, (0.0, 80.0, 10.0, 90.0)]) / TINY.image_size
    slow = iou(boxes, cxcywh_to_xyxy(priors)).amax(dim=1)
    assert torch.allclose(best_overlaps(spec, boxes), slow, atol=1e-5)


def test_fewer_maps_of_the_papers_network_have_the_papers_number_of_priors_once():
    assert [with_maps(VOC300, maps).num_priors for maps in (6, 5, 4, 3, 2)] == [8732, 8764, 8992, 10342, 16606]

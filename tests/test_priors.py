"""ssd.priors: the authors' numbers, a loop over the cells, and torchvision's generator are the references."""

import math
from dataclasses import FrozenInstanceError
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
    with_sizes,
)

SPECS = pytest.mark.parametrize(
    "spec", [VOC300, COCO300, VOC512, COCO512, TINY], ids=["VOC300", "COCO300", "VOC512", "COCO512", "TINY"]
)


def slow_priors(spec):
    """Lay out priors one by one, in pixels, in the order of the authors' code."""
    rows = []
    for level in spec.levels:
        small, large = level.min_size, math.sqrt(level.min_size * level.max_size)
        for row in range(level.grid):
            for column in range(level.grid):
                cx, cy = (column + 0.5) * level.step, (row + 0.5) * level.step
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

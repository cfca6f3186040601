"""Priors (the paper's default boxes): the fixed grid of boxes that the network corrects and classifies.

The numbers of the method stand here once: sizes and aspect ratios are those of the authors' Caffe scripts
(`examples/ssd/ssd_pascal.py`, `ssd_coco.py`), which made the published results; the paper's section 2.2 gives the idea.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor

from .boxes import VARIANCES, cxcywh_to_xyxy, iou, xyxy_to_cxcywh
from .errors import DataError, RecipeError


@dataclass(frozen=True)
class PriorLevel:
    """The priors of one feature map.

    Attributes:
        grid: the map has grid x grid cells.
        step: distance between neighbouring cells' centres, in pixels of the input.
        min_size: side in pixels of the level's small square, and square root of the area of its oblong priors.
        max_size: the large square has side sqrt(min_size * max_size), in pixels.
        aspect_ratios: width / height of the oblong priors; each also appears as its reciprocal.
        more: further pairs (min_size, max_size) on the same map, each with all ratios; none in the published sets.

    """

    grid: int
    step: float
    min_size: float
    max_size: float
    aspect_ratios: tuple[float, ...]
    more: tuple[tuple[float, float], ...] = ()

    def shapes(self) -> list[tuple[float, float]]:
        """Return (width, height) in pixels of the priors in each cell, in the order of the network's outputs."""
        shapes = []
        for min_size, max_size in ((self.min_size, self.max_size), *self.more):
            large = sqrt(min_size * max_size)
            shapes += [(min_size, min_size), (large, large)]
            for ratio in self.aspect_ratios:
                long, short = min_size * sqrt(ratio), min_size / sqrt(ratio)
                shapes += [(long, short), (short, long)]
        return shapes


@dataclass(frozen=True)
class PriorSpec:
    """All that determines a network's priors.

    Attributes:
        image_size: side of the input in pixels.
        levels: the priors of each map, largest map first.
        variances: what offsets are divided by (`ssd.boxes.encode`).
        boundary: whether priors that cross the picture's border take part, as those of all published networks do.

    """

    image_size: int
    levels: tuple[PriorLevel, ...]
    variances: tuple[float, float, float, float] = VARIANCES
    boundary: bool = True

    @property
    def num_priors(self) -> int:
        """How many priors there are in all."""
        if not self.boundary:
            return len(prior_boxes(self))
        return sum(level.grid**2 * len(level.shapes()) for level in self.levels)


def prior_boxes(spec: PriorSpec) -> Tensor:
    """Lay out all priors of a spec.

    Returns:
        (P, 4) float32 centre-size boxes as fractions of the input, ordered by level, row, column, shape. Never
        clipped: a prior may reach outside the picture, as in the released models, unless the spec leaves those out.

    """
    levels = []
    for level in spec.levels:
        centres = (torch.arange(level.grid, dtype=torch.float64) + 0.5) * level.step
        shapes = torch.tensor(level.shapes(), dtype=torch.float64)
        cy, cx = torch.meshgrid(centres, centres, indexing="ij")
        cells = torch.stack([cx, cy], dim=-1)[:, :, None].expand(-1, -1, len(shapes), -1)
        levels.append(torch.cat([cells, shapes.expand(level.grid, level.grid, -1, -1)], dim=-1).reshape(-1, 4))
    priors = (torch.cat(levels) / spec.image_size).float()
    return priors if spec.boundary else priors[inside(priors)]


def inside(priors_cxcywh: Tensor) -> Tensor:
    """Return which priors lie within the picture, (P,) bool."""
    corners = cxcywh_to_xyxy(priors_cxcywh)
    return ((corners >= 0) & (corners <= 1)).all(dim=1)


def best_overlaps(spec: PriorSpec, boxes_xyxy: Tensor) -> Tensor:
    """Return the largest IoU that any prior of a spec has with each box.

    Of all priors of one shape on one map, none overlaps a box more than the one whose centre is nearest. So each box is
    compared with one prior of every shape, some thirty, instead of thousands, and the result is exact.

    Args:
        spec: the priors.
        boxes_xyxy: (N, 4) corner boxes as fractions of the input.

    Returns:
        (N,) IoU.

    """
    if not spec.boundary:  # then the nearest of a shape may be one that is left out
        return iou(boxes_xyxy.float(), cxcywh_to_xyxy(prior_boxes(spec))).amax(dim=1)
    boxes = boxes_xyxy.double() * spec.image_size
    best = boxes.new_zeros(len(boxes))
    for level in spec.levels:
        cell = (xyxy_to_cxcywh(boxes)[:, :2] / level.step - 0.5).round().clamp(0, level.grid - 1)
        centres = ((cell + 0.5) * level.step)[:, None].expand(-1, len(level.shapes()), -1)
        shapes = boxes.new_tensor(level.shapes()).expand(len(boxes), -1, -1)
        overlap = iou(boxes[:, None], cxcywh_to_xyxy(torch.cat([centres, shapes], dim=2)))
        best = torch.maximum(best, overlap.amax(dim=(1, 2)))
    return best.float()


def propose_spec(spec: PriorSpec, boxes_xyxy: Tensor, iou_threshold: float = 0.5) -> PriorSpec:
    """Propose sizes of priors that meet a dataset's objects better; maps, steps and aspect ratios stay.

    The network therefore stays what it is. The search starts from the spec's own sizes and changes one at a time, by up
    to a half, while that lets more objects reach the threshold, or as many with a larger mean overlap. None
    moves to within a fifth of its neighbours.

    Args:
        spec: the priors to improve on.
        boxes_xyxy: (N, 4) the dataset's objects, corner boxes as fractions of the input; N at least 1.
        iou_threshold: IoU from which an object counts as covered; matching asks for 0.5.

    Returns:
        A spec whose sizes are whole pixels and cover at least as many objects as the given sizes, rounded.

    Raises:
        DataError: there are no boxes.

    """
    if not len(boxes_xyxy):
        raise DataError(
            "are missing", field="boxes", value=0, expected="at least one, to choose the sizes of priors by"
        )

    def quality(sizes: list[float]) -> tuple[float, float]:
        best = best_overlaps(with_sizes(spec, sizes), boxes_xyxy)
        return (best >= iou_threshold).double().mean().item(), best.double().mean().item()

    sizes = [float(round(size)) for size in (*(level.min_size for level in spec.levels), spec.levels[-1].max_size)]
    reached, improving = quality(sizes), True
    while improving:
        improving = False
        for place in range(len(sizes)):
            low = 1.2 * sizes[place - 1] if place else 1
            high = sizes[place + 1] / 1.2 if place + 1 < len(sizes) else 2 * spec.image_size
            steps = (2 ** (step / 8) for step in range(-8, 6))  # from a half to one and a half
            for size in sorted({float(round(sizes[place] * step)) for step in steps}):
                trial = [*sizes[:place], size, *sizes[place + 1 :]]
                if low <= size <= high and quality(trial) > reached:
                    sizes, reached, improving = trial, quality(trial), True
    return with_sizes(spec, sizes)


def with_sizes(spec: PriorSpec, sizes: Sequence[float]) -> PriorSpec:
    """Give a spec other sizes; maps, steps and aspect ratios stay.

    Args:
        spec: of L levels.
        sizes: L + 1, in pixels of the input and growing; each is one level's minimum and the maximum of the one before.

    Raises:
        RecipeError: their number is another, or they do not grow from above 0.

    """
    wanted = len(spec.levels) + 1
    if len(sizes) != wanted or not all(low < high < torch.inf for low, high in pairwise((0, *sizes))):
        expected = f"{wanted} sizes in pixels, each larger than the one before"
        raise RecipeError("cannot be", field="prior_sizes", value=tuple(sizes), expected=expected)
    levels = zip(spec.levels, sizes[:-1], sizes[1:], strict=True)
    return replace(spec, levels=tuple(replace(level, min_size=low, max_size=high) for level, low, high in levels))


def with_maps(spec: PriorSpec, maps: int) -> PriorSpec:
    """Give a spec fewer maps, the largest ones; the sizes of the others move to the last that stays (paper, table 3).

    The paper holds the number of priors near 8,732 without saying how. With five maps this has the paper's 8,764; with
    four, three and two 8,992, 10,342 and 16,606, where the paper has 8,942, 9,864 and 9,025.

    Args:
        spec: of L levels.
        maps: 1 to L.

    Raises:
        RecipeError: there are not so many.

    """
    if not 1 <= maps <= len(spec.levels):
        raise RecipeError("cannot be", field="maps", value=maps, expected=f"1 to {len(spec.levels)}")
    *kept, last = spec.levels[:maps]
    more = tuple(pair for level in spec.levels[maps:] for pair in ((level.min_size, level.max_size), *level.more))
    return replace(spec, levels=(*kept, replace(last, more=last.more + more)))


def with_ratios(spec: PriorSpec, largest: float) -> PriorSpec:
    """Leave out priors whose longer side is more than `largest` times the shorter one (paper, table 2)."""
    levels = (
        replace(level, aspect_ratios=tuple(ratio for ratio in level.aspect_ratios if ratio <= largest))
        for level in spec.levels
    )
    return replace(spec, levels=tuple(levels))


def _levels(
    grids: tuple[int, ...], steps: tuple[float, ...], sizes: tuple[float, ...], ratios: tuple[tuple[float, ...], ...]
) -> tuple[PriorLevel, ...]:
    """Zip per-level numbers; of `sizes` each is one level's minimum and the maximum of the level before."""
    return tuple(PriorLevel(*numbers) for numbers in zip(grids, steps, sizes[:-1], sizes[1:], ratios, strict=True))


_FEW, _MANY = (2.0,), (2.0, 3.0)
_GRIDS_300, _STEPS_300 = (38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300)
_RATIOS_300 = (_FEW, _MANY, _MANY, _MANY, _FEW, _FEW)
_GRIDS_512, _STEPS_512 = (64, 32, 16, 8, 4, 2, 1), (8, 16, 32, 64, 128, 256, 512)
_RATIOS_512 = (_FEW, _MANY, _MANY, _MANY, _MANY, _FEW, _FEW)

VOC300 = PriorSpec(300, _levels(_GRIDS_300, _STEPS_300, (30, 60, 111, 162, 213, 264, 315), _RATIOS_300))
"""SSD300 on PASCAL VOC: 8732 priors."""

COCO300 = PriorSpec(300, _levels(_GRIDS_300, _STEPS_300, (21, 45, 99, 153, 207, 261, 315), _RATIOS_300))
"""SSD300 on COCO, whose objects are smaller: 8732 priors."""

VOC512 = PriorSpec(
    512, _levels(_GRIDS_512, _STEPS_512, (35.84, 76.8, 153.6, 230.4, 307.2, 384, 460.8, 537.6), _RATIOS_512)
)
"""SSD512 on PASCAL VOC: 24564 priors, at the sizes the paper intends."""

COCO512 = PriorSpec(
    512,
    _levels(_GRIDS_512, _STEPS_512, (20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72), _RATIOS_512),
)
"""SSD512 on COCO: 24564 priors, at the sizes the paper intends."""


def _whole_pixels(spec: PriorSpec) -> PriorSpec:
    """Cut all sizes down to whole pixels, as Caffe's `prior_box_layer.cpp` has done since June 2016."""
    levels = (replace(n, min_size=float(int(n.min_size)), max_size=float(int(n.max_size))) for n in spec.levels)
    return replace(spec, levels=tuple(levels))


VOC512_CAFFE = _whole_pixels(VOC512)
"""The sizes that the released SSD512 weights for VOC were made with; only for loading these."""

COCO512_CAFFE = _whole_pixels(COCO512)
"""The sizes that the released SSD512 weights for COCO were made with; only for loading these."""

TINY = PriorSpec(
    192, _levels((24, 12, 6, 3, 1), (8, 16, 32, 64, 192), (14, 28, 56, 96, 140, 184), (_FEW, _MANY, _MANY, _MANY, _FEW))
)
"""The small network of the laptop chapters; sizes follow the quantiles of the objects in VOC2007."""

PRIORS = {
    "voc300": VOC300,
    "coco300": COCO300,
    "voc512": VOC512,
    "coco512": COCO512,
    "voc512_caffe": VOC512_CAFFE,
    "coco512_caffe": COCO512_CAFFE,
}
"""The published sets by name."""

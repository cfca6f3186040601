"""Priors (the paper's default boxes): the fixed grid of boxes that the network corrects and classifies.

The numbers of the method stand here once: sizes and aspect ratios are those of the authors' Caffe scripts
(`examples/ssd/ssd_pascal.py`, `ssd_coco.py`), which made the published results; the paper's section 2.2 gives the idea.
"""

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from .boxes import VARIANCES


@dataclass(frozen=True)
class PriorLevel:
    """The priors of one feature map.

    Attributes:
        grid: the map has grid x grid cells.
        step: distance between neighbouring cells' centres, in pixels of the input.
        min_size: side in pixels of the level's small square, and square root of the area of its oblong priors.
        max_size: the large square has side sqrt(min_size * max_size), in pixels.
        aspect_ratios: width / height of the oblong priors; each also appears upside down.

    """

    grid: int
    step: float
    min_size: float
    max_size: float
    aspect_ratios: tuple[float, ...]

    def shapes(self) -> list[tuple[float, float]]:
        """Return (width, height) in pixels of the priors in each cell, in the order of the network's outputs."""
        large = sqrt(self.min_size * self.max_size)
        shapes = [(self.min_size, self.min_size), (large, large)]
        for ratio in self.aspect_ratios:
            long, short = self.min_size * sqrt(ratio), self.min_size / sqrt(ratio)
            shapes += [(long, short), (short, long)]
        return shapes


@dataclass(frozen=True)
class PriorSpec:
    """All that determines a network's priors: the input's side in pixels, the levels, and the offsets' variances."""

    image_size: int
    levels: tuple[PriorLevel, ...]
    variances: tuple[float, float, float, float] = VARIANCES

    @property
    def num_priors(self) -> int:
        """How many priors there are in all."""
        return sum(level.grid**2 * len(level.shapes()) for level in self.levels)


def prior_boxes(spec: PriorSpec) -> Tensor:
    """Lay out all priors of a spec.

    Returns:
        (P, 4) float32 centre-size boxes as fractions of the input, ordered by level, row, column, shape. Never
        clipped: a prior may reach outside the picture, as in the released models.

    """
    levels = []
    for level in spec.levels:
        centres = (torch.arange(level.grid, dtype=torch.float64) + 0.5) * level.step
        shapes = torch.tensor(level.shapes(), dtype=torch.float64)
        cy, cx = torch.meshgrid(centres, centres, indexing="ij")
        cells = torch.stack([cx, cy], dim=-1)[:, :, None].expand(-1, -1, len(shapes), -1)
        levels.append(torch.cat([cells, shapes.expand(level.grid, level.grid, -1, -1)], dim=-1).reshape(-1, 4))
    return (torch.cat(levels) / spec.image_size).float()


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

TINY = PriorSpec(
    192, _levels((24, 12, 6, 3, 1), (8, 16, 32, 64, 192), (14, 28, 56, 96, 140, 184), (_FEW, _MANY, _MANY, _MANY, _FEW))
)
"""The small network of the laptop chapters; sizes follow the quantiles of the objects in VOC2007."""

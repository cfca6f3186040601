"""Small SSDs for laptops and browsers: batch-normalised convolutions that halve the picture five times."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..priors import TINY, PriorSpec
from .ssd import SSD, lecun_uniform_
from .weights import load_weights


def block(in_channels: int, out_channels: int, stride: int = 1, padding: int = 1) -> nn.Sequential:
    """Convolve 3 x 3, normalise over the batch, rectify."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Add to a map what a convolution of it finds missing, and rectify; channels and size stay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.normalisation = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape as `x`, (B, channels, H, W)."""
        return torch.relu(x + self.normalisation(self.convolution(x)))


class SmallBackbone(nn.Module):
    """Maps a (B, 3, 192, 192) picture to maps of 24, 12 and 6 cells a side.

    Args:
        widths: channels of the three maps.
        depths: residual convolutions before each.

    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        # One wide convolution straight to a quarter of the size: on full-sized maps even few channels take long.
        stem = nn.Conv2d(3, 48, 6, stride=4, padding=1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(48), nn.ReLU(inplace=True))
        self.stages = nn.ModuleList(
            nn.Sequential(block(before, width, 2), *(Residual(width) for _ in range(depth)))
            for before, width, depth in zip((48, *widths), widths, depths, strict=False)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the three maps, largest first."""
        # Batch normalisation settles the scale of pixels; the first layer only must not start with huge values.
        x = self.stem(images / 64)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def ssd_tiny(
    num_classes: int = 20,
    weights: str | Path | None = None,
    class_names: Sequence[str] | None = None,
    spec: PriorSpec = TINY,
) -> SSD:
    """Build the network of the laptop chapters: 192 px, under 2 million parameters.

    Args:
        num_classes: C, without background.
        weights: a .safetensors file, the name of weights that the book ships, or None to start from chance.
        class_names: the C names; VOC's when C is 20 and no others are given.
        spec: the priors, on grids of 24, 12, 6, 3 and 1.

    Raises:
        CheckpointError: the weights are missing or made for another network or number of classes.

    """
    return _small((96, 144, 144), (2, 2, 1), (96, 64), num_classes, weights, class_names, spec)


def ssd_small(
    num_classes: int = 20,
    weights: str | Path | None = None,
    class_names: Sequence[str] | None = None,
    spec: PriorSpec = TINY,
) -> SSD:
    """Build the network for real pictures on small machines: 192 px, under 4 million parameters.

    Wider and deeper than `ssd_tiny` on the maps of 12 and 6 cells, where that costs little; for the rest the same, and
    so are the arguments.

    Raises:
        CheckpointError: the weights are missing or made for another network or number of classes.

    """
    return _small((96, 192, 224), (2, 3, 2), (128, 96), num_classes, weights, class_names, spec)


def _small(
    widths: tuple[int, ...],
    depths: tuple[int, ...],
    extra_widths: tuple[int, int],
    num_classes: int,
    weights: str | Path | None,
    class_names: Sequence[str] | None,
    spec: PriorSpec,
) -> SSD:
    """Put a detector together on a backbone of three maps and two extra layers, and start it as `weights` says."""
    three, one = extra_widths
    # The last map is one cell: over a batch of one picture there is nothing to normalise, so it does without.
    last = nn.Conv2d(three, one, 3)
    lecun_uniform_(last)
    extras = [block(widths[-1], three, 2), nn.Sequential(last, nn.ReLU(inplace=True))]
    network = SSD(SmallBackbone(widths, depths), extras, (*widths, three, one), spec, num_classes, class_names)
    if weights is not None:
        load_weights(network, weights)
    return network

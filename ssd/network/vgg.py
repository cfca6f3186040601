"""SSD300 and SSD512 on VGG16, as in the paper (section 3, "Base network") and in its authors' Caffe code.

Layers have the paper's names. The extra ones are conv8 to conv12; Caffe's files call them conv6 to conv10.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import CheckpointError
from ..priors import VOC300, VOC512, PriorSpec
from .foreign import is_body, load_body
from .ssd import SSD, lecun_uniform_
from .weights import load_weights

WIDTHS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions of VGG16's five blocks (Simonyan and Zisserman 2015, table 1, column D)."""


class L2Norm(nn.Module):
    """Scale each position's vector to length 1, then each channel by a learned number that starts at 20 (ParseNet).

    Its scales are weights like any other: they decay.
    """

    def __init__(self, channels: int, scale: float = 20.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape as `x`, (B, channels, H, W)."""
        # In float32 also under autocast: 512 squares can exceed what float16 holds.
        length = (x.float().square().sum(dim=1, keepdim=True) + 1e-10).sqrt()
        return (x / length).to(x.dtype) * self.weight.to(x.dtype)[:, None, None]


def layer(name: str, in_channels: int, out_channels: int, normalised: bool, kernel: int = 3, **how: int) -> dict:
    """Return a convolution and its ReLU by their names, with batch normalisation between them if asked for."""
    parts = {name: nn.Conv2d(in_channels, out_channels, kernel, bias=not normalised, **how)}
    if normalised:
        parts[f"{name}_norm"] = nn.BatchNorm2d(out_channels)
    return {**parts, f"{name}_relu": nn.ReLU(inplace=True)}


class VGG16Body(nn.Module):
    """VGG16 without its classifier; fc6 and fc7 are convolutions (paper, section 3; DeepLab's sub-sampling).

    Maps (B, 3, S, S) to conv4_3, normalised, with 512 channels and an eighth of the size, and to fc7, with 1024
    channels and a sixteenth. Sizes are rounded up, as Caffe's pooling does: 300 px give maps of 38 and 19 cells.

    Args:
        normalised: put batch normalisation behind every convolution.

    """

    def __init__(self, normalised: bool = False) -> None:
        super().__init__()
        parts, channels = {}, 3
        for block, (width, depth) in enumerate(WIDTHS, start=1):
            for number in range(1, depth + 1):
                parts |= layer(f"conv{block}_{number}", channels, width, normalised, padding=1)
                channels = width
            # The last pooling keeps the size; fc6 spreads its taps instead ("a trous") to see as far as before.
            how = {"kernel_size": 2, "stride": 2} if block < 5 else {"kernel_size": 3, "stride": 1, "padding": 1}
            parts[f"pool{block}"] = nn.MaxPool2d(**how, ceil_mode=True)
        parts |= layer("fc6", 512, 1024, normalised, padding=6, dilation=6)
        parts |= layer("fc7", 1024, 1024, normalised, kernel=1)
        names = list(parts)
        split = names.index("pool4")
        self.lower = nn.Sequential(OrderedDict((name, parts[name]) for name in names[:split]))
        self.upper = nn.Sequential(OrderedDict((name, parts[name]) for name in names[split:]))
        self.conv4_3_norm = L2Norm(512)
        for name, module in parts.items():
            if name in ("fc6", "fc7"):
                lecun_uniform_(module)
            elif isinstance(module, nn.Conv2d):  # stands until pretrained weights come, or for good
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return conv4_3, normalised, and fc7."""
        conv4_3 = self.lower(images)
        return [self.conv4_3_norm(conv4_3), self.upper(conv4_3)]


def extra_layers(kernels: Sequence[tuple[int, int, int]], normalised: bool) -> tuple[list[nn.Module], list[int]]:
    """Build the layers that go on shrinking the map behind fc7: each a 1 x 1 convolution and a larger one.

    Args:
        kernels: size, stride and padding of the larger convolution of conv8, conv9, ...
        normalised: put batch normalisation behind the convolutions, but not behind the very last: its map is one cell,
            and a batch of one picture would leave nothing to normalise over.

    Returns:
        The layers, and the channels of the maps they make.

    """
    extras, widths, channels = [], [], 1024
    for number, (kernel, stride, padding) in enumerate(kernels, start=8):
        narrow, wide = (256, 512) if number == 8 else (128, 256)
        last = number == 7 + len(kernels)
        parts = layer(f"conv{number}_1", channels, narrow, normalised, kernel=1)
        parts |= layer(f"conv{number}_2", narrow, wide, normalised and not last, kernel, stride=stride, padding=padding)
        for module in parts.values():
            if isinstance(module, nn.Conv2d):
                lecun_uniform_(module)
        extras.append(nn.Sequential(OrderedDict(parts)))
        widths.append(wide)
        channels = wide
    return extras, widths


def ssd300_vgg16(
    num_classes: int = 20,
    weights: str | Path | None = None,
    class_names: Sequence[str] | None = None,
    spec: PriorSpec = VOC300,
) -> SSD:
    """Build SSD300: 300 px, 8732 priors, 26.3 million parameters for 20 classes.

    Args:
        num_classes: C, without background.
        weights: what to start from, see `ssd512_vgg16`.
        class_names: the C names; VOC's when C is 20 and no others are given.
        spec: the priors, on grids of 38, 19, 10, 5, 3 and 1; COCO300 for COCO.

    Raises:
        CheckpointError: the weights are missing, damaged or made for another network or number of classes.

    """
    return _ssd_vgg16(KERNELS_300, False, num_classes, weights, class_names, spec)


def ssd512_vgg16(
    num_classes: int = 20,
    weights: str | Path | None = None,
    class_names: Sequence[str] | None = None,
    spec: PriorSpec = VOC512,
) -> SSD:
    """Build SSD512: 512 px, 24564 priors (paper, section 3.1, footnote on conv12_2).

    Args:
        num_classes: C, without background.
        weights: None starts the body with He's initialisation. "imagenet" downloads torchvision's VGG16 with its
            classifier, from which fc6 and fc7 are carved; "imagenet_features" downloads the features that the authors'
            Caffe model has, which torchvision keeps without a classifier. A .pth or .caffemodel file holds a VGG16
            body. A .safetensors file, or the name of weights that the book ships, holds a whole detector.
        class_names: the C names; VOC's when C is 20 and no others are given.
        spec: the priors, on grids of 64, 32, 16, 8, 4, 2 and 1; COCO512 for COCO.

    Raises:
        CheckpointError: the weights are missing, damaged or made for another network or number of classes.

    """
    return _ssd_vgg16(KERNELS_512, False, num_classes, weights, class_names, spec)


def ssd300_vgg16_bn(
    num_classes: int = 20,
    weights: str | Path | None = None,
    class_names: Sequence[str] | None = None,
    spec: PriorSpec = VOC300,
) -> SSD:
    """Build SSD300 with batch normalisation behind each convolution but the last, to be trained from chance.

    Not in the paper: without ImageNet's weights its network hardly starts to learn.

    Args:
        num_classes: C, without background.
        weights: a .safetensors file, or None to start from chance.
        class_names: the C names; VOC's when C is 20 and no others are given.
        spec: the priors, as for `ssd300_vgg16`.

    Raises:
        CheckpointError: the weights are missing, damaged or made for another network or number of classes.

    """
    return _ssd_vgg16(KERNELS_300, True, num_classes, weights, class_names, spec)


HALVED, TRIMMED = (3, 2, 1), (3, 1, 0)
KERNELS_300 = (HALVED, HALVED, TRIMMED, TRIMMED)
KERNELS_512 = (HALVED, HALVED, HALVED, HALVED, (4, 1, 1))
"""Size, stride and padding of the larger convolution of conv8, conv9, ...: each makes one map, down to one cell."""


def _ssd_vgg16(
    kernels: Sequence[tuple[int, int, int]],
    normalised: bool,
    num_classes: int,
    weights: str | Path | None,
    class_names: Sequence[str] | None,
    spec: PriorSpec,
) -> SSD:
    """Put a detector on VGG16 together and start it as `weights` says."""
    extras, widths = extra_layers(kernels, normalised)
    network = SSD(VGG16Body(normalised), extras, (512, 1024, *widths), spec, num_classes, class_names)
    if weights is None:
        return network
    if not is_body(weights):
        load_weights(network, weights)
    elif normalised:
        raise CheckpointError(
            "is for VGG16 without batch normalisation",
            field="weights",
            value=str(weights),
            expected="None or a .safetensors file of ssd300_vgg16_bn",
        )
    else:
        load_body(network.backbone, weights)
    return network

"""The detector: a backbone, extra layers that go on shrinking its map, and two convolutions on every map."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import sqrt

import torch
from torch import Tensor, nn

from ..augment import EvalTransform, normalize
from ..datasets.voc import VOC_CLASSES
from ..errors import RecipeError
from ..images import as_image
from ..nms import detect
from ..priors import PriorSpec, inside, prior_boxes
from ..sample import Detections, Sample


class SSD(nn.Module):
    """Single Shot MultiBox Detector (paper, section 2.1, figure 2).

    Args:
        backbone: maps (B, 3, S, S) to a list of feature maps, largest first.
        extras: each maps the last feature map so far to the next, smaller one.
        channels: channels of every map, the backbone's and the extras' in that order.
        spec: the priors; one level a map, whose grids must be the maps' sizes. Of fewer levels than maps, the first
            maps are used.
        num_classes: C, without background.
        class_names: the C names; VOC's when C is 20 and no others are given.

    """

    priors_cxcywh: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        extras: Sequence[nn.Module],
        channels: Sequence[int],
        spec: PriorSpec,
        num_classes: int = 20,
        class_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        if class_names is None:
            class_names = (
                VOC_CLASSES if num_classes == len(VOC_CLASSES) else [f"class {n + 1}" for n in range(num_classes)]
            )
        if len(class_names) != num_classes:
            raise RecipeError(
                "must have one name a class", field="class_names", value=len(class_names), expected=f"{num_classes}"
            )
        maps = len(spec.levels)
        if maps > len(channels):
            raise RecipeError(
                "has more levels than maps", field="spec", value=maps, expected=f"{len(channels)} at most"
            )
        self.spec, self.num_classes, self.class_names = spec, num_classes, tuple(class_names)
        self.backbone = backbone
        self.extras = nn.ModuleList(extras[: max(0, maps - (len(channels) - len(extras)))])
        self.offset_heads, self.logit_heads = nn.ModuleList(), nn.ModuleList()
        for in_channels, level in zip(channels[:maps], spec.levels, strict=True):
            shapes = len(level.shapes())
            self.offset_heads.append(nn.Conv2d(in_channels, shapes * 4, 3, padding=1))
            self.logit_heads.append(nn.Conv2d(in_channels, shapes * (num_classes + 1), 3, padding=1))
        for head in (*self.offset_heads, *self.logit_heads):
            lecun_uniform_(head)
        # Not persistent: priors follow from the spec, and weights must not depend on how they were laid out in memory.
        self.register_buffer("priors_cxcywh", prior_boxes(spec), persistent=False)
        # Which rows of the heads' answers are about these priors: all, unless the spec leaves some out.
        if spec.boundary:
            self.rows = slice(None)
        else:
            everywhere = prior_boxes(replace(spec, boundary=True))
            self.register_buffer("rows", inside(everywhere).nonzero().flatten(), persistent=False)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps the heads look at, largest first, each (B, channels, grid, grid)."""
        maps = list(self.backbone(images))[: len(self.spec.levels)]
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        return maps

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict offsets and logits of every prior.

        Args:
            images: (B, 3, S, S) float, RGB, 0..255 minus the mean (`ssd.augment.normalize`).

        Returns:
            Offsets (B, P, 4) and logits (B, P, C+1), background first; priors ordered as in `ssd.priors.prior_boxes`.

        Raises:
            RecipeError: the maps have other sizes than the spec's grids; the pictures may be of another size.

        """
        maps = self.feature_maps(images)
        sizes, grids = [tuple(m.shape[2:]) for m in maps], [(level.grid, level.grid) for level in self.spec.levels]
        if sizes != grids:
            raise RecipeError("feature maps do not fit the priors", value=sizes, expected=f"sizes of {grids}")
        offsets = [as_rows(head(m), 4) for head, m in zip(self.offset_heads, maps, strict=True)]
        logits = [as_rows(head(m), self.num_classes + 1) for head, m in zip(self.logit_heads, maps, strict=True)]
        return torch.cat(offsets, dim=1)[:, self.rows], torch.cat(logits, dim=1)[:, self.rows]

    @torch.no_grad()
    def predict(self, images: object, score_threshold: float = 0.01, iou_threshold: float = 0.45) -> list[Detections]:
        """Detect in pictures of any size, as they come: the way to use a trained network.

        The network is put in evaluation mode for the call and back into the mode it was in.

        Args:
            images: a path, Pillow picture, (H, W, 3) uint8 array or (3, H, W) uint8 tensor, or a list of such.
            score_threshold: detections score more than this; the paper's 0.01 is right for measuring, 0.5 for looking.
            iou_threshold: of the suppression within a class.

        Returns:
            One `Detections` a picture, boxes in pixels of the original.

        Raises:
            DataError: a picture cannot be read or has another shape or type.

        """
        images = images if isinstance(images, list | tuple) else [images]
        if not images:
            return []
        transform = EvalTransform(self.spec.image_size)
        nothing = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.bool)
        examples = [transform(Sample(as_image(image), *nothing)) for image in images]
        device = self.priors_cxcywh.device
        with evaluation_mode(self):
            outputs = self(normalize(torch.stack([example.image for example in examples]).to(device)))
        found = self.detect(*outputs, score_threshold=score_threshold, iou_threshold=iou_threshold)
        return [in_pixels(one, example.size) for one, example in zip(found, examples, strict=True)]

    def detect(self, offsets: Tensor, logits: Tensor, **limits: float) -> list[Detections]:
        """Turn the outputs of `forward` into detections in fractions; `limits` as in `ssd.nms.detect`."""
        return detect(offsets, logits, self.priors_cxcywh, self.spec.variances, **limits)


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode for a while, then every part of it back into the mode that it was in."""
    before = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


def as_rows(head_output: Tensor, values: int) -> Tensor:
    """Turn a head's output (B, shapes * values, H, W) into rows (B, H * W * shapes, values): row, column, shape."""
    return head_output.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, values))


def in_pixels(detections: Detections, size: Tensor) -> Detections:
    """Scale boxes from fractions to pixels of a picture of `size` (2,), width and height, and bring them home."""
    found = detections.cpu()
    return Detections(found.boxes * size.cpu().repeat(2), found.scores, found.labels)


def lecun_uniform_(convolution: nn.Conv2d) -> None:
    """Initialise as Caffe's "xavier" does: weights uniform on +-sqrt(3 / fan_in), biases 0.

    Not torch's `xavier_uniform_`, which divides by the mean of fan-in and fan-out.
    """
    bound = sqrt(3 / convolution.weight[0].numel())
    nn.init.uniform_(convolution.weight, -bound, bound)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)

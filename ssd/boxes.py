"""Boxes as tensors: two ways to write them, how far two overlap, and how the network is told where one lies.

A box is a row of four floats. `xyxy` holds its corners (left, top, right, bottom), `cxcywh` its centre and its
width and height. Nothing here knows whether the unit is a pixel or a fraction of the picture; arguments of one call
share a unit. Any leading dimensions are allowed: (..., 4).
"""

import torch
from torch import Tensor

VARIANCES = (0.1, 0.1, 0.2, 0.2)
"""What offsets are divided by (centre x, centre y, width, height): the Caffe code's `prior_variance`."""


def cxcywh_to_xyxy(boxes_cxcywh: Tensor) -> Tensor:
    """Turn centre-size boxes (..., 4) into corner boxes (..., 4)."""
    centre, size = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def xyxy_to_cxcywh(boxes_xyxy: Tensor) -> Tensor:
    """Turn corner boxes (..., 4) into centre-size boxes (..., 4)."""
    low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def area(boxes_xyxy: Tensor) -> Tensor:
    """Return the areas (...,) of corner boxes (..., 4), in the square of their unit; a reversed box has area 0."""
    size = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).clamp(min=0)
    return size[..., 0] * size[..., 1]


def iou(boxes_a_xyxy: Tensor, boxes_b_xyxy: Tensor) -> Tensor:
    """Intersection over union of every box of one set with every box of another (the paper's "jaccard overlap").

    Args:
        boxes_a_xyxy: (..., N, 4) corner boxes.
        boxes_b_xyxy: (..., M, 4) corner boxes in the same unit.

    Returns:
        (..., N, M) values in [0, 1]; 0 where both boxes are empty.

    """
    # Coordinate by coordinate, each in one piece of memory, and in place: pairs of them would take three times as long.
    ax0, ay0, ax1, ay1 = boxes_a_xyxy[..., :, None, :].movedim(-1, 0).contiguous()
    bx0, by0, bx1, by1 = boxes_b_xyxy[..., None, :, :].movedim(-1, 0).contiguous()
    width = torch.minimum(ax1, bx1).sub_(torch.maximum(ax0, bx0)).clamp_(min=0)
    height = torch.minimum(ay1, by1).sub_(torch.maximum(ay0, by0)).clamp_(min=0)
    intersection = width.mul_(height)
    # Two empty boxes make a union of 0; a tiny area in place of one of theirs gives them IoU 0, not NaN.
    area_a, area_b = area(boxes_a_xyxy)[..., :, None], area(boxes_b_xyxy)[..., None, :]
    area_b = area_b.clamp(min=torch.finfo(area_b.dtype).tiny)
    union = (area_a + area_b).sub_(intersection)
    return intersection.div_(union)


def encode(boxes_xyxy: Tensor, priors_cxcywh: Tensor, variances: tuple[float, ...] = VARIANCES) -> Tensor:
    """Write boxes as offsets from their priors: what the network learns to predict (paper, section 2.2, equation 2).

    Args:
        boxes_xyxy: (..., 4) corner boxes of positive width and height.
        priors_cxcywh: (..., 4) the prior of each box, same unit.
        variances: the four divisors of equation 2's implementation in Caffe.

    Returns:
        (..., 4) offsets: centre shift in units of the prior's size, and the logarithm of the size ratio.

    """
    x0, y0, x1, y1 = boxes_xyxy.unbind(dim=-1)
    cx, cy, width, height = priors_cxcywh.unbind(dim=-1)
    return torch.stack(
        [
            ((x0 + x1) / 2 - cx) / (width * variances[0]),
            ((y0 + y1) / 2 - cy) / (height * variances[1]),
            ((x1 - x0) / width).log() / variances[2],
            ((y1 - y0) / height).log() / variances[3],
        ],
        dim=-1,
    )


def decode(offsets: Tensor, priors_cxcywh: Tensor, variances: tuple[float, ...] = VARIANCES) -> Tensor:
    """Turn predicted offsets (..., 4) back into corner boxes (..., 4); the inverse of `encode`.

    No clamp, as in the authors' code: an absurd offset gives an absurd box, clipped only when it is written out.
    """
    tx, ty, tw, th = offsets.unbind(dim=-1)
    cx, cy, width, height = priors_cxcywh.unbind(dim=-1)
    cx, cy = cx + tx * variances[0] * width, cy + ty * variances[1] * height
    half_width, half_height = (tw * variances[2]).exp() * width / 2, (th * variances[3]).exp() * height / 2
    return torch.stack([cx - half_width, cy - half_height, cx + half_width, cy + half_height], dim=-1)


def clip(boxes_xyxy: Tensor, width: float = 1.0, height: float = 1.0) -> Tensor:
    """Cut corner boxes (..., 4) to the picture, [0, width] x [0, height]; the default is for fractions."""
    return boxes_xyxy.clamp(min=0).minimum(boxes_xyxy.new_tensor([width, height, width, height]))

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
    a, b = boxes_a_xyxy[..., :, None, :], boxes_b_xyxy[..., None, :, :]
    # Coordinate by coordinate: a (..., N, M, 2) intermediate would double the memory that this moves.
    width = (torch.minimum(a[..., 2], b[..., 2]) - torch.maximum(a[..., 0], b[..., 0])).clamp(min=0)
    height = (torch.minimum(a[..., 3], b[..., 3]) - torch.maximum(a[..., 1], b[..., 1])).clamp(min=0)
    intersection = width * height
    union = area(a) + area(b) - intersection
    # Empty boxes make a union of 0; dividing by a tiny number instead gives them IoU 0, not NaN.
    return intersection / union.clamp(min=torch.finfo(union.dtype).tiny)


def encode(boxes_xyxy: Tensor, priors_cxcywh: Tensor, variances: tuple[float, ...] = VARIANCES) -> Tensor:
    """Write boxes as offsets from their priors: what the network learns to predict (paper, section 2.2, equation 2).

    Args:
        boxes_xyxy: (..., 4) corner boxes of positive width and height.
        priors_cxcywh: (..., 4) the prior of each box, same unit.
        variances: the four divisors of equation 2's implementation in Caffe.

    Returns:
        (..., 4) offsets: centre shift in units of the prior's size, and the logarithm of the size ratio.

    """
    box = xyxy_to_cxcywh(boxes_xyxy)
    shift = (box[..., :2] - priors_cxcywh[..., :2]) / priors_cxcywh[..., 2:]
    stretch = torch.log(box[..., 2:] / priors_cxcywh[..., 2:])
    return torch.cat([shift, stretch], dim=-1) / shift.new_tensor(variances)


def decode(offsets: Tensor, priors_cxcywh: Tensor, variances: tuple[float, ...] = VARIANCES) -> Tensor:
    """Turn predicted offsets (..., 4) back into corner boxes (..., 4); the inverse of `encode`.

    No clamp, as in the authors' code: an absurd offset gives an absurd box, clipped only when it is written out.
    """
    offsets = offsets * offsets.new_tensor(variances)
    centre = priors_cxcywh[..., :2] + offsets[..., :2] * priors_cxcywh[..., 2:]
    size = priors_cxcywh[..., 2:] * torch.exp(offsets[..., 2:])
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def clip(boxes_xyxy: Tensor, width: float = 1.0, height: float = 1.0) -> Tensor:
    """Cut corner boxes (..., 4) to the picture, [0, width] x [0, height]; the default is for fractions."""
    return boxes_xyxy.clamp(min=0).minimum(boxes_xyxy.new_tensor([width, height, width, height]))

"""From the network's outputs to detections: threshold, non-maximum suppression per class, limits (paper, section 3)."""

import torch
from torch import Tensor

from .boxes import VARIANCES, clip, decode, iou
from .sample import Detections


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy non-maximum suppression: keep the best box, drop all that overlap it too much, repeat.

    Args:
        boxes: (N, 4) corner boxes.
        scores: (N,) their scores.
        iou_threshold: a box goes when its IoU with a kept, better one is larger than this.

    Returns:
        (K,) int64 indices of the boxes kept, best first; of equal scores the lower index is the better.

    """
    order = scores.argsort(descending=True, stable=True)
    return order[greedy_keep(boxes[order], iou_threshold)]


def greedy_keep(boxes: Tensor, iou_threshold: float) -> Tensor:
    """Greedy suppression of many independent lists at once.

    The rule is: a box stays unless a better box that itself stays overlaps it. Starting from "all stay" and applying
    the rule to all boxes together settles the first box after one pass, and at least one more with each pass, so the
    fixed point is what the one-by-one loop gives; it is reached after a few passes (the longest chain of suppressions).

    Args:
        boxes: (..., N, 4) corner boxes, each list best first. An empty box neither drops nor is dropped.
        iou_threshold: as in `nms`.

    Returns:
        (..., N) bool, True for boxes that stay.

    """
    suppresses = (iou(boxes, boxes) > iou_threshold).triu(diagonal=1)
    keep = torch.ones(boxes.shape[:-1], dtype=torch.bool, device=boxes.device)
    while True:
        stays = ~(suppresses & keep[..., None]).any(dim=-2)
        if torch.equal(stays, keep):
            return keep
        keep = stays


@torch.no_grad()
def detect(
    offsets: Tensor,
    logits: Tensor,
    priors_cxcywh: Tensor,
    variances: tuple[float, ...] = VARIANCES,
    score_threshold: float = 0.01,
    iou_threshold: float = 0.45,
    per_class: int = 400,
    per_image: int = 200,
) -> list[Detections]:
    """Turn a batch of network outputs into detections; the defaults are the paper's.

    Args:
        offsets: (B, P, 4).
        logits: (B, P, C+1), background first.
        priors_cxcywh: (P, 4) priors as fractions of the input.
        variances: as in `ssd.boxes.decode`.
        score_threshold: boxes must score more than this in a class to be considered for it.
        iou_threshold: for the suppression within a class.
        per_class: best boxes of each class that enter the suppression.
        per_image: best detections of all classes that are returned.

    Returns:
        One `Detections` a picture, best first, boxes as fractions of the input, clipped to it after the suppression.
        Of detections with equal scores the lower class comes first; which of several boxes of a class with exactly
        equal scores enters the suppression first, or at all where `per_class` cuts, is up to `torch.topk`.

    """
    boxes = decode(offsets.float(), priors_cxcywh, variances)
    scores = logits.float().softmax(dim=2)[..., 1:].transpose(1, 2)
    return [
        _detect_one(b, s, score_threshold, iou_threshold, per_class, per_image)
        for b, s in zip(boxes, scores, strict=True)
    ]


def _detect_one(
    boxes: Tensor, scores: Tensor, score_threshold: float, iou_threshold: float, per_class: int, per_image: int
) -> Detections:
    """Detect in one picture: boxes (P, 4), scores (C, P)."""
    num_classes, num_priors = scores.shape
    most = int((scores > score_threshold).sum(dim=1).max()) if scores.numel() else 0
    best, index = scores.topk(min(most, per_class, num_priors), dim=1)
    candidate = best > score_threshold
    chosen = boxes[index]
    # What only pads the shorter lists becomes an empty box: it stands after all others and overlaps none.
    keep = greedy_keep(chosen * candidate[..., None], iou_threshold) & candidate
    labels = torch.arange(1, num_classes + 1, device=scores.device)[:, None].expand_as(keep)
    kept_scores, kept_boxes, kept_labels = best[keep], chosen[keep], labels[keep]
    order = kept_scores.argsort(descending=True, stable=True)[:per_image]
    return Detections(clip(kept_boxes[order]), kept_scores[order], kept_labels[order])

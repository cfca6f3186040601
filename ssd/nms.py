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


def greedy_keep(boxes: Tensor, iou_threshold: float, labels: Tensor | None = None) -> Tensor:
    """Greedy suppression of many independent lists at once.

    The rule is: a box stays unless a better box that itself stays overlaps it. Starting from "all stay" and applying
    the rule to all boxes together settles the first box after one pass, and at least one more with each pass, so the
    fixed point is what the one-by-one loop gives; it is reached after a few passes (the longest chain of suppressions).

    Args:
        boxes: (..., N, 4) corner boxes, each list best first. An empty box neither drops nor is dropped.
        iou_threshold: as in `nms`.
        labels: (..., N) classes, or None; boxes of different classes leave each other alone.

    Returns:
        (..., N) bool, True for boxes that stay.

    """
    overlaps = iou(boxes, boxes) > iou_threshold
    if labels is not None:
        overlaps &= labels[..., :, None] == labels[..., None, :]
    suppresses = overlaps.triu_(diagonal=1).float()
    keep = torch.ones(boxes.shape[:-1], dtype=torch.bool, device=boxes.device)
    while True:
        suppressors = keep[..., None, :].float() @ suppresses  # (..., 1, N) how many each has among those that stay
        stays = suppressors[..., 0, :] == 0
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

    The answer is the best `per_image` boxes of all classes that survive the suppression within their class. A box is
    only ever dropped for a better one, so the best `per_class` of all classes together may settle it; where
    fewer than `per_image` of them survive, and more are waiting, the picture is done class by class.

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
        Which of several exactly equal scores comes first, or at all where a limit cuts, is up to `torch.topk`.

    """
    scores = logits.float().softmax(dim=2)[..., 1:]
    num_priors, num_classes = scores.shape[1:]
    if scores.numel() == 0:
        return [Detections(boxes[:0], boxes[:0, 0], boxes[:0, 0].long()) for boxes in offsets.float()]
    # The best pairs of a prior and a class belong to the priors whose best class is best.
    priors = scores.amax(dim=2).topk(min(per_class, num_priors), dim=1).indices
    pairs = scores.gather(1, priors[..., None].expand(-1, -1, num_classes)).flatten(1)
    best, pair = pairs.topk(min(per_class, pairs.shape[1]), dim=1)
    all_seen = (best[:, -1] <= score_threshold) | (best.shape[1] == num_priors * num_classes)
    most = int((best > score_threshold).sum(dim=1).max())
    best, pair = best[:, :most], pair[:, :most]

    prior, labels = priors.gather(1, pair // num_classes), pair % num_classes + 1
    chosen = offsets.gather(1, prior[..., None].expand(-1, -1, 4)).float()
    boxes = decode(chosen, priors_cxcywh[prior], variances)
    keep = greedy_keep(boxes, iou_threshold, labels) & (best > score_threshold)
    enough = all_seen | (keep.sum(dim=1) >= per_image)
    order = keep.byte().argsort(dim=1, descending=True, stable=True)[:, :per_image]
    boxes = clip(boxes.gather(1, order[..., None].expand(-1, -1, 4)))
    best, labels = best.gather(1, order), labels.gather(1, order)
    found = []
    for picture, (count, settled) in enumerate(zip(keep.sum(dim=1).tolist(), enough.tolist(), strict=True)):
        if settled:
            found.append(Detections(boxes[picture, :count], best[picture, :count], labels[picture, :count]))
        else:
            every_box = decode(offsets[picture].float(), priors_cxcywh, variances)
            limits = score_threshold, iou_threshold, per_class, per_image
            found.append(_detect_class_by_class(every_box, scores[picture].T, *limits))
    return found


def _detect_class_by_class(
    boxes: Tensor, scores: Tensor, score_threshold: float, iou_threshold: float, per_class: int, per_image: int
) -> Detections:
    """Detect in one picture as the paper says it: boxes (P, 4), scores (C, P)."""
    counts = (scores > score_threshold).sum(dim=1).clamp(max=per_class).tolist()
    # Lists of like length share a step, the shorter filled up; so one long list does not make all the others long.
    groups: dict[int, list[int]] = {}
    for row, count in enumerate(counts):
        if count:
            groups.setdefault(count.bit_length() // 2, []).append(row)
    kept = []
    for rows in groups.values():
        best, index = scores[rows].topk(max(counts[row] for row in rows), dim=1)
        candidate = best > score_threshold
        chosen = boxes[index]
        keep = greedy_keep(chosen, iou_threshold) & candidate  # what scores too little stands last and drops nothing
        labels = torch.tensor(rows, device=scores.device)[:, None].expand_as(keep) + 1
        kept.append((best[keep], chosen[keep], labels[keep]))
    best, chosen, labels = (torch.cat(part) for part in zip(*kept, strict=True))
    order = best.argsort(descending=True, stable=True)[:per_image]
    return Detections(clip(chosen[order]), best[order], labels[order])

"""The MultiBox loss: matching, hard negative mining, and the two terms (paper, section 2.2, equations 1 to 3)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .boxes import VARIANCES, cxcywh_to_xyxy, encode
from .matching import match_batch


class MultiBoxTerms(NamedTuple):
    """The loss of a batch; train on `localization + confidence` (alpha = 1).

    Attributes:
        localization: () smooth-L1 loss summed over matched priors and coordinates, divided by N.
        confidence: () softmax loss summed over matched priors and mined negatives, divided by N.
        matched: () int64, number of matched priors in the batch; N = max(1, matched).

    """

    localization: Tensor
    confidence: Tensor
    matched: Tensor

    @property
    def total(self) -> Tensor:
        """The sum of both terms (equation 1 with alpha = 1)."""
        return self.localization + self.confidence


class MultiBoxLoss(nn.Module):
    """Compare predictions with objects.

    Args:
        priors_cxcywh: (P, 4) priors as fractions of the input.
        variances: divisors of the offsets, as in `ssd.boxes.encode`.
        neg_pos_ratio: mined negatives for each matched prior, at most, per picture.

    """

    def __init__(
        self, priors_cxcywh: Tensor, variances: tuple[float, ...] = VARIANCES, neg_pos_ratio: float = 3.0
    ) -> None:
        super().__init__()
        self.register_buffer("priors_cxcywh", priors_cxcywh, persistent=False)
        self.register_buffer("priors_xyxy", cxcywh_to_xyxy(priors_cxcywh), persistent=False)
        self.variances = variances
        self.neg_pos_ratio = neg_pos_ratio

    def forward(self, offsets: Tensor, logits: Tensor, boxes: Tensor, labels: Tensor) -> MultiBoxTerms:
        """Return the loss of a batch.

        Args:
            offsets: (B, P, 4) predicted offsets.
            logits: (B, P, C+1) predicted logits, background first.
            boxes: (B, G, 4) the objects' corner boxes as fractions of the input, padded.
            labels: (B, G) int64, 1..C; 0 marks padding.

        """
        matched = match_batch(self.priors_xyxy, boxes, labels > 0)
        positive = matched >= 0
        count = positive.sum()
        divisor = count.clamp(min=1)

        # A picture without objects has no row to gather from; one row of padding serves it, and is masked out below.
        boxes, labels = (boxes, labels) if boxes.shape[1] else (F.pad(boxes, (0, 0, 0, 1)), F.pad(labels, (0, 1)))
        source = matched.clamp(min=0)
        prior_boxes = boxes.gather(1, source[..., None].expand(-1, -1, 4))
        # Unmatched priors get their own box as the target: a finite number whose loss is then masked.
        prior_boxes = torch.where(positive[..., None], prior_boxes, self.priors_xyxy)
        wanted = encode(prior_boxes, self.priors_cxcywh, self.variances)
        difference = F.smooth_l1_loss(offsets.float(), wanted, reduction="none").sum(dim=2)
        localization = (difference * positive).sum() / divisor

        log_shares = logits.float().log_softmax(dim=2)
        classes = labels.gather(1, source) * positive
        class_loss = -log_shares.gather(2, classes[..., None])[..., 0]
        negative = mine_negatives(-log_shares[..., 0].detach(), positive, self.neg_pos_ratio)
        confidence = (class_loss * (positive | negative)).sum() / divisor
        return MultiBoxTerms(localization, confidence, count)


def mine_negatives(background_loss: Tensor, positive: Tensor, neg_pos_ratio: float = 3.0) -> Tensor:
    """Choose the unmatched priors that look least like background (paper, "Hard negative mining").

    Args:
        background_loss: (B, P) softmax loss of each prior against the background class.
        positive: (B, P) bool, matched priors.
        neg_pos_ratio: how many negatives for each positive of the same picture, at most.

    Returns:
        (B, P) bool. Among equal losses the lower prior is chosen; a picture without positives gets no negatives.

    """
    wanted = (positive.sum(dim=1, keepdim=True) * neg_pos_ratio).long()
    order = background_loss.masked_fill(positive, -torch.inf).argsort(dim=1, descending=True, stable=True)
    ranks = torch.arange(order.shape[1], device=order.device)
    chosen = torch.zeros_like(positive).scatter(1, order, ranks < wanted)
    return chosen & ~positive

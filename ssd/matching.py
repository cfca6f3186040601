"""Matching: which prior is responsible for which object (paper, section 2.2, "Matching strategy").

First every object gets a prior of its own, by greedy bipartite matching as in MultiBox: take the largest IoU among
free priors and free objects, bind the two, repeat. Then every prior still free takes the object it overlaps most, if
that IoU is at least 0.5. What most implementations do instead (each object seizes its best prior, the last one wins)
leaves objects without a prior whenever two share their best.
"""

import torch
from torch import Tensor

from .boxes import iou

MIN_OVERLAP = 1e-6
"""An object that overlaps no prior by more than this gets none (`bbox_util.cpp` in the authors' code)."""


def match(priors_xyxy: Tensor, boxes_xyxy: Tensor, iou_threshold: float = 0.5) -> Tensor:
    """Match the objects of one picture.

    Args:
        priors_xyxy: (P, 4) corner boxes.
        boxes_xyxy: (G, 4) corner boxes of the objects, in the same unit.
        iou_threshold: IoU from which a prior follows an object without being the object's own.

    Returns:
        (P,) int64: the index of each prior's object, or -1 for background.

    """
    valid = torch.ones(1, len(boxes_xyxy), dtype=torch.bool, device=boxes_xyxy.device)
    return match_batch(priors_xyxy, boxes_xyxy[None], valid, iou_threshold)[0]


def match_batch(priors_xyxy: Tensor, boxes_xyxy: Tensor, valid: Tensor, iou_threshold: float = 0.5) -> Tensor:
    """Match the objects of a batch of pictures at once; the host never waits for the device.

    Args:
        priors_xyxy: (P, 4) corner boxes.
        boxes_xyxy: (B, G, 4) corner boxes, padded with anything to the largest number of objects.
        valid: (B, G) bool, False where `boxes_xyxy` is padding.
        iou_threshold: as in `match`.

    Returns:
        (B, P) int64: the index of each prior's object, or -1 for background. Equal overlaps are settled in favour of
        the lower prior, then of the lower object.

    """
    overlap = iou(boxes_xyxy, priors_xyxy).masked_fill(~valid[..., None], 0)
    if 0 in overlap.shape[1:]:
        return torch.full((len(boxes_xyxy), len(priors_xyxy)), -1, dtype=torch.int64, device=overlap.device)
    best_overlap, best_object = overlap.max(dim=1)
    follows = (best_overlap >= iou_threshold) & (best_overlap > MIN_OVERLAP)
    matched = torch.where(follows, best_object, -1)
    own_prior = _bipartite(overlap)
    # An object without a prior writes into a column beyond the last, which is cut off again.
    matched = torch.nn.functional.pad(matched, (0, 1))
    target = torch.where(own_prior >= 0, own_prior, len(priors_xyxy))
    objects = torch.arange(own_prior.shape[1], device=overlap.device).expand_as(own_prior)
    return matched.scatter(1, target, objects)[:, :-1]


def _bipartite(overlap: Tensor) -> Tensor:
    """Bind each object to a prior of its own, largest IoU first.

    When the r-th object is bound, only r - 1 priors are gone, so an object never needs more than its G best: the
    rounds work on (B, G, G) candidates instead of (B, G, P) overlaps, and the result is still exact.

    Args:
        overlap: (B, G, P) float32 IoU, 0 for padding.

    Returns:
        (B, G) int64 prior of each object, or -1.

    """
    num_objects, num_priors = overlap.shape[1:]
    # A float32 that is not negative orders like its bits. With the prior's number below them, one integer comparison
    # prefers the larger overlap and, between equals, the lower prior; `topk` alone leaves equals in any order.
    bits = overlap.float().view(torch.int32).long()
    keys = (bits << 32) + torch.arange(num_priors - 1, -1, -1, device=overlap.device)
    keys = keys.topk(min(num_objects, num_priors), dim=2).values
    priors = num_priors - 1 - (keys & 0xFFFFFFFF)
    floor = torch.tensor(MIN_OVERLAP).view(torch.int32).long().item() << 32 | 0xFFFFFFFF
    keys = torch.where(keys > floor, keys, -1)
    own_prior = torch.full(overlap.shape[:2], -1, dtype=torch.int64, device=overlap.device)
    for _ in range(num_objects):
        best_key, best_rank = keys.max(dim=2)
        key, winner = best_key.max(dim=1, keepdim=True)  # (B, 1); of equal keys the first, so the lower object
        rank = best_rank.gather(1, winner)
        prior = priors.gather(1, winner[..., None].expand(-1, -1, priors.shape[2])).gather(2, rank[..., None])[..., 0]
        prior = torch.where(key >= 0, prior, -1)
        own_prior = torch.where(_one_hot(winner, num_objects) & (key >= 0), prior, own_prior)
        gone = (priors == prior[..., None]) | _one_hot(winner, num_objects)[..., None]
        keys = torch.where(gone, -1, keys)
    return own_prior


def _one_hot(index: Tensor, size: int) -> Tensor:
    """Turn indices (B, 1) into a (B, size) mask."""
    return torch.arange(size, device=index.device) == index

"""Matching: which prior is responsible for which object (paper, section 2.2, "Matching strategy").

First every object gets a prior of its own, by greedy bipartite matching as in MultiBox: take the largest IoU among
free priors and free objects, bind the two, repeat. Then every prior still free takes the object it overlaps most, if
that IoU is at least 0.5. What most implementations do instead (each object seizes its best prior, the last one wins)
leaves objects without a prior whenever two share their best.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from .boxes import iou

MIN_OVERLAP = 1e-6
"""An object that overlaps no prior by more than this gets none (`bbox_util.cpp` in the authors' code)."""

BLOCK = 64
"""Priors that are searched together."""

LAST = 2**31 - 1
"""The largest place that fits below an overlap's bits."""


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
    num_pictures, num_objects, num_priors = *boxes_xyxy.shape[:2], len(priors_xyxy)
    if num_objects == 0 or num_priors == 0:
        return torch.full((num_pictures, num_priors), -1, dtype=torch.int64, device=boxes_xyxy.device)
    # On a CPU a few pictures at a time, so that their overlaps stay in the cache; on a GPU all at once.
    together = 4 if boxes_xyxy.device.type == "cpu" else num_pictures
    # What pads becomes empty boxes, which overlap nothing.
    priors_xyxy = pad(priors_xyxy, (0, 0, 0, -num_priors % BLOCK))
    boxes_xyxy = boxes_xyxy.where(valid[..., None], 0)
    parts = [_best(iou(boxes, priors_xyxy).float(), num_priors) for boxes in boxes_xyxy.split(together)]
    best_overlap, best_object, candidates = (torch.cat(part) for part in zip(*parts, strict=True))
    follows = (best_overlap >= iou_threshold) & (best_overlap > MIN_OVERLAP)
    matched = torch.where(follows, best_object, -1)
    own_prior = _bipartite(candidates)
    # An object without a prior writes into a column beyond the last, which is cut off again.
    target = torch.where(own_prior >= 0, own_prior, num_priors)
    objects = torch.arange(num_objects, device=matched.device).expand_as(own_prior)
    return pad(matched, (0, 1)).scatter(1, target, objects)[:, :-1]


def _best(overlap: Tensor, num_priors: int) -> tuple[Tensor, Tensor, Tensor]:
    """Find each prior's best object, and each object's G best priors.

    When an object is bound, at most G - 1 priors are gone, so it never needs more than its G best. These lie
    in the G blocks whose best is best, so all others need not be sorted.

    Args:
        overlap: (B, G, P) float32 IoU, 0 for padding; P is `num_priors` and then padding to a multiple of BLOCK.
        num_priors: how many columns are priors.

    Returns:
        For each prior the largest overlap and its object, (B, num_priors) each; for each object the keys of its best
        priors, (B, G, at most G).

    """
    most = min(overlap.shape[1], num_priors)
    best_overlap, best_object = overlap[..., :num_priors].max(dim=1)
    blocks = overlap.unflatten(2, (-1, BLOCK))
    block_numbers = torch.arange(blocks.shape[2], device=overlap.device)
    chosen = _keys(blocks.amax(dim=3), block_numbers).topk(min(most, len(block_numbers)), dim=2).indices[..., None]
    places = chosen * BLOCK + torch.arange(BLOCK, device=overlap.device)
    keys = _keys(blocks.gather(2, chosen.expand(-1, -1, -1, BLOCK)), places)
    return best_overlap, best_object, keys.flatten(2).topk(most, dim=2).values


def _keys(overlap: Tensor, places: Tensor) -> Tensor:
    """Join overlaps and places to integers whose order prefers the larger overlap and, between equals, the lower place.

    A float32 that is not negative orders like its bits. `topk` on overlaps alone would leave equals in any order.
    """
    return overlap.view(torch.int32).long() << 32 | (LAST - places)


def _bipartite(keys: Tensor) -> Tensor:
    """Bind each object to a prior of its own, largest IoU first; exact, see `_best`.

    Args:
        keys: (B, G, K) of each object's best priors, best first.

    Returns:
        (B, G) int64 prior of each object, or -1.

    """
    num_objects = keys.shape[1]
    priors = LAST - (keys & LAST)
    floor = torch.tensor(MIN_OVERLAP).view(torch.int32).long().item() << 32 | LAST
    keys = torch.where(keys > floor, keys, -1)
    own_prior = torch.full(keys.shape[:2], -1, dtype=torch.int64, device=keys.device)
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

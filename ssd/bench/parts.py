"""The method's parts beside torchvision's: matching, the loss, detecting, and the network."""

from functools import partial

import torch
from torch import Tensor
from torchvision.models.detection import ssd300_vgg16 as torchvision_ssd300
from torchvision.ops import box_iou

from ..boxes import cxcywh_to_xyxy
from ..loss import MultiBoxLoss
from ..matching import match_batch
from ..network import ssd300_vgg16
from ..nms import detect
from .timing import Timing, compare

CLASSES, OBJECTS = 20, 20
"""Classes without background, and objects in every picture."""


def bench_parts(device: torch.device, batch_size: int = 32, seconds: float = 5.0) -> dict[str, Timing]:
    """Measure matching, the loss, the way from outputs to detections, and the network.

    Both sides get the same objects, priors, outputs and pictures. Matching is `match_batch` beside torchvision's
    `box_iou` and `SSDMatcher`; the loss, with matching, is `MultiBoxLoss` beside these and `SSD.compute_loss`;
    detecting is `detect` beside `SSD.postprocess_detections`, whose limits are the same.

    Args:
        device: to run on.
        batch_size: pictures of matching and loss, 20 objects in each; a quarter of it to detect in.
        seconds: for each measurement.

    Returns:
        Timings by what was measured.

    """
    torch.manual_seed(0)
    theirs = torchvision_ssd300(weights=None, weights_backbone=None, num_classes=CLASSES + 1).to(device).eval()
    network = ssd300_vgg16(CLASSES).to(device).eval()
    priors = network.priors_cxcywh
    corners = cxcywh_to_xyxy(priors)
    boxes, labels = random_objects(batch_size, device)
    offsets, logits = (t.requires_grad_() for t in random_outputs(batch_size, len(priors), device))
    criterion = MultiBoxLoss(priors).to(device)
    anchors = [corners * 300] * batch_size
    targets = [{"boxes": b * 300, "labels": n} for b, n in zip(boxes, labels, strict=True)]

    def their_matching() -> list[Tensor]:
        return [theirs.proposal_matcher(box_iou(t["boxes"], a)) for t, a in zip(targets, anchors, strict=True)]

    def our_loss() -> None:
        torch.autograd.grad(criterion(offsets, logits, boxes, labels).total, (offsets, logits))

    def their_loss() -> None:
        outputs = {"bbox_regression": offsets, "cls_logits": logits}
        terms = theirs.compute_loss(targets, outputs, anchors, their_matching())
        torch.autograd.grad(sum(terms.values()), (offsets, logits))

    def detecting(scores: Tensor) -> Timing:
        few = max(1, batch_size // 4)
        outputs = {"bbox_regression": offsets[:few], "cls_logits": scores[:few]}
        return compare(
            lambda: detect(outputs["bbox_regression"], outputs["cls_logits"], priors),
            lambda: theirs.postprocess_detections(outputs, anchors[:few], [(300, 300)] * few),
            few,
            seconds,
            device,
        )

    timings = {}
    with torch.no_grad():
        ours = partial(match_batch, corners, boxes, labels > 0)
        timings["matching"] = compare(ours, their_matching, batch_size, seconds, device)
    timings["loss, forward and backward"] = compare(our_loss, their_loss, batch_size, seconds, device)
    with torch.no_grad():
        timings["detecting, random scores"] = detecting(logits)
        timings["detecting, as after training"] = detecting(confident_logits(batch_size, len(priors), device))
        picture = torch.randn(1, 3, 300, 300, device=device) * 60
        timings["network, one picture"] = compare(
            lambda: network(picture),
            lambda: theirs.head(list(theirs.backbone(picture).values())),
            1,
            seconds,
            device,
        )
    return timings


def random_objects(batch_size: int, device: torch.device, objects: int = OBJECTS) -> tuple[Tensor, Tensor]:
    """Draw corner boxes (B, G, 4) as fractions, of sides from 5 to 80 % of the picture, and labels (B, G)."""
    size = 0.05 + 0.75 * torch.rand(batch_size, objects, 2, device=device)
    low = (1 - size) * torch.rand(batch_size, objects, 2, device=device)
    labels = torch.randint(1, CLASSES + 1, (batch_size, objects), device=device)
    return torch.cat([low, low + size], dim=2), labels


def random_outputs(batch_size: int, num_priors: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw offsets (B, P, 4) and logits (B, P, C+1) of a network that has learned nothing."""
    shape = batch_size, num_priors
    return torch.randn(*shape, 4, device=device), torch.randn(*shape, CLASSES + 1, device=device)


def confident_logits(batch_size: int, num_priors: int, device: torch.device) -> Tensor:
    """Draw logits (B, P, C+1) as after training: background, but for 20 runs of ten priors of one class each."""
    logits = torch.randn(batch_size, num_priors, CLASSES + 1, device=device)
    logits[..., 0] += 10
    for picture in logits:
        for start in torch.randint(num_priors - 10, (OBJECTS,)).tolist():
            picture[start : start + 10, torch.randint(1, CLASSES + 1, ())] += 10
    return logits

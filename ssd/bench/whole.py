"""The whole of it: a training step, training that reads pictures, and detecting, of SSD300 on VGG16."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import ssd300_vgg16 as torchvision_ssd300
from torchvision.models.detection.ssd import SSD as TorchvisionSSD

from ..augment import TrainTransform, normalize, sample_colour
from ..datasets.loader import training_batches
from ..loss import MultiBoxLoss
from ..network import SSD, ssd300_vgg16
from ..network.detectors import import_detector
from ..recipes import get_recipe
from ..sample import Batch
from ..train import choose_precision, make_optimiser, training_step
from .parts import CLASSES, random_objects
from .reading import photographs
from .timing import Timing, compare, settle

RECIPE = get_recipe("paper_voc300")
"""What is trained, on both sides: its optimiser, rate and decay."""


def training_run(device: torch.device, compiled: bool = False) -> Callable[[Batch], None]:
    """Prepare SSD300 for training from chance and return a function that takes one step on a batch.

    The step is `ssd.train.training_step` with all that the recipe does on the device: colours, network, matching, loss,
    update; in 16 bits where the device is fast at that.
    """
    torch.manual_seed(0)
    network = ssd300_vgg16(CLASSES).to(device, memory_format=torch.channels_last).train()
    criterion = MultiBoxLoss(network.priors_cxcywh, network.spec.variances)
    optimiser = make_optimiser(network, RECIPE)
    module: nn.Module = torch.compile(network) if compiled else network
    precision = choose_precision("auto", device)

    def step(batch: Batch) -> None:
        training_step(module, criterion, optimiser, batch.to(device), RECIPE.learning_rate, 0.0, precision)

    return step


def random_batch(batch_size: int, device: torch.device) -> Batch:
    """Draw a batch of noise with 20 objects a picture, as the loader hands over batches."""
    torch.manual_seed(0)
    boxes, labels = random_objects(batch_size, device)
    rng = np.random.default_rng(0)
    return Batch(
        torch.randint(256, (batch_size, 300, 300, 3), dtype=torch.uint8, device=device).permute(0, 3, 1, 2),
        boxes,
        labels,
        covered=torch.tensor([[0, 0, 300, 300]], device=device).expand(batch_size, -1),
        colour=torch.tensor([sample_colour(rng) for _ in range(batch_size)], device=device),
        sizes=torch.full((batch_size, 2), 300, device=device),
        image_ids=[str(number) for number in range(batch_size)],
    )


def bench_training(
    device: torch.device, batch_size: int, seconds: float = 5.0, compiled: bool = True
) -> dict[str, Timing]:
    """Measure a training step beside torchvision's SSD300, in 16 bits on both sides where ours is.

    Its step takes the same objects and a list of pictures on the device, normalises, and updates with SGD; it does not
    distort colours, which ours does. It runs under autocast to bfloat16, which spares it the scaling of the loss that
    float16 would need.

    Args:
        device: to train on.
        batch_size: pictures a step.
        seconds: for each measurement.
        compiled: measure, too, with our network compiled, which takes a minute to begin.

    """
    batch = random_batch(batch_size, device)
    theirs = torchvision_ssd300(weights=None, weights_backbone=None, num_classes=CLASSES + 1).to(device).train()
    optimiser = torch.optim.SGD(
        theirs.parameters(), RECIPE.learning_rate, RECIPE.momentum, weight_decay=RECIPE.weight_decay
    )
    precision = choose_precision("auto", device)
    images = [image.contiguous().float() / 255 for image in batch.images]
    targets = [{"boxes": b * 300, "labels": n} for b, n in zip(batch.boxes, batch.labels, strict=True)]

    def their_step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            loss = sum(theirs(images, targets).values())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    timings = {}
    for kind in (False, True) if compiled else (False,):
        our_step = partial(training_run(device, kind), batch)
        name = f"training step of {batch_size}" + (", compiled" if kind else "")
        timings[name] = compare(our_step, their_step, batch_size, seconds, device)
    return timings


def bench_fed_training(device: torch.device, batch_size: int, seconds: float = 5.0, compiled: bool = False) -> dict:
    """Measure training with the real loader, which reads JPEG files on all processors, beside steps on one batch.

    Returns:
        Pictures a second of both, and the share that is left with the loader.

    """
    step = training_run(device, compiled)

    def speed(next_batch: Callable[[], Batch]) -> float:
        for _ in range(2):
            step(next_batch())
        settle(device)
        began, count = time.perf_counter(), 0
        while count < (5 if seconds else 1) or time.perf_counter() - began < seconds:
            step(next_batch())
            count += 1
            if count % 10 == 0:  # the host runs ahead of a GPU: let it not start more than the clock allows
                settle(device)
        settle(device)
        return count * batch_size / (time.perf_counter() - began)

    with photographs() as data:
        data.image_ids *= 100
        batches = training_batches(data, TrainTransform(300), batch_size, 0, 0, 1 << 30, os.cpu_count() or 1)
        first = next(batches)
        fed = speed(lambda: next(batches))
        batches.close()
        alone = speed(lambda: first)
    return {
        "batch_size": batch_size,
        "compiled": compiled,
        "readers": os.cpu_count() or 1,
        "pictures_a_second": round(fed, 1),
        "pictures_a_second_without_loader": round(alone, 1),
        "share": round(fed / alone, 3),
    }


def bench_detecting(
    device: torch.device, batch_size: int, seconds: float = 5.0, compiled: bool = True
) -> dict[str, Timing]:
    """Measure detecting, from pictures on the device to detections after suppression, beside torchvision's.

    Both have the same weights, which find about as much as a trained network does (`equal_detectors`), and the same
    limits. On a GPU both run under autocast.

    Args:
        device: to run on.
        batch_size: of the larger batch; one picture at a time is measured, too.
        seconds: for each measurement.
        compiled: measure, too, with our network compiled; on a GPU its work is then recorded once and started as one
            CUDA graph.

    """
    ours, theirs = equal_detectors(device)
    half = partial(torch.autocast, device.type, torch.bfloat16, enabled=device.type == "cuda")
    modes: list[tuple[str, Callable]] = [("", ours)]
    if compiled:
        mode = "reduce-overhead" if device.type == "cuda" else "default"
        modes.append((", compiled", torch.compile(ours, mode=mode)))
    timings = {}
    for count in (1, batch_size):
        pictures = random_batch(count, device).images
        as_theirs = [image.contiguous().float() / 255 for image in pictures]

        def detect(network: Callable, pictures: Tensor = pictures) -> object:
            with torch.no_grad(), half():
                outputs = network(normalize(pictures).contiguous(memory_format=torch.channels_last))
            return ours.detect(*(output.float() for output in outputs))

        def their_detect(pictures: list[Tensor] = as_theirs) -> object:
            with torch.no_grad(), half():
                return theirs(pictures)

        for suffix, network in modes:
            name = f"detecting in {count}{suffix}"
            timings[name] = compare(partial(detect, network), their_detect, count, seconds, device)
    return timings


def equal_detectors(device: torch.device) -> tuple[SSD, TorchvisionSSD]:
    """Build SSD300 twice, ours and torchvision's, with the same weights from chance, for evaluation.

    Chance would give every prior all classes, and suppression work that no trained network gives it. So the background
    is made likelier, until of a picture's scores about 400 exceed 0.01.
    """
    torch.manual_seed(0)
    theirs = torchvision_ssd300(weights=None, weights_backbone=None, num_classes=CLASSES + 1).eval()
    images = normalize(random_batch(1, torch.device("cpu")).images)  # its own transform comes to the same
    with torch.no_grad():
        logits = theirs.head(list(theirs.backbone(images).values()))["cls_logits"]
        raised = 0.0
        while raised < 100:
            scores = (logits + raised * torch.eye(CLASSES + 1)[0]).softmax(dim=2)
            if int((scores[..., 1:] > 0.01).sum()) <= 400:
                break
            raised += 0.05
        for head in theirs.head.classification_head.module_list:
            head.bias.view(-1, CLASSES + 1)[:, 0] += raised
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "torchvision.pth"
        torch.save(theirs.state_dict(), path)
        ours = import_detector(path, priors="voc300", class_names=[f"class {n:02d}" for n in range(CLASSES)])
    return ours.to(device, memory_format=torch.channels_last), theirs.to(device)

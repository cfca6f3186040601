"""Evaluation: run a network over a dataset, measure what it finds, and say how fast it was."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from tqdm import tqdm

from .augment import EvalTransform, normalize
from .datasets import FromTorchvision, LabelledPictures
from .datasets.loader import evaluation_batches
from .errors import RecipeError
from .metrics.coco import COCOResult, coco_ap
from .metrics.voc import VOCResult, voc_ap
from .network import SSD
from .network.ssd import evaluation_mode, in_pixels
from .parallel import ALONE, Group
from .sample import Detections

METRICS = ("voc07", "voc12", "coco")
"""VOC2007's mean precision at 11 recalls; the area under the curve of VOC2010 and later; COCO's twelve numbers."""


@dataclass(frozen=True)
class Evaluation:
    """What was found, how good it is, how long it took.

    Attributes:
        result: AP by class and its mean.
        detections: by picture, in pixels.
        seconds: reading, network and suppression together.

    """

    result: VOCResult | COCOResult
    detections: dict[str, Detections]
    seconds: float


def evaluate(
    model: SSD,
    dataset: LabelledPictures | FromTorchvision,
    metric: str = "voc07",
    batch_size: int = 32,
    workers: int = 2,
    progress: bool = True,
    group: Group = ALONE,
) -> Evaluation:
    """Measure a network on a dataset.

    Args:
        model: on the device it is to run on.
        dataset: whose classes must be the model's.
        metric: one of `METRICS`.
        batch_size: pictures at a time.
        workers: processes that read pictures.
        progress: show a progress bar.
        group: the processes that share the pictures; each gets the result of all.

    Raises:
        RecipeError: unknown metric, or dataset and model name other classes.
        DataError: a picture cannot be read.

    """
    check_metric(metric)
    if tuple(dataset.class_names) != tuple(model.class_names):
        raise RecipeError(
            "are not the dataset's",
            field="the network's classes",
            value=", ".join(model.class_names),
            expected=", ".join(dataset.class_names),
        )
    began = time.monotonic()
    detections = detect_all(model, dataset, batch_size, workers, progress, group)
    seconds = time.monotonic() - began
    return Evaluation(measure(detections, dataset, metric), detections, seconds)


def measure(
    detections: Mapping[str, Detections], dataset: LabelledPictures | FromTorchvision, metric: str
) -> VOCResult | COCOResult:
    """Measure detections that are there already, by one of `METRICS`.

    Raises:
        RecipeError: unknown metric.
        DataError: detections for pictures or classes that the dataset has not, or scores and boxes that cannot be.

    """
    check_metric(metric)
    if metric == "coco":
        return coco_ap(detections, dataset.ground_truth(), dataset.class_names)
    return voc_ap(detections, dataset.ground_truth(), dataset.class_names, eleven_point=metric == "voc07")


def check_metric(metric: str) -> None:
    """Raise RecipeError unless `metric` is one of `METRICS`."""
    if metric not in METRICS:
        raise RecipeError("unknown", field="metric", value=metric, expected="one of " + ", ".join(METRICS))


@torch.no_grad()
def detect_all(
    model: SSD,
    dataset: LabelledPictures | FromTorchvision,
    batch_size: int = 32,
    workers: int = 2,
    progress: bool = True,
    group: Group = ALONE,
) -> dict[str, Detections]:
    """Return what a network finds in every picture of a dataset, by picture, in pixels; limits are the paper's.

    Arguments as for `evaluate`.
    """
    device = model.priors_cxcywh.device
    batches = evaluation_batches(dataset, EvalTransform(model.spec.image_size), batch_size, workers, group)
    half = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    detections = {}
    total = len(range(group.rank, len(dataset), group.size))
    bar = tqdm(total=total, unit="picture", disable=not progress, desc="detecting", leave=False)
    with evaluation_mode(model), bar:
        for batch in batches:
            images = normalize(batch.images.to(device)).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                outputs = model(images)
            for image_id, size, found in zip(batch.image_ids, batch.sizes, model.detect(*outputs), strict=True):
                detections[image_id] = in_pixels(found, size)
            bar.update(len(batch.image_ids))
    found = {image_id: one for share in group.gather(detections) for image_id, one in share.items()}
    return {image_id: found[image_id] for image_id in dataset.image_ids}

"""Benchmarks: the method's parts beside torchvision's, on the same input, in the same run, as ratios.

Times of one machine say little about another, and on a busy machine little about the same one an hour later. So the
two are run in turn, and what is compared is the ratio of their medians.
"""

import csv
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import skimage
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.io import decode_image
from torchvision.models.detection import ssd300_vgg16 as torchvision_ssd300
from torchvision.ops import box_iou
from torchvision.transforms import v2

from .augment import PIXEL_MEAN, TrainTransform, distort
from .boxes import cxcywh_to_xyxy
from .datasets import FolderDetection
from .datasets.folder import COLUMNS
from .datasets.loader import training_batches
from .loss import MultiBoxLoss
from .matching import match_batch
from .network import ssd300_vgg16
from .nms import detect
from .sample import Batch, Sample

CLASSES, OBJECTS = 20, 20
"""Classes without background, and objects in every picture."""


@dataclass(frozen=True)
class Timing:
    """Two ways to the same end.

    Attributes:
        pictures: in one run.
        ours: median seconds of this package.
        theirs: median seconds of torchvision.
        rounds: how often each was run.

    """

    pictures: int
    ours: float
    theirs: float
    rounds: int

    @property
    def ratio(self) -> float:
        """Our time in multiples of theirs: below 1 is faster."""
        return self.ours / self.theirs

    @property
    def times_as_fast(self) -> float:
        """Their time in multiples of ours."""
        return self.theirs / self.ours


def compare(
    ours: Callable[[], object], theirs: Callable[[], object], pictures: int, seconds: float, device: torch.device
) -> Timing:
    """Run both in turn, after one run each to warm up, for about so many seconds and at least five times."""

    def once(run: Callable[[], object]) -> float:
        began = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    once(ours), once(theirs)
    times, began = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - began < seconds:
        times.append((once(ours), once(theirs)))
    return Timing(pictures, median(t[0] for t in times), median(t[1] for t in times), len(times))


def bench(device: torch.device, batch_size: int = 32, seconds: float = 5.0) -> dict[str, Timing]:
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


def bench_reading(seconds: float = 5.0, image_size: int = 300) -> dict[str, Timing]:
    """Measure, in one thread, what it takes to make training views of photographs of 500 x 375 pixels.

    Beside the whole chain that torchvision offers for SSD (`torchvision.transforms.v2`): distorting colours, zooming
    out, cropping by IoU, resizing, mirroring, dropping boxes.

    Args:
        seconds: for each measurement.
        image_size: side of the network's input in pixels.

    Returns:
        Timings: "augment_workers_vs_torchvision", what our reading processes do to a decoded picture when colours are
        distorted on another device; "augment_all_vs_torchvision", the same with collating, colours and normalisation
        on this core; "from JPEG file to square", with reading and decoding on both sides and without our colours.

    """
    transform = TrainTransform(image_size)
    chain = v2.Compose(
        [
            v2.RandomPhotometricDistort(),
            v2.RandomZoomOut(fill={tv_tensors.Image: PIXEL_MEAN, "others": 0}),
            v2.RandomIoUCrop(),
            v2.Resize((image_size, image_size)),
            v2.RandomHorizontalFlip(),
            v2.SanitizeBoundingBoxes(),
        ]
    )

    def theirs(sample: Sample, image: Tensor) -> object:
        boxes = tv_tensors.BoundingBoxes(sample.boxes, format="XYXY", canvas_size=tuple(image.shape[1:]))
        return chain({"image": tv_tensors.Image(image), "boxes": boxes, "labels": sample.labels})

    timings, cpu = {}, torch.device("cpu")
    with photographs() as data, _one_thread():
        samples = [data[index] for index in range(len(data))]
        planes = [sample.image.contiguous() for sample in samples]  # as torchvision's own decoder leaves them
        paths = [str(data.paths[image_id]) for image_id in data.image_ids]
        # An endless supply of views on both sides: none is measured twice.
        generators = (np.random.default_rng([0, number]) for number in range(1 << 60))

        def views() -> list:
            return [transform(sample, next(generators)) for sample in samples]

        def coloured_views() -> Tensor:
            batch = Batch.collate(views())
            return distort(batch.images, batch.covered, batch.colour)

        def their_views() -> list:
            return [theirs(*pair) for pair in zip(samples, planes, strict=True)]

        torch.manual_seed(0)
        for name, ours, peer in (
            ("augment_workers_vs_torchvision", views, their_views),
            ("augment_all_vs_torchvision", coloured_views, their_views),
            (
                "from JPEG file to square",
                lambda: [transform(data[index], next(generators)) for index in range(len(data))],
                lambda: [theirs(sample, decode_image(path)) for sample, path in zip(samples, paths, strict=True)],
            ),
        ):
            timings[name] = compare(ours, peer, len(samples), seconds, cpu)
    return timings


def bench_loader(seconds: float = 5.0, image_size: int = 300, batch_size: int = 32) -> dict[str, dict]:
    """Measure how many pictures a second the training loader delivers, and what memory it holds over epochs.

    Returns:
        "pictures_a_second" by the number of reading processes, which doubles up to the number of processors; and for
        the largest number "memory_mb_by_epoch", the memory of this process and its readers together, an epoch being one
        pass over the photographs a hundred times over (empty where the system does not tell).

    """
    speeds, memory = {}, []
    most = os.cpu_count() or 1
    counts = [1 << power for power in range(most.bit_length()) if 1 << power < most] + [most]
    with photographs() as data, _one_thread():
        data.image_ids *= 100
        batches_an_epoch = len(data) // batch_size
        for workers in counts:
            epochs = 8 if workers == most else 1
            transform = TrainTransform(image_size)
            batches = training_batches(data, transform, batch_size, 0, 0, 1 << 30, workers)
            for _ in range(2 * workers):  # what the readers hold ready when the clock starts
                next(batches)
            began, count = time.perf_counter(), 0
            while time.perf_counter() - began < seconds or count < 1:
                next(batches)
                count += 1
            speeds[str(workers)] = round(count * batch_size / (time.perf_counter() - began), 1)
            for _ in range(epochs if seconds and workers == most else 0):
                for _ in range(batches_an_epoch):
                    next(batches)
                memory.append(memory_mb())
            batches.close()
    return {"pictures_a_second": speeds, "memory_mb_by_epoch": [m for m in memory if m is not None]}


def memory_mb() -> float | None:
    """Return the memory of this process and its children in MB, what they share counted once (Linux only)."""
    total = 0
    for process in (os.getpid(), *(child.pid for child in multiprocessing.active_children())):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return round(total / 1024, 1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def photographs(count: int = 32) -> Iterator[FolderDetection]:
    """Write cuts of scikit-image's photographs as JPEG files of 500 x 375 pixels, for a while; each has 3 objects."""
    rng = np.random.default_rng(0)
    names = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
    folder = Path(skimage.__file__).parent / "data"
    pictures = [Image.open(folder / name).convert("RGB") for name in names]
    torch.manual_seed(0)
    boxes, labels = random_objects(count, torch.device("cpu"), objects=3)
    with TemporaryDirectory() as scratch:
        with (Path(scratch) / "train.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for number in range(count):
                picture = pictures[number % len(pictures)]
                width = rng.uniform(0.6, 1) * min(picture.width, picture.height * 4 / 3)
                left, top = rng.uniform(0, (picture.width - width, picture.height - width * 3 / 4))
                cut = (left, top, left + width, top + width * 3 / 4)
                name = f"{number:03d}.jpg"
                picture.resize((500, 375), Image.Resampling.BICUBIC, box=cut).save(Path(scratch) / name, quality=90)
                pixels = (boxes[number] * torch.tensor([500, 375, 500, 375])).round(decimals=2).tolist()
                for box, label in zip(pixels, labels[number].tolist(), strict=True):
                    table.writerow([name, *box, f"class {label:02d}"])
        yield FolderDetection(scratch, Path(scratch) / "train.csv")


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

"""Reading pictures: making training views beside torchvision's transforms, and the loader that does it."""

import csv
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import skimage
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.io import decode_image
from torchvision.transforms import v2

from ..augment import PIXEL_MEAN, TrainTransform, distort
from ..datasets import FolderDetection
from ..datasets.folder import COLUMNS
from ..datasets.loader import training_batches
from ..sample import Batch, Sample
from .parts import random_objects
from .timing import Timing, compare, one_thread


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
    with photographs() as data, one_thread():
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
    with photographs() as data, one_thread():
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

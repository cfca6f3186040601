"""Validation: everything that is wrong with a dataset, found before training and not by it."""

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch
from PIL import ExifTags, Image
from torch import Tensor
from tqdm import tqdm

from ..errors import DataError
from ..images import read_image
from ..priors import PriorSpec, best_overlaps
from . import open_data
from .pictures import Annotation, LabelledPictures, fit

WORTH_A_POOL = 500
"""Pictures from which starting several processes, which takes seconds, saves time."""

TINY = 4.0
"""Sides in pixels of the network's input below which an object is called tiny: half a cell of the finest map."""


RARE = 3
"""Objects below which a class is noted: too few to learn from, and often a class written wrongly."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        text: which file and field it is about, what stands there, and what should.
        kind: the same for all findings alike.
        serious: training would stop at it, or learn something wrong.

    """

    text: str
    kind: str
    serious: bool


@dataclass
class Report:
    """What a dataset holds and what is wrong with it.

    Attributes:
        dataset: what of it could be read.
        pictures: how many could be read.
        empty: how many of them hold no object.
        findings: in the order of the pictures.
        objects: by class.
        difficult: of these, by class.
        boxes: (N, 4) all objects, xyxy as fractions of their pictures.
        shapes: (N,) their width / height in pixels.
        reached: (N,) bool, whether some prior overlaps them by at least one half.

    """

    dataset: LabelledPictures
    pictures: int = 0
    empty: int = 0
    findings: list[Finding] = field(default_factory=list)
    objects: Counter = field(default_factory=Counter)
    difficult: Counter = field(default_factory=Counter)
    boxes: Tensor = field(default_factory=lambda: torch.zeros(0, 4))
    shapes: Tensor = field(default_factory=lambda: torch.zeros(0))
    reached: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))

    @property
    def serious(self) -> bool:
        """Whether training would fail."""
        return any(finding.serious for finding in self.findings)


def check_dataset(
    root: str | Path,
    spec: PriorSpec,
    year: str = "2007",
    split: str = "trainval",
    class_names: tuple[str, ...] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Report:
    """Read a dataset from end to end and report all faults, not the first alone.

    Serious are: an annotation that cannot be read or holds a class, flag or box that cannot be; a picture that is
    missing, damaged or of another size than its annotation says; a box outside its picture; boxes that can only be
    fractions; no object at all. Only noted are: classes with hardly an object; objects that are repeated, or tiny once
    the picture is resized; pictures whose objects are all difficult;
    pictures in greyscale, CMYK or another mode than RGB, and those that EXIF turns; boxes without area in COCO's JSON.

    Args:
        root: folder of the data.
        spec: priors of the network that is to be trained, for its size and for the share of objects they reach.
        year: as in `ssd.datasets.open_data`.
        split: likewise.
        class_names: likewise.
        workers: processes; all cores by default.
        progress: show a progress bar.

    Raises:
        DataError: there is no dataset to read.

    """
    errors: list[DataError] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is left out becomes a finding
        try:
            dataset = open_data(root, year, split, class_names, on_error=errors.append)
        except DataError as error:
            if not errors:
                raise
            errors.append(error)  # nothing could be read, and each of the others says why
            dataset = LabelledPictures(f"{root} {split}", class_names or (), {}, {})
    report = Report(dataset)
    report.findings += [Finding(str(error), error.message.split(" (")[0], True) for error in errors]
    report.findings += [Finding(text, "box without area, left out", False) for text in dataset.left_out]
    boxes, shapes = [torch.zeros(0, 4)], [torch.zeros(0)]
    for image_id, (size, findings) in _look_at_all(dataset, spec.image_size, workers, progress):
        report.findings += findings
        found = dataset.annotations[image_id]
        if size is None:
            continue
        report.pictures += 1
        report.empty += len(found.labels) == 0
        names = [dataset.class_names[label - 1] for label in found.labels.tolist()]
        report.objects.update(names)
        report.difficult.update(name for name, hard in zip(names, found.difficult.tolist(), strict=True) if hard)
        sides = found.boxes[:, 2:] - found.boxes[:, :2]
        boxes.append(found.boxes / torch.tensor([*size, *size]))
        shapes.append(sides[:, 0] / sides[:, 1])
    for name, count in report.objects.items():
        if count < RARE and report.objects.total() >= 30 * RARE:
            text = (
                f"{dataset.name}: class {name}: only {count} of {report.objects.total()} objects; is it a misspelling?"
            )
            report.findings.append(Finding(text, "rare class", False))
    report.boxes, report.shapes = torch.cat(boxes), torch.cat(shapes)
    report.reached = best_overlaps(spec, report.boxes) >= 0.5
    if not report.objects:
        report.findings.append(Finding(f"{dataset.name}: holds no object to learn from", "no object", True))
    return report


def _look_at_all(
    dataset: LabelledPictures, image_size: int, workers: int | None, progress: bool
) -> Iterator[tuple[str, tuple[tuple[int, int] | None, list[Finding]]]]:
    """Look at every picture, in order; in several processes where there are enough pictures to pay for them."""
    tasks = [(dataset.paths[i], dataset.annotations[i], dataset.class_names, image_size) for i in dataset.image_ids]
    bar = partial(tqdm, total=len(tasks), unit="picture", disable=not progress, leave=False)
    if workers == 1 or len(tasks) < WORTH_A_POOL:
        yield from zip(dataset.image_ids, bar(map(_look, tasks)), strict=True)
        return
    with get_context("spawn").Pool(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from zip(dataset.image_ids, bar(pool.imap(_look, tasks, chunksize=16)), strict=True)


def _look(task: tuple[Path, Annotation, tuple[str, ...], int]) -> tuple[tuple[int, int] | None, list[Finding]]:
    """Look at one picture and its objects; its size is None if it cannot be read."""
    path, found, class_names, image_size = task
    findings = []

    def note(text: str, kind: str, where: str | Path | None = None) -> None:
        findings.append(Finding(f"{where or path}: {text}", kind, False))

    try:
        height, width = read_image(path, found.size, found.file).shape[1:]
        boxes = fit(found.boxes, (width, height), found.file, found.first_pixel) if found.size is None else found.boxes
    except DataError as error:
        return None, [Finding(str(error), error.message.split(" (")[0], True)]
    with Image.open(path) as file:
        if file.mode != "RGB":
            note(f"its colours are {file.mode}; they are turned into RGB", f"colours are {file.mode}")
        if file.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            how = "as stored, which its annotation fits" if file.size == found.size else "upright"
            note(f"EXIF says that it is turned; it is read {how}", "turned by EXIF")
    if len(found.labels) and bool(found.difficult.all()):
        note(
            "all its objects are difficult; they train, but do not count when measured",
            "all objects difficult",
            found.file,
        )
    if len(boxes) and max(width, height) > 1 and float(boxes.max()) <= 1:
        text = f"{found.file or path}: no box reaches beyond 1: fractions where pixels are expected"
        findings.append(Finding(text, "fractions for pixels", True))
    sides = (boxes[:, 2:] - boxes[:, :2]) * image_size / torch.tensor([width, height])
    seen = set()
    for number, (box, label, side) in enumerate(
        zip(boxes.tolist(), found.labels.tolist(), sides.tolist(), strict=True), start=1
    ):
        name = class_names[label - 1]
        if min(side) < TINY:
            shown = f"{side[0]:.1f} x {side[1]:.1f}"
            note(
                f"object {number} ({name}) is {shown} pixels in the network's input of {image_size}",
                "tiny object",
                found.file,
            )
        if (tuple(box), label) in seen:
            shown = [round(v + found.first_pixel * (n < 2), 1) for n, v in enumerate(box)]  # as the file counts
            note(f"object {number} ({name}) repeats another, box {shown}", "repeated object", found.file)
        seen.add((tuple(box), label))
    return (width, height), findings

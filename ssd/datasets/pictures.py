"""Labelled pictures: what every dataset is once its annotations are read, whatever format they had."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..boxes import area
from ..errors import DataError
from ..images import read_image
from ..sample import Sample


@dataclass(frozen=True)
class Annotation:
    """What is said of one picture.

    Attributes:
        boxes: (G, 4) float32, xyxy pixels, 0-based, right and bottom exclusive.
        labels: (G,) int64, 1..C.
        difficult: (G,) bool; in COCO, crowds.
        truncated: (G,) bool; False where the annotation does not say.
        occluded: (G,) bool; False where the annotation does not say (VOC2007 never does).
        size: (width, height) of the picture in pixels, or None where the annotation does not say.
        file: where it is said; of a file that speaks of many pictures, with the picture's name.
        first_pixel: number of the first pixel in that file, for messages: VOC counts from 1, all others from 0.
        database: what the picture is part of ("The VOC2007 Database", "ToyVOC"); empty where the file does not say.
        areas: (G,) float32, in square pixels, of the objects' outlines, by which COCO calls them small or large; those
            of the boxes where nothing else is known.

    """

    boxes: Tensor
    labels: Tensor
    difficult: Tensor
    truncated: Tensor
    occluded: Tensor
    size: tuple[int, int] | None
    file: str | Path | None = None
    first_pixel: int = 0
    database: str = ""
    areas: Tensor | None = None

    def __post_init__(self) -> None:
        """Take the boxes' areas where no others are given."""
        if self.areas is None:
            object.__setattr__(self, "areas", area(self.boxes))

    @staticmethod
    def of(
        boxes: Sequence[Sequence[float]],
        labels: Sequence[int],
        flags: Sequence[tuple[bool, bool, bool]] | None = None,
        **rest: object,
    ) -> "Annotation":
        """Make one from lists; `flags` are difficult, truncated and occluded of each object, all False by default."""
        flags = torch.tensor(flags if flags else [[False] * 3] * len(labels), dtype=torch.bool).reshape(-1, 3)
        boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
        return Annotation(boxes, torch.tensor(labels, dtype=torch.int64), *flags.unbind(dim=1), **rest)


class Annotations(Mapping[str, Annotation]):
    """Annotations by picture, laid end to end in a few tensors.

    Those of COCO would be a million little objects otherwise. Every reading process would come to hold a copy of its
    own, since in Python looking at an object writes to it (it counts who looks).

    Args:
        found: annotations by the pictures' ids.

    """

    def __init__(self, found: Mapping[str, Annotation]) -> None:
        self._rows = {image_id: row for row, image_id in enumerate(found)}
        each = list(found.values())
        self._starts = np.cumsum([0, *(len(one.labels) for one in each)])
        self._boxes = torch.cat([torch.zeros(0, 4), *(one.boxes for one in each)])
        self._labels = torch.cat([torch.zeros(0, dtype=torch.int64), *(one.labels for one in each)])
        flags = [torch.stack([one.difficult, one.truncated, one.occluded]) for one in each]
        self._flags = torch.cat([torch.zeros(3, 0, dtype=torch.bool), *flags], dim=1)
        self._areas = torch.cat([torch.zeros(0), *(one.areas for one in each)])
        self._sizes = np.array([one.size or (0, 0) for one in each]).reshape(-1, 2)
        self._files = np.array(["" if one.file is None else str(one.file) for one in each], dtype=np.str_)
        common: dict = {}
        self._rest = [common.setdefault(rest, rest) for rest in ((one.first_pixel, one.database) for one in each)]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        """Yield the pictures' ids."""
        return iter(self._rows)

    def __getitem__(self, image_id: str) -> Annotation:
        """Return a picture's annotation; its tensors are parts of the whole."""
        row = self._rows[image_id]
        part = slice(*self._starts[row : row + 2].tolist())
        size, file = self._sizes[row].tolist(), str(self._files[row])
        rest = tuple(size) if size != [0, 0] else None, file or None, *self._rest[row]
        flags = self._flags[:, part].unbind(dim=0)
        return Annotation(self._boxes[part], self._labels[part], *flags, *rest, areas=self._areas[part])


class LabelledPictures(Dataset):
    """Pictures and what is in them; annotations are in memory, pictures are read when asked for.

    Args:
        name: what the dataset is called in records.
        class_names: the C names; label 1 is the first.
        paths: of the pictures, by their ids, in the order of the dataset.
        annotations: by the same ids.
        keep_difficult: whether samples hold difficult objects, as VOC's training does; COCO's drops its crowds.
        left_out: what the annotations hold and the dataset does not, a line for each.

    """

    def __init__(
        self,
        name: str,
        class_names: Iterable[str],
        paths: dict[str, Path],
        annotations: Mapping[str, Annotation],
        keep_difficult: bool = True,
        left_out: Sequence[str] = (),
    ) -> None:
        self.name, self.class_names = name, tuple(class_names)
        self.image_ids, self.paths, self.annotations = list(paths), paths, Annotations(annotations)
        self.keep_difficult, self.left_out = keep_difficult, tuple(left_out)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> Sample:
        """Return picture `index` with its objects.

        Raises:
            DataError: the picture cannot be read, or a box leaves it.

        """
        image_id = self.image_ids[index]
        found = self.annotations[image_id]
        image = read_image(self.paths[image_id], found.size, found.file)
        height, width = image.shape[1:]
        boxes = fit(found.boxes, (width, height), found.file, found.first_pixel) if found.size is None else found.boxes
        keep = slice(None) if self.keep_difficult else ~found.difficult
        return Sample(image, boxes[keep], found.labels[keep], found.difficult[keep], image_id, self.class_names)

    def fractions(self) -> Tensor:
        """Return all objects' boxes (N, 4), xyxy, as fractions of their pictures: what priors are to be chosen by."""
        boxes = [torch.zeros(0, 4)]
        for index, image_id in enumerate(self.image_ids):
            found = self.annotations[image_id]
            height, width = found.size[::-1] if found.size else self[index].image.shape[1:]
            boxes.append(found.boxes / torch.tensor([width, height, width, height]))
        return torch.cat(boxes)

    def ground_truth(self) -> Mapping[str, Annotation]:
        """Return every picture's annotation by its id: what `ssd.metrics.voc_ap` measures against."""
        return self.annotations


def refuse(error: DataError) -> None:
    """Raise: what readers do with a fault unless somebody collects faults (`ssd.datasets.validate`)."""
    raise error


def fit(
    boxes: Tensor, size: tuple[int, int], file: str | Path | None, first_pixel: int = 0, first_object: int = 1
) -> Tensor:
    """Cut boxes to their picture; refuse those that leave it by more than the one pixel that rounding explains.

    Args:
        boxes: (G, 4) xyxy pixels, 0-based.
        size: (width, height) of the picture.
        file: where the boxes come from, for the message.
        first_pixel: number of the first pixel in that file.
        first_object: number of the first box in that file.

    Raises:
        DataError: a box is outside.

    """
    outside = (boxes < -1) | (boxes > torch.tensor([*size, *size]) + 1)
    fitted = boxes.clamp(min=0).minimum(torch.tensor([*size, *size]))
    empty = (fitted[:, 2:] <= fitted[:, :2]).any(dim=1)
    for row in (outside.any(dim=1) | empty).nonzero()[:, 0].tolist():
        xmin, ymin, xmax, ymax = boxes[row].tolist()
        raise DataError(
            "box leaves the picture",
            file=file,
            field=f"object {row + first_object} {'bndbox' if first_pixel else 'box'}",  # VOC's word, and all others'
            value=tuple(round(v, 2) for v in (xmin + first_pixel, ymin + first_pixel, xmax, ymax)),
            expected=f"within {first_pixel}..{size[0]} x {first_pixel}..{size[1]}",
        )
    return fitted


def union(name: str, datasets: Sequence[LabelledPictures]) -> LabelledPictures:
    """Join datasets of the same classes into one.

    Raises:
        DataError: classes differ, or two pictures have the same id.

    """
    first = datasets[0]
    paths, annotations = {}, {}
    for dataset in datasets:
        if dataset.class_names != first.class_names:
            raise DataError(
                "has other classes",
                field=dataset.name,
                value=", ".join(dataset.class_names),
                expected=", ".join(first.class_names),
            )
        twice = paths.keys() & dataset.paths.keys()
        if twice:
            raise DataError("is in two of the datasets", field="picture", value=min(twice), expected="every id once")
        paths, annotations = {**paths, **dataset.paths}, {**annotations, **dataset.annotations}
    return LabelledPictures(name, first.class_names, paths, annotations, first.keep_difficult)

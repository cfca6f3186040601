"""Datasets in torchvision's way, pairs of a picture and {"boxes", "labels"}, as samples of this package."""

from collections.abc import Sequence
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.ops import box_convert
from torchvision.tv_tensors import BoundingBoxes

from ..errors import DataError
from ..images import as_image, to_tensor
from ..sample import Sample
from .pictures import Annotation, fit


class FromTorchvision(Dataset):
    """Any dataset of pairs (image, target) that torchvision's detection models could be trained on.

    `ssd.train.train` and `ssd.evaluate.evaluate` take it. The image is a Pillow picture, a (3, H, W) tensor of bytes or
    of floats from 0 to 1, or an (H, W, 3) array of bytes; EXIF is not heeded, as the boxes are those of the image as it
    is handed over. The target holds "boxes", (G, 4) xyxy pixels or `BoundingBoxes` of another format, and "labels",
    (G,), 1 for the first class. Two flags (G,) may be there: "difficult", for objects that train and do not count when
    measured, and "iscrowd", for such as neither train nor count.

    Args:
        dataset: has a length, and a pair for each index. Without random transforms: augmentation is this package's.
        class_names: the C names; label 1 is the first.
        name: what the dataset is called in records.

    """

    def __init__(self, dataset: Dataset, class_names: Sequence[str], name: str = "dataset") -> None:
        self.dataset, self.class_names, self.name = dataset, tuple(class_names), name
        self.image_ids = [str(index) for index in range(len(dataset))]

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> Sample:
        """Return pair `index` as a sample, without crowds.

        Raises:
            DataError: it is no such pair, or holds a label or a box that cannot be.

        """
        image, found, crowd = self._read(index)
        keep = ~crowd
        rest = found.difficult[keep], self.image_ids[index], self.class_names
        return Sample(image, found.boxes[keep], found.labels[keep], *rest)

    def ground_truth(self) -> dict[str, Annotation]:
        """Return what every target says, by the pair's index; reads all pairs once."""
        return self._annotations

    @cached_property
    def _annotations(self) -> dict[str, Annotation]:
        return {image_id: self._read(index)[1] for index, image_id in enumerate(self.image_ids)}

    def _read(self, index: int) -> tuple[Tensor, Annotation, Tensor]:
        """Return a pair's image (3, H, W) uint8, what its target says, and which of the objects are crowds."""
        where = f"{self.name}[{index}]"
        pair = self.dataset[index]
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[1], dict):
            raise DataError("is not a pair", file=where, value=type(pair).__name__, expected="(image, {...})")
        image, target = _bytes(pair[0], where), pair[1]
        height, width = image.shape[1:]
        labels = _column(target, "labels", where)
        boxes = target.get("boxes")
        if isinstance(boxes, BoundingBoxes):
            boxes = box_convert(boxes.as_subclass(Tensor), boxes.format.value.lower(), "xyxy")
        boxes = _numbers(boxes, "boxes", where).float()
        if boxes.numel() == 0:
            boxes = boxes.reshape(0, 4)
        if boxes.shape != (len(labels), 4):
            expected = f"({len(labels)}, 4), a box for each label"
            raise DataError("has another shape", file=where, field="boxes", value=tuple(boxes.shape), expected=expected)
        crowd, difficult = (
            _column(target, name, where).bool() if name in target else torch.zeros(len(labels), dtype=torch.bool)
            for name in ("iscrowd", "difficult")
        )
        for name, flags in (("iscrowd", crowd), ("difficult", difficult)):
            if len(flags) != len(labels):
                expected = f"{len(labels)} flags, one for each label"
                raise DataError("has another length", file=where, field=name, value=len(flags), expected=expected)
        sample = Sample(image, boxes, labels, difficult, where, self.class_names)  # refuses what cannot be
        nothing = torch.zeros(len(labels), dtype=torch.bool)
        boxes = fit(sample.boxes, (width, height), where)
        found = Annotation(boxes, labels, difficult | crowd, nothing, nothing, (width, height), where)
        return image, found, crowd


def _bytes(image: object, where: str) -> Tensor:
    """Return an image as (3, H, W) uint8."""
    if isinstance(image, Image.Image):
        return to_tensor(image)
    if isinstance(image, Tensor) and image.is_floating_point() and image.numel():
        if not (image.min() >= 0 and image.max() <= 1):
            value = f"{float(image.min()):g} to {float(image.max()):g}"
            raise DataError("has other values", file=where, field="image", value=value, expected="floats from 0 to 1")
        image = (image * 255).round().to(torch.uint8)
    try:
        return as_image(image.as_subclass(Tensor) if isinstance(image, Tensor) else image)
    except DataError as error:
        raise DataError(
            error.message, file=where, field=error.field, value=error.value, expected=error.expected
        ) from None


def _numbers(values: object, name: str, where: str) -> Tensor:
    """Return a target's entry as a tensor."""
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        shown = "nothing" if values is None else type(values).__name__
        raise DataError("cannot be", file=where, field=name, value=shown, expected="a tensor") from None


def _column(target: dict, name: str, where: str) -> Tensor:
    """Return a target's entry of whole numbers or flags, (G,)."""
    values = _numbers(target.get(name), name, where)
    if values.numel() == 0:
        return torch.zeros(0, dtype=torch.int64)
    if values.ndim != 1 or values.is_floating_point() or values.is_complex():
        value = f"{values.dtype} {tuple(values.shape)}"
        raise DataError("cannot be", file=where, field=name, value=value, expected="whole numbers, (G,)")
    return values.long()

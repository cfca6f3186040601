"""What flows through the package: a labelled picture going in, detections coming out.

Boxes here are always float32 corner boxes in pixels of the original picture, 0-based, right and bottom exclusive:
the box of a whole 500 x 375 picture is (0, 0, 500, 375). Labels run from 1 to C; 0 is background and never stored.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .errors import DataError


@dataclass
class Sample:
    """A picture and what is in it.

    Attributes:
        image: (3, H, W) uint8, RGB.
        boxes: (G, 4) float32, xyxy pixels.
        labels: (G,) int64, 1..C.
        difficult: (G,) bool; such objects train but do not count in evaluation.
        image_id: the picture's name within its dataset ("000005").
        class_names: the C names; label 1 is `class_names[0]`.

    Raises:
        DataError: a box without area or with a side that is no number, or a label that is no class: either would turn
            the loss into NaN.

    """

    image: Tensor
    boxes: Tensor
    labels: Tensor
    difficult: Tensor
    image_id: str = ""
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be learned from, and name the picture and the object."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        good_boxes = ((sides > 0) & (sides < torch.inf)).all(dim=1)  # of a NaN neither is true
        most = len(self.class_names) or torch.iinfo(torch.int64).max
        for good, field, values, expected in (
            (good_boxes, "box", self.boxes, "left < right and top < bottom, in pixels"),
            (
                (self.labels >= 1) & (self.labels <= most),
                "label",
                self.labels,
                "1 for the first class; 0 is background",
            ),
        ):
            if not good.all():
                row = int((~good).nonzero()[0])
                where = f"object {row + 1} {field}"
                raise DataError(
                    "cannot be", file=self.image_id or None, field=where, value=values[row].tolist(), expected=expected
                )

    def target(self) -> dict[str, Tensor]:
        """Return what torchvision's detection models take: {"boxes": (G, 4), "labels": (G,)}."""
        return {"boxes": self.boxes, "labels": self.labels}


@dataclass
class Detections:
    """What a detector found in one picture, best score first.

    Attributes:
        boxes: (D, 4) float32, xyxy pixels of the original picture.
        scores: (D,) float32 in [0, 1].
        labels: (D,) int64, 1..C.

    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, score: float) -> "Detections":
        """Return only the detections with at least this score."""
        keep = self.scores >= score
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep])

    def cpu(self) -> "Detections":
        """Return the same detections in main memory."""
        return Detections(self.boxes.cpu(), self.scores.cpu(), self.labels.cpu())

    @staticmethod
    def empty() -> "Detections":
        """Return no detections at all."""
        return Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))


@dataclass
class Example:
    """A sample as the network sees it: a square of pixels, boxes as fractions of it.

    Attributes:
        image: (3, S, S) uint8.
        boxes: (G, 4) float32, xyxy fractions of the square.
        labels: (G,) int64, 1..C.
        covered: (4,) int64, xyxy pixels of the square that hold picture; the rest is fill.
        colour: (5,) float32, the photometric distortion to apply (`ssd.augment.distort`).
        size: (2,) int64, width and height of the original picture in pixels.
        image_id: the picture's name.

    """

    image: Tensor
    boxes: Tensor
    labels: Tensor
    covered: Tensor
    colour: Tensor
    size: Tensor
    image_id: str


@dataclass
class Batch:
    """Examples stacked; boxes padded to the largest number of objects, at least one.

    Attributes:
        images: (B, 3, S, S) uint8.
        boxes: (B, G, 4) float32, xyxy fractions.
        labels: (B, G) int64; 0 marks padding.
        covered: (B, 4) int64.
        colour: (B, 5) float32.
        sizes: (B, 2) int64.
        image_ids: B names.

    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    covered: Tensor
    colour: Tensor
    sizes: Tensor
    image_ids: list[str]

    @staticmethod
    def collate(examples: list[Example]) -> "Batch":
        """Stack examples of the same S."""
        most = max(1, *(len(example.labels) for example in examples))
        boxes = torch.zeros(len(examples), most, 4)
        labels = torch.zeros(len(examples), most, dtype=torch.int64)
        for row, example in enumerate(examples):
            boxes[row, : len(example.boxes)] = example.boxes
            labels[row, : len(example.labels)] = example.labels
        stacked = (torch.stack([getattr(e, name) for e in examples]) for name in ("covered", "colour", "size"))
        # Pixels lie in memory as RGB triples, from the decoder to the network ("channels last").
        images = torch.stack([e.image.permute(1, 2, 0) for e in examples]).permute(0, 3, 1, 2)
        return Batch(images, boxes, labels, *stacked, [e.image_id for e in examples])

    def split(self, parts: int) -> list["Batch"]:
        """Cut the batch into parts of about the same number of pictures; none is empty."""
        size = -(-len(self.image_ids) // parts)
        cuts = [slice(start, start + size) for start in range(0, len(self.image_ids), size)]
        tensors = (f.name for f in fields(self) if f.name != "image_ids")
        pieces = {name: getattr(self, name).split(size) for name in tensors}
        return [
            Batch(**{name: pieces[name][number] for name in pieces}, image_ids=self.image_ids[cut])
            for number, cut in enumerate(cuts)
        ]

    def map(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        """Apply a function to every tensor."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(**{n: function(t) if isinstance(t, Tensor) else t for n, t in tensors.items()})

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device; the copy does not wait."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """Return the batch in page-locked memory, from which a GPU copies without waiting (called by DataLoader)."""
        return self.map(Tensor.pin_memory)

"""PASCAL VOC: a folder of JPEG pictures, one XML of boxes for each, and lists that say which picture serves what."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
import torch
from defusedxml import DefusedXmlException
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import DataError
from ..images import read_image
from ..sample import Sample

VOC_CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""The 20 classes in VOC's order; label 1 is "aeroplane"."""


@dataclass(frozen=True)
class Annotation:
    """What one XML says.

    Attributes:
        boxes: (G, 4) float32, xyxy pixels, 0-based, right and bottom exclusive.
        labels: (G,) int64, 1..C.
        difficult: (G,) bool.
        truncated: (G,) bool; False where the XML does not say.
        occluded: (G,) bool; False where the XML does not say (VOC2007 never does).
        size: (width, height) of the picture in pixels, or None where the XML does not say.
        database: what the picture is part of ("The VOC2007 Database", "ToyVOC"); empty where the XML does not say.

    """

    boxes: Tensor
    labels: Tensor
    difficult: Tensor
    truncated: Tensor
    occluded: Tensor
    size: tuple[int, int] | None
    database: str = ""


class VOCDetection(Dataset):
    """The objects of a VOC-layout folder; every annotation is read and checked at once, pictures when asked for.

    Args:
        root: a folder that holds VOCdevkit, or VOCdevkit itself, or the folder of one year.
        year: "2007", "2012": names the folder VOC{year} inside VOCdevkit.
        split: a list in ImageSets/Main, without ".txt": "trainval", "train", "val", "test".
        class_names: names that may occur in the XML; label 1 is the first.

    Raises:
        DataError: a folder, list or XML is missing or broken, or holds a class or box that cannot be.

    """

    def __init__(
        self,
        root: str | Path,
        year: str = "2007",
        split: str = "trainval",
        class_names: tuple[str, ...] = VOC_CLASSES,
    ) -> None:
        self.folder = find_voc(Path(root), year)
        self.class_names = class_names
        self.split = split
        self.image_ids = read_split(self.folder, split)
        self.annotations = {
            image_id: read_annotation(self.folder / "Annotations" / f"{image_id}.xml", class_names)
            for image_id in self.image_ids
        }
        databases = {found.database or self.folder.name for found in self.annotations.values()}
        self.name = f"{', '.join(sorted(databases))} {split}"

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> Sample:
        """Return picture `index` of the list with its objects, difficult ones included."""
        image_id = self.image_ids[index]
        found = self.annotations[image_id]
        image = read_image(self.image_path(image_id), found.size)
        height, width = image.shape[1:]
        boxes = found.boxes
        if found.size is None:
            boxes = _fit(boxes, (width, height), self.folder / "Annotations" / f"{image_id}.xml")
        return Sample(image, boxes, found.labels, found.difficult, image_id, self.class_names)

    def image_path(self, image_id: str) -> Path:
        """Return the path of a picture of this dataset."""
        return self.folder / "JPEGImages" / f"{image_id}.jpg"

    def fractions(self) -> Tensor:
        """Return all objects' boxes (N, 4), xyxy, as fractions of their pictures: what priors are to be chosen by."""
        boxes = []
        for index, image_id in enumerate(self.image_ids):
            found = self.annotations[image_id]
            height, width = found.size[::-1] if found.size else self[index].image.shape[1:]
            boxes.append(found.boxes / torch.tensor([width, height, width, height]))
        return torch.cat(boxes)

    def ground_truth(self) -> dict[str, Annotation]:
        """Return every picture's annotation by its id: what `ssd.metrics.voc_ap` measures against."""
        return self.annotations


def find_voc(root: Path, year: str) -> Path:
    """Return the folder of one year below `root`, however much of the official layout `root` already includes."""
    if not root.is_dir():
        raise DataError("no such folder", file=root, expected="a folder that holds VOCdevkit")
    for folder in (root / "VOCdevkit" / f"VOC{year}", root / f"VOC{year}", root):
        another_year = re.fullmatch(r"VOC\d{4}", folder.name) and folder.name != f"VOC{year}"
        if (folder / "ImageSets" / "Main").is_dir() and not another_year:
            return folder
    raise DataError(
        f"no VOC{year} in this folder",
        file=root,
        expected=f"VOCdevkit/VOC{year} with JPEGImages, Annotations, ImageSets/Main",
    )


def read_split(folder: Path, split: str) -> list[str]:
    """Return the picture names in ImageSets/Main/{split}.txt."""
    path = folder / "ImageSets" / "Main" / f"{split}.txt"
    if not path.is_file():
        there = sorted(p.stem for p in path.parent.glob("*.txt") if "_" not in p.stem)
        raise DataError(
            "no such split", file=path.parent, field="split", value=split, expected="one of " + ", ".join(there)
        )
    image_ids = path.read_text(encoding="utf-8").split()
    if not image_ids:
        raise DataError("the list names no picture", file=path, expected="one name a line")
    repeated = {name for name in image_ids if image_ids.count(name) > 1} if len(set(image_ids)) < len(image_ids) else ()
    if repeated:
        raise DataError("named more than once", file=path, value=min(repeated), expected="every picture once")
    return image_ids


def read_annotation(path: Path, class_names: tuple[str, ...] = VOC_CLASSES) -> Annotation:
    """Read one VOC XML; coordinates may be whole numbers or not, 1-based and inclusive as VOC writes them.

    The flags difficult, truncated and occluded are 0 where the XML leaves them out, as VOC's own files do.

    Raises:
        DataError: the file is missing or no VOC annotation, an object lacks its name or a corner, its class is not in
            `class_names`, a flag is neither 0 nor 1, or its box is not inside the picture with a positive size.

    """
    try:
        root = defusedxml.ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise DataError("annotation is missing", file=path, expected="a VOC XML") from None
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise DataError(
            f"is not a valid XML ({error})", file=path, expected="a VOC annotation without entities"
        ) from None
    if root.tag != "annotation":
        raise DataError(
            "is not a VOC annotation", file=path, field="root element", value=root.tag, expected="annotation"
        )
    size = None
    if root.find("size") is not None:
        size = tuple(int(_number(root.find("size"), name, path, "size")) for name in ("width", "height"))
    boxes, labels, flags = [], [], []
    for number, node in enumerate(root.iter("object"), start=1):
        where = f"object {number}"
        name = (node.findtext("name") or "").strip()
        if name not in class_names:
            raise DataError(
                "unknown class",
                file=path,
                field=f"{where} name",
                value=name,
                expected="one of " + ", ".join(class_names),
            )
        corners = node.find("bndbox")
        xmin, ymin, xmax, ymax = (
            _number(corners, key, path, f"{where} bndbox") for key in ("xmin", "ymin", "xmax", "ymax")
        )
        # VOC counts from 1 and includes the last pixel; subtracting 1 from the first makes x2 - x1 the width in pixels.
        box = (xmin - 1, ymin - 1, xmax, ymax)
        if xmax < xmin or ymax < ymin:
            raise DataError(
                "box has no area",
                file=path,
                field=f"{where} bndbox ({name})",
                value=(xmin, ymin, xmax, ymax),
                expected="xmin <= xmax and ymin <= ymax",
            )
        boxes.append(box)
        labels.append(class_names.index(name) + 1)
        flags.append([_flag(node, key, path, where) for key in ("difficult", "truncated", "occluded")])
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    if size is not None:
        boxes = _fit(boxes, size, path)
    flags = torch.tensor(flags, dtype=torch.bool).reshape(-1, 3)
    database = (root.findtext("source/database") or "").strip()
    return Annotation(boxes, torch.tensor(labels, dtype=torch.int64), *flags.unbind(dim=1), size, database)


def _number(node: Element | None, name: str, path: Path, field: str) -> float:
    """Return a child's text as a number."""
    text = node.findtext(name) if node is not None else None
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = float("nan")
    if not abs(value) < float("inf"):
        raise DataError(
            "is not a number", file=path, field=f"{field} {name}", value=text or "nothing", expected="a number"
        )
    return value


def _flag(node: Element, name: str, path: Path, field: str) -> bool:
    """Return a child's text, 0 or 1, as a flag; a missing or empty child is 0."""
    text = (node.findtext(name) or "").strip() or "0"
    if text not in ("0", "1"):
        raise DataError("is not a flag", file=path, field=f"{field} {name}", value=text, expected="0 or 1")
    return text == "1"


def _fit(boxes: Tensor, size: tuple[int, int], path: Path) -> Tensor:
    """Cut boxes to the picture; refuse those that leave it by more than the one pixel that rounding explains."""
    outside = (boxes < -1) | (boxes > torch.tensor([*size, *size]) + 1)
    fitted = boxes.clamp(min=0).minimum(torch.tensor([*size, *size]))
    empty = (fitted[:, 2:] <= fitted[:, :2]).any(dim=1)
    for row in (outside.any(dim=1) | empty).nonzero()[:, 0].tolist():
        xmin, ymin, xmax, ymax = boxes[row].tolist()
        raise DataError(
            "box leaves the picture",
            file=path,
            field=f"object {row + 1} bndbox",
            value=tuple(round(v, 2) for v in (xmin + 1, ymin + 1, xmax, ymax)),
            expected=f"within 1..{size[0]} x 1..{size[1]}",
        )
    return fitted

"""PASCAL VOC: a folder of JPEG pictures, one XML of boxes for each, and lists that say which picture serves what."""

import re
from collections.abc import Callable, Collection
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
import torch
from defusedxml import DefusedXmlException
from torch import Tensor

from ..errors import DataError
from .pictures import Annotation, LabelledPictures, fit, refuse, union

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


UNIONS = {
    "07+12": (("2007", "trainval"), ("2012", "trainval")),
    "07++12": (("2007", "trainval"), ("2007", "test"), ("2012", "trainval")),
}
"""What the paper trains on, by the names its tables use: years and lists that belong together."""


class VOCDetection(LabelledPictures):
    """The objects of a VOC-layout folder; every annotation is read and checked at once, pictures when asked for.

    Args:
        root: a folder that holds VOCdevkit, or VOCdevkit itself, or the folder of one year.
        year: "2007", "2012": names the folder VOC{year} inside VOCdevkit; or one of `UNIONS`.
        split: a list in ImageSets/Main, without ".txt": "trainval", "train", "val", "test"; of unions only "trainval".
        class_names: names that may occur in the XML; label 1 is the first.
        keep_difficult: whether samples hold objects marked as difficult, as the paper's training does.
        on_error: called with what is wrong with an XML or an object, which is then left out; by default it is raised.

    Raises:
        DataError: a folder, list or XML is missing or broken, or holds a class or box that cannot be.

    """

    def __init__(
        self,
        root: str | Path,
        year: str = "2007",
        split: str = "trainval",
        class_names: tuple[str, ...] = VOC_CLASSES,
        keep_difficult: bool = True,
        on_error: Callable[[DataError], None] = refuse,
    ) -> None:
        if year in UNIONS:
            if split != "trainval":
                raise DataError(f"{year} is there to train on", field="split", value=split, expected="trainval")
            parts = [VOCDetection(root, *part, class_names, keep_difficult, on_error) for part in UNIONS[year]]
            joined = union(f"VOC{year} trainval", parts)
            super().__init__(joined.name, class_names, joined.paths, joined.annotations, keep_difficult)
            return
        folder = find_voc(Path(root), year)
        image_ids = read_split(folder, split)
        xml = {image_id: folder / "Annotations" / f"{image_id}.xml" for image_id in image_ids}
        annotations = {image_id: read_annotation(path, class_names, on_error) for image_id, path in xml.items()}
        annotations = {image_id: found for image_id, found in annotations.items() if found is not None}
        paths = {image_id: folder / "JPEGImages" / f"{image_id}.jpg" for image_id in annotations}
        name = name_pictures(annotations.values(), folder.name, split)
        super().__init__(name, class_names, paths, annotations, keep_difficult)


def name_pictures(annotations: Collection[Annotation], folder: str, split: str) -> str:
    """Name a list of pictures after the database that their annotations name, or else their folder.

    PASCAL's pictures are 500 pixels long. Where all are smaller, the name says so: what is measured on them
    must not pass for a result on VOC.
    """
    databases = {re.sub(r"^The (VOC\d{4}) Database$", r"\1", found.database) for found in annotations} - {""}
    longest = max((max(found.size) for found in annotations if found.size), default=0)
    of_pascal = any(re.fullmatch(r"VOC\d{4}", name) for name in databases)
    reduced = " (reduced)" if of_pascal and 0 < longest < 500 else ""
    return f"{', '.join(sorted(databases)) or folder} {split}{reduced}"


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


def read_annotation(
    path: Path, class_names: tuple[str, ...] = VOC_CLASSES, on_error: Callable[[DataError], None] = refuse
) -> Annotation | None:
    """Read one VOC XML; coordinates may be whole numbers or not, 1-based and inclusive as VOC writes them.

    The flags difficult, truncated and occluded are 0 where the XML leaves them out, as VOC's own files do.

    Args:
        path: the XML.
        class_names: names that objects may have.
        on_error: called with what is wrong, by default to raise it. If it returns, the object at fault is left out.

    Returns:
        What the XML says; None if it is no annotation at all and `on_error` has returned.

    Raises:
        DataError: the file is missing or no VOC annotation, an object lacks its name or a corner, its class is not in
            `class_names`, a flag is neither 0 nor 1, or its box is not inside the picture with a positive size.

    """
    try:
        root = _parse(path)
        size = None
        if root.find("size") is not None:
            size = tuple(int(_number(root.find("size"), name, path, "size")) for name in ("width", "height"))
    except DataError as error:
        on_error(error)
        return None
    boxes, labels, flags = [], [], []
    for number, node in enumerate(root.iter("object"), start=1):
        try:
            box, label, flag = _object(node, path, f"object {number}", class_names)
            if size is not None:
                box = fit(box, size, path, 1, number)
        except DataError as error:
            on_error(error)
            continue
        boxes += box.tolist()
        labels.append(label)
        flags.append(flag)
    database = (root.findtext("source/database") or "").strip()
    return Annotation.of(boxes, labels, flags, size=size, file=path, first_pixel=1, database=database)


def _parse(path: Path) -> Element:
    """Return the outermost element of an XML that may be a VOC annotation."""
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
    return root


def _object(
    node: Element, path: Path, where: str, class_names: tuple[str, ...]
) -> tuple[Tensor, int, tuple[bool, bool, bool]]:
    """Return an object's box (1, 4), its label, and whether it is difficult, truncated and occluded."""
    name = (node.findtext("name") or "").strip()
    if name not in class_names:
        raise DataError(
            "unknown class", file=path, field=f"{where} name", value=name, expected="one of " + ", ".join(class_names)
        )
    corners = node.find("bndbox")
    xmin, ymin, xmax, ymax = (
        _number(corners, key, path, f"{where} bndbox") for key in ("xmin", "ymin", "xmax", "ymax")
    )
    if xmax < xmin or ymax < ymin:
        raise DataError(
            "box has no area",
            file=path,
            field=f"{where} bndbox ({name})",
            value=(xmin, ymin, xmax, ymax),
            expected="xmin <= xmax and ymin <= ymax",
        )
    flags = tuple(_flag(node, key, path, where) for key in ("difficult", "truncated", "occluded"))
    # VOC counts from 1 and includes the last pixel; subtracting 1 from the first makes x2 - x1 the width in pixels.
    return torch.tensor([[xmin - 1, ymin - 1, xmax, ymax]]), class_names.index(name) + 1, flags


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

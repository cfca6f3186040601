"""Datasets of labelled pictures."""

from collections.abc import Callable
from pathlib import Path

from ..errors import DataError
from .coco import CocoDetection
from .fetch import download
from .folder import FolderDetection
from .pairs import FromTorchvision
from .pictures import Annotation, LabelledPictures, refuse, union
from .toyvoc import make_toyvoc
from .voc import UNIONS, VOC_CLASSES, VOCDetection

__all__ = [
    "UNIONS",
    "VOC_CLASSES",
    "Annotation",
    "CocoDetection",
    "FolderDetection",
    "FromTorchvision",
    "LabelledPictures",
    "VOCDetection",
    "download",
    "make_toyvoc",
    "open_data",
    "union",
]


def open_data(
    root: str | Path,
    year: str = "2007",
    split: str = "trainval",
    class_names: tuple[str, ...] | None = None,
    keep_difficult: bool = True,
    on_error: Callable[[DataError], None] = refuse,
) -> LabelledPictures:
    """Open a folder of data by what is in it.

    Looked for in this order: COCO's layout (`annotations/instances_train2017.json` beside `train2017/`, for the split
    "train" and the year "2017"); a table of your own pictures (`train.csv` beside or above them); a JSON of COCO's
    format of your own pictures (`train.json`); VOC's layout (`VOCdevkit/VOC2007`).

    Args:
        root: the folder.
        year: of VOC or COCO; for VOC also one of `UNIONS`.
        split: which part of the data.
        class_names: the classes in the order of the labels; by default the data's own, and VOC's for VOC's layout.
        keep_difficult: whether samples hold VOC's difficult objects.
        on_error: called with each fault of a single picture or object, which is then left out; by default it is raised.

    Raises:
        DataError: there is no data of these kinds, or it is broken.

    """
    root = Path(root)
    instances = root / "annotations" / f"instances_{split}{year}.json"
    if instances.is_file():
        return CocoDetection(root / f"{split}{year}", instances, class_names, on_error)
    if (root / f"{split}.csv").is_file():
        return FolderDetection(root, root / f"{split}.csv", class_names, on_error)
    if (root / f"{split}.json").is_file():
        return CocoDetection(root, root / f"{split}.json", class_names, on_error)
    parts = sorted(path.name for kind in ("csv", "json") for path in root.glob(f"*.{kind}"))
    try:
        return VOCDetection(root, year, split, class_names or VOC_CLASSES, keep_difficult, on_error)
    except DataError:
        if not root.is_dir() or any((root / name).exists() for name in ("VOCdevkit", "ImageSets", f"VOC{year}")):
            raise
        if parts:
            expected = f"one of {', '.join(parts)}, without ending"
            raise DataError("no such split", file=root, field="split", value=split, expected=expected) from None
        kinds = f"annotations/instances_{split}{year}.json, {split}.csv, {split}.json"
        expected = f"one of {kinds} or VOCdevkit/VOC{year}"
        raise DataError("holds no data of a kind that is read here", file=root, expected=expected) from None

"""COCO: a folder of pictures and one JSON that holds all boxes; also the format of most annotation tools."""

import json
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError
from .pictures import Annotation, LabelledPictures, fit, refuse


class CocoDetection(LabelledPictures):
    """The objects of a COCO "instances" JSON; every annotation is checked at once, pictures are read when asked for.

    Categories are numbered anew, from 1 without gaps, in the order of their ids; `category_ids` leads back (a class in
    `class_names` that the JSON has not gets an id that the JSON does not use). Crowds count as difficult, and samples
    do not hold them: the paper's training on COCO drops them. A box without width or height is left out, with a
    warning, and named in `left_out`.

    Args:
        images: the folder that file names in the JSON start from.
        annotations: the JSON.
        class_names: the names that categories must have, in the order of the labels; by default the file's own.
        on_error: called with what is wrong with a picture's or object's entry, which is then left out; by default it
            is raised.

    Raises:
        DataError: a file is missing or broken, an entry lacks a field, or holds a category or box that cannot be.

    """

    def __init__(
        self,
        images: str | Path,
        annotations: str | Path,
        class_names: tuple[str, ...] | None = None,
        on_error: Callable[[DataError], None] = refuse,
    ) -> None:
        folder, path = Path(images), Path(annotations)
        if not folder.is_dir():
            raise DataError("no such folder", file=folder, expected="the pictures that the JSON names")
        content = read_json(path)
        categories = {
            _value(entry, "id", int, path, where): _value(entry, "name", str, path, where)
            for where, entry in _entries(content, "categories", path)
        }
        self.category_ids = tuple(sorted(categories))
        names = tuple(categories[number] for number in self.category_ids)
        if class_names is not None:
            unknown = [name for name in names if name not in class_names]
            if unknown:
                expected = "one of " + ", ".join(class_names)
                raise DataError("unknown class", file=path, field="categories", value=unknown[0], expected=expected)
            known, unused = {name: number for number, name in categories.items()}, count(max(categories, default=0) + 1)
            self.category_ids = tuple(known[name] if name in known else next(unused) for name in class_names)
            names = tuple(class_names)
        label_of = {number: names.index(name) + 1 for number, name in categories.items()}
        left_out = []
        paths, sizes = {}, {}
        for where, entry in _entries(content, "images", path):
            try:
                image_id, paths[image_id], sizes[image_id] = _picture(entry, paths, folder, path, where)
            except DataError as error:
                on_error(error)
        if not paths:
            raise DataError("holds no pictures", file=path, field="images", value="[]", expected="at least one")
        objects = {image_id: ([], [], [], []) for image_id in paths}
        for where, entry in _entries(content, "annotations", path):
            try:
                image_id, box, label = _object(entry, sizes, label_of, path, where)
                area = _area(entry, path, where)
            except DataError as error:
                on_error(error)
                continue
            if box is None:
                left_out.append(f"{path}: {where}: a box without area, {entry['bbox']}")
                continue
            boxes, labels, flags, areas = objects[image_id]
            boxes += box.tolist()
            labels.append(label)
            flags.append((bool(entry.get("iscrowd", 0)), False, False))
            areas.append(area)
        found = {
            image_id: Annotation.of(
                *lists, size=sizes[image_id], file=f"{path}: picture {image_id}", areas=torch.tensor(areas)
            )
            for image_id, (*lists, areas) in objects.items()
        }
        super().__init__(path.stem, names, paths, found, keep_difficult=False, left_out=left_out)
        if left_out:
            warnings.warn(f"{len(left_out)} left out, the first: {left_out[0]}", stacklevel=2)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file whose outermost level is an object.

    Raises:
        DataError: no such file, or not such a JSON.

    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("no such file", file=path, expected="a JSON of COCO's format") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"is not valid JSON ({error})", file=path, expected="a JSON of COCO's format") from None
    if not isinstance(content, dict):
        raise DataError(
            "is not of COCO's format",
            file=path,
            value=type(content).__name__,
            expected="an object with images, annotations and categories",
        )
    return content


def _entries(content: dict[str, Any], name: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects in one of the JSON's lists, each with what to call it."""
    entries = content.get(name)
    if not isinstance(entries, list):
        raise DataError("is not a list", file=path, field=name, value=type(entries).__name__, expected="a list")
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError("is not an object", file=path, field=f"{name}[{place}]", value=entry, expected="{...}")
    return [(f"{name}[{place}]", entry) for place, entry in enumerate(entries)]


def _value(entry: dict[str, Any], name: str, kind: type, path: Path, where: str) -> Any:
    """Return one field of an entry, if it has the right type."""
    value = entry.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        shown = "nothing" if value is None else value
        expected = {int: "a whole number", str: "a text"}.get(kind, "a whole number or a text")
        raise DataError("cannot be", file=path, field=f"{where} {name}", value=shown, expected=expected)
    return value


def _picture(
    entry: dict[str, Any], known: dict[str, Path], folder: Path, path: Path, where: str
) -> tuple[str, Path, tuple[int, int]]:
    """Return the id, the path and the size of a picture's entry."""
    image_id = str(_value(entry, "id", int | str, path, where))
    if image_id in known:
        raise DataError("is used twice", file=path, field=f"{where} id", value=image_id, expected="an id of its own")
    name = _value(entry, "file_name", str, path, where)
    if not name or "\0" in name or not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise DataError(
            "cannot be", file=path, field=f"{where} file_name", value=name, expected="a path below the folder"
        )
    width, height = (_value(entry, side, int, path, where) for side in ("width", "height"))
    return image_id, folder / name, (width, height)


def _object(
    entry: dict[str, Any], sizes: dict[str, tuple[int, int]], label_of: dict[int, int], path: Path, where: str
) -> tuple[str, Tensor | None, int]:
    """Return the picture's id, the box (1, 4) and the label of an object's entry; no box if it has no area."""
    image_id = str(_value(entry, "image_id", int | str, path, where))
    if image_id not in sizes:
        raise DataError(
            "no such picture", file=path, field=f"{where} image_id", value=image_id, expected="an id in images"
        )
    category = _value(entry, "category_id", int, path, where)
    if category not in label_of:
        raise DataError(
            "no such category", file=path, field=f"{where} category_id", value=category, expected="an id in categories"
        )
    box = entry.get("bbox")
    numbers = isinstance(box, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e9 for v in box
    )
    if not numbers or len(box) != 4 or min(box[2:]) < 0:
        raise DataError(
            "cannot be",
            file=path,
            field=f"{where} bbox",
            value="nothing" if box is None else box,
            expected="[left, top, width, height] in pixels",
        )
    left, top, width, height = box
    if width == 0 or height == 0:
        return image_id, None, label_of[category]
    corners = torch.tensor([[left, top, left + width, top + height]], dtype=torch.float32)
    return image_id, fit(corners, sizes[image_id], f"{path}: {where}"), label_of[category]


def _area(entry: dict[str, Any], path: Path, where: str) -> float:
    """Return the area of an object's outline; that of its box where the entry has none."""
    value = entry.get("area")
    if value is None:
        value = entry["bbox"][2] * entry["bbox"][3]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e18:
        raise DataError("cannot be", file=path, field=f"{where} area", value=value, expected="square pixels")
    return float(value)

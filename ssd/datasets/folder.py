"""Your own pictures: a folder of them, and a table with one line for each object."""

import csv
from collections.abc import Callable
from pathlib import Path

from ..errors import DataError
from .pictures import Annotation, LabelledPictures, refuse

COLUMNS = ("picture", "xmin", "ymin", "xmax", "ymax", "class")
"""The table's first line."""


class FolderDetection(LabelledPictures):
    """A folder of pictures and a CSV table of the objects in them.

    The table's first line is `picture,xmin,ymin,xmax,ymax,class`. Each further line is one object: the picture's path
    below the folder, its box in pixels, counted from 0, the right and lower edges exclusive, and its class. A line with
    the picture's name alone says that the picture holds no object. Pictures that the table does not name do not belong
    to the dataset.

    Args:
        folder: the pictures.
        table: the CSV.
        class_names: the classes, in the order of the labels; by default the table's, in alphabetical order.
        on_error: called with what is wrong with a line, which is then left out; by default it is raised.

    Raises:
        DataError: a file is missing or broken, or a line holds a class or box that cannot be.

    """

    def __init__(
        self,
        folder: str | Path,
        table: str | Path,
        class_names: tuple[str, ...] | None = None,
        on_error: Callable[[DataError], None] = refuse,
    ) -> None:
        folder, path = Path(folder), Path(table)
        if not folder.is_dir():
            raise DataError("no such folder", file=folder, expected="pictures")
        rows = read_table(path, on_error)
        names = (
            tuple(class_names) if class_names is not None else tuple(sorted({row["class"] for _, row in rows} - {""}))
        )
        objects: dict[str, tuple[list, list]] = {}
        for line, row in rows:
            try:
                found = _object(row, folder, names, path, f"line {line}")
            except DataError as error:
                on_error(error)
                continue
            boxes, labels = objects.setdefault(row["picture"], ([], []))
            if found is not None:
                boxes.append(found[0])
                labels.append(found[1])
        if not objects:
            raise DataError("names no picture", file=path, expected="a line for each object")
        if not names:
            raise DataError("holds no object", file=path, expected="at least one, to learn from")
        annotations = {
            picture: Annotation.of(*found, size=None, file=f"{path}: {picture}") for picture, found in objects.items()
        }
        super().__init__(
            f"{folder.name} {path.stem}", names, {picture: folder / picture for picture in objects}, annotations
        )


def _object(
    row: dict[str, str], folder: Path, names: tuple[str, ...], path: Path, where: str
) -> tuple[tuple[float, ...], int] | None:
    """Return the box and the label of a line; None where it only names a picture."""
    picture = row["picture"]
    if not picture or "\0" in picture or not (folder / picture).resolve().is_relative_to(folder.resolve()):
        raise DataError(
            "cannot be", file=path, field=f"{where} picture", value=picture, expected="a path below the folder"
        )
    if not any(row[column] for column in COLUMNS[1:]):
        return None
    if row["class"] not in names:
        expected = "one of " + ", ".join(names) if names else "a name"
        raise DataError("unknown class", file=path, field=f"{where} class", value=row["class"], expected=expected)
    return _box(row, path, where), names.index(row["class"]) + 1


def read_table(path: Path, on_error: Callable[[DataError], None] = refuse) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV table of objects: the number of each line, and its fields by column.

    Args:
        path: the table.
        on_error: called with what is wrong with a line, which is then left out; by default it is raised.

    Raises:
        DataError: no such file, or not such a table.

    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            lines = [(reader.line_num, [field.strip() for field in row]) for row in reader]
    except FileNotFoundError:
        raise DataError("no such file", file=path, expected="a CSV table") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"is not a CSV table ({error})", file=path, expected="text in UTF-8") from None
    head = lines[0][1] if lines else []
    if sorted(head) != sorted(COLUMNS):
        raise DataError(
            "has other columns", file=path, field="line 1", value=",".join(head)[:200], expected=",".join(COLUMNS)
        )
    rows = []
    for line, fields in lines[1:]:
        if not any(fields):
            continue
        if len(fields) > len(head) or (len(fields) < len(head) and any(fields[1:])):
            message, field = "has another number of fields", f"line {line}"
            on_error(DataError(message, file=path, field=field, value=len(fields), expected=f"{len(head)}"))
            continue
        rows.append((line, dict(zip(head, fields + [""] * (len(head) - len(fields)), strict=True))))
    return rows


def _box(row: dict[str, str], path: Path, where: str) -> tuple[float, ...]:
    """Return a line's box as numbers."""
    values = []
    for column in COLUMNS[1:5]:
        try:
            value = float(row[column])
        except ValueError:
            value = float("nan")
        if not abs(value) < 1e9:
            raise DataError(
                "is not a number",
                file=path,
                field=f"{where} {column}",
                value=row[column],
                expected="a number of pixels",
            )
        values.append(value)
    xmin, ymin, xmax, ymax = values
    if xmin >= xmax or ymin >= ymax:
        raise DataError(
            "box has no area", file=path, field=where, value=tuple(values), expected="xmin < xmax and ymin < ymax"
        )
    return tuple(values)

"""Files of detections: COCO's results JSON to write and to read, and the text files of the VOC challenges to read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import write_atomically
from ..errors import DataError
from ..sample import Detections

Row = tuple[str, int, list[float], float]
"""A detection: picture, label, box in pixels (xyxy), score."""


LARGEST = 1e30
"""Larger numbers are no scores and no pixels, and soon no float32 either."""


def write_detections(path: str | Path, detections: Mapping[str, Detections], category_ids: Sequence[int]) -> None:
    """Write detections as COCO's tools take them: a JSON list of {image_id, category_id, bbox, score}.

    There is one detection a line. Ids of pictures that are whole numbers, as COCO's are, are written as numbers. What
    `read_detections` reads back is what was written; for boxes within their pictures, to the last bit.

    Args:
        path: the file.
        detections: by picture, in pixels.
        category_ids: what the file is to call labels 1..C; COCO's ids have gaps (`CocoDetection.category_ids`).

    Raises:
        DataError: a label is none of 1..C, or the file cannot be written.

    """
    lines = []
    for image_id, found in detections.items():
        name = int(image_id) if image_id.isdecimal() and str(int(image_id)) == image_id else image_id
        rows = zip(*(t.cpu().tolist() for t in (found.boxes.double(), found.labels, found.scores)), strict=True)
        for (left, top, right, bottom), label, score in rows:
            if not 1 <= label <= len(category_ids):
                where = f"detections of {image_id}, label"
                raise DataError("unknown", field=where, value=label, expected=f"1..{len(category_ids)}")
            box = [left, top, right - left, bottom - top]
            entry = {"image_id": name, "category_id": category_ids[label - 1], "bbox": box, "score": score}
            lines.append(json.dumps(entry))
    write_atomically(Path(path), ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def read_detections(
    path: str | Path,
    image_ids: Sequence[str],
    class_names: Sequence[str],
    category_ids: Sequence[int] | None = None,
) -> dict[str, Detections]:
    """Read detections that this package or another has written.

    Args:
        path: a results JSON of COCO's format; or a folder of the VOC challenges' text files, one for each class, named
            after it at the end (`comp4_det_test_dog.txt`), whose lines are picture, score and corners counted from 1.
        image_ids: the pictures there are.
        class_names: names of labels 1..C.
        category_ids: what the JSON calls them; by default 1..C.

    Returns:
        Detections of every picture, best first; of pictures that nobody mentions, none.

    Raises:
        DataError: a file is missing or broken, or a line names a picture or class that does not exist, a score that
            is no number, or a box that is none.

    """
    path = Path(path)
    if path.is_dir():
        rows = _voc_rows(path, class_names)
    else:
        numbers = category_ids or range(1, len(class_names) + 1)
        rows = _coco_rows(path, {number: label for label, number in enumerate(numbers, start=1)})
    found: dict[str, list[Row]] = {image_id: [] for image_id in image_ids}
    for where, row in rows:
        image_id, _, box, score = row
        if image_id not in found:
            raise DataError("unknown picture", file=where, value=image_id, expected="a picture of the data")
        if not abs(score) < LARGEST:
            raise DataError("is not finite", file=where, field="score", value=score, expected="a number")
        if not all(abs(value) < LARGEST for value in box) or box[2] < box[0] or box[3] < box[1]:
            expected = "corners, the left and upper one first"
            raise DataError("is no box", file=where, field="box", value=box, expected=expected)
        found[image_id].append(row)
    return {image_id: _detections(rows) for image_id, rows in found.items()}


def _detections(rows: list[Row]) -> Detections:
    """Put a picture's detections together, best first."""
    rows = sorted(rows, key=lambda row: -row[3])
    boxes = torch.tensor([box for _, _, box, _ in rows], dtype=torch.float64).reshape(-1, 4).float()
    labels = torch.tensor([label for _, label, _, _ in rows], dtype=torch.int64)
    return Detections(boxes, torch.tensor([score for *_, score in rows], dtype=torch.float32), labels)


def _coco_rows(path: Path, labels: Mapping[int, int]) -> Iterator[tuple[str, Row]]:
    """Yield what a results JSON holds, each with where it stands; the first is entry 1."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("no such file", file=path, expected="a JSON of detections, or a folder of text files") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"is not valid JSON ({error})", file=path, expected="COCO's format of results") from None
    if not isinstance(entries, list):
        raise DataError("is not a list", file=path, value=type(entries).__name__, expected="COCO's format of results")
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: entry {number}"
        if not isinstance(entry, dict):
            raise DataError(
                "is not an object", file=where, value=entry, expected="{image_id, category_id, bbox, score}"
            )
        image_id, category, box, score = (entry.get(key) for key in ("image_id", "category_id", "bbox", "score"))
        if not isinstance(category, int) or isinstance(category, bool) or category not in labels:
            expected = ", ".join(map(str, labels))
            raise DataError("unknown class", file=where, field="category_id", value=category, expected=expected)
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
            raise DataError("cannot be", file=where, field="bbox", value=box, expected="[left, top, width, height]")
        if not _is_number(score):
            raise DataError("cannot be", file=where, field="score", value=score, expected="a number")
        left, top, width, height = map(float, box)
        yield where, (str(image_id), labels[category], [left, top, left + width, top + height], float(score))


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST)


def _voc_rows(folder: Path, class_names: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """Yield the lines of the VOC challenges' text files, each with its file and number."""
    files: dict[str, list[Path]] = {name: [] for name in class_names}
    for path in sorted(path for path in folder.glob("*.txt") if path.is_file()):
        fitting = [name for name in class_names if path.stem == name or path.stem.endswith(f"_{name}")]
        if fitting:
            files[max(fitting, key=len)].append(path)  # traffic_light, not light
    for label, (name, paths) in enumerate(files.items(), start=1):
        if len(paths) != 1:
            value = ", ".join(path.name for path in paths) or "none"
            raise DataError(
                "must be one file", file=folder, field=f"class {name}", value=value, expected=f"*_{name}.txt"
            )
        for number, line in enumerate(paths[0].read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            where, fields = f"{paths[0]}: line {number}", line.split()
            if not fields:
                continue
            try:
                image_id, (score, left, top, right, bottom) = fields[0], map(float, fields[1:])
            except ValueError:
                expected = "picture, score, xmin, ymin, xmax, ymax"
                raise DataError("cannot be read", file=where, value=line, expected=expected) from None
            yield where, (image_id, label, [left - 1, top - 1, right, bottom], score)

"""A report of a diagnosis: a page with charts, tables and the worst errors as pictures, in a folder of its own."""

import html
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .charts import error_kinds, false_kinds, missed, sensitivity
from .checkpoint import write_atomically
from .datasets import LabelledPictures
from .draw import PALETTE, annotate, contact_sheet
from .images import png
from .metrics.diagnosis import CHARACTERISTICS, GROUPS, KINDS, REASONS, Diagnosis
from .records import write_record
from .sample import Detections

WORST = 12
"""Pictures of each kind of error."""

STYLE = """
:root { color-scheme: light dark; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
img { max-width: 100%; height: auto; background: white; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #8884; }
td:first-child, th:first-child { text-align: left; }
"""


def write_report(
    diagnosis: Diagnosis,
    detections: Mapping[str, Detections],
    dataset: LabelledPictures,
    out: str | Path,
    about: Mapping[str, object],
) -> Path:
    """Write the report of a diagnosis.

    Args:
        diagnosis: of `ssd.metrics.diagnose`.
        detections: by picture, what was diagnosed.
        dataset: the pictures.
        out: the folder; receives index.html, the pictures that it shows, and diagnosis.json.
        about: what the record is to say besides: weights or file of detections, date, machine.

    Returns:
        Path of the page.

    Raises:
        DataError: a picture cannot be read.

    """
    from matplotlib.figure import Figure

    out = Path(out)
    record = {**about, **diagnosis.record()}
    pictures: list[tuple[str, str, Image.Image | Figure]] = []

    groups = {name: members for name, members in GROUPS.items() if set(members) & set(record["classes"])}
    groups = groups or {"all classes": tuple(record["classes"])}
    figure = Figure(figsize=(4.2 * len(groups) + 1, 6.5), layout="constrained", dpi=100)
    for column, (name, members) in enumerate(groups.items()):
        last = column == len(groups) - 1
        upper, lower = (figure.add_subplot(2, len(groups), column + 1 + row * len(groups)) for row in (0, 1))
        error_kinds(upper, record, members, legend=last)
        upper.set_title(name)
        false_kinds(lower, record, members, legend=last)
    pictures.append(("kinds", "What the best detections are, and the false ones (figure 3 of the paper)", figure))

    telling = [name for name in CHARACTERISTICS if _differ(record, name)]
    if telling:
        figure = Figure(figsize=(2.6 * len(telling), 3), layout="constrained", dpi=100)
        for axes, characteristic in zip(figure.subplots(1, len(telling), squeeze=False).flat, telling, strict=True):
            sensitivity(axes, record, characteristic)
        pictures.append(("sensitivity", "Which objects are hard: grey the classes, red their mean (figure 4)", figure))

    figure = Figure(figsize=(8, 5), layout="constrained", dpi=100)
    missed(figure.subplots(), record)
    pictures.append(("missed", "How many objects are missed, and why", figure))
    for kind in KINDS[1:]:
        worst = worst_errors(diagnosis, detections, dataset, kind)
        if worst:
            sheet = contact_sheet(worst, columns=4, cell=(240, 180))
            pictures.append((kind, f"The surest errors of the kind: {kind}", sheet))
    write_record(out / "diagnosis.json", record)
    sections = []
    for name, caption, picture in pictures:
        write_atomically(out / f"{name}.png", png(picture))
        sections.append(f'<h2>{html.escape(caption)}</h2>\n<img src="{name}.png" alt="{html.escape(caption)}">')
    whose = about.get("weights") or about.get("detections") or "detections"
    title = html.escape(f"Diagnosis of {whose} on {dataset.name}")
    page = "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            *sections,
            "<h2>The classes</h2>",
            _table(record),
            "</body></html>\n",
        ]
    )
    write_atomically(out / "index.html", page.encode())
    return out / "index.html"


def worst_errors(
    diagnosis: Diagnosis,
    detections: Mapping[str, Detections],
    dataset: LabelledPictures,
    kind: str,
    count: int = WORST,
) -> list[Image.Image]:
    """Return pictures of the false detections with the highest scores, one kind of error, at most one a picture.

    The detection is drawn in a solid line with class and score, the objects that it may have meant are drawn in green.
    """
    number = KINDS.index(kind)
    rows = np.sort(np.concatenate([one.matches[one.kinds == number] for one in diagnosis.classes.values()]))
    places = {image_id: place for place, image_id in enumerate(dataset.image_ids)}
    shown: dict[str, Image.Image] = {}
    for row in rows.tolist():
        image_id = diagnosis.image_ids[diagnosis.matches.pictures[row]]
        if image_id in shown:
            continue
        found, truth = detections[image_id], dataset.ground_truth()[image_id]
        one = int(diagnosis.matches.rows[row])
        names = dataset.class_names
        captions = [names[label - 1] for label in truth.labels.tolist()]
        captions.append(f"{names[int(found.labels[one]) - 1]} {float(found.scores[one]):.2f}")
        boxes = torch.cat([truth.boxes, found.boxes[one : one + 1].cpu()])
        colours = [PALETTE[2]] * len(truth.labels) + [PALETTE[3]]
        shown[image_id] = annotate(dataset[places[image_id]].image, boxes, captions, colours)
        if len(shown) == count:
            break
    return list(shown.values())


def _differ(record: Mapping, characteristic: str) -> bool:
    """Say whether objects differ in a characteristic at all; VOC2007, for one, does not tell what is occluded."""
    tables = [one["sensitivity"][characteristic] for one in record["classes"].values()]
    return sum(any(table[level][1] for table in tables) for level in CHARACTERISTICS[characteristic]) > 1


def _table(record: Mapping) -> str:
    """Return the classes as an HTML table."""
    head = ("class", "objects", "normalised AP", *KINDS, *(f"missed: {reason}" for reason in REASONS))
    place = record["multiples"].index(1)
    rows = []
    for name, one in record["classes"].items():
        shares = ("" if value is None else f"{value:.0%}" for value in one["shares"][place])
        cells = (name, one["objects"], f"{one['normalised_ap']:.3f}", *shares, *one["missed"].values())
        rows.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>")
    heads = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    note = "<p>Kinds are shares of the best N detections, N being the number of objects.</p>"
    return f"<table><tr>{heads}</tr>\n" + "\n".join(rows) + f"</table>\n{note}"

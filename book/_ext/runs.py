"""When, where and in what time the chapters were run: a line at the foot of each, and the table of the status page."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "data" / "results"
RECORD = RESULTS / "notebooks.json"


def read_record() -> dict[str, dict]:
    """Return what `make notebooks` has written, by chapter."""
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}


def day(text: str) -> str:
    """Write a date as in a letter."""
    at = date.fromisoformat(text)
    return f"{at.day} {at:%B %Y}"


def machine(entry: dict) -> str:
    """Say what something ran on."""
    threads, name = entry["machine"]["threads"], entry["machine"]["gpu"] or entry["machine"]["processor"]
    return f"{threads} thread{'s' * (threads != 1)} of {name}" if not entry["machine"]["gpu"] else name


def add_line(app: Sphinx, doctree: nodes.document) -> None:
    """Put the line at the foot of a chapter."""
    name = app.env.docname
    path = Path(app.env.doc2path(name))
    if path.suffix != ".ipynb":
        return
    app.env.note_dependency(str(RECORD))
    entry = read_record().get(path.stem)
    if entry is None:
        logging.getLogger(__name__).warning("was never run by `make notebooks`", location=name)
        return
    versions = entry["versions"]
    text = (
        f"Run on {day(entry['date'])} in {entry['seconds']:.0f} seconds: {machine(entry)}, "
        f"Python {versions['python']}, torch {versions['torch']}, torchvision {versions['torchvision']}. "
    )
    line = nodes.paragraph("", text, classes=["run-time"])
    line += nodes.reference("", "All chapters", refuri="../reference/g_status.html", internal=True)
    section = next(doctree.findall(nodes.section), doctree)
    section += line


def chapters() -> list[tuple[str, ...]]:
    """Return the table of the chapters' runs."""
    rows = [("chapter", "seconds", "date", "on", "Python", "torch")]
    for stem, entry in read_record().items():
        versions = entry["versions"]
        on = day(entry["date"]), machine(entry), versions["python"], versions["torch"]
        rows.append((f"[](../chapters/{stem}.ipynb)", f"{entry['seconds']:.0f}", *on))
    return rows


def records() -> list[tuple[str, ...]]:
    """Return the table of the other records."""
    rows = [("record", "made by", "date", "on", "commit")]
    for path in sorted(RESULTS.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if path != RECORD and "command" in record:
            on = day(record["date"]), machine(record), f"`{record['commit'] or '?'}`"
            rows.append((f"`{path.name}`", f"`{record['command']}`", *on))
    return rows


class Runs(SphinxDirective):
    """A table of what was run when and on what: `chapters`, or the `records` in data/results."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        for path in RESULTS.glob("*.json"):
            self.env.note_dependency(str(path))
        head, *rows = {"chapters": chapters, "records": records}[self.arguments[0]]()
        lines = ["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)]
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, holder)
        return holder.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the line; called by Sphinx."""
    app.add_directive("runs", Runs)
    app.connect("doctree-read", add_line)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

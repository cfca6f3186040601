"""A line that leads to the book as a PDF, where `make pdf` has printed one: the directive `printed`."""

from datetime import date
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PDF = Path(__file__).resolve().parents[2] / "build" / "site" / "single-shot.pdf"


class Printed(SphinxDirective):
    """The line, or nothing."""

    def run(self) -> list[nodes.Node]:
        """Return the line with the size of the file and the day it was printed; no line if there is no file."""
        self.env.note_dependency(str(PDF))
        if not PDF.is_file():
            return []
        about = PDF.stat()
        day = date.fromtimestamp(about.st_mtime)
        address = "../" * self.env.docname.count("/") + PDF.name
        line = nodes.paragraph("", "Or on paper: ", classes=["printed"])
        line += nodes.reference("", "the whole book as a PDF", refuri=address, internal=True)
        line += nodes.Text(f", {about.st_size / 1e6:.0f} MB, printed on {day.day} {day:%B %Y}.")
        return [line]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive; called by Sphinx."""
    app.add_directive("printed", Printed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The live detector's script and style go to the pages that hold it, and to no others."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

FILES = ("_static/live.js", "_static/live.css")


def keep_away(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Take the files, which Jupyter Book gives to every page, from a page without the element."""
    if 'class="ssd-live"' not in context.get("body", ""):
        for kind in ("script_files", "css_files"):
            context[kind] = [file for file in context[kind] if getattr(file, "filename", file) not in FILES]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect; called by Sphinx."""
    app.connect("html-page-context", keep_away)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

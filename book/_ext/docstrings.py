"""Repair of what napoleon does to constants: the first line of their docstrings is prose, not `type: description`."""

from typing import Any

from sphinx.application import Sphinx


def shield_first_line(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Put an empty comment before the docstring of a constant; napoleon looks for a type in the first line only."""
    if what in ("data", "attribute", "property"):
        lines[:0] = ["..", ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Run before napoleon, whose priority is 500; called by Sphinx."""
    app.connect("autodoc-process-docstring", shield_first_line, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""What the libraries that make the pages leave undone for readers who listen, or use the keyboard alone."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

PARAMETERS = re.compile(r"<dl>\n((?:<dd>.*</dd>\n)+)</dl>")
"""Sphinx writes the parameters of a signature as descriptions without terms."""


def mend(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Change what a page's body says of itself; nothing that is seen changes."""
    body = context.get("body")
    if not body:
        return
    # What folds is called as it reads; the text names what is in it.
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    body = PARAMETERS.sub(lambda found: f'<span class="parameters">\n{as_spans(found[1])}</span>', body)
    body = body.replace(' role="list" class="citation-list"', ' class="citation-list"')
    context["body"] = body.replace(' role="doc-biblioentry"', "")


def as_spans(descriptions: str) -> str:
    """Write descriptions as spans."""
    return descriptions.replace("<dd>", "<span>").replace("</dd>", "</span>")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect; called by Sphinx."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

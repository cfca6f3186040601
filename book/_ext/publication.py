"""What a page says about the place it is published at, derived from the one setting `book_repository`."""

import re
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinxext import opengraph


def public_address(repository: str) -> str:
    """Address at which GitHub Pages serves the repository `owner/name`."""
    owner, name = repository.split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def announce(app: Sphinx, config: Config) -> None:
    """Add the repository button, the launch button and the public address, if there is a repository."""
    repository = config.book_repository
    if not repository:
        return
    config.html_baseurl = config.ogp_site_url = public_address(repository)
    config.ogp_site_name = config.project
    config.ogp_social_cards = {
        "image": "images/card.png",
        "image_mini": "images/logo.png",
        "background_color": "#fdfcfa",
        "line_color": "#d55e00",
        "description_max_length": 240,
    }
    config.html_theme_options |= {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": "notebooks",  # holds the notebooks with the address filled in, see book/publish.py
        "path_to_docs": "book",
        "use_repository_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }


def anchor(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Let the page for unknown addresses, which is served at any depth, find its files."""
    if name == "404" and app.config.html_baseurl:
        context["metatags"] = f'<base href="{app.config.html_baseurl}">' + context.get("metatags", "")


def goal(doctree: nodes.document) -> str:
    """Return what one can do after reading a chapter; empty for a page that does not say so."""
    for item in doctree.findall(nodes.definition_list_item):
        if item[0].astext() == "You will be able to":
            return " ".join(f"You will be able to {item[1].astext()}".split())
    return ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the setting; called by Sphinx."""
    app.add_config_value("book_repository", "", "html", types=(str,))
    repository = app.config.book_repository
    if repository:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise ConfigError(f"book_repository: expected owner/name, got {repository!r}")
        app.setup_extension("sphinxext.opengraph")
        first_words = opengraph.get_description
        # A link to a chapter, and its card, say its goal; opengraph has no setting for that.
        opengraph.get_description = lambda doctree, *others: escape(goal(doctree)) or first_words(doctree, *others)
    # Before the theme reads its options.
    app.connect("config-inited", announce, priority=100)
    app.connect("html-page-context", anchor)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Fill in the address the book is published at: `python book/publish.py OWNER/NAME`.

In git the address is empty, so that a copy of the book points nowhere by accident. The workflow that publishes the
site runs this in its own working copy before building; the notebooks it changes go to the branch `notebooks`, which
the launch buttons open.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIRST_CELL = (ROOT / "book" / "first_cell.py").read_text(encoding="utf-8").rstrip("\n")
ADDRESS_LINE = 'REPOSITORY = ""'
CONFIG_LINE = re.compile(r'^( +book_repository: )""$', re.MULTILINE)


def first_cell(repository: str) -> str:
    """Source of the first code cell of every notebook, for the public repository `owner/name`."""
    return FIRST_CELL.replace(ADDRESS_LINE, f'REPOSITORY = "{repository}"', 1)


def fill_config(text: str, repository: str) -> str:
    """Text of `_config.yml` with the repository filled in; ValueError unless the empty setting stands there once."""
    filled, count = CONFIG_LINE.subn(rf'\g<1>"{repository}"', text)
    if count != 1:
        raise ValueError(f'_config.yml: expected the line `book_repository: ""` once, found it {count} times')
    return filled


def fill_notebook(text: str, repository: str, name: str) -> str:
    """JSON text of a notebook with the repository filled in; ValueError unless the empty address stands there once.

    The text is changed, not parsed and written again, so that nothing else in the file can move.
    """
    empty, filled = (json.dumps(line)[1:-1] for line in (ADDRESS_LINE, f'REPOSITORY = "{repository}"'))
    count = text.count(empty)
    if count != 1:
        raise ValueError(f"{name}: expected {ADDRESS_LINE} once, found it {count} times")
    return text.replace(empty, filled)


def publish(root: Path, repository: str) -> list[Path]:
    """Fill in `owner/name` everywhere below `root`; returns the files changed. Changes all of them or none."""
    if not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", repository):
        raise ValueError(f"expected OWNER/NAME, got {repository!r}")
    config = root / "_config.yml"
    changed = {config: fill_config(config.read_text(encoding="utf-8"), repository)}
    for notebook in sorted((root / "book" / "chapters").glob("*.ipynb")):
        changed[notebook] = fill_notebook(notebook.read_text(encoding="utf-8"), repository, notebook.name)
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return list(changed)


def main() -> None:
    """Read the command line, change the files, say which."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", metavar="OWNER/NAME")
    try:
        changed = publish(ROOT, parser.parse_args().repository)
    except ValueError as error:
        sys.exit(f"publish: {error}")
    for path in changed:
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

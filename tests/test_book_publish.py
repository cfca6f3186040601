"""Publishing fills in the address of the repository, and nothing else."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def load(path: Path, name: str):
    """Import a file of the book that is in no package."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


publish = load(ROOT / "book" / "publish.py", "publish")
publication = load(ROOT / "book" / "_ext" / "publication.py", "publication")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Every text of the book that publishing may touch, and some that it may not."""
    ignore = shutil.ignore_patterns("_build", "__pycache__")
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=ignore)
    for name in ("_config.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def files(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_address_is_empty_in_git():
    assert '    book_repository: ""\n' in (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert publish.ADDRESS_LINE in publish.FIRST_CELL


def test_one_line_changes_in_the_settings_and_in_each_notebook(copy):
    before = files(copy)
    changed = {path.relative_to(copy) for path in publish.publish(copy, "somebody/single.shot")}
    after = files(copy)
    assert {path for path in before if before[path] != after[path]} == changed
    assert after.keys() == before.keys()
    assert changed == {Path("_config.yml")} | {path for path in before if path.suffix == ".ipynb"}
    for path in changed:
        pairs = zip(before[path].splitlines(), after[path].splitlines(), strict=True)
        different = [pair for pair in pairs if pair[0] != pair[1]]
        assert len(different) == 1, path
        assert different[0][1].replace(b"somebody/single.shot", b"") == different[0][0]


def test_notebooks_start_with_the_filled_cell(copy):
    publish.publish(copy, "somebody/book")
    for path in (copy / "book" / "chapters").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        first = next(cell for cell in cells if cell["cell_type"] == "code")
        assert "".join(first["source"]) == publish.first_cell("somebody/book")


def test_filled_cell_differs_in_the_address_alone():
    statements = ast.parse(publish.first_cell("somebody/book")).body
    assert "REPOSITORY = 'somebody/book'" in [ast.unparse(statement) for statement in statements]
    assert publish.first_cell("somebody/book").replace("somebody/book", "") == publish.FIRST_CELL


@pytest.mark.parametrize("address", ["", "somebody", "https://example.org/a/b", 'a/b"', "a/b/c", "a b/c"])
def test_what_is_no_address_changes_nothing(copy, address):
    before = files(copy)
    with pytest.raises(ValueError, match="expected OWNER/NAME"):
        publish.publish(copy, address)
    assert files(copy) == before


def test_publishing_twice_is_refused_and_changes_nothing(copy):
    publish.publish(copy, "somebody/book")
    before = files(copy)
    with pytest.raises(ValueError, match="expected the line"):
        publish.publish(copy, "else/where")
    assert files(copy) == before


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("Somebody/single-shot", "https://somebody.github.io/single-shot/"),
        ("somebody/Somebody.github.io", "https://somebody.github.io/"),
    ],
)
def test_public_address_is_where_pages_are_served(repository, address):
    assert publication.public_address(repository) == address


def test_a_published_page_says_what_its_chapter_teaches(tmp_path):
    facts = "You will be able to\n: take *any* box\n  & turn it.\n\nThe paper\n: Section 2\n"
    (tmp_path / "index.md").write_text(f"# Boxes\n\n{facts}\nText.\n\n```{{toctree}}\nplain\n```\n", encoding="utf-8")
    (tmp_path / "plain.md").write_text("# Plain\n\nThe first words.\n", encoding="utf-8")
    (tmp_path / "images").mkdir()
    for name in ("card.png", "logo.png"):
        shutil.copy(ROOT / "book" / "images" / name, tmp_path / "images")
    settings = {
        "extensions": ["myst_parser", "publication"],
        "myst_enable_extensions": ["deflist"],
        "html_theme": "sphinx_book_theme",
        "project": "Single Shot",
        "book_repository": "somebody/book",
    }
    (tmp_path / "conf.py").write_text("".join(f"{key} = {value!r}\n" for key, value in settings.items()))
    site = tmp_path / "site"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(tmp_path), str(site)]
    paths = os.pathsep.join([str(ROOT / "book" / "_ext"), os.environ.get("PYTHONPATH", "")])
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": paths})
    for name, words in (
        ("index", "You will be able to take any box &amp; turn it."),
        ("plain", "The first words."),
    ):
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        told = dict(re.findall(r'<meta (?:name|property)="([^"]*)" content="([^"]*)"', page))
        assert told["description"] == told["og:description"] == told["og:image:alt"] == words
        card = told["og:image"].removeprefix("https://somebody.github.io/book/")
        assert (site / card).is_file(), card


def first_cell_run(folder: Path, *before: str) -> subprocess.CompletedProcess:
    code = "\n".join([*before, publish.FIRST_CELL, "assert (ROOT / 'book' / 'first_cell.py').is_file()"])
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_first_cell_is_silent_and_finds_the_root_from_anywhere(tmp_path):
    run = first_cell_run(tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_first_cell_says_what_to_do_without_the_package(tmp_path):
    hide = "import importlib.util; find = importlib.util.find_spec; importlib.util.find_spec = lambda name: None"
    run = first_cell_run(tmp_path, hide)
    assert run.returncode == 1
    assert "pip install -e '.[export]'" in run.stderr.splitlines()[-1]


def test_first_cell_fetches_and_installs_when_the_address_is_known(tmp_path, monkeypatch):
    calls = []
    clone = tmp_path / "single-shot"

    class FoundLater:
        """`find_spec` of a Python that lacks the package until the clone is on its path."""

        origin = str(clone / "ssd" / "__init__.py")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append([str(word) for word in command]))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: FoundLater if str(clone) in sys.path else None)
    names = {}
    exec(publish.first_cell("somebody/book"), names)
    assert [call[0] for call in calls] == ["git", sys.executable]
    assert calls[0][-2:] == ["https://github.com/somebody/book", str(clone)]
    assert names["ROOT"] == clone
    assert calls[1][-1] == f"{clone}[export]"


@pytest.mark.parametrize("path", sorted((ROOT / "book" / "chapters").glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_a_chapter_imports_comes_with_what_its_first_cell_installs(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["export"]
    named = {re.match(r"[\w-]+", requirement)[0] for requirement in asked}
    modules = {"scikit-image": "skimage", "pillow": "PIL"}
    there = {modules.get(name, name) for name in named} | {"ssd", "IPython"} | set(sys.stdlib_module_names)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    imported = set()
    for cell in cells:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    imported.add(node.module.split(".")[0])
    assert imported - there == set()

"""The sources of the book: notebooks are stored as they ran, the contents are complete, citations lead somewhere."""

import ast
import base64
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
NOTEBOOKS = sorted((BOOK / "chapters").glob("*.ipynb"))
PAGES = [path for folder in (BOOK, BOOK / "chapters", BOOK / "reference") for path in sorted(folder.glob("*.md"))]

TAGS = {"hide-cell", "hide-input", "hide-output", "remove-input", "full-width", "nbval-ignore-output"}
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|Users|private|mnt|opt|content)/|\b[A-Z]:\\")
PROGRESS_BAR = re.compile(r"\d(?:it|s)/(?:s|it)\b|█|\d%\|")
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict) -> str:
    return "".join(cell["source"])


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def outputs(path: Path) -> list[dict]:
    return [output for cell in code_cells(path) for output in cell["outputs"]]


def texts(output: dict) -> list[str]:
    """Everything readable in an output; pictures left out."""
    parts = [output.get("text", "")]
    parts += [part for mime, part in output.get("data", {}).items() if not mime.startswith("image/")]
    return ["".join(part) if isinstance(part, list) else str(part) for part in parts]


def must_show(code: str) -> bool:
    """Whether the text of a cell alone says that it shows something: it prints, or ends in a value."""
    statements = ast.parse(re.sub(r"^\s*[%!].*$", "pass", code, flags=re.MULTILINE)).body
    calls = [s.value for s in statements if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    if any(ast.unparse(call.func) in ("print", "display", "plt.show") for call in calls):
        return True
    last = statements[-1] if statements else None
    if not isinstance(last, ast.Expr) or code.rstrip().endswith(";"):
        return False
    return not isinstance(last.value, ast.Call | ast.Constant)


@each_notebook
def test_cells_were_run_once_from_top_to_bottom(path):
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_the_record_is_of_the_code_that_is_there(path):
    record = json.loads((ROOT / "data" / "results" / "notebooks.json").read_text(encoding="utf-8"))
    code = "\0".join(source(cell) for cell in code_cells(path))
    assert record[path.stem]["code"] == sha256(code.encode()).hexdigest()[:16], "changed, and not run: make notebooks"


def test_the_record_is_of_chapters_alone():
    record = json.loads((ROOT / "data" / "results" / "notebooks.json").read_text(encoding="utf-8"))
    assert sorted(record) == [path.stem for path in NOTEBOOKS]


@each_notebook
def test_a_cell_that_shows_something_has_it_stored(path):
    silent = [source(cell) for cell in code_cells(path) if must_show(source(cell)) and not cell["outputs"]]
    assert not silent


@pytest.mark.parametrize(
    ("code", "shows"),
    [("x = 1", False), ("x", True), ("print(x)\ny = 2", True), ("x + 1;", False), ("%timeit x\nx", True), ("", False)],
)
def test_what_a_cell_shows_is_read_from_its_text(code, shows):
    assert must_show(code) is shows


@each_notebook
def test_no_error_and_no_warning_is_stored(path):
    assert not [output for output in outputs(path) if output["output_type"] == "error"]
    assert not [output["text"] for output in outputs(path) if output.get("name") == "stderr"]


@each_notebook
def test_nothing_tells_which_machine_it_ran_on(path):
    cells = read(path)["cells"]
    parts = [source(cell) for cell in cells] + [text for output in outputs(path) for text in texts(output)]
    assert not [part for part in parts if MACHINE_PATH.search(part) or str(ROOT) in part]


@each_notebook
def test_no_times_of_execution_are_stored(path):
    assert not [cell for cell in read(path)["cells"] if "execution" in cell["metadata"]]


@each_notebook
def test_no_widget_and_no_progress_bar_is_stored(path):
    assert not [mime for output in outputs(path) for mime in output.get("data", {}) if "widget" in mime]
    assert "widgets" not in read(path)["metadata"]
    assert not [text for output in outputs(path) for text in texts(output) if PROGRESS_BAR.search(text)]


@each_notebook
def test_figures_that_move_leave_their_script_to_the_page(path):
    assert not [text for output in outputs(path) for text in texts(output) if "data-copy" in text]


@each_notebook
def test_pictures_are_small_enough_to_read_on_a_telephone(path):
    pictures = [p for o in outputs(path) for mime, p in o.get("data", {}).items() if re.match("image/(png|jpeg)", mime)]
    assert all(len(base64.b64decode("".join(picture))) < 300_000 for picture in pictures)
    assert path.stat().st_size < 1_500_000


@each_notebook
def test_first_cell_makes_the_notebook_work_when_opened_alone(path):
    expected = (BOOK / "first_cell.py").read_text(encoding="utf-8").rstrip("\n")
    found = re.sub(r'^REPOSITORY = "[^"]*"', 'REPOSITORY = ""', source(code_cells(path)[0]), flags=re.MULTILINE)
    assert found == expected
    assert code_cells(path)[0]["metadata"].get("tags") == ["hide-cell"]
    assert not code_cells(path)[0]["outputs"]


@each_notebook
def test_tags_are_those_the_site_knows(path):
    assert {tag for cell in read(path)["cells"] for tag in cell["metadata"].get("tags", [])} <= TAGS


@each_notebook
def test_kernel_is_the_one_everybody_has(path):
    kernel = read(path)["metadata"]["kernelspec"]
    assert (kernel["name"], kernel["language"]) == ("python3", "python")


@each_notebook
def test_pictures_have_a_description(path):
    def described(cell: dict) -> bool:
        shown = any(mime.startswith("image/") for output in cell["outputs"] for mime in output.get("data", {}))
        return not shown or cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "").strip() != ""

    assert not [source(cell) for cell in code_cells(path) if not described(cell)]


def contents() -> list[str]:
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"]] + [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]


def test_contents_name_every_page_once():
    pages = [path for path in PAGES if "orphan: true" not in path.read_text(encoding="utf-8")]
    pages = sorted(path.relative_to(BOOK).with_suffix("").as_posix() for path in [*pages, *NOTEBOOKS])
    assert sorted(contents()) == pages


def test_chapters_stand_in_the_order_of_their_numbers():
    numbers = [int(name.split("/")[1][:2]) for name in contents() if name.startswith("chapters/")]
    assert numbers == list(range(1, 18))


def test_every_test_named_on_a_page_exists():
    named = {name for path in PAGES for name in re.findall(r"\btest_\w+\.py\b", path.read_text(encoding="utf-8"))}
    assert not [name for name in sorted(named) if not (ROOT / "tests" / name).is_file()]


REFERENCES = (
    *("yolo", "multibox", "multibox2", "fpn", "rcnn", "fastrcnn", "fasterrcnn", "sppnet", "selectivesearch"),
    *("dpm", "overfeat", "deeplab", "atrous", "vgg", "alexnet", "howard", "googlenet", "inceptionv3", "batchnorm"),
    *("resnet", "fcn", "hypercolumns", "parsenet", "ion", "emerge", "pedestrians", "hoiem", "imagenet", "voc"),
    *("coco", "caffe", "glorot", "adagrad"),
)
"""The works that the paper cites, and those it should be read beside."""


def test_what_the_paper_stands_on_is_in_the_bibliography_and_every_entry_can_be_found():
    entries = parse_file(BOOK / "references.bib").entries
    assert len(REFERENCES) == 33
    assert set(REFERENCES) <= set(entries)
    assert [key for key, entry in entries.items() if not {"doi", "eprint", "url"} & set(entry.fields)] == []


def test_every_citation_is_in_the_bibliography_and_every_work_in_it_is_cited():
    prose = [path.read_text(encoding="utf-8") for path in PAGES]
    prose += [source(cell) for path in NOTEBOOKS for cell in read(path)["cells"] if cell["cell_type"] == "markdown"]
    cited = {key.strip() for text in prose for keys in CITATION.findall(text) for key in keys.split(",")}
    assert cited == set(parse_file(BOOK / "references.bib").entries)


def test_every_work_can_be_found():
    venue = {"article": "journal", "inproceedings": "booktitle", "incollection": "booktitle", "misc": "eprint"}
    for key, entry in parse_file(BOOK / "references.bib").entries.items():
        missing = {"title", "year", venue[entry.type]} - set(entry.fields)
        assert not missing, f"{key}: {missing}"
        assert entry.persons.get("author"), key
        assert {"doi", "eprint", "url"} & set(entry.fields), f"{key}: no doi, eprint or url"

"""Run chapters in place, and write down how long each took and on what: `make notebooks`.

The record, data/results/notebooks.json, is what the foot of each chapter and the page "Status" show. It also holds a
digest of the code that was run, so that a test can tell when a chapter was changed and not run again.
"""

import base64
import hashlib
import io
import json
import re
import sys
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient
from PIL import Image

from ssd.records import describe_run, write_record

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "data" / "results" / "notebooks.json"
COPY = re.compile(r"<(script|style) data-copy>.*?</\1>\n", re.DOTALL)
"""What `ssd.draw.interactive` adds for a notebook run by itself. The pages load script and style from their files."""


def digest(notebook: nbformat.NotebookNode) -> str:
    """Return a digest of the code cells' text; prose may change without another run."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def in_256_colours(png: str) -> str:
    """Return a picture, both in base64, with a palette: a quarter of the bytes, and no difference to the eye."""
    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def make_small(notebook: nbformat.NotebookNode) -> None:
    """Take out of the outputs what a page of the book does not need."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        data = output.get("data", {})
        if "text/html" in data:
            data["text/html"] = COPY.sub("", data["text/html"])
        if "image/png" in data:
            data["image/png"] = in_256_colours(data["image/png"])


def execute(path: Path) -> dict:
    """Run a notebook from top to bottom, store its outputs, and return what the record says of it."""
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    start = perf_counter()
    NotebookClient(notebook, timeout=600, record_timing=False, coalesce_streams=True, resources=folder).execute()
    seconds = perf_counter() - start
    make_small(notebook)
    nbformat.write(notebook, path)
    said = describe_run()
    kept = {key: said[key] for key in ("date", "machine", "versions")}
    return {"seconds": round(seconds, 1), "code": digest(notebook), **kept}


def main(paths: list[str]) -> None:
    """Run the notebooks that are named; the record keeps what it knows of the others."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    for path in map(Path, paths):
        record[path.stem] = execute(path)
        write_record(RECORD, dict(sorted(record.items())))
        print(f"{path.stem}: {record[path.stem]['seconds']} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

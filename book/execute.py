"""Run chapters in place, and write down how long each took and on what: `make notebooks`.

The record, data/results/notebooks.json, is what the foot of each chapter and the page "Status" show. It also holds a
digest of the code that was run, so that a test can tell when a chapter was changed and not run again.
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient

from ssd.records import describe_run, write_record

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "data" / "results" / "notebooks.json"
COPY = re.compile(r"<(script|style) data-copy>.*?</\1>\n", re.DOTALL)
"""What `ssd.draw.interactive` adds for a notebook run by itself. The pages load script and style from their files."""


def digest(notebook: nbformat.NotebookNode) -> str:
    """Return a digest of the code cells' text; prose may change without another run."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def execute(path: Path) -> dict:
    """Run a notebook from top to bottom, store its outputs, and return what the record says of it."""
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    start = perf_counter()
    NotebookClient(notebook, timeout=600, record_timing=False, coalesce_streams=True, resources=folder).execute()
    seconds = perf_counter() - start
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "text/html" in output.get("data", {}):
            output["data"]["text/html"] = COPY.sub("", output["data"]["text/html"])
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

"""Records of measured runs: JSON files that say what was measured, on what machine, with which versions."""

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import PIL
import torch
import torchvision

from .checkpoint import write_atomically


def describe_run() -> dict[str, Any]:
    """Return what a figure depends on besides the code: date, command, commit, machine, versions."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": " ".join(["python -m ssd", *sys.argv[1:]]),
        "commit": _commit(),
        "machine": {
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "system": platform.system(),
        },
        "versions": {
            "python": platform.python_version(),
            **{module.__name__: module.__version__ for module in (torch, torchvision, numpy, PIL)},
        },
    }


def write_record(path: str | Path, record: dict[str, Any]) -> None:
    """Write a record as indented JSON, atomically."""
    write_atomically(Path(path), (json.dumps(record, indent=1) + "\n").encode())


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    """Return the commit of the package that runs, marked where it has changed since; None outside a repository."""

    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return None

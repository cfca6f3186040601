# Opened alone, in Colab say? This cell then fetches the book's code and data. Otherwise it only looks where they are.
import importlib.util
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""  # owner/name; filled in when the book is published

if importlib.util.find_spec("ssd") is None:
    if not REPOSITORY:
        raise ModuleNotFoundError("The package ssd is missing. Where README.md is, run: pip install -e '.[export]'")
    clone = Path("single-shot").resolve()
    if not clone.exists():
        address = f"https://github.com/{REPOSITORY}"
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", address, clone], check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-e", f"{clone}[export]"], check=True)
    sys.path.insert(0, str(clone))  # this Python was running before the package was installed

ROOT = Path(importlib.util.find_spec("ssd").origin).parents[1]

"""Checkpoints that survive anything: written beside, forced to disk, then renamed; the last two are kept."""

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from .errors import CheckpointError

KEEP = 2
"""Checkpoints kept in a run's folder: if the newest is damaged, one older is there."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that, whatever happens, `path` holds either what it held before or all of `data`.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written; what was there before is untouched.

    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Make a folder if it is missing, and see that files can be written there, before much time is spent for them.

    Raises:
        CheckpointError: they cannot.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from None


def cannot_write(path: Path, error: OSError) -> CheckpointError:
    """Return the error that says that a file or folder cannot be written, and why."""
    return CheckpointError(f"cannot be written ({error.strerror})", file=path, expected="a writable folder with room")


def save_checkpoint(folder: Path, iteration: int, state: dict[str, Any]) -> Path:
    """Save a training state as folder/checkpoint-{iteration}.pt and remove all but the last two, whole ones.

    Args:
        folder: the run's folder.
        iteration: iterations done so far.
        state: tensors, numbers, strings, and lists and dicts of them.

    """
    buffer = io.BytesIO()
    torch.save({**state, "iteration": iteration}, buffer)
    path = folder / f"checkpoint-{iteration:08d}.pt"
    write_atomically(path, buffer.getvalue())
    cut_short = folder.glob(".checkpoint-*.pt.*")  # by a kill in the middle of writing
    for old in (*_checkpoints(folder)[:-KEEP], *cut_short):
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Return the newest training state in a run's folder, on the CPU, or None when there is none.

    Raises:
        CheckpointError: the newest checkpoint is damaged; the message names the one to fall back on.

    """
    found = _checkpoints(folder)
    if not found:
        return None
    try:
        return torch.load(found[-1], map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes can make the unpickler fail in any way at all
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        older = f"delete it to go on from {found[-2].name}" if len(found) > 1 else "delete it to start anew"
        raise CheckpointError(
            f"is damaged ({reason})", file=found[-1], expected=f"a complete checkpoint; {older}"
        ) from None


def _checkpoints(folder: Path) -> list[Path]:
    """Return a run's checkpoints, oldest first."""
    return sorted(folder.glob("checkpoint-*.pt"))

"""Checkpoints: whatever happens while one is written, an old or a new one is there, whole."""

import errno
import os
from pathlib import Path

import pytest
import torch

from ssd.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from ssd.errors import CheckpointError

STATE = {
    "model": {"weight": torch.arange(6.0).reshape(2, 3)},
    "recipe": {"name": "x", "milestones": [1, 2]},
    "seconds": 1.5,
}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_is_saved_is_loaded(tmp_path):
    path = save_checkpoint(tmp_path, 30, STATE)
    assert path.parent == tmp_path
    found = load_checkpoint(tmp_path)
    assert found["iteration"] == 30
    assert torch.equal(found["model"]["weight"], STATE["model"]["weight"])
    assert found["recipe"] == STATE["recipe"]
    assert found["seconds"] == 1.5


def test_checkpoint_can_be_loaded_without_running_code_from_it(tmp_path):
    path = save_checkpoint(tmp_path, 1, STATE)
    assert torch.load(path, weights_only=True)["iteration"] == 1


def test_folder_is_made(tmp_path):
    save_checkpoint(tmp_path / "a" / "b", 1, STATE)
    assert load_checkpoint(tmp_path / "a" / "b")["iteration"] == 1


def test_folder_without_checkpoints_has_none(tmp_path):
    assert load_checkpoint(tmp_path) is None
    assert load_checkpoint(tmp_path / "missing") is None


def test_the_last_two_are_kept_and_the_newest_is_loaded(tmp_path):
    for iteration in (5, 90, 100, 1000):
        save_checkpoint(tmp_path, iteration, STATE)
    assert files(tmp_path) == ["checkpoint-00000100.pt", "checkpoint-00001000.pt"]
    assert load_checkpoint(tmp_path)["iteration"] == 1000


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("{}")
    for iteration in (1, 2, 3):
        save_checkpoint(tmp_path, iteration, STATE)
    assert "metrics.jsonl" in files(tmp_path)


def test_writing_replaces_all_of_a_file(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, b"a longer text than the next")
    write_atomically(path, b"short")
    assert path.read_bytes() == b"short"
    assert files(tmp_path) == ["a.json"]


def test_written_file_can_be_read_by_others(tmp_path):
    write_atomically(tmp_path / "a", b"")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["os.replace", "os.fsync", "tempfile.mkstemp"])
def test_failure_at_any_step_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    monkeypatch.setattr(step, full_disk)
    with pytest.raises(CheckpointError) as caught:
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["a.json"]
    for part in (str(path), os.strerror(errno.ENOSPC), "room"):
        assert part in str(caught.value)


class _FullAfter:
    """A file that takes some bytes and then finds the disk full."""

    def __init__(self, file) -> None:
        self.file = file

    def __enter__(self) -> "_FullAfter":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        full_disk()


def test_disk_that_fills_up_half_way_leaves_the_old_checkpoint_and_no_temporary_file(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, 10, STATE)
    real = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda *arguments, **options: _FullAfter(real(*arguments, **options)))
    with pytest.raises(CheckpointError, match="room"):
        save_checkpoint(tmp_path, 20, STATE)
    monkeypatch.undo()
    assert files(tmp_path) == ["checkpoint-00000010.pt"]
    assert load_checkpoint(tmp_path)["iteration"] == 10


def test_failed_save_removes_no_older_checkpoint(tmp_path, monkeypatch):
    for iteration in (10, 20):
        save_checkpoint(tmp_path, iteration, STATE)
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(CheckpointError):
        save_checkpoint(tmp_path, 30, STATE)
    monkeypatch.undo()
    assert files(tmp_path) == ["checkpoint-00000010.pt", "checkpoint-00000020.pt"]


def test_interrupt_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert files(tmp_path) == ["a"]


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CheckpointError) as caught:
            save_checkpoint(folder, 1, STATE)
        assert str(folder) in str(caught.value)
        assert "writable" in str(caught.value)
    assert files(tmp_path) == ["file"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(CheckpointError, match="writable"):
            save_checkpoint(tmp_path, 1, STATE)
    finally:
        tmp_path.chmod(0o755)


DAMAGE = {
    "emptied": lambda data: b"",
    "cut to a byte": lambda data: data[:1],
    "cut in half": lambda data: data[: len(data) // 2],
    "without its end": lambda data: data[:-1],
    "zeros": lambda data: bytes(len(data)),
    "text": lambda data: b"this is not a checkpoint\n",
    "half a pickle": lambda data: b"\x80\x02",
    "an operation without operands": lambda data: b"\x80\x02a",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_checkpoint_names_the_older_one_to_fall_back_on(tmp_path, damage):
    save_checkpoint(tmp_path, 10, STATE)
    newest = save_checkpoint(tmp_path, 20, STATE)
    newest.write_bytes(DAMAGE[damage](newest.read_bytes()))
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path)
    assert str(newest) in str(caught.value)
    assert "damaged" in str(caught.value)
    assert "checkpoint-00000010.pt" in str(caught.value)
    assert "\n" not in str(caught.value)
    newest.unlink()
    assert load_checkpoint(tmp_path)["iteration"] == 10


def test_the_only_checkpoint_damaged_says_to_start_anew(tmp_path):
    path = save_checkpoint(tmp_path, 10, STATE)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="start anew"):
        load_checkpoint(tmp_path)


def test_checkpoint_that_would_run_code_is_refused(tmp_path):
    torch.save({"iteration": 1, "bomb": Path}, tmp_path / "checkpoint-00000001.pt")
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(tmp_path)

"""Records: a figure carries what it depends on, and is read back as it was written."""

import json
import os
import sys
from datetime import date

import pytest
import torch

from ssd.errors import CheckpointError
from ssd.records import describe_run, write_record


def test_a_record_says_when_where_and_with_what_it_was_measured(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["somewhere/ssd/__main__.py", "evaluate", "runs/toy", "--data", "data"])
    record = describe_run()
    assert record["command"] == "python -m ssd evaluate runs/toy --data data"
    assert abs((date.today() - date.fromisoformat(record["date"])).days) <= 1
    assert record["machine"]["processor"]
    assert record["machine"]["threads"] == torch.get_num_threads()
    assert record["versions"]["torch"] == torch.__version__
    assert record["versions"]["python"] == sys.version.split()[0]


def test_without_git_the_commit_is_unknown_and_nothing_fails(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe_run()["commit"] is None


def test_record_is_read_back_as_written_and_ends_its_last_line(tmp_path):
    record = {"mAP": 0.5, "ap": {"dog": None, "cat": 0.25}, "curve": [{"iteration": 1}]}
    write_record(tmp_path / "a" / "record.json", record)
    text = (tmp_path / "a" / "record.json").read_text()
    assert json.loads(text) == record
    assert text.endswith("}\n")
    assert os.listdir(tmp_path / "a") == ["record.json"]


def test_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="file"):
        write_record(tmp_path / "file" / "record.json", {})

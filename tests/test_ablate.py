"""ssd.ablate: every row is trained once and kept, and is the network that the table says it is."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from conftest import TinyVOC

import ssd.ablate
from ssd.ablate import BASE, TABLES, Row, ablate
from ssd.datasets import VOC_CLASSES, open_data
from ssd.errors import CheckpointError, DataError, RecipeError
from ssd.evaluate import evaluate
from ssd.network import model_from_weights
from ssd.priors import inside, prior_boxes
from ssd.recipes import Recipe, get_recipe
from ssd.train import build_network, train

ROWS = (Row("all", {}, 74.3), Row("squares", {"max_ratio": 1.0}, 71.6))
"""A table short enough for a test."""

SMALL = {"iterations": 1, "pretrain_epochs": 0, "warmup": 0, "batch_size": 2, "workers": 0, "device": "cpu"}
"""One step for each row."""


@pytest.fixture(autouse=True, scope="module")
def _pair_of_rows() -> Iterator[None]:
    """Add the short table, and let the networks be measured without processes that read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TABLES, "pair", ROWS)
        patch.setattr(ssd.ablate, "evaluate", partial(evaluate, workers=0))
        yield


@dataclass
class Done:
    """What a call has done.

    Attributes:
        data: the dataset that it was done with.
        out: the folder of the runs. Not to be written to.
        record: what was returned.
        trained: recipe and folder of each run, in order.

    """

    data: Path
    out: Path
    record: dict[str, Any]
    trained: list[tuple[Recipe, Path]]

    def again(self, out: Path | None = None, **changes: Any) -> dict[str, Any]:
        """Call it again, perhaps with something changed."""
        return ablate("pair", self.data, out or self.out, (0,), False, **{**SMALL, **changes})


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Done:
    """Train both rows with one seed."""
    folder = tmp_path_factory.mktemp("ablate")
    voc = TinyVOC(folder / "data")
    voc.split("test", *voc.fill(4))
    result = Done(voc.root, folder / "out", {}, [])

    def spy(recipe: Recipe, run_dir: Path, **options: Any) -> Path:
        result.trained.append((recipe, run_dir))
        return train(recipe, run_dir, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssd.ablate, "train", spy)
        result.record = result.again()
    return result


def folder_of(out: Path, row: str, seed: int = 0) -> Path:
    return out / row / f"seed{seed}"


def refuse(*_arguments: object, **_options: object) -> None:
    raise AssertionError("nothing is to be trained or measured")


# ------------------------------------------------------------------------------------------------- what is done


def test_every_row_is_trained_once_with_its_own_recipe(done):
    assert [folder for _, folder in done.trained] == [folder_of(done.out, row.name) for row in ROWS]
    for row, (recipe, _) in zip(ROWS, done.trained, strict=True):
        assert recipe == get_recipe("toy", **{**BASE, **SMALL, **row.changes}, seed=0, data=str(done.data))


def test_record_holds_what_each_row_is_and_how_good_it_is(done):
    assert (done.record["table"], done.record["dataset"]) == ("pair", "VOC2007 test")
    assert done.record["base"] == {**BASE, **SMALL}
    test = open_data(done.data, split="test")
    for row, found, priors in zip(ROWS, done.record["rows"], (3442, 1532), strict=True):
        folder = folder_of(done.out, row.name)
        model = model_from_weights(folder / "weights.safetensors")
        assert len(model.priors_cxcywh) == priors
        assert found == {
            "name": row.name,
            "changes": row.changes,
            "published": row.published,
            "mAP": {"0": pytest.approx(evaluate(model, test, workers=0, progress=False).result.mAP)},
            "priors": priors,
            "train_seconds": [json.loads((folder / "record.json").read_text())["train_seconds"]],
        }


def test_results_are_kept_with_their_recipe_and_machine(done):
    for (recipe, folder), row in zip(done.trained, done.record["rows"], strict=True):
        kept = json.loads((folder / "result.json").read_text())
        assert Recipe(**kept["recipe"]) == recipe
        assert (kept["mAP"], kept["priors"], [kept["train_seconds"]]) == (
            row["mAP"]["0"],
            row["priors"],
            row["train_seconds"],
        )
        assert {"date", "command", "commit", "machine", "versions"} <= set(kept)


def test_a_name_of_several_words_becomes_one_folder(done, tmp_path, monkeypatch):
    monkeypatch.setitem(TABLES, "words", (Row("two less, inside", {}, 68.4),))
    seen = []
    monkeypatch.setattr(ssd.ablate, "train", lambda recipe, run_dir, **_: seen.append(run_dir) or refuse())
    with pytest.raises(AssertionError, match="nothing is to be trained"):
        ablate("words", done.data, tmp_path, (7,), False, **SMALL)
    assert seen == [tmp_path / "two_less-inside" / "seed7"]


# ------------------------------------------------------------------------------------------------- done again


def test_a_second_call_does_nothing_and_says_the_same(done, monkeypatch):
    for name in ("train", "evaluate"):
        monkeypatch.setattr(ssd.ablate, name, refuse)
    assert done.again() == done.record
    # What does not decide the result may change.
    assert done.again(log_every=7, workers=1)["rows"] == done.record["rows"]


def test_tables_share_the_rows_that_they_have_in_common(done, monkeypatch):
    monkeypatch.setitem(TABLES, "twin", (ROWS[0],))
    monkeypatch.setattr(ssd.ablate, "train", refuse)
    record = ablate("twin", done.data, done.out, (0,), False, **SMALL)
    assert record["rows"] == done.record["rows"][:1]


def test_a_deleted_result_is_made_again_from_the_weights_that_are_there(done, tmp_path, monkeypatch):
    out = Path(shutil.copytree(done.out, tmp_path / "out"))
    (folder_of(out, "squares") / "result.json").unlink()
    called = []
    monkeypatch.setattr(ssd.ablate, "train", lambda *given, **how: called.append(given[1]) or train(*given, **how))
    monkeypatch.setattr("ssd.train.training_step", refuse)
    assert done.again(out) == done.record
    assert called == [folder_of(out, "squares")]
    assert (folder_of(out, "squares") / "result.json").is_file()


@pytest.mark.parametrize(
    ("field", "value"),
    [("learning_rate", 0.5), ("iterations", 2), ("maps", 3), ("distort", True), ("precision", "bf16")],
)
def test_a_changed_recipe_is_refused_by_the_name_of_the_field(done, monkeypatch, field, value):
    monkeypatch.setattr(ssd.ablate, "train", refuse)
    with pytest.raises(CheckpointError, match="differs from the run in this folder") as caught:
        done.again(**{field: value})
    assert (caught.value.file, caught.value.field) == (folder_of(done.out, "all") / "result.json", field)
    assert caught.value.value == value
    assert caught.value.expected == f"{getattr(done.trained[0][0], field)}, or another folder"


def test_results_on_other_data_are_refused(done, tmp_path, monkeypatch):
    monkeypatch.setattr(ssd.ablate, "train", refuse)
    other = shutil.copytree(done.data, tmp_path / "other")
    with pytest.raises(CheckpointError, match="differs from the run in this folder") as caught:
        ablate("pair", other, done.out, (0,), False, **SMALL)
    assert (caught.value.field, caught.value.value) == ("data", str(other))


def keep(out: Path, text: str) -> Path:
    """Write what is to be taken for the result of the first row."""
    path = folder_of(out, "all") / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", ["", '{"recipe": ', "[]", "null", "{}", '{"recipe": 3}', '{"recipe": {"colour": 1}}'])
def test_a_damaged_result_is_refused(done, tmp_path, monkeypatch, text):
    monkeypatch.setattr(ssd.ablate, "train", refuse)
    path = keep(tmp_path, text)
    with pytest.raises(CheckpointError, match=r"cannot be read .*; expected a result; delete it to repeat") as caught:
        done.again(tmp_path)
    assert caught.value.file == path


def test_a_result_without_what_was_measured_is_refused(done, tmp_path):
    keep(tmp_path, json.dumps({"recipe": asdict(done.trained[0][0])}))
    with pytest.raises(CheckpointError):
        done.again(tmp_path)


def test_a_result_of_a_version_without_a_field_is_refused_by_the_name_of_the_field(done, tmp_path):
    older = asdict(done.trained[0][0])
    del older["ema"]
    keep(tmp_path, json.dumps({"recipe": older, "mAP": 0.5, "priors": 3442, "train_seconds": 1.0}))
    with pytest.raises(CheckpointError, match="ema"):
        done.again(tmp_path, ema=0.9)


# ------------------------------------------------------------------------------------------------- what is refused


def test_an_unknown_table_lists_those_there_are(done, tmp_path):
    with pytest.raises(RecipeError, match=r"table: unknown, got 'table4'; expected one of table2, table3"):
        ablate("table4", done.data, tmp_path / "out", (0,), False)
    assert not (tmp_path / "out").exists()


def test_data_without_a_test_split_are_refused_before_anything_is_trained(eight_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(ssd.ablate, "train", refuse)
    with pytest.raises(DataError, match=r"split: no such split, got 'test'"):
        ablate("pair", eight_pictures, tmp_path / "out", (0,), False, **SMALL)
    assert not (tmp_path / "out").exists()


def test_a_field_that_cannot_be_is_refused(done, tmp_path):
    with pytest.raises(RecipeError, match="iterations: cannot be, got 0"):
        done.again(tmp_path / "out", iterations=0)
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------- the paper's tables

# On maps of 24, 12, 6, 3 and 1 cells a side: 4 * 576 + 6 * 144 + 6 * 36 + 6 * 9 + 4 are all priors. Without ratio 3
# each of the 766 cells has 4, without ratios 2. Where maps go, the last that stays has 6 more for each of them:
# 2304 + 864 + 216 + 12 * 9, 2304 + 864 + 18 * 36 and 2304 + 24 * 144.
PRIORS = {"table2": (3442, 3064, 1532, 3442), "table3": (3442, 3492, 3816, 5760) * 2}


@pytest.mark.parametrize(
    ("row", "priors"),
    [
        pytest.param(row, count, id=f"{table}, {row.name}")
        for table, counts in PRIORS.items()
        for row, count in zip(TABLES[table], counts, strict=True)
    ],
)
def test_every_row_of_the_paper_builds_its_network(row, priors):
    network = build_network(get_recipe("toy", **{**BASE, **row.changes}), VOC_CLASSES)
    assert network.spec.num_priors == len(network.priors_cxcywh)
    everywhere = prior_boxes(replace(network.spec, boundary=True))
    assert len(everywhere) == priors
    assert len(network.logit_heads) == row.changes.get("maps", 5)
    left = int(inside(everywhere).sum()) if row.name.endswith("inside") else priors
    assert network.spec.num_priors == left
    assert (left < priors) == (not network.spec.boundary)


def test_the_first_row_changes_nothing_and_the_others_what_they_are_called_after():
    for rows in TABLES.values():
        assert rows[0].changes == {}
        assert len({row.name for row in rows}) == len(rows)
    assert [tuple(row.changes) for row in TABLES["table2"]] == [
        (),
        ("max_ratio",),
        ("max_ratio",),
        ("crop", "expand_probability"),
    ]


# ------------------------------------------------------------------------------------------------- the command


def test_the_command_prints_a_line_for_each_row_and_writes_the_record(done, run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("pretrain_epochs", "batch_size", "workers", "device"):
        monkeypatch.setitem(BASE, name, SMALL[name])
    out = shutil.copytree(done.out, tmp_path / "out")
    limits = ("--seeds", 2, "--iterations", 1)
    status, output, _ = run("ablate", "pair", "--data", done.data, "--out", out, *limits, "--json", tmp_path / "a.json")
    assert status == 0
    record = json.loads((tmp_path / "a.json").read_text())
    assert (record["table"], record["dataset"]) == ("pair", "VOC2007 test")
    assert {"date", "command", "commit", "machine", "versions"} <= set(record)
    whole = mean(100 * value for value in record["rows"][0]["mAP"].values())
    for row, before in zip(record["rows"], done.record["rows"], strict=True):
        # Of the first seed all was there already; the second is new.
        assert list(row["mAP"]) == ["0", "1"]
        assert row["mAP"]["0"] == before["mAP"]["0"]
        assert len(row["train_seconds"]) == 2
        values = [100 * value for value in row["mAP"].values()]
        numbers = (mean(values), stdev(values), whole - mean(values), row["published"], 74.3 - row["published"])
        cells = (row["name"], str(row["priors"]), *(f"{number:.1f}" for number in numbers))
        assert re.search(r"\W+".join(map(re.escape, cells)), output), output


def test_the_command_says_in_one_line_what_cannot_be(done, run, tmp_path):
    status, _, error = run("ablate", "table4", "--data", done.data, "--out", tmp_path / "out")
    assert status == 2
    assert error.startswith("ssd: table: unknown, got 'table4'")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()

"""The paper's tables 2 and 3 done again at a scale that a laptop can run: ToyVOC, a small network, minutes a row.

Each row is a recipe that differs from the first one in what it takes away, trained with several seeds. What can be
compared with the published tables is order and direction, not size.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .datasets import open_data
from .errors import CheckpointError, DataError, RecipeError
from .evaluate import evaluate
from .network import model_from_weights
from .recipes import Recipe, get_recipe
from .records import describe_run, write_record
from .train import train

BASE: dict[str, Any] = {"iterations": 480, "pretrain_epochs": 10, "warmup": 50, "checkpoint_every": 240}
"""What every row changes in the recipe `toy`, so that it takes two minutes at most on two idle processor cores."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: what it is; its runs are in a folder of this name.
        changes: of the recipe, besides `BASE`.
        published: the paper's mAP for SSD300 on VOC2007 test, in per cent.

    """

    name: str
    changes: Mapping[str, Any]
    published: float


TABLES: dict[str, tuple[Row, ...]] = {
    "table2": (  # its row without the spread-out convolution has no counterpart: the small network has none
        Row("all", {}, 74.3),
        Row("no ratio 3", {"max_ratio": 2.0}, 73.7),
        Row("squares alone", {"max_ratio": 1.0}, 71.6),
        Row("no augmentation", {"crop": False, "expand_probability": 0.0}, 65.5),
    ),
    "table3": (  # SSD300 has six maps, the small network five; row by row the coarsest goes, on both sides
        Row("all", {}, 74.3),
        Row("one less", {"maps": 4}, 74.6),
        Row("two less", {"maps": 3}, 73.8),
        Row("three less", {"maps": 2}, 70.7),
        Row("all, inside", {"boundary_priors": False}, 63.4),
        Row("one less, inside", {"maps": 4, "boundary_priors": False}, 63.1),
        Row("two less, inside", {"maps": 3, "boundary_priors": False}, 68.4),
        Row("three less, inside", {"maps": 2, "boundary_priors": False}, 69.2),
    ),
}
"""The rows that are run. "Inside" means without the priors that cross the picture's border."""


def ablate(
    table: str, data: str | Path, out: str | Path, seeds: Iterable[int] = (0, 1, 2), progress: bool = True, **base: Any
) -> dict[str, Any]:
    """Train and measure every row of a table with every seed; what is done already is not done again.

    Args:
        table: one of `TABLES`.
        data: a folder of ToyVOC, with trainval and test.
        out: folder for the runs and their results; tables may share it, and then the first row, too.
        seeds: of the runs; rows are worked through with one seed after the other.
        progress: show progress bars.
        base: changes of the recipe `toy` in every row, in place of `BASE`'s.

    Returns:
        The record: for each row its changes, number of priors, mAP by seed, and the published value.

    Raises:
        RecipeError: there is no such table, or a field cannot have that value.
        DataError: the data are missing or broken.
        CheckpointError: the folder holds runs of another recipe.

    """
    if table not in TABLES:
        raise RecipeError("unknown", field="table", value=table, expected="one of " + ", ".join(TABLES))
    test = open_data(data, split="test")
    rows: dict[str, dict[str, Any]] = {
        row.name: {"name": row.name, "changes": dict(row.changes), "published": row.published, "mAP": {}}
        for row in TABLES[table]
    }
    for seed in seeds:
        for row in TABLES[table]:
            recipe = get_recipe("toy", **{**BASE, **base, **row.changes, "seed": seed, "data": str(data)})
            folder = Path(out) / row.name.replace(", ", "-").replace(" ", "_") / f"seed{seed}"
            result = _result(folder / "result.json", recipe)
            if result is None:
                model = model_from_weights(train(recipe, folder, progress=progress))
                found = evaluate(model, test, progress=progress)
                if found.result.mAP != found.result.mAP:
                    raise DataError("holds nothing to find", file=data, field="test", expected="objects to measure on")
                seconds = json.loads((folder / "record.json").read_text(encoding="utf-8"))["train_seconds"]
                result = {
                    "recipe": asdict(recipe),
                    "mAP": found.result.mAP,
                    "priors": model.spec.num_priors,
                    "train_seconds": seconds,
                }
                write_record(folder / "result.json", {**result, **describe_run()})
            rows[row.name]["mAP"][str(seed)] = result["mAP"]
            rows[row.name]["priors"] = result["priors"]
            rows[row.name].setdefault("train_seconds", []).append(result["train_seconds"])
    return {"table": table, "dataset": test.name, "base": {**BASE, **base}, "rows": list(rows.values())}


def _result(path: Path, recipe: Recipe) -> dict[str, Any] | None:
    """Return what an earlier call has measured, if it has."""
    if not path.is_file():
        return None
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        made_with = Recipe(**result["recipe"])
        float(result["mAP"]), int(result["priors"]), float(result["train_seconds"])
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"cannot be read ({error})", file=path, expected="a result; delete it to repeat"
        ) from None
    changed = [field for field in ("data", "precision") if getattr(recipe, field) != getattr(made_with, field)]
    changed += recipe.differences(made_with)
    if changed:
        value, expected = getattr(recipe, changed[0]), f"{getattr(made_with, changed[0])}, or another folder"
        raise CheckpointError(
            "differs from the run in this folder", file=path, field=changed[0], value=value, expected=expected
        )
    return result

"""The command line: `python -m ssd`."""

import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from .errors import DataError, RecipeError, UserError
from .recipes import RECIPES, Recipe

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="SSD, the Single Shot MultiBox Detector: make data, train, evaluate, detect.",
)
data_app = typer.Typer(rich_markup_mode=None, help="Make and read datasets.")
app.add_typer(data_app, name="data")
weights_app = typer.Typer(rich_markup_mode=None, help="Take over weights.")
app.add_typer(weights_app, name="weights")

WEIGHTS_HELP = (
    "A run's folder, a .safetensors file, or the name of shipped weights: "
    "ssd_small_voc07 for photographs, ssd_tiny_toyvoc for ToyVOC's drawings."
)
WeightsArgument = Annotated[str, typer.Argument(help=WEIGHTS_HELP)]
OptionalWeightsArgument = Annotated[str | None, typer.Argument(help=WEIGHTS_HELP)]
DetectionsOption = Annotated[
    Path | None,
    typer.Option(help="Instead of weights: COCO's results JSON, or a folder of the VOC challenges' text files."),
]
DataOption = Annotated[
    Path, typer.Option("--data", help="Folder of the data: VOC's layout, COCO's, or your own with a CSV or JSON.")
]
ClassesOption = Annotated[
    str | None, typer.Option(help="The classes' names in the order of their labels, with commas.")
]


@data_app.command()
def toyvoc(
    out: Annotated[Path, typer.Option(help="Folder to write VOCdevkit/VOC2007 into.")],
    train: Annotated[int, typer.Option(min=1, help="Scenes to train on (trainval).")] = 2000,
    test: Annotated[int, typer.Option(min=1, help="Scenes to test on.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
) -> None:
    """Draw ToyVOC: scenes of the 20 VOC classes as a genuine VOCdevkit tree."""
    from .datasets import make_toyvoc

    folder = make_toyvoc(out, train, test, seed, workers)
    print(f"{train} scenes to train on and {test} to test on in {folder}")


def _download(name: str, size: str) -> None:
    """Add the command that downloads one dataset."""

    @data_app.command(name, help=f"Download {name}, {size}: resume, verify, unpack.")
    def fetch(
        root: Annotated[Path, typer.Option(help="Folder to put it in.")] = Path("data"),
        mirror: Annotated[
            str | None,
            typer.Option(help="Folder or address that holds the archives, and perhaps a list SHA256SUMS of its own."),
        ] = None,
    ) -> None:
        from .datasets import download

        print(f"{name} is in {download(name, root, mirror)}")


for _name, _size in (("voc2007", "0.9 GB"), ("voc2012", "2 GB"), ("coco2017", "20 GB")):
    _download(_name, _size)


@data_app.command()
def check(
    data: DataOption,
    network: Annotated[str, typer.Option(help="Network that is to be trained on it.")] = "ssd300_vgg16",
    split: Annotated[str, typer.Option(help="Which part of the data.")] = "trainval",
    year: Annotated[str, typer.Option(help="Year of VOC or COCO data.")] = "2007",
    class_names: ClassesOption = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a PNG of pictures with their boxes here.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all findings as JSON, too.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
) -> None:
    """Find everything that would spoil training, before training does; exit status 1 if there is such a thing."""
    from collections import Counter

    from .datasets.validate import check_dataset
    from .network import default_priors
    from .records import write_record

    spec = default_priors(network)
    report = check_dataset(data, spec, year, split, _names(class_names), workers)
    table = Table(title=f"{report.dataset.name}: {report.pictures} pictures, {report.empty} without objects")
    table.add_column("class")
    for column in ("objects", "difficult"):
        table.add_column(column, justify="right")
    for name in report.dataset.class_names:
        table.add_row(name, str(report.objects[name]), str(report.difficult[name]))
    table.add_section()
    table.add_row("all", str(report.objects.total()), str(report.difficult.total()), style="bold")
    Console().print(table)
    if len(report.boxes):
        sides = (report.boxes[:, 2:] - report.boxes[:, :2]).prod(dim=1).sqrt()
        marks = (0.05, 0.25, 0.5, 0.75, 0.95)
        for what, values in (("side / picture's side", sides), ("width / height", report.shapes)):
            quantiles = (f"{value:.2f}" for value in values.quantile(values.new_tensor(marks)).tolist())
            print(f"{what:22} at 5, 25, 50, 75, 95 per cent: " + ", ".join(quantiles))
        reached = f"{report.reached.float().mean():.1%}"
        print(f"{reached} of the objects overlap a prior of {network} by one half (see: python -m ssd data priors)")
    for finding in report.findings:
        if finding.serious:
            print(f"spoils training: {finding.text}")
    for kind, count in Counter(f.kind for f in report.findings if not f.serious).most_common():
        first = next(f.text for f in report.findings if f.kind == kind)
        print(f"noted {count} times: {first}" if count > 1 else f"noted: {first}")
    if sheet is not None:
        _write_sheet(sheet, report.dataset)
    if json_file is not None:
        findings = [asdict(finding) for finding in report.findings]
        counts = {"objects": dict(report.objects), "difficult": dict(report.difficult)}
        write_record(
            json_file, {"dataset": report.dataset.name, "pictures": report.pictures, **counts, "findings": findings}
        )
    serious = sum(finding.serious for finding in report.findings)
    if serious:
        print(f"{serious} finding{'s' * (serious != 1)} would spoil training")
        sys.exit(1)
    print("nothing found that would spoil training")


def _write_sheet(path: Path, dataset: Any) -> None:
    """Write a sheet of up to 24 pictures that can be read, spread over a dataset, with their boxes."""
    from .checkpoint import write_atomically
    from .draw import annotate, contact_sheet
    from .images import png

    pictures = []
    for index in range(0, len(dataset), max(1, len(dataset) // 24)):
        try:
            sample = dataset[index]
        except DataError:
            continue
        pictures.append(annotate(sample.image, sample.boxes, [dataset.class_names[n - 1] for n in sample.labels]))
    if not pictures:
        raise DataError("no picture can be read", field="sheet", expected="at least one to draw")
    write_atomically(path, png(contact_sheet(pictures[:24], 6, (240, 200))))


@data_app.command()
def priors(
    data: DataOption,
    network: Annotated[str, typer.Option(help="Network whose maps the priors lie on.")] = "ssd300_vgg16",
    split: Annotated[str, typer.Option(help="List of pictures whose objects count.")] = "trainval",
    year: Annotated[str, typer.Option(help="Year of VOC or COCO data.")] = "2007",
    class_names: ClassesOption = None,
) -> None:
    """Say which share of a dataset's objects the priors reach, by size, and propose sizes that reach more."""
    from .datasets import open_data
    from .network import default_priors
    from .priors import best_overlaps, propose_spec

    given = default_priors(network)
    dataset = open_data(data, year, split, _names(class_names))
    boxes = dataset.fractions()
    proposed = propose_spec(given, boxes)
    sides = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()
    table = Table(title=f"Objects of {dataset.name} that overlap a prior by at least 0.5")
    for column in ("side of the object", "objects", "priors now", "proposed"):
        table.add_column(column, justify="right")
    reached = [best_overlaps(spec, boxes) >= 0.5 for spec in (given, proposed)]
    edges = (0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.01)
    for low, high in pairwise(edges):
        there = (sides >= low) & (sides < high)
        shares = (f"{r[there].float().mean():.1%}" if there.any() else "" for r in reached)
        table.add_row(f"{low:.0%} to {min(high, 1):.0%}", str(int(there.sum())), *shares)
    table.add_section()
    table.add_row("all", str(len(boxes)), *(f"{r.float().mean():.1%}" for r in reached), style="bold")
    Console().print(table)
    for name, spec in (("now", given), ("proposed", proposed)):
        sizes = (*(level.min_size for level in spec.levels), spec.levels[-1].max_size)
        print(f"sizes {name}, in pixels of {spec.image_size}: " + ",".join(f"{size:g}" for size in sizes))
    print("to train with them: python -m ssd train RECIPE --prior-sizes SIZES ...")


@weights_app.command("import")
def import_weights(
    file: Annotated[Path, typer.Argument(help="Another project's .pth, .pt or .caffemodel.")],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    priors: Annotated[
        str | None, typer.Option(help="voc300, coco300, voc512, coco512, voc512_caffe or coco512_caffe; else a guess.")
    ] = None,
    class_names: ClassesOption = None,
) -> None:
    """Turn an SSD that torchvision, amdegroot, lufficc or the authors' Caffe trained into weights of this package."""
    from .network import import_detector, save_weights

    network = import_detector(file, priors, _names(class_names))
    name = "ssd300_vgg16" if network.spec.image_size == 300 else "ssd512_vgg16"
    save_weights(network, out, {"network": name, "source": file.name})
    print(f"{name} with {network.num_classes} classes is in {out}")


@weights_app.command("halve")
def halve_weights(
    weights: WeightsArgument,
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
) -> None:
    """Write weights in half the room: kernels in 16 bits, which are turned into 32 again when they are loaded."""
    from .network import model_from_weights, save_weights
    from .network.weights import find_weights, read_metadata

    path = find_weights(_weights_of(weights))
    save_weights(model_from_weights(path), out, read_metadata(path), half=True)
    print(f"{path.stat().st_size / 1e6:.1f} MB have become {out.stat().st_size / 1e6:.1f} MB in {out}")


def _train(recipe: str, out: Path, resume: bool, **changes: Any) -> None:
    """Train a network after a recipe; goes on by itself from the last checkpoint in OUT.

    Every field of the recipe is an option; those not given keep the recipe's value. OUT ends up with
    weights.safetensors, record.json and metrics.jsonl.
    """
    from .recipes import get_recipe
    from .train import train

    given = {name: value for name, value in changes.items() if value is not None}
    for name, kind in (("milestones", int), ("prior_sizes", float)):
        if name in given:
            given[name] = _numbers(given[name], name, kind)
    if "class_names" in given:
        given["class_names"] = _names(given["class_names"])
    weights = train(get_recipe(recipe, **given), out, resume)
    print(
        f"weights are in {weights}; measure them with: python -m ssd evaluate {out} --data {given.get('data', 'DATA')}"
    )


def _numbers(text: str, field: str, kind: type) -> tuple[int | float, ...]:
    """Turn "800,1200" into numbers."""
    try:
        return tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise UserError(f"must be {what}", field=field, value=text, expected="such as 800,1200") from None


def _names(text: str | None) -> tuple[str, ...] | None:
    """Turn "cup, spoon" into names."""
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _with_recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each field of `Recipe`, described by the field's line in its docstring."""
    described = _attribute_help(Recipe)

    def parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)

    parameters = [
        parameter(
            "recipe",
            Annotated[str, typer.Argument(metavar="RECIPE", help="One of: " + ", ".join(RECIPES))],
            inspect.Parameter.empty,
        ),
        parameter("out", Annotated[Path, typer.Option(help="The run's folder.")], inspect.Parameter.empty),
        parameter(
            "resume",
            Annotated[
                bool, typer.Option("--resume/--no-resume", help="Go on from the last checkpoint, or start over.")
            ],
            True,
        ),
    ]
    for field in fields(Recipe):
        kind = str if field.name in ("milestones", "class_names", "prior_sizes") else field.type
        flags = f"--{field.name.replace('_', '-')}"
        if kind is bool:
            flags = f"{flags}/--no-{field.name.replace('_', '-')}"
        option = typer.Option(flags, help=described[field.name], show_default=False)
        parameters.append(parameter(field.name, Annotated[kind | None, option], None))
    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _attribute_help(cls: type) -> dict[str, str]:
    """Read the "Attributes:" lines of a class's docstring."""
    lines = inspect.getdoc(cls).split("Attributes:")[1].strip().splitlines()
    pairs = (line.strip().split(": ", 1) for line in lines if ": " in line)
    return {name: text[0].upper() + text[1:] for name, text in pairs}


app.command("train")(_with_recipe_options(_train))


@app.command()
def evaluate(
    data: DataOption,
    weights: OptionalWeightsArgument = None,
    split: Annotated[str, typer.Option(help="List of pictures to measure on.")] = "test",
    year: Annotated[str, typer.Option(help="Year of VOC or COCO data.")] = "2007",
    metric: Annotated[
        str,
        typer.Option(help="voc07: mean precision at 11 recalls; voc12: area under the curve; coco: COCO's numbers."),
    ] = "voc07",
    detections: DetectionsOption = None,
    class_names: ClassesOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 32,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read pictures.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result as JSON, too.")] = None,
    save_detections: Annotated[
        Path | None, typer.Option(help="Write what was found as COCO's results JSON, too.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write precision-recall curves as a PNG, too (voc07, voc12).")
    ] = None,
) -> None:
    """Measure a network, or a file of detections: average precision by class, and its mean."""
    import numpy as np

    from .checkpoint import write_atomically
    from .evaluate import check_metric, measure
    from .metrics import VOCResult, bootstrap, write_detections
    from .parallel import process_group
    from .records import describe_run, write_record

    check_metric(metric)
    if plot is not None and metric == "coco":
        raise UserError("has no curves to draw", field="metric", value=metric, expected="voc07 or voc12 with --plot")
    with process_group(device) as group:
        dataset, found, seconds = _detect(
            weights, detections, data, year, split, _names(class_names), device, batch_size, workers, group
        )
    if not group.first:
        return
    result = measure(found, dataset, metric)

    speed = f"{len(dataset) / seconds:.0f} pictures a second" if seconds else None
    table = Table(title=f"{dataset.name}, {metric}", caption=speed)
    table.add_column("class")
    table.add_column("objects", justify="right")
    table.add_column("AP", justify="right")
    if isinstance(result, VOCResult):
        objects = {name: curve.objects for name, curve in result.curves.items()}
    else:
        objects = result.objects
    for name, value in result.ap.items():
        table.add_row(name, str(objects[name]), f"{value:.3f}", style="dim" if value != value else None)
    table.add_section()
    table.add_row("mAP", str(sum(objects.values())), f"{result.mAP:.3f}", style="bold")
    Console().print(table)
    record = {
        "mAP": _finite(result.mAP),
        "ap": {name: _finite(value) for name, value in result.ap.items()},
        "objects": objects,
        "dataset": dataset.name,
        "pictures": len(dataset),
        "metric": metric,
        "weights": weights,
        "detections": None if detections is None else str(detections),
        "seconds": None if seconds is None else round(seconds, 2),
    }
    if isinstance(result, VOCResult) and result.mAP == result.mAP:
        low, high = (float(value) for value in np.nanquantile(bootstrap(result), (0.025, 0.975)))
        record["interval"] = [_finite(low), _finite(high)]
        print(f"95 per cent of draws of as many pictures have an mAP of {low:.3f} to {high:.3f}")
    elif not isinstance(result, VOCResult):
        record["numbers"] = {name: _finite(value) for name, value in result.numbers.items()}
        print(", ".join(f"{name} {value:.3f}" for name, value in result.numbers.items()))
    if save_detections is not None:
        write_detections(save_detections, found, _category_ids(dataset))
    if plot is not None:
        from matplotlib.figure import Figure

        from .charts import precision_recall
        from .images import png

        figure = Figure(figsize=(10, 8), layout="constrained", dpi=100)
        precision_recall(figure, result.curves, result.ap)
        write_atomically(plot, png(figure))
    if json_file is not None:
        write_record(json_file, {**record, **describe_run()})


@app.command()
def diagnose(
    data: DataOption,
    weights: OptionalWeightsArgument = None,
    out: Annotated[Path, typer.Option(help="Folder for the report; its page is index.html.")] = Path("diagnosis"),
    split: Annotated[str, typer.Option(help="List of pictures to measure on.")] = "test",
    year: Annotated[str, typer.Option(help="Year of VOC or COCO data.")] = "2007",
    detections: DetectionsOption = None,
    class_names: ClassesOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 32,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read pictures.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Say where a network's errors come from, as the paper's figures 3 and 4 do, with pictures of the worst."""
    from .metrics import diagnose as run
    from .metrics.diagnosis import KINDS
    from .records import describe_run
    from .report import write_report

    dataset, found, _ = _detect(
        weights, detections, data, year, split, _names(class_names), device, batch_size, workers
    )
    done = run(found, dataset.ground_truth(), dataset.class_names)
    table = Table(title=f"The best N detections of a class of N objects, {dataset.name}")
    table.add_column("class")
    for column in ("objects", *KINDS, "missed"):
        table.add_column(column, justify="right")
    for name, one in done.classes.items():
        shares = (f"{share:.0%}" if share == share else "" for share in one.shares([1])[0])
        table.add_row(name, str(one.objects), *shares, f"{sum(one.missed.values()) / one.objects:.0%}")
    Console().print(table)
    about = {
        "dataset": dataset.name,
        "pictures": len(dataset),
        "weights": weights,
        "detections": None if detections is None else str(detections),
        **describe_run(),
    }
    print(f"report: {write_report(done, found, dataset, out, about)}")


def _detect(
    weights: str | None,
    detections: Path | None,
    data: Path,
    year: str,
    split: str,
    class_names: tuple[str, ...] | None,
    device: str,
    batch_size: int,
    workers: int,
    group: Any = None,
) -> tuple[Any, dict[str, Any], float | None]:
    """Return a dataset, what a network or a file of detections finds in it, and the seconds that the network took."""
    import time

    from .datasets import open_data
    from .evaluate import detect_all
    from .metrics import read_detections
    from .network import model_from_weights
    from .parallel import ALONE
    from .train import choose_device

    if (weights is None) == (detections is None):
        given = "both" if weights else "neither"
        raise UserError("need one of the two", field="weights or --detections", value=given, expected="one")
    if detections is not None:
        dataset = open_data(data, year, split, class_names)
        found = read_detections(detections, dataset.image_ids, dataset.class_names, _category_ids(dataset))
        return dataset, found, None
    model = model_from_weights(_weights_of(weights)).to(choose_device(device))
    dataset = open_data(data, year, split, model.class_names)
    began = time.monotonic()
    found = detect_all(model, dataset, batch_size, workers, (group or ALONE).first, group or ALONE)
    return dataset, found, time.monotonic() - began


def _category_ids(dataset: Any) -> tuple[int, ...]:
    """Return what a file of detections calls a dataset's classes: COCO's ids, or 1 to C."""
    return getattr(dataset, "category_ids", tuple(range(1, len(dataset.class_names) + 1)))


def _finite(value: float) -> float | None:
    """Return a number as JSON can hold it: NaN becomes None."""
    return None if value != value else value


@app.command()
def ablate(
    table: Annotated[str, typer.Argument(help="table2 or table3 of the paper.")],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder for the runs; what is done there is not done again.")],
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each row, with seeds from 0.")] = 3,
    iterations: Annotated[int | None, typer.Option(min=1, help="Of each run, for a trial or a longer look.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the record as JSON, too.")] = None,
) -> None:
    """Repeat a table of the paper at a small scale, to see what each part is worth."""
    from statistics import mean, stdev

    from .ablate import BASE
    from .ablate import ablate as run
    from .records import describe_run, write_record

    base = {} if iterations is None else {"iterations": iterations, "warmup": min(BASE["warmup"], iterations - 1)}
    record = run(table, data, out, range(seeds), **base)
    shown = Table(title=f"{table}: mAP in per cent, {record['dataset']}", caption=f"mean and spread of {seeds} seeds")
    shown.add_column("row")
    for column in ("priors", "mAP", "+-", "less than all", "paper", "less than all"):
        shown.add_column(column, justify="right")
    first = record["rows"][0]
    for row in record["rows"]:
        values, whole = ([100 * value for value in one["mAP"].values()] for one in (row, first))
        spread = f"{stdev(values):.1f}" if len(values) > 1 else ""
        lost, published = mean(whole) - mean(values), first["published"] - row["published"]
        numbers = (f"{mean(values):.1f}", spread, f"{lost:.1f}", f"{row['published']:.1f}", f"{published:.1f}")
        shown.add_row(row["name"], str(row["priors"]), *numbers)
    Console().print(shown)
    if json_file is not None:
        write_record(json_file, {**record, **describe_run()})


@app.command()
def bench(
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at a time; on a CPU fewer for the network.")] = 32,
    seconds: Annotated[float, typer.Option(min=0, help="For each measurement; 0: a trial, nothing compiled.")] = 5.0,
    out: Annotated[Path, typer.Option(help="Folder for the record, bench-DEVICE-NAME.json.")] = Path("data/results"),
) -> None:
    """Measure speed beside torchvision, on this machine and in this run; leave other programs closed."""
    from .bench import bench_detecting, bench_fed_training, bench_loader, bench_parts, bench_reading, bench_training
    from .records import describe_run, write_record
    from .train import choose_device, require_compiler

    chosen = choose_device(device)
    gpu, compiled = chosen.type == "cuda", seconds > 0
    try:
        require_compiler(chosen)
    except RecipeError as error:
        compiled = False
        print(f"nothing will be compiled: {error}")
    timings = bench_parts(chosen, batch_size, seconds)
    for size in (batch_size, 4 * batch_size) if gpu else (max(1, batch_size // 8),):
        timings |= bench_training(chosen, size, seconds, compiled)
    timings |= bench_detecting(chosen, 2 * batch_size if gpu else max(1, batch_size // 4), seconds, compiled)
    timings |= bench_reading(seconds)
    loader = bench_loader(seconds)
    fed = bench_fed_training(chosen, batch_size if gpu else max(1, batch_size // 8), seconds, compiled and gpu)
    described = describe_run()
    machine = described["machine"]
    name = machine["gpu" if gpu else "processor"]
    table = Table(title=f"Milliseconds on {name}, {machine['threads']} threads", caption="ratio: below 1 is faster")
    table.add_column("what")
    for column in ("pictures", "ours", "torchvision's", "ratio"):
        table.add_column(column, justify="right")
    for what, timing in timings.items():
        numbers = (f"{1000 * timing.ours:.1f}", f"{1000 * timing.theirs:.1f}", f"{timing.ratio:.2f}")
        table.add_row(what, str(timing.pictures), *numbers)
    Console().print(table)
    slug = "-".join(re.findall(r"[a-z0-9]+", name.lower()))
    path = out / f"bench-{'gpu' if gpu else 'cpu'}-{slug}.json"
    for workers, speed in loader["pictures_a_second"].items():
        print(f"the training loader with {workers} readers: {speed:.0f} pictures a second")
    print(f"training fed by {fed['readers']} readers: {fed['pictures_a_second']:.1f} pictures a second,", end=" ")
    print(f"{100 * fed['share']:.0f} per cent of {fed['pictures_a_second_without_loader']:.1f} without reading")
    measured = {
        what: {**asdict(timing), "ratio": round(timing.ratio, 3), "times_as_fast": round(timing.times_as_fast, 2)}
        for what, timing in timings.items()
    }
    peer = "torchvision's ssd300_vgg16 and transforms.v2"
    write_record(
        path, {"measured": measured, "loader": loader, "training with the loader": fed, "peer": peer, **described}
    )
    print(f"record: {path}")


def _weights_of(weights: str) -> str | Path:
    """Return the weights inside a run's folder, or the argument itself."""
    folder = Path(weights)
    if not folder.is_dir():
        return weights
    if not (folder / "weights.safetensors").is_file():
        raise DataError("holds no weights", file=folder, expected="a finished run, with weights.safetensors in it")
    return folder / "weights.safetensors"


@app.command()
def detect(
    weights: WeightsArgument,
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    out: Annotated[Path, typer.Option(help="Folder for the drawn pictures and a JSON beside each.")] = Path("found"),
    score: Annotated[float, typer.Option(min=0, max=1, help="Leave out detections that score less.")] = 0.4,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Find objects in pictures; write each picture with its boxes, and a JSON of them."""
    from tqdm import tqdm

    from .checkpoint import write_atomically
    from .draw import draw_detections
    from .images import png, read_image
    from .network import model_from_weights
    from .records import write_record
    from .train import choose_device

    paths = _picture_paths(pictures)
    for path in paths:  # before anything is written
        read_image(path)
        if path.resolve().parent == out.resolve():
            raise DataError("may be drawn over", file=path, expected="--out with another folder than the pictures'")
    model = model_from_weights(_weights_of(weights)).to(choose_device(device))
    for path in tqdm(paths, unit="picture", disable=len(paths) < 5):
        image = read_image(path)
        found = model.predict(image)[0].above(score)
        rows = zip(found.labels.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True)
        record = {
            "picture": str(path),
            "width": image.shape[2],
            "height": image.shape[1],
            "detections": [
                {"class": model.class_names[label - 1], "score": round(s, 4), "box": [round(v, 1) for v in box]}
                for label, s, box in rows
            ],
        }
        write_atomically(out / f"{path.stem}.png", png(draw_detections(image, found, model.class_names)))
        write_record(out / f"{path.stem}.json", record)
        best = [f"{one['class']} {one['score']:.2f}" for one in record["detections"][:5]]
        named = f" ({', '.join(best)}{', ...' * (len(found) > 5)})" if best else ""
        print(f"{path}: {len(found)} object{'s' * (len(found) != 1)}{named}, drawn in {out / path.stem}.png")


def _pictures_in(given: list[Path]) -> list[Path]:
    """Replace folders by the pictures in them."""
    from PIL import Image

    endings = Image.registered_extensions()
    paths = []
    for path in given:
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in endings) if path.is_dir() else [path]
        if not inside:
            raise DataError("holds no picture", file=path, expected="JPEG, PNG or other image files")
        paths += inside
    return paths


def _picture_paths(given: list[Path]) -> list[Path]:
    """Replace folders by the pictures in them; refuse names that would overwrite each other's results."""
    paths = _pictures_in(given)
    stems = {}
    for path in paths:
        if path.stem in stems:
            raise DataError(
                f"would be written over by {path}", file=stems[path.stem], expected="pictures of different names"
            )
        stems[path.stem] = path
    return paths


@app.command()
def export(
    weights: WeightsArgument,
    out: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    suppression: Annotated[
        bool, typer.Option(help="The file gives detections, or boxes and scores of all priors.")
    ] = True,
    score_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="With suppression: detections score more than this.")
    ] = 0.01,
    iou_threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help="With suppression: boxes that overlap a better one by more than this go."),
    ] = 0.45,
    per_image: Annotated[int, typer.Option(min=1, help="With suppression: how many detections at most.")] = 200,
    pictures: Annotated[
        list[Path] | None,
        typer.Option(help="A picture, or a folder of them, to check with; may be repeated. Else some of ToyVOC."),
    ] = None,
) -> None:
    """Write a network as an ONNX file, after onnxruntime has found with it what PyTorch finds."""
    from .export import OPSET, export_onnx
    from .network import model_from_weights
    from .network.weights import find_weights, read_metadata

    path = find_weights(_weights_of(weights))
    metadata = {**read_metadata(path), "weights": path.name}
    recipe = json.loads(metadata.get("recipe", "{}"))
    if "data" in recipe:
        metadata["dataset"] = " ".join(recipe[name] for name in ("data", "year", "split") if name in recipe)
    limits = {"score_threshold": score_threshold, "iou_threshold": iou_threshold, "per_image": per_image}
    network, seen = model_from_weights(path), _pictures_in(pictures or [])
    done = export_onnx(network, out, suppression, **limits, pictures=seen, metadata=metadata)
    print(f"{done.path}: {done.size / 1e6:.1f} MB, ONNX operators of version {OPSET}")
    print(f"greatest difference from PyTorch: {done.boxes:.1g} of the picture's side, {done.scores:.1g} in scores")


def main() -> None:
    """Run the command line; what the user can mend is said in one line, with exit status 2."""
    arguments = sys.argv[1:]
    if arguments in ([], ["data"], ["weights"]):
        arguments.append("--help")
    try:
        sys.exit(app(arguments, prog_name="python -m ssd", standalone_mode=False))
    except typer.TyperException as error:
        refused = getattr(error.__cause__, "errors", list)()  # what did not fit an option's type, where that is why
        value = f", got {refused[0]['input']!r}" if refused else ""
        print(f"ssd: {error.format_message()}{value}", file=sys.stderr)
        sys.exit(2)
    except UserError as error:
        print(f"ssd: {error}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        print("ssd: stopped; a training or a download goes on from here by the same command", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()

"""Charts of how good detections are, drawn from what the metrics measure and from the records that keep it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .draw import PALETTE
from .errors import DataError
from .metrics.diagnosis import CHARACTERISTICS, KINDS, REASONS
from .metrics.voc import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND_COLOURS = dict(zip(KINDS, ("#FFFFFF", PALETTE[0], PALETTE[5], PALETTE[1], PALETTE[3]), strict=True))
HATCHES = dict(zip(KINDS, ("", "", "//", "..", "xx"), strict=True))


def precision_recall(figure: "Figure", curves: dict[str, Curve], ap: dict[str, float], columns: int = 5) -> None:
    """Draw the precision-recall curve of every class that has objects, in a grid.

    Args:
        figure: empty; twenty classes want about 10 x 8 inches.
        curves: by class name, of `ssd.metrics.voc_ap`.
        ap: average precision by class name.
        columns: of the grid.

    """
    names = [name for name, curve in curves.items() if curve.objects]
    if not names:
        return
    rows = -(-len(names) // columns)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(names) :]:
        axes.axis("off")
    for axes, name in zip(grid.flat, names, strict=False):
        recall, precision = np.append(0, curves[name].recall), curves[name].precision
        precision = np.append(precision[:1] if len(precision) else 0, precision)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        axes.fill_between(recall, envelope, step="pre", color=PALETTE[5], alpha=0.3, lw=0)  # voc12's AP is this area
        axes.plot(recall, precision, color=PALETTE[0], lw=1)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.set_title(f"{name} {ap[name]:.3f}", fontsize="small")
    figure.supxlabel("recall")
    figure.supylabel("precision")


def error_kinds(axes: "Axes", record: dict[str, Any], names: Sequence[str], legend: bool = True) -> None:
    """Draw the upper row of the paper's figure 3: what the best detections of some classes are, as they become more.

    Shares are means over the classes. The lines are recall, solid with the overlap that is asked for, dashed with 0.1.

    Args:
        axes: to draw on.
        record: of `Diagnosis.record`.
        names: of the classes; those without objects are left out.
        legend: name kinds and lines.

    """
    chosen = _chosen(record, names)
    shares = _mean([one["shares"] for one in chosen])
    recall = _mean([one["recall"] for one in chosen])
    x = range(len(record["multiples"]))
    bottom = np.zeros(len(x))
    for number, kind in enumerate(KINDS):
        top = bottom + shares[:, number]
        axes.fill_between(
            x, bottom, top, facecolor=KIND_COLOURS[kind], edgecolor="#555555", lw=0.5, hatch=HATCHES[kind], label=kind
        )
        bottom = top
    axes.plot(x, recall[:, 0], color="black", lw=2, label="recall")
    axes.plot(x, recall[:, 1], color="black", lw=2, ls="--", label="recall at 0.1")
    axes.set(xlim=(x[0], x[-1]), ylim=(0, 1), xlabel="detections, in multiples of the objects", ylabel="share")
    axes.set_xticks(list(x), [f"{m:g}" for m in record["multiples"]])
    if legend:
        axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def false_kinds(axes: "Axes", record: dict[str, Any], names: Sequence[str], legend: bool = True) -> None:
    """Draw the lower row of figure 3: the kinds of error among the best false detections, as they become more."""
    shares = _mean([one["false_positives"] for one in _chosen(record, names)])
    for number, (kind, style) in enumerate(zip(KINDS[1:], ("-", "--", "-.", ":"), strict=True)):
        axes.plot(range(len(shares)), shares[:, number], style, color=KIND_COLOURS[kind], lw=2, label=kind)
    axes.set(ylim=(0, 1), xlabel="best false detections of a class", ylabel="share")
    axes.set_xticks(range(len(shares)), [str(count) for count in record["counts"]])
    if legend:
        axes.legend(fontsize="x-small", frameon=False)


def sensitivity(axes: "Axes", record: dict[str, Any], characteristic: str) -> None:
    """Draw the paper's figure 4 for one characteristic: normalised AP by level, of every class and their mean.

    Args:
        axes: to draw on.
        record: of `Diagnosis.record`.
        characteristic: one of `ssd.metrics.diagnosis.CHARACTERISTICS`.

    """
    levels = CHARACTERISTICS[characteristic]
    tables = [one["sensitivity"][characteristic] for one in record["classes"].values()]
    values = np.array([[np.nan if t[level][0] is None else t[level][0] for level in levels] for t in tables])
    for row in values:
        axes.plot(range(len(levels)), row, color="#999999", lw=0.7, alpha=0.7)
    there = ~np.isnan(values).all(axis=0)
    means = [np.nanmean(values[:, number]) if there[number] else np.nan for number in range(len(levels))]
    axes.plot(range(len(levels)), means, color=PALETTE[3], marker="o", lw=2.5)
    axes.set(ylim=(0, 1), title=characteristic, ylabel="normalised AP")
    axes.set_xticks(range(len(levels)), levels)


def missed(axes: "Axes", record: dict[str, Any]) -> None:
    """Draw, for every class, the share of its objects that were missed, by reason."""
    shares = {
        name: np.array([one["missed"][reason] / one["objects"] for reason in REASONS])
        for name, one in record["classes"].items()
    }
    names = sorted(shares, key=lambda name: shares[name].sum())
    left = np.zeros(len(names))
    for number, reason in enumerate(REASONS):
        colour, hatch = (PALETTE[2], PALETTE[0], PALETTE[1], PALETTE[3])[number], ("", "//", "..", "xx")[number]
        width = np.array([shares[name][number] for name in names])
        axes.barh(names, width, left=left, color=colour, hatch=hatch, edgecolor="white", lw=0, label=reason)
        left += width
    axes.set(xlim=(0, 1), xlabel="share of the objects that are missed")
    axes.legend(fontsize="x-small", frameon=False, loc="lower right")


def _chosen(record: dict[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return those of the classes that the record has."""
    chosen = [record["classes"][name] for name in names if name in record["classes"]]
    if not chosen:
        expected = ", ".join(record["classes"]) or "a record of classes with objects"
        raise DataError("have no objects", field="classes", value=", ".join(names), expected=expected)
    return chosen


def _mean(tables: Sequence[Sequence[Sequence[float | None]]]) -> np.ndarray:
    """Return the mean of tables of numbers, (rows, columns); None counts nowhere."""
    values = np.array(tables, dtype=float)
    counts = (~np.isnan(values)).sum(axis=0)
    return np.where(counts, np.nansum(values, axis=0) / np.maximum(counts, 1), np.nan)

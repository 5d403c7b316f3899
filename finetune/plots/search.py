"""The pictures of a search: what was found when, on which way, where, and what it hung on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GOOD, CUT, BAD = style.COLOURS[0], style.COLOURS[4], style.COLOURS[1]
_LOOKS = {"complete": (GOOD, "o"), "pruned": (CUT, "v"), "failed": (BAD, "X")}

_TICKS = 6  # different values that are named one by one


@dataclass(frozen=True)
class Point:
    """A trial as it is drawn."""

    number: int
    state: str  # complete, pruned or failed
    value: float | None  # of a pruned one the last before its end
    params: Mapping[str, Any]
    curve: Mapping[int, float]  # percent of the run -> metric


def history(points: Sequence[Point], metric: str, *, lower: bool) -> "Figure | None":
    """The metric of each trial, and the best so far."""
    if not any(point.state == "complete" for point in points):
        return None
    drawn, axes = style.figure(2.8)
    best: list[tuple[int, float]] = []
    for point in sorted(points, key=lambda one: one.number):
        if point.state == "complete" and point.value is not None:
            so_far = best[-1][1] if best else point.value
            best.append((point.number, (min if lower else max)(so_far, point.value)))
    axes.step(*zip(*best, strict=True), where="post", color=style.GREY, linewidth=1)
    for state, (colour, marker) in _LOOKS.items():
        of = [p for p in points if p.state == state and p.value is not None]
        if of:
            axes.plot(
                [p.number for p in of], [p.value for p in of], marker, color=colour, markersize=5,
                markerfacecolor=colour if state == "complete" else "white", linestyle="none",
                label=state,
            )  # fmt: skip
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="trial", ylabel=metric)
    axes.set_title(f"{metric} by trial, {'lower' if lower else 'higher'} is better (line: best)")
    drawn.legend(loc="outside lower center", ncols=3)
    return drawn


def curves(points: Sequence[Point], metric: str, *, lower: bool) -> "Figure | None":
    """The metric on the way through each run; those that were ended early stop early."""
    shown = [point for point in points if point.curve]
    if not shown:
        return None
    drawn, axes = style.figure(3.2)
    whole = [p for p in shown if p.state == "complete" and p.value is not None]
    sign = 1 if lower else -1
    best = min(whole, key=lambda one: sign * (one.value or 0.0), default=None)
    for point in shown:
        colour = _LOOKS[point.state][0]
        axes.plot(
            list(point.curve), list(point.curve.values()), color=colour, alpha=0.75,
            linewidth=2.2 if point is best else 0.9,
            linestyle="-" if point.state == "complete" else "--",
        )  # fmt: skip
        if point.state != "complete":
            axes.plot(
                max(point.curve), point.curve[max(point.curve)], _LOOKS[point.state][1],
                color=colour, markersize=5,
            )  # fmt: skip
    axes.set(xlabel="percent of the run", ylabel=metric, xlim=(0, 102))
    axes.grid()
    axes.set_title(f"{metric} on the way (dashed: ended early)")
    return drawn


def importance(found: Mapping[str, float], trials: int) -> "Figure | None":
    """How much of the spread between trials hangs on each setting."""
    if not found:
        return None
    drawn, axes = style.figure(max(1.6, 0.8 + 0.32 * len(found)))
    axes.barh(range(len(found)), list(found.values()), color=GOOD, height=0.6)
    for line, value in enumerate(found.values()):
        axes.text(value + 0.01, line, f"{value:.2f}", va="center", fontsize=8)
    style.rows(axes, list(found))
    axes.set_xlim(0, 1.08)
    axes.set_xlabel("share of the variance (fANOVA)")
    axes.set_title(f"What the metric hangs on, by {trials} whole trials")
    return drawn


def slices(points: Sequence[Point], metric: str, logarithmic: Sequence[str]) -> "Figure | None":
    """The metric over each setting, a panel each."""
    shown = [p for p in points if p.state != "failed" and p.value is not None]
    names = sorted({name for point in shown for name in point.params})
    if not names:
        return None
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    drawn, grid = style.figure(2.3 * lines + 0.7, lines, columns, sharey=True, squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        of = [p for p in shown if name in p.params]
        numbers = all(_numeric(p.params[name]) for p in of)
        for state in ("complete", "pruned"):
            some = [p for p in of if p.state == state]
            colour, marker = _LOOKS[state]
            axes.plot(
                [p.params[name] if numbers else str(p.params[name]) for p in some],
                [p.value for p in some], marker, color=colour, markersize=4.5, linestyle="none",
                markerfacecolor=colour if state == "complete" else "white", label=state,
            )  # fmt: skip
        different = sorted({p.params[name] for p in of}) if numbers else []
        if name in logarithmic:
            axes.set_xscale("log")
        elif 0 < len(different) <= _TICKS:
            axes.set_xticks(different)
        axes.set_xlabel(name)
        axes.grid()
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(metric)
    style.headed(drawn, f"{metric} over each setting")
    drawn.legend(*grid.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


def _numeric(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

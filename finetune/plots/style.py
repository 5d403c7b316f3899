"""One look for all pictures: one colour and one marker a model, the same in each of them.

The colours are Okabe and Ito's, which colour-blind readers tell apart; the markers do so in print.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune.evaluation.evaluate import Exam

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
GREY = "#6b6b6b"  # the references, and what is not a model
FAINT = "#d9d9d9"
WIDTH = 7.6  # inches
COLUMNS = 4  # panels beside each other
DPI = 150

_LOOK: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
}


@dataclass(frozen=True, slots=True)
class Series:
    """How one model is drawn."""

    name: str
    colour: str
    marker: str


def series(exams: Sequence[Exam]) -> list[Series]:
    """A look for each exam, by its place."""
    return [
        Series(e.name, COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)])
        for n, e in enumerate(exams)
    ]


@contextmanager
def look() -> Iterator[None]:
    """Draw within this, so that nothing else of the process changes its style."""
    import matplotlib

    with matplotlib.rc_context(_LOOK):
        yield


def figure(height: float, rows: int = 1, columns: int = 1, **options: Any) -> "tuple[Figure, Any]":
    """An empty figure and its axes (one, or an array of them)."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(WIDTH, height), layout="constrained", dpi=DPI)
    return drawn, drawn.subplots(rows, columns, **options)


def panels(
    exams: Sequence[Exam], tall: float, *, title: str, x: str, y: str
) -> "tuple[Figure, list[Any]]":
    """A figure with a panel for each model, `tall` inches each, that share their axes."""
    columns = min(COLUMNS, len(exams))
    lines = -(-len(exams) // columns)
    drawn, grid = figure(
        tall * lines + 0.6, lines, columns, sharex=True, sharey=True, squeeze=False
    )
    every = list(grid.flat)
    for place, axes in enumerate(every):
        axes.set_visible(place < len(exams))
        # The lowest panel of a column names the shared axis, also above an empty place.
        axes.tick_params(labelbottom=place + columns >= len(exams))
    for axes, exam in zip(every, exams, strict=False):
        axes.set_title(exam.name, fontsize=9)
    drawn.supxlabel(x, fontsize=9)
    drawn.supylabel(y, fontsize=9)
    headed(drawn, title)
    return drawn, every[: len(exams)]


def headed(drawn: "Figure", title: str) -> None:
    """A title over several panels, looking as one over a single panel."""
    drawn.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10)


def legend(drawn: "Figure", looks: Sequence[Series], extra: Sequence[Any] = ()) -> None:
    """One legend below the figure."""
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], color=s.colour, marker=s.marker, linestyle="none", label=s.name)
        for s in looks
    ]
    handles.extend(extra)
    if len(handles) > 1:
        drawn.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))


def dots(
    axes: Any, exams: Sequence[Exam], names: Sequence[str], labels: Sequence[str] | None = None
) -> None:
    """A line for each metric; on it each model's value and its 95 % interval."""
    looks = series(exams)
    step = 0.72 / max(2, len(exams))
    for line, name in enumerate(names):
        for place, (exam, how) in enumerate(zip(exams, looks, strict=True)):
            if name not in exam.table:
                continue
            y = line + (place - (len(exams) - 1) / 2) * step
            low, high = exam.table[f"{name}_low"], exam.table[f"{name}_high"]
            axes.plot([low, high], [y, y], color=how.colour, linewidth=1.4, solid_capstyle="butt")
            axes.plot(exam.table[name], y, how.marker, color=how.colour, markersize=4.5)
    rows(axes, labels or names)


def rows(axes: Any, labels: Sequence[str]) -> None:
    """Name the lines of a chart, the first on top, parted by faint rules."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for edge in range(1, len(labels)):
        axes.axhline(edge - 0.5, color=FAINT, linewidth=0.6)
    axes.grid(axis="x")


def shares(axes: Any, label: str) -> None:
    """A horizontal axis from 0 to 1."""
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(label)


def height(lines: int, models: int, least: float = 2.2) -> float:
    """Inches for a chart of `lines` lines with `models` models on each."""
    return max(least, 1.1 + lines * max(0.3, 0.13 * models))


def with_any(names: Sequence[str], exams: Sequence[Exam]) -> list[str]:
    """The names that at least one exam measured."""
    return [name for name in names if any(name in exam.table for exam in exams)]

"""How right the answers are: differences, validity, lists, texts, everything at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from digest.schema import LIST_FIELDS
from finetune.evaluation.catalogue import HEADLINES, TESTED, TEXTS, better
from finetune.evaluation.compare import Versus
from finetune.evaluation.compare import compare as versus
from finetune.evaluation.evaluate import Exam
from finetune.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LARGEST = 9  # error of a score from 1 to 10
_LISTS = tuple(name for name in LIST_FIELDS if name not in TEXTS)


def forest(exams: Sequence[Exam], results: Sequence[Versus] | None = None) -> "Figure | None":
    """The first model less each of the others."""
    if len(exams) < 2:
        return None
    results = versus(exams) if results is None else results
    looks = style.series(exams)[1:]
    names = [n for n in TESTED if any(t.metric == n for v in results for t in v.tests)]
    drawn, axes = style.figure(style.height(len(names), len(results)))
    step = 0.72 / max(2, len(results))
    for place, (result, how) in enumerate(zip(results, looks, strict=True)):
        for test in result.tests:
            y = names.index(test.metric) + (place - (len(results) - 1) / 2) * step
            scale = _scale(test.metric)
            ends = [test.low * scale, test.high * scale]
            axes.plot(ends, [y, y], color=how.colour, linewidth=1.4, solid_capstyle="butt")
            sure = test.p_holm < 0.05
            fill = how.colour if sure else "white"
            axes.plot(
                test.difference * scale, y, how.marker,
                color=how.colour, markersize=4.8, markerfacecolor=fill,
            )  # fmt: skip
    axes.axvline(0, color="black", linewidth=0.8)
    style.rows(axes, [_improved(name) for name in names])
    axes.set_xlabel(f"← worse     {exams[0].name} less the other     better →")
    axes.set_title(f"{exams[0].name} against the others (filled: p < 0.05 after Holm)")
    style.legend(drawn, [_against(how) for how in looks])
    return drawn


def _against(how: style.Series) -> style.Series:
    return style.Series(f"against {how.name}", how.colour, how.marker)


def _scale(name: str) -> float:
    """So that right is better, and an error of scores is a share of the largest."""
    return (better(name) or 1) / (_LARGEST if name == "relevance_mae" else 1)


def _improved(name: str) -> str:
    if name == "relevance_mae":
        return f"− relevance_mae / {_LARGEST}"
    return f"− {name}" if better(name) < 0 else name


def validity(exams: Sequence[Exam]) -> "Figure | None":
    """Shares of answers that can be used."""
    names = style.with_any(
        ["answered", "valid_json", "valid", "valid_unconstrained", "finished"], exams
    )
    drawn, axes = style.figure(style.height(len(names), len(exams)))
    style.dots(axes, exams, names)
    style.shares(axes, "share of rows, with 95 % interval")
    axes.set_title("Validity: answers that obey the contract")
    style.legend(drawn, style.series(exams))
    return drawn


def f1_by_field(exams: Sequence[Exam]) -> "Figure | None":
    """F1 of the lists, over all rows and over those that have something to find."""
    fields = [name for name in _LISTS if style.with_any([f"f1_{name}"], exams)]
    if not fields:
        return None
    drawn, panels = style.figure(
        style.height(len(fields), len(exams), 2.6), 1, 2, sharey=True, squeeze=False
    )
    left, right = panels[0]
    style.dots(left, exams, [f"f1_{name}" for name in fields], fields)
    for line, name in enumerate(fields):
        empty = _empty(exams[0], name)
        left.plot([empty, empty], [line - 0.42, line + 0.42], color=style.GREY, linewidth=1.6)
    style.dots(right, exams, [f"f1_{name}_filled" for name in fields], fields)
    for axes, title in (
        (left, "all rows (grey bar: an empty list for each)"),
        (right, "rows with something to find"),
    ):
        style.shares(axes, "F1, mean over rows")
        axes.set_title(title, fontsize=9)
    style.headed(drawn, "F1 by field")
    style.legend(drawn, style.series(exams))
    return drawn


def _empty(exam: Exam, name: str) -> float:
    """The F1 of always answering with an empty list."""
    told = [v for row in exam.rows if (v := getattr(row.digest, name)) is not None]
    return sum(not entries for entries in told) / max(1, len(told))


def precision_recall(exams: Sequence[Exam]) -> "Figure | None":
    """Pooled precision over recall, a panel a list field, with lines of equal F1."""
    fields = [name for name in _LISTS if style.with_any([f"recall_{name}"], exams)]
    if not fields:
        return None
    columns = min(4, len(fields))
    drawn, panels = style.figure(
        2.6 * -(-len(fields) // columns) + 0.3, -(-len(fields) // columns), columns,
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for axes, name in zip(panels.flat, fields, strict=False):
        _equal_f1(axes)
        for exam, how in zip(exams, style.series(exams), strict=True):
            recall, precision = (exam.table.get(f"{kind}_{name}") for kind in _PAIR)
            if recall is None or precision is None:
                continue
            axes.errorbar(
                recall, precision,
                xerr=_reach(exam, f"recall_{name}"), yerr=_reach(exam, f"precision_{name}"),
                color=how.colour, marker=how.marker, markersize=5, linewidth=1,
            )  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.set_title(name, fontsize=9)
    for axes in panels.flat[len(fields) :]:
        axes.set_axis_off()
    for axes in panels[-1]:
        axes.set_xlabel("recall")
    for axes in panels[:, 0]:
        axes.set_ylabel("precision")
    style.headed(drawn, "Precision and recall, entries of all rows pooled (grey: equal F1)")
    style.legend(drawn, style.series(exams))
    return drawn


_PAIR = ("recall", "precision")


def _equal_f1(axes: Any) -> None:
    for f1 in (0.2, 0.4, 0.6, 0.8):
        xs = [f1 / 2 + (1 - f1 / 2) * n / 200 for n in range(1, 201)]
        ys = [f1 * x / (2 * x - f1) for x in xs]
        inside = [(x, y) for x, y in zip(xs, ys, strict=True) if y <= 1]
        axes.plot(*zip(*inside, strict=True), color=style.FAINT, linewidth=0.8, zorder=0)
        axes.text(
            1.0, inside[-1][1] + 0.01, f"{f1:g}",
            fontsize=6, color=style.GREY, ha="right", va="bottom",
        )  # fmt: skip


def _reach(exam: Exam, name: str) -> list[list[float]]:
    value = exam.table[name]
    return [
        [max(0.0, value - exam.table[f"{name}_low"])],
        [max(0.0, exam.table[f"{name}_high"] - value)],
    ]


def rouge(exams: Sequence[Exam]) -> "Figure | None":
    """ROUGE of the texts."""
    kinds = ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum")
    return _texts(exams, kinds, "ROUGE F1 against the reference, without stemming", "ROUGE F1")


def bertscore(exams: Sequence[Exam]) -> "Figure | None":
    """BERTScore of the texts, if it was measured."""
    return _texts(exams, ("bertscore",), "BERTScore F1 against the reference", "BERTScore F1")


def _texts(exams: Sequence[Exam], kinds: Sequence[str], title: str, unit: str) -> "Figure | None":
    fields = [f for f in TEXTS if style.with_any([f"{kinds[0]}_{f}"], exams)]
    if not fields:
        return None
    drawn, panels = style.figure(
        style.height(len(kinds), len(exams), 2.4), 1, len(fields),
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for axes, name in zip(panels[0], fields, strict=True):
        style.dots(axes, exams, [f"{kind}_{name}" for kind in kinds], kinds)
        style.shares(axes, unit)
        axes.set_title(name, fontsize=9)
    style.headed(drawn, title)
    style.legend(drawn, style.series(exams))
    return drawn


def heat_map(exams: Sequence[Exam]) -> "Figure | None":
    """Every headline of every model; the darker the better, within each line."""
    names = [n for n in style.with_any(HEADLINES, exams) if better(n)]
    drawn, axes = style.figure(1.1 + 0.24 * len(names))
    shades = [_shades(exams, name) for name in names]
    axes.imshow(shades, cmap="Blues", vmin=-0.15, vmax=1.25, aspect="auto")
    for y, name in enumerate(names):
        for x, exam in enumerate(exams):
            if name not in exam.table:
                axes.text(x, y, "–", ha="center", va="center", fontsize=8, color=style.GREY)
            else:
                dark = shades[y][x] > 0.65
                axes.text(
                    x, y, f"{exam.table[name]:.3f}", ha="center", va="center", fontsize=8,
                    color="white" if dark else "black",
                )  # fmt: skip
    arrows = {1: "↑", -1: "↓"}
    axes.set_yticks(range(len(names)), [f"{name} {arrows[better(name)]}" for name in names])
    axes.set_xticks(range(len(exams)), [exam.name for exam in exams])
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title("All at once (darker: better within the line)", pad=12)
    return drawn


def _shades(exams: Sequence[Exam], name: str) -> list[float]:
    """0 for the worst, 1 for the best; a metric that all share is neither."""
    given = [e.table[name] * better(name) for e in exams if name in e.table]
    low, spread = min(given), max(given) - min(given)
    return [
        (e.table[name] * better(name) - low) / spread if name in e.table and spread > 1e-9
        else (0.5 if name in e.table else float("nan"))
        for e in exams
    ]  # fmt: skip

"""How long the texts are, whether they repeat themselves, and how scores spread over the rows."""

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING

from finetune.evaluation.catalogue import TEXTS
from finetune.evaluation.evaluate import Exam
from finetune.evaluation.folding import words
from finetune.evaluation.metrics import flat
from finetune.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SPREAD = ("tree", "f1_overall", "rouge_l_summary")


def lengths(exam: Exam, name: str) -> list[int]:
    """Words of a text field in each answer that has it."""
    digests = (p.digest for p in exam.predictions)
    return [len(words(flat(v))) for d in digests if d and (v := getattr(d, name)) is not None]


def references(exam: Exam, name: str) -> list[int]:
    """Words of the field in each reference."""
    told = (getattr(row.digest, name) for row in exam.rows)
    return [len(words(flat(value))) for value in told if value is not None]


def _asked(exams: Sequence[Exam]) -> list[str]:
    return [f for f in TEXTS if f in exams[0].fields and references(exams[0], f)]


def length_boxes(exams: Sequence[Exam]) -> "Figure | None":
    """Words in each text, model by model, beside the references."""
    if not (fields := _asked(exams)):
        return None
    labels = ["reference", *(exam.name for exam in exams)]
    colours = [style.GREY, *(how.colour for how in style.series(exams))]
    drawn, panels = style.figure(
        1.3 + 0.28 * len(labels), 1, len(fields), sharey=True, squeeze=False
    )
    for axes, name in zip(panels[0], fields, strict=True):
        values = [references(exams[0], name), *(lengths(exam, name) for exam in exams)]
        boxes = axes.boxplot(
            values, orientation="horizontal", positions=range(len(values)), widths=0.6,
            patch_artist=True, medianprops={"color": "black"},
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": style.GREY},
        )  # fmt: skip
        for box, colour in zip(boxes["boxes"], colours, strict=True):
            box.set(facecolor=colour, alpha=0.55, edgecolor=colour)
        style.rows(axes, labels)
        axes.set_xlim(left=0)
        axes.set_xlabel("words")
        axes.set_title(name, fontsize=9)
    style.headed(drawn, "Length of the texts (box: middle half, whiskers: 1.5 times its width)")
    return drawn


def violins(exams: Sequence[Exam]) -> "Figure | None":
    """How the rows' scores spread."""
    if not (names := [n for n in _SPREAD if style.with_any([n], exams)]):
        return None
    looks = style.series(exams)
    drawn, panels = style.figure(1.3 + 0.42 * len(exams), 1, len(names), sharey=True, squeeze=False)
    for axes, name in zip(panels[0], names, strict=True):
        for place, (exam, how) in enumerate(zip(exams, looks, strict=True)):
            values = _values(exam, name)
            if len(set(values)) > 1:
                body = axes.violinplot(
                    [values], positions=[place], orientation="horizontal", widths=0.85,
                    showextrema=False, points=200,
                )["bodies"][0]  # fmt: skip
                body.set(facecolor=how.colour, alpha=0.55, edgecolor=how.colour)
            if values:
                middle = sorted(values)[len(values) // 2]
                axes.plot(middle, place, how.marker, color="black", markersize=4)
        style.rows(axes, [exam.name for exam in exams])
        style.shares(axes, "score of a row")
        axes.set_title(name, fontsize=9)
    style.headed(drawn, "How the rows' scores spread (mark: median)")
    return drawn


def histograms(exams: Sequence[Exam]) -> "Figure | None":
    """How many rows have which tree score."""
    if not style.with_any(["tree"], exams):
        return None
    drawn, panels = style.panels(
        exams, 1.7, title="Rows by tree score (mark: mean; outline: the first model)",
        x="tree score of a row", y="share of rows",
    )  # fmt: skip
    edges = [n / 20 for n in range(21)]
    first = _values(exams[0], "tree")
    for axes, exam, how in zip(panels, exams, style.series(exams), strict=True):
        values = _values(exam, "tree")
        axes.hist(values, edges, weights=[1 / len(values)] * len(values), color=how.colour)
        axes.hist(
            first, edges, weights=[1 / len(first)] * len(first),
            histtype="step", color="black", linewidth=0.8,
        )  # fmt: skip
        axes.plot(exam.table["tree"], 0, how.marker, color="black", clip_on=False, markersize=5)
        axes.set_xlim(0, 1)
        axes.grid(axis="y")
    return drawn


def word_counts(exams: Sequence[Exam]) -> "Figure | None":
    """Words of each summary beside words of its reference."""
    if "summary" not in _asked(exams):
        return None
    drawn, panels = style.panels(
        exams, 1.9, title="Words in the summary (dashed: as many as in the reference)",
        x="words in the reference", y="words in the answer",
    )  # fmt: skip
    most = 1.05 * max(
        max(lengths(exam, "summary") + references(exam, "summary"), default=1) for exam in exams
    )
    for axes, exam, how in zip(panels, exams, style.series(exams), strict=True):
        given = {p.id: p.digest for p in exam.predictions}
        dots = [
            (len(words(row.digest.summary)), len(words(digest.summary)))
            for row in exam.rows
            if row.digest.summary and (digest := given.get(row.id)) and digest.summary
        ]
        axes.plot([0, most], [0, most], color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        if dots:
            axes.plot(
                *zip(*dots, strict=True), how.marker,
                color=how.colour, alpha=0.6, markersize=3.5, markeredgewidth=0,
            )  # fmt: skip
        axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")
        axes.grid()
    return drawn


def collapse(exams: Sequence[Exam]) -> "Figure | None":
    """Whether the model writes the same thing again and again."""
    names = style.with_any(
        ["distinct_titles", "distinct_summaries", "template_titles", "template_summaries",
         "repetition", "english"],
        exams,
    )  # fmt: skip
    if not names:
        return None
    drawn, axes = style.figure(style.height(len(names), len(exams)))
    style.dots(axes, exams, names)
    style.shares(axes, "share, with 95 % interval")
    axes.set_title("Collapse: distinct ↑, template ↓, repetition ↓, English ↑")
    style.legend(drawn, style.series(exams))
    return drawn


def _values(exam: Exam, name: str) -> list[float]:
    if name not in exam.ratios:
        return []
    return [value for value in exam.ratios[name].by_row().tolist() if not isnan(value)]

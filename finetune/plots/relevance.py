"""How well the score is judged."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING

from finetune.evaluation.evaluate import Exam
from finetune.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SCORES = range(1, 11)


def pairs(exam: Exam) -> list[tuple[int, int]]:
    """(truth, guess) of each row that labels the score; an invalid answer guesses 0."""
    given = {p.id: p.digest for p in exam.predictions}
    found = []
    for row in exam.rows:
        truth, digest = row.digest.relevance_score, given.get(row.id)
        if truth is not None and "relevance_score" in exam.fields:
            found.append((truth, (digest and digest.relevance_score) or 0))
    return found


def errors(exams: Sequence[Exam]) -> "Figure | None":
    """How often the score is too low or too high, and by how much."""
    if not any(pairs(exam) for exam in exams):
        return None
    drawn, panels = style.panels(
        exams, 1.9, title="Errors of the relevance score",
        x="score given less the right one", y="share of rows",
    )  # fmt: skip
    for axes, exam, how in zip(panels, exams, style.series(exams), strict=True):
        gaps = [guess - truth for truth, guess in pairs(exam)]
        count = Counter(gaps)
        axes.bar(list(count), [n / len(gaps) for n in count.values()], width=0.85, color=how.colour)
        axes.axvline(0, color="black", linewidth=0.8)
        middle = f"|error| {fmean(map(abs, gaps)):.2f}, mean {fmean(gaps):+.2f}"
        axes.set_title(f"{exam.name}\n{middle}", fontsize=8)
        axes.set_xlim(-10.5, 10.5)
        axes.set_ylim(top=1)
        axes.grid(axis="y")
    return drawn


def calibration(exams: Sequence[Exam]) -> "Figure | None":
    """The score given at each right score: how many rows, and their median."""
    if not any(pairs(exam) for exam in exams):
        return None
    drawn, panels = style.panels(
        exams, 2.0, x="right score", y="score given",
        title="Calibration of relevance (area: rows; black: median; dashed: perfect)",
    )  # fmt: skip
    for axes, exam, how in zip(panels, exams, style.series(exams), strict=True):
        told = pairs(exam)
        count = Counter(told)
        most = max(count.values())
        axes.plot([1, 10], [1, 10], color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.scatter(
            [truth for truth, _ in count], [guess for _, guess in count],
            s=[6 + 110 * n / most for n in count.values()],
            color=how.colour, alpha=0.55, linewidth=0,
        )  # fmt: skip
        middles = [
            (score, median(guess for truth, guess in told if truth == score))
            for score in _SCORES
            if any(truth == score for truth, _ in told)
        ]
        axes.plot(*zip(*middles, strict=True), color="black", linewidth=1, marker="_", markersize=7)
        axes.set(xlim=(0.2, 10.8), ylim=(-0.6, 10.8), aspect="equal")
        axes.set_xticks([1, 4, 7, 10])
        axes.set_yticks([0, 1, 4, 7, 10], ["invalid", "1", "4", "7", "10"])
    return drawn


def cumulative(exams: Sequence[Exam]) -> "Figure | None":
    """The share of rows whose score is at most so far off."""
    if not any(pairs(exam) for exam in exams):
        return None
    drawn, axes = style.figure(3.2)
    reach = range(10)
    for exam, how in zip(exams, style.series(exams), strict=True):
        gaps = [abs(guess - truth) for truth, guess in pairs(exam)]
        ys = [sum(gap <= k for gap in gaps) / len(gaps) for k in reach]
        axes.plot(reach, ys, color=how.colour, marker=how.marker, markersize=4.5, linewidth=1.2)
    truths = [truth for truth, _ in pairs(exams[0])]
    middle = median(truths)
    constant = [sum(abs(middle - t) <= k for t in truths) / len(truths) for k in reach]
    (line,) = axes.plot(
        reach, constant, color="black", linewidth=1.2, linestyle=(0, (4, 3)), zorder=5,
        label=f"always {middle:g}, the median",
    )  # fmt: skip
    axes.set(ylim=(-0.02, 1.02), xticks=list(reach))
    axes.set_xlabel("at most so far off")
    axes.set_ylabel("share of rows")
    axes.grid()
    axes.set_title("Cumulative error of relevance (higher is better)")
    style.legend(drawn, style.series(exams), [line])
    return drawn

"""Whether models say the same, and where a model does well."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from digest.schema import DigestFields
from finetune.evaluation import stats
from finetune.evaluation.evaluate import Exam
from finetune.evaluation.stats import Ratio
from finetune.evaluation.tree_score import similarity
from finetune.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEW = 5  # rows that a subset must have to be shown


def agreement(exams: Sequence[Exam]) -> "Figure | None":
    """The tree score of every model against every other, and against the references."""
    if len(exams) < 2:
        return None
    said: dict[str, dict[str, DigestFields | None]] = {
        "reference": {row.id: row.digest for row in exams[0].rows}
    }
    said |= {exam.name: {p.id: p.digest for p in exam.predictions} for exam in exams}
    names = list(said)
    fields = exams[0].fields
    table = [
        [_alike(said[a], said[b], fields) if a != b else float("nan") for b in names] for a in names
    ]
    drawn, axes = style.figure(1.4 + 0.42 * len(names))
    axes.imshow(table, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for y in range(len(names)):
        for x in range(len(names)):
            if x != y:
                axes.text(
                    x, y, f"{table[y][x]:.2f}", ha="center", va="center", fontsize=8.5,
                    color="white" if table[y][x] > 0.65 else "black",
                )  # fmt: skip
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Consistency: tree score between answers to the same row")
    return drawn


def _alike(
    left: dict[str, DigestFields | None],
    right: dict[str, DigestFields | None],
    fields: Sequence[str],
) -> float:
    """Mean over the rows that both answer, by the asked fields that both have."""
    scores = []
    for key in left.keys() & right.keys():
        a, b = left[key], right[key]
        if a and b:
            shared = [n for n in fields if n in a.asked() and n in b.asked()]
            if shared:
                scores.append(similarity(_part(a, shared), _part(b, shared)))
    return fmean(scores) if scores else float("nan")


def _part(digest: DigestFields, fields: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(digest, name) for name in fields}


def subsets(exams: Sequence[Exam]) -> "Figure | None":
    """The tree score by kind of document and by language."""
    if not style.with_any(["tree"], exams):
        return None
    members: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(exams[0].rows):
        members[row.kind].append(index)
    for index, row in enumerate(exams[0].rows):
        members["English" if row.lang == "en" else "other languages"].append(index)
    shown = {name: places for name, places in members.items() if len(places) >= _FEW}
    if len(shown) < 2:
        return None
    drawn, axes = style.figure(style.height(len(shown), len(exams)))
    step = 0.72 / max(2, len(exams))
    for line, places in enumerate(shown.values()):
        for place, (exam, how) in enumerate(zip(exams, style.series(exams), strict=True)):
            whole = exam.ratios["tree"]
            part = Ratio([whole.over[n] for n in places], [whole.under[n] for n in places])
            if (value := part.value()) is None:
                continue
            low, high = stats.interval(part, [exam.groups[n] for n in places])
            y = line + (place - (len(exams) - 1) / 2) * step
            axes.plot([low, high], [y, y], color=how.colour, linewidth=1.4, solid_capstyle="butt")
            axes.plot(value, y, how.marker, color=how.colour, markersize=4.5)
    style.rows(axes, [f"{name} (n = {len(places)})" for name, places in shown.items()])
    style.shares(axes, "tree score, mean with 95 % interval")
    axes.set_title("By kind of document and language")
    style.legend(drawn, style.series(exams))
    return drawn

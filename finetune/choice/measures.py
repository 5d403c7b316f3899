"""How well a choice agrees with the editor's: F1 over documents and over sentences."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from finetune.choice.labels import Document
from finetune.evaluation.stats import Ratio, interval


@dataclass(frozen=True, slots=True)
class Agreement:
    """F1 of choices against the editor's, with 95 % intervals over groups."""

    macro: float  # mean over documents
    macro_interval: tuple[float, float]
    micro: float  # over all sentences together
    micro_interval: tuple[float, float]
    precision: float
    recall: float

    def __str__(self) -> str:
        low, high = self.macro_interval
        under, over = self.micro_interval
        return (
            f"macro {self.macro:.3f} [{low:.3f}, {high:.3f}]  "
            f"micro {self.micro:.3f} [{under:.3f}, {over:.3f}]  "
            f"P {self.precision:.3f} R {self.recall:.3f}"
        )


def ratios(ours: Sequence[Collection[int]], theirs: Sequence[Collection[int]]) -> dict[str, Ratio]:
    """Agreement of `ours` with `theirs`, sets of sentence numbers, one a document: macro and micro
    F1, precision and recall over all sentences together. Two empty sets agree.
    """
    hits = [float(len(set(a) & set(b))) for a, b in zip(ours, theirs, strict=True)]
    chosen = [float(len(set(a))) for a in ours]
    right = [float(len(set(b))) for b in theirs]
    sizes = [a + b for a, b in zip(chosen, right, strict=True)]
    doubled = [2 * hit for hit in hits]
    each = [hit / size if size else 1.0 for hit, size in zip(doubled, sizes, strict=True)]
    return {
        "macro": Ratio.mean(each),
        "micro": Ratio(doubled, sizes),
        "precision": Ratio(hits, chosen),
        "recall": Ratio(hits, right),
    }


def agreement(
    ours: Sequence[Collection[int]], theirs: Sequence[Collection[int]], groups: Sequence[str]
) -> Agreement:
    """Agreement of `ours` with `theirs`, with intervals over groups."""
    found = ratios(ours, theirs)
    values = {name: ratio.value() or 0.0 for name, ratio in found.items()}
    return Agreement(
        values["macro"],
        interval(found["macro"], groups),
        values["micro"],
        interval(found["micro"], groups),
        values["precision"],
        values["recall"],
    )


def table(
    documents: Sequence[Document],
    chosen: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> dict[str, Agreement]:
    """Agreement of (summary, highlights) with the editor's: both together and each alone."""
    groups = [document.group for document in documents]
    return {
        "chosen": agreement(
            [{*summary, *rest} for summary, rest in chosen],
            [document.chosen for document in documents],
            groups,
        ),
        "summary": agreement(
            [summary for summary, _ in chosen], [document.summary for document in documents], groups
        ),
        "highlights": agreement(
            [rest for _, rest in chosen], [document.highlights for document in documents], groups
        ),
    }


def calibration(
    probabilities: Sequence[float], labels: Sequence[bool], bins: int = 10
) -> tuple[float, list[tuple[float, float, int]]]:
    """Expected calibration error, and (mean probability, share chosen, count) of every bin."""
    pairs = sorted(zip(probabilities, labels, strict=True), key=lambda pair: pair[0])
    out, error = [], 0.0
    for n in range(bins):
        part = pairs[n * len(pairs) // bins : (n + 1) * len(pairs) // bins]
        if part:
            said = sum(p for p, _ in part) / len(part)
            was = sum(label for _, label in part) / len(part)
            error += abs(said - was) * len(part) / len(pairs)
            out.append((said, was, len(part)))
    return error, out

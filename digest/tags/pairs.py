"""What is known of one label for one text, as numbers for the stacked model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, log1p

LIKELIEST = 30  # labels of a text that are weighed, besides those that stand in it
_LEAST = 0.001


@dataclass(frozen=True, slots=True)
class Label:
    """One label: how many rows have it, and of the rows whose text writes it how many do."""

    name: str
    words: str  # folded, with a space on both sides
    column: int
    count: int
    written: int  # rows whose title or text has the words
    both: int  # of these, with the label


@dataclass(frozen=True, slots=True)
class Seen:
    """A text as labels are looked up in it."""

    title: str  # folded words, spaced
    text: str
    names: Mapping[str, tuple[float, float]]  # key -> probability of a theme, of a company


def chosen(labels: Sequence[Label], totals: Sequence[float], seen: Seen) -> list[int]:
    """Places of the labels that are worth weighing."""
    order = sorted(range(len(labels)), key=totals.__getitem__, reverse=True)
    near = set(order[:LIKELIEST])
    return [
        n
        for n, label in enumerate(labels)
        if n in near or label.words in seen.title or label.words in seen.text
    ]


def features(
    label: Label,
    bases: Sequence[float],
    standing: tuple[float, int],
    seen: Seen,
    rows: int,
    own: tuple[bool, bool] = (False, False),
) -> list[float]:
    """Numbers for the stacked model. `bases` are the scores of the label, `standing` its distance
    to the best label and its rank. `own` says of a training row whether it has the label and
    writes it, so that it can be left out of the counts.
    """
    has, writes = own
    count = max(label.count - has, 0.5)
    written, both = label.written - writes, label.both - (has and writes)
    in_title, in_text = label.words in seen.title, label.words in seen.text
    if in_title or in_text:
        rate = (both + 0.3) / (written + 1)
    else:
        rate = (label.count - has - both + 0.3) / (rows - written + 1)
    parts = [f" {part} " for part in label.words.split()]
    share = sum(p in seen.title or p in seen.text for p in parts) / max(1, len(parts))
    share_title = sum(p in seen.title for p in parts) / max(1, len(parts))
    theme, company = seen.names.get(label.name.casefold(), (_LEAST, _LEAST))
    known = label.name.casefold() in seen.names
    clipped = [min(max(base, _LEAST), 1 - _LEAST) for base in bases]
    best = clipped[0]
    return [
        *clipped,
        *map(log, clipped),
        log(count),
        float(in_title),
        float(in_text),
        share,
        share_title,
        float(len(parts)),
        rate,
        log(max(rate, _LEAST / 10)),
        log(max(theme, _LEAST)),
        log(max(company, _LEAST)),
        known * best,
        in_title * best,
        in_text * best,
        in_title * rate,
        in_text * rate,
        standing[0],
        log1p(standing[1]),
        (len(parts) > 1) * share,
        log(best) * log(count),
    ]

"""What predictions are worth, against references. Flat names:

    n                          rows examined
    valid                      share of answers that obey the contract
    f1_FIELD                   list field: mean over rows of the F1 of the two sets; both empty
                               counts 1, one empty counts 0
    f1_FIELD_filled            the same over rows where not both are empty
    both_empty_FIELD           share of rows where both are empty
    f1_FIELD_micro             one F1 over all entries of all rows
    f1_overall                 mean of key_insights and company_names (as the seed defines it)
    relevance_mae              mean |error| of the score; an invalid answer counts as score 0
    relevance_mae_constant     the same of the best constant for these rows: the score to beat
    rouge_l_title/_summary     ROUGE-L F1 over lower-case words, no stemming
    grounding                  share of names and company names that occur in title + text
    dropped                    share of the model's names that were removed because they do not
    distinct_titles            share of titles that occur once

NAME_low and NAME_high bound the 95 % bootstrap interval over rows. Entries are compared after
Unicode and case folding.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from digest.grounding import GROUNDED, ground
from digest.schema import LIST_FIELDS, Row
from finetune.predictions import Prediction

if TYPE_CHECKING:
    import numpy as np

HEADLINE = 30  # rows below which no number is a headline
RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """A metric as a ratio of sums over rows, which is what a bootstrap can resample."""

    over: list[float] = field(default_factory=list)
    under: list[float] = field(default_factory=list)

    def add(self, over: float, under: float = 1.0) -> None:
        """One row."""
        self.over.append(over)
        self.under.append(under)

    def value(self) -> float | None:
        """The metric; None if there was nothing to measure."""
        return sum(self.over) / total if (total := sum(self.under)) else None


def measure(
    rows: Sequence[Row], predictions: Sequence[Prediction], fields: Sequence[str]
) -> dict[str, Ratio]:
    """Compare predictions with the rows' labels; a missing one counts as invalid."""
    found: dict[str, Ratio] = {}

    def add(name: str, over: float, under: float = 1.0) -> None:
        found.setdefault(name, Ratio()).add(over, under)

    constant = _constant(rows)
    given = {prediction.id: prediction for prediction in predictions}
    for row in rows:
        prediction = given.get(row.id, Prediction(row.id, None))
        digest = prediction.digest
        add("valid", float(digest is not None))
        overall = []
        for name in fields:
            truth = getattr(row.digest, name)
            guess = getattr(digest, name) if digest else None
            if truth is None:
                continue
            if name in LIST_FIELDS:
                f1 = _lists(name, fold_all(truth), fold_all(guess or []), digest is not None, add)
                if name in ("key_insights", "company_names"):
                    overall.append(f1)
            elif name == "relevance_score":
                add("relevance_mae", abs((guess or 0) - truth))
                add("relevance_mae_constant", abs(constant - truth))
            else:
                add(f"rouge_l_{name}", rouge_l(truth, guess or ""))
        if overall:
            add("f1_overall", sum(overall) / len(overall))
        if digest:
            ungrounded = set(ground(digest, row.title, row.text).dropped)
            entries = {e for n in GROUNDED for e in getattr(digest, n) or []}
            add("grounding", len(entries - ungrounded), len(entries))
            lost = len(prediction.dropped)
            add("dropped", lost, lost + len(entries))
    return found


def _lists(name: str, truth: set[str], guess: set[str], valid: bool, add: Any) -> float:
    hits = len(truth & guess)
    empty = not truth and not guess and valid
    f1 = 1.0 if empty else 2 * hits / max(1, len(truth) + len(guess))
    add(f"f1_{name}", f1)
    add(f"f1_{name}_filled", 0.0 if empty else f1, float(not empty))
    add(f"both_empty_{name}", float(empty))
    add(f"f1_{name}_micro", 2 * hits, len(truth) + len(guess))
    return f1


def _constant(rows: Sequence[Row]) -> float:
    scores = [r.digest.relevance_score for r in rows if r.digest.relevance_score is not None]
    return median(scores) if scores else 0


def fold(text: str) -> str:
    """Text for comparison: Unicode and case folded, white space as single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def fold_all(entries: Sequence[str]) -> set[str]:
    """The set that lists are compared as."""
    return {fold(entry) for entry in entries} - {""}


def rouge_l(reference: str, candidate: str) -> float:
    """F1 of the longest common subsequence of words."""
    a, b = _words(reference), _words(candidate)
    if not a or not b:
        return 0.0
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for index, other in enumerate(b, 1):
            before, row[index] = (
                row[index],
                before + 1 if word == other else max(row[index], row[index - 1]),
            )
    return 2 * row[-1] / (len(a) + len(b))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def table(
    rows: Sequence[Row],
    predictions: Sequence[Prediction],
    fields: Sequence[str],
    seed: int = 0,
) -> dict[str, float]:
    """All metrics with their intervals, flat."""
    flat: dict[str, float] = {"n": len(rows)}
    for name, ratio in measure(rows, predictions, fields).items():
        value = ratio.value()
        if value is not None:
            low, high = interval(ratio, seed)
            flat |= {name: value, f"{name}_low": low, f"{name}_high": high}
    if "title" in fields:
        titles = Counter(fold(p.digest.title or "") for p in predictions if p.digest)
        flat["distinct_titles"] = sum(c == 1 for c in titles.values()) / max(1, titles.total())
    return flat


def interval(ratio: Ratio, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap over rows."""
    import numpy as np

    return _percentiles(_resampled(ratio, seed), np)


def difference(ours: Ratio, theirs: Ratio, seed: int = 0) -> tuple[float, float, float]:
    """Ours minus theirs on the same rows, with the 95 % interval of the paired bootstrap."""
    import numpy as np

    # One seed: both are resampled with the same rows.
    gaps = _resampled(ours, seed) - _resampled(theirs, seed)
    return (ours.value() or 0.0) - (theirs.value() or 0.0), *_percentiles(gaps, np)


def _resampled(ratio: Ratio, seed: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    import numpy as np

    over, under = np.array(ratio.over), np.array(ratio.under)
    picks = np.random.default_rng(seed).integers(0, len(over), (RESAMPLES, len(over)))
    sums = under[picks].sum(axis=1)
    return np.divide(  # type: ignore[no-any-return]
        over[picks].sum(axis=1), sums, out=np.full(RESAMPLES, np.nan), where=sums > 0
    )


def _percentiles(values: Any, np: Any) -> tuple[float, float]:
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)

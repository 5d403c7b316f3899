"""Two or more models on the same rows: the first against each of the others, or all pairs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from math import isnan
from pathlib import Path
from typing import Any

from digest.errors import ConfigError
from digest.schema import Row
from finetune.evaluation import stats
from finetune.evaluation.catalogue import TESTED, better
from finetune.evaluation.evaluate import Exam
from finetune.evaluation.predictions import Prediction


@dataclass(frozen=True, slots=True)
class Versus:
    """The tests of one model against another."""

    ours: str
    theirs: str
    tests: list[stats.Comparison]

    def verdict(self, test: stats.Comparison) -> str:
        """In words: who is better, as far as the data can tell after correction."""
        if not test.p_holm < 0.05:
            return "not told apart"
        return self.ours if test.difference * better(test.metric) > 0 else self.theirs

    def rows(self, test: stats.Comparison) -> tuple[int, int, int]:
        """On how many rows ours is better, as good, and worse."""
        if better(test.metric) < 0:
            return test.below, test.equal, test.above
        return test.above, test.equal, test.below


def compare(
    exams: Sequence[Exam], metrics: Sequence[str] = TESTED, *, every: bool = False
) -> list[Versus]:
    """The first exam against each other, or every one against every other, by the metrics that
    both have. The p-values are corrected for the number of all tests together. Raises
    ConfigError if the rows differ.
    """
    if not exams:
        return []
    first, *others = exams
    for other in others:
        if [row.id for row in other.rows] != [row.id for row in first.rows]:
            raise ConfigError(
                f"{first.name!r} and {other.name!r} were examined on different rows; "
                "give both the same --data"
            )
    pairs = list(combinations(exams, 2)) if every else [(first, other) for other in others]
    found = [
        [
            stats.compare(name, one.ratios[name], other.ratios[name], one.groups)
            for name in metrics
            if name in one.ratios and name in other.ratios
        ]
        for one, other in pairs
    ]
    corrected = iter(stats.holm([test.p for tests in found for test in tests]))
    return [
        Versus(one.name, other.name, [replace(t, p_holm=next(corrected)) for t in tests])
        for (one, other), tests in zip(pairs, found, strict=True)
    ]


def common(
    rows: Sequence[Row], answers: Sequence[Sequence[Prediction]]
) -> tuple[list[Row], list[list[Prediction]]]:
    """Only the rows that every list of predictions answers, and those predictions."""
    shared = {row.id for row in rows}.intersection(*({p.id for p in one} for one in answers))
    kept = [row for row in rows if row.id in shared]
    return kept, [[p for p in one if p.id in shared] for one in answers]


def write(path: Path, results: Sequence[Versus]) -> None:
    """Write the comparisons as JSON, NaN as null."""
    records = [
        {"ours": v.ours, "theirs": v.theirs, "tests": [_record(v, t) for t in v.tests]}
        for v in results
    ]
    path.write_text(json.dumps(records, indent=1, allow_nan=False) + "\n", "utf-8")


def _record(versus: Versus, test: stats.Comparison) -> dict[str, Any]:
    won, tied, lost = versus.rows(test)
    counts = {"won": won, "tied": tied, "lost": lost, "better": versus.verdict(test)}
    return _plain(asdict(test) | counts)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and isnan(v) else v for k, v in record.items()}


def markdown(result: Versus) -> str:
    """A table of one comparison."""
    head = (
        f"| metric | {result.ours} | {result.theirs} | difference [95 %] | p | p (Holm) "
        f"| t p | Wilcoxon p | paired d | Cliff's δ | won, tied, lost | detectable | better |\n"
        f"|{'---|' * 13}\n"
    )
    return head + "".join(
        f"| {t.metric} | {t.ours:.3f} | {t.theirs:.3f} "
        f"| {t.difference:+.3f} [{t.low:+.3f}, {t.high:+.3f}] | {_p(t.p)} | {_p(t.p_holm)} "
        f"| {_p(t.p_t)} | {_p(t.p_wilcoxon)} | {_number(t.d)} | {_number(t.delta)} "
        f"| {', '.join(map(str, result.rows(t)))} | {t.detectable:.3f} | {result.verdict(t)} |\n"
        for t in result.tests
    )


def _p(value: float) -> str:
    if isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: float) -> str:
    return "–" if isnan(value) else f"{value:+.2f}"

"""How alike a text is to each training row, by words and by its encoder's vector, and what the
rows' labels say of it then.

Kernel ridge regression: a label's score is its mean plus the likeness to every row times that
row's coefficient. And a vote of the nearest rows. Both for all labels ("columns") at once.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from operator import mul
from typing import Any

from digest.tags.words import counts

NEAREST = 20  # rows that vote
_COLD = 0.05  # temperature of their votes: likeness that divides a vote by e
WORDS, VECTOR, BOTH = "words", "vector", "both"
UNIT = 127.0  # int8 steps of 1


@dataclass(slots=True)
class Likeness:
    """What is kept of the training rows.

    `postings` and `weights` hold, term after term, the rows with a term and its weight there
    (1 / 255); term n has those from `starts[n]` to `starts[n + 1]`. `vectors` are the rows' unit
    vectors around `centre` (int8). `coefficients` of a kernel are kept column after column
    (int8, with a scale a column).
    """

    rows: int
    terms: dict[str, int]
    idf: "array[float]"
    starts: "array[int]"
    postings: "array[int]"
    weights: "array[int]"
    vectors: list["array[int]"]
    centre: "array[float]"
    means: list[float]
    coefficients: dict[str, list["array[int]"]]
    scales: dict[str, list[float]]
    labels: list[tuple[int, ...]]  # columns that hold for a row

    @classmethod
    def of(cls, facts: Mapping[str, Any], arrays: Mapping[str, "array[Any]"]) -> "Likeness":
        """Read what `finetune.heads` wrote."""
        rows, width = facts["rows"], len(arrays["centre"])
        coefficients = {}
        for kernel in facts["scales"]:
            whole = arrays[f"coefficients-{kernel}"]
            coefficients[kernel] = [whole[n : n + rows] for n in range(0, len(whole), rows)]
        flat = arrays["vectors"]
        return cls(
            rows,
            {term: n for n, term in enumerate(facts["terms"])},
            arrays["idf"],
            arrays["starts"],
            arrays["postings"],
            arrays["weights"],
            [flat[n : n + width] for n in range(0, len(flat), width)] if width else [],
            arrays["centre"],
            facts["means"],
            coefficients,
            facts["scales"],
            [tuple(columns) for columns in facts["labels"]],
        )

    def kernels(
        self, title: str, text: str, vector: Sequence[float] | None
    ) -> dict[str, list[float]]:
        """Likeness to every row, by each measure that there is."""
        found = {WORDS: self._by_words(title, text)}
        if vector is not None and self.vectors:
            found[VECTOR] = self._by_vector(vector)
            pairs = zip(found[WORDS], found[VECTOR], strict=True)
            found[BOTH] = [left + right for left, right in pairs]
        return found

    def scores(self, kernel: str, likeness: Sequence[float]) -> list[float]:
        """What kernel ridge regression says of every column."""
        return [
            mean + scale * sum(map(mul, line, likeness))
            for mean, scale, line in zip(
                self.means, self.scales[kernel], self.coefficients[kernel], strict=True
            )
        ]

    def votes(self, likeness: Sequence[float]) -> dict[int, float]:
        """Weight of the nearest rows that have a column, for those that any of them has."""
        near = sorted(range(self.rows), key=likeness.__getitem__, reverse=True)[:NEAREST]
        return vote([likeness[n] for n in near], [self.labels[n] for n in near])

    def _by_words(self, title: str, text: str) -> list[float]:
        found = weighted(counts(title, text), self.terms, self.idf)
        likeness = [0.0] * self.rows
        for term, weight in found.items():
            share = weight / 255
            for place in range(self.starts[term], self.starts[term + 1]):
                likeness[self.postings[place]] += share * self.weights[place]
        return likeness

    def _by_vector(self, vector: Sequence[float]) -> list[float]:
        moved = [value - middle for value, middle in zip(vector, self.centre, strict=True)]
        length = sqrt(sum(map(mul, moved, moved))) or 1.0
        unit = [value / length / UNIT for value in moved]
        return [sum(map(mul, row, unit)) for row in self.vectors]


def weighted(
    found: Mapping[str, int], terms: Mapping[str, int], idf: Sequence[float]
) -> dict[int, float]:
    """TF-IDF of the known terms, with length 1."""
    raw = {
        place: (1 + log(count)) * idf[place]
        for term, count in found.items()
        if (place := terms.get(term)) is not None
    }
    length = sqrt(sum(value * value for value in raw.values())) or 1.0
    return {place: value / length for place, value in raw.items()}


def vote(near: Sequence[float], labels: Iterable[Sequence[int]]) -> dict[int, float]:
    """Votes of rows that are this near, the nearest first."""
    weights = [exp((value - near[0]) / _COLD) for value in near]
    whole = sum(weights)
    votes: dict[int, float] = {}
    for weight, columns in zip(weights, labels, strict=True):
        for column in columns:
            votes[column] = votes.get(column, 0.0) + weight / whole
    return votes

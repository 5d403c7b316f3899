"""Small boosted trees as data: fitted with scikit-learn elsewhere, read with nothing but Python."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of trees over named columns; its logistic is a probability.

    A tree is a row of nodes [column, threshold, step to the right-hand child], the left-hand child
    being the next node; a leaf is a bare number.
    """

    names: tuple[str, ...]
    base: float
    trees: tuple[tuple[float | tuple[int, float, int], ...], ...]

    @classmethod
    def load(cls, text: str) -> "Trees":
        """Read what `finetune.extract.fit` wrote."""
        found = json.loads(text)
        trees = tuple(
            tuple(node if isinstance(node, int | float) else (node[0], node[1], node[2])
                  for node in tree)
            for tree in found["trees"]
        )  # fmt: skip
        return cls(tuple(found["names"]), found["base"], trees)

    def score(self, row: Sequence[float]) -> float:
        """The log-odds of one row of columns."""
        total = self.base
        for tree in self.trees:
            at = 0
            node = tree[0]
            while isinstance(node, tuple):
                at += 1 if row[node[0]] <= node[1] else node[2]
                node = tree[at]
            total += node
        return total

    def probability(self, row: Sequence[float]) -> float:
        """Between 0 and 1."""
        return 1 / (1 + math.exp(-max(min(self.score(row), 30.0), -30.0)))

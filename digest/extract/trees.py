"""Small boosted trees as data: fitted with scikit-learn elsewhere, read with nothing but Python."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

_Tree = tuple[tuple[int, ...], tuple[float, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of trees over named columns; its logistic is a probability.

    A tree is three rows over its nodes: the column asked (-1 at a leaf), the threshold (the value
    at a leaf), and the steps to the right-hand child; the left-hand child is the next node.
    """

    names: tuple[str, ...]
    base: float
    trees: tuple[_Tree, ...]

    @classmethod
    def load(cls, text: str) -> "Trees":
        """Read what `finetune.extract.fit` wrote: nodes [column, threshold, steps], or leaves."""
        found = json.loads(text)
        trees = []
        for tree in found["trees"]:
            nodes = [node if isinstance(node, list) else [-1, node, 0] for node in tree]
            columns, values, steps = zip(*nodes, strict=True)
            trees.append((columns, values, steps))
        return cls(tuple(found["names"]), found["base"], tuple(trees))

    def score(self, row: Sequence[float]) -> float:
        """The log-odds of one row of columns."""
        total = self.base
        for columns, values, steps in self.trees:
            at = 0
            while (column := columns[at]) >= 0:
                at += 1 if row[column] <= values[at] else steps[at]
            total += values[at]
        return total

    def probability(self, row: Sequence[float]) -> float:
        """Between 0 and 1."""
        return 1 / (1 + math.exp(-max(min(self.score(row), 30.0), -30.0)))

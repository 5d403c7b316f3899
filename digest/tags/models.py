"""The two kinds of fitted models that the heads apply: logistic regression and small trees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from operator import mul
from typing import Any

_EDGE = 35.0  # beyond it the logistic function is 0 or 1 in a float


def sigmoid(x: float) -> float:
    """The logistic function."""
    return 1 / (1 + exp(-max(-_EDGE, min(_EDGE, x))))


@dataclass(frozen=True, slots=True)
class Linear:
    """Logistic regression; one line of weights, or one a class."""

    weights: list[list[float]]
    intercepts: list[float]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Linear":
        """Read what `finetune.heads` wrote."""
        return cls(data["weights"], data["intercepts"])

    def __call__(self, features: Sequence[float]) -> float:
        """Probability, of two classes."""
        return sigmoid(sum(map(mul, self.weights[0], features)) + self.intercepts[0])

    def classes(self, features: Sequence[float]) -> list[float]:
        """Probabilities of many classes."""
        raw = [
            sum(map(mul, line, features)) + add
            for line, add in zip(self.weights, self.intercepts, strict=True)
        ]
        top = max(raw)
        masses = [exp(value - top) for value in raw]
        return [mass / sum(masses) for mass in masses]


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosted regression trees over the log-odds. A node: feature (-1: a leaf), threshold or
    value, left child, right child.
    """

    start: float
    trees: list[list[list[float]]]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Trees":
        """Read what `finetune.heads` wrote."""
        return cls(data["start"], data["trees"])

    def __call__(self, features: Sequence[float]) -> float:
        """Probability, of two classes."""
        total = self.start
        for tree in self.trees:
            feature, value, left, right = tree[0]
            while feature >= 0:
                feature, value, left, right = tree[
                    int(left if features[int(feature)] <= value else right)
                ]
            total += value
        return sigmoid(total)

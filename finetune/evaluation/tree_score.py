"""How alike two JSON values are, leaf by leaf, between 0 and 1.

NuMind examines its extraction models (NuExtract) so: both values are trees, aligned by the names
of their nodes; aligned leaves are scored, strings by indel similarity (Levenshtein's without
replacement), all others by equality; the result is the mean over leaves. What that leaves open is
settled here:

    a leaf that has no partner scores 0
    entries of a list are paired one to one so that the sum of their scores is largest; their
    order does not matter
    two empty lists are one leaf that agrees; an empty one against a full one, its leaves at 0
    strings are folded first; the similarity is 1 - indels / (length of both)
"""

from collections.abc import Iterable, Sequence
from typing import Any

from finetune.evaluation.folding import fold


def similarity(truth: Any, guess: Any) -> float:
    """The score of two JSON values: symmetric, 1 for equal ones."""
    score, leaves = _score(truth, guess)
    return score / leaves


def _score(truth: Any, guess: Any) -> tuple[float, int]:
    """The sum of the leaves' scores and their number."""
    if isinstance(truth, dict) and isinstance(guess, dict):
        shared = truth.keys() & guess.keys()
        alone = [side[key] for side in (truth, guess) for key in side.keys() - shared]
        return _total([*(_score(truth[key], guess[key]) for key in shared), *map(_alone, alone)])
    if isinstance(truth, list) and isinstance(guess, list):
        return _lists(truth, guess)
    if isinstance(truth, str) and isinstance(guess, str):
        from rapidfuzz.distance import Indel

        return float(Indel.normalized_similarity(fold(truth), fold(guess))), 1
    if type(truth) is type(guess):
        return float(truth == guess), 1
    return 0.0, max(_alone(truth)[1], _alone(guess)[1])


def _lists(truth: Sequence[Any], guess: Sequence[Any]) -> tuple[float, int]:
    if not truth or not guess:
        return _total(map(_alone, truth or guess))
    from scipy.optimize import linear_sum_assignment

    scores = [[_score(t, g) for g in guess] for t in truth]
    likeness = [[score / leaves for score, leaves in line] for line in scores]
    left, right = linear_sum_assignment(likeness, maximize=True)
    pairs = [scores[i][j] for i, j in zip(left, right, strict=True)]
    rest = [t for i, t in enumerate(truth) if i not in left]
    rest += [g for j, g in enumerate(guess) if j not in right]
    return _total([*pairs, *map(_alone, rest)])


def _alone(value: Any) -> tuple[float, int]:
    """A value without a partner: nothing, over its leaves."""
    below = value.values() if isinstance(value, dict) else value
    if isinstance(value, (dict, list)) and value:
        return 0.0, sum(_alone(child)[1] for child in below)
    return 0.0, 1


def _total(parts: Iterable[tuple[float, int]]) -> tuple[float, int]:
    score, leaves = 0.0, 0
    for part, count in parts:
        score, leaves = score + part, leaves + count
    return (score, leaves) if leaves else (1.0, 1)

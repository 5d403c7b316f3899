"""How many entries to give: the number with the best expected F1, not those above a threshold.

F1 of a set against an unknown true one, where two empty sets count 1: entry n is true with its
probability, independently of the others, and further true entries that nobody proposes are
Poisson-distributed.
"""

from collections.abc import Sequence
from math import exp, factorial, prod

_CANDIDATES = 20  # likeliest entries that are weighed
_UNSEEN = 7  # most true entries outside the list that are reckoned with


def how_many(probabilities: Sequence[float], most: int, unseen: float = 0.0) -> int:
    """Entries to take from the front of `probabilities` (descending).

    At most `most`; `unseen` is the expected number of true entries outside the list.
    """
    seen = list(probabilities[:_CANDIDATES])
    expected = unseen + sum(probabilities[_CANDIDATES:])
    outside = [exp(-expected) * expected**n / factorial(n) for n in range(_UNSEEN + 1)]
    whole = sum(outside)
    outside = [mass / whole for mass in outside]
    best, number = prod(1 - p for p in seen) * outside[0], 0
    others = [
        _convolved(_number(seen[:n] + seen[n + 1 :]), outside) for n in range(min(most, len(seen)))
    ]
    for size in range(1, len(others) + 1):
        value = sum(
            seen[n] * sum(mass * 2 / (size + 1 + true) for true, mass in enumerate(others[n]))
            for n in range(size)
        )
        if value > best + 1e-12:
            best, number = value, size
    return number


def _number(probabilities: Sequence[float]) -> list[float]:
    """Distribution of how many of independent events happen."""
    masses = [1.0]
    for p in probabilities:
        masses = [
            kept * (1 - p) + risen * p
            for kept, risen in zip([*masses, 0.0], [0.0, *masses], strict=True)
        ]
    return masses


def _convolved(left: Sequence[float], right: Sequence[float]) -> list[float]:
    out = [0.0] * (len(left) + len(right) - 1)
    for n, a in enumerate(left):
        for m, b in enumerate(right):
            out[n + m] += a * b
    return out

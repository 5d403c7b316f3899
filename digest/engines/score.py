"""The relevance score: the median of what the model holds possible, not its single likeliest word.

A small model spreads its belief over several scores. The likeliest one is often an extreme; the
median of the distribution has the smallest expected absolute error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import exp

LOWEST, HIGHEST = 1, 10
TOP = 12  # likeliest tokens to look at: ten digits and a little more

_KEY = '"relevance_score":'
_SCORE = re.compile(rf"{_KEY}\s*(\d+)")  # Ollama's grammar lets a model indent


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token and the log probabilities of the likeliest ones in its place."""

    text: str
    likeliest: Mapping[str, float]


def until_score(text: str) -> str:
    """The answer up to where its relevance score begins; "" if it has none."""
    found = _SCORE.search(text)
    return text[: found.start(1)] if found else ""


def with_median(text: str, masses: Mapping[int, float]) -> str:
    """`text` with its relevance score replaced by the median of the distribution."""
    found = _SCORE.search(text)
    if not found or not masses:
        return text
    return f"{text[: found.start(1)]}{median(masses)}{text[found.end(1) :]}"


def distribution(steps: Sequence[Step]) -> dict[int, float]:
    """Probabilities of the scores 1 to 10 where the model wrote its own; {} if it wrote none.

    Where digits are tokens, 10 begins like 1. What the model does after a 1 is known only if it
    wrote one; if not, the whole mass goes to the end of the scale that its own score is nearer to.
    """
    written = ""
    for step, after in zip_longest(steps, steps[1:]):
        if written.rstrip().endswith(_KEY) and not step.text.isspace():
            masses = {n: exp(p) for t, p in step.likeliest.items() if (n := _number(t))}
            if len(step.text) == 1 and HIGHEST not in masses and LOWEST in masses:
                ten = _ten(step, after)
                masses[HIGHEST] = masses[LOWEST] * ten
                masses[LOWEST] *= 1 - ten
            total = sum(masses.values())
            return {n: masses[n] / total for n in sorted(masses)} if total else {}
        written += step.text
    return {}


def median(masses: Mapping[int, float]) -> int:
    """The smallest score that at least half of the mass does not exceed."""
    below = 0.0
    for score in sorted(masses):
        below += masses[score]
        if below >= 0.5 * sum(masses.values()):
            return score
    raise ValueError("no scores")


def _number(token: str) -> int:
    number = int(token) if token.isascii() and token.isdigit() else 0
    return number if LOWEST <= number <= HIGHEST else 0


def _ten(step: Step, after: Step | None) -> float:
    """The share of a leading digit 1 that is a 10."""
    if step.text != str(LOWEST):
        own = _number(step.text)
        return float(own > (LOWEST + HIGHEST) / 2)
    if not after:
        return 0.0
    zero = exp(after.likeliest["0"]) if "0" in after.likeliest else 0.0
    ends = sum(exp(p) for t, p in after.likeliest.items() if t[:1] in (",", "}"))
    return zero / (zero + ends) if zero + ends else float(after.text == "0")

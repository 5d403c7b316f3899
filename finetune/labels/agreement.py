"""How far several teachers agree on a document, and whose labels are taken."""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from digest.schema import DigestFields, json_schema
from finetune.evaluation.tree_score import similarity


def alike(name: str, one: Any, other: Any) -> float:
    """How alike two values of a field are, between 0 and 1.

    Texts and lists as `finetune.evaluation.tree_score` has it, a score by its distance.
    """
    if isinstance(one, int) and isinstance(other, int):
        schema = json_schema([name])["properties"][name]
        return 1 - abs(one - other) / float(schema["maximum"] - schema["minimum"])
    return similarity(one, other)


def agreement(digests: Sequence[DigestFields]) -> dict[str, float]:
    """By field, the mean likeness of all pairs that have it; needs two digests or more."""
    found: dict[str, list[float]] = {}
    for one, other in combinations(digests, 2):
        for name in one.asked():
            if (value := getattr(other, name)) is not None:
                found.setdefault(name, []).append(alike(name, getattr(one, name), value))
    return {name: round(fmean(values), 4) for name, values in found.items()}


def central(digests: Sequence[DigestFields]) -> int:
    """Which digest agrees best with the others; the first of equals, so the first of two.

    A whole digest is taken, not the best of each field: its texts belong together.
    """

    def likeness(number: int) -> float:
        others = [other for index, other in enumerate(digests) if index != number]
        scores = [fmean(agreement([digests[number], other]).values() or [0.0]) for other in others]
        return round(fmean(scores), 6) if scores else 1.0

    return max(range(len(digests)), key=lambda number: (likeness(number), -number))

"""Stories like those that the reader rated: a light push up or down, and its reason.

A story is like a rated one where they speak of the same names, companies and themes. What is
rare among the votes counts more than a domain that half of all stories share.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from digest.records import Analyzed
from digest.stories.terms import key
from digest.stories.trends import labels

Vote = Literal["up", "down", "more", "less"]
POINTS = {"more": 1.0, "up": 0.5, "down": -0.5, "less": -1.0}  # of relevance, for a twin
_ALIKE = 0.25  # of all they speak of together, in common, from which two stories are alike
_MOST = 1.0  # points in all: the reader's votes bend the order, they do not make it


@dataclass(frozen=True, slots=True)
class Rated:
    """A vote, and what the story speaks of."""

    item: str  # id
    vote: Vote
    reason: str
    title: str
    publisher: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Liking:
    """What votes say of a story: points of relevance, and the rated story that it is like."""

    points: float = 0.0
    like: str = ""  # the title of the rated story that counts most

    @property
    def reason(self) -> str:
        """`more like “Dam breaks”`; "" if no vote bears on the story."""
        if not self.like:
            return ""
        return f"{'more' if self.points > 0 else 'less'} like “{self.like}”"


NEUTRAL = Liking()


def liking(members: Sequence[Analyzed], ratings: Sequence[Rated]) -> Liking:
    """What the votes say of a story, by all of its tellings."""
    mine = {key(label) for one in members for label in labels(one.digest.fields)}
    if not (mine and ratings):
        return NEUTRAL
    common = Counter(label for one in ratings for label in {key(name) for name in one.labels})
    told = {one.item.id for one in members}
    found = []
    for rated in ratings:
        theirs = {key(label) for label in rated.labels}
        shared = _mass(mine & theirs, common) / (_mass(mine | theirs, common) or 1.0)
        if rated.item in told:
            shared = 1.0
        if shared >= _ALIKE:
            found.append((POINTS[rated.vote] * shared, rated.title))
    if not found:
        return NEUTRAL
    total = sum(points for points, _ in found)
    points = max(-_MOST, min(_MOST, total))
    same = [one for one in found if one[0] * points > 0]
    if not same:
        return NEUTRAL
    return Liking(round(points, 3), max(same, key=lambda one: abs(one[0]))[1])


def _mass(found: Iterable[str], common: Counter[str]) -> float:
    return math.fsum(1 / math.sqrt(1 + common[label]) for label in found)

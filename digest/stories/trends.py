"""What is new, rising or gone against the documents told of before: names, companies, themes.

The question is asked of each publisher for itself: of its documents that speak of a label, how
many would fall into this period if it spoke of it as evenly as ever? Under that hypothesis their
number is hypergeometric, and the sum over publishers is the exact conditional form of the
Cochran-Mantel-Haenszel test. So a publisher that is read since yesterday, comes more often than
before, or names itself in each issue makes no trend. Of the many labels that are tested, at most
about one statement in twenty is chance (Benjamini and Hochberg).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from digest.schema import DigestFields
from digest.stories.terms import key

Kind = Literal["company", "name", "theme"]
Direction = Literal["new", "rising", "gone"]

FALSE_DISCOVERIES = 0.05  # expected share of statements that are chance
FEWEST = 3  # documents; what fewer speak of is not worth a statement
SHOWN = 5  # statements of a direction that a report makes
AT_LEAST = timedelta(days=28)  # to look back; a month has every weekly issue four times
PERIODS = 4  # and at least so many periods of the same length


@dataclass(frozen=True, slots=True)
class Mentions:
    """What one digest speaks of: the label as it is spelled there -> its kind."""

    document: str  # id
    publisher: str
    labels: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was told of before: since when, and what it speaks of."""

    since: datetime
    mentions: tuple[Mentions, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """One statement. All numbers count documents."""

    label: str
    kind: Kind
    direction: Direction
    now: int  # speak of it in this period
    before: int
    publishers: int  # that speak of it, in this period or, of what is gone, before
    p: float  # how likely chance alone shows so much or more


@dataclass(frozen=True, slots=True)
class Trends:
    """All statements, the surest of each direction first, and how many documents they rest on."""

    now: int
    before: int
    found: tuple[Trend, ...]

    def of(self, direction: Direction) -> tuple[Trend, ...]:
        """Those of one direction."""
        return tuple(one for one in self.found if one.direction == direction)


def labels(fields: DigestFields) -> dict[str, Kind]:
    """What a digest speaks of; the most telling kind of a label that has several."""
    found: dict[str, Kind] = {}
    kinds: tuple[tuple[Kind, Iterable[str]], ...] = (
        ("company", fields.company_names or ()),
        ("name", fields.names or ()),
        ("theme", (*(fields.key_insights or ()), *(fields.domains or ()))),
    )
    for kind, spelled in kinds:
        for label in spelled:
            found.setdefault(label, kind)
    return found


def begin(start: datetime, end: datetime) -> datetime:
    """How far a comparison with the period from `start` to `end` looks back."""
    try:
        return start - max(AT_LEAST, PERIODS * (end - start))
    except OverflowError:  # somebody's document is dated before the calendar
        return datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Spoken:
    """Who speaks of one label; (now, before) each."""

    spelled: Counter[str] = field(default_factory=Counter)
    kinds: set[Kind] = field(default_factory=set)
    documents: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))


def compare(now: Iterable[Mentions], before: Iterable[Mentions]) -> Trends:
    """Find what changed. The result does not depend on the order of the input.

    Documents that are in both count for `now` alone.
    """
    spoken: dict[str, _Spoken] = defaultdict(_Spoken)
    homes: tuple[dict[str, str], dict[str, str]] = ({}, {})  # document -> publisher
    for side, told in enumerate((now, before)):
        for one in told:
            if side and one.document in homes[0]:
                continue
            homes[side][one.document] = one.publisher
            for label, kind in one.labels.items():
                if same := key(label):
                    spoken[same].spelled[" ".join(label.split())] += 1
                    spoken[same].kinds.add(kind)
                    spoken[same].documents[side][one.document] = one.publisher
    sizes = Counter(homes[0].values()), Counter(homes[1].values())
    tested: tuple[list[Trend], list[Trend]] = ([], [])
    for each in spoken.values():
        counts = len(each.documents[0]), len(each.documents[1])
        if sum(counts) < FEWEST:
            continue
        chances = _distribution(each.documents, sizes)
        up, down = math.fsum(chances[counts[0] :]), math.fsum(chances[: counts[0] + 1])
        # What could not be told from chance however it fell is no test and costs none.
        if chances[-1] <= FALSE_DISCOVERIES:
            tested[0].append(_trend(each, "rising" if counts[1] else "new", up))
        if 0 < chances[0] <= FALSE_DISCOVERIES:
            tested[1].append(_trend(each, "gone", down))
    found = [
        *(one for one in _kept(tested[0]) if one.now >= FEWEST),
        *(one for one in _kept(tested[1]) if one.now == 0),
    ]
    order = {"new": 0, "rising": 1, "gone": 2}
    found.sort(key=lambda one: (order[one.direction], one.p, -one.now - one.before, one.label))
    return Trends(len(homes[0]), len(homes[1]), tuple(found))


def _trend(spoken: _Spoken, direction: Direction, p: float) -> Trend:
    side = spoken.documents[direction == "gone"]
    kinds: tuple[Kind, ...] = ("company", "name", "theme")
    spelled = spoken.spelled
    return Trend(
        label=min(spelled, key=lambda text: (-spelled[text], text.isupper(), text)),
        kind=next(kind for kind in kinds if kind in spoken.kinds),
        direction=direction,
        now=len(spoken.documents[0]),
        before=len(spoken.documents[1]),
        publishers=len(set(side.values())),
        p=min(p, 1.0),
    )


def _distribution(
    documents: Sequence[Mapping[str, str]], sizes: Sequence[Mapping[str, int]]
) -> list[float]:
    """Chance of each number of documents in this period, from the least possible to the most.

    Indexed by the number: what cannot be has the chance 0 below, and is left out above.
    """
    speak = Counter(documents[0].values()) + Counter(documents[1].values())
    chances = [1.0]
    for publisher, told in sorted(speak.items()):
        now, before = sizes[0].get(publisher, 0), sizes[1].get(publisher, 0)
        part = _hypergeometric(told, now, before)
        summed = [0.0] * (len(chances) + len(part) - 1)
        for i, one in enumerate(chances):
            for j, other in enumerate(part):
                summed[i + j] += one * other
        chances = summed
    return chances


@lru_cache(maxsize=4096)
def _hypergeometric(drawn: int, now: int, before: int) -> list[float]:
    """Of `drawn` documents out of `now` and `before`, the chance that 0, 1, ... are of now."""
    ways = _log_ways(now + before, drawn)
    return [
        math.exp(_log_ways(now, k) + _log_ways(before, drawn - k) - ways)
        for k in range(min(drawn, now) + 1)
    ]


def _log_ways(n: int, k: int) -> float:
    """Of the number of ways to choose k of n; of none, minus infinity."""
    if k > n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _kept(tested: Sequence[Trend]) -> list[Trend]:
    """Those that stand when as many as these were looked at (Benjamini and Hochberg)."""
    ranked = sorted(tested, key=lambda one: one.p)
    limits = [FALSE_DISCOVERIES * rank / len(ranked) for rank in range(1, len(ranked) + 1)]
    sure = [n for n, (one, limit) in enumerate(zip(ranked, limits, strict=True)) if one.p <= limit]
    return ranked[: sure[-1] + 1] if sure else []

"""Names that stand in a text, as candidates for companies and for themes of their own.

A candidate is a run of capitalised words, a part of one, or a name that the training rows know;
nothing that the text does not write is ever one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log1p

from digest.engines.lexicon import LINKS, ORDINARY, ORGANISATION
from digest.tags.words import Token, capital_share, tokens

TEXT = 3000  # characters of a text in which names are looked for
LONGEST = 4  # words of a known name
_NAME = 0.5  # words with a capital less often than this are no part of a name, at a title's case
_LETTER = re.compile(r"[^\W\d_]")
_CAMEL = re.compile(r"[a-z][A-Z]")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_BEFORE = _words(
    "at by from with of for and to in on the against than like via , ( is as said says how why ^"
)
_AFTER = _words(
    "is has said says will and to 's , ) announced launched released launches releases "
    "plans unveiled ceo ai inc for wants could can are was raises raised which model models "
    "users reportedly expands introduces $"
)
_ABOUT = _words(
    "startup company inc ceo launch announc released raised funding partner billion sponsor "
    "chip model github"
)


@dataclass(slots=True)
class Place:
    """Where a candidate stands: tokens `start` to `end` (included) of the title or the text."""

    title: bool
    start: int
    end: int
    line: Sequence[Token]
    source: str

    @property
    def before(self) -> str:
        """The folded word or sign in front; ^ at the beginning."""
        return self.line[self.start - 1].word.casefold() if self.start else "^"

    @property
    def after(self) -> str:
        """The folded word or sign behind; $ at the end, 's for a possessive."""
        close = self.line[self.end].end
        if self.source[close : close + 2] in ("'s", "’s"):
            return "'s"
        return self.line[self.end + 1].word.casefold() if self.end + 1 < len(self.line) else "$"


@dataclass(slots=True)
class Candidate:
    """A name as first spelled, and where it stands."""

    name: str
    places: list[Place] = field(default_factory=list)


def key(name: str) -> str:
    """Names that are compared as the same."""
    return " ".join(name.casefold().split())


def candidates(
    title: str, text: str, usual: Mapping[str, float], known: Iterable[str] = ()
) -> dict[str, Candidate]:
    """Candidates by their key; `known` holds keys of names to look for besides."""
    known = frozenset(known)
    found: dict[str, Candidate] = {}
    for source, in_title in ((title, True), (text[:TEXT], False)):
        line = tokens(source)
        spans = {span for run in _runs(line, source) for span in _parts(run, line, usual)}
        spans |= _known(line, known)
        for start, end in sorted(spans):
            name = source[line[start].start : line[end].end]
            if len(name) > 1 and _LETTER.search(name):
                candidate = found.setdefault(key(name), Candidate(name))
                candidate.places.append(Place(in_title, start, end, line, source))
    return found


def _runs(line: Sequence[Token], source: str) -> Iterable[tuple[int, int]]:
    """Longest runs of capitalised words, with words like "of" inside; ordinary first words left
    out.
    """
    n = 0
    while n < len(line):
        if not line[n].capital:
            n += 1
            continue
        end = m = n
        while m + 1 < len(line):
            between = source[line[m].end : line[m + 1].start]
            following = line[m + 1]
            if between.strip() or "\n" in between:
                break
            if following.capital or following.word[0].isdigit():
                m += 1
                end = m
            elif following.word in LINKS and m + 2 < len(line) and line[m + 2].capital:
                m += 1
            else:
                break
        start = n
        while start <= end and line[start].word.casefold() in ORDINARY:
            start += 1
        if start <= end:
            yield start, end
        n = end + 1


def _parts(
    run: tuple[int, int], line: Sequence[Token], usual: Mapping[str, float]
) -> Iterable[tuple[int, int]]:
    """A run, its ends, and what is left of it without words that are usually in lower case."""
    start, end = run
    yield run
    yield start, start
    yield end, end
    if end - start >= 2:
        yield start, start + 1
    opened = None
    for n in range(start, end + 2):
        named = n <= end and capital_share(line[n].word, usual) >= _NAME
        if named and opened is None:
            opened = n
        elif not named and opened is not None:
            yield opened, n - 1
            opened = None


def _known(line: Sequence[Token], known: frozenset[str]) -> set[tuple[int, int]]:
    folded = [token.word.casefold() for token in line]
    return {
        (start, start + size - 1)
        for start in range(len(line))
        for size in range(1, LONGEST + 1)
        if start + size <= len(line)
        and " ".join(folded[start : start + size]) in known
        and any(token.capital for token in line[start : start + size])
    }


def shape(candidate: Candidate, title: str, text: str, usual: Mapping[str, float]) -> list[float]:
    """What the text itself says of a candidate: case, place, neighbours. Always as long."""
    name, places = candidate.name, candidate.places
    parts = name.split()
    body = [place for place in places if not place.title]
    first = min((place.line[place.start].start for place in body), default=TEXT)
    shares = [capital_share(part, usual) for part in parts]
    before = {place.before for place in places}
    after = {place.after for place in places}
    about = f"{title} {text[:2000]}".casefold()
    flags = [
        len(places) > len(body),
        any(place.title and place.start == 0 for place in places),
        bool(body),
        bool(body) and all(place.line[place.start].first for place in body),
        len(parts) == 1,
        len(parts) == 1 and name.isupper(),
        bool(_CAMEL.search(name)),
        any(map(str.isdigit, name)),
        any(part.casefold().strip(".") in ORGANISATION for part in parts),
        any(part.casefold() == "ai" for part in parts),
        "." in name,
        any(_joined(place, -1) for place in places),
        any(_joined(place, 1) for place in places),
        not all(_joined(place, 1) for place in places),
        *(word in before for word in _BEFORE),
        *(word in after for word in _AFTER),
        *(stem in about for stem in _ABOUT),
    ]
    numbers = [
        log1p(len(body)),
        log1p(first) / 8,
        float(len(parts)),
        len(name) / 10,
        min(shares),
        sum(shares) / len(shares),
    ]
    return numbers + [float(flag) for flag in flags]


def _joined(place: Place, side: int) -> bool:
    """Whether the next word on this side is capitalised too, so that the name may go on."""
    near = place.start - 1 if side < 0 else place.end + 1
    if not 0 <= near < len(place.line):
        return False
    token = place.line[near]
    if side < 0:
        return token.capital and token.word.casefold() not in ORDINARY
    return place.after != "'s" and (token.capital or token.word[0].isdigit())


@dataclass(slots=True)
class Gazetteer:
    """How often a key occurred in training rows, and was a company, a name, a theme there."""

    counts: dict[str, tuple[int, int, int, int]]

    def record(
        self, name: str, title: bool, own: tuple[int, int, int, int] = (0, 0, 0, 0)
    ) -> list[float]:
        """What the training rows say of a name. `own` is taken off: of a training row its own
        share, so that it does not see its answer.
        """
        occurred, company, named, theme = (
            all_ - mine for all_, mine in zip(self.counts.get(name, own), own, strict=True)
        )
        rate, themed = (company + 0.2) / (occurred + 1), (theme + 0.2) / (occurred + 1)
        return [
            log1p(company),
            rate,
            rate if company else 0.0,
            float(company == 0 and occurred > 2),
            log1p(occurred),
            log1p(named),
            (company + 0.15) / (named + 1),
            log1p(theme),
            float(named == 0 and company == 0),
            themed,
            rate if title else 0.0,
            themed if title else 0.0,
        ]

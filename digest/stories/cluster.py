"""The same story once: digests of one story from several places become one Story.

Exact: the same content, or the same canonical URL where that URL stands for one story. Near: the
weighted words of two headlines, and those of what they stand over, point the same way; or what one
says is mostly found in what the other says. Nothing is ever lost: every digest that comes in is
a member of exactly one Story, with its links. When in doubt, stories stay apart: a story told
twice costs a reader seconds, two stories told as one cost the second.
"""

import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Self
from urllib.parse import urlsplit

from digest.html.urls import canonical
from digest.records import Analyzed
from digest.stories.interests import Match
from digest.stories.liking import NEUTRAL, Liking
from digest.stories.terms import words

# Similarities from these on are one story. docs/report.md tells how they were measured.
SIMILAR = 0.50
SIMILAR_AT_HOME = 0.70  # one publisher repeats its columns and phrases more than its stories
ALIKE = 0.20  # bodies less alike than this are not one story, however alike the titles
TOLD = 0.13  # the share of a brief that an article holds, times their likeness
TOLD_IN_NUMBERS = 0.09  # the same where their numbers agree
HEADLINES = 0.30  # of both headlines, on average, the other text holds: they say what is new
SHARED = 6  # words at least that a brief shares: a line or two are found in anything
APART = timedelta(days=10)  # a column that returns with new content is not one story

_NEWS = {"story", "link"}
_TEXT_WORDS, _TEXT_CHARACTERS = 250, 8000  # a story says what it is about early
_TITLE_CHARACTERS = 300
_OPENING_CHARACTERS = 200
_KEY_TERMS = 16  # of each text, to find candidates by
_COMMON = 40  # a term in more texts than this finds no candidates
_PRIOR = 200  # weigh terms as if they came from at least so many texts: a small run is no corpus

_URL = re.compile(r"\b\w{2,20}://\S+|\]\([^)]{0,2000}\)")
_QUANTITY = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)*)(?:[\s-]?([^\W\d_]{3,}))?")
_THOUSANDS = re.compile(r"[.,](?=\d{3}\b)")
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class Story:
    """One story and everybody who told it: `members`, the best first.

    `score` in 0..1 says how sure it is that they tell the same: 1 if they are equal, or if there
    is one only; else the weakest similarity of a member to the first.
    """

    members: tuple[Analyzed, ...]
    score: float = 1.0
    interests: tuple[Match, ...] = ()  # of the reader, the closest first
    liking: Liking = NEUTRAL  # what the reader's votes on other stories say of it

    @property
    def lead(self) -> Analyzed:
        """The member that stands for the story."""
        return self.members[0]


def cluster(analyzed: Sequence[Analyzed]) -> list[Story]:
    """Group the digests by story. The result does not depend on the order of the input."""
    ordered = sorted(analyzed, key=_rank)
    groups = _exact(ordered)
    leads = [group[0] for group in groups]
    joined: dict[int, list[tuple[float, int]]] = defaultdict(list)  # leader -> (score, group)
    taken: set[int] = set()
    similar = _similar_pairs(leads)
    for leader in range(len(groups)):
        if leader in taken:
            continue
        for other, score in sorted(similar.get(leader, {}).items()):
            if other > leader and other not in taken:
                taken.add(other)
                joined[leader].append((score, other))
    stories = []
    for leader, group in enumerate(groups):
        if leader not in taken:
            near = [one for _, other in joined[leader] for one in groups[other]]
            score = min((score for score, _ in joined[leader]), default=1.0)
            stories.append(Story((*group, *near), round(score, 3)))
    return stories


def _rank(one: Analyzed) -> tuple[object, ...]:
    """Best teller first: a whole answer over a degraded one, a story over a bare link."""
    item, digest = one.item, one.digest
    return (
        bool(digest.provenance.degraded),
        item.kind == "link",
        -(digest.fields.relevance_score or 0),
        -min(len(item.text), 2000),
        item.id,
        item.kind,
        item.content_hash,
        item.url,
        digest.fields.to_json(),
    )


def _genre(one: Analyzed) -> str:
    """Only things of one genre can be the same: an advert for a product is not its news."""
    return "news" if one.item.kind in _NEWS else one.item.kind


def _exact(ordered: Sequence[Analyzed]) -> list[list[Analyzed]]:
    """Group what is equal by content or by a URL that stands for one story."""
    urls = [_story_url(one.item.url) for one in ordered]
    contents: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one, url in zip(ordered, urls, strict=True):
        contents[one.item.document_id, url].add(one.item.content_hash)
    # A URL under several items of one issue (the issue itself, a shop) identifies none of them.
    shared = {url for (_, url), hashes in contents.items() if len(hashes) > 1}
    home: dict[tuple[str, str], int] = {}
    merged = list(range(len(ordered)))

    def root(index: int) -> int:
        while merged[index] != index:
            merged[index] = index = merged[merged[index]]
        return index

    for index, (one, url) in enumerate(zip(ordered, urls, strict=True)):
        keys = [one.item.content_hash] if one.item.text.strip() else []
        keys += [url] if url and url not in shared else []
        for key in keys:
            other = root(home.setdefault((_genre(one), key), index))
            mine = root(index)
            merged[max(mine, other)] = min(mine, other)
    groups: dict[int, list[Analyzed]] = defaultdict(list)
    for index, one in enumerate(ordered):
        groups[root(index)].append(one)
    return [groups[index] for index in sorted(groups)]


def _story_url(url: str) -> str:
    """The canonical URL, or "" if it is a front page and so no story's address."""
    if not url:
        return ""
    clean = canonical(url)
    try:
        parts = urlsplit(clean)
    except ValueError:
        return ""
    is_page = parts.scheme in {"http", "https"} and (parts.path.strip("/") or parts.query)
    return clean if is_page else ""


def _similar_pairs(leads: Sequence[Analyzed]) -> dict[int, dict[int, float]]:
    """Index -> {index: similarity} of the pairs that tell one story.

    Candidates share at least two rare terms, found by an inverted index whose postings are
    bounded: time grows with the number of texts, not with its square.
    """
    terms: dict[str, int] = {}
    bodies = _Vectors((_body(one) for one in leads), terms)
    titles = _Vectors((_title(one) for one in leads), terms)
    frequency = Counter[int]()
    for index in range(len(leads)):
        frequency.update({*bodies.terms[index], *titles.terms[index]})
    briefs = _Briefs(leads, titles.terms, terms)
    quantities = [_Quantities(one) for one in leads]
    postings: dict[int, list[int]] = defaultdict(list)
    similar: dict[int, dict[int, float]] = defaultdict(dict)
    for index, one in enumerate(leads):
        if _genre(one) != "news":
            continue  # adverts and appeals are cast in moulds; only equal ones are joined
        body, title = bodies[index], titles[index]
        weights = {**body, **title}
        rare = (term for term in weights if 2 <= frequency[term] <= _COMMON)
        keys = sorted(rare, key=lambda term: (-weights[term], term))[:_KEY_TERMS]
        shared = Counter(other for term in keys for other in postings[term])
        for other in sorted(other for other, common in shared.items() if common > 1):
            alike = bodies.cosine(other, body)
            score = (alike + titles.cosine(other, title)) / 2
            pair = one, leads[other]
            mine, theirs = quantities[index], quantities[other]
            if alike < ALIKE or not _near_in_time(*pair) or not mine.titles_agree(theirs):
                continue
            threshold = SIMILAR_AT_HOME if mine.at_odds(theirs) else _threshold(*pair)
            if score < threshold == SIMILAR:
                told = briefs.told(index, other) / TOLD
                if mine.agree(theirs):
                    told *= TOLD / TOLD_IN_NUMBERS
                elif briefs.headlines(index, other) < HEADLINES:
                    told = 0.0
                score = max(score, min(1.0, SIMILAR * told))
            if score >= threshold:
                similar[index][other] = similar[other][index] = score
        for term in keys:
            postings[term].append(index)
    return similar


class _Vectors:
    """Weights of length 1 each: the logarithm of a term's count times that of its rarity.

    Terms are numbers in `terms`, which grows; flat arrays take a tenth of what dictionaries do.
    """

    def __init__(self, texts: Iterable[Counter[str]], terms: dict[str, int]) -> None:
        self.terms: list[array[int]] = []
        self._weights: list[array[float]] = []
        frequency = Counter[int]()
        for counts in texts:
            self.terms.append(array("I", (terms.setdefault(t, len(terms)) for t in counts)))
            self._weights.append(array("d", (1 + math.log(n) for n in counts.values())))
            frequency.update(self.terms[-1])
        size = max(len(self.terms), _PRIOR)
        self.rarity = {term: math.log(1 + size / n) for term, n in frequency.items()}
        for found, weights in zip(self.terms, self._weights, strict=True):
            for place, term in enumerate(found):
                weights[place] *= self.rarity[term]
            length = math.sqrt(math.fsum(weight * weight for weight in weights)) or 1.0
            for place, weight in enumerate(weights):
                weights[place] = weight / length

    def __getitem__(self, index: int) -> dict[int, float]:
        return dict(zip(self.terms[index], self._weights[index], strict=True))

    def cosine(self, index: int, other: Mapping[int, float]) -> float:
        """Between the text at this place and a vector."""
        pairs = zip(self.terms[index], self._weights[index], strict=True)
        return min(1.0, math.fsum(weight * other[t] for t, weight in pairs if t in other))


class _Briefs:
    """Tells whether one text is a short telling of the other; headlines count twice."""

    def __init__(
        self, texts: Sequence[Analyzed], titles: Sequence[Sequence[int]], terms: dict[str, int]
    ) -> None:
        self._vectors = _Vectors((_body(one) + _title(one) + _title(one) for one in texts), terms)
        self._titles = titles

    def told(self, one: int, other: int) -> float:
        """How far the longer text holds the shorter, by rarity and as wholes; 0 if by chance."""
        short, long = sorted((one, other), key=lambda index: len(self._vectors.terms[index]))
        held = self._vectors[long]
        shared = [term for term in self._vectors.terms[short] if term in held]
        if len(shared) < SHARED:
            return 0.0
        part = self._mass(shared) / self._mass(self._vectors.terms[short])
        return part * self._vectors.cosine(short, held)

    def headlines(self, one: int, other: int) -> float:
        """The share of each headline, by rarity, that the other text holds, on average."""
        return (self._headline(one, other) + self._headline(other, one)) / 2

    def _headline(self, one: int, other: int) -> float:
        headline, text = self._titles[one], set(self._vectors.terms[other])
        held = self._mass(term for term in headline if term in text)
        return held / (self._mass(headline) or 1.0)

    def _mass(self, terms: Iterable[int]) -> float:
        return math.fsum(self._vectors.rarity[term] ** 2 for term in terms)


class _Quantities:
    """The numbers of a text, and what its opening counts.

    Two matches of a series, two quarters of a bank, differ in little else.
    """

    __slots__ = ("_counted", "_telling", "title", "values")

    def __init__(self, one: Analyzed) -> None:
        title = f"{one.item.title[:_TITLE_CHARACTERS]} {one.digest.fields.title or ''}"
        text = _URL.sub(" ", one.item.text[:_TEXT_CHARACTERS])
        self.title = {value for value, _ in _quantities(title)}
        self.values = self.title | {value for value, _ in _quantities(text)}
        # Small numbers are ages and dates, and years are everywhere: they do not identify.
        self._telling = {v for v in self.values if len(v) > 2 and not _YEAR.fullmatch(v)}
        self._counted: dict[str, set[str]] = defaultdict(set)
        for value, unit in _quantities(text[:_OPENING_CHARACTERS]):
            if unit:
                self._counted[unit].add(value)

    def at_odds(self, other: Self) -> bool:
        """Whether no number of one is in the other, or they open with other counts of a thing."""
        if not self.values or not other.values:
            return False
        return self.values.isdisjoint(other.values) or any(
            values.isdisjoint(other._counted[unit])
            for unit, values in self._counted.items()
            if unit in other._counted
        )

    def agree(self, other: Self) -> bool:
        """Whether they share two numbers, one that tells, and half of those of the poorer."""
        shared = len(self.values & other.values)
        fewer = min(len(self.values), len(other.values))
        return shared >= max(2, fewer / 2) and not self._telling.isdisjoint(other._telling)

    def titles_agree(self, other: Self) -> bool:
        """Whether each title is without numbers, or has one of the other text.

        `Kernel 6.11` and `Kernel 6.12`, `Issue 41` and `Issue 42` share all their other words.
        """
        if not self.title or not other.title:
            return True
        return not (self.title.isdisjoint(other.values) or other.title.isdisjoint(self.values))


def _quantities(text: str) -> Iterator[tuple[str, str]]:
    """(number, the word after it or "")"""
    for number, unit in _QUANTITY.findall(text.casefold()):
        yield _THOUSANDS.sub("", number), unit


def _threshold(one: Analyzed, other: Analyzed) -> float:
    home = one.document.publisher and one.document.publisher == other.document.publisher
    same = home or one.item.document_id == other.item.document_id
    return SIMILAR_AT_HOME if same else SIMILAR


def _near_in_time(one: Analyzed, other: Analyzed) -> bool:
    dates = (one.document.published, other.document.published)
    return not (dates[0] and dates[1] and abs(dates[0] - dates[1]) > APART)


def _title(one: Analyzed) -> Counter[str]:
    return Counter(words((one.digest.fields.title or one.item.title)[:_TITLE_CHARACTERS]))


def _body(one: Analyzed) -> Counter[str]:
    """Terms of summary, names and the beginning of the text, with their counts."""
    fields = one.digest.fields
    terms = Counter(islice(words(_URL.sub(" ", one.item.text[:_TEXT_CHARACTERS])), _TEXT_WORDS))
    for text in (fields.summary or "", *(fields.names or ()), *(fields.company_names or ())):
        terms.update(words(text))
    return terms

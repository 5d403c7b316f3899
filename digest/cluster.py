"""The same story once: digests of one story from several places become one Story.

Exact: the same content, or the same canonical URL where that URL stands for one story. Near: the
weighted words of two headlines, and those of what they stand over, point the same way; or what one
says is mostly found in what the other says. Nothing is ever lost: every digest that comes in is
a member of exactly one Story, with its links. When in doubt, stories stay apart: a story told
twice costs a reader seconds, two stories told as one cost the second.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from urllib.parse import urlsplit

from digest.extract.links import canonical
from digest.records import Analyzed

# Similarities from these on are one story. docs/report.md tells how they were measured.
SIMILAR = 0.50
SIMILAR_AT_HOME = 0.70  # one publisher repeats its columns and phrases more than its stories
ALIKE = 0.20  # bodies less alike than this are not one story, however alike the titles
TOLD = 0.42  # of what the shorter says is in the longer: a brief and an article are one story,
NEAR = 0.30  # if they are also this alike as wholes
SHARED = 6  # and share so many words: a line or two are found in anything
APART = timedelta(days=10)  # a column that returns with new content is not one story

_NEWS = {"story", "link"}
_TEXT_WORDS, _TEXT_CHARACTERS = 250, 8000  # a story says what it is about early
_TITLE_CHARACTERS = 300
_KEY_TERMS = 16  # of each text, to find candidates by
_COMMON = 40  # a term in more texts than this finds no candidates
_PRIOR = 200  # weigh terms as if they came from at least so many texts: a small run is no corpus

_WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{2,}")
_URL = re.compile(r"\b\w{2,20}://\S+|\]\([^)]{0,2000}\)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """
    a about after again all also an and any are as at be been before being but by can could did
    do does for from get had has have he her his how i if in into is it its just like may more
    most much new no not now of on one only or other our out over said say says she should so
    some such than that the their them then there these they this those through to too up us use
    used using very was way we were what when where which while who why will with would you your
    """,
    )
)


@dataclass(frozen=True, slots=True)
class Story:
    """One story and everybody who told it: `members`, the best first.

    `score` in 0..1 says how sure it is that they tell the same: 1 if they are equal, or if there
    is one only; else the weakest similarity of a member to the first.
    """

    members: tuple[Analyzed, ...]
    score: float = 1.0

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
    bodies, titles = (
        _vectors([_body(one) for one in leads]),
        _vectors([_title(one) for one in leads]),
    )
    brief = _Briefs(leads)
    frequency = Counter(
        term for body, title in zip(bodies, titles, strict=True) for term in {**body, **title}
    )
    postings: dict[str, list[int]] = defaultdict(list)
    similar: dict[int, dict[int, float]] = defaultdict(dict)
    for index, one in enumerate(leads):
        if _genre(one) != "news":
            continue  # adverts and appeals are cast in moulds; only equal ones are joined
        weights = {**bodies[index], **titles[index]}
        rare = (term for term in weights if 2 <= frequency[term] <= _COMMON)
        keys = sorted(rare, key=lambda term: (-weights[term], term))[:_KEY_TERMS]
        shared = Counter(other for term in keys for other in postings[term])
        for other in sorted(other for other, common in shared.items() if common > 1):
            alike = _cosine(bodies[index], bodies[other])
            score = (alike + _cosine(titles[index], titles[other])) / 2
            pair = one, leads[other]
            threshold = _threshold(*pair)
            if score < threshold == SIMILAR:
                score = max(score, min(1.0, SIMILAR * brief.told(index, other) / TOLD))
            if alike >= ALIKE and score >= threshold and _may_be_one(*pair):
                similar[index][other] = similar[other][index] = score
        for term in keys:
            postings[term].append(index)
    return similar


def _vectors(texts: Sequence[Counter[str]]) -> list[dict[str, float]]:
    """Weights of length 1 each: the logarithm of a term's count times that of its rarity."""
    frequency = Counter(term for counts in texts for term in counts)
    size = max(len(texts), _PRIOR)
    found = []
    for counts in texts:
        vector = {
            term: (1 + math.log(count)) * math.log(1 + size / frequency[term])
            for term, count in counts.items()
        }
        length = math.sqrt(math.fsum(weight * weight for weight in vector.values())) or 1.0
        found.append({term: weight / length for term, weight in vector.items()})
    return found


class _Briefs:
    """Tells whether one text is a short telling of the other; headlines count twice."""

    def __init__(self, texts: Sequence[Analyzed]) -> None:
        self._counts = [_body(one) + _title(one) + _title(one) for one in texts]
        frequency = Counter(term for counts in self._counts for term in counts)
        size = max(len(texts), _PRIOR)
        self._rarity = {term: math.log(1 + size / n) for term, n in frequency.items()}
        self._vectors = _vectors(self._counts)

    def told(self, one: int, other: int) -> float:
        """The share of the shorter text, by rarity, that the longer holds; 0 if not near."""
        short, long = sorted((self._counts[one], self._counts[other]), key=len)
        shared = [term for term in short if term in long]
        if len(shared) < SHARED or _cosine(self._vectors[one], self._vectors[other]) < NEAR:
            return 0.0
        return self._mass(shared) / self._mass(short)

    def _mass(self, terms: Iterable[str]) -> float:
        return math.fsum(self._rarity[term] ** 2 for term in terms)


def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
    small, large = sorted((one, other), key=len)
    return min(
        1.0, math.fsum(weight * large[term] for term, weight in small.items() if term in large)
    )


def _threshold(one: Analyzed, other: Analyzed) -> float:
    home = one.document.publisher and one.document.publisher == other.document.publisher
    same = home or one.item.document_id == other.item.document_id
    return SIMILAR_AT_HOME if same else SIMILAR


def _may_be_one(one: Analyzed, other: Analyzed) -> bool:
    """Near in time, and without numbers that tell their titles apart.

    `Kernel 6.11` and `Kernel 6.12`, `Issue 41` and `Issue 42` share all their other words.
    """
    dates = (one.document.published, other.document.published)
    if dates[0] and dates[1] and abs(dates[0] - dates[1]) > APART:
        return False
    numbers = [
        set(
            _NUMBER.findall(
                f"{each.item.title[:_TITLE_CHARACTERS]} {each.digest.fields.title or ''}"
            )
        )
        for each in (one, other)
    ]
    return not all(numbers) or bool(numbers[0] & numbers[1])


def _title(one: Analyzed) -> Counter[str]:
    return Counter(_words((one.digest.fields.title or one.item.title)[:_TITLE_CHARACTERS]))


def _body(one: Analyzed) -> Counter[str]:
    """Terms of summary, names and the beginning of the text, with their counts."""
    fields = one.digest.fields
    terms = Counter(islice(_words(_URL.sub(" ", one.item.text[:_TEXT_CHARACTERS])), _TEXT_WORDS))
    for text in (fields.summary or "", *(fields.names or ()), *(fields.company_names or ())):
        terms.update(_words(text))
    return terms


def _words(text: str) -> Iterable[str]:
    """Casefolded words without the commonest; character pairs where a script has no spaces."""
    for match in _WORD.finditer(text.casefold()):
        word = match[0]
        if _UNSPACED.search(word):
            yield from (word[i : i + 2] for i in range(len(word) - 1))
        elif word not in _STOP and (len(word) > 2 or word.isdigit()):
            yield word[:-1] if len(word) > 4 and word.endswith("s") else word

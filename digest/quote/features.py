"""What tells of each sentence of a text how likely an editor is to choose it: numbers and words.

Pure Python over the words of the sentences: place, length, form, numbers, names, likeness to the
headline and to the rest of the text, voice, links; and the terms (stems, pairs of stems) that a
fitted table holds weights for. It judges nothing; `choice` weighs it.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

from digest.quote import wordlists
from digest.quote.plain import plain

VERSION = 1  # of names and meaning of the features; a table fitted on another one is refused


class Place(Protocol):
    """Where a sentence stands; `digest.quote.sentences.Sentence` is one."""

    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102
    @property
    def paragraph(self) -> int: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Features:
    """Rows of `NAMES` and terms, one of each a sentence, and the stems that tell two alike."""

    rows: list[list[float]]
    terms: list[set[str]]
    stems: list[frozenset[str]]
    words: list[str]  # what a reader sees of each sentence


_MARKUP = re.compile(r"[\[\]*_`<>#\\~|\n\u200b\u2060\ufeff\u00ad]")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]+|[A-Za-z0-9]+")
_NUMBER = re.compile(r"\d[\d.,]*")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_PERCENT = re.compile(r"[%％]|per ?cent\b|prozent\b|por cento\b|por ciento\b|pour cent\b", re.I)
_MONEY = re.compile(r"[$€£¥₹]|\b(?:USD|EUR|dollars?|euros?|pounds|reais|yen|yuan)\b")
_URL = re.compile(r"https?://|www\.|\S@\S+\.\w")
_PUNCTUATED = re.compile(r"[.!?…。！？][\"'”’»)\]*_」』]*\Z")

_STEM = 6  # letters: a beginning of this length is a stem in any inflecting language, roughly


def words_of(text: str, place: Place) -> str:
    """The words of a sentence as a reader sees them."""
    raw = text[place.start : place.end]
    return plain(raw) if _MARKUP.search(raw) else raw


@lru_cache(maxsize=1 << 15)
def _stem(word: str) -> str:
    word = word.lower().replace("’", "'")
    if word.endswith("'s"):
        word = word[:-2]
    if len(word) > _STEM:
        return word[:_STEM]
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def stems(words: str, *, unspaced: bool = False) -> list[str]:
    """The stems of `words` in order; in a script without spaces pairs of signs."""
    if not unspaced:
        return [_stem(word) for word in _WORD.findall(words)]
    found: list[str] = []
    for run in _RUN.findall(words):
        if UNSPACED.match(run):
            found += [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        else:
            found.append(run.lower())
    return found


def _terms(found: Sequence[str]) -> set[str]:
    """The terms of one sentence: stems, how it begins, neighbours, neighbours but one."""
    out = set(found)
    if found:
        out.add(f"^{found[0]}")
        out.add(f"^^{'_'.join(found[:2])}")
    out.update(f"b_{a}_{b}" for a, b in pairwise(found))
    out.update(f"k_{a}_{b}" for a, b in zip(found, found[2:], strict=False))
    return out


class _Text:
    """What the sentences of one text have in common."""

    def __init__(self, title: str, text: str, places: Sequence[Place]) -> None:
        self.text, self.places, self.count = text, places, len(places)
        self.unspaced = len(UNSPACED.findall(text[:2000])) > 0.2 * min(len(text), 2000)
        self.raw = [text[place.start : place.end] for place in places]
        self.words = [words_of(text, place) for place in places]
        self.stems = [stems(words, unspaced=self.unspaced) for words in self.words]
        self.length = [len(found) * (0.6 if self.unspaced else 1.0) for found in self.stems]
        self.mean = sum(self.length) / self.count
        self.content = [[s for s in found if self._tells(s)] for found in self.stems]
        self.sets = [Counter(content) for content in self.content]
        self.title = frozenset(
            s for s in stems(plain(title), unspaced=self.unspaced) if self._tells(s)
        )
        self.sentences_with = Counter(s for each in self.sets for s in each)
        self.times = Counter(s for content in self.content for s in content)
        self.rarity = {
            s: math.log((self.count + 1) / (n + 0.5)) for s, n in self.sentences_with.items()
        }
        self.vectors = [
            {s: (1 + math.log(n)) * self.rarity[s] for s, n in each.items()} for each in self.sets
        ]
        self.norms = [math.sqrt(sum(v * v for v in each.values())) for each in self.vectors]
        self.centre: dict[str, float] = {}
        for vector, norm in zip(self.vectors, self.norms, strict=True):
            for stem, value in vector.items():
                self.centre[stem] = self.centre.get(stem, 0.0) + value / norm if norm else 0.0
        self.centre_norm = math.sqrt(sum(v * v for v in self.centre.values()))
        self.lead = frozenset(s for each in self.sets[:3] for s in each)
        self.named = [_WORD.findall(words) for words in self.words]
        self.capitals = [
            [w for w in found[1:] if w[0].isupper() and w != "I"] for found in self.named
        ]
        self.recurring = Counter(w for found in self.capitals for w in set(found))

    def _tells(self, stem: str) -> bool:
        return stem not in wordlists.STOP and (len(stem) > 1 or self.unspaced)

    def cosine(self, one: int, other: int) -> float:
        """How alike two sentences are, by their rarer stems."""
        if not (0 <= one < self.count and 0 <= other < self.count):
            return 0.0
        a, b = self.vectors[one], self.vectors[other]
        norm = self.norms[one] * self.norms[other]
        return (
            sum(value * b[stem] for stem, value in a.items() if stem in b) / norm if norm else 0.0
        )

    def centrality(self, n: int) -> float:
        norm = self.norms[n] * self.centre_norm
        return sum(v * self.centre[s] for s, v in self.vectors[n].items()) / norm if norm else 0.0


def _position(doc: _Text) -> Iterator[dict[str, float]]:
    """Place in the text and in its paragraph."""
    count, places = doc.count, doc.places
    numbers = {p: i for i, p in enumerate(dict.fromkeys(place.paragraph for place in places))}
    size = Counter(place.paragraph for place in places)
    before: Counter[int] = Counter()
    passed = 0.0
    for n, place in enumerate(places):
        number, inside, sentences = (
            numbers[place.paragraph],
            before[place.paragraph],
            size[place.paragraph],
        )
        yield {
            "log_position": math.log1p(n),
            "position": n / count,
            "inverse_position": 1 / (1 + n),
            "is_1st": float(n == 0),
            "is_2nd": float(n == 1),
            "is_3rd": float(n == 2),
            "is_last": float(n == count - 1),
            "log_from_end": math.log1p(count - 1 - n),
            "characters_before": place.start / max(1, len(doc.text)),
            "log_words_before": math.log1p(passed),
            "paragraph": number / len(numbers),
            "first_paragraph": float(number == 0),
            "log_in_paragraph": math.log1p(inside),
            "opens_paragraph": float(inside == 0),
            "ends_paragraph": float(inside == sentences - 1),
            "log_paragraph_sentences": math.log(sentences),
            "whole_paragraph": float(sentences == 1),
        }
        before[place.paragraph] += 1
        passed += doc.length[n]


def _form(doc: _Text) -> Iterator[dict[str, float]]:
    """Length, kind, marks."""
    for n, (place, raw, words) in enumerate(zip(doc.places, doc.raw, doc.words, strict=True)):
        length = doc.length[n]
        last = words.rstrip('"”’»)]*_」』 ')[-1:]
        bare = len(words) / len(raw) if raw else 1.0
        yield {
            "words": min(length, 80.0),
            "log_words": math.log1p(length),
            "words_to_mean": length / (doc.mean + 1),
            "words_below_5": float(length < 5),
            "words_below_9": float(length < 9),
            "words_12_to_35": float(12 <= length <= 35),
            "words_above_35": float(length > 35),
            "words_above_60": float(length > 60),
            "characters_above_240": float(place.end - place.start > 240),
            **{f"kind_{kind}": float(place.kind == kind) for kind in KINDS},
            "behind_heading": float(n > 0 and doc.places[n - 1].kind == "heading"),
            "bold": float("**" in raw or "__" in raw),
            "ended": float(bool(_PUNCTUATED.search(words))),
            "ends_in_colon": float(last in {":", "："}),
            "question": float(last in {"?", "？"}),
            "exclamation": float(last in {"!", "！"}),
            "lower_start": float(words[:1].islower()),
            "links": float(min(raw.count("]("), 4)),
            "markup": 1 - min(1.0, bare),
            "address": float(bool(_URL.search(words))),
            "bracket": float("(" in words),
            "commas": float(min(words.count(",") + words.count("，") + words.count("、"), 6)),
            "semicolon": float(";" in words or ":" in words[:-1]),
            "dash": float("—" in words or " – " in words or " - " in words),
            "code": float("`" in raw or "{" in raw or "\\" in raw),
            "row": float("|" in raw),
        }


def _facts(doc: _Text) -> Iterator[dict[str, float]]:
    """Numbers and names."""
    told: set[str] = set()
    for n, words in enumerate(doc.words):
        length = doc.length[n]
        numbers = len(_NUMBER.findall(words)) if any(map(str.isdigit, words)) else 0
        names = doc.capitals[n]
        distinct = set(names)
        found = doc.named[n]
        yield {
            "numbers": float(min(numbers, 6)),
            "has_number": float(numbers > 0),
            "number_density": numbers / (length + 3),
            "year": float(numbers > 0 and bool(_YEAR.search(words))),
            "percent": float(numbers > 0 and bool(_PERCENT.search(words))),
            "money": float(bool(_MONEY.search(words))),
            "capitals": float(min(len(names), 10)),
            "capital_density": len(names) / (length + 3),
            "recurring_capitals": float(min(sum(doc.recurring[w] > 1 for w in distinct), 6)),
            "title_capitals": float(min(sum(_stem(w) in doc.title for w in distinct), 5)),
            "new_capitals": float(min(len(distinct - told), 6)),
            "shouted": sum(len(w) > 2 and w.isupper() for w in found) / (len(found) + 1),
            "word_length": sum(map(len, found)) / (len(found) + 1),
        }
        told |= distinct


def _likeness(doc: _Text) -> Iterator[dict[str, float]]:
    """Overlap with the headline, the lead, the neighbours and the whole; what is new."""
    told: set[str] = set()
    for n, own in enumerate(doc.sets):
        kinds = len(own)
        shared = [stem for stem in own if stem in doc.title]
        mass = sum(doc.rarity[stem] for stem in own)
        often = sum(math.log(doc.times[stem]) for stem in own)
        yield {
            "title_shared": float(min(len(shared), 6)),
            "title_covered": len(shared) / (len(doc.title) + 1),
            "title_share": len(shared) / (kinds + 2),
            "title_rarity": sum(doc.rarity[stem] for stem in shared),
            "lead_share": sum(s in doc.lead for s in own) / (kinds + 2) if n > 2 else 0.0,
            "like_first": doc.cosine(n, 0) if n else 0.0,
            "like_previous": doc.cosine(n, n - 1),
            "like_next": doc.cosine(n, n + 1),
            "centrality": doc.centrality(n),
            "frequency": often,
            "mean_frequency": often / (kinds + 1),
            "rarity": mass,
            "mean_rarity": mass / (kinds + 1),
            "recurring": sum(doc.sentences_with[s] > 1 for s in own) / (kinds + 1),
            "new": sum(s not in told for s in own) / (kinds + 1),
            "function_words": 1 - len(doc.content[n]) / (len(doc.stems[n]) + 1),
        }
        told.update(own)


def _voice(doc: _Text) -> Iterator[dict[str, float]]:
    """Who speaks to whom, and what a sentence leans on."""
    for raw, found in zip(doc.raw, doc.named, strict=True):
        low = [word.lower().replace("’", "'") for word in found]
        every, first = set(low), low[0] if low else ""
        quoted = any(mark in raw for mark in '"“”«„「')
        said = not every.isdisjoint(wordlists.SAYING)
        yield {
            "quotes": float(quoted),
            "quote_start": float(raw[:1] in set('"“«„「‘')),
            "says": float(said),
            "quotes_and_says": float(quoted and said),
            "first_person": float(not every.isdisjoint(wordlists.FIRST)),
            "second_person": float(not every.isdisjoint(wordlists.SECOND)),
            "anaphors": float(min(sum(word in wordlists.ANAPHOR for word in low), 4)),
            "starts_pronoun": float(first in wordlists.PRONOUN),
            "starts_pointing": float(first in wordlists.POINTING),
            "starts_connective": float(first in wordlists.CONNECTIVE),
            "starts_leading": float(first in wordlists.LEADING),
            "mailing": float(not every.isdisjoint(wordlists.MAILING)),
        }


KINDS = ("prose", "list", "heading", "quote", "table", "aside")
_RANKED = (
    "words", "centrality", "title_covered", "rarity", "capitals", "numbers", "frequency",
    "mean_frequency",
)  # fmt: skip
_AVERAGED = (
    "first_person", "second_person", "kind_list", "has_number", "kind_heading", "quotes", "links",
    "question",
)  # fmt: skip
_PARTS: tuple[Callable[[_Text], Iterator[dict[str, float]]], ...] = (
    _position, _form, _facts, _likeness, _voice,
)  # fmt: skip


def _whole(doc: _Text, rows: list[dict[str, float]], title: str, lang: str) -> None:
    """Add ranks in the text, shares of the greatest, and what holds for the whole text."""
    count = doc.count
    for name in _RANKED:
        values = sorted(row[name] for row in rows)
        most = values[-1]
        for row in rows:
            value = row[name]
            row[f"rank_{name}"] = (bisect_left(values, value) + bisect_right(values, value)) / (
                2 * count
            )
            row[f"part_{name}"] = value / most if most > 0 else 0.0
    paragraphs = len({place.paragraph for place in doc.places})
    common = {f"mean_{name}": sum(row[name] for row in rows) / count for name in _AVERAGED} | {
        "log_sentences": math.log(count),
        "mean_words": doc.mean,
        "log_all_words": math.log1p(sum(doc.length)),
        "log_paragraphs": math.log(paragraphs),
        "sentences_a_paragraph": count / paragraphs,
        "unspaced": float(doc.unspaced),
        "english": float(lang in {"", "en"}),
        "title_words": float(len(doc.title)),
        "title_asks": float("?" in title),
    }
    for row in rows:
        row.update(common)


def features(title: str, text: str, places: Sequence[Place], lang: str = "") -> Features:
    """The features of the sentences of `text` at `places` (in reading order), a row each."""
    if not places:
        return Features([], [], [], [])
    doc = _Text(title, text, places)
    parts = [part(doc) for part in _PARTS]
    rows = [
        {name: value for part in several for name, value in part.items()}
        for several in zip(*parts, strict=True)
    ]
    _whole(doc, rows, title, lang)
    return Features(
        [list(row.values()) for row in rows],
        [_terms(found) for found in doc.stems],
        [frozenset(own) for own in doc.sets],
        doc.words,
    )


def _names() -> tuple[str, ...]:
    @dataclass(frozen=True)
    class One:
        start: int = 0
        end: int = 1
        paragraph: int = 0
        kind: str = "prose"

    doc = _Text("", "a", [One()])
    row = {name: value for part in _PARTS for name, value in next(part(doc)).items()}
    _whole(doc, [row], "", "")
    return tuple(row)


NAMES = _names()

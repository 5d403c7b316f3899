"""What a reader wants to see first, and what not at all.

An interest is a few words. A story meets it where one passage of it - headline, a sentence of
the summary, the names, the themes - holds most of those words, weighed by how rare the ledger
finds them: words that stand far apart meet by accident. Words are compared by their stems, names
in capitals (`AI`, `US`) as they are written. No model is asked, so the reason can be shown.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from digest.records import Analyzed
from digest.stories.liking import Rated
from digest.stories.terms import STOP, UNSPACED, WORD, key

MET = 0.7  # of an interest, by weight, in one passage
ASIDE = 0.75  # what a passage weighs that is neither the headline nor a theme
BOOST = 3.0  # points of relevance that a story gains which meets an interest wholly
_PRIOR = 200  # weigh words as if they came from at least so many items: a few tell nothing
_TEXT = 1200  # characters of the text that are looked at: a story says early what it is about


@dataclass(frozen=True, slots=True)
class Match:
    """One interest that a story meets, and how much of it, 0..1."""

    interest: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Mutes:
    """What is not told. Publishers and kinds fold case; words are matched by their stems."""

    words: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preferences:
    """A reader's interests and mutes. `rarity` holds the weight of each stem; 1.0 if missing."""

    interests: tuple[str, ...] = ()
    mutes: Mutes = field(default_factory=Mutes)
    rarity: Mapping[str, float] = field(default_factory=dict)
    ratings: tuple[Rated, ...] = ()  # the reader's votes, the newest first

    def matches(self, members: Sequence[Analyzed]) -> tuple[Match, ...]:
        """The interests that a story meets, the closest first."""
        if not self.interests:
            return ()
        passages = [passage for member in members for passage in _passages(member)]
        found = []
        for interest in self.interests:
            wanted = set(stems(interest))
            whole = self._mass(wanted)
            held = [(self._mass(wanted & passage) / whole, at) for passage, at in passages if whole]
            met = [share * at for share, at in held if share >= MET]
            if met:
                found.append(Match(interest, round(max(met), 3)))
        return tuple(sorted(found, key=lambda one: (-one.similarity, one.interest)))

    def muted(self, one: Analyzed) -> str:
        """Why this item is not told on its own account, "" if it is: its publisher or kind."""
        publisher = key(one.document.publisher)
        for name in self.mutes.publishers:
            if publisher and key(name) == publisher:
                return f"publisher {name}"
        return f"kind {one.item.kind}" if one.item.kind in self.mutes.kinds else ""

    def muted_word(self, members: Sequence[Analyzed]) -> str:
        """Why this story is not told by anybody, "" if it is: a muted word in what it is about."""
        return self.muted_text(text for one in members for text in _about(one))

    def muted_text(self, texts: Iterable[str]) -> str:
        """The reason if any of the texts holds a muted word or phrase, else ""."""
        if not self.mutes.words:
            return ""
        said = [list(stems(text)) for text in texts]
        for word in self.mutes.words:
            phrase = list(stems(word))
            if phrase and any(_holds(text, phrase) for text in said):
                return f"word {word}"
        return ""

    def _mass(self, found: Iterable[str]) -> float:
        return math.fsum(self.rarity.get(stem, 1.0) for stem in found)


def rarity(stem_items: Mapping[str, int], items: int) -> dict[str, float]:
    """Weights of stems that so many of the ledger's items hold."""
    size = max(items, _PRIOR)
    return {stem: math.log(1 + size / (1 + n)) for stem, n in stem_items.items()}


def stems(text: str) -> Iterator[str]:
    """Words that can be compared, in order. Abbreviations keep their capitals."""
    shouted = text.upper() == text and len(text.split()) > 2  # there capitals say nothing
    for match in WORD.finditer(text):
        word = match[0]
        folded = word.casefold()
        if UNSPACED.search(word):
            yield from map("".join, pairwise(word))
        elif word.isupper() and len(word) > 1 and not shouted:
            yield word
        elif folded not in STOP and len(folded) > 1:
            yield stem(re.sub(r"['’]s$", "", folded))


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Of a folded word; words of other languages than English lose little or nothing."""
    return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


def _about(one: Analyzed) -> Iterator[str]:
    """What a digest says that its story is about; not the text, where things are mentioned."""
    fields = one.digest.fields
    yield from filter(None, (fields.title, one.item.title, fields.summary))
    for entries in (fields.names, fields.company_names, fields.key_insights, fields.domains):
        yield from entries or ()


def _passages(one: Analyzed) -> Iterator[tuple[set[str], float]]:
    """Stems that stand together, and what they weigh.

    The text itself is looked at where nobody has said what it is about.
    """
    fields = one.digest.fields
    yield from ((set(stems(title)), 1.0) for title in (fields.title or "", one.item.title))
    for theme in (*(fields.key_insights or ()), *(fields.domains or ())):
        # `artificial intelligence` is what a reader means by `AI`
        initials = "".join(word[0] for word in theme.split()).upper()
        yield {*stems(theme), *[initials] * (len(initials) > 1)}, 1.0
    named = [*(fields.names or ()), *(fields.company_names or ())]
    said = fields.summary or one.item.text[:_TEXT]
    for text in (*named, *(fields.highlights or ()), *_SENTENCE.split(said)):
        yield set(stems(text)), ASIDE


_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[。！？])")


def _holds(text: Sequence[str], phrase: Sequence[str]) -> bool:
    size = len(phrase)
    return any(list(text[n : n + size]) == list(phrase) for n in range(len(text) - size + 1))

"""Words and pairs of words as they are counted, and the case that words are usually in."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from digest.stories.terms import UNSPACED

BODY = 400  # words of the text that are counted; a story says early what it is about
_TITLE = 2  # how often the title is counted
_WORD = re.compile(r"[^\W_]+(?:[.'’&+#-][^\W_]+)*[+#]*")
_TOKEN = re.compile(r"[^\W_]+(?:[&+.\-/’'][^\W_]+)*|[^\w\s]|\n")
_POSSESSIVE = re.compile(r"['’]s$")
_OPENS = frozenset('.!?:\n•"“|')  # what comes after these may be a capital by position alone
_PARTS = frozenset('.!?:\n•"“”()[]|–—')


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign of a text."""

    word: str
    start: int  # characters
    end: int  # characters; a possessive s is left out
    first: bool  # begins a sentence, or parts what stands on its two sides

    @property
    def capital(self) -> bool:
        """Whether it is a word with a capital letter."""
        return self.word[0].isalnum() and any(map(str.isupper, self.word))


def words(text: str) -> list[str]:
    """Folded words; pairs of characters where a script has no spaces."""
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        if UNSPACED.search(word):
            found.extend(word[n : n + 2] for n in range(len(word) - 1))
        else:
            found.append(word)
    return found


def spaced(text: str) -> str:
    """The words of a text with a space on both sides of each, to look others up in."""
    return f" {' '.join(words(text))} "


def counts(title: str, text: str) -> Counter[str]:
    """How often each word and each pair of neighbours occurs."""
    found: Counter[str] = Counter()
    for part, weight in ((words(title), _TITLE), (words(text)[:BODY], 1)):
        for word in part:
            found[word] += weight
        for left, right in pairwise(part):
            found[f"{left} {right}"] += weight
    return found


def tokens(text: str) -> list[Token]:
    """Words and signs in reading order."""
    found = []
    first = True
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word[0].isalnum():
            bare = _POSSESSIVE.sub("", word)
            found.append(Token(bare, match.start(), match.start() + len(bare), first))
            first = False
        else:
            found.append(Token(word, match.start(), match.end(), word in _PARTS))
            first = word in _OPENS if word in _PARTS else first
    return found


def usual_case(texts: Iterable[str]) -> dict[str, float]:
    """Of each word that occurs twice inside sentences, the share with a capital (smoothed)."""
    low: Counter[str] = Counter()
    high: Counter[str] = Counter()
    for text in texts:
        for word, capital in _inside(text):
            (high if capital else low)[word] += 1
    return {
        word: round((high[word] + 0.5) / (high[word] + low[word] + 1), 2)
        for word in high.keys() | low.keys()
        if high[word] + low[word] > 1
    }


def _inside(text: str) -> Iterator[tuple[str, bool]]:
    for token in tokens(text):
        if token.word[0].isalpha() and not token.first:
            yield token.word.casefold(), token.capital


def capital_share(word: str, usual: Mapping[str, float]) -> float:
    """How often `word` has a capital inside sentences; 0.5 where nobody knows."""
    return usual.get(word.casefold(), 0.5)

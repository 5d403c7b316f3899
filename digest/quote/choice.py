"""Which sentences of a text make its digest: a fitted choice, within the limits of the contract.

A logistic regression over the features of each sentence, fitted on an editor's choice
(`finetune.choice`), gives the probability that the editor chooses it, and that it stands in the
summary. From those the summary is the set of up to three sentences with the highest expected F1,
neighbours preferred, and the highlights are what then adds most.
"""

import json
import math
from array import array
from base64 import b64decode
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from operator import mul
from typing import Any, Protocol
from zlib import crc32

from digest.errors import WeightsError
from digest.quote.features import NAMES, UNSPACED, VERSION, Features, Place, features

SUMMARY = 3  # sentences
SUMMARY_WORDS, SUMMARY_CHARACTERS = 70, 1000  # of several together; a single one may be longer
HIGHLIGHTS, HIGHLIGHT_WORDS, HIGHLIGHT_CHARACTERS = 4, 60, 240
SHORT = 3  # sentences; of a text that has no more everything that stands is its summary
# CANDIDATES: for the summary, so at most 175 sets. NEIGHBOUR: what two sentences that follow each
# other add to the expected F1 of a summary. WHOLE: weight of the expected F1 of summary and
# highlights together beside it. ALIKE: share of stems from which one sentence repeats another.
# SIZE: how many sentences the editor is taken to choose, to the sum of their probabilities. FLOOR:
# the least probability of a highlight. All read off folds, where F1 is flat around them.
CANDIDATES, NEIGHBOUR, WHOLE, ALIKE, SIZE, FLOOR = 10, 0.02, 2.0, 0.75, 1.15, 0.15
_JOIN = 1  # characters between two sentences of a summary


class Standing(Protocol):
    """What stands against showing a sentence; `digest.quote.guards.Guard` is one."""

    @property
    def never(self) -> str: ...  # noqa: D102
    @property
    def before(self) -> str: ...  # noqa: D102
    @property
    def after(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Choice:
    """Numbers of the chosen sentences, and what each sentence of the text was worth."""

    summary: tuple[int, ...]  # in reading order
    highlights: tuple[int, ...]  # most important first, none of the summary's
    scores: tuple[float, ...]  # P(an editor chooses it), one a sentence, 0..1


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted linear model: one head for "chosen", one for "in the summary"."""

    dense: tuple[tuple[float, ...], tuple[float, ...]]
    bias: tuple[float, float]
    table: "tuple[array[int], array[int]]"  # int8 weights of hashed terms
    unit: tuple[float, float]  # what 1 in a table is worth

    @classmethod
    def read(cls, data: dict[str, Any]) -> "Weights":
        """Weights from their JSON; raises WeightsError if they are of other features."""
        if data["features_version"] != VERSION or tuple(data["features"]) != NAMES:
            raise WeightsError("the weights of the choice were fitted on other features")
        heads = [data["heads"][name] for name in ("chosen", "summary")]
        tables = [array("b", b64decode(head["terms"])) for head in heads]
        return cls(
            (tuple(heads[0]["dense"]), tuple(heads[1]["dense"])),
            (heads[0]["bias"], heads[1]["bias"]),
            (tables[0], tables[1]),
            (heads[0]["unit"], heads[1]["unit"]),
        )

    def probabilities(self, found: Features) -> tuple[list[float], list[float]]:
        """P(chosen) and P(in the summary) of every sentence."""
        out: tuple[list[float], list[float]] = ([], [])
        buckets = len(self.table[0])
        for row, terms in zip(found.rows, found.terms, strict=True):
            places = [crc32(term.encode()) % buckets for term in terms]
            for head in (0, 1):
                table = self.table[head]
                score = self.bias[head] + sum(map(mul, self.dense[head], row))
                if places:
                    told = sum(map(table.__getitem__, places))
                    score += self.unit[head] * told / math.sqrt(len(places))
                out[head].append(1 / (1 + math.exp(-max(-30.0, min(30.0, score)))))
        return out


@cache
def weights() -> Weights:
    """The weights that come with Digest."""
    return Weights.read(json.loads(files("digest.quote").joinpath("choice.json").read_bytes()))


def choose(
    title: str,
    text: str,
    sentences: Sequence[Place],
    *,
    lang: str = "",
    guards: Sequence[Standing] = (),
    leaning: Collection[int] = (),
    model: Weights | None = None,
) -> Choice:
    """The sentences that make the digest of `text`.

    `guards`, one a sentence, say what may not be shown: `never` at all, `before` only right behind
    the sentence before it, `after` only with the one behind it; without them everything may.
    `leaning` are numbers of sentences that are no highlights, though they may stand in a summary.
    If nothing that stands is left, the likeliest sentence that `never` lets pass is the summary
    (the caller sees by its guard that it leans on another), else there is none. Raises ValueError
    if there are guards, but not one a sentence.
    """
    found = features(title, text, sentences, lang)
    chosen, summary = (model or weights()).probabilities(found)
    sizes = Sizes.of(found.words, sentences)
    return decode(chosen, summary, sizes, found.stems, guards, leaning)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long the sentences of a text are to a reader."""

    words: list[float]
    characters: list[int]
    paragraphs: list[int]

    @classmethod
    def of(cls, shown: Sequence[str], sentences: Sequence[Place]) -> "Sizes":
        """Measured on what a reader sees; a sign of a script without spaces is half a word."""
        return cls(
            [float(max(len(words.split()), _wide(words) / 2)) for words in shown],
            [len(words) for words in shown],
            [place.paragraph for place in sentences],
        )


def _wide(words: str) -> int:
    return 0 if words.isascii() else len(UNSPACED.findall(words))


def decode(
    chosen: Sequence[float],
    summary: Sequence[float],
    sizes: Sizes,
    stems: Sequence[frozenset[str]],
    guards: Sequence[Standing] = (),
    leaning: Collection[int] = (),
) -> Choice:
    """Summary and highlights by the probabilities of every sentence, within all limits."""
    scores = tuple(chosen)
    if not scores:
        return Choice((), (), ())
    rules = _Rules(len(scores), guards)
    fit = [
        n
        for n in sorted(range(len(scores)), key=lambda n: (-scores[n], n))
        if rules.alone(n)
        and n not in leaning
        and sizes.words[n] <= HIGHLIGHT_WORDS
        and sizes.characters[n] <= HIGHLIGHT_CHARACTERS
    ]
    whole = _Whole(scores, fit, stems)
    first = _summary(summary, sizes, rules, whole)
    return Choice(first, whole.highlights(first), scores)


class _Rules:
    """The guards of a text as sets of sentence numbers."""

    def __init__(self, count: int, guards: Sequence[Standing]) -> None:
        if guards and len(guards) != count:
            raise ValueError(f"{len(guards)} guards for {count} sentences")
        self.count = count
        self.never = {n for n, guard in enumerate(guards) if guard.never}
        self.before = {n for n, guard in enumerate(guards) if guard.before}
        self.after = {n for n, guard in enumerate(guards) if guard.after}

    def together(self, number: int) -> frozenset[int]:
        """The sentence and those that must be shown with it; empty if they cannot be."""
        first = last = number
        while first in self.before:
            first -= 1
        while last in self.after:
            last += 1
        needed = frozenset(range(first, last + 1))
        if first < 0 or last >= self.count or needed & self.never or len(needed) > SUMMARY:
            return frozenset()
        return needed

    def alone(self, number: int) -> bool:
        return not (number in self.never or number in self.before or number in self.after)


def _summary(
    probability: Sequence[float], sizes: Sizes, rules: _Rules, whole: "_Whole"
) -> tuple[int, ...]:
    """The set of up to SUMMARY sentences that may be shown and is worth most."""
    count = len(probability)
    units = {
        n: needed for n in range(count) if (needed := rules.together(n)) and _fits(needed, sizes)
    }
    if not units:
        left = [n for n in range(count) if n not in rules.never and _fits({n}, sizes)]
        return (max(left, key=lambda n: (probability[n], -n)),) if left else ()
    if count <= SHORT:
        every = frozenset().union(*units.values())
        if _fits(every, sizes):
            return tuple(sorted(every))
    likely = sorted(units, key=lambda n: (-probability[n], n))[:CANDIDATES]
    expected = sum(probability)
    best, most = units[likely[0]], -1.0
    for chosen in _sets(likely, units):
        if not _fits(chosen, sizes) or whole.repeats(chosen):
            continue
        near = sum(
            n + 1 in chosen and sizes.paragraphs[n] == sizes.paragraphs[n + 1] for n in chosen
        )
        own = 2 * sum(probability[n] for n in chosen) / (len(chosen) + expected)
        value = own + NEIGHBOUR * near + WHOLE * whole.worth(chosen)
        if value > most:
            best, most = chosen, value
    return tuple(sorted(best))


def _sets(likely: Sequence[int], units: dict[int, frozenset[int]]) -> Iterator[frozenset[int]]:
    for size in range(1, SUMMARY + 1):
        for several in combinations(likely, size):
            chosen = frozenset().union(*(units[n] for n in several))
            if len(chosen) <= SUMMARY:
                yield chosen


def _fits(chosen: Collection[int], sizes: Sizes) -> bool:
    """Whether sentences are short enough for a summary together; one alone may have more words."""
    characters = sum(sizes.characters[n] + _JOIN for n in chosen)
    words = sum(sizes.words[n] for n in chosen)
    return characters <= SUMMARY_CHARACTERS and (len(chosen) == 1 or words <= SUMMARY_WORDS)


class _Whole:
    """What summary and highlights are worth together: their expected F1, roughly.

    Of a set of sentences it is 2 * (sum of their probabilities) / (their number + how many the
    editor is expected to choose).
    """

    def __init__(
        self, scores: Sequence[float], fit: Sequence[int], stems: Sequence[frozenset[str]]
    ) -> None:
        self.scores, self.stems = scores, stems
        self.fit = fit  # sentences that may be highlights, likeliest first
        self.expected = SIZE * sum(scores)

    def worth(self, summary: Collection[int]) -> float:
        """Expected F1 of a summary with the likeliest highlights beside it."""
        taken, sure, left = len(summary), sum(self.scores[n] for n in summary), HIGHLIGHTS
        for n in self.fit:
            if not left or not self._grows(n, taken, sure):
                break
            if n not in summary:
                taken, sure, left = taken + 1, sure + self.scores[n], left - 1
        return 2 * sure / (taken + self.expected)

    def repeats(self, summary: Collection[int]) -> bool:
        """Whether one sentence of a summary says nearly the words of another."""
        return any(_alike(self.stems[a], self.stems[b]) for a, b in combinations(summary, 2))

    def highlights(self, summary: tuple[int, ...]) -> tuple[int, ...]:
        """What adds most to the summary, as long as the expected F1 grows."""
        taken, sure = list(summary), sum(self.scores[n] for n in summary)
        for n in self.fit:
            if len(taken) == len(summary) + HIGHLIGHTS or not self._grows(n, len(taken), sure):
                break
            if n not in taken and not any(_alike(self.stems[n], self.stems[m]) for m in taken):
                taken.append(n)
                sure += self.scores[n]
        return tuple(taken[len(summary) :])

    def _grows(self, n: int, taken: int, sure: float) -> bool:
        """Whether one more sentence raises 2 * sure / (taken + expected)."""
        score = self.scores[n]
        return not taken or (score >= FLOOR and score * (taken + self.expected) > sure)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sentences say nearly the same words."""
    fewer = min(len(one), len(other))
    return fewer > 2 and len(one & other) >= ALIKE * fewer

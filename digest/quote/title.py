"""The headline of a digest: the author's where it states the story, else one sentence of the text.

Nothing is invented: a headline is the author's own without what newsletters put around it, or a
sentence, whole or safely shortened. How good the story's sentences are is said by the caller.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from digest.quote.asides import ended
from digest.quote.clean import clean, spoken
from digest.quote.guards import Guard, guards
from digest.quote.language import language
from digest.quote.sentences import Sentence, plain
from digest.quote.shorten import Status, headline, lost, unperiod

LEAST, MOST = 3, 120  # characters: the contract's limits

# Whether an author's headline states the story: a logistic regression on the 377 headlines of the
# half of the editor's documents that rules were built on. A headline stands above SURE, which is
# below one half since a good headline lost costs more than a label kept. A title of up to COLUMN
# words that begins like a column's name is one. Behind the BEST sentences the NEAR next ones are
# tried by how many words they share with them.
SURE, COLUMN, BEST, NEAR = 0.4, 6, 3, 20
WEIGHTS = {
    "length": 2.17,
    "in the text": 0.58,
    "in the lead": 1.47,
    "much in the lead": 1.99,
    "question": -2.15,
    "points": -0.78,
    "how": 0.62,
    "verb": 0.48,
    "column": -0.21,
    "constant": -1.99,
}

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_COMMON_WORDS = """
    a an the and or but of to in on for with at by from as is are was were be been it its this
    that these those how why what when where who your you we our us i my me his her their they
    he she do does did can could will would should may might not no new more most about into
    over after before than up out all just now here get der die das und von zu mit für auf ist
    im den des ein eine le la les de du un une et en pour est que el los las y por con para o os
    da em com um uma e il lo gli di che per non het een van op
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_COLUMN = re.compile(
    r"^\W*(?:(?:this|last) (?:week|month)|weekly|monthly|daily|news from|newsletter|update|issue|"
    r"no\.|vol|"
    r"edition|hello|welcome|version|digest|round-?up|spotlight|untitled|fwd?:|re:|diese woche|"
    r"cette semaine|"
    r"esta semana|wochenrückblick|boletín|boletim)\b|\b(?:weekly|newsletter|bulletin|round-?up|"
    r"in review|"
    r"dispatch|digest|wrap-?up|recap)\b|#?\b\d{1,4}\s*$|\d{1,2}/\d{1,2}\b",
    re.I,
)
_QUESTION = re.compile(r"[?？؟]\W*$")
_POINTING = re.compile(
    r"\b(?:this|these|that|here|it|thing|things|dies\w*|cette?|est[ea]s?|quest\w)\b", re.I
)
_HOW = re.compile(
    r"(?:how|why|what|when|where|wie|warum|was|comment|pourquoi|cómo|por qué|como|come|perché)\b",
    re.I,
)
# Words by which somebody speaks of himself, to the reader or of what was named before: such a
# sentence may stand among others, but is no headline while there is another.
_PERSONAL = re.compile(
    r"\b(?:i|i['’]\w+|we|we['’]\w+|you|you['’]\w+|my|our|your|me|us|he|she|his|her|him|this|"
    r"these|those|also|"
    r"too|however|therefore|ich|wir|auch|außerdem|diese[mnrs]?|je|j['’]\w+|nous|vous|aussi|cette|"
    r"également|"
    r"también|este|esta|nosotros|eu|nós|também|isso|anche|noi|questo|questa)\b|https?://|@\w|\w@",
    re.I,
)
_NAME = re.compile(r"(?<=[\w,] )[A-Z][\w-]*[a-z]|\b[A-Z]{2,}|[^\x00-\u024f]")
_PARTS = re.compile(r"\s*[:;|]\s|\s[–—-]\s|\.\s")
_VERB = re.compile(r"\s[a-z]{2,}(?:(?<!s)s|ed|t)\b")


_COLUMN_NAME = re.compile(
    r"\W*(?:(?:this|last) (?:week|month)|(?:the )?(?:weekly|monthly|daily)|news from|newsletter|"
    r"updates? from|"
    r"issue|no\.|vol|edition|hello|welcome|greetings|untitled|diese woche|cette semaine|esta "
    r"semana)\b",
    re.I,
)
_COMMON_STEMS = {word[:5] for word in _COMMON}


@dataclass(frozen=True, slots=True)
class Title:
    """A headline, and the place it rests on: in the author's own title, or in the text."""

    text: str
    status: Status
    where: Literal["title", "text"]
    start: int
    end: int


def settle(
    own: str,
    text: str,
    found: Sequence[Sentence],
    ranked: Sequence[int],
    checked: Sequence[Guard] | None = None,
    lang: str | None = None,
    *,
    label: bool = False,
) -> Title:
    """The headline of a story.

    With a `label` the author's title stands, whatever it says. `own` is the author's title (may be
    empty), `found` the sentences of `text`, `ranked` their numbers, best first. `checked` are their
    guards and `lang` their language, found where None. Of a story that has neither title nor text
    the headline is empty.
    """
    lang = language(f"{own}\n{text}") if lang is None else lang
    checked = guards(text, found, lang) if checked is None else checked
    author = _author(own, text)
    if author and (label or states(author.text, text, found)):
        if len(author.text) <= MOST:
            return author
        part = _first_part(author, own, text, found)
        return part or Title(_clipped(author.text), "shortened", "title", author.start, author.end)
    if heading := _heading(text, found):
        return heading
    order = [n for n in ranked if 0 <= n < len(found)]
    standing = [n for n in order if not checked[n].alone]
    # What a sentence in the middle of a paragraph speaks of, the one before it said: as a headline
    # it may mean another thing. A label of the author's gives way to one of the best alone.
    opening = [
        n
        for n in standing
        if n == _first(checked)
        or (_opens(found, n) and _NAME.search(_words(text, found[n])) is not None)
    ]
    telling = _nearest(text, found, [n for n in opening if _tells(_words(text, found[n]))])
    told = _told(text, found, telling[: BEST if author else None], lang)
    if told is None and author is None:
        told = _asked(text, found)
    told = told or (_told(text, found, standing[:BEST], lang) if author is None else None)
    return told or _fallback(author, text, found, checked)


def states(title: str, text: str, found: Sequence[Sentence]) -> bool:
    """Whether an author's headline says by itself what the story is about."""
    if _COLUMN_NAME.match(title) and len(title.split()) <= COLUMN:
        return False
    score = sum(WEIGHTS[name] * value for name, value in features(title, text, found).items())
    return len(title) >= LEAST and 1 / (1 + math.exp(-score - WEIGHTS["constant"])) > SURE


def features(title: str, text: str, found: Sequence[Sentence]) -> dict[str, float]:
    """What tells a headline that states its story from a label or a teaser."""
    words = _WORD.findall(title)
    telling = [word for word in words if word.casefold() not in _COMMON]
    unspaced = len(_UNSPACED.findall(title))
    body = _stems(text[:20_000])
    lead = _stems(" ".join(plain(text, s.start, s.end) for s in found[:3]))
    in_lead = sum(_stem(word) in lead for word in telling)
    share = 1 / max(1, len(telling))
    seen = sum(_stem(word) in body for word in telling) * share
    return {
        "length": min(max(len(words), unspaced / 2), 14) / 14,
        "in the text": 1.0 if unspaced else seen,
        "in the lead": 0.7 if unspaced else in_lead * share,
        "much in the lead": 0.7 if unspaced else min(in_lead, 6) / 6,
        "question": float(bool(_QUESTION.search(title))),
        "points": float(bool(_POINTING.search(title))),
        "how": float(bool(_HOW.match(title))),
        "verb": float(bool(_VERB.search(title))),
        "column": float(bool(_COLUMN.search(title))),
    }


def _stem(word: str) -> str:
    return word.casefold()[:5]


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text)}


def _author(own: str, text: str) -> Title | None:
    """The author's title without what is put around it; None where nothing is left."""
    start, end = clean(own)
    words = spoken(plain(own, start, end), text)
    return Title(words, "quoted", "title", start, end) if len(words) >= LEAST else None


def _heading(text: str, found: Sequence[Sentence]) -> Title | None:
    """A heading that the text begins with, where it states the story."""
    first = found[0] if found else None
    if first is None or first.kind != "heading" or len(found) < 2:
        return None
    raw = text[first.start : first.end]
    start, end = clean(raw)
    words = spoken(plain(raw, start, end), text)
    fits = LEAST <= len(words) <= MOST and len(words.split()) >= 4
    if not fits or not states(words, text[first.end :], found[1:]):
        return None
    return Title(words, "quoted", "text", first.start + start, first.start + end)


def _first_part(author: Title, own: str, text: str, found: Sequence[Sentence]) -> Title | None:
    """What stands before a colon, a bar or a dash in a title that is too long, if it is enough."""
    for mark in _PARTS.finditer(own, author.start, author.end):
        words = spoken(plain(own, author.start, mark.start()), text)
        enough = LEAST <= len(words) <= MOST and len(words.split()) >= 4 and words[0].isalnum()
        if enough and states(words, text, found) and not lost(author.text, words):
            return Title(words, "shortened", "title", author.start, mark.start())
    return None


def _first(checked: Sequence[Guard]) -> int:
    """The number of the first sentence that is one; -1 where there is none."""
    return next((n for n, one in enumerate(checked) if not one.never), -1)


def _opens(found: Sequence[Sentence], n: int) -> bool:
    """Whether a sentence opens its paragraph."""
    return n == 0 or found[n - 1].paragraph != found[n].paragraph


def _words(text: str, sentence: Sentence) -> str:
    return plain(text, sentence.start, sentence.end)


def _tells(words: str) -> bool:
    """Whether a sentence could be a headline: of the story, not of its writer or reader."""
    return not _PERSONAL.search(words) and not words.isupper() and ended(words)


def _nearest(text: str, found: Sequence[Sentence], order: list[int]) -> list[int]:
    """`order` with what comes behind its best few sorted by the words that it shares with them."""
    best = _stems(" ".join(_words(text, found[n]) for n in order[:BEST])) - _COMMON_STEMS

    def shared(n: int) -> float:
        own = _stems(_words(text, found[n])) - _COMMON_STEMS
        return -len(own & best) / (len(own) + 3)

    near = sorted(order[BEST : BEST + NEAR], key=shared)
    return [*order[:BEST], *near, *order[BEST + NEAR :]]


def _told(text: str, found: Sequence[Sentence], order: Sequence[int], lang: str) -> Title | None:
    """The first of `order` that makes a headline, whole or safely shortened."""
    for n in order:
        shown = headline(_words(text, found[n]), MOST, lang)
        if shown and len(shown.text) >= LEAST:
            return Title(shown.text, shown.status, "text", found[n].start, found[n].end)
    return None


def _asked(text: str, found: Sequence[Sentence]) -> Title | None:
    """The question that a text begins with: it claims nothing, and says what is asked."""
    if not found or found[0].kind not in {"prose", "heading"}:
        return None
    words = _words(text, found[0])
    if not _QUESTION.search(words) or not LEAST <= len(words) <= MOST:
        return None
    return Title(words, "quoted", "text", found[0].start, found[0].end)


def _fallback(
    author: Title | None, text: str, found: Sequence[Sentence], checked: Sequence[Guard]
) -> Title:
    """The author's title even if it is a label; else the first sentence, cut where it must be."""
    if author:
        shown = _clipped(author.text)
        status: Status = author.status if shown == author.text else "shortened"
        return Title(shown, status, "title", author.start, author.end)
    order = sorted(
        range(len(found)), key=lambda n: (bool(checked[n].never), bool(checked[n].before), n)
    )
    for n in order:
        words = unperiod(plain(text, found[n].start, found[n].end))
        if len(words) >= LEAST and found[n].kind != "table":
            shown = _clipped(words)
            status = "quoted" if shown == words else "shortened"
            return Title(shown, status, "text", found[n].start, found[n].end)
    return Title("", "quoted", "text", 0, 0)


def _clipped(words: str) -> str:
    """`words` within the limit, cut behind a clause, or else behind a word, with an ellipsis."""
    if len(words) <= MOST:
        return words
    kept = words[: MOST - 1]
    clause = max(kept.rfind(sign) for sign in (", ", "; ", ": ", " – ", " — ", "，", "、"))
    word = kept.rfind(" ")
    place = clause if clause > MOST // 2 else word if word > MOST // 2 else len(kept)
    return kept[:place].rstrip(" ,;:–—-，、") + "…"

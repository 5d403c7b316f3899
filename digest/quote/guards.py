"""Why a sentence may not be shown alone, told by its form, its first words and its neighbours.

Reasons against, never for: what is left may still be dull. It knows no grammar, so a reference in
the middle of a sentence, or a fragment of good length, passes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from digest.quote import phrases
from digest.quote.abbreviations import STARTERS
from digest.quote.language import language
from digest.quote.machine import addressed, addressed_to_machine
from digest.quote.quotations import marks
from digest.quote.sentences import Sentence, plain

# WORDS: fewer are a fragment (two signs of a script without spaces count as a word). BARE: fewer
# without an end mark are a label; ENTRY: in a list. LONG: characters; what is longer was not cut
# rightly. SOLID: the least share of letters, digits and space in prose. Read off the half of the
# editor's documents that the rules were built on.
WORDS, BARE, ENTRY, LONG, SOLID = 4, 8, 5, 1000, 0.78

MACHINE = "addressed to a machine"  # these are counted
_ENDED = re.compile(r"[.!?…。！？؟।؛。][\"'”’»)\]*_」』“]*\Z")
_QUESTION = re.compile(r"[?？؟;][!?！？]*[\"'”’»)\]」』“]*\Z")
_SEMICOLON = re.compile(r"[^\W\dα-ωά-ώ];\Z")  # a question mark in Greek alone
_BROKEN = re.compile(r"(?<![:;])(?:[:：,;，、–—-]|\.\.\.|…)[\"'”’»)\]」』]*\Z")
_HASH = re.compile(r"\b(?=\w*\d)[0-9a-f]{20,}\b")
_URL = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w-]{1,80}\.\w{1,20}|[#@]\w+")
_THIS = re.compile(r"(?:this|these) ", re.I)  # at the very beginning: the text itself, or its title
_CODE = re.compile(r"[{}=<>\\|]|::|->|\w\(\)|\w\.\w+\(|_\w+_|^[$>#] ")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff]")
_COUNTED = re.compile(r"(?:(?<=\s)|\A)\w{1,2}\)|[:;=][-^o']?[()]")  # "1)", "a)", a smiley
_SPEAKER = re.compile(
    r"[」』]\s*と彼(?:女|ら)?は|[”」』]\s*[他她]们?(?:说|說|表示)|"
    r"[\"”’“»,]\s*(?:(?:he|she|they|it) (?:said|says|added|wrote|told|explained|noted|continued|"
    r"tweeted|"
    r"replied|recalled|asked|argued|concluded|warned|joked|insisted|claimed|posted|admitted|"
    r"stated)|"
    r"(?:said|says|added|wrote|asked) (?:he|she|they)(?=[.,])|(?:sagte|sagt|so|erklärte|betonte|"
    r"fügte|meinte) "
    r"(?:er|sie)|(?:a-t-|a |ajoute-t-|explique-t-|poursuit-|dit-|affirme-t-)?(?:il|elle)s? ?(?:a "
    r"|ont )?(?:déclaré|dit|ajouté|expliqué|affirmé)|(?:dit|explique|ajoute|poursuit|"
    r"affirme)-(?:t-)?(?:il|elle))\b",
    re.I,
)
_HE = re.compile(r"\b(?:he|she|his|him|hers?)\b", re.I)
_NAMED = re.compile(
    r"[A-Z][\w’'-]+|\b(?:man|woman|boy|girl|person|father|mother|son|daughter|husband|wife|brother|"
    r"sister|driver|officer|teacher|student|doctor|user|player|author|actor|anyone|someone|"
    r"everyone|"
    r"nobody|who|one|\w+(?:er|or|ist|ian|ant))\b"
)
# "In March, they asked for more." No noun stands before the pronoun but that of time or place.
_LED = re.compile(
    r"\W*(?:In|On|By|At|Since|Until|During|From|Last|Earlier|Later)\b[^,]{1,40}, (?P<rest>(?:it|"
    r"they)\b.*)",
    re.S,
)
# "Praising the work, they asked for more."
_DOING = re.compile(r"\W*(?:[A-Z]\w+(?:ing|ed)) [^,]{0,90}, (?:he|she|they|it)\b")
_FOLLOWS = re.compile(r", (?:[A-Z][\w’'-]+ ){0,2}[A-Z][\w’'-]+,? [a-z]")


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands against showing one sentence; every reason is "" where there is none."""

    never: str = ""  # it is no statement of the story, or is broken
    before: str = ""  # it may be shown only right behind the sentence before it
    after: str = ""  # it may be shown only with the sentence behind it

    @property
    def alone(self) -> str:
        """Why the sentence may not be shown by itself, or ""."""
        return self.never or self.before or self.after


def guards(text: str, found: Sequence[Sentence], lang: str | None = None) -> tuple[Guard, ...]:
    """One guard for each of `found`, the sentences of `text`; `lang` is found where it is None."""
    lang = language(text) if lang is None else lang
    words = [plain(text, s.start, s.end) for s in found]
    inside = marks(words)
    called = addressed(text, found)
    listed = _listed(words, found)
    out = []
    for n, sentence in enumerate(found):
        last = words[n - 1] if n and found[n - 1].paragraph == sentence.paragraph else ""
        following = words[n + 1] if n + 1 < len(words) else ""
        out.append(
            Guard(
                never=MACHINE
                if called[n]
                else _never(words[n], sentence) or listed[n] or inside[n],
                before="" if n == 0 and _THIS.match(words[n]) else _before(words[n], last, lang),
                after=_after(following, found[n : n + 2], lang),
            )
        )
    return tuple(out)


def _listed(words: Sequence[str], found: Sequence[Sentence]) -> list[str]:
    """Against each entry of a list whose head ends with a colon: the head says what it means."""
    out, head = [], ""
    for said, sentence in zip(words, found, strict=True):
        if sentence.kind != "list":
            head = said
        below = sentence.kind == "list" and head.rstrip("*_ ").endswith((":", "：", "ـ:"))
        out.append("entry of a list without its head" if below else "")
    return out


def _after(following: str, pair: Sequence[Sentence], lang: str) -> str:
    """Why a sentence needs the one behind it; `pair` holds both."""
    if denied(following):
        return "the next sentence takes it back"
    together = len(pair) == 2 and pair[0].paragraph == pair[1].paragraph
    limited = phrases.LIMIT.get(lang)
    if together and limited and limited.match(following):
        return "the next sentence limits it"
    return ""


def leans(words: str, lang: str = "en") -> str:
    """Why a sentence is no fact by itself though its first words let it stand, or "".

    For highlights: it points in mid-sentence to what was said before, or speaks of its writer or
    to its reader. English only; other languages give no highlights but by `stands_alone`.
    """
    if lang not in {"", "en"}:
        return ""
    if phrases.POINTS.search(words):
        return "points to what was said before"
    return "speaks of its writer or to its reader" if phrases.PERSONAL.search(words) else ""


def denied(following: str) -> bool:
    """Whether a sentence takes back what the one before it says."""
    return bool(phrases.DENIAL.match(following))


def stands_alone(words: str, lang: str = "en") -> str:
    """Why words that are shown by themselves, whatever their neighbours, do not stand; or ""."""
    place = Sentence(0, len(words), 0, "prose")
    if addressed_to_machine(words):
        return MACHINE
    return marks([words])[0] or _never(words, place) or _before(words, "", lang)


def _never(words: str, sentence: Sentence) -> str:
    if sentence.kind in {"aside", "table", "heading"}:
        return f"{sentence.kind}, no sentence"
    return _shape(words, sentence.kind) or _talk(words)


def _shape(words: str, kind: str) -> str:
    """What is wrong with the form of a sentence."""
    bare = _URL.sub(" ", words)
    unspaced = len(_UNSPACED.findall(bare))
    size = len(bare.split()) + unspaced // 2
    solid = sum(sign.isalnum() or sign.isspace() for sign in bare)
    figures = sum(sign.isdigit() for sign in bare)
    ended = bool(_ENDED.search(words))
    reasons = {
        "fragment": size < WORDS or (not ended and size < (ENTRY if kind == "list" else BARE)),
        "entry of a list": kind == "list" and not ended and bare[:1].islower(),
        "question": bool(_QUESTION.search(words)) and not _SEMICOLON.search(words),
        "broken off": bool(_BROKEN.search(words)),
        "begins in the middle": bare.lstrip("\"“„«'‘([")[:1] in set(",.;:!?%)]}/&"),
        "open bracket": _brackets(words),
        "no prose": bool(_HASH.search(bare))
        or solid < SOLID * len(bare)
        or figures * 2 > solid
        or _coded(bare),
        "too long": len(words) > LONG,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _coded(bare: str) -> bool:
    """Whether there is more code in a sentence than prose may name."""
    return len(_CODE.findall(bare)) * 8 > len(bare.split()) + 16


def _brackets(words: str) -> bool:
    def odd(shown: str) -> bool:
        return any(shown.count(left) != shown.count(right) for left, right in ("()", "[]", "（）"))

    return odd(words) and odd(_COUNTED.sub(" ", words))


def _talk(words: str) -> str:
    """Talk to the reader that tells nothing of the story."""
    if phrases.GREETING.match(words):
        return "greeting"
    if phrases.TEASER.match(words) or phrases.TEASER_CJK.search(words):
        return "teaser or call"
    if phrases.ADVERT.search(words):
        return "advert"
    return "about the mailing" if phrases.ABOUT_MAILING.search(words) else ""


def _before(words: str, last: str, lang: str) -> str:
    """What in a sentence refers to the one before it."""
    connective = phrases.CONNECTIVE.get(lang, phrases.CONNECTIVE["en"])
    pronoun = phrases.PRONOUN.get(lang, phrases.PRONOUN["en"])
    pointing = phrases.POINTING.match(words)
    if not pointing and (connective.match(words) or phrases.CONNECTIVE_CJK.match(words)):
        return "joined to what was said before"
    referring = pronoun.match(words) or phrases.PRONOUN_CJK.match(words)
    shouted = re.match(r"\W*[A-Z]{2}", words)  # IT, US: names
    if referring and not (pointing or shouted or phrases.EXPLETIVE.match(words)):
        return "refers to what was said before"
    if phrases.ANAPHOR.match(words):
        return "names what was told before"
    if _SPEAKER.search(words):
        return "its speaker is named before"
    if words[:1].islower() and last and not _ENDED.search(last):
        return "goes on from what was said before"
    return "refers to somebody named before" if lang == "en" and _unnamed(words) else ""


def _unnamed(words: str) -> bool:
    """Whether a sentence says "he" or "she" before it has named anybody."""
    led = _LED.match(words)
    if _DOING.match(words) or (led and not phrases.EXPLETIVE.match(led["rest"])):
        return True
    pronoun = _HE.search(words)
    if not pronoun:
        return False
    first = words.split(maxsplit=1)[0]
    common = first.strip("\"“'‘(,").casefold() in STARTERS
    if _NAMED.search(words, len(first) if common else 0, pronoun.start()):
        return False
    # "In her time there, Ada Roe has ...": the name follows.
    return not (common and _FOLLOWS.search(words, pronoun.end()))

"""Texts whose relevance nothing in them may raise: those that speak to the machine which rates
them, and those that say nothing.

`digest.quote.machine` knows how a sentence addresses a machine; here it is asked about everything
that an item carries: title, sender, the text of images, the titles and addresses of links,
comments, encoded runs. Besides, a text that gives itself a score is one that wants to be rated.
"""

import binascii
import codecs
import re
from urllib.parse import unquote_plus

from digest.quote.machine import addressed, addressed_to_machine
from digest.quote.plain import plain
from digest.quote.sentences import sentences

ADDRESSED = "it addresses a machine"
SHORT = "too short to be judged"
FEW = 4  # words; with fewer, a text is its own summary and says nothing else

_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_CARRIED = re.compile(
    r"!?\[(?P<shown>[^\[\]]{8,400})\]|\((?P<link>[^\s()]{8,800})(?:\s+[\"'](?P<title>[^\"']{8,400}))?"
    r"|<!--(?P<comment>.{8,800}?)-->|(?:alt|title|content|aria-label)=[\"'](?P<value>[^\"']{8,400})",
    re.S,
)
_HEX = re.compile(r"(?:[0-9a-f]{2}[ :]?){16,400}", re.I)
_SEPARATORS = re.compile(r"[-_+.]+")
_SHORTEST = 8  # characters of a part of a link that may say something
# A score that a text gives itself: its name, then the highest marks, with little between.
_NAMES = (
    r"relevance[\s_-]*(?:score|rating|rank)?|importance[\s_-]*(?:score|rating)|priority[\s_-]*score|"
    r"relevanz(?:wert(?:ung)?|[\s_-]*score)?|wichtigkeit|bewertung\s+der\s+relevanz|"
    r"(?:score\s+de\s+)?pertinence|note\s+de\s+pertinence|"
    r"(?:puntuaci[oó]n\s+de\s+)?relevancia|(?:pontua[cç][aã]o\s+de\s+)?relev[aâ]ncia|"
    r"(?:punteggio\s+di\s+)?rilevanza|релевантность|关联度|相关性|相关度|重要度|関連度|関連性|"
    r"スコア|관련성"
)
_MARKS = (
    r"(?:10(?!\d|[.,]\d)|9[.,]?\d?\s*/\s*10|ten\b|max(?:imum|imal)?\b|highest\b|zehn\b|dix\b|"
    r"diez\b)"
)
_IS = r"(?:[:=：]|is|must be|should be|ist|est|es|é|è|は|为|是|->|→)?"
_SCORE = re.compile(rf"(?<!\w)(?:{_NAMES})[\"'`*\s]{{0,4}}{_IS}[\"'`*\s]{{0,4}}{_MARKS}", re.I)


def limited(title: str, text: str, sender: str = "") -> str:
    """Why a text has the lowest relevance whatever it is about; "" if nothing stands against it."""
    if too_short(title, text):
        return SHORT
    return ADDRESSED if addresses_machine(title, text, sender) else ""


def too_short(title: str, text: str) -> bool:
    """Whether title and text together are a few words: such a text is its own summary.

    Two signs of a script without spaces count as a word.
    """
    both = plain(f"{title} {text}")
    signs = len(_UNSPACED.findall(both))
    spaced = re.findall(r"[^\W_]+", _UNSPACED.sub(" ", both))
    return len(spaced) + signs // 2 < FEW


def addresses_machine(title: str, text: str, sender: str = "") -> bool:
    """Whether anything that an item carries speaks to a machine, or scores itself."""
    if any(addressed(text, sentences(text))):
        return True
    return any(_speaks(part) for part in (title, sender, *_carried(text))) or _scores(text)


def _speaks(part: str) -> bool:
    return bool(part) and (addressed_to_machine(part) or _scores(part))


def _scores(part: str) -> bool:
    return bool(_SCORE.search(part))


def _carried(text: str) -> list[str]:
    """What a text carries besides its sentences, decoded."""
    found = []
    for match in _CARRIED.finditer(text):
        for name, part in match.groupdict().items():
            if part and name == "link":
                for piece in re.split(r"[/?&=#]", unquote_plus(part)):
                    if len(piece) >= _SHORTEST:
                        found += [piece, _SEPARATORS.sub(" ", piece)]
            elif part:
                found.append(part)
    for run in _HEX.findall(text)[:8]:
        bare = re.sub(r"[ :]", "", run)
        try:
            found.append(binascii.unhexlify(bare[: len(bare) // 2 * 2]).decode("utf-8"))
        except (ValueError, UnicodeDecodeError):
            continue
    turned = codecs.decode(text[:2000], "rot13")
    if " gur " in text.casefold() or "vtaber" in text.casefold():  # "the", "ignore" when turned
        found += re.split(r"(?<=[.!?])\s+", turned)
    return found

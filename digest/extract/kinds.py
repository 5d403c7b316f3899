"""What kind of item it is: by its own words, its section's, and the look of the block around it."""

import re
from collections.abc import Sequence

from digest.extract import words
from digest.html.blocks import count_words
from digest.records import ItemKind

_CLOCK = re.compile(
    r"\b\d{1,2}(?::\d\d)? ?[ap]\.?m\b|\b\d{1,2}[:.]\d\d ?(?:uhr|h\b)|\b\d{1,2} uhr\b|"
    r"\b\d{1,2}h\d{0,2}\b|\b\d{1,2}:\d\d\b|\d{1,2}[点點时]",
    re.I,
)


_DAY = re.compile(
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d|\b\d{1,2}(?:st|nd|rd|th)\b|"
    r"\b\d{1,2}\.? ?(?:jan|feb|mär|mar|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec)|"
    r"\b\d{1,2}[./]\d{1,2}\b|\b(?:today|tonight|tomorrow|daily|heute|morgen)\b|"
    r"\b(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|\b(?:lun|mar|mercre|jeu|vendre|same)di\b|"
    r"dimanche|\b(?:lunes|martes|mi[ée]rcoles|jueves|viernes|s[áa]bado|domingo)\b|-feira\b|"
    r"曜日|月\d{1,2}日|[周星]期?[一二三四五六日天]",
    re.I,
)
SECTION_WORDS = 8  # a longer line above several items is no sign over them


def kind(title: str, text: str, section: str, href: str, marks: Sequence[str]) -> ItemKind:
    """Decide the kind of an item from what a reader sees of it."""
    plain = re.sub(r"\]\([^)]*\)", "]", text)
    edges = f"{plain[:160]}\n{plain[-60:]}"
    above = [section] if count_words(section) <= SECTION_WORDS else []
    if sponsored(title, plain, [*above, *marks]):
        return "sponsor"
    few = count_words(plain)
    said = f"{title}\n{edges}\n{section}"  # a time alone is when something was posted
    at_a_time = few < 80 and bool(_CLOCK.search(said) and _DAY.search(said))
    signs: dict[ItemKind, object] = {
        "job": words.JOB.search(section) or words.JOB.search(title),
        "poll": words.POLL.search(title) or (words.POLL.search(section) and "?" in edges),
        "event": words.EVENT.search(section) or at_a_time,
        "appeal": words.APPEAL.search(title) or words.APPEAL.search(section),
        "product": few < 30 and words.PRODUCT.search(f"{title}\n{edges}"),
        "link": href and few < 3,
    }
    return next((name for name, sign in signs.items() if sign), "story")


def sponsored(title: str, text: str, marks: Sequence[str]) -> bool:
    """Whether a sponsor's sign stands above, at the head or at the foot of the text."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    signs = [*marks, *lines[:1], *lines[-1:]]
    short = [sign for sign in signs if len(sign) <= 200 and count_words(sign) <= 14]
    if count_words(title) <= 8:
        short.append(title)
    return any(words.SPONSOR.search(sign) for sign in short)

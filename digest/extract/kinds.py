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


def kind(title: str, text: str, section: str, href: str, marks: Sequence[str]) -> ItemKind:
    """Decide the kind of an item from what a reader sees of it."""
    plain = re.sub(r"\]\([^)]*\)", "]", text)
    edges = f"{plain[:160]}\n{plain[-60:]}"
    if sponsored(title, plain, [section, *marks]):
        return "sponsor"
    few = count_words(plain)
    at_a_time = few < 80 and bool(_CLOCK.search(f"{title}\n{edges}"))
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

"""Grounding: a name that does not occur in the text is not a name the text gives.

Compared after Unicode compatibility folding, without case, accents and punctuation, and with
spaces optional, so that "U.S." is found in "US", "Coca Cola" in "Coca-Cola", "Muller" in
"Müller". A name must begin and end where words do, except in scripts that part no words.

A text in another script than Latin gives its names in that script: one that is spelled in Latin
letters there was translated, which a small model cannot be trusted with, and is dropped.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from digest.schema import DigestFields

GROUNDED = ("names", "company_names")
"""The fields whose entries must occur in the text."""

_CAPITALS = 0.01  # of all letters; in running English three to five in a hundred
_NOT_WORD = re.compile(r"[\W_]+")
_UNPARTED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Grounded:
    """Digest fields with only those names that occur in the text, and the names removed."""

    fields: DigestFields
    dropped: tuple[str, ...]


def ground(fields: DigestFields, title: str, text: str) -> Grounded:
    """Remove names and companies that do not occur in title or text."""
    source = fold(f"{title}\n{text}")
    kept: dict[str, Any] = {}
    dropped: dict[str, None] = {}
    for field in GROUNDED:
        names = getattr(fields, field) or []
        kept[field] = [n for n in names if occurs(n, source)]
        dropped.update(dict.fromkeys(n for n in names if n not in kept[field]))
    if not dropped:
        return Grounded(fields, ())
    changed = {field: kept[field] for field in GROUNDED if getattr(fields, field) is not None}
    return Grounded(fields.model_copy(update=changed), tuple(dropped))


def cased(text: str) -> bool:
    """Whether `text` uses capital letters as running text does."""
    return sum(map(str.isupper, text)) >= _CAPITALS * sum(map(str.isalpha, text))


def as_name(name: str, text: str) -> bool:
    """Whether `text`, which is `cased`, writes `name` with a capital letter somewhere.

    Or need not: a single word without one may be a tool's name ("rustc").
    """
    if name == name.lower() and " " not in name:
        return True
    written = [found[0] for found in re.finditer(re.escape(name), text, re.IGNORECASE)]
    return not written or any(one != one.lower() for one in written)


def fold(text: str) -> str:
    """The words of `text` in one spelling, a space before and after each."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    # NFC, because decomposition also takes Korean syllables apart.
    return f" {_NOT_WORD.sub(' ', unicodedata.normalize('NFC', bare)).strip()} "


def occurs(name: str, folded: str) -> bool:
    """Whether `name` stands in a text that `fold` made."""
    letters = fold(name).replace(" ", "")
    if not letters:
        return False
    anywhere = " ?".join(map(re.escape, letters))
    if not _UNPARTED.search(letters):
        anywhere = f"(?<= ){anywhere}(?= )"
    return re.search(anywhere, folded) is not None


def latin(text: str) -> bool:
    """Whether most letters of `text` are Latin."""
    letters = [c for c in text[:4000] if c.isalpha()]
    # Latin letters end at U+024F, but for the phonetic and Vietnamese extensions.
    near = sum(c < "\u0250" or "\u1e00" <= c <= "\u1eff" for c in letters)
    return near * 2 >= len(letters)

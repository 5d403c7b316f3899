"""Entries and texts as they are compared."""

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def fold(text: str) -> str:
    """Unicode and case folded, white space as single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def fold_all(entries: Sequence[str]) -> set[str]:
    """The set that lists are compared as."""
    return {fold(entry) for entry in entries} - {""}


def words(text: str) -> list[str]:
    """The words of a text, folded."""
    return _WORD.findall(fold(text))

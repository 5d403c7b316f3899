"""Texts too long for the model: keep the head and the tail, cut between paragraphs."""

import re
from collections.abc import Callable, Iterable

GAP = "[…]"
"""Stands where text was left out."""

_HEAD = 2 / 3  # of the room: news tells the most first, and how it ends last
_PARAGRAPHS = re.compile(r"\n\s*\n")
_SENTENCES = re.compile(r"(?<=[.!?…:;])\s+|(?<=[。！？])|\n")
_PIECE = 1200  # characters a piece may have before it is split further


def shorten(text: str, tokens: int, count: Callable[[str], int]) -> tuple[str, int]:
    """`text` in at most `tokens`, and how many tokens were left out (0 = nothing was).

    `count` counts tokens. It is not called for texts of fewer bytes than tokens allowed: no
    token is shorter than a byte.
    """
    if len(text.encode("utf-8", "replace")) <= tokens or (whole := count(text)) <= tokens:
        return text, 0
    pieces = list(_pieces(text))
    head = _take(pieces, int(tokens * _HEAD) - count(GAP) - 4, count)
    room = tokens - count("\n\n".join(head)) - count(GAP) - 4
    tail = _take(reversed(pieces[len(head) :]), room, count)[::-1]
    kept = "\n\n".join([*head, GAP, *tail])
    return kept, max(whole - count(kept), 1)


def _take(pieces: Iterable[str], room: int, count: Callable[[str], int]) -> list[str]:
    taken = []
    for piece in pieces:
        room -= count(piece) + 2  # the blank line between
        if room < 0:
            break
        taken.append(piece)
    return taken


def _pieces(text: str) -> Iterable[str]:
    """Paragraphs; a long one by its sentences; what is still long by length."""
    for paragraph in _PARAGRAPHS.split(text):
        sentences = [paragraph] if len(paragraph) <= _PIECE else _SENTENCES.split(paragraph)
        for sentence in sentences:
            for start in range(0, len(sentence), _PIECE):
                if piece := sentence[start : start + _PIECE].strip():
                    yield piece

"""Labels to blocks: which block begins an item, belongs to one, names a section or is talk."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


def words(text: str) -> list[str]:
    """The words of a text, as the scorer counts them."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", _LINK.sub(r"\1", text)).casefold())


def _places(stream: Sequence[str], wanted: Sequence[str], start: int = 0) -> list[int]:
    size = len(wanted)
    return [
        at
        for at in range(start, len(stream) - size + 1)
        if size and stream[at] == wanted[0] and list(stream[at : at + size]) == list(wanted)
    ]


def align(texts: Sequence[str], label: Mapping[str, Any]) -> str:
    """A letter for each block: B begins an item, I is in it, S names a section, O is talk."""
    stream: list[str] = []
    where: list[int] = []
    for number, text in enumerate(texts):
        found = words(text)
        stream += found
        where += [number] * len(found)
    spans = []
    cursor = 0
    for item in label["items"]:
        span = _span(stream, item, cursor)
        if span:
            cursor = max(cursor, span[0] + 1)
            spans.append(span)
    marks = ["O"] * len(texts)
    spans.sort()
    for (start, end), following in zip(spans, [*spans[1:], (-1, -1)], strict=False):
        first = where[start]
        limit = where[following[0]] if following[0] >= 0 else len(texts)
        marks[first] = "B"
        for number in range(first + 1, min(where[end] + 1, limit)):
            marks[number] = "I"
    talk = [words(line)[:5] for line in label["boilerplate"]]
    sections = {tuple(words(item["section"])) for item in label["items"] if item["section"]}
    for number, text in enumerate(texts):
        found = words(text)
        if marks[number] == "I" and any(len(t) > 1 and found[: len(t)] == t for t in talk):
            marks[number] = "O"
        elif marks[number] == "O" and tuple(found) in sections:
            marks[number] = "S"
    return "".join(marks)


def _span(stream: Sequence[str], item: Mapping[str, Any], cursor: int) -> tuple[int, int] | None:
    """First and last word of an item: its headline or its first words, to its last words."""
    title, first = words(item["title"]), words(item["text_start"])
    heads = _places(stream, title) or _places(stream, title[:6])
    texts = _places(stream, first[:6]) or _places(stream, first[:4]) if len(first) > 1 else []
    found = []
    for text in texts:
        above = [head for head in heads if head <= text <= head + len(title) + 60]
        found.append((bool(title and not above), above[-1] if above else text, text))
    if not texts:
        found = [(True, head, head + len(title) - 1) for head in heads]
    if not found:
        return None
    _, start, text = min([place for place in found if place[1] >= cursor] or found)
    last = words(item["text_end"])
    for size in (6, 4, 3):
        if ends := _places(stream, last[-size:], max(text - 2, 0)):
            return start, ends[0] + len(last[-size:]) - 1
    return start, max(start, text)

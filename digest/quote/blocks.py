"""A markdown text as blocks of lines: paragraphs, list items, headings, tables, quotes, code.

One pass over the lines, so any text takes linear time. It reads no inline markup and judges no
words: a block knows only its place and its kind.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["prose", "list", "heading", "table", "quote", "aside"]

_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+(?=\S)")
_ITEM = re.compile(r"[ \t]*(?:[-*+•‣▪●◦·][ \t]+|\(?\d{1,3}[.)][ \t]+)(?=\S)")
_NUMBERED = re.compile(r"[ \t]*\(?(\d{1,3})[.)]")
_QUOTE = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_RULE = re.compile(
    r"[ \t]*(?:[-*_=~+][ \t]*){3,}$|[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-*:?[ \t]*)+$"
)
_UNDERLINE = re.compile(r"[ \t]{0,3}(?:=+|-+)[ \t]*$")
_CODE = re.compile(r"(?: {4}|\t)")
_ENDED = re.compile(r"[.!?…:;,。！？،؟।][\"'”’»)\]*_]*\s*$")
_FIRST_NUMBER = 1  # only a list that begins with one may break into a paragraph


# Lines set in by four blanks are prose with so many words, of which letters are so large a share.
PROSE, LETTERED = 6, 0.9


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `[start, end)` of a text that belong together."""

    start: int
    end: int
    kind: Kind


def blocks(text: str) -> list[Block]:
    """The blocks of `text` in order; markup lines (rules, fences, table marks) are in none."""
    return list(_Reader(text).read())


class _Reader:
    """Gathers lines into blocks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.start = self.end = -1  # of the block that is open
        self.kind: Kind = "prose"
        self.fence = ""
        self.in_list = False
        self.blank = True

    def read(self) -> Iterator[Block]:
        place = 0
        for line in self.text.splitlines(keepends=True):
            bare = line.rstrip("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")
            yield from self._line(bare, place)
            place += len(line)
        yield from self._close()

    def _line(self, line: str, place: int) -> Iterator[Block]:
        if self.fence or _FENCE.match(line):
            yield from self._fenced(line, place)
        elif not line.strip():
            yield from self._close()
            self.blank = True
            return
        elif _UNDERLINE.match(line) and self.kind == "prose" and self._one_line():
            self.kind = "heading"
            yield from self._close()
        elif _RULE.match(line):
            yield from self._close()
            self.in_list = False
        elif heading := _HEADING.match(line):
            yield from self._single(place + heading.end(), place + len(line), "heading")
            self.in_list = False
        elif _ROW.match(line):
            yield from self._single(place, place + len(line), "table")
        else:
            yield from self._running(line, place)
        self.blank = False

    def _fenced(self, line: str, place: int) -> Iterator[Block]:
        mark = _FENCE.match(line)
        if not self.fence and mark:
            yield from self._close()
            self.fence = mark.group(1)
        elif mark and mark.group(1).startswith(self.fence):
            yield from self._close()
            self.fence = ""
        else:
            self._add(place, place + len(line), "aside")

    def _running(self, line: str, place: int) -> Iterator[Block]:
        """A line of a paragraph, of a list item, of a quotation, or of code."""
        stop = place + len(line)
        if quote := _QUOTE.match(line):
            if self.kind != "quote" or self.start < 0:
                yield from self._close()
            inner = line[quote.end() :]
            item = _ITEM.match(inner)
            if not inner.strip() or item:
                yield from self._close()
            if inner.strip():
                self._add(place + quote.end() + (item.end() if item else 0), stop, "quote")
            return
        if (item := _ITEM.match(line)) and self._begins_item(line):
            yield from self._close()
            self._add(place + item.end(), stop, "list")
            self.in_list = True
            return
        indented = _CODE.match(line) is not None
        if self.start >= 0:
            self._add(place, stop, self.kind)
            return
        if not indented and not line.startswith((" ", "\t")):
            self.in_list = False
        kind: Kind = "list" if self.in_list else "aside" if indented else "prose"
        self._add(place, stop, kind)

    def _begins_item(self, line: str) -> bool:
        """Whether a marker begins an item, not a line that happens to wrap before a number."""
        number = _NUMBERED.match(line)
        if number is None or self.start < 0 or self.kind == "list":
            return True
        ended = _ENDED.search(self.text, max(self.start, self.end - 12), self.end)
        return int(number.group(1)) == _FIRST_NUMBER or ended is not None

    def _reads(self) -> bool:
        """Whether lines that are set in like code are prose: a capital, words, an end."""
        shown = self.text[self.start : self.end].strip()
        letters = sum(sign.isalpha() or sign.isspace() for sign in shown)
        words = len(shown.split())
        return (
            shown[:1].isupper()
            and words >= PROSE
            and letters >= LETTERED * len(shown)
            and bool(_ENDED.search(shown[-12:]))
        )

    def _one_line(self) -> bool:
        return (
            self.start >= 0 and "\n" not in self.text[self.start : min(self.end, self.start + 500)]
        )

    def _add(self, start: int, end: int, kind: Kind) -> None:
        if self.start < 0:
            self.start, self.kind = start, kind
        self.end = end

    def _single(self, start: int, end: int, kind: Kind) -> Iterator[Block]:
        yield from self._close()
        yield Block(start, end, kind)

    def _close(self) -> Iterator[Block]:
        if self.start >= 0:
            kind = self.kind
            if kind == "aside" and not self.fence and self._reads():
                kind = "prose"
            yield Block(self.start, self.end, kind)
        self.start = self.end = -1
        self.kind = "prose"

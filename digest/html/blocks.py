"""The page as a reader sees it: a flat run of blocks, each a line or paragraph with its looks.

Layout is dissolved: tables, columns and wrappers leave only their traces, `gap` (what separates a
block from the one before) and `box` (the chain of elements that it stands in, by which sibling
repetition is found).
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum

from digest.html.css import Style

_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def count_words(text: str) -> int:
    """Words of a text; a CJK character counts half a word."""
    if text.isascii():
        return len(_WORD.findall(text))
    cjk = len(_CJK.findall(text))
    return len(_WORD.findall(_CJK.sub(" ", text))) + (cjk + 1) // 2


class Gap(IntEnum):
    """What stands between a block and the one before, weakest first."""

    SOFT = 0  # a <br>
    BLOCK = 1  # the next block element
    CELL = 2  # the next table cell or row
    RULE = 3  # a line, a border, a row of dashes, an empty spacer


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style. An image is a span whose text is its alt text."""

    text: str
    style: Style
    href: str = ""
    image: bool = False


@dataclass(eq=False, slots=True)
class Box:
    """A block-level element: its parent, tag, and number among all boxes."""

    parent: "Box | None"
    tag: str
    number: int
    depth: int


@dataclass(slots=True)
class Block:
    """One line or paragraph."""

    spans: list[Span]
    box: Box
    gap: Gap = Gap.BLOCK
    level: int = 0  # 1..6 in a heading
    marker: str = ""  # "-" or "1." at the first block of a list entry
    indent: int = 0  # list depth
    quote: int = 0
    pre: bool = False
    rows: list[list[list[Span]]] = field(default_factory=list)  # a data table: rows of cells
    entry: int = 0  # number of the list entry it belongs to, 0 outside lists

    _text: str | None = None
    _words: int = 0

    @property
    def text(self) -> str:
        """What it says, white space collapsed, images by their alt text."""
        if self._text is None:
            rows = self.rows or [[self.spans]]
            cells = [" ".join("".join(s.text for s in cell) for cell in row) for row in rows]
            self._text = " ".join(" ".join(cells).split())
            self._words = count_words(self._text)
        return self._text

    @property
    def glance(self) -> str:
        """The first 600 characters: enough to tell what a block is."""
        return self.text[:600]

    @property
    def words(self) -> int:
        """How many words it has."""
        return self._words if self.text else 0

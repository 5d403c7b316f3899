"""An item in the making, and when two headlines are one."""

import re
from dataclasses import dataclass, field

from digest.html.blocks import Block
from digest.records import ItemKind


@dataclass(slots=True)
class Draft:
    """An item in the making."""

    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)  # best first
    section: str = ""
    kind: ItemKind | None = None
    marks: list[str] = field(default_factory=list)  # lines around it that may name a sponsor


def same(text: str, title: str) -> bool:
    """Whether two headlines say the same."""
    a, b = key(text), key(title)
    if not a or not b:
        return False
    return a == b or (min(len(a), len(b)) > 15 and (a in b or b in a) and len(a) < 1.5 * len(b))


def key(title: str) -> str:
    """The letters of a headline, folded."""
    return re.sub(r"[\W_]+", "", title).casefold()

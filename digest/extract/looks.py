"""Which blocks look like a head, and how prominent they are.

A head is a block, or the run-in label that opens one, set off from the body by size, weight, a
heading tag or a link. Heads of one look form a class; splitting judges classes, not single heads.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from digest.html.blocks import Block, Gap, Span, count_words
from digest.html.css import BODY_SIZE, Colour
from digest.html.dom import BARE_DOMAIN

MAX_HEAD_WORDS = 32
MIN_ALT = 4  # words; a shorter alt text names what a picture shows
_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*")
_LEAD_IN = re.compile(r"[\s\W\d]{0,6}")  # "▶ ", "1. ", an opening quote
_BREAK = re.compile(r"\s*[:：—–|•]|\s+-\s|\s*$")
_ALT = re.compile(
    r"(?:an? )?(?:image|photo(?:graph)?|picture|screenshot|illustration|graphic|logo|bild|foto|"
    r"imagen|imagem)\b|.*\.(?:png|jpe?g|gif|webp)$",
    re.I,
)
_ASIDE = re.compile(r"\s*\([^()]{2,80}\)\s*$")  # "(The Post, 2 minute read)" behind a headline
_STOP = re.compile(r"[:：.!?。！？—–|-]\W*$")


class Look(NamedTuple):
    """What makes two heads alike to the eye."""

    run_in: bool
    linked: bool
    size: int
    bold: bool
    colour: Colour | None
    level: int
    listed: bool
    upper: bool


@dataclass(eq=False, slots=True)
class Head:
    """A candidate headline at block `index`; `rest` is what follows a run-in label."""

    index: int
    title: list[Span]
    rest: list[Span]
    look: Look
    href: str
    prominence: float
    words: int = field(default=0)


def is_target(href: str) -> bool:
    """Whether a link leads out of the page."""
    return href[:4].lower() == "http" or href[:2] == "//" or bool(BARE_DOMAIN.match(href))


def body_size(blocks: Sequence[Block]) -> float:
    """The size most running text is set in, px."""
    sizes: Counter[float] = Counter()
    for block in blocks:
        for span in block.spans:
            if not span.image and not span.style.bold:
                sizes[round(span.style.size)] += len(span.text) * (1 if span.href else 3)
    return sizes.most_common(1)[0][0] if sizes else BODY_SIZE


def find(blocks: Sequence[Block]) -> list[Head | None]:
    """The head of each block, None where it has none."""
    size = body_size(blocks)
    return [_head(index, block, size) for index, block in enumerate(blocks)]


def join_split(blocks: Sequence[Block]) -> list[Block]:
    """The blocks with headlines joined that were set in two lines of one look.

    The second line stands closer to the first than the first to what is above, and the first does
    not read like the name of a section.
    """
    heads = find(blocks)
    out: list[Block] = []
    taken = False
    for number, block in enumerate(blocks):
        if taken:
            taken = False
            continue
        pair = heads[number : number + 3]
        if len(pair) > 1 and _continues(pair[0], pair[1], blocks):
            runs_on = len(pair) > 2 and _continues(pair[1], pair[2], blocks)
            if not runs_on and not (number and _continues(heads[number - 1], pair[0], blocks)):
                spans = [*block.spans, Span(" ", block.spans[-1].style), *blocks[number + 1].spans]
                out.append(replace(block, spans=spans))
                taken = True
                continue
        out.append(block)
    return out


def _continues(first: Head | None, second: Head | None, blocks: Sequence[Block]) -> bool:
    if first is None or second is None or first.rest or second.rest or first.look != second.look:
        return False
    above, below = blocks[first.index], blocks[second.index]
    if first.look.listed or below.gap > Gap.BLOCK or below.gap >= max(above.gap, Gap.BLOCK):
        return False
    if first.href != second.href or first.words + second.words > MAX_HEAD_WORDS:
        return False
    one, two = above.text, below.text
    if two[:1].islower() or one.endswith((",", "-", "–", "—", "&")):
        return True
    titled = all(not word[:1].islower() for word in one.split())
    return first.words > 3 or (first.words == 3 and not titled)


def _head(index: int, block: Block, body: float) -> Head | None:
    spans = [span for span in block.spans if not span.image]
    text = "".join(span.text for span in spans)
    if not spans or not _WORD.search(text) or block.rows or block.pre:
        return None
    words = count_words(text)
    solid = [span for span in spans if _WORD.search(span.text)]
    largest = max(span.style.size for span in solid)
    bold = sum(len(s.text) for s in solid if s.style.bold) >= 0.8 * sum(len(s.text) for s in solid)
    linked = sum(len(s.text) for s in solid if s.href) >= 0.7 * sum(len(s.text) for s in solid)
    upper = text.isupper() and words > 1
    alike = min(span.style.size for span in solid) > 0.85 * largest
    big = alike and (largest >= 1.3 * body or (largest >= 1.2 * body and words <= 14))
    cut = _label(spans)
    partly = cut and not linked and not bold and count_words(_text(spans[cut:])) >= 5
    if (
        not partly
        and words <= MAX_HEAD_WORDS
        and (block.level or bold or linked or big or (upper and words < 9))
    ):
        return _make(index, block, spans, [], body, linked, bold, upper)
    if cut:
        title, rest = spans[:cut], spans[cut:]
        linked = any(span.href for span in title)
        bold = any(span.style.bold for span in title)
        return _make(index, block, title, rest, body, linked, bold, False)
    return None


def pictured(index: int, block: Block) -> Head | None:
    """The headline that a linked picture's alt text is, None if it is none."""
    drawn = [span for span in block.spans if span.text.strip()]
    if len(drawn) != 1 or not drawn[0].image or not is_target(drawn[0].href):
        return None
    text = drawn[0].text
    if _ALT.match(text):  # it tells what the picture is, not what the story is
        return None
    if " " not in text or not MIN_ALT <= count_words(text) <= MAX_HEAD_WORDS:
        return None
    title = [replace(drawn[0], image=False)]
    look = Look(False, True, 0, False, None, 0, bool(block.entry), False)
    return Head(index, title, [], look, drawn[0].href, 1.0, count_words(text))


def headlines(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Where three or more pictures in a row are headlines, each to another place: (first, end)."""
    rows: list[tuple[int, int]] = []
    first, seen = 0, set[str]()
    for number in range(len(blocks) + 1):
        head = pictured(number, blocks[number]) if number < len(blocks) else None
        if head is not None and head.href not in seen:
            seen.add(head.href)
            continue
        if number - first >= 3:
            rows.append((first, number))
        first, seen = number + 1, set()
    return rows


def addressed(index: int, block: Block, below: Block) -> Head | None:
    """The headline that a plain line is whose bare address stands in the next, else None."""
    address = [span for span in below.spans if span.text.strip()]
    bare = len(address) == 1 and is_target(address[0].href) and bare_url(below.text)
    plain = not block.marker and not any(span.href or span.image for span in block.spans)
    if not bare or not plain or below.gap > Gap.BLOCK or not 0 < block.words <= MAX_HEAD_WORDS:
        return None
    look = Look(False, True, 0, False, None, 0, False, False)
    return Head(index, list(block.spans), [], look, address[0].href, 1.0, block.words)


def bare_url(text: str) -> bool:
    """Whether a link shows nothing but its address."""
    return " " not in text and ("/" in text or text.startswith("www.") or "@" in text)


def _make(
    index: int, block: Block, title: list[Span], rest: list[Span], body: float,
    linked: bool, bold: bool, upper: bool,
) -> Head:  # fmt: skip
    solid = [span for span in title if _WORD.search(span.text)] or title
    first = max(solid, key=lambda span: len(span.text))
    href = next((span.href for span in title if is_target(span.href)), "")
    size = max(span.style.size for span in solid)
    level = 0 if rest else block.level
    prominence = size / body + 0.25 * bold + 0.15 * bool(level) + 0.1 * upper - 0.2 * bool(rest)
    look = Look(
        bool(rest), linked and bool(href), round(size), bold, None if href else first.style.colour,
        level, bool(block.entry or block.marker), upper,
    )  # fmt: skip
    return Head(index, title, rest, look, href, prominence, count_words(_text(title)))


def _text(spans: Sequence[Span]) -> str:
    return "".join(span.text for span in spans)


def _label(spans: Sequence[Span]) -> int:
    """How many spans at the start make a run-in label, 0 if none do."""
    cut = 0
    first = spans[0]
    if not _emphatic(first):
        if not _LEAD_IN.fullmatch(first.text) or len(spans) < 3:
            return 0
        cut = 1
    start = cut
    while cut < len(spans) and (_emphatic(spans[cut]) or not _WORD.search(spans[cut].text)):
        if cut > start and _BREAK.match(spans[cut].text) and not _emphatic(spans[cut]):
            break
        cut += 1
    while cut > start and not _WORD.search(spans[cut - 1].text):
        cut -= 1
    if cut == start:
        return 0
    label, rest = _text(spans[:cut]), _text(spans[cut:])
    words = count_words(label)
    if not 0 < words <= MAX_HEAD_WORDS or count_words(rest) < 2:
        return 0
    set_off = _STOP.search(label) or _BREAK.match(rest) or _ASIDE.match(rest)
    larger = min(s.style.size for s in spans[start:cut]) >= 1.1 * max(
        s.style.size for s in spans[cut:] if s.text.strip()
    )
    if larger or set_off:
        return cut
    # A bold label may also run straight on into a new sentence.
    follows = rest.lstrip()[:1]
    return cut if spans[start].style.bold and not follows.islower() and words <= 12 else 0


def _emphatic(span: Span) -> bool:
    return span.style.bold or bool(span.href)


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0

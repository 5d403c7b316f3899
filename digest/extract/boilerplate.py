"""What a newsletter says about itself rather than to its reader.

Every block gets a weight: for it, signs of boilerplate (talk of the mailing, law, addresses,
sharing, small or faint type, rows of bare links); against it, text in the body's own type. The
header is the prefix with the greatest sum, the footer the suffix; between them a block goes only
by a sign of its own.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise

from digest.extract import words
from digest.extract.looks import body_size, headlines, is_target
from digest.html.blocks import Block, Box, Gap

_MONEY = re.compile(r"^\W*(?:[$€£]\s?\d[\d,.]*|\d[\d,.]*\s?[€£]|other(?: amount)?)\W*$", re.I)
_ENTRY_NUMBER = re.compile(r"^\W*(?:\d{1,3}[.)]\s*)?")
_MAX_ENTRY, _MIN_ENTRY, _KEY = 20, 8, 40  # a line of a table of contents: words, characters
_REQUEST = 16  # words: a line that asks for this and nothing else
_ADDRESS_LINE = 8  # words
_TOLD = 10  # words between two lines where they return
_HEAD = 20  # blocks in which a forwarded message's own head stands
_TEXT = -2.5  # the weight of a paragraph: what follows it is no header
_HEADER_SHARE = 0.35  # a header reaches no further into the page
_MAX_PLAIN = 60  # words: a longer block in the body's type is content whatever it mentions


def clean(blocks: Sequence[Block], *, twins: bool = True) -> list[Block]:
    """The blocks that are content; of a paragraph and its twins the first.

    Without `twins` all stay: in plain text two stories that say the same mean it.
    """
    kept = _without_index(blocks)
    kept = _without_contents(_without_repeats(kept) if twins else kept)
    if not kept:
        return kept
    size = body_size(kept)
    weights = [weight(block, size, edge=True) for block in kept]
    for number, block in enumerate(kept[:_HEAD]):
        if words.FORWARDED.match(block.glance) and block.words <= 40:
            weights[number] += 3.0
    for first, end in headlines(kept):
        weights[first:end] = [-0.3] * (end - first)
    for number in range(len(kept) - 1):
        _neighbour(kept, weights, number, size)
    _addresses(kept, weights)
    start, end = _header(kept, weights), footer(weights)
    if max(weights[end:], default=0.0) < 1.5:  # no line of it is a footer's beyond doubt
        end = len(kept)
    if start >= end:  # no text outweighs it: only what is behind a line beyond doubt is its footer
        doubtless = (n for n in range(len(kept) // 2, len(kept)) if weights[n] >= 3.0)
        start, end = 0, next(doubtless, len(kept))
    out = []
    gap = Gap.BLOCK
    for block, value in zip(kept[start:end], weights[start:end], strict=True):
        if value >= 2.0:
            gap = max(gap, block.gap)
            continue
        block.gap = max(block.gap, gap) if gap > Gap.BLOCK else block.gap
        gap = Gap.SOFT
        out.append(block)
    return out or kept


def forwarded_subject(blocks: Sequence[Block]) -> str:
    """The subject that a forwarded message's head names, "" if there is none."""
    for block in blocks[:12]:
        if match := words.SUBJECT.match(block.text):
            return match[1].strip()
    return ""


def _neighbour(blocks: Sequence[Block], weights: list[float], number: int, size: float) -> None:
    """Weigh what is boilerplate only beside what it stands next to.

    A line that announces buttons, a caption under its picture, the answers to a poll about the
    newsletter itself.
    """
    block, below = blocks[number], blocks[number + 1]
    if block.text.endswith((":", "：")) and _asks(below, weights[number + 1]):
        weights[number] = max(weights[number], 2.0)
    polled = block.words <= 20 and words.SHARE.search(block.glance) and _answers(below)
    if polled:
        weights[number] = max(weights[number], 2.0)
    more = weights[number] >= 2.0 and _answers(block) and _answers(below)
    if polled or more or _captions(blocks, number + 1, size):
        weights[number + 1] = max(weights[number + 1], 2.0)


def _answers(block: Block) -> bool:
    solid = [span for span in block.spans if any(char.isalnum() for char in span.text)]
    return 0 < block.words <= 5 and all(span.href for span in solid)


def _asks(block: Block, value: float) -> bool:
    """Whether a block is one rung of a ladder of sums, or an image to press."""
    pressed = any(span.image and span.href for span in block.spans)
    painted = _answers(block) and min(block.spans[0].style.colour or (0,)) > 200
    pressed = (pressed and not block.text) or painted
    return pressed or _MONEY.match(block.text) is not None or value >= 3.0


def _captions(blocks: Sequence[Block], number: int, size: float) -> bool:
    """Whether a block is small type right under a picture."""
    block, above = blocks[number], blocks[number - 1]
    if not all(span.image or not span.text.strip() for span in above.spans) or not above.spans:
        return False
    sizes = [span.style.size for span in block.spans if span.text.strip()]
    return bool(sizes) and max(sizes) <= 0.9 * size and block.words <= 40


def weight(block: Block, size: float, *, edge: bool = False) -> float:
    """How much a block is boilerplate (> 0) or content (< 0).

    Addresses count at the page's edges only: inside, they say where an event takes place.
    """
    text = block.glance
    count = block.words
    solid = [span for span in block.spans if span.text.strip() and not span.image]
    if not solid and not block.rows:
        if not text or words.SOCIAL.match(text):
            return 2.0 if text else 0.0
        return 0.1
    linked = sum(len(s.text) for s in solid if s.href) / max(sum(len(s.text) for s in solid), 1)
    small = max((s.style.size for s in solid), default=size) <= 0.85 * size
    value = -min(max(count, 4), 60) / 20 if not small else -min(count, 40) / 80
    value -= 0.5 * bool(block.level)
    if solid and max(s.style.size for s in solid) >= 1.2 * size and count > 2:
        value -= 1.0
    short = count <= _MAX_PLAIN
    if words.MAILING.search(text):
        value += 4.0 if short or small else 2.0
    if words.LEGAL.search(text):
        value += 2.5 if small or count <= 25 else 0.8
    if short and words.SHARE.search(text):
        value += 2.5 if count > _REQUEST else 3.0
    value += 3.0 * bool(words.SOCIAL.match(text))
    if edge and count <= 25 and not block.marker and words.ADDRESS.search(text):
        value += 0.8 if small else 0.3
    if count <= 3 and _MONEY.match(text):
        value += 3.0
    if count <= 12 and (words.GREETING.match(text) or words.FAREWELL.match(text)):
        value += 1.2
    if linked > 0.5 and len([s for s in solid if s.href]) >= 3 and count <= 4 * len(solid):
        value += 1.5
    if captioned(block):
        value += 3.0
    return value + (0.3 if small else 0.0)


def captioned(block: Block) -> bool:
    """Whether a block stands in a caption."""
    box: Box | None = block.box
    for _ in range(5):
        if box is not None and box.tag in ("figcaption", "caption", "figure"):
            return True
        box = box.parent if box is not None else None
    return False


def _header(blocks: Sequence[Block], weights: Sequence[float]) -> int:
    """How many blocks at the start are header."""
    best, total, start = 0.0, 0.0, 0
    limit = max(int(len(blocks) * _HEADER_SHARE), min(4, len(blocks) // 2))
    for number, value in enumerate(weights[:limit], 1):
        if value <= _TEXT:
            break
        total += value
        if total > best and value > 0:
            best, start = total, number
    return start


def _addresses(blocks: Sequence[Block], weights: list[float]) -> None:
    """Weigh the lines of an address as one: a name over it says nothing by itself."""
    first = 0
    for end in range(1, len(blocks) + 1):
        if end < len(blocks) and blocks[end].gap is Gap.SOFT:
            continue
        lines = blocks[first:end]
        short = all(0 < b.words <= _ADDRESS_LINE and not b.marker for b in lines)
        known = sum(bool(words.ADDRESS.search(b.glance)) for b in lines)
        if short and known > 1 and 2 * known >= len(lines):
            weights[first:end] = [max(value, 0.3) for value in weights[first:end]]
        first = end


def footer(weights: Sequence[float]) -> int:
    """Where the boilerplate at the end starts: the suffix of the greatest sum."""
    best, total, end = 0.05, 0.0, len(weights)
    for number in range(len(weights) - 1, -1, -1):
        total += weights[number]
        if total > best and weights[number] > 0:
            best, end = total, number
        if total < best - 6:
            break
    return end


def _without_index(blocks: Sequence[Block]) -> list[Block]:
    """Without tables of contents: blocks whose links all jump inside the page."""
    out = []
    for block in blocks:
        hrefs = [span.href for span in block.spans if span.href]
        plain = "".join(s.text for s in block.spans if not s.href).strip(" •·-|>»")
        if hrefs and all(re.match("#.", href) for href in hrefs) and len(plain) < 12:
            continue
        out.append(block)
    return out


def _without_contents(blocks: Sequence[Block]) -> list[Block]:
    """Without tables of contents in words: lines in a row that return, spread over the text below.

    Lines of such a run that do not return, between lines that do, go as well.
    """
    keys = [_ENTRY_NUMBER.sub("", block.text).rstrip(".… ").casefold() for block in blocks]
    short = [0 < block.words <= _MAX_ENTRY and not _leads_out(block) for block in blocks]
    later: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        if short[number] and len(key) >= _MIN_ENTRY:
            later.setdefault(key[:_KEY], []).append(number)
    told = [0, *accumulate(block.words for block in blocks)]
    drop: set[int] = set()
    first = 0
    while first < len(blocks) // 2:
        end, seen = first, set()
        while end < len(blocks) and short[end] and keys[end][:_KEY] not in seen:
            seen.add(keys[end][:_KEY])
            end += 1
        returns = {}
        for number in range(first, end):
            places = later.get(keys[number][:_KEY], [])
            at = bisect_left(places, end)
            if len(keys[number]) >= _MIN_ENTRY and at < len(places):
                returns[number] = places[at]
        spread = [
            told[max(pair)] - told[min(pair) + 1] >= _TOLD for pair in pairwise(returns.values())
        ]
        if len(returns) >= max(3, 0.6 * (end - first)) and sum(spread) >= 0.6 * len(spread):
            drop.update(range(min(returns), max(returns) + 1))
        first = max(end, first + 1)
    return [block for number, block in enumerate(blocks) if number not in drop]


def _leads_out(block: Block) -> bool:
    return any(is_target(span.href) for span in block.spans)


def _without_repeats(blocks: Sequence[Block]) -> list[Block]:
    """Without second copies of a paragraph: mobile and desktop twins, repeated bars."""
    seen: set[str] = set()
    out = []
    for block in blocks:
        key = re.sub(r"\W+", "", block.text).casefold()
        if block.marker:  # one event on several dates
            key += next((span.href for span in block.spans if span.href), "")
        if len(key) >= 60 and not block.rows:
            if key in seen:
                continue
            seen.add(key)
        out.append(block)
    return out

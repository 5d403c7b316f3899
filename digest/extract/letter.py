"""A letter from its salutation to its signature, by words and by form."""

from collections.abc import Sequence

from digest.extract import words
from digest.extract.signs import picture
from digest.extract.starts import LEAD_IN_WORDS
from digest.extract.unheaded import LABEL_WORDS
from digest.html.blocks import Block

PROMO_WORDS = 80  # text this short beside a letter or an item is talk around it
FAREWELL_WORDS = 25
NAME_WORDS = 5  # a name, an office
SIGN_OFF = 8  # words before the comma above a name


def unsigned(blocks: list[Block]) -> list[Block]:
    """A letter from behind its salutation to before its signature; a postscript stays."""
    first = before = 0
    for number, block in enumerate(blocks[: max(len(blocks) // 3, 6)]):
        if before > PROMO_WORDS:
            break
        if (salutes(block) or _addresses(block)) and number + 1 < len(blocks):
            first = number + 1
        before += block.words
    for number in range(max(first + 1, len(blocks) - 10), len(blocks)):
        rest = blocks[number:]
        farewell = words.FAREWELL.match(rest[0].glance) and rest[0].words <= FAREWELL_WORDS
        if not farewell and not _signs_off(rest):
            continue
        after = next((n for n, b in enumerate(rest) if words.POSTSCRIPT.match(b.glance)), len(rest))
        if sum(block.words for block in rest[:after]) <= LEAD_IN_WORDS:
            return _without_names(blocks[first:number]) + rest[after:]
    return _without_names(blocks[first:])


def _without_names(blocks: Sequence[Block]) -> list[Block]:
    """A letter without signatures in mid-text: a farewell with a comma, and lines under it."""
    out: list[Block] = []
    signs = False
    for block in blocks:
        formal = block.text.endswith((",", "，")) and block.words <= LABEL_WORDS
        if words.FAREWELL.match(block.glance) and formal and out:
            signs = True
            if leaves(out[-1]) and out[-1].words <= SIGN_OFF:
                out.pop()
            continue
        signs = signs and (picture(block) or _name(block))
        if not signs:
            out.append(block)
    return out or list(blocks)


def _name(block: Block) -> bool:
    """Whether a line may name who signs: a few words, no sentence, no link, no weight."""
    solid = [span for span in block.spans if span.text.strip()]
    plain = not any(span.href or span.style.bold for span in solid) and not block.marker
    sentence = block.text.endswith((".", ":", "!", "?", "。", "：", "！", "？"))
    return plain and not sentence and 0 < block.words <= NAME_WORDS


def _signs_off(blocks: Sequence[Block]) -> bool:
    """Whether lines have the form of a signature: a few words and a comma, then a name."""
    if len(blocks) < 2 or not blocks[0].text.endswith((",", "，")) or blocks[0].words > SIGN_OFF:
        return False
    return 0 < blocks[1].words <= LABEL_WORDS and not any(span.href for span in blocks[1].spans)


def _addresses(block: Block) -> bool:
    """Whether a line has the form of a salutation: a few words and a comma or a dash."""
    formal = block.text.endswith((",", "，", "--", "—", "–"))
    return formal and 0 < block.words <= LABEL_WORDS and not words.FAREWELL.match(block.glance)


def salutes(block: Block) -> bool:
    """Whether a line greets the reader and says no more."""
    return bool(words.GREETING.match(block.glance)) and block.words <= 8


def leaves(block: Block) -> bool:
    """Whether a line takes leave of the reader."""
    return bool(words.FAREWELL.match(block.glance)) and block.words <= FAREWELL_WORDS

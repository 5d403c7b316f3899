"""Where an item ends: what stands between its text and the next item's head is not its own."""

from collections import defaultdict
from collections.abc import Sequence

from digest.extract.boilerplate import footer, weight
from digest.extract.letter import PROMO_WORDS, leaves, salutes
from digest.extract.looks import Look
from digest.extract.signs import action, picture, sends_on, within
from digest.extract.starts import LEAD_IN_WORDS
from digest.extract.unheaded import LABEL_WORDS, Outline
from digest.html.blocks import Block, Gap

ORPHAN_WORDS = 25  # text after a list this short is a remark about it


def compact_looks(plan: Outline, numbers: Sequence[int]) -> set[Look]:
    """Looks whose items usually are a single block."""
    extra: dict[Look, list[int]] = defaultdict(list)
    for number, end in zip(numbers, [*numbers[1:], len(plan.blocks)], strict=True):
        if head := plan.heads[number]:
            extra[head.look].append(end - number - 1)
    return {
        look
        for look, counts in extra.items()
        if (look.linked or look.run_in)
        and len(counts) >= 3
        and sorted(counts)[len(counts) // 2] == 0
    }


def trim(plan: Outline, number: int, stop: int, compact: set[Look], size: float) -> list[Block]:
    """The blocks of a segment that tell its story.

    Boilerplate at the end goes, and what tells something else: short text behind a list entry or
    behind an item whose siblings are one block each; a new head behind the closing button; a
    farewell.
    """
    blocks, heads = plan.blocks, plan.heads
    body = list(blocks[number + 1 : stop])
    body = body[: footer([weight(block, size) for block in body])]
    body = body[: _end(plan, number, body)]
    head = heads[number]
    entry = blocks[number].entry if blocks[number].marker else 0
    cut, limit = len(body), LEAD_IN_WORDS
    if entry:
        limit = ORPHAN_WORDS
        indent = blocks[number].indent
        inner = [within(b.box, entry) or b.indent > indent for b in body]
        cut = inner.index(False) if False in inner else cut
    elif head and head.look in compact:
        cut, limit = 0, ORPHAN_WORDS
    else:
        pressed = next((n for n, b in enumerate(body) if action(b)), None)
        if pressed is not None:
            cut = next((n for n in range(pressed + 1, len(body)) if heads[number + 1 + n]), cut)
    if body and salutes(body[0]) and cut:
        body, cut = body[1:], cut - 1
    farewell = next((n for n, b in enumerate(body) if leaves(b)), len(body))
    last = stop == len(blocks) and not _ruled_inside(plan)
    ruled = next((n for n, b in enumerate(body) if b.gap is Gap.RULE), len(body))
    if last and ruled < cut and sum(b.words for b in body[ruled:]) <= PROMO_WORDS:
        return body[:ruled]
    if farewell < cut and sum(b.words for b in body[farewell:]) <= LEAD_IN_WORDS:
        return body[:farewell]
    if sum(b.words for b in body[cut:]) <= limit:
        return body[:cut]
    return body


def _end(plan: Outline, number: int, body: Sequence[Block]) -> int:
    """Where an item ends that labels of the next, or calls to go elsewhere, stand behind."""
    end = seen = len(body)
    while seen > 1:
        block, head = body[seen - 1], plan.heads[number + seen]
        label = head is not None and not head.rest and not head.href and not head.look.listed
        named = label and block.words <= LABEL_WORDS and number + seen + 1 < len(plan.blocks)
        if named or sends_on(block):
            end = seen - 1
        elif not picture(block):
            break
        seen -= 1
    return end


def _ruled_inside(plan: Outline) -> bool:
    """Whether rules stand inside items, before the last one."""
    numbers = [n for n, start in enumerate(plan.starts) if start]
    return any(
        block.gap is Gap.RULE and not plan.starts[n]
        for n, block in enumerate(plan.blocks)
        if numbers and numbers[0] < n < numbers[-1]
    )

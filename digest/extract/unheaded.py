"""Items that start without a headline of their own class, found once the headlines are known.

What shows them is repetition again: rules, cells with a link each, lines over bare addresses,
pictures in a row; or a sponsor's sign.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from digest.extract import words
from digest.extract.looks import Head, Look, addressed, headlines, is_target, pictured
from digest.extract.signs import action, button, marks, picture
from digest.html.blocks import Block, Gap

LABEL_WORDS = 4  # a head this short, unlinked, may name a section
SEVERAL = 6  # heads that look alike: a large class
SIGN_WORDS = 16  # a line that thanks a sponsor
LONG_ENTRY = 14  # words that make a paragraph more than a label


@dataclass(slots=True)
class Outline:
    """For each block: its head, and whether an item starts there."""

    blocks: Sequence[Block]
    heads: list[Head | None]
    starts: list[bool]


def complete(plan: Outline) -> None:
    """Add to the plan what starts without a headline."""
    _alike(plan)
    _rules(plan)
    _sponsors(plan)
    _listings(plan)
    _cards(plan)
    _pictures(plan)


def _alike(plan: Outline) -> None:
    """Where most labels of one look start items, all do."""
    labels: dict[Look, list[int]] = defaultdict(list)
    for number, head in enumerate(plan.heads):
        if head is not None and head.look.run_in and not head.look.listed:
            labels[head.look].append(number)
    for numbers in labels.values():
        if len(numbers) >= SEVERAL and sum(plan.starts[n] for n in numbers) >= 0.6 * len(numbers):
            for number in numbers:
                plan.starts[number] = True


def _rules(plan: Outline) -> None:
    """Where most rules stand before items, every rule does."""
    ruled = [n for n, block in enumerate(plan.blocks) if block.gap is Gap.RULE and n]
    count = sum(plan.starts[n] for n in ruled)
    if count >= 4 and count >= 0.6 * len(ruled):
        for number in ruled:
            if not picture(plan.blocks[number]) and not button(plan.blocks[number]):
                plan.starts[number] = True


def _sponsors(plan: Outline) -> None:
    """A sponsor's sign above text that has no headline starts an item."""
    for number, block in enumerate(plan.blocks[:-1]):
        if plan.starts[number] or block.gap < Gap.BLOCK or not marks(block):
            continue
        told, linked = 0, False
        for below in range(number + 1, min(number + 4, len(plan.blocks))):
            if plan.starts[below]:
                break
            told += plan.blocks[below].words
            linked = linked or any(is_target(span.href) for span in plan.blocks[below].spans)
        plan.starts[number] = told >= LONG_ENTRY or (told >= LABEL_WORDS and linked)
    _join_sponsors(plan)


def _join_sponsors(plan: Outline) -> None:
    """Heads that name a sponsor, with nothing but pictures between, are one advert."""
    above = False
    for number, block in enumerate(plan.blocks):
        if picture(block):
            continue
        named = plan.starts[number] and bool(words.SPONSOR.search(block.glance))
        if named and above:
            plan.starts[number] = False
        above = named and block.words <= SIGN_WORDS


def _listings(plan: Outline) -> None:
    """Right under the name of a section, lines each with a bare address below are items."""
    for number, start in enumerate(plan.starts):
        head = plan.heads[number]
        if not start or head is None or head.href or head.rest:
            continue
        run: list[Head] = []
        line = number + 1
        while line + 1 < len(plan.blocks) and not plan.starts[line]:
            title = addressed(line, plan.blocks[line], plan.blocks[line + 1])
            if title is None:
                break
            run.append(title)
            line += 2
        if len(run) >= 3:
            for title in run:
                plan.heads[title.index] = title
                plan.starts[title.index] = True


def _cards(plan: Outline) -> None:
    """Paragraphs without a headline are items if each has its own cell, and a link at an end.

    Two or more in a row under the name of a section; or one behind the button that closes an
    item, with a picture to part them.
    """
    run: list[int] = []
    label = parted = pressed = False
    for number, block in enumerate(plan.blocks):
        if picture(block):
            parted = pressed and block.gap >= Gap.CELL
            continue
        if plan.starts[number]:
            _close(plan, run)
            head = plan.heads[number]
            label = head is not None and not head.href and not head.rest
        elif plan.heads[number] is None and _card(block):
            if parted and block.words >= LONG_ENTRY:
                plan.starts[number] = True
            elif label or run:
                run.append(number)
        else:
            _close(plan, run)
        label = label and plan.starts[number]
        pressed, parted = button(block), False
    _close(plan, run)


def _pictures(plan: Outline) -> None:
    """Pictures in a row are items if each leads elsewhere and its alt text is a headline."""
    for first, end in headlines(plan.blocks):
        for number in range(first, end):
            plan.heads[number] = pictured(number, plan.blocks[number])
            plan.starts[number] = True


def _card(block: Block) -> bool:
    return block.gap >= Gap.CELL and block.words > LABEL_WORDS and not block.marker


def _linked(block: Block) -> bool:
    """Whether it opens with a link, or closes with one that leads on."""
    first = next((span for span in block.spans if span.text.strip()), None)
    return action(block) or (first is not None and is_target(first.href))


def _close(plan: Outline, run: list[int]) -> None:
    linked = [number for number in run if _linked(plan.blocks[number])]
    if len(run) > 1 and len(linked) >= 0.6 * len(run):
        for number in run:
            plan.starts[number] = True
    run.clear()

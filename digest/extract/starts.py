"""Where items start: heads are judged by class, with the evidence that a reader goes by.

Each class of heads that look alike gets one score, the mean over its members of

    link        the headline is linked; or a button, or any link, stands in what follows
    separation  a rule, a cell or a picture sets the head off, as few other blocks are
    prominence  how far it stands out from the body in size and weight
    repetition  it occurs several times

less what speaks for a sub-head: it stands inside the running text of a more prominent item. The
classes are judged from the most prominent down, so that "inside" is known when it is asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from digest.extract import words
from digest.extract.blocks import Block, Gap
from digest.extract.looks import Head, Look, count_words, is_target

LINK, SEPARATION, PROMINENCE, REPETITION = 1.6, 0.9, 0.8, 0.3
INSIDE, RUN_IN = 1.4, 0.3
THRESHOLD = 1.2
LABEL_WORDS = 4  # a head this short, unlinked, may name a section
LEAD_IN_WORDS = 60  # text under a section's head that only leads over to its items


@dataclass(slots=True)
class Outline:
    """For each block: its head, whether an item starts there, and words and links of its own."""

    blocks: Sequence[Block]
    heads: list[Head | None]
    starts: list[bool]


def outline(blocks: Sequence[Block], heads: list[Head | None]) -> Outline:
    """Judge all heads."""
    judge = _Judge(blocks, heads)
    classes: dict[Look, list[Head]] = defaultdict(list)
    for head in heads:
        if head is not None:
            classes[head.look].append(head)
    for members in sorted(classes.values(), key=lambda m: -_mean([h.prominence for h in m])):
        if judge.score(members) >= THRESHOLD:
            for head in members:
                judge.starts[head.index] = True
    judge.settle_lists()
    return Outline(blocks, heads, judge.starts)


class _Judge:
    def __init__(self, blocks: Sequence[Block], heads: list[Head | None]) -> None:
        self.blocks = blocks
        self.heads = heads
        self.starts = [False] * len(blocks)
        self.words = [
            count_words("".join(s.text for s in (head.rest if head else block.spans) if not s.image))
            for block, head in zip(blocks, heads, strict=True)
        ]
        body = [b.gap for b, h in zip(blocks, heads, strict=True) if h is None and not picture(b)]
        self.usual = {
            gap: sum(other >= gap for other in body) / max(len(body), 1) for gap in Gap
        }
        self.within: dict[int, float] = {}

    def score(self, members: Sequence[Head]) -> float:
        ends = [head.index for head in members[1:]] + [len(self.blocks)]
        link = _mean([self.link(head, end) for head, end in zip(members, ends, strict=True)])
        separation = _mean([self.separation(head) for head in members])
        prominence = min(max(_mean([head.prominence for head in members]) - 1, 0), 1)
        for head in members:
            self.within[head.index] = self.inside(head)
        inside = _mean([self.within[head.index] for head in members])
        linked = _mean([bool(head.href) for head in members])
        run_in = members[0].look.run_in and linked < 0.5
        return (
            LINK * link
            + SEPARATION * separation
            + PROMINENCE * prominence
            + REPETITION * (len(members) >= 3)
            - INSIDE * inside * (1 - 0.6 * linked)
            - RUN_IN * run_in
        )

    def link(self, head: Head, end: int) -> float:
        if head.href:
            return 1.0
        best = 0.0
        for number in range(head.index, min(end, head.index + 40)):
            if number > head.index and self.starts[number]:
                break
            other = self.heads[number]
            if number > head.index and other and other.prominence > head.prominence and not other.href:
                break
            block = self.blocks[number]
            if action(block):
                return 0.8
            if any(is_target(span.href) for span in block.spans):
                best = 0.7 if head.look.listed and number == head.index else max(best, 0.4)
        return best

    def separation(self, head: Head) -> float:
        block = self.blocks[head.index]
        value = {Gap.RULE: 1.0, Gap.CELL: 0.7}.get(block.gap, 0.0)
        value *= 1.0 - 0.7 * self.usual[block.gap]
        near = [n for n in (head.index - 1, head.index + 1) if 0 <= n < len(self.blocks)]
        if any(picture(self.blocks[n]) for n in near):
            value = max(value, 0.7)
        return value

    def inside(self, head: Head) -> float:
        """1 if the head stands in the running text of an item, 0 if it follows none."""
        body = 0
        for number in range(head.index - 1, -1, -1):
            other = self.heads[number]
            if self.starts[number]:
                if other is None:
                    return 0.0
                body += self.words[number]
                if body < 8:
                    return 0.0
                label = not other.href and other.words <= LABEL_WORDS
                return 0.3 if label else 1.0
            if other is not None and other.look == head.look:
                return self.within[other.index]
            body += self.words[number]
        return 0.5 if body >= 40 else 0.0

    def settle_lists(self) -> None:
        """Entries of one list share their fate."""
        lists: dict[int, list[int]] = defaultdict(list)
        for number, block in enumerate(self.blocks):
            if block.marker and block.box.parent is not None:
                box = block.box
                while box.parent is not None and box.tag != "li":
                    box = box.parent
                parent = box.parent.number if box.parent is not None else 0
                lists[parent].append(number)
        for entries in lists.values():
            share = sum(self.starts[n] for n in entries) / len(entries)
            if 0 < share < 1:
                for number in entries:
                    head = self.heads[number]
                    if share >= 0.5 or not (head and head.href):
                        self.starts[number] = share >= 0.5


def picture(block: Block) -> bool:
    """Whether the block is nothing but images."""
    return bool(block.spans) and all(s.image or not s.text.strip() for s in block.spans)


def action(block: Block) -> bool:
    """Whether the block is a button, or ends in a link that says "read more"."""
    solid = [span for span in block.spans if span.text.strip() and not span.image]
    if not solid or not is_target(solid[-1].href):
        return False
    text = "".join(span.text for span in solid)
    if all(span.href for span in solid):
        return count_words(text) <= 6 and (
            bool(words.MORE.search(text)) or solid[0].style.background not in (None, (255, 255, 255))
        )
    return count_words(solid[-1].text) <= 5 and bool(words.MORE.search(solid[-1].text))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

"""Where items start: heads are judged by class, with the evidence that a reader goes by.

Each class of heads that look alike gets one score, the mean over its members of

    link        the headline is linked; or a button, or any link, stands in what follows
    separation  a rule, a cell or a picture sets the head off, as few other blocks are
    prominence  how far it stands out from the body in size and weight
    repetition  it occurs several times

less what speaks for a sub-head: it stands inside the running text of a more prominent item. The
classes are judged from the most prominent down, so that "inside" is known when it is asked.

A list is judged as one: its entries are items if they are linked, labelled and long rather than
points of the text that they interrupt. A class of heads that introduces such lists names sections.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from digest.extract import unheaded, words
from digest.extract.looks import Head, Look, bare_url, is_target, mean
from digest.extract.signs import (
    action,
    announces,
    closing,
    outermost,
    picture,
    prose,
    sentences,
)
from digest.extract.unheaded import LABEL_WORDS, LONG_ENTRY, SEVERAL, Outline
from digest.html.blocks import Block, Gap, count_words

LINK, SEPARATION, PROMINENCE, REPETITION = 1.6, 0.9, 0.8, 0.3
INSIDE, RUN_IN, PROSE, TOPIC, HEADED = 1.4, 0.3, 0.4, 0.5, 0.7
THRESHOLD = 1.2
ENTRY_LINK, ENTRY_HEAD, ENTRY_TITLE, ENTRY_LONG = 1.0, 0.8, 0.6, 0.5
LIST_THRESHOLD = 0.8
LEAD_IN_WORDS = 60  # text under a section's head that only leads over to its items
PLAIN = 1.05  # a head less prominent does not stand out from the body
NAME_WORDS = 2.6  # links this short on average, in a row, name places to go
REACH = 300  # blocks looked back


def outline(blocks: Sequence[Block], heads: list[Head | None], masthead: range) -> Outline:
    """Judge all heads and lists. No item starts in the masthead."""
    heads = _without_actions(blocks, heads)
    judge = _Judge(blocks, heads)
    classes: dict[Look, list[Head]] = defaultdict(list)
    for head in heads:
        if head is not None and not head.look.listed:
            classes[head.look].append(head)
    classes = {
        look: members
        for look, members in classes.items()
        if len(members) > 1 or members[0].index not in masthead
    }
    waiting = sorted(classes.values(), key=lambda m: -mean([h.prominence for h in m]))
    for _ in range(2):  # once more, because lists found to hold items change what is inside what
        waiting = [members for members in waiting if not judge.accepts(members)]
        judge.lists()
    for members in reversed(waiting):  # sections of sections last
        if judge.introduces(members) >= 0.5:
            judge.accept(members)
            judge.sections |= {head.index for head in members}
    judge.join_targets()
    plan = Outline(blocks, heads, judge.starts)
    unheaded.complete(plan)
    return plan


def _without_actions(blocks: Sequence[Block], heads: list[Head | None]) -> list[Head | None]:
    """Without what only looks like a headline.

    Greetings and bylines; buttons, bare URLs, calls to act in the body's type, and links that say
    the same again and again.
    """
    texts: dict[str, int] = defaultdict(int)
    for block in blocks:
        texts[block.text.casefold()] += 1
    return [
        None
        if head is not None
        and (_no_headline(block, head, texts[block.text.casefold()]) or _signs(blocks, head))
        else head
        for block, head in zip(blocks, heads, strict=True)
    ]


def _signs(blocks: Sequence[Block], head: Head) -> bool:
    """Whether the head is a name under a farewell."""
    if head.words > LABEL_WORDS or head.rest:
        return False
    above = blocks[max(head.index - 2, 0) : head.index]
    return any(words.FAREWELL.match(block.glance) and block.words <= 25 for block in above)


def _no_headline(block: Block, head: Head, times: int) -> bool:
    text = block.glance
    if head.rest:
        return False
    polite = head.words <= 12 and (words.GREETING.match(text) or words.FAREWELL.match(text))
    if polite or (head.words <= 6 and words.BYLINE.match(text)):
        return True
    if not head.href or block.level:
        return False
    if words.SUM.search(text) and head.words <= 6:  # a rung of a donation ladder
        return True
    if (times > 1 and head.words <= 6 and not head.look.listed) or bare_url(text):
        return True
    plain = (head.prominence < 1.3 and not head.look.listed) or sentences(text) > 1
    return head.prominence < 1.6 and (bool(plain and words.CALL.search(text)) or action(block))


class _Judge:
    def __init__(self, blocks: Sequence[Block], heads: list[Head | None]) -> None:
        self.blocks = blocks
        self.heads = heads
        self.starts = [False] * len(blocks)
        self.words = [
            0 if action(block) else count_words(
                "".join(s.text for s in (head.rest if head else block.spans) if not s.image)
            )
            for block, head in zip(blocks, heads, strict=True)
        ]  # fmt: skip
        body = [b.gap for b, h in zip(blocks, heads, strict=True) if h is None and not picture(b)]
        self.usual = {gap: sum(g >= gap for g in body) / max(len(body), 1) for gap in Gap}
        self.within: dict[int, float] = {}
        self.sections: set[int] = set()  # heads found to stand over items

    def accepts(self, members: Sequence[Head]) -> bool:
        """Judge a class; accept it if its case is good."""
        good = self.score(members) >= THRESHOLD
        if good:
            self.accept(members)
        return good

    def join_targets(self) -> None:
        """Neighbouring links to one target are one item."""
        last = ""
        for number, head in enumerate(self.heads):
            if self.starts[number]:
                href = head.href if head else ""
                if href and href == last and head and not head.look.listed:
                    self.starts[number] = False
                last = href

    def accept(self, members: Sequence[Head]) -> None:
        for head in members:
            self.starts[head.index] = True

    # heads

    def score(self, members: Sequence[Head]) -> float:
        """The class's case for starting items."""
        ends = [head.index for head in members[1:]] + [len(self.blocks)]
        for head in members:
            self.within[head.index] = self.inside(head, len(members))
        several = len(members) > 2
        link = mean([self.link(h, end, several) for h, end in zip(members, ends, strict=True)])
        separation = mean([self.separation(head) for head in members])
        prominence = min(max(mean([head.prominence for head in members]) - 1, 0), 1)
        inside = mean([self.within[head.index] for head in members])
        linked = members[0].look.linked
        run_in = members[0].look.run_in and not members[0].look.linked
        sentences = mean([prose(head) for head in members])
        if mean([self.teases(head) for head in members]) >= 0.6 or self.names(members):
            return 0.0
        return (
            LINK * link
            + SEPARATION * separation
            + PROMINENCE * prominence
            + REPETITION * (several + 0.7 * (len(members) >= SEVERAL))
            - INSIDE * inside * (1 - 0.6 * separation)
            - RUN_IN * run_in
            - PROSE * sentences
            - TOPIC * (not linked and self.topics(members, ends))
            + HEADED * (several and inside == 0.0 and self.headed(members[0]))
        )

    def link(self, head: Head, end: int, several: bool) -> float:
        """1 for a linked head, less for a button or a link in what follows, 0 for none."""
        if head.href:
            if head.prominence < 1.3 and head.words >= 8 and prose(head) and not head.rest:
                return 0.4
            if several or head.prominence > PLAIN or self.blocks[head.index].gap > Gap.BLOCK:
                return 1.0 if several or head.words > 3 or head.prominence > PLAIN else 0.2
            return 0.4
        best = 0.0
        for number in range(head.index, min(end, head.index + 40)):
            other = self.heads[number]
            if number > head.index and (
                self.starts[number]
                or (other and other.prominence > head.prominence and not other.href)
            ):
                break
            block = self.blocks[number]
            if action(block) or (number > head.index and closing(block)):
                return 0.8
            if any(is_target(span.href) for span in block.spans):
                best = max(best, 0.4)
        return best

    def separation(self, head: Head) -> float:
        """How far a rule, a cell or a picture sets the head off."""
        block = self.blocks[head.index]
        value = {Gap.RULE: 1.0, Gap.CELL: 0.7}.get(block.gap, 0.0)
        value *= 1.0 - 0.7 * self.usual[block.gap]
        near = [n for n in (head.index - 1, head.index + 1) if 0 <= n < len(self.blocks)]
        if any(picture(self.blocks[n]) for n in near):
            value = max(value, 0.7)
        return value

    def inside(self, head: Head, alike: int = 1) -> float:
        """1 if the head stands in the running text of an item, 0 if it follows none.

        Under a section's name it does not; one of a large class is what the section holds.
        """
        body = 0
        for number in range(head.index - 1, max(head.index - REACH, 0) - 1, -1):
            other = self.heads[number]
            if self.starts[number]:
                if other is None or other.look.listed:
                    return 0.0
                body += self.words[number]
                if body < 8:
                    short = other.words <= LABEL_WORDS
                    several = 0.1 if alike >= SEVERAL and not other.href else 0.6
                    return 0.0 if head.href or (short and not other.href) else several
                if head.href:
                    return 0.3
                label = not other.href and other.words <= LABEL_WORDS and body <= LEAD_IN_WORDS
                return 0.2 if label else 1.0
            if other is not None and other.look == head.look and number in self.within:
                return self.within[number]
            body += self.words[number]
        return 0.4 if body >= 40 and not head.href else 0.0

    def teases(self, head: Head) -> bool:
        """Whether it is a linked text right under a linked headline: that headline's own."""
        above = self.heads[head.index - 1] if head.index else None
        if above is None or not (self.starts[above.index] and above.href and head.href):
            return False
        return above.prominence > head.prominence + 0.05 and not head.rest

    def headed(self, head: Head) -> bool:
        """Whether it stands right under the name of a section."""
        above = self.heads[head.index - 1] if head.index else None
        if above is None or not self.starts[above.index] or above.href or above.rest:
            return False
        return above.words <= LABEL_WORDS and above.prominence > head.prominence

    def names(self, members: Sequence[Head]) -> bool:
        """Whether the heads are links of a word or two in a row, with no text of their own."""
        if len(members) < SEVERAL or mean([h.words for h in members]) > NAME_WORDS:
            return False
        return not members[0].look.level and (
            mean([b.index - a.index == 1 for a, b in pairwise(members)]) >= 0.8
        )

    def topics(self, members: Sequence[Head], ends: Sequence[int]) -> bool:
        """Whether the heads are a word or two over much text: an essay's sub-heads."""
        text = mean([sum(self.words[h.index : e]) for h, e in zip(members, ends, strict=True)])
        return mean([head.words for head in members]) <= 3 and text > 110

    # lists

    def lists(self) -> None:
        """Accept the entries of those lists that hold items."""
        accepted: set[Look | None] = set()
        short = []
        for entries in self.groups():
            if len(entries) == 1:
                short.append(entries)
            elif self.list_score(entries) >= LIST_THRESHOLD:
                accepted |= {self.look(number) for number in entries}
                for number in entries:
                    self.starts[number] = True
        for entries in short:
            look = self.look(entries[0])
            linked = any(is_target(s.href) for s in self.blocks[entries[0]].spans[:1])
            if (
                (look is not None or linked)
                and look in accepted
                and self.list_score(entries) >= LIST_THRESHOLD
            ):
                self.starts[entries[0]] = True

    def look(self, number: int) -> Look | None:
        head = self.heads[number]
        return head.look if head else None

    def groups(self) -> list[list[int]]:
        """The outermost lists of the page, each as the numbers of the blocks that open entries.

        Lists of links with nothing between them are one.
        """
        groups: dict[tuple[str, int], list[int]] = defaultdict(list)
        run = ranked = rank = 0
        last = -1  # the parent of the list entry above, if nothing stands between
        for number, block in enumerate(self.blocks):
            head = self.heads[number]
            if not block.entry or not any(is_target(span.href) for span in block.spans):
                last = -1 if block.marker or not block.entry else last
            if not block.marker:
                if head is not None and head.rest and not block.entry:
                    groups[f"label {head.look}", run].append(number)
                else:
                    run += block.gap > Gap.SOFT and not block.entry and not picture(block)
                continue
            entry = outermost(block.box)
            if entry is None:
                if block.marker != f"{rank + 1}.":  # numbers that go on are one list
                    ranked = run
                rank = int(block.marker[:-1]) if block.marker[:-1].isdigit() else 0
                groups["run", ranked if rank else run].append(number)
            elif entry.number == block.entry:
                parent = entry.parent.number if entry.parent is not None else 0
                last = parent if last < 0 else last
                groups["list", last].append(number)
        return [
            numbers
            for (kind, _), numbers in groups.items()
            if not kind.startswith("label") or self.run(numbers)
        ]

    def run(self, numbers: Sequence[int]) -> bool:
        """Whether labelled paragraphs in a row stand like a list: three linked ones, or four."""
        linked = sum(any(is_target(s.href) for s in self.blocks[n].spans) for n in numbers)
        return len(numbers) >= (3 if linked >= 0.3 * len(numbers) else 4)

    def list_score(self, entries: Sequence[int]) -> float:
        """The list's case for being items."""
        linked = labelled = titled = long = 0
        ends = [*entries[1:], entries[-1] + 1]
        for number, end in zip(entries, ends, strict=True):
            span = range(number, min(end, number + 12))
            linked += any(is_target(s.href) for n in span for s in self.blocks[n].spans)
            head = self.heads[number]
            labelled += head is not None
            titled += head is not None and bool(head.href)
            long += sum(self.blocks[n].words for n in span) >= LONG_ENTRY
        case = (
            ENTRY_LINK * linked + ENTRY_HEAD * labelled + ENTRY_TITLE * titled + ENTRY_LONG * long
        )
        interrupts = self.interrupts(entries[0])
        if interrupts >= 1.0 and mean([self.bare(number) for number in entries]) >= 0.8:
            return 0.0  # links for further reading below a story's text
        return case / len(entries) - INSIDE * interrupts

    def bare(self, number: int) -> bool:
        """Whether an entry is a link and nothing else."""
        solid = [span for span in self.blocks[number].spans if span.text.strip(" .·•|-–")]
        alone = number + 1 == len(self.blocks) or bool(self.blocks[number + 1].marker)
        return alone and bool(solid) and all(is_target(span.href) for span in solid)

    def interrupts(self, first: int) -> float:
        """1 if the list belongs to the running text of its item, 0 if it stands alone."""
        body = 0
        announced = first > 0 and announces(self.blocks[first - 1])
        for number in range(first - 1 - announced, max(first - REACH, 0) - 1, -1):
            head = self.heads[number]
            body += self.words[number]
            if self.starts[number]:
                if head is None or head.look.listed:
                    return 0.3
                label = not head.href and head.words <= LABEL_WORDS
                if head.href and body < 8:
                    return 0.3
                if label:
                    return 0.2 * (body > 0) if body <= LEAD_IN_WORDS else 0.5
                return 1.0 if body >= 8 or not head.href else 0.6
            if head is not None and not head.rest and not head.href and body == 0:
                return max(0.2 if head.words <= LABEL_WORDS else 0.6, self.within.get(number, 0))
        return 0.5 if body >= 40 else 0.2

    def introduces(self, members: Sequence[Head]) -> float:
        """Share of the heads that stand over a list of items, with a lead-in at most."""
        if members[0].look.run_in or mean([h.prominence for h in members]) < PLAIN:
            return 0.0
        count = 0
        for head in members:
            if prose(head):
                continue
            body = self.words[head.index]
            for number in range(head.index + 1, len(self.blocks)):
                if self.starts[number]:
                    below = self.heads[number]
                    section = below is not None and below.index in self.sections
                    count += bool(self.blocks[number].marker) or body == 0 or section
                    break
                if self.heads[number] is not None:
                    break
                body += self.words[number]
                if body > LEAD_IN_WORDS:
                    break
        return count / len(members)

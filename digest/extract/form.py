"""What kind of letter it is, decided before it is cut: several pieces, or one that stays whole.

An essay with sub-heads, a letter with a ladder of sums and a notice with a list look like digests
to whoever only counts heads. So the whole outline is weighed: how much of the text its items would
hold, how long and how alike they are, what stands before, between and behind them, whether
somebody greets and signs. The weights are fitted to labelled letters (`finetune.extract.fit`).
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from statistics import median

from digest.extract import words
from digest.extract.looks import Head, is_target
from digest.extract.signs import action, picture
from digest.extract.trees import Trees
from digest.extract.unheaded import Outline
from digest.html.blocks import Block, Gap

PARAGRAPH = 25  # words
_SELF = re.compile(r"\b(?:I|me|my|ich|mein\w*|je|mon|moi|yo|mi|eu|meu|minha)\b")
_SUM = re.compile(r"[$€£¥]\s?\d|\d\s?[€£円]")

NAMES = """
    blocks words starts density told shortest median longest bodiless linked_heads
    linked_items hosts listed one_look looks cells ruled pictures run_in prominence levels
    before lead_in paragraphs paragraphs_an_item long_share in_text_links links self greeting
    farewell postscript appeals calls sums sections quotes sentences same_host actions
""".split()  # noqa: SIM905


def features(plan: Outline) -> list[float]:
    """The outline in numbers, in the order of NAMES."""
    blocks, heads = plan.blocks, plan.heads
    starts = [n for n, start in enumerate(plan.starts) if start]
    total = sum(block.words for block in blocks)
    lengths, bodiless, linked, pressed = [], 0, 0, 0
    for number, end in zip(starts, [*starts[1:], len(blocks)], strict=False):
        inner = [block for block in blocks[number:end] if not picture(block)]
        head = heads[number]
        count = sum(block.words for block in inner)
        body = count - (head.words if head is not None else 0)
        lengths.append(count)
        bodiless += body < 5
        linked += any(_leads_out(block) for block in inner[:8])
        pressed += any(action(block) for block in inner[:8])
    known = [heads[n] for n in starts]
    looks = Counter(head.look if head is not None else None for head in known)
    hosts = Counter(
        span.href.partition("//")[2].partition("/")[0]
        for block in blocks
        for span in block.spans
        if is_target(span.href)
    )
    text = [block for block in blocks if not picture(block)]
    long = [block for block in text if block.words >= PARAGRAPH]
    first = starts[0] if starts else len(blocks)
    before = blocks[:first]
    count = max(len(starts), 1)
    share = _counts(text)
    prose = " ".join(block.glance for block in text)
    return [
        len(text),
        total,
        len(starts),
        len(starts) / max(len(text), 1),
        sum(lengths) / max(total, 1),
        min(lengths, default=0),
        median(lengths) if lengths else 0,
        max(lengths, default=0) / max(total, 1),
        bodiless / count,
        sum(bool(head and head.href) for head in known) / count,
        linked / count,
        len(hosts) / count,
        sum(bool(blocks[n].marker) for n in starts) / count,
        max(looks.values(), default=0) / count,
        len(looks),
        sum(blocks[n].gap >= Gap.CELL for n in starts) / count,
        sum(blocks[n].gap is Gap.RULE for n in starts) / count,
        sum(n > 0 and picture(blocks[n - 1]) for n in starts) / count,
        sum(bool(head and head.rest) for head in known) / count,
        sum(head.prominence for head in known if head) / count,
        sum(blocks[n].level > 0 for n in starts) / count,
        sum(block.words for block in before) / max(total, 1),
        min(sum(block.words >= PARAGRAPH for block in before), 9),
        len(long),
        len(long) / count,
        sum(block.words for block in long) / max(total, 1),
        sum(_leads_out(block) for block in long) / max(len(long), 1),
        100 * sum(hosts.values()) / max(total, 1),
        100 * len(_SELF.findall(prose)) / max(total, 1),
        *share,
        _sections(plan, starts),
        sum(block.quote > 0 for block in text) / max(len(text), 1),
        sum(_ends(block) for block in text) / max(len(text), 1),
        max(hosts.values(), default=0) / max(sum(hosts.values()), 1),
        pressed / count,
    ]


def _counts(text: Sequence[Block]) -> list[float]:
    """Who greets, signs and asks for what."""
    size = max(len(text), 1)
    lines = [block for block in text if block.words <= 12]
    return [
        any(words.GREETING.match(block.glance) for block in text[:5] if block.words <= 12),
        any(words.FAREWELL.match(block.glance) for block in lines[-12:]),
        any(words.POSTSCRIPT.match(block.glance) for block in text[-12:]),
        sum(bool(words.APPEAL.search(block.glance)) for block in text) / size,
        sum(bool(words.CALL.search(b.glance)) for b in text if _leads_out(b)) / size,
        sum(bool(_SUM.search(block.glance)) for block in text) / size,
    ]


def _sections(plan: Outline, starts: Sequence[int]) -> int:
    """How many starts stand right above another start: names of sections."""
    following = set(starts)
    return sum(n + 1 in following and _names(plan.heads[n]) for n in starts)


def _names(head: Head | None) -> bool:
    return head is not None and not head.href and not head.rest


def _leads_out(block: Block) -> bool:
    return any(is_target(span.href) for span in block.spans)


def _ends(block: Block) -> bool:
    return block.text.endswith((".", "!", "?", "…", "。", "！", "？", ".”", '."'))


@cache
def trees() -> Trees:
    """The fitted weights."""
    return Trees.load(files(__package__).joinpath("form.json").read_text("utf-8"))


def several(plan: Outline) -> float:
    """The probability that the letter holds several pieces rather than one."""
    return trees().probability(features(plan))

"""What stands in an item's text without telling of it: talk around it.

Signatures, buttons, appeals to share, captions, notes on the letter itself, the name of the next
section. Each block of an item's text is weighed by what it says, how it looks, where in the item
it stands and what its neighbours are; the weights are fitted to labelled letters
(`finetune.extract.fit`).
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate

from digest.extract import words
from digest.extract.boilerplate import captioned, weight
from digest.extract.looks import bare_url, is_target
from digest.extract.signs import action, button
from digest.extract.trees import Trees
from digest.html.blocks import Block

LIKELY = 0.5  # from here on a block is talk
_LISTS = (
    words.MAILING, words.LEGAL, words.SHARE, words.SOCIAL, words.SPONSOR, words.APPEAL, words.CALL,
    words.GREETING, words.FAREWELL, words.POSTSCRIPT, words.ADDRESS, words.BYLINE, words.SUM,
)  # fmt: skip
_OWN = """
    words stop colon comma question upper digits size bold italic linked links mailto bare
    button action colour level marker entry quote gap caption weight mailing legal share
    social sponsor appeal call greeting farewell postscript address byline sum
""".split()  # noqa: SIM905
_PLACE = """
    items single last_item index left before after acted repeated
""".split()  # noqa: SIM905
_NEAR = """
    words stop linked size bold gap weight share farewell greeting address action
""".split()  # noqa: SIM905
_AT = [_OWN.index(name) for name in _NEAR]
NAMES = (*_OWN, *_PLACE, *(f"{name}{step:+d}" for step in (-2, -1, 1, 2) for name in _NEAR))


def features(bodies: Sequence[Sequence[Block]], size: float) -> list[list[list[float]]]:
    """For every block of every item's text its columns, in the order of NAMES."""
    out = []
    seen: set[str] = set()
    for number, body in enumerate(bodies):
        own = [_own(block, size) for block in body]
        told = [0, *accumulate(block.words for block in body)]
        acted = False
        rows = []
        for n, block in enumerate(body):
            key = re.sub(r"\W+", "", block.glance)[:60].casefold()
            place = [
                min(len(bodies), 30), len(bodies) == 1, number + 1 == len(bodies), min(n, 20),
                min(len(body) - n, 20), min(told[n], 500), min(told[-1] - told[n + 1], 500),
                acted, key in seen,
            ]  # fmt: skip
            seen.add(key)
            acted = acted or bool(own[n][_OWN.index("action")])
            near: list[float] = []
            for step in (-2, -1, 1, 2):
                other = own[n + step] if 0 <= n + step < len(body) else None
                near += [other[at] for at in _AT] if other else [-9.0] * len(_AT)
            rows.append([*own[n], *place, *near])
        out.append(rows)
    return out


def _own(block: Block, size: float) -> list[float]:
    text = block.glance
    solid = [span for span in block.spans if span.text.strip() and not span.image]
    chars = sum(len(span.text) for span in solid) or 1
    largest = max((span.style.size for span in solid), default=size)
    hrefs = {span.href for span in block.spans if is_target(span.href)}
    return [
        min(block.words, 150),
        text.endswith((".", "!", "?", "…", "。", "！", "？", '."', ".”")),
        text.endswith((":", "：")),
        text.endswith((",", "，")),
        text.endswith(("?", "？")),
        text.isupper(),
        sum(char.isdigit() for char in text) / max(len(text), 1),
        largest / size,
        sum(len(span.text) for span in solid if span.style.bold) / chars,
        sum(len(span.text) for span in solid if span.style.italic) / chars,
        sum(len(span.text) for span in solid if span.href) / chars,
        len(hrefs),
        any(span.href[:7].lower() == "mailto:" for span in block.spans),
        bare_url(text),
        button(block),
        action(block),
        min(solid[0].style.colour or (0,)) if solid else 0,
        block.level,
        bool(block.marker),
        bool(block.entry),
        block.quote,
        int(block.gap),
        captioned(block),
        weight(block, size, edge=True),
        *(bool(pattern.search(text)) for pattern in _LISTS),
    ]


@cache
def trees() -> Trees:
    """The fitted weights."""
    return Trees.load(files(__package__).joinpath("talk.json").read_text("utf-8"))


def without(bodies: Sequence[list[Block]], size: float) -> list[list[Block]]:
    """The texts without talk; one that is nothing else comes back empty."""
    model = trees()
    out = []
    for body, rows in zip(bodies, features(bodies, size), strict=True):
        kept = [b for b, row in zip(body, rows, strict=True) if model.probability(row) < LIKELY]
        out.append(kept)
    return out

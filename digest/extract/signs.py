"""What a single block or head is for: a picture, a button, a sentence, an announcement."""

import re

from digest.extract import words
from digest.extract.looks import Head, bare_url, is_target
from digest.html.blocks import Block, Box, count_words

_SIGN_WORDS = 8
_CALL_WORDS = 30  # of a question and what answers it
_QUESTION = re.compile(r"[^.!?。！？]+[?？](?=\s)")
_SENTENCE_END = re.compile(r"\w[\"”’)]?(?:[.!?…]+[\"”’)]?(?=\s|$)|[。！？])")


def prose(head: Head) -> bool:
    """Whether the head is a sentence or announces one: it ends in a full stop or a colon."""
    text = "".join(span.text for span in head.title).rstrip(' "”’')
    return not head.rest and text.endswith((":", "：", ".", "。")) and not text.endswith("...")


def sentences(text: str) -> int:
    """How many sentences a text has, the last with or without its end."""
    return sum(bool(re.search(r"\w", part)) for part in _SENTENCE_END.split(text))


def announces(block: Block) -> bool:
    """Whether the block is a short line that ends in a colon, as a list's heading does."""
    return block.text.endswith((":", "：")) and block.words <= 6


def closing(block: Block) -> bool:
    """Whether the block is a few words, all linked: "Source", "Full story"."""
    solid = [span for span in block.spans if span.text.strip(" -–—|·.") and not span.image]
    linked = bool(solid) and all(is_target(span.href) for span in solid)
    return linked and block.words <= 6 and not block.marker


def outermost(box: Box | None) -> Box | None:
    """The outermost list entry around a box."""
    found = None
    while box is not None:
        if box.tag == "li":
            found = box
        box = box.parent
    return found


def within(box: Box | None, number: int) -> bool:
    """Whether a box stands in the box of that number."""
    while box is not None and box.number >= number:
        if box.number == number:
            return True
        box = box.parent
    return False


def picture(block: Block) -> bool:
    """Whether the block is nothing but images."""
    return bool(block.spans) and all(s.image or not s.text.strip() for s in block.spans)


def marks(block: Block) -> bool:
    """Whether the block is a sponsor's sign: a few words, or one that opens a line with a name."""
    sign = words.SPONSOR.search(block.glance) if 0 < block.words <= _SIGN_WORDS else None
    return sign is not None and (block.words <= 4 or sign.start() <= 3)


def button(block: Block) -> bool:
    """Whether the block is a link that only says what to do."""
    solid = [span for span in block.spans if span.text.strip() and not span.image]
    if not solid or not all(is_target(span.href) for span in solid):
        return False
    text = " ".join("".join(span.text for span in solid).split())
    if bare_url(text):
        return True
    if count_words(text) > 6:
        return False
    painted = solid[0].style.background not in (None, (255, 255, 255))
    return bool(words.MORE.match(text)) or (painted and _contrasts(solid[0]))


def pressed(block: Block) -> list[str]:
    """Where the block leads: by its button, or a closing "read more" that is its own sentence."""
    if not action(block):
        return []
    spans = [span for span in block.spans if span.text.strip()]
    if len(spans) > 2 and not spans[-1].text.strip(" .!|·"):
        spans = spans[:-1] if spans[-3].text.rstrip().endswith((".", "…", "!", "?")) else spans
    return [spans[-1].href] if spans and is_target(spans[-1].href) else []


def sends_on(block: Block) -> bool:
    """Whether the block asks the reader a short question, and links to where it is answered."""
    question = _QUESTION.match(block.text)
    return (
        question is not None
        and block.words <= _CALL_WORDS
        and count_words(question[0]) <= _SIGN_WORDS
        and any(is_target(span.href) for span in block.spans)
    )


def _contrasts(span: object) -> bool:
    colour = getattr(getattr(span, "style", None), "colour", None)
    return colour is not None and min(colour) > 200


def action(block: Block) -> bool:
    """Whether the block is a button, or ends in a link that says "read more"."""
    if button(block):
        return True
    solid = [span for span in block.spans if span.text.strip(" .!|·") and not span.image]
    if not solid or not is_target(solid[-1].href) or len(solid) < 2:
        return False
    last = " ".join(solid[-1].text.split())
    return count_words(last) <= 5 and bool(words.MORE.match(last))

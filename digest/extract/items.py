"""From blocks to items.

Item starts (see `starts`) cut the page into segments. A start that has no text of its own and is
followed by another start names a section; text before the first start is an introduction; fewer
than two stories make the page one essay, letter or notice, which stays whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from digest.extract import links, words
from digest.extract.blocks import Block, Span
from digest.extract.kinds import kind
from digest.extract.looks import Head, count_words, find, is_target
from digest.extract.markdown import render, target, title as plain_title
from digest.extract.starts import LABEL_WORDS, LEAD_IN_WORDS, Outline, action, outline, picture
from digest.records import Item, ItemKind

_SENTENCE = re.compile(r"(.+?[.!?。！？…])(?:[\s\"”’)]|$)", re.S)
_MAX_TITLE_WORDS = 40
INTRO_WORDS = 40


@dataclass(slots=True)
class Draft:
    """An item in the making."""

    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)  # best first
    section: str = ""
    kind: ItemKind | None = None


def split(blocks: Sequence[Block], title: str) -> list[Draft]:
    """The items of a page whose boilerplate is gone; `title` is its subject."""
    heads = find(blocks)
    plan = outline(blocks, heads)
    drafts = _segments(plan, title)
    stories = [draft for draft in drafts if draft.kind != "intro"]
    if len(stories) < 2:
        return _single(blocks, heads, title)
    return drafts


def _single(blocks: Sequence[Block], heads: Sequence[Head | None], title: str) -> list[Draft]:
    text = [block for block in blocks if not picture(block)] or list(blocks)
    if not any(block.text for block in text):
        return []
    if not title:
        head = next((head for head in heads if head and not head.rest), None)
        title = plain_title(head.title) if head else ""
    body = [block for block in text if not _same(block.text, title)]
    draft = Draft(title, body or text)
    buttons = [s.href for b in text if action(b) for s in b.spans if is_target(s.href)]
    draft.hrefs = buttons[:1] + [s.href for b in blocks for s in b.spans if is_target(s.href)]
    return [draft]


def _segments(plan: Outline, title: str) -> list[Draft]:
    blocks, heads = plan.blocks, plan.heads
    numbers = [n for n, start in enumerate(plan.starts) if start]
    if not numbers:
        return []
    drafts: list[Draft] = []
    first = numbers[0]
    while first > 0 and picture(blocks[first - 1]):
        first -= 1
    _introduce(drafts, blocks[:first], title)
    section = ""
    pictures = list(blocks[first : numbers[0]])
    for position, number in enumerate(numbers):
        end = numbers[position + 1] if position + 1 < len(numbers) else len(blocks)
        stop = end
        while stop > number + 1 and picture(blocks[stop - 1]) and end < len(blocks):
            stop -= 1
        head = heads[number]
        body = list(blocks[number + 1 : stop])
        following = heads[end] if end < len(blocks) else None
        if head and _names_section(head, body, following, blocks):
            own = "".join(span.text for span in head.title)
            section = plain_title(head.title) or own
            pictures = list(blocks[stop:end])
            continue
        draft = _draft(blocks[number], head, body)
        draft.section = section
        draft.hrefs += [s.href for b in pictures for s in b.spans if is_target(s.href)]
        if _same(draft.title, title) and not drafts and end < len(blocks):
            _introduce(drafts, body, title)
        elif draft.title or draft.blocks:
            drafts.append(draft)
        pictures = list(blocks[stop:end])
    return drafts


def _introduce(drafts: list[Draft], blocks: Sequence[Block], title: str) -> None:
    text = [b for b in blocks if not picture(b)]
    while text and (_same(text[0].text, title) or words.GREETING.match(text[0].text)
                    and count_words(text[0].text) <= 8):  # fmt: skip
        text = text[1:]
    plain = " ".join(block.text for block in text)
    if count_words(plain) >= INTRO_WORDS and len(_SENTENCE.findall(plain)) > 2:
        drafts.append(Draft(_opening(plain), list(text), kind="intro"))


def _names_section(
    head: Head, body: Sequence[Block], following: Head | None, blocks: Sequence[Block]
) -> bool:
    if following is None or head.rest or head.href:
        return False
    text = [block for block in body if not picture(block)]
    count = sum(count_words(block.text) for block in text)
    if count == 0:
        return True
    if any(action(block) for block in text):
        return False
    smaller = following.prominence < head.prominence or following.look.run_in
    return smaller and head.words <= LABEL_WORDS and count <= LEAD_IN_WORDS


def _draft(block: Block, head: Head | None, body: list[Block]) -> Draft:
    if head is None:
        text = block.text
        draft = Draft(_opening(text), [block, *body])
    else:
        own = [Block(head.rest, block.box, quote=block.quote)] if head.rest else []
        draft = Draft(plain_title(head.title), own + body)
        if head.rest:
            draft.blocks[0].spans[0] = _unpunctuated(head.rest[0])
    if head and head.href:
        draft.hrefs.append(head.href)
    inner = [*([block] if head is None or head.rest else []), *body]
    draft.hrefs += [s.href for b in inner if action(b) for s in b.spans[-1:] if is_target(s.href)]
    draft.hrefs += [s.href for b in inner for s in b.spans if is_target(s.href)]
    draft.blocks = [b for b in draft.blocks if not picture(b)]
    return draft


def _unpunctuated(span: Span) -> Span:
    text = re.sub(r"^\s*(?:[:：—–|-]+\s+|[:：—–|]\s*)", "", span.text)
    return Span(text, span.style, span.href, span.image)


def _opening(text: str) -> str:
    """The first sentence."""
    text = " ".join(text.split())
    match = _SENTENCE.match(text)
    return (match[1] if match else text)[:300].strip()


def _same(text: str, title: str) -> bool:
    a, b = (re.sub(r"[\W_]+", "", t).casefold() for t in (text, title))
    return bool(a) and bool(b) and (a == b or (len(a) > 15 and a in b) or (len(b) > 15 and b in a and len(a) < 1.5 * len(b)))


def finish(drafts: Sequence[Draft], document_id: str) -> tuple[Item, ...]:
    """Drafts as records: markdown, unwrapped links, kinds."""
    items: list[Item] = []
    for draft in drafts:
        text = render(draft.blocks)
        href = next((h for h in draft.hrefs if target(h)), "")
        found = draft.kind or kind(draft.title, text, draft.section, href)
        if not draft.title and not text:
            continue
        items.append(
            Item(
                document_id, len(items), found, draft.title, text,
                links.unwrap(href) if href else "", href, draft.section,
            )  # fmt: skip
        )
    return tuple(items)

"""From blocks to items.

Item starts (see `starts`) cut the page into segments. A start that has no text of its own, or just
a lead-in, and is followed by another start names a section; text before the first start is an
introduction; fewer than two stories, or stories that are a small part of the text, make the page
one essay, letter or notice, which stays whole.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from digest.extract import form, talk, words
from digest.extract.boilerplate import weight
from digest.extract.drafts import Draft, same
from digest.extract.ends import compact_looks, trim
from digest.extract.kinds import sponsored
from digest.extract.letter import PROMO_WORDS, leaves, salutes, unsigned
from digest.extract.looks import Head, body_size, find, is_target, join_split
from digest.extract.signs import action, button, marks, picture, pressed
from digest.extract.starts import LEAD_IN_WORDS, outline
from digest.extract.unheaded import LABEL_WORDS, Outline
from digest.html.blocks import Block, Gap, Span, count_words
from digest.html.markdown import title as headline

MASTHEAD_WORDS = 12
INTRO_WORDS = 50
ADVERT_WORDS = 15
INDEX_WORDS = 12  # an unlinked list entry up to this long, before all items, lists the contents
BANNER = 25  # words under the newsletter's own name
SEVERAL = 0.4  # from this probability on a letter is cut
TALK_WORDS = 30  # a text this short that is all talk was no item
MULTI_SHARE = 0.4  # of the words must stand in items, else the page is one piece ...
MANY = 5  # ... unless it has so many
_SENTENCE = re.compile(r"(.+?[.!?。！？…])(?:[\s\"”’)]|$)", re.S)
_RANK = re.compile(r"^\d{1,2}[.)]\s+(?=\D)")
# How long a story takes to read, with who printed it: "(Variety, 2 minute read)", "(4 Min.)".
_READING_TIME = re.compile(
    r"\s*[(\[][^()\[\]]{0,60}?\b\d{1,3}[ -]?(?:min(?:ute[ns]?|uti|utos?)?|分)\b"
    r"[^()\[\]]{0,20}[)\]]\s*$",
    re.I,
)
_LEADING = re.compile(r"^\s*(?:[:：—–|-]+\s+|[:：—–|]\s*)")


def split(
    blocks: Sequence[Block],
    title: str,
    page: Sequence[Block] = (),
    form_of: Callable[[Outline], float] = form.several,
) -> list[Draft]:
    """The items of a page whose boilerplate is gone.

    `title` is its subject; `page` is the whole page, where the title may be linked; `form_of` tells
    how likely a letter of such an outline holds several pieces.
    """
    blocks = join_split(blocks)
    masthead = _masthead(blocks, title)
    if masthead:
        plan = outline(blocks, find(blocks), range(0))
        drafts = _items(plan, title) if _opens_with_story(plan, title) else []
        first = any(same(draft.title, title) and draft.blocks for draft in drafts)
        if first and form_of(plan) >= SEVERAL:
            return drafts
    plan = outline(blocks, find(blocks), masthead)
    named = [block for block in page[:40] if same(block.text, title)]
    top = [s.href for b in named for s in b.spans if is_target(s.href)]
    top += [s.href for n in masthead for s in blocks[n].spans if is_target(s.href)]
    if len(masthead) == len(blocks):  # the letter says no more than its subject
        return _single(blocks, plan.heads, title, top[:1])
    blocks = [block for number, block in enumerate(blocks) if number not in masthead]
    plan = Outline(
        blocks,
        [head for number, head in enumerate(plan.heads) if number not in masthead],
        [start for number, start in enumerate(plan.starts) if number not in masthead],
    )
    drafts = _items(plan, title)
    if drafts and form_of(plan) >= SEVERAL:
        return drafts
    return _single(blocks, plan.heads, title, top[:1])


def without_talk(drafts: Sequence[Draft], size: float) -> list[Draft]:
    """The drafts without what their texts do not tell; `size` is that of the page's body.

    Of several, one goes whose short text is nothing else; a letter's only one keeps what it has.
    """
    kept = talk.without([draft.blocks for draft in drafts], size)
    out = []
    for draft, blocks in zip(drafts, kept, strict=True):
        words_in = sum(block.words for block in draft.blocks)
        if blocks or not draft.blocks:
            out.append(replace(draft, blocks=blocks))
        elif len(drafts) < 3 or words_in > TALK_WORDS:
            out.append(draft)
    return out


def _items(plan: Outline, title: str) -> list[Draft]:
    """The segments, if they make up a page of several items, else nothing."""
    drafts = _segments(plan, title)
    stories = [draft for draft in drafts if draft.kind != "intro"]
    total = sum(block.words for block in plan.blocks)
    told = sum(count_words(d.title) + sum(b.words for b in d.blocks) for d in stories)
    several = told >= MULTI_SHARE * total or len(stories) >= MANY
    pair = len(stories) == 2 and all(draft.blocks for draft in stories)
    return drafts if several and (pair or len(stories) > 2) else []


def _opens_with_story(plan: Outline, title: str) -> bool:
    """Whether the page's title is the headline, linked or one of a class, of a first story."""
    found = [h for h in plan.heads[:8] if h and plan.starts[h.index]]
    first = next((h for h in found if same(plan.blocks[h.index].text, title)), None)
    if first is None:
        return False
    alike = sum(h is not None and plan.starts[h.index] and h.look == first.look for h in plan.heads)
    return sum(plan.starts) > 2 and (alike > 1 or bool(first.href))


def _masthead(blocks: Sequence[Block], title: str) -> range:
    """Where the issue's own title stands, with what is above it, and subtitle, author, date.

    It ends where a head stands whose like comes again: that is the first story's.
    """
    heads = find(blocks)
    known = Counter(head.look for head in heads if head is not None)
    for number, block in enumerate(blocks[:8]):
        if same(block.text, title):
            end = number + 1
            while end < len(blocks) and blocks[end].words <= MASTHEAD_WORDS:
                head = heads[end]
                if head is not None and head.prominence > 1 and known[head.look] > 2:
                    break
                if sponsored("", blocks[end].text, []):
                    break
                end += 1
            above = sum(b.words for b in blocks[:number])
            first = 0 if above <= PROMO_WORDS else number
            return range(first, end if end - number <= 8 else number + 1)
    return range(0)


def _single(
    blocks: Sequence[Block], heads: Sequence[Head | None], title: str, top: list[str]
) -> list[Draft]:
    """The whole page as one item; `top` is the link on its headline, if there is one."""
    text = [block for block in blocks if not picture(block)] or list(blocks)
    if not any(block.text for block in text):
        return []
    if not title:
        head = next((head for head in heads if head and not head.rest), None)
        title = headline(head.title) if head else _opening(text[0].text)
    body = [block for block in text if not same(block.text, title) and not button(block)]
    while len(body) > 1 and _points(body[-1]):
        body.pop()
    draft = Draft(title, unsigned(body) or text)
    buttons = [href for block in text for href in pressed(block)]
    draft.hrefs = top + buttons[:1] + [s.href for b in blocks for s in b.spans if is_target(s.href)]
    return [draft]


def _points(block: Block) -> bool:
    """Whether a line in a cell of its own only says where else to look."""
    short = 0 < block.words <= MASTHEAD_WORDS and not _SENTENCE.match(block.text)
    return short and block.gap >= Gap.CELL and _linked(block)


def _segments(plan: Outline, title: str) -> list[Draft]:
    blocks, heads = plan.blocks, plan.heads
    numbers = [n for n, start in enumerate(plan.starts) if start]
    if not numbers:
        return []
    drafts: list[Draft] = []
    size = body_size(blocks)
    first = numbers[0]
    while first > 0 and picture(blocks[first - 1]):
        first -= 1
    _introduce(drafts, blocks[:first], title, size)
    section = ""
    compact = compact_looks(plan, numbers)
    ahead = list(blocks[first : numbers[0]])  # pictures and marks that belong to the next item
    for position, number in enumerate(numbers):
        last = position + 1 == len(numbers)
        end = len(blocks) if last else numbers[position + 1]
        stop = end
        while stop > number + 1 and not last and _leads(blocks, stop - 1):
            stop -= 1
        head = heads[number]
        body = trim(plan, number, stop, compact, size)
        if not last and _names_section(number, body, plan, end):
            section = headline(head.title if head else blocks[number].spans)
            _apart(drafts, body, blocks[end], section)
            ahead = list(blocks[stop:end])
            continue
        if below := _under_label(plan, number, body):
            head, body = below, body[1:]
        draft = _draft(blocks[number], head, body)
        draft.section = section
        draft.marks = [b.text for b in ahead if not picture(b)]
        draft.marks += [b.text for b in blocks[number + 1 + len(body) : stop]][:1]
        draft.hrefs = [*_logo(blocks[number], body), *draft.hrefs]
        draft.hrefs += [s.href for b in ahead for s in b.spans if is_target(s.href)]
        draft.hrefs += [s.href for b in body if picture(b) for s in b.spans if is_target(s.href)]
        titled = same(draft.title, title) and not draft.hrefs
        if not drafts and not last and (titled or _banner(plan, number, body)):
            _introduce(drafts, body, title, size)
        elif not _promotes(blocks[number], body, size):
            drafts.append(draft)
        ahead = list(blocks[stop:end])
    return drafts


def _under_label(plan: Outline, number: int, body: Sequence[Block]) -> Head | None:
    """The headline under a publisher's name that leads to the same place, if there is one."""
    label = plan.heads[number]
    if label is None or not label.href or label.words > LABEL_WORDS or label.rest or not body:
        return None
    below = plan.heads[number + 1]
    if below is None or below.rest or below.href != label.href or below.words <= label.words:
        return None
    return below if body[0] is plan.blocks[number + 1] and not action(body[0]) else None


def _logo(block: Block, body: Sequence[Block]) -> list[str]:
    """The link of the picture between two lines that name sponsors."""
    if len(body) < 2 or not picture(body[0]) or picture(body[1]):
        return []
    thanks = all(words.SPONSOR.search(line.glance) for line in (block, body[1]))
    return [s.href for s in body[0].spans if is_target(s.href)] if thanks else []


def _promotes(block: Block, body: Sequence[Block], size: float) -> bool:
    """Whether an item is talk of the newsletter about itself."""
    own = weight(block, size)
    if leaves(block) and sum(b.words for b in body) <= PROMO_WORDS:
        return True
    if own + sum(weight(b, size) for b in body) >= 0.5:
        return True
    return own >= 1.0 and sum(b.words for b in body) <= PROMO_WORDS


def _banner(plan: Outline, number: int, body: Sequence[Block]) -> bool:
    """Whether the first start is the newsletter's own name: unlike and above all others."""
    head = plan.heads[number]
    if head is None or head.rest or head.href or sum(b.words for b in body) > BANNER:
        return False
    others = [h for n, h in enumerate(plan.heads) if h and plan.starts[n] and n != number]
    return all(h.look != head.look and h.prominence < head.prominence for h in others)


def _leads(blocks: Sequence[Block], number: int) -> bool:
    """Whether a block belongs to the item after it: a picture, or a sponsor's mark."""
    block = blocks[number]
    if picture(block):
        return True
    mark = block.words <= 6 and bool(words.SPONSOR.search(block.glance))
    return mark and block.gap >= max(blocks[number + 1].gap, Gap.BLOCK)


def _introduce(drafts: list[Draft], blocks: Sequence[Block], title: str, size: float) -> None:
    """Add what stands before the first item if it is an editorial; a greeting is not.

    A part of it between rules that names a sponsor first is an advert.
    """
    for part in _ruled(blocks):
        first = next((n for n, b in enumerate(part[:3]) if sponsored("", b.text, [])), len(part))
        advert = part[first:]
        if sum(b.words for b in advert[1:]) >= ADVERT_WORDS:
            drafts.append(_draft(advert[0], None, advert[1:]))
            drafts[-1].kind = "sponsor"
            blocks = [block for block in blocks if block not in advert]
    text = [b for b in blocks if not picture(b) and not button(b)]
    text = [b for b in text if weight(b, size) < 0.5 or leaves(b)]
    if len(text) > 2 and not drafts:
        _apart(drafts, text[:1], text[1], "")
        text = text[len(drafts) :]
    text = [b for b in text if not salutes(b) and not same(b.text, title)]
    text = [b for b in text if not (b.words <= MASTHEAD_WORDS and b.text.endswith((":", "：")))]
    text = [b for b in text if not b.marker or b.words > INDEX_WORDS or _linked(b)]
    prose = " ".join(b.text for b in text if _SENTENCE.match(b.text))
    if count_words(prose) >= INTRO_WORDS and len(_SENTENCE.findall(prose)) > 2:
        while text and not _SENTENCE.match(text[0].text):
            text = text[1:]
        drafts.append(Draft(_opening(prose), unsigned(text), kind="intro"))


def _ruled(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks in parts between rules."""
    parts: list[list[Block]] = []
    for block in blocks:
        if not parts or block.gap is Gap.RULE:
            parts.append([])
        parts[-1].append(block)
    return parts


def _apart(drafts: list[Draft], body: Sequence[Block], following: Block, section: str) -> None:
    """Add text that stands in a cell of its own before the first item and links out: an advert."""
    text = [block for block in body if not picture(block)]
    count = sum(block.words for block in text)
    if not text or count < ADVERT_WORDS or min(text[0].gap, following.gap) < Gap.CELL:
        return
    if len(text) <= 3 and any(_linked(block) for block in text):
        draft = Draft(_opening(text[0].text), text, section=section, kind="sponsor")
        draft.hrefs = [s.href for b in text for s in b.spans if is_target(s.href)]
        drafts.append(draft)


def _linked(block: Block) -> bool:
    return any(is_target(span.href) for span in block.spans)


def _names_section(number: int, body: Sequence[Block], plan: Outline, end: int) -> bool:
    head = plan.heads[number]
    if head is None:
        alone = not body and not plan.blocks[end - 1].entry
        block = plan.blocks[number]
        named = marks(block) or not _linked(block)
        return alone and block.words <= MASTHEAD_WORDS and named
    if head.rest or head.href or head.look.listed:
        return False
    text = [block for block in body if not picture(block)]
    count = sum(block.words for block in text)
    if count == 0:
        return True
    if any(action(block) for block in text):
        return False
    following = plan.heads[end]
    smaller = following is None or following.prominence < head.prominence or following.rest
    return bool(smaller) and head.words <= LABEL_WORDS and count <= LEAD_IN_WORDS


def _draft(block: Block, head: Head | None, body: list[Block]) -> Draft:
    text = [b for b in body if not picture(b)]
    if marks(block) and text:  # the sign is no headline
        draft = Draft(_opening(text[0].text), list(body), kind="sponsor")
    elif head is None:
        told = "".join(span.text for span in block.spans if not span.image).strip() or block.text
        draft = Draft(_opening(_READING_TIME.sub("", told)), [block, *body])
    else:
        draft = Draft(_READING_TIME.sub("", headline(head.title)), list(body))
        if head.look.linked and not head.look.level:
            draft.title = _RANK.sub("", draft.title)
        if head.rest and not _READING_TIME.fullmatch("".join(span.text for span in head.rest)):
            rest = [Span(_LEADING.sub("", head.rest[0].text), head.rest[0].style,
                         head.rest[0].href, head.rest[0].image), *head.rest[1:]]  # fmt: skip
            draft.blocks.insert(0, Block(rest, block.box, quote=block.quote))
        if head.href:
            draft.hrefs.append(head.href)
    inner = [*([block] if head is None or head.rest else []), *body]
    inner = [b for b in inner if not picture(b)]
    draft.hrefs += [href for b in inner for href in pressed(b)]
    draft.hrefs += [s.href for b in inner for s in b.spans if is_target(s.href)]
    draft.hrefs += [s.href for b in inner for s in b.spans if s.href[:7].lower() == "mailto:"]
    draft.blocks = [b for b in draft.blocks if not picture(b) and not button(b)]
    return draft


def _opening(text: str) -> str:
    """The first sentence."""
    text = " ".join(text.split())
    match = _SENTENCE.match(text)
    return (match[1] if match else text)[:300].strip()

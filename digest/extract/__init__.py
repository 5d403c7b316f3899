"""From what a source found to clean markdown and its items.

How it is decided, one room a step; each room's docstring says how it judges:

    mail, charset   bytes to text
    plain           plain text and markdown to HTML, so that one way of reading serves all
    dom, style      HTML to a safe tree; what of it can be seen
    layout, blocks  the tree to lines in reading order, each with its looks
    boilerplate     talk of the letter about itself, by weights; header and footer by greatest sum
    looks, signs    which blocks look like heads, and which are buttons or pictures
    starts          where items start, a score a class of heads
    unheaded        items without a headline: cells, rules, lines over addresses, sponsors' signs
    ends            where they end
    items, kinds    segments, sections, intro, or one whole; sponsor, event, job, ...
    form            several pieces or one whole, by fitted weights
    talk            what in an item's text is talk around it, by fitted weights
    trees           such weights, read from form.json and talk.json
    letter          a letter without its salutation and signature
    words           the few word lists, all languages in one place
    markdown        blocks to CommonMark

Nothing here knows a publisher. Evidence is pooled over heads that look alike, because a newsletter
repeats itself; words only add to signs that need no language.
"""

from dataclasses import replace

from digest.errors import Unreadable
from digest.extract import boilerplate, finishing, items, looks
from digest.extract.drafts import Draft
from digest.html import dom, layout, markdown, plaintext
from digest.mail import charset, message
from digest.records import Document, Item, RawDocument, fingerprint

__all__ = ["item_record", "read"]


def read(raw: RawDocument) -> Document:
    """Read one document: decode, lay out, clean, split.

    Raises Unreadable if it has no content, with the reason.
    """
    warnings: list[str] = []
    title, publisher, published = raw.title, raw.publisher, raw.published
    sender = ""
    if raw.media_type == "message/rfc822":
        letter = message.parse(raw.content)
        title = letter.subject or title
        publisher = letter.sender_name or letter.sender_address or publisher
        sender = letter.sender_address
        published = letter.date or published
        warnings += letter.warnings
        drawn = bool(letter.html)
        html = letter.html or plaintext.from_text(letter.plain)
        body = letter.html or letter.plain
    else:
        html, body, trouble = _markup(raw)
        drawn = raw.media_type == "text/html"
        warnings += [trouble] if trouble else []
    if len(html) > dom.MAX_CHARS:
        html = html[: dom.MAX_CHARS]
        warnings.append("only the first 2 MiB of the text were read")
    page = layout.read(html)
    if len(page.blocks) >= layout.MAX_BLOCKS:
        warnings.append(f"only the first {layout.MAX_BLOCKS} lines were read")
    kept = boilerplate.clean(page.blocks, twins=drawn)
    title = " ".join((title or boilerplate.forwarded_subject(page.blocks) or page.title).split())
    if raw.whole:
        drafts = [Draft(title, list(kept), [raw.url] if raw.url else [], kind="story")]
    else:
        drafts = items.split(kept, title, page.blocks)
        drafts = items.without_talk(drafts, looks.body_size(kept))
    if raw.key:
        identity = fingerprint(raw.source.partition(":")[0], raw.key)
    else:
        day = published.isoformat() if published else ""
        identity = fingerprint(title, sender, day, body)
    found = finishing.finish(drafts, identity)
    if raw.url and len(found) == 1:  # the document is the story, whatever its first link is
        found = (replace(found[0], url=raw.url, href=raw.url),)
    text = markdown.render(kept)
    if not text and not found:
        raise Unreadable(f"{raw.origin} holds no text to read")
    return Document(
        id=identity,
        source=raw.source,
        origin=raw.origin,
        publisher=publisher,
        title=title,
        published=published,
        url=raw.url,
        markdown=text,
        items=found,
        hidden_removed=page.hidden,
        warnings=tuple(warnings),
    )


def _markup(raw: RawDocument) -> tuple[str, str, str]:
    """What is no mail as HTML, its decoded text, and what was wrong with its encoding."""
    body, trouble = charset.decode(raw.content, raw.charset, html=raw.media_type == "text/html")
    if raw.media_type == "text/html":
        return body, body, trouble
    if raw.media_type == "text/markdown":
        return plaintext.from_markdown(body), body, trouble
    return plaintext.from_text(body), body, trouble


def item_record(file: str, item: Item) -> dict[str, object]:
    """An item as `digest extract --jsonl` prints it."""
    return {
        "file": file,
        "position": item.position,
        "kind": item.kind,
        "title": item.title,
        "text": item.text,
        "url": item.url,
        "href": item.href,
        "section": item.section,
    }

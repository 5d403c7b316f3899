"""The brief of a report: its top stories in about a thousand tokens, each with link and id.

It is read out of the report as it was written, so that the brief of this morning's report can be
had without making it anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from digest.storage.queries import Reader
from server.plain import plain

MOST = 7
SAID = 320  # characters of what is quoted of a story

_READER = MarkdownIt("commonmark")
_NUMBERED = re.compile(r"(\d+)\.\s+(.+)", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+")


@dataclass(slots=True)
class Story:
    """A story as the report tells it in full."""

    number: int
    title: str
    links: list[str] = field(default_factory=list)
    about: str = ""  # score, source, date
    said: str = ""


def brief(markdown: str, reader: Reader) -> str:
    """The report's first stories: title, source, the beginning of what is quoted, link, item id."""
    tokens = _READER.parse(re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL))
    stories = {story.number: story for story in _stories(tokens)}
    first = [number for number in _top(tokens) if number in stories]
    order = [*first, *(number for number in sorted(stories) if number not in first)][:MOST]
    ids = reader.items_at([link for number in order for link in stories[number].links[:1]])
    lines = [_note(tokens)]
    for place, number in enumerate(order, start=1):
        story = stories[number]
        link = next(iter(story.links), "")
        item = f" [item {ids[link]}]" if link in ids else ""
        lines += [f"{place}. {story.title} ({story.about}){item}", f"   {_beginning(story.said)}"]
        lines += [f"   {link}"] if link else []
    rest = len(stories) - len(order)
    lines.append(f"{rest} more are told in full in the report." if rest > 0 else "")
    return "\n".join(line for line in lines if line.strip())


def _stories(tokens: list[Token]) -> Iterator[Story]:
    """What stands under each numbered heading: a line about it, then paragraphs."""
    story: Story | None = None
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            if story:
                yield story
            found = _NUMBERED.fullmatch(_words(tokens[place + 1]))
            story = Story(int(found[1]), plain(found[2], 160)) if found else None
        elif token.type == "inline" and story and tokens[place - 1].type == "paragraph_open":
            if not story.about:
                story.about, story.links = plain(_words(token), 200), list(_links(token))
            elif not story.said:
                story.said = _words(token)
    if story:
        yield story


def _top(tokens: list[Token]) -> list[int]:
    """The numbers of the stories in the first ordered list, which link to their headings."""
    for place, token in enumerate(tokens):
        if token.type == "ordered_list_open":
            found = []
            for inner in tokens[place:]:
                if inner.type == "ordered_list_close":
                    break
                for link in _links(inner, "#"):
                    found += [int(number) for number in re.findall(r"^#(\d+)-", link)[:1]]
            return found
    return []


def _note(tokens: list[Token]) -> str:
    """What the report says of itself before it begins: that it is degraded, what failed."""
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            return ""
        if token.type == "blockquote_open":
            said = []
            for inner in tokens[place:]:
                if inner.type == "blockquote_close":
                    break
                said += [_words(inner)] if inner.type == "inline" else []
            return plain(" ".join(said), 400)
    return ""


def _words(token: Token) -> str:
    parts = (" " if one.type.endswith("break") else one.content for one in token.children or ())
    return " ".join("".join(parts).split())


def _links(token: Token, start: str = "http") -> Iterator[str]:
    for one in token.children or ():
        if one.type == "link_open":
            target = str(one.attrGet("href") or "")
            if target.startswith(start):
                yield target


def _beginning(text: str) -> str:
    """Whole sentences, as many as fit; they are the source's own."""
    kept = ""
    for sentence in _SENTENCE.split(text):
        if kept and len(kept) + len(sentence) > SAID:
            break
        kept = f"{kept} {sentence}".strip()
    return plain(kept, SAID)

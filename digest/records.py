"""The nouns that flow through Digest: RawDocument -> Document -> Item -> Digest."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from digest.schema import DigestFields

ItemKind = Literal["story", "link", "sponsor", "job", "event", "poll", "appeal", "product", "intro"]
ITEM_KINDS: tuple[str, ...] = get_args(ItemKind)

MediaType = Literal["message/rfc822", "text/html", "text/markdown", "text/plain"]


def fingerprint(*parts: str | bytes) -> str:
    """Stable hex id of 16 digits for a tuple of strings or bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One thing as a source found it, before anything was read from it.

    `key` identifies it within its source for ever ("" = by content; mail does that). The hints
    are what the source knows from outside the content; what the content says wins for mail.
    """

    source: str  # the SPEC it came from
    media_type: MediaType
    content: bytes
    origin: str  # where a person finds it: file name, URL, message number
    key: str = ""
    charset: str | None = None
    title: str = ""
    publisher: str = ""
    url: str = ""
    published: datetime | None = None
    whole: bool = False  # one story, however many headings it has: a page, a post


@dataclass(frozen=True, slots=True)
class Item:
    """One story inside a Document. A round-up holds many; an essay is one."""

    document_id: str
    position: int  # from 0, in reading order
    kind: ItemKind
    title: str
    text: str  # markdown
    url: str = ""  # where a reader would go, tracking unwrapped
    href: str = ""  # the same link as it stands in the source
    section: str = ""

    @property
    def id(self) -> str:
        """Document id and position."""
        return f"{self.document_id}-{self.position}"

    @property
    def content_hash(self) -> str:
        """Of title and text: the key under which its digest is cached."""
        return fingerprint(self.title, self.text)


@dataclass(frozen=True, slots=True)
class Document:
    """One issue, entry, post or page after reading: clean markdown and its items."""

    id: str
    source: str
    origin: str
    publisher: str
    title: str
    published: datetime | None  # aware, UTC
    url: str
    markdown: str
    items: tuple[Item, ...]
    hidden_removed: int = 0  # hidden elements and zero-width characters taken out
    warnings: tuple[str, ...] = ()  # what could not be read rightly, one sentence each


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a digest came to be."""

    engine: str
    model: str
    prompt_version: str
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cut: int = 0  # tokens of text left out because the item was too long
    degraded: str = ""  # why this is not the model's full answer; "" if it is
    dropped: tuple[str, ...] = ()  # names that the text does not give, removed
    dropped_themes: tuple[str, ...] = ()  # neither taught to the model nor in the text, removed
    replaced_title: str = ""  # the model's title, where the author's own stands in its place
    own_summary: str = ""  # why the summary is in the text's own words; "" if in the model's
    dropped_highlights: tuple[str, ...] = ()  # with numbers that the text does not give, removed


@dataclass(frozen=True, slots=True)
class Digest:
    """What the model says of an item, and how it came to say it."""

    fields: DigestFields
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Skip:
    """A document that could not be read, and why."""

    source: str
    origin: str
    reason: str
    retry: bool = False  # the failing was our own: the next run tries again


@dataclass(frozen=True, slots=True)
class Analyzed:
    """An item with its digest and the document it stands in: what a report is made of."""

    document: Document
    item: Item
    digest: Digest
    also: tuple[Item, ...] = field(default=())  # the same story elsewhere

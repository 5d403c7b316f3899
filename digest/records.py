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


StatementField = Literal["title", "summary", "highlights"]
STATEMENT_FIELDS: tuple[str, ...] = get_args(StatementField)
Status = Literal["quoted", "shortened", "written"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a statement stands in its source: the title, a sentence of the summary, a highlight.

    `start` and `end` are characters of the item's `text`, or of its `title` where `where` says so.
    A `written` statement rests on the whole span; the others are its words.
    """

    field: StatementField
    statement: str  # as it is shown
    status: Status
    where: Literal["title", "text"]
    start: int
    end: int


EditKind = Literal["name", "theme", "machine", "relevance"]


@dataclass(frozen=True, slots=True)
class Edit:
    """Something that was kept out of a digest.

    name        the text gives no such name, or not as a name
    theme       neither taught to the model nor said by the text
    machine     a passage addressed to a machine, not to a reader
    relevance   a score that the text asked for or cannot carry
    """

    kind: EditKind
    what: str
    why: str = ""


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
    language: str = ""  # of title and text, ISO 639-1; "" where nothing tells it
    edits: tuple[Edit, ...] = ()  # what was left out, and why


@dataclass(frozen=True, slots=True)
class Digest:
    """What is said of an item, what it rests on, and how it came to be said."""

    fields: DigestFields
    provenance: Provenance
    evidence: tuple[Evidence, ...] = ()  # one for each statement, in the order of the fields


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

"""`feed:URL`: RSS, Atom or JSON Feed, asked for politely and read entry by entry."""

import json
import logging
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from digest.errors import ConfigError, SourceError, SourceUnavailable, SourceWaits
from digest.html import dom
from digest.html.urls import unwrap
from digest.records import RawDocument, Skip
from digest.settings import Settings
from integrations.http.client import Client, Response
from integrations.sources import feedparse
from integrations.sources.feedparse import Feed, FeedEntry
from integrations.sources.memory import Memory
from integrations.sources.web import open_client, read_page

log = logging.getLogger(__name__)

FEEDS = ("application/*", "text/*")
MAX_ENTRIES = 2_000  # of one reading
MAX_PAGES = 50  # fetched in one reading, for entries that are stubs
_MANY_HOSTS = 6  # that an entry links to; an article links to fewer
_MAX_UNPACKED = 16 * 2**20  # bytes
_STUB = 500  # characters of text below which an entry is thought to be a teaser
_CUT = re.compile(r"(?i)(…|\.\.\.|\[…\]|\[\.\.\.\]|(?:read|continue|weiter)\s?\S{0,12})\W*$")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a cursor says: how the feed stood when it was last read."""

    since: datetime | None = None  # read back to here; None: to the beginning
    etag: str = ""
    modified: str = ""
    wait: datetime | None = None  # the server asked not to be asked before
    entries: tuple[list[str], ...] = ()
    moved: str = ""  # where the server said that the feed is now, for good

    @classmethod
    def load(cls, cursor: str) -> "Standing | None":
        """None for the empty cursor, and for one that is not ours."""
        try:
            value: dict[str, Any] = json.loads(cursor)
            return cls(
                _time(value["since"]),
                str(value["etag"]),
                str(value["modified"]),
                _time(value["wait"]),
                tuple(value["entries"]),
                str(value.get("moved", "")),
            )
        except (ValueError, KeyError, TypeError):
            return None

    def dump(self) -> str:
        """Compact JSON."""
        value = {
            "since": self.since.isoformat() if self.since else "",
            "etag": self.etag,
            "modified": self.modified,
            "wait": self.wait.isoformat() if self.wait else "",
            "entries": list(self.entries),
            **({"moved": self.moved} if self.moved else {}),
        }
        return json.dumps(value, separators=(",", ":"))

    def covers(self, since: datetime | None) -> bool:
        """Whether everything from `since` on was taken then."""
        return self.since is None or (since is not None and since >= self.since)


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


class FeedSource:
    """The entries of one feed, each once. An entry without a date is always yielded."""

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self.cursor = ""
        self.url = argument if "://" in argument else f"https://{argument}"
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"{spec!r}: only http and https feeds are read")
        self._http = settings.http

    def fetch(self, since: datetime | None, cursor: str = "") -> Iterator[RawDocument | Skip]:
        """Yield entries that are new since `cursor` and not older than `since`.

        An entry that only teases its page is yielded with the page's text. A server that wants to
        be left alone is left alone. Raises SourceError; SourceWaits, which says until when.
        """
        before = Standing.load(cursor)
        now = datetime.now(UTC)
        self.cursor = cursor
        if before and before.wait and now < before.wait:
            raise self._waits(before.wait)
        with open_client(self._http) as client:
            response = self._ask(client, before, since)
            wait = response.retry_after(now)
            if response.status in {429, 503} and wait is not None:
                until = (now + timedelta(seconds=wait)).replace(microsecond=0)
                self.cursor = replace(before or Standing(since), wait=until).dump()
                raise self._waits(until)
            if response.status == 304 and before:
                self.cursor = replace(before, wait=None).dump()
                return
            if response.status == 410:
                raise SourceError(
                    f"{self.url} is gone for good; run `digest source remove {self.spec}`"
                )
            feed = feedparse.parse(
                unpacked(response.checked()), response.url, response.headers.get("content-type", "")
            )
            memory = Memory.load(self.url, list(before.entries) if before else [])
            yield from self._entries(client, feed, memory, since)
        start = before.since if before and before.covers(since) else since
        self.cursor = Standing(
            since=start,
            etag=response.headers.get("etag", ""),
            modified=response.headers.get("last-modified", ""),
            entries=tuple(memory.dump()),
            moved=response.moved or (before.moved if before else ""),
        ).dump()

    def _ask(self, client: Client, before: Standing | None, since: datetime | None) -> Response:
        headers = {}
        if before and before.covers(since):
            if before.etag:
                headers["if-none-match"] = before.etag
            if before.modified:
                headers["if-modified-since"] = before.modified
        if before and before.moved:
            # The server's word, not the user's: no private address is reached because of it.
            same = _host(before.moved) == _host(self.url)
            try:
                found = client.get(before.moved, accept=FEEDS, headers=headers, configured=same)
                if found.status not in {404, 410}:
                    return found
            except SourceError as error:
                log.info("%s is asked again at its first address: %s", before.moved, error)
        return client.get(self.url, accept=FEEDS, headers=headers, configured=True)

    def _waits(self, until: datetime) -> SourceWaits:
        return SourceWaits(f"the server asks not to be asked before {until:%Y-%m-%d %H:%M} UTC")

    def _entries(
        self, client: Client, feed: Feed, memory: Memory, since: datetime | None
    ) -> Iterator[RawDocument | Skip]:
        if len(feed.entries) > MAX_ENTRIES:
            reason = f"only the first {MAX_ENTRIES} of {len(feed.entries)} entries were read"
            yield Skip(self.spec, self.url, reason)
        pages = 0
        wanted = [
            entry
            for entry in feed.entries[:MAX_ENTRIES]
            if not (since and entry.published and entry.published < since)
        ]
        fresh = list(memory.new(wanted))
        for key, entry in reversed(fresh):  # feeds put the newest first
            page = None
            if pages < MAX_PAGES and entry.url and is_stub(entry.html):
                pages += 1
                page = self._page(client, entry)
            yield self._document(key, entry, feed, page)
            memory.take(key, entry)

    def _page(self, client: Client, entry: FeedEntry) -> RawDocument | None:
        """The entry's page, if it can be had and says more than the entry."""
        try:
            page = read_page(client, entry.url, self.spec)
        except (SourceError, SourceUnavailable) as error:
            log.info("%s keeps its teaser: %s", entry.url, error)
            return None
        text = _text_of(page.content.decode("utf-8", "replace"))
        return page if len(text) > 1.5 * len(_text_of(entry.html)) else None

    def _document(
        self, key: str, entry: FeedEntry, feed: Feed, page: RawDocument | None
    ) -> RawDocument | Skip:
        origin = entry.url or f"{self.url} {entry.guid or entry.title}".strip()
        if not (page or entry.html or entry.title):
            return Skip(self.spec, origin, "the entry is empty")
        body = entry.html or f"<p>{escape(entry.title)}</p>"
        return RawDocument(
            source=self.spec,
            media_type=page.media_type if page else "text/html",
            content=page.content if page else body.encode("utf-8", "surrogatepass"),
            origin=origin,
            key=key,
            charset=page.charset if page else "utf-8",
            title=entry.title or (page.title if page else ""),
            publisher=feed.title or (page.publisher if page else ""),
            url=entry.url,
            published=entry.published or (page.published if page else None),
            whole=page is not None or not is_roundup(entry.html, entry.url),
        )


def unpacked(response: Response) -> bytes:
    """The content of an answer; of a file like `feed.xml.gz`, what is packed in it."""
    if not response.content.startswith(b"\x1f\x8b"):
        return response.content
    engine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = engine.decompress(response.content, _MAX_UNPACKED)
    except zlib.error as error:
        raise SourceError(f"{response.url} cannot be unpacked: {error}") from error
    if engine.unconsumed_tail:
        raise SourceError(f"{response.url} unpacks to over {_MAX_UNPACKED >> 20} MiB")
    return content


def is_stub(html: str) -> bool:
    """Whether an entry looks like the teaser of a page that says more."""
    text = _text_of(html)
    return len(text) < _STUB or bool(_CUT.search(text[-60:]))


def is_roundup(html: str, url: str) -> bool:
    """Whether an entry is an issue with many stories: it leads to many other hosts."""
    tree = LexborHTMLParser(dom.flatten(html[: dom.MAX_CHARS]))
    links = (unwrap(node.attributes.get("href") or "") for node in tree.css("a[href]"))
    hosts = {_host(link) for link in links if link.startswith("http")} - {"", _host(url)}
    return len(hosts) >= _MANY_HOSTS


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _text_of(html: str) -> str:
    return " ".join(
        LexborHTMLParser(dom.flatten(html[: dom.MAX_CHARS])).text(separator=" ").split()
    )

"""The bytes of a feed to its entries: RSS and Atom of every age, CDF, JSON Feed."""

import io
import json
import re
import time
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urljoin
from xml.sax import SAXException

from selectolax.lexbor import LexborHTMLParser

from digest.errors import SourceError
from digest.html import dom

_FEED_TYPES = re.compile(r"(?i)^application/(rss|atom|feed)\+(xml|json)$|^application/json$")


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry. What the feed does not say is "" or None; `html` is never plain text."""

    guid: str
    url: str  # absolute
    title: str  # plain text
    html: str
    published: datetime | None  # aware, UTC


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed and its entries as they stand in it."""

    title: str
    entries: tuple[FeedEntry, ...]


def parse(content: bytes, url: str, media_type: str = "") -> Feed:
    """Read a feed that was found at `url`; `media_type` is the Content-Type with parameters.

    Raises SourceError if it is no feed, with the reason.
    """
    if content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _json_feed(content, url)
    import feedparser

    headers = {"content-location": url}
    if media_type:
        headers["content-type"] = media_type
    try:
        # As a stream: given bytes, feedparser would also try them as a file name.
        found = feedparser.parse(io.BytesIO(content), response_headers=headers, sanitize_html=False)
    except Exception as error:  # its parsers raise what they like; none of it may stop a run
        raise SourceError(f"{url} breaks the feed reader: {type(error).__name__}") from error
    if not found.entries and not found.get("version"):
        trouble = found.get("bozo_exception")
        reason = f": {trouble}" if isinstance(trouble, SAXException) else ""
        raise SourceError(f"{url} is no feed{reason}{_alternative(content, url)}"[:600])
    return Feed(
        title=_plain(found.feed.get("title_detail") or {"value": found.feed.get("title", "")}),
        entries=tuple(_entry(entry, url) for entry in found.entries),
    )


def alternatives(page: str, url: str) -> list[str]:
    """The feeds that a web page names, best first."""
    found = []
    for node in LexborHTMLParser(dom.flatten(page[: dom.MAX_CHARS])).css(
        'link[rel~="alternate" i][href]'
    ):
        if _FEED_TYPES.match((node.attributes.get("type") or "").strip()):
            try:
                found.append(urljoin(url, node.attributes.get("href") or ""))
            except ValueError:
                continue
    return [one for one in dict.fromkeys(found) if one.startswith(("http://", "https://"))]


def _alternative(content: bytes, url: str) -> str:
    named = alternatives(content[: dom.MAX_CHARS].decode("utf-8", "replace"), url)
    return f"; it names one at {named[0]}" if named else ""


def _entry(entry: Mapping[str, Any], base: str) -> FeedEntry:
    link = entry.get("link") or ""
    try:
        link = urljoin(base, link) if link else ""
    except ValueError:
        link = ""
    bodies: list[Mapping[str, Any]] = [*entry.get("content", [])]
    if "summary_detail" in entry or "summary" in entry:
        bodies.append(entry.get("summary_detail") or {"value": entry["summary"]})
    body = max(bodies, key=lambda one: len(str(one.get("value") or "")), default={})
    return FeedEntry(
        guid=str(entry.get("id") or ""),
        url=link if link.startswith(("http://", "https://")) else "",
        title=_plain(entry.get("title_detail") or {"value": entry.get("title", "")}),
        html=_html(body),
        published=_moment(entry),
    )


def _plain(detail: Mapping[str, Any]) -> str:
    """A title as a person reads it: many feeds put HTML there, whatever they declare."""
    text = str(detail.get("value") or "")
    if re.search(r"<[a-zA-Z/!]|&(?:#?\w+);", text[: dom.MAX_CHARS]):
        text = LexborHTMLParser(dom.flatten(text[:10_000])).text()
    return " ".join(text.split())[:1000]


def _html(body: Mapping[str, Any]) -> str:
    text = str(body.get("value") or "")
    if str(body.get("type") or "").startswith("text/plain") and not re.search(
        r"</?\w+[^>]*>", text
    ):
        return _paragraphs(text)
    return text


def _paragraphs(text: str) -> str:
    parts = (part.strip() for part in re.split(r"\n\s*\n", text))
    return "".join(f"<p>{escape(part)}</p>" for part in parts if part)


def _moment(entry: Mapping[str, Any]) -> datetime | None:
    for name in ("published_parsed", "updated_parsed", "created_parsed"):
        # Not get(): feedparser would answer with another date, and a warning.
        parsed: time.struct_time | None = entry[name] if name in entry else None  # noqa: SIM401
        if parsed is not None:
            try:
                return datetime.fromtimestamp(timegm(parsed), UTC)
            except (ValueError, OverflowError, OSError):
                continue
    return None


def _json_feed(content: bytes, url: str) -> Feed:
    try:
        value = json.loads(content.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{url} is no feed: JSON that does not parse") from error
    version = value.get("version")
    if not (isinstance(version, str) and "jsonfeed.org/version/" in version):
        raise SourceError(f"{url} is JSON, but no JSON Feed: it states no jsonfeed.org version")
    items = value.get("items")
    return Feed(
        title=_text(value, "title"),
        entries=tuple(_json_entries(items if isinstance(items, list) else [], url)),
    )


def _json_entries(items: Sequence[object], base: str) -> Iterator[FeedEntry]:
    for item in items:
        if not isinstance(item, dict):
            continue
        link = _text(item, "url") or _text(item, "external_url")
        guid = item.get("id")
        yield FeedEntry(
            guid=str(guid) if isinstance(guid, str | int | float) else "",
            url=urljoin(base, link) if link.startswith(("http://", "https://", "/")) else "",
            title=_plain({"value": _text(item, "title")}),
            html=_text(item, "content_html")
            or _paragraphs(_text(item, "content_text") or _text(item, "summary")),
            published=_iso(_text(item, "date_published") or _text(item, "date_modified")),
        )


def _text(value: Mapping[str, object], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

"""What a web page is about: main content, title, byline, date, site, canonical URL.

The main content comes from trafilatura. Title, byline and date are first looked for where
publishers state them for machines (JSON-LD, OpenGraph, `time`), then trafilatura is asked.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from digest.html import dom

_ARTICLE = re.compile(r"(?i)(article|posting|report|webpage|discussionforumposting)$")
_SEPARATOR = re.compile(r"\s+[|–—\-·•:»/]\s+")
_WRAPPED = re.compile(r"^\s*(?:<!\[CDATA\[|<!--)|(?:\]\]>|-->)\s*$")  # as XHTML had it
_MANY = 40_000  # tags; trafilatura takes seconds for more, and real articles stay far below
_STUB = 200  # characters; less is no article


@dataclass(frozen=True, slots=True)
class Page:
    """A page without its surroundings. What it does not state is "" or None."""

    title: str
    byline: str
    site: str
    published: datetime | None  # aware, UTC
    url: str  # canonical, as the page states it within its own host; else where it was found
    html: str  # the main content, links kept


def read(html: str, url: str) -> Page:
    """Read a page that was found at `url`. Never raises; the worst page comes back whole."""
    html = dom.flatten(html[: 2 * dom.MAX_CHARS])
    tree = LexborHTMLParser(html)
    found = _stated(tree)
    meta, body = _trafilatura(html, url) if html.count("<") <= _MANY else ({}, html)
    site = found.get("site") or meta.get("sitename") or urlsplit(url).hostname or ""
    title = found.get("title") or meta.get("title") or ""
    return Page(
        title=_bare_title(title, site, tree),
        byline=found.get("byline") or _byline(meta.get("author") or ""),
        site=site,
        published=_moment(found.get("date", "")) or _moment(meta.get("date") or ""),
        url=_canonical(tree, url),
        html=with_absolute_links(body, url),
    )


def with_absolute_links(html: str, url: str) -> str:
    """The same HTML, its links resolved against `url`."""
    if "href" not in html:
        return html
    tree = LexborHTMLParser(html)
    for node in tree.css("a[href]"):
        try:
            node.attrs["href"] = urljoin(url, (node.attributes["href"] or "").strip())
        except ValueError:  # what no URL parser takes leads nowhere
            node.attrs["href"] = ""
    return tree.html or html


def _trafilatura(html: str, url: str) -> tuple[Mapping[str, str], str]:
    """(metadata, main content as HTML); the content is the whole page where none is found."""
    import trafilatura

    try:
        body = trafilatura.extract(
            html,
            url=url,
            output_format="html",
            include_comments=False,
            include_links=True,
            include_formatting=True,
            favor_recall=True,
        )
        about = trafilatura.extract_metadata(html, default_url=url)
    except Exception:  # lxml and its users raise many kinds; the page is then read whole
        return {}, html
    fields = {
        name: str(getattr(about, name, None) or "")
        for name in ("title", "author", "sitename", "date")
    }
    text = LexborHTMLParser(body).text(strip=True) if body else ""
    return fields, body if body and len(text) >= _STUB else html


def _stated(tree: LexborHTMLParser) -> dict[str, str]:
    """title, byline, site and date as the page states them for machines."""
    found: dict[str, str] = {}

    def note(name: str, value: object) -> None:
        text = " ".join(value.split()) if isinstance(value, str) else ""
        if text and len(text) <= 500:
            found.setdefault(name, text)

    for entry in _linked_data(tree):
        note("title", entry.get("headline"))
        dates = (entry.get("dateCreated"), entry.get("datePublished"))
        note("date", min((date for date in dates if isinstance(date, str) and date), default=""))
        note("byline", ", ".join(_names(entry.get("author"))))
        note("site", next(_names(entry.get("publisher")), ""))
    for property_name, name in (
        ("og:title", "title"),
        ("article:published_time", "date"),
        ("og:site_name", "site"),
        ("author", "byline"),
        ("citation_author", "byline"),
        ("article:author", "byline"),
        ("parsely-author", "byline"),
        ("dc.creator", "byline"),
        ("date", "date"),
        ("citation_publication_date", "date"),
    ):
        for node in tree.css(f'meta[property="{property_name}"], meta[name="{property_name}" i]'):
            value = node.attributes.get("content") or ""
            if not (name == "byline" and "://" in value):  # a profile, not a name
                note(name, value)
    for node in tree.css('[itemprop="datePublished"], time[datetime]')[:1]:
        note("date", node.attributes.get("datetime") or node.attributes.get("content"))
    for node in tree.css('[rel="author"], [itemprop="author"] [itemprop="name"]')[:1]:
        note("byline", node.text(strip=True))
    return found


def _linked_data(tree: LexborHTMLParser) -> Iterator[Mapping[str, Any]]:
    """JSON-LD objects that describe an article, in the order of the page."""
    for node in tree.css('script[type="application/ld+json"]')[:20]:
        text = _WRAPPED.sub("", node.text())
        if len(text) > dom.MAX_CHARS:
            continue
        try:
            todo: list[object] = [json.loads(text, strict=False)]
        except (ValueError, RecursionError):
            continue
        for _ in range(500):
            if not todo:
                break
            value = todo.pop(0)
            if isinstance(value, list):
                todo.extend(value)
            elif isinstance(value, dict):
                kinds = value.get("@type")
                names = kinds if isinstance(kinds, list) else [kinds]
                if any(isinstance(name, str) and _ARTICLE.search(name) for name in names):
                    yield value
                todo.append(value.get("@graph"))
                todo.append(value.get("mainEntity"))


def _names(value: object) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        name = one.get("name") if isinstance(one, dict) else one
        if isinstance(name, str) and name.strip() and "://" not in name:
            yield name.strip()
        elif isinstance(name, list):
            yield from (each for each in name if isinstance(each, str))


def _bare_title(title: str, site: str, tree: LexborHTMLParser) -> str:
    """The title without the site's name: what a heading of the page also says, if one does."""
    title = " ".join(title.split())
    if title.casefold().startswith(f"{site.casefold()}: "):
        title = title[len(site) + 2 :]
    parts = _SEPARATOR.split(title)
    if len(parts) < 2:
        return title
    headings = [" ".join(node.text().split()) for node in tree.css("h1, h2")[:20]]
    folded = title.casefold()
    inside = [
        heading
        for heading in headings
        if heading.casefold() in folded and 2 * len(heading) > len(max(parts, key=len))
    ]
    if inside:
        return max(inside, key=len)
    for part in (parts[0], parts[-1]):
        if part.casefold() == site.casefold():
            return title.removeprefix(part).removesuffix(part).strip(" |–—-·•:»/")
    return title


def _byline(guess: str) -> str:
    """A guessed byline, if it looks like people: few, and no address."""
    names = re.split(r"(?i)\s+https?\b", guess)[0].split("; ")
    return "" if len(names) > 3 else ", ".join(names)


def _moment(text: str) -> datetime | None:
    """An ISO 8601 date or date and time -> aware UTC; without an offset it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the edges of the calendar
        return None


def _canonical(tree: LexborHTMLParser, url: str) -> str:
    """The page's own word for its URL, believed only for the host it came from."""
    node = tree.css_first('link[rel="canonical"]')
    stated = urljoin(url, (node.attributes.get("href") or "") if node else "")
    try:
        same = urlsplit(stated).hostname == urlsplit(url).hostname
    except ValueError:
        return url
    return stated if same and urlsplit(stated).path.strip("/") else url

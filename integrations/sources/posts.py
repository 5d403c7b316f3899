"""What link sites have in common: a post is a page or a text of its own, and a discussion."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from digest.errors import ConfigError, SourceError
from digest.records import RawDocument
from integrations.http.client import Client
from integrations.sources.web import read_page

log = logging.getLogger(__name__)

_REMEMBERED = 2_000


@dataclass(frozen=True, slots=True)
class Post:
    """One post. `html` is its own text, `url` the page it points to; either may be ""."""

    id: str
    title: str
    url: str
    html: str
    discussion: str  # URL
    published: datetime | None
    points: int
    comments: int


@dataclass(slots=True)
class Taken:
    """The ids of posts that were taken, the oldest first; its dump is the source's cursor."""

    ids: dict[str, None] = field(default_factory=dict)

    @classmethod
    def load(cls, cursor: str) -> "Taken":
        """Anything that is no dump is an empty memory."""
        try:
            value = json.loads(cursor)
        except ValueError:
            return cls()
        return cls(dict.fromkeys(map(str, value)) if isinstance(value, list) else {})

    def dump(self) -> str:
        """A JSON list."""
        return json.dumps(list(self.ids)[-_REMEMBERED:], separators=(",", ":"))


def parse_argument(
    spec: str, argument: str, known: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """`NAME?key=value&...` -> name and options, missing ones as in `known`. Raises ConfigError."""
    name, _, query = argument.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if wrong := sorted(set(given) - set(known)):
        raise ConfigError(f"{spec!r}: no option {wrong[0]!r}; there are {', '.join(known)}")
    return name.strip("/ "), {**known, **given}


def number(spec: str, options: Mapping[str, str], name: str, most: int) -> int:
    """An option that is a whole number in 0..most. Raises ConfigError."""
    text = options[name]
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        raise ConfigError(f"{spec!r}: {name} is a number up to {most}, not {text!r}")
    return int(text)


def read_json(client: Client, url: str) -> Any:
    """The JSON answer of the site itself. Raises SourceError."""
    answer = client.get(url, accept=("application/json", "text/*"), configured=True)
    try:
        return json.loads(answer.checked().content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{url} does not answer in JSON") from error


def moment(seconds: object) -> datetime | None:
    """Seconds since 1970 -> aware UTC."""
    if not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def count(value: object) -> int:
    """A number that a site states; 0 for anything else."""
    return value if isinstance(value, int) else 0


def document(client: Client, post: Post, spec: str, site: str) -> RawDocument:
    """The post's own text and the text of its page, and below it the way to the discussion."""
    counted = f": {post.points} points, {post.comments} comments" if post.points else ""
    talk = f'<p><a href="{escape(post.discussion)}">Discussion on {escape(site)}{counted}</a></p>'
    raw = RawDocument(
        source=spec,
        media_type="text/html",
        content=b"",
        origin=post.discussion,
        key=post.id,
        charset="utf-8",
        title=post.title,
        publisher=site,
        url=post.url or post.discussion,
        published=post.published,
        whole=True,
    )
    body = post.html
    if post.url:
        try:
            page = read_page(client, post.url, spec)
            text = page.content.decode(page.charset or "utf-8", "replace")
            body += text if page.media_type == "text/html" else f"<pre>{escape(text)}</pre>"
        except (SourceError, LookupError) as error:
            log.info("%s is told without its page: %s", post.discussion, error)
    body = body or f"<p>{escape(post.title)}</p>"
    return replace(raw, content=(body + talk).encode("utf-8", "surrogatepass"))

"""`hackernews:top`, `best`, `new`, `ask`, `show` or `job`, e.g. `hackernews:top?points=100`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from digest.errors import ConfigError, SourceError
from digest.records import RawDocument, Skip
from digest.settings import Settings
from integrations.http.client import Client
from integrations.sources import posts
from integrations.sources.posts import Post
from integrations.sources.web import open_client

_LISTS = ("top", "best", "new", "ask", "show", "job")
SITE = "Hacker News"


class HackerNewsSource:
    """Stories of one list, each once. Options: `points` (at least), `limit` (first of the list)."""

    api = "https://hacker-news.firebaseio.com/v0"
    web = "https://news.ycombinator.com"

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self.cursor = ""
        self._list, options = posts.parse_argument(spec, argument, {"points": "0", "limit": "30"})
        if self._list not in _LISTS:
            raise ConfigError(f"{spec!r}: no list {self._list!r}; there are {', '.join(_LISTS)}")
        self._points = posts.number(spec, options, "points", 100_000)
        self._limit = posts.number(spec, options, "limit", 500)
        self._http = settings.http

    def fetch(self, since: datetime | None, cursor: str = "") -> Iterator[RawDocument | Skip]:
        """Yield stories that were not taken before, with the text of their pages.

        A story that has too few points yet is taken when it has them. Raises SourceError.
        """
        taken = posts.Taken.load(cursor)
        self.cursor = cursor
        with open_client(self._http) as client:
            listed = posts.read_json(client, f"{self.api}/{self._list}stories.json")
            if not isinstance(listed, list):
                raise SourceError(f"{self.api} does not answer with a list of stories")
            ids = [one for one in listed if isinstance(one, int)]
            for number in ids[: self._limit]:
                if str(number) in taken.ids:
                    continue
                try:
                    post = self._post(client, number)
                except SourceError as error:
                    yield Skip(self.spec, f"{self.web}/item?id={number}", str(error))
                    continue
                if post is None or post.points < self._points:
                    continue
                if since and post.published and post.published < since:
                    continue
                yield posts.document(client, post, self.spec, SITE)
                taken.ids[post.id] = None
        self.cursor = taken.dump()

    def _post(self, client: Client, number: int) -> Post | None:
        """A story by its number; None for what is dead, deleted or no story."""
        item: Any = posts.read_json(client, f"{self.api}/item/{number}.json")
        if not isinstance(item, dict) or item.get("dead") or item.get("deleted"):
            return None
        title = item.get("title")
        if item.get("type") not in {"story", "job", "poll"} or not isinstance(title, str):
            return None
        return Post(
            id=str(number),
            title=title,
            url=str(item.get("url") or ""),
            html=str(item.get("text") or ""),
            discussion=f"{self.web}/item?id={number}",
            published=posts.moment(item.get("time")),
            points=posts.count(item.get("score")),
            comments=posts.count(item.get("descendants")),
        )

"""`reddit:NAME` or `reddit:NAME/top?t=day&points=50`: the posts of a subreddit."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urljoin

from selectolax.lexbor import LexborHTMLParser

from digest.errors import ConfigError, SourceError
from digest.records import RawDocument, Skip
from digest.settings import Settings
from integrations.http.client import Client, Response
from integrations.sources import feedparse, posts
from integrations.sources.posts import Post
from integrations.sources.web import open_client

_LISTS = ("hot", "new", "top", "rising")
_PERIODS = ("hour", "day", "week", "month", "year", "all")


class RedditSource:
    """Posts of one listing, each once; pinned and adult posts are left out.

    Options: `t` (period of `top`), `points` (at least), `limit`. Where the site keeps its JSON
    from readers without an account, its feed is read; that has no points, so `points` is an error.
    """

    web = "https://www.reddit.com"

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self.cursor = ""
        known = {"t": "day", "points": "0", "limit": "50"}
        path, options = posts.parse_argument(spec, argument, known)
        found = re.fullmatch(r"(?:r/)?(\w{2,21})(?:/(\w+))?", path)
        if not found or (found[2] or "hot") not in _LISTS or options["t"] not in _PERIODS:
            raise ConfigError(
                f"{spec!r}: write reddit:NAME or reddit:NAME/LIST?t=PERIOD with a list of "
                f"{', '.join(_LISTS)} and a period of {', '.join(_PERIODS)}"
            )
        self.site = f"r/{found[1]}"
        self._list = found[2] or "hot"
        self._points = posts.number(spec, options, "points", 1_000_000)
        self._limit = posts.number(spec, options, "limit", 100)
        self._query = {"t": options["t"], "limit": str(self._limit)}
        self._http = settings.http

    def fetch(self, since: datetime | None, cursor: str = "") -> Iterator[RawDocument | Skip]:
        """Yield posts that were not taken before, with the text of their pages.

        Raises SourceError, SourceUnavailable.
        """
        taken = posts.Taken.load(cursor)
        self.cursor = cursor
        with open_client(self._http) as client:
            for post in self._posts(client):
                if post.id in taken.ids or post.points < self._points:
                    continue
                if since and post.published and post.published < since:
                    continue
                yield posts.document(client, post, self.spec, self.site)
                taken.ids[post.id] = None
        self.cursor = taken.dump()

    def _posts(self, client: Client) -> list[Post]:
        query = urlencode(self._query | {"raw_json": "1"})
        address = f"{self.web}/{self.site}/{self._list}"
        answer = client.get(f"{address}.json?{query}", configured=True)
        if answer.status in {401, 403} and not self._points:
            feed = client.get(f"{address}/.rss?{urlencode(self._query)}", configured=True)
            return self._from_feed(feed.checked())
        if answer.status in {401, 403}:
            raise SourceError(
                f"{self.site} gives its points only to signed-in readers; leave out `points`, "
                f"e.g. reddit:{self.site.removeprefix('r/')}/top"
            )
        return list(self._from_json(answer.checked()))

    def _from_json(self, answer: Response) -> Iterator[Post]:
        try:
            children = json.loads(answer.content)["data"]["children"]
            found = [child["data"] for child in children if child["kind"] == "t3"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise SourceError(f"{answer.url} is no listing of posts") from error
        for data in found[: self._limit]:
            if isinstance(data, dict) and not (data.get("stickied") or data.get("over_18")):
                yield self._post(data)

    def _post(self, data: Mapping[str, Any]) -> Post:
        discussion = urljoin(self.web, str(data.get("permalink") or ""))
        own = bool(data.get("is_self"))
        return Post(
            id=str(data.get("name") or data.get("id")),
            title=str(data.get("title") or ""),
            url="" if own else str(data.get("url") or ""),
            html=str(data.get("selftext_html") or "") if own else "",
            discussion=discussion,
            published=posts.moment(data.get("created_utc")),
            points=posts.count(data.get("score")),
            comments=posts.count(data.get("num_comments")),
        )

    def _from_feed(self, answer: Response) -> list[Post]:
        feed = feedparse.parse(answer.content, answer.url, answer.headers.get("content-type", ""))
        return [self._from_entry(entry) for entry in feed.entries[: self._limit]]

    def _from_entry(self, entry: feedparse.FeedEntry) -> Post:
        tree = LexborHTMLParser(entry.html)
        own = tree.css_first("div.md")
        marked = (a for a in tree.css("a[href]") if a.text(strip=True) == "[link]")
        link = next(marked, None)
        target = (link.attributes.get("href") or "") if link else ""
        return Post(
            id=(entry.guid or entry.url).rstrip("/").rsplit("/", 1)[-1],  # t3_..., as in the JSON
            title=entry.title,
            url="" if own or target == entry.url else target,
            html=(own.html or "") if own else "",
            discussion=entry.url,
            published=entry.published,
            points=0,
            comments=0,
        )

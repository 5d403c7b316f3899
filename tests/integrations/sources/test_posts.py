import json
from datetime import UTC, datetime

import pytest
from local_http import Reply

from digest import pipeline
from digest.errors import ConfigError, SourceError, SourceUnavailable
from digest.records import Skip
from digest.settings import HttpSettings, Settings
from integrations import source
from integrations.sources.hackernews import HackerNewsSource
from integrations.sources.reddit import RedditSource

NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
PAGE = (
    "<html><head><title>Solar ferries | Coast</title></head><body><nav>Menu</nav><article>"
    "<h1>Solar ferries</h1><p>The first solar ferry of the coast has carried ten thousand people "
    "since spring, and not one trip was cancelled for want of sun, its captain says.</p>"
    "<p>Its batteries last for two cloudy days; a third ship is being built in Emden.</p></article>"
    "</body></html>"
)


def _settings(server) -> Settings:
    return Settings(http=HttpSettings(allow=server.allow))


def _json(value: object, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), "application/json; charset=utf-8", status)


# Hacker News: the shape of the official API, served from here


@pytest.fixture
def hackernews(server, monkeypatch):
    monkeypatch.setattr(HackerNewsSource, "api", f"{server.base}/v0")
    items = {
        1: {"id": 1, "type": "story", "title": "Solar ferries", "url": f"{server.base}/ferry",
            "by": "ada", "score": 120, "descendants": 45, "time": NOON},
        2: {"id": 2, "type": "story", "title": "Ask HN: Which <b> ferry?", "by": "bob", "score": 30,
            "text": "<p>Asking for a friend who lives on an island, and travels a lot.",
            "descendants": 3, "time": NOON - 7 * 86_400},
        3: {"id": 3, "type": "story", "title": "Gone", "dead": True, "score": 500, "time": NOON},
        4: None,
        5: {"id": 5, "type": "comment", "text": "no story", "time": NOON},
        6: {"id": 6, "type": "story", "title": "A paper", "url": f"{server.base}/paper.pdf",
            "score": 70, "time": NOON},
    }  # fmt: skip
    for number, item in items.items():
        server.routes[f"/v0/item/{number}.json"] = _json(item)
    server.routes["/v0/topstories.json"] = _json([1, 2, 3, 4, 5, 6, 7])
    server.routes["/ferry"] = Reply(PAGE.encode())
    server.routes["/paper.pdf"] = Reply(b"%PDF", "application/pdf")
    return lambda spec="hackernews:top": source(spec, _settings(server))


@pytest.mark.usefixtures("loopback_is_public")
def test_stories_come_with_their_pages_and_discussions(hackernews, server) -> None:
    ferry, ask, paper, lost = list(hackernews().fetch(None))
    document = pipeline.read(ferry)
    assert (document.title, document.publisher) == ("Solar ferries", "Hacker News")
    assert document.url == f"{server.base}/ferry"
    assert document.published == datetime.fromtimestamp(NOON, UTC)
    assert "two cloudy days" in document.markdown and "Menu" not in document.markdown
    assert "https://news.ycombinator.com/item?id=1" in document.markdown
    assert "120 points, 45 comments" in document.markdown
    assert "Asking for a friend" in pipeline.read(ask).markdown
    assert ask.url == "https://news.ycombinator.com/item?id=2"
    assert pipeline.read(paper).url == f"{server.base}/paper.pdf"  # told without its page
    assert isinstance(lost, Skip) and "404" in lost.reason


def test_points_limit_and_period(hackernews) -> None:
    assert [raw.key for raw in hackernews("hackernews:top?points=100&limit=6").fetch(None)] == ["1"]
    assert [raw.key for raw in hackernews("hackernews:top?limit=2").fetch(None)] == ["1", "2"]
    since = datetime.fromtimestamp(NOON - 86_400, UTC)
    assert [raw.key for raw in hackernews("hackernews:top?limit=6").fetch(since)] == ["1", "6"]


def test_a_story_is_taken_once_but_not_before_it_has_its_points(hackernews, server) -> None:
    first = hackernews("hackernews:top?points=100&limit=6")
    assert len(list(first.fetch(None))) == 1
    rising = json.loads(server.routes["/v0/item/2.json"].body) | {"score": 101}
    server.routes["/v0/item/2.json"] = _json(rising)
    second = hackernews("hackernews:top?points=100&limit=6")
    assert [raw.key for raw in second.fetch(None, first.cursor)] == ["2"]
    third = hackernews("hackernews:top?points=100&limit=6")
    assert list(third.fetch(None, second.cursor)) == []


def test_links_of_posts_reach_no_private_address(server, monkeypatch) -> None:
    monkeypatch.setattr(HackerNewsSource, "api", f"{server.base}/v0")
    server.routes["/v0/newstories.json"] = _json([9, 10])
    server.routes["/v0/item/9.json"] = _json(
        {"id": 9, "type": "story", "title": "Free cloud keys", "url": "http://169.254.169.254/"}
    )
    server.routes["/v0/item/10.json"] = _json(  # a server of the user's own, on the allow-list
        {"id": 10, "type": "story", "title": "Open doors", "url": f"{server.base}/unlock"}
    )
    cloud, doors = source("hackernews:new", _settings(server)).fetch(None)
    assert b"Free cloud keys" in cloud.content
    assert b"Open doors" in doors.content
    assert "/unlock" not in server.paths


def test_the_service_may_be_down_or_broken(hackernews, server) -> None:
    server.routes["/v0/topstories.json"] = Reply(b"", status=503)
    with pytest.raises(SourceUnavailable):
        list(hackernews().fetch(None))
    server.routes["/v0/topstories.json"] = Reply(b"<html>", "text/html")
    with pytest.raises(SourceError, match="JSON"):
        list(hackernews().fetch(None))


@pytest.mark.parametrize("wrong", ["worst", "top?points=many", "top?color=red", "top?limit=501"])
def test_wrong_lists_and_options_are_named(wrong) -> None:
    with pytest.raises(ConfigError, match="hackernews"):
        source(f"hackernews:{wrong}")


# Reddit: the shape of its listings, served from here


def _listed(server, *posts: dict) -> dict:
    children = [{"kind": "t3", "data": post} for post in posts]
    return {"kind": "Listing", "data": {"children": [*children, {"kind": "more", "data": {}}]}}


@pytest.fixture
def reddit(server, monkeypatch):
    monkeypatch.setattr(RedditSource, "web", server.base)
    common = {"created_utc": float(NOON), "score": 60, "num_comments": 5, "stickied": False}
    posts = [
        {"name": "t3_a", "title": "Solar ferries", "is_self": False, "url": f"{server.base}/ferry",
         "permalink": "/r/ferries/comments/a/solar/"},
        {"name": "t3_b", "title": "My ferry trip", "is_self": True, "score": 8,
         "selftext_html": '<div class="md"><p>It was quiet, and the coffee was good.</p></div>',
         "url": "ignored", "permalink": "/r/ferries/comments/b/trip/"},
        {"name": "t3_c", "title": "Rules", "stickied": True, "permalink": "/r/ferries/rules"},
        {"name": "t3_d", "title": "Adult", "over_18": True, "permalink": "/r/ferries/d"},
    ]  # fmt: skip
    server.routes["/r/ferries/top.json"] = _json(_listed(server, *[common | p for p in posts]))
    server.routes["/ferry"] = Reply(PAGE.encode())
    return lambda spec="reddit:ferries/top": source(spec, _settings(server))


@pytest.mark.usefixtures("loopback_is_public")
def test_posts_come_with_their_pages_or_their_own_text(reddit, server) -> None:
    link, own = list(reddit().fetch(None))
    document = pipeline.read(link)
    assert (document.publisher, document.url) == ("r/ferries", f"{server.base}/ferry")
    assert "two cloudy days" in document.markdown
    assert f"{server.base}/r/ferries/comments/a/solar/" in document.markdown
    assert "the coffee was good" in pipeline.read(own).markdown
    assert own.url == f"{server.base}/r/ferries/comments/b/trip/"
    path, headers = server.seen[0]
    assert path == "/r/ferries/top.json?t=day&limit=50&raw_json=1"
    assert headers["user-agent"].startswith("digest/")


def test_posts_are_taken_once_and_by_points(reddit) -> None:
    first = reddit("reddit:r/ferries/top?t=week&points=50")
    assert [raw.key for raw in first.fetch(None)] == ["t3_a"]
    (other,) = reddit("reddit:ferries/top").fetch(None, first.cursor)
    assert other.key == "t3_b"
    assert list(reddit().fetch(datetime.fromtimestamp(NOON + 1, UTC))) == []


@pytest.mark.usefixtures("loopback_is_public")
def test_where_json_is_closed_the_feed_is_read(reddit, server) -> None:
    server.routes["/r/ferries/top.json"] = _json({"error": 403}, 403)
    content = (
        '<table><tr><td>submitted by <a href="/user/ada">ada</a> <span>'
        f'<a href="{server.base}/ferry">[link]</a></span> <a href="x">[comments]</a></td></table>'
    )
    own = '<div class="md"><p>It was quiet, and the coffee was good.</p></div>'
    entries = "".join(
        f"<entry><id>{name}</id><title>{title}</title><link href='{server.base}/c/{name}'/>"
        f"<published>2026-11-20T12:00:00+00:00</published>"
        f"<content type='html'>{html.replace('&', '&amp;').replace('<', '&lt;')}</content></entry>"
        for name, title, html in (("t3_a", "Solar ferries", content), ("t3_b", "My trip", own))
    )
    feed = f"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title>{entries}</feed>"
    server.routes["/r/ferries/top/.rss"] = Reply(feed.encode(), "application/atom+xml")
    link, post = list(reddit().fetch(None))
    assert (link.key, link.url) == ("t3_a", f"{server.base}/ferry")
    assert "two cloudy days" in pipeline.read(link).markdown
    assert "the coffee was good" in pipeline.read(post).markdown
    with pytest.raises(SourceError, match="leave out `points`"):
        list(reddit("reddit:ferries/top?points=5").fetch(None))


def test_what_is_no_listing_is_an_error(reddit, server) -> None:
    for body in (b"[]", b'{"data": {"children": 7}}', b"<html>"):
        server.routes["/r/ferries/top.json"] = Reply(body, "application/json")
        with pytest.raises(SourceError, match="no listing"):
            list(reddit().fetch(None))


@pytest.mark.parametrize("wrong", ["a/b/c", "ferries/worst", "ferries/top?t=eon", "../x", "f?u=1"])
def test_wrong_subreddits_are_named(wrong) -> None:
    with pytest.raises(ConfigError, match="reddit"):
        source(f"reddit:{wrong}")

import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_http import Reply

from digest import pipeline
from digest.errors import SourceError, SourceUnavailable, SourceWaits
from digest.protocols import Resumable
from digest.settings import HttpSettings, Settings
from digest.storage.ledger import Ledger
from integrations import source
from integrations.sources import feedparse
from integrations.sources.feed import Standing, is_stub

FEEDS = Path(__file__).parents[3].parent / "shared" / "data" / "feeds"
LONG = "The ferry to Norderney runs on batteries since Monday and the island is glad of it. " * 8


def entry(number: int, **changes: str) -> str:
    values = {
        "title": f"Story {number}",
        "link": f"https://news.example/{number}",
        "guid": f"g{number}",
        "date": "Fri, 20 Nov 2026 08:00:00 GMT",
        "text": f"{LONG} {number}",
    } | changes
    link = f"<link>{values['link']}</link>" if values["link"] else ""
    guid = f"<guid isPermaLink='false'>{values['guid']}</guid>" if values["guid"] else ""
    return (
        f"<item><title>{values['title']}</title>{link}{guid}<pubDate>{values['date']}</pubDate>"
        f"<description><![CDATA[<p>{values['text']}</p>]]></description></item>"
    )


def rss(*entries: str) -> bytes:
    head = "<?xml version='1.0'?><rss version='2.0'><channel><title>Island News</title>"
    return f"{head}{''.join(entries)}</channel></rss>".encode()


class Reader:
    """A feed on a real server, read run after run as the pipeline does."""

    def __init__(self, server) -> None:
        self.server = server
        self.cursor = ""

    def read(self, *entries: str, since: datetime | None = None, **reply) -> list:
        self.server.routes["/feed"] = Reply(rss(*entries), "application/rss+xml", **reply)
        return self.again(since)

    def again(self, since: datetime | None = None) -> list:
        chosen = Settings(http=HttpSettings(allow=self.server.allow))
        feed = source(f"feed:{self.server.base}/feed", chosen)
        try:
            return list(feed.fetch(since, self.cursor))
        finally:
            self.cursor = feed.cursor


@pytest.fixture
def reader(server) -> Reader:
    return Reader(server)


def keys(found) -> list[str]:
    return [raw.key for raw in found]


def test_entries_come_oldest_first_with_what_the_feed_says(reader) -> None:
    second, first = reader.read(entry(1), entry(2))
    assert (first.title, first.url) == ("Story 1", "https://news.example/1")
    assert second.title == "Story 2"
    assert first.publisher == "Island News"
    assert first.published == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert pipeline.read(first).markdown.startswith("The ferry to Norderney")


# What readers of feeds complain of, each as a test. The numbers are miniflux issues.


def test_a_changed_title_is_the_same_entry(reader) -> None:  # 3120
    assert len(reader.read(entry(1))) == 1
    assert reader.read(entry(1, title="Story 1 (updated)")) == []


def test_a_changed_guid_is_the_same_entry(reader) -> None:  # 2358
    assert len(reader.read(entry(1))) == 1
    assert reader.read(entry(1, guid="other")) == []


def test_equal_guids_of_different_entries_lose_none(reader) -> None:  # 4197
    ten = [entry(number, guid="same") for number in range(10)]
    found = reader.read(*ten)
    assert len(set(keys(found))) == 10
    assert reader.read(*ten) == []
    assert len(reader.read(entry(11, guid="same"), *ten)) == 1


def test_the_same_address_in_three_feeds_is_one_document(server, tmp_path) -> None:  # 797, 4535
    chosen = Settings(http=HttpSettings(allow=server.allow))
    feeds = []
    for name in ("a", "b", "c"):
        link = f"https://news.example/1?utm_source={name}#comments"
        server.routes[f"/{name}"] = Reply(rss(entry(1, link=link, guid=name)), "text/xml")
        feeds.append(source(f"feed:{server.base}/{name}", chosen))
    with Ledger(tmp_path / "ledger.db") as ledger:
        fetched = pipeline.fetch(ledger, feeds, None)
        assert (fetched.new, fetched.known) == (1, 2)
        assert len(ledger.documents()) == 1


def test_tracking_parameters_change_nothing(reader) -> None:
    assert len(reader.read(entry(1, link="https://www.news.example/1?utm_medium=rss&id=7"))) == 1
    changed = entry(1, link="http://news.example/1/?id=7&fbclid=3", guid="new", title="Story 1")
    assert reader.read(changed) == []


def test_a_changed_address_is_the_same_entry(reader) -> None:
    assert len(reader.read(entry(1))) == 1
    assert reader.read(entry(1, link="https://news.example/better-slug")) == []


def test_new_entries_at_one_address_are_all_read(reader) -> None:
    page = "https://status.example/now"
    assert len(reader.read(entry(1, link=page))) == 1
    assert len(reader.read(entry(2, link=page), entry(1, link=page))) == 1
    both = [entry(number, link=page) for number in (5, 6)]
    assert len(set(keys(reader.read(*both)))) == 2


def test_a_front_page_identifies_no_entry(reader) -> None:
    found = reader.read(*[entry(number, link="https://news.example/") for number in range(3)])
    assert len(set(keys(found))) == 3


def test_entries_with_a_guid_alone_may_change_their_title(reader) -> None:
    assert len(reader.read(entry(1, link=""))) == 1
    assert reader.read(entry(1, link="", title="Other title")) == []


def test_an_entry_twice_in_one_feed_is_one(reader) -> None:
    assert len(reader.read(entry(1), entry(1))) == 1


# Manners


def test_an_unchanged_feed_is_not_sent_again(reader, server) -> None:
    since = datetime(2026, 11, 10, tzinfo=UTC)
    validators = {"ETag": '"v1"', "Last-Modified": "Fri, 20 Nov 2026 09:00:00 GMT"}
    assert len(reader.read(entry(1), since=since, headers=validators)) == 1
    server.routes["/feed"] = Reply(status=304)
    assert reader.again(since + timedelta(days=1)) == []
    asked = server.seen[-1][1]
    assert asked["if-none-match"] == '"v1"'
    assert asked["if-modified-since"] == validators["Last-Modified"]
    assert "digest/" in asked["user-agent"]


def test_a_longer_period_is_asked_for_without_validators(reader, server) -> None:
    old = entry(1, date="Sun, 01 Nov 2026 08:00:00 GMT")
    validators = {"ETag": '"v1"'}
    since = datetime(2026, 11, 10, tzinfo=UTC)
    assert len(reader.read(entry(2), old, since=since, headers=validators)) == 1
    found = reader.read(entry(2), old, since=since - timedelta(days=10), headers=validators)
    assert [raw.title for raw in found] == ["Story 1"]
    assert "if-none-match" not in server.seen[-1][1]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_wants_peace_gets_it(reader, server, status) -> None:
    server.routes["/feed"] = Reply(status=status, headers={"Retry-After": "3600"})
    for _ in range(2):
        with pytest.raises(SourceWaits, match="not to be asked before"):
            reader.again()
    assert len(server.seen) == 1
    standing = Standing.load(reader.cursor)
    past = datetime.now(UTC) - timedelta(seconds=1)
    reader.cursor = Standing(standing.since, wait=past).dump()
    assert len(reader.read(entry(1))) == 1


def test_errors_say_what_is_wrong(reader, server) -> None:
    server.routes["/feed"] = Reply(status=500)
    with pytest.raises(SourceUnavailable, match="500"):
        reader.again()
    server.routes["/feed"] = Reply(status=410)
    with pytest.raises(SourceError, match="digest source remove feed:"):
        reader.again()
    server.routes["/feed"] = Reply(
        b"<html><link rel=alternate type=application/rss+xml href=/rss.xml><p>x</html>"
    )
    with pytest.raises(SourceError, match=f"names one at {server.base}/rss.xml"):
        reader.again()
    server.routes["/feed"] = Reply(b'{"version": "2.0"}', "application/json")
    with pytest.raises(SourceError, match=r"no jsonfeed\.org version"):
        reader.again()
    assert reader.cursor == ""


def test_a_broken_cursor_is_a_first_reading(reader) -> None:
    for cursor in (
        "x",
        "[]",
        '{"since":1}',
        '{"since":"","etag":"","modified":"","wait":"","entries":7}',
    ):
        reader.cursor = cursor
        assert len(reader.read(entry(1))) == 1, cursor


def test_a_feed_that_waits_is_a_failure_of_every_run_until_then(server, tmp_path) -> None:
    """It was told once, and had vanished from the report of the next day."""
    chosen = Settings(http=HttpSettings(allow=server.allow))
    server.routes["/feed"] = Reply(status=429, headers={"Retry-After": "3600"})
    with Ledger(tmp_path / "ledger.db") as ledger:
        for _ in range(3):
            feed = source(f"feed:{server.base}/feed", chosen)
            fetched = pipeline.fetch(ledger, [feed], None)
            (failure,) = fetched.failures
            assert "not to be asked before" in failure.reason and failure.exit_code == 75
        assert len(server.seen) == 1
        assert ledger.unreported_skips([feed.spec]) == []


def test_a_feed_that_moved_for_good_is_asked_where_it_is(reader, server) -> None:
    server.routes["/feed"] = Reply(status=301, headers={"Location": "/new"})
    server.routes["/new"] = Reply(rss(entry(1)), "application/rss+xml")
    assert len(reader.again()) == 1
    server.seen.clear()
    assert reader.again() == [] and server.paths == ["/new"]
    server.routes["/new"] = Reply(status=404)
    server.routes["/feed"] = Reply(rss(entry(1), entry(2)), "application/rss+xml")
    assert len(reader.again()) == 1, "its first address is asked where the new one is gone"


def test_a_feed_that_moved_for_now_is_asked_where_it_was(reader, server) -> None:
    server.routes["/feed"] = Reply(status=302, headers={"Location": "/new"})
    server.routes["/new"] = Reply(rss(entry(1)), "application/rss+xml")
    reader.again()
    server.seen.clear()
    reader.again()
    assert server.paths == ["/feed", "/new"]


def test_a_packed_feed_and_a_bomb(reader, server) -> None:
    server.routes["/feed"] = Reply(gzip.compress(rss(entry(1))), "application/gzip")
    assert len(reader.again()) == 1
    server.routes["/feed"] = Reply(gzip.compress(bytes(64 * 2**20)), "application/gzip")
    with pytest.raises(SourceError, match="unpacks to over"):
        reader.again()


# Full text


PAGE = (
    "<html><head><title>Whole story</title></head><body><nav>Menu</nav><article><h1>Whole</h1>"
    + "".join(f"<p>Paragraph {n}: {LONG}</p>" for n in range(5))
    + "</article></body></html>"
)


@pytest.mark.usefixtures("loopback_is_public")
def test_a_teaser_is_replaced_by_its_page(reader, server) -> None:
    server.routes["/story"] = Reply(PAGE.encode())
    teaser = entry(1, link=f"{server.base}/story", text="The ferry … Read more")
    (raw,) = reader.read(teaser)
    document = pipeline.read(raw)
    assert document.title == "Story 1"
    assert "Paragraph 4" in document.markdown and "Menu" not in document.markdown
    asked = len(server.seen)
    assert reader.read(teaser) == []  # and is not fetched again
    assert len(server.seen) == asked + 1


def test_a_teaser_stays_if_its_page_cannot_be_had_or_is_private(reader, server) -> None:
    missing = entry(1, link=f"{server.base}/gone", text="Teaser one of a story.")
    private = entry(2, link="http://169.254.169.254/latest/meta-data", text="Teaser two of it.")
    found = reader.read(missing, private)
    assert [b"Teaser" in raw.content for raw in found] == [True, True]


def test_a_teaser_leads_to_no_server_that_only_the_user_may_name(reader, server) -> None:
    server.routes["/story"] = Reply(PAGE.encode())
    (raw,) = reader.read(entry(1, link=f"{server.base}/story", text="The ferry … Read more"))
    assert b"The ferry" in raw.content
    assert server.paths == ["/feed"]  # itself configured, and on the allow-list


def test_whole_entries_ask_for_no_page(reader, server) -> None:
    reader.read(entry(1, link=f"{server.base}/story"))
    assert server.paths == ["/feed"]


@pytest.mark.parametrize(
    "text", ["short", f"{LONG} […]", f"{LONG} Continue reading →", f"{LONG}..."]
)
def test_teasers_are_known_by_their_looks(text) -> None:
    assert is_stub(f"<p>{text}</p>")
    assert not is_stub(f"<p>{LONG}</p>")


def test_a_post_with_headings_is_one_story_and_a_roundup_is_many(reader) -> None:
    said = [" ".join(f"{word}{n}" for word in LONG.split()[:60]) for n in range(8)]
    post = "".join(f"<h2>Part {n}</h2><p>{text}</p>" for n, text in enumerate(said))
    links = [
        f"<h2>News {n}</h2><p>{text} <a href='https://site{n}.example/a'>More</a></p>"
        for n, text in enumerate(said)
    ]
    roundup, essay = map(
        pipeline.read, reader.read(entry(1, text=post), entry(2, text="".join(links)))
    )
    assert [item.url for item in essay.items] == ["https://news.example/1"]
    assert len(roundup.items) == 8


# Formats


def test_json_feed() -> None:
    content = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Island",
        "items": [
            {"id": 1, "url": "/a", "title": "A &amp; B", "content_html": "<p>x</p>",
             "date_published": "2026-11-20T08:00:00+01:00"},
            {"id": "2", "external_url": "https://e.org/x", "content_text": "one\n\n<two>"},
            "rubbish", {"url": ["list"], "date_published": "soon", "title": 7},
        ],
    }  # fmt: skip
    feed = feedparse.parse(json.dumps(content).encode("utf-8-sig"), "https://news.example/feed")
    first, second, third = feed.entries
    assert (feed.title, first.url, first.title) == ("Island", "https://news.example/a", "A & B")
    assert first.published == datetime(2026, 11, 20, 7, tzinfo=UTC)
    assert second.html == "<p>one</p><p>&lt;two&gt;</p>"
    assert third == feedparse.FeedEntry("", "", "", "", None)


def test_atom_with_relative_links_and_html_titles() -> None:
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://news.example/blog/">
    <title>Blog</title><entry><id>urn:1</id><title type="html">
    Fish &amp;amp; &lt;b&gt;chips&lt;/b&gt;</title>
    <link href="fish"/><updated>2026-11-20T08:00:00Z</updated>
    <content type="html">&lt;a href="more">more&lt;/a></content></entry></feed>"""
    (one,) = feedparse.parse(atom, "https://news.example/feed").entries
    assert (one.title, one.url) == ("Fish & chips", "https://news.example/blog/fish")
    assert 'href="https://news.example/blog/more"' in one.html


def test_content_that_names_a_file_opens_none(tmp_path) -> None:
    secret = tmp_path / "feed.xml"
    secret.write_bytes(rss(entry(1)))
    with pytest.raises(SourceError, match="is no feed"):
        feedparse.parse(str(secret).encode(), "https://news.example/feed")


@pytest.mark.parametrize("first", ['"boom"', 'SYSTEM "file:///etc/passwd"'])
def test_entities_do_not_explode(first: str, grows_like) -> None:
    def reading(depth: int) -> None:
        levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, depth + 1))
        bomb = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY e0 {first}>{levels}]>'
        bomb += f"<rss version='2.0'><channel><title>&e{depth};</title><item><title>&e{depth};"
        bomb += f"</title><description>&e{depth};</description></item></channel></rss>"
        try:
            feed = feedparse.parse(bomb.encode(), "https://news.example/feed")
            assert all(len(one.html) < 10_000 and "root:" not in one.html for one in feed.entries)
        except SourceError:
            pass

    grows_like(reading, 7, 11)  # expanded, each level would take ten times as long


def test_every_file_of_the_collection_is_read_or_refused_with_a_reason(capsys) -> None:
    if not FEEDS.is_dir():
        pytest.skip("the collected feeds (../shared/data/feeds) are not here")
    import io
    import sys

    import feedparser

    counts = {"read": 0, "refused": 0, "entries": 0}
    slowest = 0.0  # seconds of processor time
    files = [path for path in FEEDS.rglob("*.*") if path.is_file() and path.name != "index.jsonl"]
    for path in sorted(files):
        name, content = path.name, path.read_bytes()
        theirs = feedparser.parse(io.BytesIO(content))
        began = time.process_time()
        try:
            feed = feedparse.parse(content, "https://news.example/feed")
        except SourceError as error:
            assert not theirs.entries, name
            assert len(str(error)) > 20
            counts["refused"] += 1
        else:
            assert len(feed.entries) == len(theirs.entries), name
            counts["read"] += 1
            counts["entries"] += len(feed.entries)
        slowest = max(slowest, time.process_time() - began)
    assert counts["read"] >= 700
    assert slowest < 5
    with capsys.disabled():
        sys.stdout.write(f"\nfeeds {len(files)} {counts} slowest {slowest:.2f} s ")


@settings(max_examples=150, deadline=None)
@given(st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(
        ["<rss version='2.0'>", "<channel>", "<item>", "</item>", "<title>", "<![CDATA[", "]]>",
         "&#0;", "&x;", "<link>", "http://[", "</channel>", "<!DOCTYPE x [", "<!ENTITY a 'b'>",
         "]>", "&amp;", "<pubDate>", "99999-99-99", "\x00", "ÿþ", "<feed xmlns='http://www.w3.org/2005/Atom'>",
         "<entry>", "{", '"version":', "xml:base='http://['", "<content type='xhtml'>", "<guid>"]
    ), max_size=25).map(lambda parts: "".join(parts).encode()),
))  # fmt: skip
def test_no_bytes_break_the_parser(content) -> None:
    try:
        feedparse.parse(content, "https://news.example/feed")
    except SourceError as error:
        assert str(error)


def test_the_pipeline_keeps_the_cursor(server, tmp_path) -> None:
    server.routes["/feed"] = Reply(rss(entry(1), entry(2)), "text/xml", headers={"ETag": '"1"'})
    feed = source(f"feed:{server.base}/feed", Settings(http=HttpSettings(allow=server.allow)))
    assert isinstance(feed, Resumable)
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert pipeline.fetch(ledger, [feed], None).new == 2
        server.routes["/feed"] = Reply(rss(entry(3), entry(1)), "text/xml")
        second = pipeline.fetch(ledger, [feed], None)
        assert (second.new, second.known, second.failures) == (1, 0, ())
        assert server.seen[-1][1]["if-none-match"] == '"1"'

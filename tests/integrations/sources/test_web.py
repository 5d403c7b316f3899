import json
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_http import Reply
from selectolax.lexbor import LexborHTMLParser

from digest.errors import ConfigError, SourceError
from digest.pipeline import read
from digest.records import Skip
from digest.settings import HttpSettings, Settings
from integrations import source
from integrations.sources import page

PAGES = Path(__file__).parents[3].parent / "shared" / "data" / "webpages"

STORY = """<p>The harbour of Emden got its first electric tug on Monday, and its crew likes it.</p>
<p>It pulls as much as its diesel sister, runs for nine hours, and charges overnight from the
quay, where the port authority has laid a cable of two megawatts for it and for those to come.</p>
<p>Two more tugs are ordered, the harbour master says; neighbours hope for quiet mornings.</p>
"""
ARTICLE = f"""<!doctype html><html><head><title>Electric tug in Emden | Harbour Post</title>
<link rel=canonical href="https://evil.example/elsewhere">
<script type="application/ld+json">{{"@context":"https://schema.org","@graph":[
{{"@type":"WebSite","name":"x"}},{{"@type":["NewsArticle"],"headline":"Electric tug in Emden",
"datePublished":"2026-11-20T08:30:00+01:00","author":[{{"name":"Ina Deich"}},{{"name":"Jo Sand"}}],
"publisher":{{"name":"Harbour Post"}}}}]}}</script></head>
<body><nav><a href="/">Home</a> <a href="/sport">Sport</a></nav>
<article><h1>Electric tug in Emden</h1>{STORY}<p>See <a href="/more">the data</a>.</p></article>
<footer>Imprint, cookies, all rights reserved</footer></body></html>"""


def _settings(server) -> Settings:
    return Settings(http=HttpSettings(allow=server.allow))


def test_a_page_becomes_one_document_without_its_surroundings(server) -> None:
    server.routes["/a"] = Reply(ARTICLE.encode())
    url = f"{server.base}/a?utm_source=news"
    (raw,) = source(f"web:{url}", _settings(server)).fetch(None)
    document = read(raw)
    assert document.title == "Electric tug in Emden"
    assert document.publisher == "Harbour Post"
    assert document.published == datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
    assert document.url == url  # another host's canonical link is not believed
    assert "electric tug on Monday" in document.markdown
    assert f"{server.base}/more" in document.markdown
    assert "cookies" not in document.markdown and "Sport" not in document.markdown


def test_the_byline_is_read_from_what_the_page_states() -> None:
    assert page.read(ARTICLE, "https://post.example/a").byline == "Ina Deich, Jo Sand"


def test_tracking_parameters_make_no_second_document(server) -> None:
    server.routes["/a"] = Reply(ARTICLE.encode())
    ids = set()
    for query in ("", "?utm_source=x&fbclid=1", "#top"):
        (raw,) = source(f"web:{server.base}/a{query}", _settings(server)).fetch(None)
        ids.add(read(raw).id)
    assert len(ids) == 1


def test_of_a_list_one_bad_url_is_a_skip_with_the_reason(server, tmp_path) -> None:
    server.routes["/a"] = Reply(ARTICLE.encode())
    server.routes["/i"] = Reply(b"GIF89a", "image/gif")
    listed = tmp_path / "urls.txt"
    listed.write_text(
        f"# mine\n{server.base}/a\n\n{server.base}/gone\n{server.base}/i\n"
        f"http://127.0.0.1:1/private\nfile:///etc/passwd\n{server.base}/a\n"
    )
    found = list(source(f"web:{listed}", _settings(server)).fetch(None))
    reasons = [one.reason for one in found if isinstance(one, Skip)]
    assert [type(one).__name__ for one in found] == ["RawDocument"] + ["Skip"] * 4
    for reason, word in zip(
        reasons, ["404", "image/gif", "not a public", "only http"], strict=True
    ):
        assert word in reason


def test_a_page_that_cannot_be_had_is_an_error(server, tmp_path) -> None:
    with pytest.raises(SourceError, match="404"):
        list(source(f"web:{server.base}/gone", _settings(server)).fetch(None))
    with pytest.raises(SourceError, match="give a URL"):
        list(source(f"web:{tmp_path / 'none.txt'}").fetch(None))
    with pytest.raises(ConfigError):
        source("web:ftp://example.org/x")


def test_private_addresses_are_refused_without_the_allow_list(server) -> None:
    server.routes["/a"] = Reply(ARTICLE.encode())
    with pytest.raises(SourceError, match=r"\[http\]"):
        list(source(f"web:{server.base}/a").fetch(None))
    assert server.seen == []


def test_charsets_are_read_as_browsers_read_them(server) -> None:
    html = ARTICLE.replace("its crew likes it", "die Mannschaft grüßt")
    server.routes["/a"] = Reply(html.encode("cp1252"), "text/html; charset=iso-8859-1")
    server.routes["/t"] = Reply("# Grüße\n\nEin Text.".encode(), "text/markdown; charset=utf-8")
    (raw,) = source(f"web:{server.base}/a", _settings(server)).fetch(None)
    assert "die Mannschaft grüßt" in read(raw).markdown
    (raw,) = source(f"web:{server.base}/t", _settings(server)).fetch(None)
    assert "Grüße" in read(raw).markdown


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "html",
    [
        "",
        "<div>" * 100_000,
        "<p>a</p>" * 200_000,
        "<ul><li>" * 15_000,
        "<table><tr><td>" * 10_000,
        "<a href=http://e.org/x>a</a> " * 19_000,
        '<script type="application/ld+json">' + "[" * 100_000 + "</script><p>text",
        '<meta property="og:title" content="' + "x" * 1_000_000 + '">',
        "\0\ud800" * 1000,
    ],
    ids=["empty", "deep", "wide", "lists", "tables", "links", "json", "meta", "bytes"],
)
def test_no_page_takes_more_time_than_its_size(html, grows_like) -> None:
    def reading(part: str) -> None:
        page.read(part, "https://example.org/a")

    grows_like(reading, html[: len(html) // 4], html)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="<>/=\"' abdivpscript!-&;\n", max_size=400))
def test_no_markup_breaks_the_reader(html) -> None:
    found = page.read(html, "https://example.org/a")
    assert found.url.startswith("https://example.org")


# The measure: bags of words, each CJK character a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


def _f1(found: str, expected: str) -> float:
    mine, theirs = (Counter(_WORD.findall(text.casefold())) for text in (found, expected))
    common = (mine & theirs).total()
    return 2 * common / (mine.total() + theirs.total()) if common else 0.0


def _text(html: str) -> str:
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style", "noscript"])
    return tree.body.text(separator=" ") if tree.body else ""


def test_labelled_pages_are_read_at_least_as_well_as_by_trafilatura(capsys) -> None:
    if not PAGES.is_dir():
        pytest.skip("the labelled pages (../shared/data/webpages) are not here")
    import trafilatura

    from digest.mail import charset

    scores: dict[str, list[tuple[float, float]]] = {}  # measure -> (ours, trafilatura's)
    for folder in sorted(PAGES.iterdir()):
        content = (folder / "source.html").read_bytes()
        url = (folder / "url.txt").read_text().split()[0]
        label = json.loads((folder / "expected-metadata.json").read_text())
        expected = _text((folder / "expected.html").read_text())
        ours = page.read(charset.decode(content, None, html=True)[0], url)
        theirs = trafilatura.extract_metadata(content, default_url=url)

        def note(measure: str, mine: float, other: float) -> None:
            scores.setdefault(measure, []).append((mine, other))

        note(
            "text",
            _f1(_text(ours.html), expected),
            _f1(trafilatura.extract(content, url=url) or "", expected),
        )
        note("title", _f1(ours.title, label["title"]), _f1(theirs.title or "", label["title"]))
        if label["byline"]:
            note(
                "byline",
                _f1(ours.byline, label["byline"]),
                _f1(theirs.author or "", label["byline"]),
            )
        if label.get("publishedDate"):
            day = datetime.fromisoformat(label["publishedDate"])
            other = datetime.fromisoformat(f"{theirs.date or '0001-01-02'}T00:00:00+00:00")
            note(
                "date",
                ours.published is not None and abs((ours.published - day).total_seconds()) < 86_400,
                abs((other - day).total_seconds()) <= 86_400,
            )
    means = {
        name: [sum(column) / len(pairs) for column in zip(*pairs, strict=True)]
        for name, pairs in scores.items()
    }
    with capsys.disabled():
        for name, (mine, other) in means.items():
            sys.stdout.write(
                f"\n{name:<7} ours {mine:.4f}  trafilatura {other:.4f}  n={len(scores[name])}"
            )
    assert all(mine >= other for mine, other in means.values())
    assert means["text"][0] >= 0.885 and means["title"][0] >= 0.96  # may only rise

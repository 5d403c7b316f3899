"""Documents from files of many shapes, from the sources, and from the ledger."""

import bz2
import gzip
import io
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import ConfigError
from finetune.labels import wikipedia
from finetune.labels.collect import CollectReport, Given, read
from finetune.labels.collection import Collection
from finetune.labels.labelled import Labelled, stream

LONG = (
    "The council of Turku voted on Tuesday to mend the old bridge over the river Aura before the "
    "winter comes, said its engineer, who had asked for the money three times."
)
SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def collected(path: Path, **given: Any) -> tuple[list[Labelled], CollectReport]:
    report = CollectReport()
    return list(read(path, Given(**given), report)), report


def put(path: Path, content: Any) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, "utf-8")
    else:
        path.write_text(json.dumps(content), "utf-8")
    return path


def test_mediastack(tmp_path: Path) -> None:
    article = {
        "author": "A. Reporter", "title": "Bridge to be mended", "description": LONG,
        "url": "https://paper.example/bridge", "image": None, "category": "general",
        "language": "en", "source": "The Plain Paper", "country": "fi",
        "published_at": "2026-03-04T23:33:06+02:00",
    }  # fmt: skip
    whole = {"pagination": {"limit": 1, "offset": 0, "count": 1, "total": 9}, "data": [article, 7]}
    for content in (whole, json.dumps(whole, indent=2), json.dumps(whole) + "\n" + "{}"):
        rows, report = collected(put(tmp_path / "m.json", content))
        (row,) = rows
        assert (row.title, row.text, row.lang, row.kind) == (
            "Bridge to be mended", LONG, "en", "news"
        )  # fmt: skip
        assert (row.source, row.url) == ("The Plain Paper", "https://paper.example/bridge")
        assert row.date == "2026-03-04T21:33:06+00:00"
        assert row.digest.asked() == () and report.refused >= 1


def test_clean_web_scraper(tmp_path: Path) -> None:
    metadata = {
        "url": "https://site.example/a", "title": "A page", "author": "Jo", "language": "en-GB",
        "lastModified": "Wed, 04 Mar 2026 10:00:00 GMT", "dateScraped": "2026-04-01T00:00:00Z",
    }  # fmt: skip
    jsonl = f"{json.dumps({'text': LONG, 'metadata': metadata})}\n{json.dumps({'text': LONG})}\n"
    first, second = collected(put(tmp_path / "train.jsonl", jsonl), licence="CC-BY-4.0")[0]
    assert (first.title, first.lang, first.url) == ("A page", "en", "https://site.example/a")
    assert (first.date, first.licence) == ("2026-03-04T10:00:00+00:00", "CC-BY-4.0")
    assert second.id != first.id and second.lang == "en"
    (row,), _ = collected(put(tmp_path / "train.csv", f'text\n"{LONG}"\n'))
    assert row.text == LONG
    csv = f'text,title,author,description\n"{LONG}","A page","Jo","short"\n'
    (row,), _ = collected(put(tmp_path / "with.csv", csv))
    assert (row.title, row.text, row.source) == ("A page", LONG, "Jo")
    front = f"title: A page\nlanguage: en\ndateScraped: 2026-01-20T10:30:00Z\n\n---\n\n{LONG}\n"
    (row,), _ = collected(put(tmp_path / "1.txt", front))
    assert (row.title, row.text, row.date) == ("A page", LONG, "2026-01-20T10:30:00+00:00")


def test_plain_text(tmp_path: Path) -> None:
    text = f"The bridge\n\n{LONG}\n<|endoftext|>\n# Another\n\n{LONG} Twice.\n"
    rows, _ = collected(put(tmp_path / "book.txt", text))
    assert [(row.title, row.text) for row in rows] == [
        ("The bridge", LONG), ("Another", f"{LONG} Twice.")
    ]  # fmt: skip
    latin = LONG.replace("river", "fleuve élevé").encode("cp1252")
    (row,), _ = collected(put(tmp_path / "latin.txt", latin))
    assert "élevé" in row.text
    assert collected(put(tmp_path / "short.txt", "Too short."))[1].refused == 1


def test_our_own_rows_keep_everything(tmp_path: Path) -> None:
    row = {"id": "7", "group": "issue-3", "text": "Short.", "digest": {"title": "Kept as is"},
           "fields": ["names"], "lang": "fi"}  # fmt: skip
    (found,), _ = collected(put(tmp_path / "rows.jsonl", json.dumps(row) + "\n"))
    assert found.digest.title == "Kept as is" and found.fields == ("names",)
    assert (found.id, found.group, found.lang) == ("7", "issue-3", "fi")


def dump(pages: str, lang: str = "fi") -> bytes:
    spaces = '<namespace key="6">Tiedosto</namespace><namespace key="14">Luokka</namespace>'
    return (
        f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="{lang}">'
        f"<siteinfo><base>https://{lang}.wikipedia.org/wiki/Etusivu</base>"
        f"<namespaces>{spaces}</namespaces></siteinfo>{pages}</mediawiki>"
    ).encode()


def page(number: int, text: str, space: int = 0, more: str = "") -> str:
    return (
        f"<page><title>Aura {number}</title><ns>{space}</ns><id>{number}</id>{more}<revision>"
        f"<timestamp>2026-03-04T10:00:00Z</timestamp><text>{escape(text)}</text></revision></page>"
    )


WIKI = f"""{{{{Infobox|name=Aura|{{{{nested}}}}}}}}
[[Tiedosto:Aura.jpg|thumb|The ''Aura'' in [[Turku]]]]
'''Aura''' is a [[river|small river]] ({{{{lang|fi|Aurajoki}}}}) in [[Turku]].<ref>A book.</ref>
{LONG}

== History ==
<!-- to be written -->
It froze<ref name="x" /> often, [https://paper.example the paper] wrote.
{{| class="wikitable"
| a || b
|}}
* a list

=== Floods ===
* only a list

== References ==
{{{{reflist}}}}
[[Luokka:Rivers]]
"""


def test_a_saved_page_and_a_saved_message(tmp_path: Path) -> None:
    page = put(
        tmp_path / "page.html",
        '<?xml version="1.0"?>\n<!DOCTYPE html><html lang="en"><head><title>The bridge</title>'
        '<meta property="article:published_time" content="2025-03-02T10:00:00Z"></head>'
        f"<body><nav>Home</nav><article><h1>The bridge</h1><p>{LONG}</p></article></body></html>",
    )
    ((row,), _) = collected(page)
    assert (row.title, row.kind, row.lang, row.licence) == ("The bridge", "web", "en", "")
    assert row.text.strip() == LONG.strip()
    message = put(
        tmp_path / "saved",
        "Subject: The bridge\nFrom: Bridges <b@example.org>\nMessage-ID: <1@example.org>\n"
        f"Date: Sun, 02 Mar 2025 10:00:00 +0100\n\n{LONG}\n",
    )
    ((row,), _) = collected(message)
    assert (row.kind, row.licence, row.source) == ("newsletter", "private", "Bridges")
    assert row.date == "2025-03-02T09:00:00+00:00" and row.text.strip() == LONG.strip()


def test_a_saved_feed_is_not_taken_for_a_dump(tmp_path: Path) -> None:
    feed = put(tmp_path / "f", '<?xml version="1.0"?>\n<rss version="2.0"><channel/></rss>')
    with pytest.raises(ConfigError, match="is a feed; name its address"):
        collected(feed)


def test_a_wikipedia_dump(tmp_path: Path) -> None:
    pages = (
        page(1, WIKI)
        + page(2, LONG, space=1)
        + page(3, "#REDIRECT [[Aura]]", more='<redirect title="Aura"/>')
        + page(4, LONG)
    )
    for name, packed in (("d.xml", dump(pages)), ("d.xml.bz2", bz2.compress(dump(pages))),
                         ("d.xml.gz", gzip.compress(dump(pages)))):  # fmt: skip
        rows, _ = collected(put(tmp_path / name, packed))
        assert [row.id for row in rows] == ["wikipedia-fi-1", "wikipedia-fi-4"]
    row = rows[0]
    assert row.text == (
        f"Aura is a small river in Turku.\n\n{LONG}\n\n## History\n\n"
        "It froze often, the paper wrote."
    )
    assert (row.lang, row.licence, row.kind) == ("fi", "CC BY-SA 4.0", "encyclopedia")
    assert (row.url, row.date) == (
        "https://fi.wikipedia.org/wiki/Aura_1", "2026-03-04T10:00:00+00:00"
    )  # fmt: skip


def test_a_dump_that_breaks_off_gives_what_it_had(tmp_path: Path) -> None:
    whole = dump(page(1, LONG) + page(2, LONG + " Again."))
    path = put(tmp_path / "d.xml", whole[: whole.rindex(b"<page>") + 30])
    found = []
    with pytest.raises(ConfigError, match="breaks off"):
        found.extend(read(path, Given(), CollectReport()))
    rows = read(path, Given(), CollectReport())
    assert next(rows).id == "wikipedia-fi-1"


def test_a_dump_is_read_as_a_stream_and_opens_nothing(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret", "not for you")
    bomb = f'<!DOCTYPE x [<!ENTITY f SYSTEM "{secret.as_uri()}">]>'.encode()
    broken = dump(page(1, LONG)).replace(b"Turku", b"&f; Turku")
    articles = []
    with suppress(ConfigError):
        articles.extend(wikipedia.dump(io.BytesIO(bomb + broken)))
    assert "not for you" not in str(articles)


class Endless:
    """A dump without end, as a file."""

    def __init__(self) -> None:
        self.read_bytes, self.number, self.rest = 0, 0, dump("").removesuffix(b"</mediawiki>")

    def read(self, size: int = -1) -> bytes:
        while len(self.rest) < size:
            self.number += 1
            self.rest += page(self.number, LONG).encode()
        given, self.rest = self.rest[:size], self.rest[size:]
        self.read_bytes += len(given)
        return given


def test_the_first_article_does_not_wait_for_the_last() -> None:
    endless = Endless()
    articles = wikipedia.dump(endless)  # type: ignore[arg-type]
    for number in range(1, 50):
        assert next(articles).key == str(number)
    assert endless.read_bytes < 400_000


@pytest.mark.parametrize(
    "answer",
    [
        {"query": {"pages": {"9": {"pageid": 9, "ns": 0, "title": "Aura", "pagelanguage": "en",
                                   "extract": f"{LONG}\n\n\n== See also ==\n"}}}},
        {"query": {"pages": [{"pageid": 9, "title": "Aura", "pagelanguage": "en", "revisions": [
            {"timestamp": "2026-03-04T10:00:00Z", "slots": {"main": {"content": LONG}}}]},
            {"title": "Nowhere", "missing": True}]}},
        {"parse": {"title": "Aura", "pageid": 9, "wikitext": {"*": f"'''{LONG[:3]}'''{LONG[3:]}"}}},
        {"parse": {"title": "Aura", "pageid": 9, "text": f"<div><p>{LONG}</p></div>"}},
        {"type": "standard", "title": "Aura", "pageid": 9, "lang": "en", "extract": LONG,
         "timestamp": "2026-03-04T10:00:00Z",
         "content_urls": {"desktop": {"page": "https://en.wikipedia.org/wiki/Aura"}}},
        {"id": 9, "key": "Aura", "title": "Aura", "content_model": "wikitext", "source": LONG,
         "latest": {"id": 1, "timestamp": "2026-03-04T10:00:00Z"},
         "license": {"url": "", "title": "CC BY-SA 4.0"}},
    ],
)  # fmt: skip
def test_the_apis_of_wikipedia(tmp_path: Path, answer: dict[str, Any]) -> None:
    for content in (json.dumps(answer), json.dumps(answer, indent=1)):
        (row,), _ = collected(put(tmp_path / "a.json", content))
        assert (row.title, row.text, row.lang) == ("Aura", LONG, "en")
        assert row.licence == "CC BY-SA 4.0"
        assert row.date in {None, "2026-03-04T10:00:00+00:00"}


@given(st.text(alphabet="[]{}|='<>!-/*#: \nabcRef", max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_wikitext_is_survived(text: str) -> None:
    assert isinstance(wikipedia.prose(text), str)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["query", "pages", "parse", "title", "extract", "text", "data", "digest",
                         "pagination", "metadata", "date", "lang", "id", "revisions"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "query",
                    "parse",
                    "text",
                    "title",
                    "digest",
                    "data",
                    "pagination",
                    "extract",
                    "date",
                    "lang",
                    "content_urls",
                    "source",
                    "content_model",
                    "metadata",
                ]
            ),
            json_values,
            max_size=5,
        ),
        max_size=4,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_json_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    put(path, "".join(json.dumps(record) + "\n" for record in records))
    for row in collected(path, min_chars=1)[0]:
        assert Labelled.model_validate_json(row.line()).id == row.id


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(content)
    try:
        rows, _ = collected(path, min_chars=1)
    except ConfigError:
        return
    for row in rows:
        assert row.line().endswith(b"\n")


def test_a_collection_grows_and_mends_its_end(tmp_path: Path) -> None:
    path, row = tmp_path / "c.jsonl", Labelled(id="a", group="a", text="One.", digest={})
    with Collection(path, CollectReport()) as collection:
        assert collection.add(row) and not collection.add(row)
    path.write_bytes(path.read_bytes() + b'{"id": "torn')
    report = CollectReport()
    with Collection(path, report) as collection:
        assert not collection.add(row)
        assert collection.add(row.model_copy(update={"text": "Another one."}))
    ids = [found.id for found in stream(path)]
    assert ids[0] == "a" and ids[1].startswith("a-") and (report.rows, report.known) == (1, 1)


def test_the_sources_of_the_product(digest: Callable[..., Any], tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    put(notes / "bridge.md", f"# The bridge\n\n{LONG}\n")
    out = tmp_path / "docs.jsonl"
    said = json.loads(digest("collect", f"folder:{notes}", "--out", out, "--json").stdout)
    assert said["rows"] == 1
    (row,) = stream(out)
    assert (row.title, row.lang, row.kind) == ("The bridge", "en", "web") and LONG in row.text
    again = json.loads(digest("collect", f"folder:{notes}", "--out", out, "--json").stdout)
    assert (again["rows"], again["known"]) == (0, 1)
    assert "folder:" in digest("collect", notes, "--out", out, code=2).output


def test_a_ledger_is_harvested_and_corrections_stay(
    digest: Callable[..., Any], tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from cli.main import main

    notes, ledger, out = tmp_path / "notes", tmp_path / "ledger.db", tmp_path / "rows.jsonl"
    notes.mkdir()
    put(notes / "bridge.md", f"# The bridge\n\n{LONG}\n")

    def run() -> None:
        command = ["run", "--source", f"folder:{notes}", "--engine", "extractive", "--since", "9w",
                   "--ledger", str(ledger), "--out", str(tmp_path / "reports")]  # fmt: skip
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output

    assert "no ledger" in digest("harvest", "--ledger", ledger, "--out", out, code=1).output
    run()
    said = json.loads(digest("harvest", "--ledger", ledger, "--out", out, "--json").stdout)
    assert (said["new"], said["drafts"], said["kept"]) == (1, 1, 0)
    (row,) = stream(out)
    assert row.draft and row.digest.asked() == () and row.licence == "private"
    assert row.made and row.made.teacher.startswith("extractive-")
    assert "without a model" in row.made.degraded  # the reviewer is told
    from finetune.labels.review import Session

    session = Session(out)
    session.decide(0, row.id, "edited", {"title": "A person wrote this"})
    session.close()
    put(notes / "mill.md", f"# The mill\n\n{LONG.replace('bridge', 'mill')}\n")
    run()
    said = json.loads(digest("harvest", "--ledger", ledger, "--out", out, "--json").stdout)
    assert (said["new"], said["kept"], said["reviewed"]) == (1, 1, 1)
    assert [found.digest.title for found in stream(out)] == ["A person wrote this", None]


def test_corrections_in_a_report_are_labels(digest: Callable[..., Any], tmp_path: Path) -> None:
    from click.testing import CliRunner

    from cli.main import main

    notes, ledger, out = tmp_path / "notes", tmp_path / "ledger.db", tmp_path / "rows.jsonl"
    notes.mkdir()
    put(notes / "bridge.md", f"# The bridge\n\n{LONG}\n")
    put(notes / "mill.md", f"# The mill\n\n{LONG.replace('bridge', 'mill')}\n")
    command = ["run", "--source", f"folder:{notes}", "--engine", "extractive", "--since", "9w",
               "--ledger", str(ledger), "--out", str(tmp_path / "reports")]  # fmt: skip
    assert CliRunner().invoke(main, command).exit_code == 0
    (report,) = (tmp_path / "reports").glob("*.md")
    harvest = ("harvest", "--ledger", ledger, "--out", out, "--report", report, "--json")
    first = json.loads(digest(*harvest).stdout)
    assert (first["new"], first["corrected"]) == (2, 0)  # nothing was changed yet
    made = report.read_text("utf-8")
    assert "### 1. The bridge" in made or "### 2. The bridge" in made
    edited = made.replace(". The bridge\n", ". Old *bridge* opens again\n", 1)
    at = edited.index(". Old *bridge*")
    edited = edited[:at] + re.sub(r"\*\*\d+/10\*\*", "**3/10**", edited[at:], count=1)
    report.write_text(edited, "utf-8")
    again = json.loads(digest(*harvest).stdout)
    assert (again["kept"], again["corrected"], again["reviewed"]) == (2, 1, 1)
    rows = {row.title: row for row in stream(out)}
    bridge = rows["The bridge"]
    assert bridge.review and bridge.review.verdict == "edited" and bridge.draft
    assert bridge.digest.title == "Old bridge opens again" and bridge.digest.relevance_score == 3
    assert bridge.digest.summary == bridge.draft.summary  # seen, and left as it was
    assert bridge.digest.names is None  # not shown there
    assert rows["The mill"].review is None
    assert json.loads(digest(*harvest).stdout)["corrected"] == 0  # once
    report.write_text(edited.replace("Old *bridge* opens again", "B"), "utf-8")
    assert "at least 3 characters" in digest(*harvest[:-1], code=2).output
    put(report, "# Not a report")
    assert "is no report of" in digest(*harvest[:-1], code=2).output


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data beside the repository")
def test_real_documents(tmp_path: Path) -> None:
    head = tmp_path / "head.jsonl"
    with (SHARED / "articles" / "articles.jsonl").open() as file:
        head.write_text("".join(line for _, line in zip(range(150), file, strict=False)))
    rows, report = collected(head)
    assert len(rows) + report.refused == 150 and len(rows) >= 145
    assert all(row.lang and row.licence and row.text for row in rows)

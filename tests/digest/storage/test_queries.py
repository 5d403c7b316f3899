"""What reports ask of the ledger: what was spoken of before, and how rare words are."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from digest import pipeline
from digest.records import Analyzed, Digest, Document, Item, Provenance
from digest.schema import FIELDS, DigestFields
from digest.storage.ledger import Ledger, utc
from digest.storage.queries import Reader, Search
from digest.stories.interests import Mutes, Preferences

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def add(
    ledger: Ledger, number: int, days: float, *names: str, title: str = "", kind: str = "story"
):
    """A document of `days` ago with one digested item."""
    home = f"d{number}"
    title = title or f"Story {number}"
    item = Item(home, 0, kind, title, f"{title} is told.")
    document = Document(
        home, "folder:x", "o", f"P{number % 6}", title, NOW - timedelta(days=days), "", "", (item,)
    )
    ledger.add_document(f"mark {number}", document)
    digest = Digest(
        DigestFields(title=title, names=list(names), relevance_score=5),
        Provenance("embedded", "m", "1"),
    )
    ledger.keep(item, FIELDS, "m", digest)
    return Analyzed(document, item, digest)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as one:
        yield one


def test_mentions_are_those_of_digested_news_in_the_period(ledger):
    add(ledger, 1, 3, "Ada Moe")
    add(ledger, 2, 9, "Old Moe")
    add(ledger, 3, 3, "An Advert", kind="sponsor")
    raw = Item("d4", 0, "story", "Not digested", "x")
    ledger.add_document("mark 4", Document("d4", "folder:x", "o", "", "t", NOW, "", "", (raw,)))
    week = Search(since=utc(NOW - timedelta(days=7)))
    with closing(Reader(ledger.path)) as reader:
        (one,) = reader.mentions(week)
        assert (one.document, one.publisher, one.labels) == ("d1", "P1", {"Ada Moe": "name"})
        assert {found.document for found in reader.mentions(Search())} == {"d1", "d2"}
        assert [found.document for found in reader.mentions(Search(text="moe old"))] == ["d2"]
        assert list(reader.mentions(Search(sources=("folder:y",)))) == []


def test_words_are_counted_by_their_stems(ledger):
    for number, title in enumerate(
        ["Battery law", "Batteries burn", "AI law", "A bat", "Bats fly"]
    ):
        add(ledger, number, 1, title=title)
    with closing(Reader(ledger.path)) as reader:
        counts, items = reader.frequencies(["batteri", "law", "AI", "bat", "absent"])
    assert items == 5
    assert counts == {"batteri": 2, "law": 2, "AI": 1, "bat": 2, "absent": 0}


def test_a_report_knows_what_was_told_before_and_what_its_reader_wants(ledger):
    for number in range(160):
        add(ledger, number, 2 + number % 24, "Parliament", title=f"Vote {number}")
    now = [
        add(ledger, 200 + n, n / 24, "Parliament", "Kestrel 4", title=f"Kestrel flight {n} lands")
        for n in range(12)
    ]
    now.append(add(ledger, 300, 0.1, title="Offshore wind farms grow"))
    now.append(add(ledger, 301, 0.1, title="Horoscopes of the week"))
    written = pipeline.make_report(
        ledger,
        now,
        [one.document for one in now],
        sources=["folder:x"],
        sinks=[],
        now=NOW,
        preferences=Preferences(("offshore wind",), Mutes(words=("horoscope",))),
    )
    stored = ledger.report(written.id)
    assert stored
    assert "- New: **Kestrel 4** (name): 12 of 14 documents, none of 160 before" in stored.markdown
    section = stored.markdown.split("## What is new, rising and gone\n")[1].split("\n## ")[0]
    assert "Gone" not in section and "Parliament" not in section
    assert "### 1. Offshore wind farms grow" in stored.markdown
    assert "- word horoscope (1): Horoscopes of the week" in stored.markdown


def test_the_first_report_speaks_of_no_trend(ledger):
    now = [add(ledger, n, n / 24, "Kestrel 4") for n in range(20)]
    documents = [one.document for one in now]
    written = pipeline.make_report(ledger, now, documents, sources=["folder:x"], sinks=[], now=NOW)
    stored = ledger.report(written.id)
    assert stored and "What is new" not in stored.markdown

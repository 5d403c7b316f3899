import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from digest.errors import LedgerError, LedgerLocked
from digest.prompt import PROMPT_VERSION
from digest.protocols import Delivery
from digest.records import Digest, Document, Edit, Evidence, Item, Provenance, Skip
from digest.schema import FIELDS, DigestFields
from digest.storage.connection import Store
from digest.storage.ledger import Ledger, StoredReport
from digest.storage.lock import writer_lock
from digest.storage.migrations import MIGRATIONS
from digest.storage.queries import Reader, Search

MONDAY = datetime(2026, 11, 16, 7, tzinfo=UTC)


def a_document(number: int = 1, published: datetime | None = MONDAY) -> Document:
    home = f"doc{number}"
    items = tuple(
        Item(home, p, "story", f"Headline {number}.{p}", f"Körper des Textes {number}.{p}")
        for p in range(3)
    )
    return Document(
        home, "mailbox:inbox", f"{number}.eml", "The Wire", f"Issue {number}", published, "",
        "# Issue", items, warnings=("one part was cut",),
    )  # fmt: skip


GHOST = Edit("name", "Ghost Inc", "it does not occur in the text")


def a_digest(text: str = "A dam broke in the valley.") -> Digest:
    return Digest(
        DigestFields(title="Dam breaks", summary=text, names=["Vale Dam"]),
        Provenance("embedded", "m1", "2", 10, 20, language="en", edits=(GHOST,)),
        (
            Evidence("title", "Dam breaks", "shortened", "title", 0, 12),
            Evidence("summary", text, "quoted", "text", 0, len(text)),
        ),
    )


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "deep" / "ledger.db") as open_ledger:
        yield open_ledger


def test_a_document_comes_back_as_it_went_in(ledger):
    assert ledger.add_document("mark", a_document())
    assert ledger.documents() == [a_document()]
    assert ledger.seen("mark")
    assert ledger.item("doc1-2") == a_document().items[2]


def test_the_same_document_is_stored_once(ledger):
    ledger.add_document("mark", a_document())
    assert not ledger.add_document("other mark", a_document())
    assert ledger.counts()["items"] == 3


def test_periods_use_the_date_of_publication_and_else_of_arrival(ledger):
    ledger.add_document("a", a_document(1, MONDAY - timedelta(days=9)))
    ledger.add_document("b", a_document(2, MONDAY))
    ledger.add_document("c", a_document(3, None))
    recent = ledger.documents(MONDAY - timedelta(days=1))
    assert [document.id for document in recent] == ["doc2", "doc3"]
    assert ledger.documents(sources=["feed:other"]) == []


def test_a_digest_is_cached_by_content_model_prompt_and_fields(ledger):
    ledger.add_document("mark", a_document())
    item = a_document().items[0]
    asked = ("title", "summary", "names")
    ledger.keep(item, asked, "m1", a_digest())
    assert ledger.cached(item.content_hash, "m1", "2", asked) == a_digest()
    assert ledger.cached(item.content_hash, "m2", "2", asked) is None
    assert ledger.cached(item.content_hash, "m1", "1", asked) is None
    assert ledger.cached(item.content_hash, "m1", "2", FIELDS) is None


def test_a_digest_of_nothing_is_kept_too(ledger):
    ledger.add_document("mark", a_document())
    item = a_document().items[0]
    empty = Digest(DigestFields(), Provenance("extractive", "extractive-3", "2"))
    ledger.keep(item, ("title",), "m1", empty)
    assert ledger.cached(item.content_hash, "m1", "2", ("title",)) == empty


# What a digest of the first prompt looks like in a ledger: the model wrote title and summary.
WRITTEN = {
    "title": "A volcano erupts", "summary": "The volcano buried a village.",
    "highlights": ["Thousands fled."], "names": ["Vale Dam"], "domains": ["climate"],
    "relevance_score": 7, "key_insights": [], "company_names": [],
}  # fmt: skip


@pytest.fixture
def old_ledger(tmp_path, monkeypatch):
    """A ledger as the first two migrations made it, with one item that was digested then."""
    path = tmp_path / "ledger.db"
    monkeypatch.setattr("digest.storage.connection.MIGRATIONS", MIGRATIONS[:2])
    item = a_document().items[0]
    with Ledger(path) as old:
        old.add_document("mark", a_document())
        written = json.dumps(WRITTEN)
        provenance = {
            "engine": "embedded", "model": "m1", "prompt_version": "1", "tokens_in": 9,
            "tokens_out": 9, "tokens_cut": 0, "degraded": "", "dropped": ["Ghost Inc"],
            "dropped_themes": [], "replaced_title": "", "own_summary": "", "dropped_highlights": [],
        }  # fmt: skip
        old._db.execute(
            "INSERT INTO digests VALUES (?,'m1','1',?,?,?,'2026-11-16')",
            (item.content_hash, ",".join(FIELDS), written, json.dumps(provenance)),
        )
        old._db.execute(
            "UPDATE search SET digest = ? WHERE item_id = ?", ("volcano village Vale Dam", item.id)
        )
    monkeypatch.undo()
    return path


def test_what_a_model_wrote_before_there_was_evidence_is_kept_but_not_shown(old_ledger):
    with Ledger(old_ledger) as ledger:
        assert ledger.integrity() == []
        assert ledger.counts()["digests"] == 1
        assert ledger.search("volcano") == []  # its snippet would show it
        assert len(ledger.search("headline")) == 3
    with closing(Reader(old_ledger)) as reader:
        found = reader.item("doc1-0")
        assert found.digest == {
            k: v for k, v in WRITTEN.items() if k not in {"title", "summary", "highlights"}
        }
        assert found.evidence == ()
        assert found.provenance["prompt_version"] == "1"
        (listed,) = reader.items(Search(name="vale dam"), 9, 0, reader.ceiling("items"))
        assert listed == found
        assert reader.items(Search(text="volcano"), 9, 0, reader.ceiling("items")) == []
        assert [one.labels for one in reader.mentions(Search())] == [
            {"Vale Dam": "name", "climate": "theme"}
        ]


def test_an_item_that_was_digested_before_there_was_evidence_is_digested_anew(old_ledger):
    item = a_document().items[0]
    with Ledger(old_ledger) as ledger:
        assert ledger.cached(item.content_hash, "m1", PROMPT_VERSION, FIELDS) is None
        # A smaller ask of the new prompt comes before the old one of everything.
        ledger.keep(item, ("title", "summary", "names"), "m1", a_digest())
        assert ledger.counts()["digests"] == 2
        assert [hit.item for hit in ledger.search("valley")] == [item]
    with closing(Reader(old_ledger)) as reader:
        found = reader.item("doc1-0")
    assert found.digest == a_digest().fields.as_dict()
    assert found.evidence == tuple(map(asdict, a_digest().evidence))
    assert found.provenance["edits"] == [asdict(GHOST)]


def test_search_finds_items_by_text_and_by_digest(ledger):
    ledger.add_document("mark", a_document())
    ledger.keep(a_document().items[1], ("title", "summary", "names"), "m1", a_digest())
    assert [hit.item.position for hit in ledger.search("valley")] == [1]
    assert len(ledger.search("korper")) == 3  # diacritics fold
    assert ledger.search("valley nonsense") == []
    assert ledger.search('" OR * ( NEAR') == []  # no query syntax from outside


def test_what_digest_itself_failed_on_is_tried_again(ledger):
    ledger.add_skip("mark", Skip("mailbox:inbox", "1.eml", "a bug", retry=True))
    assert not ledger.seen("mark")
    ledger.add_document("mark", a_document())
    assert ledger.seen("mark")
    assert ledger.unreported_skips(["mailbox:inbox"]) == []


def test_a_report_and_its_outbox_rows_come_together_and_once(ledger):
    document = a_document()
    ledger.add_document("mark", document)
    ledger.add_skip("bad", Skip("mailbox:inbox", "2.eml", "empty"))
    assert [skip.origin for _, skip in ledger.unreported_skips(["mailbox:inbox"])] == ["2.eml"]
    report = StoredReport("r1", "Report", "# md", "<h1>", "2026-11-16T07:00:00+00:00")
    for _ in range(2):
        ledger.add_report(report, (MONDAY, MONDAY), [document], ["bad"], ["folder:a", "folder:b"])
    assert ledger.documents(unreported=True) == []
    assert ledger.unreported_skips(["mailbox:inbox"]) == []
    assert [row.sink for row in ledger.outbox()] == ["folder:a", "folder:b"]
    assert ledger.report() == ledger.report("r1") == report


def test_the_outbox_keeps_a_failure_until_it_is_done(ledger):
    ledger.add_document("mark", a_document())
    report = StoredReport("r1", "Report", "# md", "<h1>", "2026-11-16T07:00:00+00:00")
    ledger.add_report(report, (MONDAY, MONDAY), [a_document()], [], ["folder:a"])
    [row] = ledger.outbox()
    ledger.mark_sending(row.key)
    ledger.mark_failed(row.key, "disk full")
    [row] = ledger.outbox()
    assert (row.state, row.attempts, row.error) == ("sending", 1, "disk full")
    ledger.mark_done(row.key, Delivery("a/report.md", "a/report.md"))
    assert ledger.outbox() == []
    assert ledger.outbox(undelivered=False)[0].target == "a/report.md"


def test_a_failing_transaction_leaves_nothing_behind(ledger):
    twice = a_document()
    broken = replace(twice, items=(*twice.items, twice.items[0]))
    with pytest.raises(LedgerError):
        ledger.add_document("mark", broken)
    assert ledger.counts()["documents"] == ledger.counts()["items"] == 0
    assert not ledger.seen("mark")


def test_a_later_version_is_refused(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(path).__exit__(None, None, None)
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version=999")
    database.close()
    with pytest.raises(LedgerError, match="later Digest"):
        Ledger(path)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is not a database, however long it may be " * 100)
    with pytest.raises(LedgerError, match=r"ledger\.db"):
        Ledger(path)


def test_integrity_is_clean_on_a_fresh_ledger_and_says_what_is_wrong(tmp_path):
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        for number in range(50):
            ledger.add_document(str(number), a_document(number))
        assert ledger.integrity() == []
        ledger._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 5 : 4096 * 9] = os.urandom(4096 * 4)
    path.write_bytes(damaged)
    with Ledger(path) as ledger:
        assert ledger.integrity()


def test_a_full_disk_is_one_sentence(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger._db.execute("PRAGMA max_page_count=40")
        with pytest.raises(LedgerError, match="full"):
            for number in range(1000):
                ledger.add_document(str(number), a_document(number))
        assert ledger.integrity() == []


def test_a_second_writer_is_told_who_writes(tmp_path):
    path = tmp_path / "ledger.db"
    code = (
        "import sys, time; from pathlib import Path; from digest.storage.lock import writer_lock\n"
        "with writer_lock(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LedgerLocked, match=f"process {other.pid}"), writer_lock(path):
            pass
        other.kill()
        other.wait()
        with writer_lock(path, wait=5):  # the killed holder's lock is free
            pass


def test_two_first_starts_at_once_make_one_ledger(tmp_path):
    code = (
        "import sys; from pathlib import Path; from digest.storage.ledger import Ledger\n"
        "Ledger(Path(sys.argv[1]))"
    )
    path = tmp_path / "ledger.db"
    starts = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(6)]
    assert [start.wait() for start in starts] == [0] * 6
    with Ledger(path) as ledger:
        assert ledger.integrity() == []


def test_a_ledger_of_the_first_version_is_brought_up_to_date(tmp_path, monkeypatch):
    path = tmp_path / "ledger.db"
    monkeypatch.setattr("digest.storage.connection.MIGRATIONS", MIGRATIONS[:1])
    with Store(path) as old:
        for number in range(20):
            home = f"doc{number}"
            old._db.execute(
                "INSERT INTO documents VALUES (?,'s','o','P','T',NULL,'','',0,'[]','2026-11-20')",
                (home,),
            )
            old._db.execute(
                "INSERT INTO items VALUES (?,?,0,'story','Title',?,'','','',?)",
                (f"{home}-0", home, f"word{number}", f"hash{number}"),
            )
        # As after a vacuum: the rows of both tables are numbered each its own way.
        for number in reversed(range(20)):
            old._db.execute(
                "INSERT INTO search (item_id, title, text, digest) VALUES (?,'Title',?,'')",
                (f"doc{number}-0", f"word{number}"),
            )
    monkeypatch.undo()
    with Ledger(path) as ledger:
        assert ledger.integrity() == []
        assert ledger.counts()["items"] == 20
        assert [hit.item.id for hit in ledger.search("word7")] == ["doc7-0"]
        ledger.add_document("mark", a_document(99))
        item = a_document(99).items[1]
        ledger.keep(item, FIELDS, "m1", a_digest())
        assert [hit.item for hit in ledger.search("valley")] == [item]
        assert ledger.item("doc7-0").text == "word7"


def test_what_a_digest_says_is_found_after_the_file_was_vacuumed(ledger):
    for number in range(5):
        ledger.add_document(str(number), a_document(number))
    ledger._db.execute("DELETE FROM search WHERE rowid < 4")
    ledger._db.execute("DELETE FROM items WHERE number < 4")
    ledger._db.execute("VACUUM")
    item = a_document(3).items[2]
    ledger.keep(item, FIELDS, "m1", a_digest())
    assert [hit.item for hit in ledger.search("valley")] == [item]


def test_keeping_a_digest_reads_no_more_rows_when_the_ledger_grows(ledger):
    """Its steps in SQLite are counted, not timed: they were one or more for every item."""
    costs = []
    for size in (20, 400):
        for number in range(ledger.counts()["documents"], size):
            ledger.add_document(str(number), a_document(number))
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1

        ledger._db.set_progress_handler(count, 1)
        ledger.keep(a_document(size - 1).items[0], FIELDS, "m1", a_digest())
        ledger._db.set_progress_handler(None, 0)
        costs.append(steps)
    assert costs[1] < 1.5 * costs[0]


def test_of_more_matches_than_are_ranked_the_newest_are(ledger, monkeypatch):
    monkeypatch.setattr("digest.storage.ledger.RANKED", 30)
    for number in range(40):
        ledger.add_document(str(number), a_document(number))
    hits = ledger.search("headline", limit=30)
    assert {hit.item.document_id for hit in hits} == {f"doc{number}" for number in range(30, 40)}
    assert len(ledger.search("headline", limit=100)) == 100
    assert ledger.search("headline 3")[0].item.document_id == "doc3"

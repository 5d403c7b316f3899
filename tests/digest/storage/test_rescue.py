"""Backups taken while others write, and ledgers that are damaged in ways that disks know."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.errors import LedgerError
from digest.records import Digest, Document, Item, Provenance
from digest.schema import FIELDS, DigestFields
from digest.storage import rescue
from digest.storage.connection import connect_to_read
from digest.storage.ledger import Ledger, StoredReport
from digest.storage.lock import writer_lock
from digest.storage.queries import Reader, Search

MOMENT = datetime(2026, 11, 16, 7, tzinfo=UTC)
ISSUES = 60


def an_issue(number: int) -> Document:
    home = f"doc{number:03}"
    items = tuple(
        Item(home, p, "story", f"Headline {number}.{p}", f"Ballast of the ship {number}.{p}. " * 20)
        for p in range(4)
    )
    return Document(
        home, "mailbox:inbox", f"{number}.eml", "Wire", f"Issue {number}", MOMENT, "", "#", items
    )


def fill(ledger: Ledger, count: int = ISSUES) -> None:
    fields = DigestFields(title="Ship sails", summary="The zephyr carried a ship to sea.")
    for number in range(count):
        document = an_issue(number)
        ledger.add_document(f"mark{number}", document)
        for item in document.items:
            ledger.keep(item, FIELDS, "m1", Digest(fields, Provenance("embedded", "m1", "2")))
    report = StoredReport("r1", "Report", "# Report", "", "2026-11-16T08:00:00+00:00")
    ledger.add_report(report, (MOMENT, MOMENT), [an_issue(0)], [], ["folder:out"])


def hits(path: Path, word: str) -> int:
    """How many items a search finds."""
    with closing(Reader(path)) as reader:
        return len(reader.items(Search(text=word), 500, 0, reader.ceiling("items")))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a ledger in order."""
    path = tmp_path_factory.mktemp("whole") / "ledger.db"
    with Ledger(path) as ledger:
        fill(ledger)
        ledger._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


@pytest.fixture(params=["sqlite3's recovery", "reading row by row"])
def way(request, monkeypatch):
    if request.param == "reading row by row":
        monkeypatch.setattr(rescue.shutil, "which", lambda _: None)
    elif not shutil.which("sqlite3"):
        pytest.skip("there is no program sqlite3 here")
    return request.param


def pages_of(raw: bytes, table: str, tmp_path: Path) -> list[int]:
    """The numbers of the leaf pages of a table."""
    path = tmp_path / "look.db"
    path.write_bytes(raw)
    with closing(sqlite3.connect(path)) as db:
        return [
            row[0]
            for row in db.execute(
                "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path",
                (table,),
            )
        ]


def damaged(whole: bytes, path: Path, pages: list[int]) -> None:
    raw = bytearray(whole)
    size = int.from_bytes(raw[16:18], "big")
    for page in pages:
        raw[(page - 1) * size : page * size] = b"\x5a" * size
    path.write_bytes(raw)


def test_a_page_lost_in_the_middle_costs_its_rows_alone(whole, way, tmp_path):
    path = tmp_path / "ledger.db"
    leaves = pages_of(whole, "items", tmp_path)
    hit = [leaves[len(leaves) // 3], leaves[2 * len(leaves) // 3]]
    damaged(whole, path, hit)
    found = rescue.repair(path)
    assert found.damaged.exists()
    with Ledger(path) as ledger:
        assert ledger.integrity() == []
        counts = ledger.counts()
        assert counts["documents"] == ISSUES and counts["digests"] == 4 * ISSUES
        assert 4 * ISSUES * 0.8 < counts["items"] < 4 * ISSUES
        assert ledger.report("r1") is not None and len(ledger.outbox()) == 1
        assert ledger.seen("mark7") and not ledger.seen("mark99")
        assert hits(path, "ballast") == counts["items"]
        assert hits(path, "zephyr") == counts["items"], "digests are found again"


def test_what_belongs_to_lost_documents_is_left_out(whole, way, tmp_path):
    path = tmp_path / "ledger.db"
    damaged(whole, path, pages_of(whole, "documents", tmp_path)[:1])
    found = rescue.repair(path)
    assert found.orphans
    with Ledger(path) as ledger:
        assert ledger.integrity() == []
        assert 0 < ledger.counts()["documents"] < ISSUES
        assert ledger.counts()["items"] == 4 * ledger.counts()["documents"]


def test_a_broken_search_index_alone_costs_nothing(whole, way, tmp_path):
    path = tmp_path / "ledger.db"
    damaged(whole, path, pages_of(whole, "search_data", tmp_path)[1:])
    with Ledger(path) as ledger:
        assert ledger.integrity()
    rescue.repair(path)
    with Ledger(path) as ledger:
        assert ledger.integrity() == []
        assert ledger.counts()["items"] == 4 * ISSUES
        assert hits(path, "zephyr") == 4 * ISSUES


@pytest.mark.parametrize("junk", [b"", b"Not a database at all. " * 400])
def test_a_file_of_rubbish_becomes_an_empty_ledger_and_is_kept(way, tmp_path, junk):
    path = tmp_path / "ledger.db"
    path.write_bytes(junk)
    found = rescue.repair(path)
    assert found.damaged.read_bytes() == junk
    with Ledger(path) as ledger:
        assert ledger.integrity() == [] and ledger.counts()["documents"] == 0


def test_a_repair_that_cannot_be_leaves_everything_as_it_was(whole, tmp_path, monkeypatch):
    path = tmp_path / "ledger.db"
    damaged(whole, path, pages_of(whole, "items", tmp_path)[:1])
    before = path.read_bytes()

    def full(*_words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rescue, "_fill", full)
    with pytest.raises(LedgerError, match="No space left"):
        rescue.repair(path)
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ledger.db", "look.db"]


def test_a_backup_is_one_moment_of_a_ledger_in_use(tmp_path):
    path, copy = tmp_path / "ledger.db", tmp_path / "kept" / "copy.db"
    with Ledger(path) as ledger:
        fill(ledger, 3)
    stop, written = threading.Event(), []

    def write():
        with Ledger(path) as busy:
            for number in range(3, 400):
                busy.add_document(f"mark{number}", an_issue(number))
                written.append(number)
                if stop.is_set():
                    return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        size = rescue.backup(path, copy)
    finally:
        stop.set()
        thread.join()
    assert written and size == copy.stat().st_size
    shutil.copyfile(copy, tmp_path / "restored.db")  # restoring is a copy
    with Ledger(tmp_path / "restored.db") as restored:
        assert restored.integrity() == []
        counts = restored.counts()
        assert counts["documents"] >= 3 and counts["items"] == 4 * counts["documents"]
        assert restored.report("r1") is not None


def test_a_damaged_ledger_makes_no_backup_and_spoils_none(whole, tmp_path):
    path, copy = tmp_path / "ledger.db", tmp_path / "copy.db"
    copy.write_bytes(b"yesterday's")
    damaged(whole, path, pages_of(whole, "items", tmp_path)[:2])
    with pytest.raises(LedgerError, match="doctor --repair"):
        rescue.backup(path, copy)
    assert copy.read_bytes() == b"yesterday's"
    assert not list(tmp_path.glob("*.half"))


# Reading what may not be written to. Who runs these as root may write anywhere: then a child does
# the reading as nobody.

READ = """
import os
import sys
from contextlib import closing
from pathlib import Path
from digest.storage.ledger import Ledger
from digest.storage.queries import Reader, Search
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
with Ledger.for_reading(Path(sys.argv[1])) as ledger:
    items = ledger.counts()["items"]
with closing(Reader(Path(sys.argv[1]))) as reader:
    found = reader.items(Search(text="ballast"), 500, 0, reader.ceiling("items"))
    print(len(found), items)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
@pytest.mark.parametrize("mode", [0o555, 0o755])
def test_a_read_only_ledger_can_be_searched(whole, mode):
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "ledger.db"
        path.write_bytes(whole)
        path.chmod(0o444)
        folder.chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", READ, str(path)],
            capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
        )  # fmt: skip
        folder.chmod(0o755)
        assert done.stdout.split() == [str(4 * ISSUES)] * 2, done.stderr
        assert path.read_bytes() == whole


def test_a_reader_needs_no_side_files(whole, tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(whole)
    reader = Reader(path)
    assert len(reader.items(Search(text="ballast"), 500, 0, reader.ceiling("items"))) == 4 * ISSUES
    reader.close()
    with pytest.raises(LedgerError, match="cannot open"):
        connect_to_read(tmp_path / "gone.db")


def test_queries_on_a_damaged_file_raise_our_error_and_say_what_mends_it(whole, tmp_path):
    path = tmp_path / "ledger.db"
    damaged(whole, path, pages_of(whole, "items", tmp_path))
    with pytest.raises(LedgerError, match="doctor --repair"):
        hits(path, "ballast")


@pytest.mark.parametrize("where", ["file/ledger.db", "file/deeper/ledger.db"])
def test_a_lock_that_cannot_be_is_our_error(tmp_path, where):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LedgerError, match="cannot lock"), writer_lock(tmp_path / where):
        pass

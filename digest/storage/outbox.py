"""Reports and the outbox: one row for each report and sink, there before anything is sent.

`pending` waits; `sending` may have arrived, so that after a crash the sink is asked; `done` has
arrived. The key of a row is the idempotency key that travels with the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.protocols import Delivery
from digest.records import Document, fingerprint
from digest.storage.connection import Store, now, utc


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


class Outbox(Store):
    """The part of the ledger that holds reports and their deliveries."""

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
            [(fingerprint(report_id, sink), report_id, sink, now()) for sink in sinks],
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
                (now(), key),
            )

    def mark_failed(self, key: str, error: str) -> None:
        """Record why a delivery failed; it stays in the outbox."""
        with self._write():
            self._db.execute(
                "UPDATE deliveries SET error = ?, updated = ? WHERE key = ?", (error, now(), key)
            )

    def mark_done(self, key: str, delivery: Delivery) -> None:
        """Record that the sink holds the report."""
        with self._write():
            self._db.execute(
                "UPDATE deliveries SET state = 'done', target = ?, remote_id = ?, error = '', "
                "updated = ? WHERE key = ?",
                (delivery.target, delivery.remote_id, now(), key),
            )

"""The ledger: one SQLite file that is the only state of Digest.

Every stage reads from it and writes to it, so a killed run continues where it stopped. Readers
need no lock; writers hold `digest.storage.lock` so that two runs cannot do the same work twice.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from digest.records import Digest, Document, Edit, Evidence, Item, Provenance, Skip
from digest.schema import DigestFields
from digest.storage.connection import now, utc
from digest.storage.outbox import Outbox, OutboxRow, StoredReport
from digest.storage.ratings import Ratings

__all__ = ["Ledger", "OutboxRow", "StoredReport", "utc"]


class Ledger(Outbox, Ratings):
    """An open ledger: reports and outbox, and all that they are made from.

    Raises LedgerError if the file is damaged, full, unwritable or of a later version.
    """

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
        added = now()
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
                    added,
                ),
            ).rowcount
            if new:
                for item in document.items:
                    self._add_item(item)
            self._db.execute(
                "INSERT INTO seen VALUES (?,?,?,?,'',0,?) ON CONFLICT (fingerprint) DO UPDATE "
                "SET document_id = excluded.document_id, reason = '', retry = 0",
                (mark, document.source, document.origin, document.id, added),
            )
        return bool(new)

    def _add_item(self, item: Item) -> None:
        number = self._db.execute(
            "INSERT INTO items VALUES (NULL,?,?,?,?,?,?,?,?,?,?)",
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
        ).lastrowid
        self._db.execute(
            "INSERT INTO search (rowid, item_id, title, text, digest) VALUES (?,?,?,?,'')",
            (number, item.id, item.title, item.text),
        )

    def add_skip(self, mark: str, skip: Skip) -> None:
        """Record that a document could not be read, and why."""
        with self._write():
            self._db.execute(
                "INSERT INTO seen VALUES (?,?,?,NULL,?,?,?) ON CONFLICT (fingerprint) DO UPDATE "
                "SET reason = excluded.reason, retry = excluded.retry",
                (mark, skip.source, skip.origin, skip.reason, skip.retry, now()),
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
            "SELECT digest, provenance, evidence FROM digests WHERE content_hash = ? AND model = ? "
            "AND prompt_version = ? AND fields = ?",
            (content_hash, model, prompt_version, ",".join(fields)),
        ).fetchone()
        if row is None:
            return None
        provenance = json.loads(row["provenance"])
        provenance["edits"] = tuple(Edit(**edit) for edit in provenance.get("edits", ()))
        return Digest(
            DigestFields.model_validate_json(row["digest"]),
            Provenance(**provenance),
            tuple(Evidence(**one) for one in json.loads(row["evidence"])),
        )

    def keep(self, item: Item, fields: Sequence[str], model: str, digest: Digest) -> None:
        """Keep a digest in the cache and make the item findable by it."""
        with self._write():
            self._db.execute(
                "INSERT OR REPLACE INTO digests VALUES (?,?,?,?,?,?,?,?)",
                (
                    item.content_hash,
                    model,
                    digest.provenance.prompt_version,
                    ",".join(fields),
                    digest.fields.to_json(),
                    json.dumps(asdict(digest.provenance), ensure_ascii=False),
                    now(),
                    json.dumps([asdict(one) for one in digest.evidence], ensure_ascii=False),
                ),
            )
            self._db.execute(
                "UPDATE search SET digest = ? WHERE rowid IN "
                "(SELECT number FROM items WHERE content_hash = ?)",
                (_searchable(digest.fields.as_dict()), item.content_hash),
            )

    # Cursors, health

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
                "INSERT OR REPLACE INTO cursors VALUES (?,?,?)", (source, value, now())
            )

    def index_anew(self) -> None:
        """Build the search index from the items and their fullest, newest digests."""
        with self._write():
            self._db.execute("DELETE FROM search")
            self._db.execute(
                "INSERT INTO search (rowid, item_id, title, text, digest) "
                "SELECT number, id, title, text, '' FROM items"
            )
            for row in self._db.execute(
                "SELECT i.number, g.digest FROM items i JOIN digests g ON g.rowid = "
                "(SELECT b.rowid FROM digests b WHERE b.content_hash = i.content_hash "
                "AND b.prompt_version <> '1' "
                "ORDER BY length(b.fields) DESC, b.rowid DESC LIMIT 1)"
            ).fetchall():
                fields = DigestFields.model_validate_json(row["digest"])
                self._db.execute(
                    "UPDATE search SET digest = ? WHERE rowid = ?",
                    (_searchable(fields.as_dict()), row["number"]),
                )

    def counts(self) -> Mapping[str, int]:
        """Rows per table."""
        tables = ("documents", "items", "seen", "digests", "reports", "deliveries")
        return {
            table: self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in tables
        }


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

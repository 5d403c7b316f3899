"""What readers ask of the ledger: documents and digests by text, name, date and more, in pages.

Pages are cut by offset under a ceiling: the highest row the first page saw. The ledger never
deletes, so what arrives between two pages moves nothing.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from digest.errors import LedgerError
from digest.records import STATEMENT_FIELDS
from digest.schema import DigestFields
from digest.storage.connection import connect_to_read, match_words, mending
from digest.storage.search import DATE, Search, in_period, of_items, restricted
from digest.stories.interests import stem as stemmed
from digest.stories.trends import Mentions, labels

__all__ = ["Entry", "Found", "Kind", "Listed", "Reader", "Search", "SourceCount"]

Kind = Literal["documents", "items", "reports"]


@dataclass(frozen=True, slots=True)
class Found:
    """An item with its fullest, newest digest; `digest` is empty if it was not digested yet.

    `snippet` is where the words of a search stand; "" without any.
    """

    id: str
    document_id: str
    kind: str
    title: str
    text: str
    url: str
    publisher: str
    published: str
    digest: dict[str, Any]
    provenance: dict[str, Any]  # of the digest, as digest.records.Provenance has it
    evidence: tuple[dict[str, Any], ...] = ()  # of its statements, as digest.records.Evidence
    document: str = ""  # its title
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item in the table of contents of a document."""

    id: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A document without its body."""

    id: str
    source: str
    publisher: str
    title: str
    published: str
    url: str
    items: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What the ledger holds of one source."""

    source: str
    documents: int
    newest: str


# The fullest answer of the newest prompt: an ask for two fields must not hide one for all eight,
# nor a digest made before there was evidence one that has it.
_BEST = (
    "(SELECT b.rowid FROM digests b WHERE b.content_hash = i.content_hash "
    "ORDER BY CAST(b.prompt_version AS INTEGER) DESC, length(b.fields) DESC, b.rowid DESC LIMIT 1)"
)
_SHOWN = "coalesce(d.published, '')"  # what is said: when it was fetched is no date of its own
_FOUND = (
    "i.id, i.document_id, i.kind, i.title, i.text, i.url, d.publisher, d.title AS document, "
    f"{_SHOWN} AS published, g.digest, g.provenance, g.evidence"
)
_FROM = f"items i JOIN documents d ON d.id = i.document_id LEFT JOIN digests g ON g.rowid = {_BEST}"
RANKED = 20_000  # of the matches, so that a search takes no longer when the ledger grows on
_STEPS = 500  # of SQLite's machine, some ten microseconds, between two looks at the clock


class Reader:
    """A read-only view of a ledger that exists. It may be handed from thread to thread, but is
    used by one at a time.

    Raises LedgerError if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._db = connect_to_read(path)
        self._db.create_function("fold", 1, lambda text: str(text).casefold(), deterministic=True)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Queries in this context are given up once it is that old: they raise TimeoutError."""
        deadline = time.perf_counter() + seconds
        self._db.set_progress_handler(lambda: time.perf_counter() > deadline, _STEPS)
        try:
            yield
        finally:
            self._db.set_progress_handler(None, 0)

    def ceiling(self, table: Literal["documents", "items"]) -> int:
        """The highest row now: give it to every page of one listing."""
        with _reading():
            row = self._db.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()
        return int(row[0])

    def items(self, search: Search, limit: int, offset: int, ceiling: int) -> list[Found]:
        """Items with their digests: best match first if there is text, else newest first.

        Of the items that hold the text's words the newest RANKED are compared.
        """
        clauses, values = restricted(search)
        match = match_words(search.text)
        with _reading():
            if match:
                rows = self._ranked(match, clauses, [*values, ceiling], limit, offset)
            else:
                rows = self._db.execute(
                    f"SELECT {_FOUND}, '' AS snippet FROM {_FROM} "
                    f"WHERE {' AND '.join(clauses)} AND i.number <= ? "
                    f"ORDER BY {DATE} DESC, d.id, i.position LIMIT ? OFFSET ?",
                    [*values, ceiling, limit, offset],
                ).fetchall()
        return [_found(row) for row in rows]

    def _ranked(
        self, match: str, clauses: list[str], values: list[Any], limit: int, offset: int
    ) -> list[sqlite3.Row]:
        """Rows that match, best first. They are ranked alone: a snippet and a digest for every
        match of a common word would take most of the time.
        """
        joined = f"JOIN {_FROM.replace('items i', 'items i ON i.number = s.rowid', 1)}"
        best = self._db.execute(
            "SELECT number FROM (SELECT s.rowid AS number, bm25(search, 0, 4, 1, 2) AS score "
            f"FROM search s {joined if len(clauses) > 1 else ''} "
            f"WHERE search MATCH ? AND {' AND '.join(clauses)} AND s.rowid <= ? "
            "ORDER BY s.rowid DESC LIMIT ?) ORDER BY score, number LIMIT ? OFFSET ?",
            [match, *values, max(RANKED, offset + limit), limit, offset],
        ).fetchall()
        return [
            self._db.execute(
                f"SELECT {_FOUND}, snippet(search, -1, '', '', ' … ', 24) AS snippet "
                f"FROM search s {joined} WHERE search MATCH ? AND s.rowid = ?",
                (match, row["number"]),
            ).fetchone()
            for row in best
        ]

    def documents(self, search: Search, limit: int, offset: int, ceiling: int) -> list[Listed]:
        """Documents, newest first; with text, those that have an item with all the words.

        With a topic or kinds, those that have such an item, and of their items such alone.
        """
        clauses, values = in_period(search)
        clauses.append("d.rowid <= ?")
        values.append(ceiling)
        if match := match_words(search.text):
            clauses.append(
                "d.id IN (SELECT i.document_id FROM search s JOIN items i ON i.number = s.rowid "
                "WHERE search MATCH ?)"
            )
            values.append(match)
        inner, wanted = of_items(search)
        if wanted:
            clauses.append(f"d.id IN (SELECT i.document_id FROM items i WHERE {inner})")
            values.extend(wanted)
        with _reading():
            rows = self._db.execute(
                f"SELECT d.id, d.source, d.publisher, d.title, {_SHOWN} AS published, d.url "
                f"FROM documents d WHERE {' AND '.join(clauses)} "
                f"ORDER BY {DATE} DESC, d.id LIMIT ? OFFSET ?",
                [*values, limit, offset],
            ).fetchall()
            contents = {row["id"]: list[Entry]() for row in rows}
            for item in self._db.execute(
                "SELECT i.document_id, i.id, i.kind, i.title FROM items i WHERE i.document_id IN "
                f"({','.join('?' * len(rows))}) AND {inner} ORDER BY i.document_id, i.position",
                [*contents, *wanted],
            ):
                contents[item["document_id"]].append(Entry(item["id"], item["kind"], item["title"]))
        return [_listed(row, contents[row["id"]]) for row in rows]

    def newest(self, sources: Sequence[str] = ()) -> str:
        """When the newest document of these sources, or of all, was published; "" if none is."""
        where = f"WHERE d.source IN ({','.join('?' * len(sources))})" if sources else ""
        with _reading():
            row = self._db.execute(
                f"SELECT max({DATE}) FROM documents d {where}", list(sources)
            ).fetchone()
        return str(row[0] or "")

    def knows(self, url: str) -> bool:
        """Whether something that was read has this very address."""
        with _reading():
            for table, columns in (("items", ("url", "href")), ("documents", ("url",))):
                where = " OR ".join(f"{column} = ?" for column in columns)
                if self._db.execute(
                    f"SELECT 1 FROM {table} WHERE {where} LIMIT 1", [url] * len(columns)
                ).fetchone():
                    return True
            # In the middle of a text; what follows must not go on with the address.
            for row in self._db.execute(
                "SELECT markdown FROM documents WHERE instr(markdown, ?)", (url,)
            ):
                text, place = str(row["markdown"]), -1
                while (place := text.find(url, place + 1)) >= 0:
                    after = text[place + len(url) : place + len(url) + 1]
                    if not after or after in ")>\"'" or after.isspace():
                        return True
        return False

    def items_at(self, urls: Sequence[str]) -> dict[str, str]:
        """URL -> id of the newest item that has it."""
        with _reading():
            rows = self._db.execute(
                f"SELECT url, id FROM items WHERE url IN ({','.join('?' * len(urls))}) "
                "ORDER BY number",
                list(urls),
            ).fetchall()
        return {row["url"]: row["id"] for row in rows}

    def mentions(self, search: Search) -> Iterator[Mentions]:
        """What digested news of a period speaks of; only items with all the words of the text."""
        clauses, values = in_period(search)
        if match := match_words(search.text):
            clauses.append("i.id IN (SELECT item_id FROM search WHERE search MATCH ?)")
            values.append(match)
        with _reading():
            for row in self._db.execute(
                "SELECT d.id, d.publisher, d.source, g.digest FROM documents d "
                "JOIN items i ON i.document_id = d.id AND i.kind IN ('story', 'link') "
                f"JOIN digests g ON g.rowid = {_BEST} WHERE {' AND '.join(clauses)}",
                values,
            ):
                fields = DigestFields.model_validate_json(row["digest"])
                yield Mentions(row["id"], row["publisher"] or row["source"], labels(fields))

    def frequencies(self, wanted: Iterable[str]) -> tuple[dict[str, int], int]:
        """About how many items hold each of these stems, and how many items there are."""
        counts = dict.fromkeys(wanted, 0)
        with _reading():
            self._db.execute(
                "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary "
                "USING fts5vocab(main, 'search', 'row')"
            )
            for stem in counts:
                low = stem.casefold()[: max(2, len(stem) - 1)]  # `batteri` stands for `battery`
                for row in self._db.execute(
                    "SELECT term, doc FROM temp.vocabulary WHERE term >= ? AND term < ?",
                    (low, low + "\U0010ffff"),
                ):
                    if stem in {stemmed(row["term"]), row["term"].upper()}:
                        counts[stem] += row["doc"]
            total = self._db.execute("SELECT count(*) FROM items").fetchone()[0]
        return counts, int(total)

    def sources(self) -> list[SourceCount]:
        """What the ledger holds of each source, by name."""
        with _reading():
            rows = self._db.execute(
                f"SELECT d.source, count(*), max({DATE}) FROM documents d GROUP BY 1 ORDER BY 1"
            ).fetchall()
        return [SourceCount(*tuple(row)) for row in rows]

    def ids(self, kind: Kind, prefix: str, limit: int) -> tuple[list[str], int]:
        """Ids that begin with `prefix`, newest first, and how many there are in all."""
        low, high = prefix, prefix + "\U0010ffff"
        where = f"FROM {kind} WHERE id >= ? AND id < ?"
        with _reading():
            total = self._db.execute(f"SELECT count(*) {where}", (low, high)).fetchone()[0]
            rows = self._db.execute(
                f"SELECT id {where} ORDER BY rowid DESC LIMIT ?", (low, high, limit)
            ).fetchall()
        return [row["id"] for row in rows], int(total)

    def reports(self, limit: int) -> list[tuple[str, str, str]]:
        """(id, title, when it was made) of the newest reports."""
        with _reading():
            rows = self._db.execute(
                "SELECT id, title, added FROM reports ORDER BY rowid DESC LIMIT ?", (limit,)
            ).fetchall()
        return [(row["id"], row["title"], row["added"]) for row in rows]

    def report(self, report_id: str) -> tuple[str, str, str] | None:
        """(id, title, markdown) of a report; `latest` is the newest one."""
        where, values = ("WHERE id = ?", [report_id]) if report_id != "latest" else ("", [])
        with _reading():
            row = self._db.execute(
                f"SELECT id, title, markdown FROM reports {where} ORDER BY rowid DESC LIMIT 1",
                values,
            ).fetchone()
        return tuple(row) if row else None

    def body(self, document_id: str) -> tuple[Listed, str] | None:
        """A document and its markdown."""
        with _reading():
            row = self._db.execute(
                f"SELECT d.id, d.source, d.publisher, d.title, {_SHOWN} AS published, d.url, "
                "d.markdown FROM documents d WHERE d.id = ?",
                (document_id,),
            ).fetchone()
        return (_listed(row), row["markdown"]) if row else None

    def item(self, item_id: str) -> Found | None:
        """One item with its digest."""
        with _reading():
            row = self._db.execute(
                f"SELECT {_FOUND}, '' AS snippet FROM {_FROM} WHERE i.id = ?", (item_id,)
            ).fetchone()
        return _found(row) if row else None


def _found(row: sqlite3.Row) -> Found:
    digest = json.loads(row["digest"]) if row["digest"] else {}
    evidence = tuple(json.loads(row["evidence"] or "[]"))
    proven = {one["field"] for one in evidence}
    # Of a digest made before there was evidence the model's own prose is not shown.
    digest = {k: v for k, v in digest.items() if k not in STATEMENT_FIELDS or not v or k in proven}
    return Found(
        id=row["id"],
        document_id=row["document_id"],
        kind=row["kind"],
        title=row["title"],
        text=row["text"],
        url=row["url"],
        publisher=row["publisher"],
        published=row["published"],
        digest=digest,
        evidence=evidence,
        provenance=json.loads(row["provenance"]) if row["provenance"] else {},
        document=row["document"],
        snippet=row["snippet"],
    )


def _listed(row: sqlite3.Row, items: Sequence[Entry] = ()) -> Listed:
    return Listed(
        id=row["id"],
        source=row["source"],
        publisher=row["publisher"],
        title=row["title"],
        published=row["published"],
        url=row["url"],
        items=tuple(items),
    )


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise TimeoutError("the query takes longer than it was given") from error
        raise LedgerError(f"cannot read the ledger: {error}{mending(error)}") from error

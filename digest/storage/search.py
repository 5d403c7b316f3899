"""A question to the ledger, and the conditions in SQL that it sets.

Values are always bound; the clauses are fixed texts over the tables `d` (documents), `i` (items)
and `g` (digests).
"""

from dataclasses import dataclass
from typing import Any

from digest.storage.connection import match_words

DATE = "coalesce(d.published, d.added)"  # what periods and order go by


@dataclass(frozen=True, slots=True)
class Search:
    """A question; what is left empty does not restrict.

    `text` holds words that must all occur. `name` and `company` match inside an entry, `domain`
    matches a whole one; all three fold case. Times are `ledger.utc` strings.
    """

    text: str = ""
    name: str = ""
    company: str = ""
    domain: str = ""
    min_relevance: int = 0
    since: str = ""  # inclusive
    until: str = ""  # exclusive
    sources: tuple[str, ...] = ()
    topic: str = ""  # any of these words: what is listed of a document
    kinds: tuple[str, ...] = ()  # of items; () = all


def in_period(search: Search) -> tuple[list[str], list[Any]]:
    """The clauses of period and sources on a document `d`; the first is always true."""
    clauses, values = ["1"], list[Any]()
    for clause, value in ((f"{DATE} >= ?", search.since), (f"{DATE} < ?", search.until)):
        if value:
            clauses.append(clause)
            values.append(value)
    if search.sources:
        clauses.append(f"d.source IN ({','.join('?' * len(search.sources))})")
        values.extend(search.sources)
    return clauses, values


def restricted(search: Search) -> tuple[list[str], list[Any]]:
    """The clauses of a search but its text; the first is always true."""
    clauses, values = in_period(search)
    for field, wanted, test in (
        ("names", search.name, "instr(fold(e.value), fold(?))"),
        ("company_names", search.company, "instr(fold(e.value), fold(?))"),
        ("domains", search.domain, "fold(e.value) = fold(?)"),
    ):
        if wanted:
            clauses.append(
                f"EXISTS (SELECT 1 FROM json_each(g.digest, '$.{field}') e WHERE {test})"
            )
            values.append(wanted)
    if search.min_relevance:
        clauses.append("json_extract(g.digest, '$.relevance_score') >= ?")
        values.append(search.min_relevance)
    return clauses, values


def of_items(search: Search) -> tuple[str, list[str]]:
    """The condition on an item `i` that the topic and the kinds set; "1" if they set none."""
    clauses, values = ["1"], list[str]()
    if search.kinds:
        clauses.append(f"i.kind IN ({','.join('?' * len(search.kinds))})")
        values.extend(search.kinds)
    if topic := match_words(search.topic, " OR "):
        clauses.append("i.number IN (SELECT rowid FROM search WHERE search MATCH ?)")
        values.append(topic)
    return " AND ".join(clauses), values

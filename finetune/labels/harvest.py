"""Documents to label, out of the user's own ledger: what Digest read, and what it said of it.

A digest that a model wrote is a draft, not a label: a model that learns from itself learns
nothing. In review it is accepted or corrected, and so becomes one; what was corrected stays when
the ledger is harvested again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest.records import fingerprint
from digest.schema import DigestFields
from digest.storage.queries import Found, Reader, Search
from finetune.labels.collect import KINDS
from finetune.labels.corrections import Correction
from finetune.labels.labelled import Labelled, Made, Review, alone, stream, write
from finetune.labels.language import language

_PAGE = 200  # items read at once


@dataclass
class Harvest:
    """What came of it."""

    new: int = 0
    drafts: int = 0  # of the new, those that have a digest
    kept: int = 0  # rows that the file had
    reviewed: int = 0  # of these, by a person
    corrected: int = 0  # rows that a report's corrections were put into
    sources: dict[str, int] = field(default_factory=dict)


def harvest(
    ledger: Path, out: Path, search: Search, corrections: Sequence[Correction] = ()
) -> Harvest:
    """Add to `out` the stories of the ledger that it does not have; corrections of a story make
    it a reviewed one, unless it was reviewed before. Raises LedgerError.
    """
    told = Harvest()
    corrected = {
        found.id: one.labels(found)
        for found, _ in (stories(ledger, search) if corrections else ())
        for one in corrections
        if one.meets(found)
    }
    here: set[str] = set()

    def lines() -> Iterator[bytes]:
        if out.exists():
            for kept in stream(out):
                row = _corrected(kept, corrected, told)
                here.add(fingerprint(row.title, row.text))
                told.kept += 1
                told.reviewed += row.review is not None
                yield row.line()
        for found, source in stories(ledger, search):
            mark = fingerprint(found.title, found.text)
            if mark in here:  # the same story told twice is one document
                continue
            here.add(mark)
            row = _corrected(_row(found, source), corrected, told)
            told.new += 1
            told.drafts += row.draft is not None
            told.sources[source] = told.sources.get(source, 0) + 1
            yield row.line()

    with alone(out):
        write(out, lines())
    return told


def _corrected(row: Labelled, corrected: Mapping[str, DigestFields], told: Harvest) -> Labelled:
    """The row with what a person made of it in a report."""
    labels = corrected.get(row.id)
    if labels is None or row.review is not None:
        return row
    told.corrected += 1
    at = datetime.now(UTC).isoformat(timespec="seconds")
    review = Review(verdict="edited", at=at, was=row.offered)
    return row.model_copy(update={"digest": labels, "review": review})


def stories(ledger: Path, search: Search) -> Iterator[tuple[Found, str]]:
    """The stories in a ledger and the SPECs of their sources."""
    reader = Reader(ledger)
    try:
        names = search.sources or tuple(count.source for count in reader.sources())
        ceiling = reader.ceiling("items")
        for name in names:
            one = Search(
                text=search.text,
                since=search.since,
                until=search.until,
                sources=(name,),
                min_relevance=search.min_relevance,
            )
            offset = 0
            while page := reader.items(one, _PAGE, offset, ceiling):
                offset += len(page)
                for found in page:
                    if found.kind == "story" and found.text.strip():
                        yield found, name
    finally:
        reader.close()


def _row(found: Found, source: str) -> Labelled:
    kind = source.partition(":")[0].partition("+")[0]
    draft = DigestFields.model_validate(found.digest) if found.digest else None
    return Labelled(
        id=found.id,
        group=found.document_id,
        kind=KINDS.get(kind, "web"),
        lang=language(found.text),
        title=found.title,
        text=found.text,
        date=found.published,
        source=found.publisher or source,
        url=found.url or None,
        licence="private",
        digest=DigestFields(),
        draft=draft,
        made=_made(found.provenance, draft) if draft else None,
    )


def _made(how: Mapping[str, Any], draft: DigestFields) -> Made:
    """From the provenance of a digest."""
    return Made(
        teacher=str(how.get("model", "")),
        prompt=f"digest-{how.get('prompt_version', '')}",
        fields=draft.asked(),
        tokens_in=how.get("tokens_in", 0),
        tokens_out=how.get("tokens_out", 0),
        tokens_cut=how.get("tokens_cut", 0),
        degraded=how.get("degraded", ""),
        dropped=tuple(one["what"] for one in how.get("edits", ()) if one["kind"] == "name"),
    )

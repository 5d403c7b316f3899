"""Digests to make reports of."""

from datetime import UTC, datetime

import pytest
from hypothesis import settings

from digest.quote.compose import GAP, compose
from digest.records import (
    STATEMENT_FIELDS,
    Analyzed,
    Digest,
    Document,
    Evidence,
    Item,
    Provenance,
    fingerprint,
)
from digest.schema import DigestFields

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

PUBLISHED = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


def place(statement, text):
    """Where a statement stands in a text; all of it where it does not."""
    start = text.find(statement)
    return (start, start + len(statement)) if start >= 0 else (0, len(text))


def analyzed(
    title="Ferries to Senja run on hydrogen from May",
    *,
    publisher="Northern Wire",
    url="https://example.org/ferry",
    kind="story",
    text="Two ferries to Senja change to hydrogen in May.",
    position=0,
    engine="embedded",
    degraded="",
    tokens_cut=0,
    edits=(),
    language="en",
    status="quoted",
    evidence=None,
    composed=False,
    also=(),
    document=(),
    item_title=None,
    **fields,
):
    """One digest; `document` overrides fields of its document, the rest are digest fields.

    With `composed` (or numbers of its sentences) the text says title, summary and highlights; else
    they are as given, `summary` as one statement or a list of them, with this `status`.
    """
    known = {
        "source": "folder:news",
        "origin": f"{publisher}.eml",
        "publisher": publisher,
        "title": f"{publisher}, Friday",
        "published": PUBLISHED,
        "url": "",
        "markdown": "",
        **dict(document),
    }
    document_id = fingerprint(publisher, known["title"])
    item = Item(document_id, position, kind, title if item_title is None else item_title, text, url)
    if composed:
        chosen = composed if isinstance(composed, tuple) else None
        label = kind not in {"story", "link"}
        found = compose(item.title, text, STATEMENT_FIELDS, chosen, label=label)
        fields |= found.fields
        title = fields.pop("title", "")
        edits, language, evidence = (*found.edits, *edits), found.language, found.evidence
    said = {"title": [title], "summary": fields.pop("summary", []), **fields}
    if isinstance(said["summary"], str):
        said["summary"] = [said["summary"]]
    if evidence is None:
        evidence = tuple(
            Evidence(field, one, status, "title" if field == "title" else "text", *place(one, text))
            for field in STATEMENT_FIELDS
            for one in said.get(field, [])
        )
    if said["summary"]:
        fields["summary"] = GAP.join(said["summary"])
    # Straight from the engine, or from a ledger that somebody wrote to: nothing here validates.
    made = DigestFields.model_construct(title=title, **{"relevance_score": 5, **fields})
    provenance = Provenance(
        engine, "" if engine == "extractive" else "digest q8_0", "2", 100, 50, tokens_cut, degraded,
        language, tuple(edits),
    )  # fmt: skip
    home = Document(id=document_id, items=(item,), **known)
    return Analyzed(home, item, Digest(made, provenance, evidence), tuple(also))


@pytest.fixture(scope="session")
def make():
    """Make one Analyzed."""
    return analyzed

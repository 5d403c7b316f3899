"""Digests to make reports of."""

from datetime import UTC, datetime

import pytest
from hypothesis import settings

from digest.records import Analyzed, Digest, Document, Item, Provenance, fingerprint
from digest.schema import DigestFields

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

PUBLISHED = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


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
    dropped=(),
    dropped_themes=(),
    replaced_title="",
    own_summary="",
    dropped_highlights=(),
    also=(),
    document=(),
    item_title=None,
    **fields,
):
    """One digest; `document` overrides fields of its document, the rest are digest fields."""
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
    # Straight from the engine, or from a ledger that somebody wrote to: nothing here validates.
    made = DigestFields.model_construct(title=title, **{"relevance_score": 5, **fields})
    provenance = Provenance(
        engine, "" if engine == "extractive" else "digest q8_0", "1", 100, 50, tokens_cut, degraded,
        tuple(dropped), tuple(dropped_themes), replaced_title,
        own_summary, tuple(dropped_highlights),
    )  # fmt: skip
    home = Document(id=document_id, items=(item,), **known)
    return Analyzed(home, item, Digest(made, provenance), tuple(also))


@pytest.fixture(scope="session")
def make():
    """Make one Analyzed."""
    return analyzed

"""Drafts of items become records: markdown, unwrapped links, kinds."""

from collections.abc import Sequence

from digest.extract.drafts import Draft, key
from digest.extract.kinds import kind
from digest.html import urls
from digest.html.markdown import render, target
from digest.records import Item


def _without_index(drafts: Sequence[Draft]) -> list[Draft]:
    """Without bare links that announce an item further down."""
    told = {key(draft.title) for draft in drafts if draft.blocks}
    return [d for d in drafts if d.blocks or key(d.title) not in told]


def finish(drafts: Sequence[Draft], document_id: str) -> tuple[Item, ...]:
    """Drafts as records: markdown, unwrapped links, kinds."""
    items: list[Item] = []
    for draft in _without_index(drafts):
        text = render(draft.blocks)
        if not draft.title and not text:
            continue
        href = next((h for h in draft.hrefs if target(h)), "")
        found = draft.kind or kind(draft.title, text, draft.section, href, draft.marks)
        url = urls.unwrap(href) if href else ""
        items.append(
            Item(document_id, len(items), found, draft.title, text, url, href, draft.section)
        )
    return tuple(items)

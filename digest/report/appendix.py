"""The honest part: what was skipped, failed, cut, degraded, removed, and why."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from digest.records import Analyzed, Document, Edit, EditKind
from digest.report.counts import Counts, engines, without_model
from digest.report.escape import clean, code, link, text
from digest.report.model import Contents, Entry, headline
from digest.report.phrases import count
from digest.report.sources import url_of

# What was kept out of digests: kind of edit -> heading and explanation.
EDITS: dict[EditKind, tuple[str, str]] = {
    "machine": (
        "Addressed to a machine",
        "These passages speak to a program that reads along, not to a reader. No statement quotes "
        "them, the model did not read them, and the stories’ relevance is the lowest.",
    ),
    "relevance": ("Relevance lowered", "The score that was given, and why it does not stand."),
    "name": ("Names dropped", "The model wrote these, but the text gives no such names."),
    "theme": (
        "Themes dropped",
        "The model wrote these themes, but it was not taught them and the text does not say them.",
    ),
}


def degraded_notes(contents: Contents) -> Iterator[str]:
    """Plain sentences for the head of the report; none if the model answered everything."""
    total = len(contents.analyzed)
    bare = sum(without_model(one) for one in contents.analyzed)
    partly = sum(bool(one.digest.provenance.degraded) for one in contents.analyzed) - bare
    if total and bare == total:
        yield (
            "this report is degraded. No language model was used: names, fields and scores are "
            "rough estimates."
        )
    elif bare:
        yield (
            f"{bare:,} of {total:,} digests {_is(bare)} degraded: made without a language model, "
            "their names, fields and scores estimated, and marked “without the model”."
        )
    if partly:
        yield (
            f"{partly:,} of {total:,} digests {_is(partly)} degraded in part: where the language "
            "model gave no valid answer, estimates stand in for it; marked “partly without the "
            "model”."
        )


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def appendix(
    contents: Contents, counts: Counts, reference: Callable[[Analyzed], str]
) -> Iterator[str]:
    """Blocks of markdown. `reference` points to where a digest stands in the report."""
    made = contents.analyzed
    yield "## How this report was made"
    yield "\n".join(f"- {line}" for line in _summary(contents, counts))
    yield from _list(
        "Your interests",
        "",
        [
            f"{text(interest, 80)}: "
            + (", ".join(reference(one.lead) for one in met) or "no story of this report")
            for interest in contents.interests
            for met in [_meeting(contents, interest)]
        ],
    )
    yield from _list(
        "Muted",
        "Your settings keep these out of the report.",
        _by_reason(
            (text(reason, 200), link(clean(headline(one), 120), url_of(one)[0]))
            for reason, one in contents.muted
        ),
    )
    yield from _list(
        "Sources that failed",
        "",
        [f"{code(spec, 500)}: {text(why, 600)}" for spec, why in contents.failures],
    )
    yield from _list(
        "Skipped documents",
        "These could not be read and are not in the report.",
        _by_reason((text(skip.reason, 400), code(skip.origin)) for skip in contents.skips),
    )
    yield from _list(
        "Degraded digests",
        "",
        _by_reason(
            (text(one.digest.provenance.degraded, 400), reference(one))
            for one in made
            if one.digest.provenance.degraded
        ),
    )
    yield from _list(
        "Texts that were cut",
        "The model read the beginning and the end of these; the middle was left out.",
        [
            f"{reference(one)}: {one.digest.provenance.tokens_cut:,} tokens left out"
            for one in made
            if one.digest.provenance.tokens_cut
        ],
    )
    yield from _list(
        "Hidden text removed",
        "Elements or characters that a reader of the mail would not see, such as preheaders, "
        "invisible characters or instructions to a machine. The model did not read them.",
        [
            f"{_document(one)}: {one.hidden_removed:,}"
            for one in contents.documents
            if one.hidden_removed
        ],
    )
    for kind, (title, explanation) in EDITS.items():
        yield from _list(
            title,
            explanation,
            [
                f"{reference(one)}: {', '.join(map(_edit, edits))}"
                for one in made
                if (edits := [edit for edit in one.digest.provenance.edits if edit.kind == kind])
            ],
        )
    yield from _list(
        "Warnings while reading",
        "",
        _by_reason(
            (text(warning, 400), _document(one))
            for one in contents.documents
            for warning in one.warnings
        ),
    )


def _summary(contents: Contents, counts: Counts) -> Iterator[str]:
    sources = ", ".join(code(source, 500) for source in contents.sources)
    yield f"Read from {sources}." if sources else "No source was named."
    yield (
        f"{count(counts.documents, 'document')} held {count(counts.items, 'item')}; items that "
        "tell the same story are told once, which left "
        f"{count(counts.stories, 'news story', 'news stories')}."
    )
    for engine, model in engines(contents.analyzed):
        number = sum(
            (one.digest.provenance.engine, one.digest.provenance.model) == (engine, model)
            for one in contents.analyzed
        )
        yield f"{count(number, 'digest')} by {code(engine)}" + (
            f", model {code(model)}." if model else "."
        )
    yield (
        f"Skipped documents: {counts.skipped:,}. Sources that failed: {counts.failed_sources:,}. "
        f"Muted items: {counts.muted:,}. Texts cut: {counts.cut:,}. "
        f"Degraded digests: {counts.degraded:,}. "
        f"Hidden elements removed: {counts.hidden_removed:,}. "
        f"Names dropped: {counts.names_dropped:,}. "
        f"Passages for a machine left out: {counts.addressed_to_machine:,}. "
        f"Statements quoted: {counts.quoted:,}; shortened: {counts.shortened:,}; "
        f"written: {counts.written:,}."
    )
    yield (
        "Stories are ranked by relevance from 1 to 10, as the model judged it for a reader who "
        "follows AI and technology, plus half a point for each further publisher that told them "
        "(two points at most)"
        + (" and up to three points for an interest of yours" if contents.interests else "")
        + (" and a point, more or less, for what you rated" if _rated(contents) else "")
        + ". What a summary leaves out may matter: follow its link before you rely on it."
    )


def _rated(contents: Contents) -> bool:
    return any(entry.story.liking.like for entry in contents.stories)


def _meeting(contents: Contents, interest: str) -> list[Entry]:
    return [
        entry
        for entry in contents.stories
        if any(match.interest == interest for match in entry.story.interests)
    ]


def _edit(edit: Edit) -> str:
    return text(edit.what, 120) + (f" ({text(edit.why, 80)})" if edit.why else "")


def _document(document: Document) -> str:
    name = ", ".join(filter(None, (document.publisher, document.title)))
    return text(name, 160) or code(document.origin)


def _list(title: str, explanation: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"### {title}"
        yield explanation
        yield "\n".join(f"- {line}" for line in lines)


def _by_reason(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """One line a reason, the commonest first, with everything it holds for."""
    held: dict[str, list[str]] = defaultdict(list)
    for reason, one in pairs:
        held[reason or "no reason was given"].append(one)
    order = sorted(held, key=lambda reason: (-len(held[reason]), reason))
    return [f"{reason} ({len(held[reason]):,}): {', '.join(held[reason])}" for reason in order]

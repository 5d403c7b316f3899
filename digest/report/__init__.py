"""Digests of a period -> one report that a person wants to read: markdown and its HTML twin."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from digest.records import Analyzed, Document, Skip, fingerprint
from digest.report import rank
from digest.report.counts import tally
from digest.report.evidence import Marker
from digest.report.html import page
from digest.report.markdown import write
from digest.report.model import Contents, Report
from digest.report.phrases import period as written_period
from digest.stories.cluster import Story, cluster
from digest.stories.interests import Preferences
from digest.stories.liking import liking
from digest.stories.terms import key
from digest.stories.trends import Earlier, Mentions, Trends, compare, labels

__all__ = ["Report", "build"]


def build(
    analyzed: Sequence[Analyzed],
    skips: Sequence[Skip] = (),
    *,
    period: tuple[datetime, datetime],
    sources: Sequence[str],
    generated: datetime,
    failures: Sequence[tuple[str, str]] = (),
    note: str = "",
    documents: Sequence[Document] = (),
    preferences: Preferences | None = None,
    earlier: Earlier | None = None,
) -> Report:
    """Cluster, rank, group and write.

    `period` is the first and last moment the report tells of, `failures` holds (source SPEC,
    reason), `note` says why another engine ran than was asked for. `documents` names those that
    brought no item too; those of the digests are known anyway. `preferences` holds what the reader
    wants first or not at all, `earlier` what trends are told against. The same input in any order
    gives the same report; only `generated` is not part of its id.
    """
    contents = arrange(
        analyzed,
        skips,
        period=period,
        sources=sources,
        generated=generated,
        failures=failures,
        note=note,
        documents=documents,
        preferences=preferences or Preferences(),
        earlier=earlier,
    )
    counts = tally(contents)
    markdown = write(contents, counts)
    marker = Marker(active=True)
    marked = write(contents, counts, marker)
    timeless = write(replace(contents, generated=datetime.fromtimestamp(0, UTC)), counts)
    return Report(
        id=fingerprint(timeless),
        title=contents.title,
        markdown=markdown,
        html=marker.resolve(page(contents, counts, marked)),
    )


def arrange(
    analyzed: Sequence[Analyzed],
    skips: Sequence[Skip],
    *,
    period: tuple[datetime, datetime],
    sources: Sequence[str],
    generated: datetime,
    failures: Sequence[tuple[str, str]],
    note: str,
    documents: Sequence[Document],
    preferences: Preferences,
    earlier: Earlier | None,
) -> Contents:
    """Everything a report says, in order."""
    stories, muted = _heard(analyzed, preferences)
    news = rank.ranked(story for story in stories if story.lead.item.kind not in rank.APART)
    sections = rank.sections(news)
    entries = [entry for section in sections for entry in section.entries]
    companies = rank.mentions(entries, lambda one: one.digest.fields.company_names or ())
    names = rank.mentions(entries, lambda one: one.digest.fields.names or ())
    known_companies = {key(company.label) for company in companies}
    known = {one.id: one for one in (*documents, *(each.document for each in analyzed))}
    return Contents(
        title=f"Digest of {written_period(*period)}",
        period=period,
        generated=generated,
        sources=tuple(dict.fromkeys(sources)),
        top=tuple(rank.top(entries)),
        sections=tuple(sections),
        apart=_apart(stories),
        recurring=tuple(rank.recurring(entries)),
        companies=tuple(companies),
        names=tuple(name for name in names if key(name.label) not in known_companies),
        analyzed=tuple(sorted(analyzed, key=_place)),
        documents=tuple(known[key] for key in sorted(known)),
        skips=tuple(sorted(set(skips), key=lambda skip: (skip.source, skip.origin, skip.reason))),
        failures=tuple(sorted(set(failures))),
        note=note,
        muted=tuple(sorted(muted, key=lambda pair: (pair[0], _place(pair[1])))),
        interests=preferences.interests,
        trends=_trends(analyzed, stories, earlier, preferences) if earlier else None,
        trends_since=earlier.since if earlier else None,
    )


def _heard(
    analyzed: Sequence[Analyzed], preferences: Preferences
) -> tuple[list[Story], list[tuple[str, Analyzed]]]:
    """The stories with the interests they meet, and (why, what) of all that is muted.

    A publisher's or a kind's telling is muted alone; a muted word mutes the story, whoever told it.
    """
    muted = [(reason, one) for one in analyzed if (reason := preferences.muted(one))]
    silent = {id(one) for _, one in muted}
    stories = []
    for story in cluster([one for one in analyzed if id(one) not in silent]):
        if reason := preferences.muted_word(story.members):
            muted += [(reason, one) for one in story.members]
        elif story.lead.item.kind in rank.APART:
            stories.append(story)
        else:
            stories.append(
                replace(
                    story,
                    interests=preferences.matches(story.members),
                    liking=liking(story.members, preferences.ratings),
                )
            )
    return stories, muted


def _trends(
    analyzed: Sequence[Analyzed],
    stories: Sequence[Story],
    earlier: Earlier,
    preferences: Preferences,
) -> Trends | None:
    """What changed in what the reader hears of. What is muted is counted: it is not gone."""
    now = (
        Mentions(
            one.document.id,
            one.document.publisher or one.document.source,
            labels(one.digest.fields),
        )
        for one in analyzed
        if one.item.kind not in rank.APART
    )
    found = compare(now, earlier.mentions)
    heard = {
        key(label)
        for story in stories
        for one in story.members
        for label in labels(one.digest.fields)
    }
    told = tuple(
        one
        for one in found.found
        if (key(one.label) in heard if one.now else not preferences.muted_text([one.label]))
    )
    return replace(found, found=told) if told else None


def _place(one: Analyzed) -> tuple[str, int, str]:
    return (one.item.document_id, one.item.position, one.item.content_hash)


def _apart(stories: Sequence[Story]) -> tuple[tuple[str, tuple[Story, ...]], ...]:
    found: dict[str, list[Story]] = defaultdict(list)
    for story in rank.ranked(stories):
        if heading := rank.APART.get(story.lead.item.kind):
            found[heading].append(story)
    return tuple(
        (heading, tuple(found[heading]))
        for heading in dict.fromkeys(rank.APART.values())
        if heading in found
    )

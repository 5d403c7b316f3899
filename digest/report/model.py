"""What a report is made of, before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.quote.machine import addressed_to_machine
from digest.records import Analyzed, Document, Skip
from digest.stories.cluster import Story
from digest.stories.trends import Trends


@dataclass(frozen=True, slots=True)
class Entry:
    """A story and its place in the report."""

    number: int  # from 1, in reading order
    story: Story
    weight: float  # what the ranking sorts by
    full: bool  # told in full, or in one line

    @property
    def lead(self) -> Analyzed:
        """The member that stands for the story."""
        return self.story.lead

    @property
    def title(self) -> str:
        """The digest's headline, else the source's, else the first words."""
        return headline(self.lead)


def headline(one: Analyzed) -> str:
    """The digest's headline, else the source's, else the first words; never without a letter.

    Nor is it ever one that is addressed to a machine.
    """
    if any(map(str.isalnum, one.digest.fields.title or "")):
        return one.digest.fields.title or ""
    found = (one.item.title, " ".join(one.item.text.split()[:12]))
    shown = (title for title in found if any(map(str.isalnum, title)))
    return next((title for title in shown if not addressed_to_machine(title)), "Untitled")


@dataclass(frozen=True, slots=True)
class Section:
    """Entries of one field, the weightiest first."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """Something several stories speak of: a name, a company, a theme."""

    label: str
    entries: tuple[Entry, ...]
    publishers: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The whole report in order, ready to be written."""

    title: str
    period: tuple[datetime, datetime]
    generated: datetime
    sources: tuple[str, ...]
    top: tuple[Entry, ...]
    sections: tuple[Section, ...]
    apart: tuple[tuple[str, tuple[Story, ...]], ...]  # sponsors, jobs, events ... by heading
    recurring: tuple[Mention, ...]
    companies: tuple[Mention, ...]
    names: tuple[Mention, ...]
    analyzed: tuple[Analyzed, ...]
    documents: tuple[Document, ...]
    skips: tuple[Skip, ...]
    failures: tuple[tuple[str, str], ...]  # source SPEC, reason
    note: str  # why this engine, "" if it is the one that was asked for
    muted: tuple[tuple[str, Analyzed], ...] = ()  # why, and what
    interests: tuple[str, ...] = ()  # the reader's, as configured
    trends: Trends | None = None  # None: nothing to compare with, or nothing to say
    trends_since: datetime | None = None

    @property
    def stories(self) -> tuple[Entry, ...]:
        """Every news entry in reading order."""
        return tuple(entry for section in self.sections for entry in section.entries)


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report. `id` depends on everything but the moment of writing."""

    id: str
    title: str
    markdown: str
    html: str


def publishers(members: Sequence[Analyzed]) -> list[str]:
    """Distinct publishers in order; a document without one counts as its origin."""
    return list(dict.fromkeys(one.document.publisher or one.document.origin for one in members))

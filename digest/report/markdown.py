"""A report's contents -> markdown: CommonMark and nothing more, with YAML front matter."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from digest.quote.compose import GAP, UNSPACED
from digest.quote.language import language_name
from digest.records import Analyzed, Evidence
from digest.report.appendix import appendix, degraded_notes
from digest.report.counts import Counts, engines, without_model
from digest.report.escape import clean, clean_line, code, host, link, text
from digest.report.evidence import Marker, runs, statements
from digest.report.model import Contents, Entry, Mention, Section, headline, publishers
from digest.report.phrases import count, day, period, stamp
from digest.report.sources import also_links, other_urls, source_line, source_link, url_of
from digest.stories.cluster import Story
from digest.stories.terms import key
from digest.stories.trends import SHOWN, Direction, Trend, Trends, labels

TITLE = 160  # characters of a title
BRIEF = 300  # ... of the sentence in "What matters most"; a longer one is not cut but left out
ONCE = 60  # names that occur in one story only are listed up to so many


def write(contents: Contents, counts: Counts, marker: Marker | None = None) -> str:
    """The whole report; with an active `marker`, each statement between its markers."""
    writer = Writer(contents, marker or Marker())
    blocks = [
        *front_matter(contents, counts),
        *writer.head(counts),
        *writer.top(),
        *(block for section in contents.sections for block in writer.section(section)),
        *writer.apart(),
        *writer.trends(),
        *writer.recurring(),
        *writer.index("Companies", contents.companies),
        *writer.index("Names", contents.names),
        *appendix(contents, counts, writer.reference),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def front_matter(contents: Contents, counts: Counts) -> Iterator[str]:
    """YAML; every string in JSON form, which YAML reads as it stands."""
    start, end = contents.period
    values: dict[str, object] = {
        "title": contents.title,
        "generated": stamp(contents.generated),
        "period_from": stamp(start),
        "period_to": stamp(end),
        "sources": [clean_line(source, 500) for source in contents.sources],
        **counts.as_dict(),
        "engine": [clean_line(engine) for engine, _ in engines(contents.analyzed)],
        "model": [clean_line(model) for _, model in engines(contents.analyzed)],
    }
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
    yield "---\n" + "\n".join(lines) + "\n---"


QUOTED = (
    "Titles, summaries and highlights are the sources’ own sentences, chosen by a machine. What "
    "stands in “quotation marks” is word for word; elsewhere words were left out, none added."
)


def heading(level: int, markdown: str) -> str:
    """A heading; hashes at its end would be taken for its closing."""
    return f"{'#' * level} " + re.sub(r"#(?=#*$)", r"\\#", markdown)


def slug(shown: str) -> str:
    """The anchor of a heading, as most readers of markdown derive it from its text."""
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")


class Writer:
    """Writes the parts that refer to each other."""

    def __init__(self, contents: Contents, marker: Marker) -> None:
        self.contents, self.marker = contents, marker
        self.bare = all(map(without_model, contents.analyzed))
        self.home = {
            entry.number: slug(short_title(section))
            for section in contents.sections
            for entry in section.entries
        }
        self.entry_of = {
            id(one): entry for entry in contents.stories for one in entry.story.members
        }

    def anchor(self, entry: Entry) -> str:
        """Where the entry is told: its own heading, or that of its list."""
        if entry.full:
            return "#" + slug(f"{entry.number}. {clean(entry.title, TITLE)}")
        return "#" + self.home[entry.number]

    def reference(self, one: Analyzed) -> str:
        """A short pointer to where a digest stands in the report."""
        if entry := self.entry_of.get(id(one)):
            return self.number(entry)
        return "“" + text(headline(one), 80) + "”"

    def number(self, entry: Entry) -> str:
        """The entry's number, linked to its place."""
        return f"[{entry.number}]({self.anchor(entry)})"

    def numbers(self, entries: Iterable[Entry]) -> str:
        """Several of them."""
        return ", ".join(self.number(entry) for entry in entries)

    def head(self, counts: Counts) -> Iterator[str]:
        """Title, what was read, and plainly what is not as it should be."""
        contents = self.contents
        yield heading(1, text(contents.title))
        yield (
            f"{count(counts.stories, 'story', 'stories')} from "
            f"{count(counts.documents, 'document')} by "
            f"{count(counts.publishers, 'publisher')}, {period(*contents.period)}."
            + (f" [{count(counts.muted, 'item')} muted](#muted)." if counts.muted else "")
        )
        yield QUOTED
        notes = [*degraded_notes(contents)]
        if contents.note:
            notes.append(f"Why this engine ran: {text(contents.note, 600).rstrip('.')}.")
        if contents.failures:
            failed = count(len(contents.failures), "source")
            notes.append(
                f"{failed} could not be read; see [what went wrong](#sources-that-failed)."
            )
        notes = [note for note in notes if note]
        if notes:
            yield "> **Please note:** " + "\n>\n> ".join(notes)

    def top(self) -> Iterator[str]:
        """The few stories to read first, and the way to the rest."""
        if self.contents.top:
            yield heading(2, "What matters most")
            yield "\n".join(
                f"{place}. **[{text(entry.title, TITLE)}]({self.anchor(entry)})** "
                f"· {mark(entry)}{source_link(entry.lead)}"
                + (f" · {interest(entry)}" if interest(entry) else "")
                + (f"\\\n   {said}" if (said := self.first_sentence(entry.lead)) else "")
                for place, entry in enumerate(self.contents.top, start=1)
            )
        parts = [(one.title, len(one.entries)) for one in self.contents.sections]
        parts += [(title, len(stories)) for title, stories in self.contents.apart]
        if len(parts) > 1:
            yield "**In this report:** " + " · ".join(
                f"[{title}](#{slug(title)}) ({size})" for title, size in parts
            )

    def section(self, section: Section) -> Iterator[str]:
        """One field of news: full stories, then single lines."""
        yield heading(2, section.title)
        for entry in section.entries:
            if entry.full:
                yield from self.story(entry)
        short = [entry for entry in section.entries if not entry.full]
        if 0 < len(short) < len(section.entries):
            yield heading(3, short_title(section))
        if short:
            yield "\n".join(f"{entry.number}. {self.short_line(entry)}" for entry in short)

    def story(self, entry: Entry) -> Iterator[str]:
        """A story in full."""
        fields = entry.lead.digest.fields
        yield heading(3, f"{entry.number}. {text(entry.title, TITLE)}")
        told = len(publishers(entry.story.members))
        also = also_links(entry.story)
        facts = [
            f"**{relevance(entry)}**" if relevance(entry) else "",
            source_line(entry.lead),
            f"covered by {told} sources" if told > 1 else "",
            interest(entry),
            self.headline_note(entry.lead),
            self.condition(entry.lead),
        ]
        yield " · ".join(fact for fact in facts if fact)
        if key(fields.summary or "") not in {key(entry.title), ""}:
            yield self.summary(entry.lead)
        yield "\n".join(
            f"- {self.quoted(entry.lead, [one])}" for one in statements(entry.lead, "highlights")
        )
        if also:
            yield "Also told by: " + "; ".join(also) + "."

    def headline_note(self, one: Analyzed) -> str:
        """Where the headline comes from, if it is not the author's as it stands."""
        for evidence in statements(one, "title"):
            if evidence.where == "text" or evidence.status != "quoted":
                how = "from the text" if evidence.where == "text" else "of the author"
                short = ", shortened" if evidence.status == "shortened" else ""
                return self.marker.mark(f"*headline {how}{short}*", one, evidence)
        return ""

    def summary(self, one: Analyzed) -> str:
        """The summary, statement by statement; a gap in the source is a gap here.

        A sentence that is the headline already is not said twice.
        """
        said = _beyond(one)
        return GAP.join(
            self.quoted(one, run) for run in runs(said, one.digest.fields.summary or "")
        )

    def quoted(self, one: Analyzed, run: Sequence[Evidence]) -> str:
        """Statements that follow each other, in quotation marks as far as they are the source's."""
        parts: list[str] = []
        open_mark = False
        for evidence in run:
            own = evidence.status == "quoted"
            if open_mark and not own:
                parts[-1] += "”"
            lead = "“" if own and not open_mark else ""
            shown = text(evidence.statement)
            parts.append(lead + self.marker.mark(shown, one, evidence))
            open_mark = own
        return (" " if _spaced(one) else "").join(parts) + ("”" if open_mark else "")

    def first_sentence(self, one: Analyzed) -> str:
        """The first statement of the summary that is not the headline, whole; "" if it is long."""
        said = _beyond(one)[:1]
        if not said or key(said[0].statement) == key(headline(one)):
            return ""
        return self.quoted(one, said) if len(said[0].statement) <= BRIEF else ""

    def apart_line(self, story: Story) -> str:
        """An advert, a job, an event in one line."""
        one = story.lead
        url, _ = url_of(one)
        shown = link(clean(headline(one), TITLE), url) or text(headline(one), TITLE)
        said = self.first_sentence(one)
        who = ", ".join(text(name, 80) or "unknown" for name in publishers(story.members)[:5])
        places = [link(host(other) or other, other) for other in other_urls(story, url)]
        more = f" Also at {', '.join(places)}." if places else ""
        facts = [who, day(one.document.published), self.condition(one)]
        told = f"{shown} ({', '.join(filter(None, facts))})"
        return told + (f": {said}" if said else ".") + more

    def condition(self, one: Analyzed) -> str:
        """What a reader must know of how this digest came to be, if the head does not say it."""
        provenance = one.digest.provenance
        parts = []
        if provenance.degraded and not self.bare:
            parts = ["*without the model*" if without_model(one) else "*partly without the model*"]
        parts += ["*long text cut*"] if provenance.tokens_cut else []
        if provenance.language not in {"", "en"}:
            parts.append(f"*in {text(language_name(provenance.language), 40)}*")
        return ", ".join(parts)

    def short_line(self, entry: Entry) -> str:
        """A story in one line."""
        one = entry.lead
        url, _ = url_of(one)
        facts = [
            relevance(entry),
            f"{text(one.document.publisher, 80) or code(one.document.origin)}, "
            + day(one.document.published),
            interest(entry),
            self.condition(one),
            *(f"also {line}" for line in also_links(entry.story)),
        ]
        title = link(clean(entry.title, TITLE), url) or text(entry.title, TITLE)
        name = host(url)
        told = f" ({text(name)})" if name and name not in entry.title else ""
        return title + told + " · " + " · ".join(filter(None, facts))

    def apart(self) -> Iterator[str]:
        """What is not news, briefly."""
        for title, stories in self.contents.apart:
            yield heading(2, title)
            yield "\n".join(f"- {self.apart_line(story)}" for story in stories)

    def trends(self) -> Iterator[str]:
        """What changed against the documents before, in counts."""
        trends, since = self.contents.trends, self.contents.trends_since
        if trends is None or since is None:
            return
        yield heading(2, "What is new, rising and gone")
        yield (
            f"Compared with the {count(trends.before, 'document')} since {day(since)} that came "
            "before, each publisher with itself. Only what chance explains badly is listed."
        )
        spoken: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.contents.stories:
            said = {
                key(label) for one in entry.story.members for label in labels(one.digest.fields)
            }
            for same in said:
                spoken[same].append(entry)
        directions: tuple[Direction, ...] = ("new", "rising", "gone")
        yield "\n".join(
            f"- {direction.capitalize()}: {trend_line(one, trends)}"
            + (f" ({self.numbers(spoken[key(one.label)])})" if spoken[key(one.label)] else "")
            for direction in directions
            for one in trends.of(direction)[:SHOWN]
        )

    def recurring(self) -> Iterator[str]:
        """What several publishers speak of."""
        if self.contents.recurring:
            yield heading(2, "What recurs across sources")
            yield "\n".join(
                f"- **{text(one.label, 80)}**: {count(len(one.entries), 'story', 'stories')} "
                f"from {count(one.publishers, 'publisher')} ({self.numbers(one.entries)})"
                for one in self.contents.recurring
            )

    def index(self, title: str, found: Sequence[Mention]) -> Iterator[str]:
        """Names with the number of stories and the way to each."""
        if not found:
            return
        yield heading(2, f"Index of {title.lower()}")
        several = [one for one in found if len(one.entries) > 1]
        once = [one for one in found if len(one.entries) == 1]
        yield "\n".join(
            f"- **{text(one.label, 80)}** ({len(one.entries)}): {self.numbers(one.entries)}"
            for one in several
        )
        if once:
            listed = "; ".join(
                f"{text(one.label, 80)} {self.number(one.entries[0])}" for one in once[:ONCE]
            )
            rest = f"; and {len(once) - ONCE:,} more" if len(once) > ONCE else ""
            yield f"In one story each: {listed}{rest}."


def short_title(section: Section) -> str:
    """The heading above the single lines of a section; its own if it holds nothing else."""
    if not any(entry.full for entry in section.entries):
        return section.title
    return f"Also noted in {section.title[0].lower()}{section.title[1:]}"


def relevance(entry: Entry) -> str:
    """`9/10`, or "" if relevance was not asked for."""
    score = entry.lead.digest.fields.relevance_score
    return f"{score}/10" if score else ""


def mark(entry: Entry) -> str:
    """Relevance as the first part of a list of facts."""
    return f"{relevance(entry)} · " if relevance(entry) else ""


def interest(entry: Entry) -> str:
    """Which of the reader's interests the story meets, and which rated story it is like."""
    met = ", ".join(text(match.interest, 80) for match in entry.story.interests)
    said = f"*matches your interest: {met}*" if met else ""
    liked = f"*{text(entry.story.liking.reason, 120)}*" if entry.story.liking.like else ""
    return " · ".join(filter(None, (said, liked)))


def trend_line(one: Trend, trends: Trends) -> str:
    """One label's numbers now and before, of documents."""
    now = f"{one.now:,} of {trends.now:,} documents" if one.now else "no document"
    before = f"{one.before or 'none'} of {trends.before:,}"
    who = count(one.publishers, "publisher")
    return f"**{text(one.label, 80)}** ({one.kind}): {now}, {before} before; {who}"


def _beyond(one: Analyzed) -> list[Evidence]:
    """The statements of a summary, less a first one that is the headline, if others follow."""
    said = statements(one, "summary")
    if len(said) > 1 and key(said[0].statement) == key(headline(one)):
        return said[1:]
    return said


def _spaced(one: Analyzed) -> bool:
    return one.digest.provenance.language not in UNSPACED

"""The main job: fetch -> analyze -> report -> deliver, each stage over the ledger.

Every stage can be killed anywhere and run again: it finds in the ledger what is done and does
the rest. The caller holds `digest.storage.lock` while it runs any of them.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from digest import analyze, report
from digest.engines.own_prompt import prompt_of
from digest.engines.watched import WatchedEngine
from digest.errors import (
    ConfigError,
    EngineUnavailable,
    SinkError,
)
from digest.protocols import Engine, Sink, Source
from digest.reading import Failure, Fetched, Progress, fetch, raw_mark, read, silent
from digest.records import Analyzed, Digest, Document, Item
from digest.schema import FIELDS
from digest.storage.ledger import Ledger, OutboxRow, StoredReport, utc
from digest.storage.queries import Reader, Search
from digest.stories import trends
from digest.stories.interests import Preferences, rarity, stems
from digest.stories.trends import Earlier

__all__ = [
    "ASKS",
    "Cache",
    "Delivered",
    "Failure",
    "Fetched",
    "Job",
    "Outcome",
    "Progress",
    "Written",
    "deliver",
    "digest_documents",
    "fetch",
    "make_report",
    "only",
    "raw_mark",
    "read",
    "run",
    "silent",
    "undigested",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cache:
    """The ledger's digests, as `analyze` wants to see them."""

    ledger: Ledger
    model: str
    fields: tuple[str, ...]
    prompt: str = analyze.PROMPT_VERSION

    def get(self, item: Item) -> Digest | None:
        """The digest kept for this content."""
        return self.ledger.cached(item.content_hash, self.model, self.prompt, self.fields)

    def put(self, item: Item, digest: Digest) -> None:
        """Keep a digest."""
        self.ledger.keep(item, self.fields, self.model, digest)
        log.debug("kept the digest of %s", item.content_hash)


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was made, and what it tells of."""

    id: str
    title: str
    documents: int
    items: int
    degraded: int


# What the model is asked about the kinds that a report tells in one line. A headline without a
# text gets no summary: there is nothing to summarise, only something to invent.
ASKS: Mapping[str, tuple[str, ...]] = {
    "link": ("title", "domains", "relevance_score"),
    **dict.fromkeys(("sponsor", "job", "event", "poll", "intro"), ("title", "summary")),
}


def digest_documents(
    ledger: Ledger,
    documents: Sequence[Document],
    engine: Engine,
    *,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Analyzed]:
    """Digest every item of the documents; what the ledger has is not asked again.

    Stories get all fields, the kinds of `ASKS` the few that a report shows of them.
    """
    homes = {document.id: document for document in documents}
    items = [item for document in documents for item in document.items]
    asked = defaultdict(list)
    for item in items:
        asked[ASKS.get(item.kind, FIELDS)].append(item)
    digests: dict[str, Analyzed] = {}
    for fields, group in sorted(asked.items(), key=lambda ask: -len(ask[0])):
        before = len(digests)
        for item, digest in analyze.analyze(
            group,
            engine,
            fields,
            cache=Cache(ledger, engine.model, fields, prompt_of(engine)),
            progress=partial(_overall, progress, before, len(items)),
            cancelled=cancelled,
        ):
            digests[item.id] = Analyzed(homes[item.document_id], item, digest)
    return [digests[item.id] for item in items if item.id in digests]


def undigested(ledger: Ledger, documents: Sequence[Document], model: str) -> list[str]:
    """Ids of the items that the ledger holds no digest of by this model, the newest first."""
    found = [
        item.id
        for document in documents
        for item in document.items
        if Cache(ledger, model, ASKS.get(item.kind, FIELDS)).get(item) is None
    ]
    return found[::-1]


def only(documents: Sequence[Document], items: Collection[str]) -> list[Document]:
    """The documents with these items alone; those that have none of them are left out."""
    wanted = set(items)
    parts = (
        replace(document, items=tuple(item for item in document.items if item.id in wanted))
        for document in documents
    )
    return [part for part in parts if part.items]


def _overall(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress("analyze", before + done, total)


def make_report(
    ledger: Ledger,
    analyzed: Sequence[Analyzed],
    documents: Sequence[Document],
    *,
    sources: Sequence[str],
    sinks: Sequence[str],
    failures: Sequence[Failure] = (),
    engine_note: str = "",
    now: datetime | None = None,
    settles: bool = True,
    preferences: Preferences | None = None,
) -> Written:
    """Write the report into the ledger together with its outbox rows, all or nothing.

    What a report tells of is not new to the next run, unless the report `settles` nothing.
    `preferences` holds what the reader wants to see first, or not at all.
    """
    now = now or datetime.now(UTC)
    skips = ledger.unreported_skips(sources)
    dates = [document.published for document in documents if document.published] or [now]
    period = (min(dates), max(dates))
    preferences, earlier = _known(ledger, preferences or Preferences(), period, sources)
    built = report.build(
        analyzed,
        [skip for _, skip in skips],
        period=period,
        sources=sources,
        generated=now,
        failures=[(failure.spec, failure.reason) for failure in failures],
        note=engine_note,
        documents=documents,
        preferences=preferences,
        earlier=earlier,
    )
    ledger.add_report(
        StoredReport(built.id, built.title, built.markdown, built.html, utc(now)),
        period,
        documents if settles else (),
        [mark for mark, _ in skips] if settles else (),
        sinks,
    )
    degraded = sum(bool(one.digest.provenance.degraded) for one in analyzed)
    return Written(built.id, built.title, len(documents), len(analyzed), degraded)


def _known(
    ledger: Ledger,
    preferences: Preferences,
    period: tuple[datetime, datetime],
    sources: Sequence[str],
) -> tuple[Preferences, Earlier]:
    """What the ledger knows: how rare the words of interests are, and what was told of before."""
    since = trends.begin(*period)
    search = Search(since=utc(since), until=utc(period[1]), sources=tuple(sources))
    wanted = [stem for interest in preferences.interests for stem in stems(interest)]
    with closing(Reader(ledger.path)) as reader:
        weights = rarity(*reader.frequencies(wanted)) if wanted else {}
        earlier = Earlier(since, tuple(reader.mentions(search)))
    return replace(preferences, rarity=weights, ratings=tuple(ledger.ratings())), earlier


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one outbox row."""

    report_id: str
    sink: str
    target: str
    error: str
    exit_code: int  # of the error; 0 if it arrived


def deliver(
    ledger: Ledger, open_sink: Callable[[str], Sink], rows: Sequence[OutboxRow] | None = None
) -> list[Delivered]:
    """Deliver what waits in the outbox, each exactly once.

    A row that a crash left in the state `sending` is looked up in the sink before it is sent.
    """
    outcomes = []
    for row in ledger.outbox() if rows is None else rows:
        stored = ledger.report(row.report_id)
        assert stored is not None  # noqa: S101  the ledger's foreign key holds it
        name = f"digest-{stored.added[:10]}-{stored.id[:6]}"
        try:
            sink = open_sink(row.sink)
            delivery = sink.find(row.key, name) if row.state == "sending" else None
            if delivery is None:
                ledger.mark_sending(row.key)
                delivery = sink.deliver(row.key, name, stored.markdown, stored.html)
            ledger.mark_done(row.key, delivery)
            outcomes.append(Delivered(row.report_id, row.sink, delivery.target, "", 0))
        except (SinkError, ConfigError) as error:  # the other sinks still get theirs
            ledger.mark_failed(row.key, str(error))
            outcomes.append(Delivered(row.report_id, row.sink, "", str(error), error.exit_code))
    return outcomes


@dataclass(frozen=True, slots=True)
class Job:
    """One `digest run`: what to read, where to deliver, what runs the model."""

    sources: tuple[Source, ...]
    sinks: tuple[str, ...]  # SPECs
    since: datetime | None
    open_engine: Callable[[], tuple[Engine, str]]  # and why this one; called only if needed
    open_sink: Callable[[str], Sink]
    strict: bool = False  # no report if the engine cannot be had, or dies on the way
    empty_report: bool = False  # a report also on a day that brought nothing new
    preferences: Preferences = field(default_factory=Preferences)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. `report` is None if nothing was new, or if it was `postponed`."""

    fetched: Fetched
    report: Written | None
    engine: str
    model: str
    engine_note: str
    deliveries: tuple[Delivered, ...]
    postponed: str = ""  # why a `strict` run made no report of what it fetched


def run(
    ledger: Ledger,
    job: Job,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Do the main job. What an earlier, killed run left undone is finished first or with it.

    A `strict` job without its engine keeps what it fetched and digested for the next run.
    """
    specs = [source.spec for source in job.sources]
    fetched = fetch(ledger, job.sources, job.since, progress)
    # Whatever no report told of, however old: a run that was killed long ago loses nothing.
    documents = ledger.documents(sources=specs, unreported=True)
    written, used = None, _Used()
    if documents:
        analyzed, used = _digested(ledger, documents, job, progress, cancelled)
        if not (cancelled() or used.postponed):
            written = make_report(
                ledger,
                analyzed,
                documents,
                sources=specs,
                sinks=job.sinks,
                failures=fetched.failures,
                engine_note=used.note,
                preferences=job.preferences,
            )
    elif job.empty_report and not _reported_today(ledger) and not cancelled():
        written = make_report(
            ledger, (), (), sources=specs, sinks=job.sinks, failures=fetched.failures
        )  # without it, no report of nothing: skips wait for the next one
    deliveries = deliver(ledger, job.open_sink)
    return Outcome(
        fetched, written, used.name, used.model, used.note, tuple(deliveries), used.postponed
    )


@dataclass(frozen=True, slots=True)
class _Used:
    """The engine that a run had."""

    name: str = ""
    model: str = ""
    note: str = ""  # why this one, and whether it died
    postponed: str = ""  # why there is to be no report


def _digested(
    ledger: Ledger,
    documents: Sequence[Document],
    job: Job,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> tuple[list[Analyzed], _Used]:
    """Digest the documents with the job's engine, if it can be had."""
    try:
        opened, note = job.open_engine()
    except EngineUnavailable as error:
        if not job.strict:
            raise
        return [], _Used(postponed=str(error))
    engine = WatchedEngine(opened)
    try:
        analyzed = digest_documents(
            ledger, documents, engine, progress=progress, cancelled=cancelled
        )
    finally:
        engine.close()
    note = "; ".join(filter(None, (note, engine.died)))
    return analyzed, _Used(engine.name, engine.model, note, engine.died if job.strict else "")


def _reported_today(ledger: Ledger) -> bool:
    newest = ledger.report()
    today = datetime.now().astimezone().date()
    return newest is not None and datetime.fromisoformat(newest.added).astimezone().date() >= today

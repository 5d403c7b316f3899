"""build_report: a period digested and written, in pieces that a client has the patience for."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from digest import pipeline
from digest.engines.watched import WatchedEngine
from digest.progress import spell
from digest.records import Analyzed, Document
from digest.settings import EngineName
from digest.storage.ledger import Ledger
from digest.storage.queries import Reader
from server import boundary, paging, results
from server.brief import brief as briefly
from server.engine_pool import Stopped
from server.jobs import Desk, Job
from server.plain import without_roles
from server.tools import arguments as args
from server.tools.answers import answer
from server.tools.engine import lost, opened

PORTION = 64  # items whose questions are prepared at a time
BUDGET = 45.0  # seconds that a call takes unless told: many clients give up after 60


@dataclass(frozen=True, slots=True)
class Order:
    """What a report is to be made of, and with how much work."""

    sources: list[str]
    begin: datetime | None
    end: datetime | None
    min_relevance: int
    engine: EngineName
    max_items: int  # not yet digested ones; 0 = all
    deadline: float  # of time.monotonic


async def build_report(
    ctx: Context[Any, Any],
    since: args.Since = "",
    until: args.Until = "",
    source: args.Source = "",
    min_relevance: Annotated[int, Field(ge=0, le=10, description="leave lower ones out")] = 0,
    engine: Annotated[EngineName | None, Field(description="default: configured")] = None,
    brief: Annotated[bool, Field(description="only the top seven")] = False,
    report: Annotated[str, Field(description="id or latest: show it, build none")] = "",
    max_items: Annotated[int, Field(ge=0, description="digest so many now; 0 = all")] = 0,
    budget_seconds: Annotated[float, Field(ge=1, le=3600)] = BUDGET,
    cursor: args.Cursor = "",
) -> Annotated[CallToolResult, results.BuiltReport]:
    """Digest all items fetched in the period and write one linked markdown report, also readable
    as digest://reports/{id}. If `note` says that work is left, call again. Long ones in pages.
    """
    desk = args.desk_of(ctx)
    offset = 0
    if cursor:
        place = paging.decode(cursor, "build_report")
        report, offset = str(place.arguments.get("report", "")), place.offset
    if report:
        stored = await args.stored_report(desk, report)
        built = results.BuiltReport(
            report=stored[0], uri=f"digest://reports/{stored[0]}", title=stored[1]
        )
        return answer(await _shown(desk, built, stored[2], offset, brief))
    order = Order(
        args.chosen_sources(desk, source) if source else [],
        *args.period(since or desk.settings.since, until),
        min_relevance,
        engine or desk.settings.engine,
        max_items,
        time.monotonic() + budget_seconds,
    )

    def task(job: Job, ledger: Ledger) -> tuple[results.BuiltReport, str]:
        return _build(desk, job, ledger, order)

    built, markdown = await desk.work(task, ctx)
    return answer(await _shown(desk, built, markdown, 0, brief) if markdown else built)


async def _shown(
    desk: Desk, built: results.BuiltReport, markdown: str, offset: int, short: bool
) -> results.BuiltReport:
    """The answer with a page of the report, or with its brief."""
    markdown = without_roles(markdown)
    if short:
        return built.model_copy(
            update={"markdown": await desk.read(lambda reader: briefly(markdown, reader))}
        )
    piece = paging.part(markdown, offset)
    following = paging.Cursor(
        of="build_report", arguments={"report": built.report}, offset=piece.end
    )
    return built.model_copy(
        update={"markdown": piece.text, "next_cursor": str(following) if piece.end else ""}
    )


def _build(desk: Desk, job: Job, ledger: Ledger, order: Order) -> tuple[results.BuiltReport, str]:
    """Digest, choose, write: the answer without its text, and the text; no text if work is left."""
    documents = ledger.documents(order.begin, order.end, sources=order.sources)
    if not documents:
        return results.BuiltReport(note=_nothing(desk, order)), ""
    with desk.writing():
        shared, note = opened(desk, order.engine)
        client = WatchedEngine(shared.client(lambda: job.stopped() or _late(order)))
        analyzed, left = _digested(desk, job, ledger, documents, client, order)
        job.check()
        note = "; ".join(filter(None, (note, lost(client, order.engine))))
        if left:
            return results.BuiltReport(note=left, engine=client.name, engine_note=note), ""
        kept = [
            one
            for one in analyzed
            if (one.digest.fields.relevance_score or 0) >= order.min_relevance
        ]
        sources = order.sources or sorted({document.source for document in documents})
        # It settles nothing: an assistant's question must not empty the morning report.
        written = pipeline.make_report(
            ledger,
            kept,
            documents,
            sources=sources,
            sinks=(),
            engine_note=note,
            settles=False,
            preferences=desk.settings.preferences,
        )
        skipped = len(ledger.unreported_skips(sources))
        stored = ledger.report(written.id)
    assert stored is not None  # noqa: S101  just written
    desk.built = written.id
    answered = results.BuiltReport(
        report=written.id,
        uri=f"digest://reports/{written.id}",
        title=written.title,
        counts=results.Counts(
            documents=len(documents),
            items=written.items,
            below_minimum=len(analyzed) - len(kept),
            skipped=skipped,
            degraded=written.degraded,
        ),
        engine=client.name,
        engine_note=note,
    )
    return answered, stored.markdown


def _late(order: Order) -> bool:
    return time.monotonic() > order.deadline


def _digested(
    desk: Desk,
    job: Job,
    ledger: Ledger,
    documents: list[Document],
    client: WatchedEngine,
    order: Order,
) -> tuple[list[Analyzed], str]:
    """Digests of the documents, and what to say if not all of them could be made now."""
    todo = pipeline.undigested(ledger, documents, client.model)
    total, ready = sum(len(document.items) for document in documents), 0
    before = len(todo)
    job.expect(before, desk.pace(ledger, client.model))
    if order.max_items:
        todo = todo[: order.max_items]
    began = time.monotonic()
    # In portions: preparing a thousand questions may take longer than the call has.
    while todo and not (_late(order) or client.died):
        portion, todo = todo[:PORTION], todo[PORTION:]
        offset = total - before + ready
        try:
            pipeline.digest_documents(
                ledger,
                pipeline.only(documents, portion),
                client,
                progress=lambda stage, done, _, offset=offset: job.progress(
                    stage, offset + done, total
                ),
                cancelled=lambda: job.stopped() or _late(order),
            )
        except Stopped:
            job.check()  # the caller is gone: this ends here
        ready += len(portion)
    left = len(pipeline.undigested(ledger, documents, client.model))
    pace = desk.note_pace(ledger, client.model, before - left, time.monotonic() - began)
    if not left or client.died:
        analyzed = pipeline.digest_documents(ledger, documents, client)
        job.progress("analyze", total, total)
        return analyzed, ""
    time_left = f", about {spell(left * pace)} of work" if pace else ""
    return [], (
        f"{total - left} of {total} items done, {left} left{time_left}; "
        "call build_report again with the same arguments to go on"
    )


def _nothing(desk: Desk, order: Order) -> str:
    """What to say of an empty period."""
    reader = Reader(desk.settings.ledger)
    try:
        return boundary.nothing_new(reader.newest(tuple(order.sources)), "build_report")
    finally:
        reader.close()

"""The tools that work: analyze_article, build_report, deliver_report."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from digest.engines.watched import WatchedEngine
from digest.errors import ConfigError, DigestError, EngineUnavailable, Unreadable
from digest.records import Item, RawDocument, Skip, fingerprint
from digest.schema import FIELDS, select
from digest.settings import EngineName
from digest.storage.ledger import Ledger
from server import boundary, paging, results
from server.engine_pool import FairEngine
from server.jobs import Desk, Job
from server.tools.answers import answer
from server.tools.lookup import Cursor, Since, Source, Until, chosen_sources, period

_WITHOUT = '; or call build_report with engine="extractive", which needs no model'
MAX_TEXT = 400_000  # characters of a text that a client may send

Fields = Annotated[
    list[str],
    Field(
        description="subset; empty = all",
        json_schema_extra={"items": {"type": "string", "enum": list(FIELDS)}},
    ),
]
Report = Annotated[str, Field(description="report id")]
Sink = Annotated[str, Field(description="from list_sources; empty = all")]


class Confirmation(BaseModel):
    """What the user is asked before a report leaves."""

    deliver: bool = Field(title="Deliver", description="Deliver the report now?")


def register(mcp: MCPServer[Any], desk: Desk) -> None:
    """Add the tools to the server, in the order of a day's work."""
    settings = desk.settings

    @boundary.tool(mcp, settings, "Analyze article", reaches_out=True)
    async def analyze_article(
        ctx: Context[Any, Any],
        text: Annotated[str, Field(max_length=MAX_TEXT, description="plain or markdown")] = "",
        url: Annotated[str, Field(max_length=2048, description="public http(s) page")] = "",
        item: Annotated[str, Field(description="item id")] = "",
        title: Annotated[str, Field(max_length=1000, description="headline of text")] = "",
        fields: Fields = [],  # noqa: B006  pydantic copies defaults
    ) -> Annotated[CallToolResult, results.Analysis]:
        """Digest one article with the local model. Give exactly one of text, url, item."""
        if sum(map(bool, (text.strip(), url, item))) != 1:
            raise ConfigError("give exactly one of text, url and item")
        asked = select(fields or None)

        def article(job: Job, ledger: Ledger) -> results.Analysis:
            from digest import analyze, pipeline

            one = _article(desk, ledger, text, url, item, title)
            job.check()
            engine, _ = _open(desk, settings.engine)
            seat = WatchedEngine(engine.seat(job.stopped))
            found = analyze.analyze(
                [one],
                seat,
                asked,
                cache=pipeline.Cache(ledger, seat.model, asked),
                progress=lambda done, total: job.progress("analyze", done, total),
                cancelled=job.stopped,
            )
            _, digest = next(found)
            _lost(desk, seat, None)
            how = digest.provenance
            return results.Analysis(
                title=one.title,
                url=one.url,
                digest=digest.fields.as_dict(),
                provenance=results.Provenance(
                    engine=how.engine,
                    model=how.model,
                    tokens_in=how.tokens_in,
                    tokens_out=how.tokens_out,
                    tokens_cut=how.tokens_cut,
                    degraded=how.degraded,
                    dropped=list(how.dropped),
                ),
            )

        return answer(await desk.work(article, ctx))

    @boundary.tool(mcp, settings, "Build report")
    async def build_report(
        ctx: Context[Any, Any],
        since: Since = "",
        until: Until = "",
        source: Source = "",
        min_relevance: Annotated[int, Field(ge=0, le=10, description="leave lower ones out")] = 0,
        engine: Annotated[EngineName | None, Field(description="default: configured")] = None,
        cursor: Cursor = "",
    ) -> Annotated[CallToolResult, results.BuiltReport]:
        """Digest all items fetched in the period and write one linked markdown report. It stays
        readable as digest://reports/{id}; long ones are answered in pages.
        """
        if cursor:
            place = paging.decode(cursor, "build_report")
            report_id = str(place.arguments.get("report", ""))
            stored = await desk.read(lambda reader: reader.report(report_id))
            if stored is None:
                raise ConfigError("this report is not there; build it anew without a cursor")
            built = results.BuiltReport(
                report=stored[0], uri=f"digest://reports/{stored[0]}", title=stored[1], markdown=""
            )
            return answer(_page(built, stored[2], place.offset))
        specs = chosen_sources(desk, source) if source else []
        begin, end = period(since or settings.since, until)

        def task(job: Job, ledger: Ledger) -> tuple[results.BuiltReport, str]:
            return _build(desk, job, ledger, specs, (begin, end), min_relevance, engine)

        return answer(_page(*await desk.work(task, ctx), 0))

    @boundary.speaking(settings)
    async def confirm(
        ctx: Context[Any, Any], report: str, sink: str
    ) -> Confirmation | Elicit[Confirmation]:
        """Ask the user where the client can; a client that cannot asks by itself."""
        capabilities = ctx.client_capabilities
        names = _chosen_sinks(desk, sink)
        if capabilities is None or capabilities.elicitation is None:
            return Confirmation(deliver=True)
        return Elicit(f"Deliver report {report} to {', '.join(names)}?", Confirmation)

    @boundary.tool(mcp, settings, "Deliver report", reaches_out=True)
    async def deliver_report(
        ctx: Context[Any, Any],
        confirmed: Annotated[ElicitationResult[Confirmation], Resolve(confirm)],
        report: Report,
        sink: Sink = "",
    ) -> Annotated[CallToolResult, results.Deliveries]:
        """Deliver a built report to the user's configured sinks, once each. Only when the user
        asked for it.
        """
        names = _chosen_sinks(desk, sink)
        if not isinstance(confirmed, AcceptedElicitation) or not confirmed.data.deliver:
            declined = [results.Delivery(sink=name, state="declined") for name in names]
            return answer(results.Deliveries(report=report, deliveries=declined))

        def task(job: Job, ledger: Ledger) -> list[results.Delivery]:
            if ledger.report(report) is None:
                raise ConfigError("there is no report of this id; build_report makes one")
            job.check()
            with desk.writing(), desk.delivering:
                return _deliver(desk, ledger, report, names)

        # Not stopped with the caller: half a delivery helps nobody.
        done = await asyncio.shield(desk.work(task, ctx))
        return answer(results.Deliveries(report=report, deliveries=done))


def _article(desk: Desk, ledger: Ledger, text: str, url: str, item: str, title: str) -> Item:
    """The one item that the arguments mean."""
    if item:
        found = ledger.item(item)
        if found is None:
            raise ConfigError("there is no item of this id; fetch_newsletters lists ids")
        return found
    if text:
        raw = RawDocument("mcp", "text/markdown", text.encode(), "the given text", title=title)
        return _whole(iter([raw]), title)
    import integrations

    if not url.lower().startswith(("http://", "https://")):
        raise ConfigError("url must begin with http:// or https://")
    page = integrations.source(f"web:{url}", desk.settings, configured=False)
    return _whole(page.fetch(None), "", url)


def _whole(raws: Iterator[RawDocument | Skip], title: str, url: str = "") -> Item:
    """A text or page as one item, however many stories a newsletter's eye would see in it."""
    from digest.pipeline import read

    document = read(next(raws))
    if isinstance(document, Skip):
        raise Unreadable(document.reason)
    return Item(
        document_id=fingerprint("article", document.id),
        position=0,
        kind="story",
        title=title or document.title,
        text=document.markdown,
        url=document.url or url,
    )


def _build(
    desk: Desk,
    job: Job,
    ledger: Ledger,
    specs: list[str],
    span: tuple[datetime | None, datetime | None],
    min_relevance: int,
    name: EngineName | None,
) -> tuple[results.BuiltReport, str]:
    """Digest, choose, write: the answer without its text, and the text."""
    from digest import pipeline

    documents = ledger.documents(*span, sources=specs)
    if not documents:
        raise ConfigError(
            "nothing was fetched of this period; call fetch_newsletters first, or widen since"
        )
    with desk.writing():
        engine, note = _open(desk, name or desk.settings.engine)
        seat = WatchedEngine(engine.seat(job.stopped))
        analyzed = pipeline.digest_documents(
            ledger, documents, seat, progress=job.progress, cancelled=job.stopped
        )
        job.check()
        note = "; ".join(filter(None, (note, _lost(desk, seat, name))))
        kept = [
            one for one in analyzed if (one.digest.fields.relevance_score or 0) >= min_relevance
        ]
        sources = specs or sorted({document.source for document in documents})
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
    answered = results.BuiltReport(
        report=written.id,
        uri=f"digest://reports/{written.id}",
        title=written.title,
        markdown="",
        counts=results.Counts(
            documents=len(documents),
            items=written.items,
            below_minimum=len(analyzed) - len(kept),
            skipped=skipped,
            degraded=written.degraded,
        ),
        engine=engine.engine.name,
        engine_note=note,
    )
    return answered, stored.markdown


def _open(desk: Desk, name: EngineName) -> tuple[FairEngine, str]:
    """The engine, and why this one. Raises EngineUnavailable for a named one, saying what helps."""
    try:
        return desk.engines.get(name)
    except EngineUnavailable as error:
        raise EngineUnavailable(f"{error}{_WITHOUT}") from error


def _lost(desk: Desk, seat: WatchedEngine, name: EngineName | None) -> str:
    """Why the engine went away, "" if it did not. Raises EngineUnavailable if it was named."""
    if seat.died and (name or desk.settings.engine) != "auto":
        raise EngineUnavailable(f"{seat.died}{_WITHOUT}")
    return seat.died


def _page(built: results.BuiltReport, markdown: str, offset: int) -> results.BuiltReport:
    piece = paging.part(markdown, offset)
    following = paging.Cursor(
        of="build_report", arguments={"report": built.report}, offset=piece.end
    )
    return built.model_copy(
        update={
            "markdown": piece.text,
            "next_cursor": str(following) if piece.end else "",
        }
    )


def _chosen_sinks(desk: Desk, sink: str) -> dict[str, str]:
    """Public name -> SPEC of the sinks meant; all configured ones for "". Raises ConfigError."""
    names = {
        name: spec for spec, name in boundary.public_names(boundary.sinks(desk.settings)).items()
    }
    if not names:
        raise ConfigError("no sink is configured; the user adds them to digest.toml")
    if not sink:
        return names
    if sink not in names:
        raise ConfigError(f"there is no sink of this name; the sinks are: {', '.join(names)}")
    return {sink: names[sink]}


def _deliver(
    desk: Desk, ledger: Ledger, report: str, names: dict[str, str]
) -> list[results.Delivery]:
    """Deliver once to each; what failed stays in the outbox for `digest run`."""
    import integrations
    from digest import pipeline

    outcomes = []
    for name, spec in names.items():
        try:
            normal = integrations.sink(spec, desk.settings).spec
        except DigestError as error:
            text = boundary.spoken(error, desk.settings)
            outcomes.append(results.Delivery(sink=name, state="failed", error=text))
            continue
        ledger.enqueue(report, [normal])
        for row in ledger.outbox(undelivered=False):
            if (row.report_id, row.sink) != (report, normal):
                continue
            if row.state == "done":
                outcomes.append(
                    results.Delivery(
                        sink=name,
                        state="already_delivered",
                        target=boundary.without_home(row.target),
                    )
                )
                continue
            (one,) = pipeline.deliver(
                ledger, lambda spec: integrations.sink(spec, desk.settings), [row]
            )
            outcomes.append(
                results.Delivery(
                    sink=name,
                    state="failed" if one.error else "delivered",
                    target=boundary.without_home(one.target),
                    error=one.error and boundary.spoken(DigestError(one.error), desk.settings),
                )
            )
    return outcomes

"""The tools that look things up: fetch_newsletters, search_digests, list_sources."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from digest.errors import ConfigError, DigestError, LedgerLocked
from digest.storage.ledger import Ledger, utc
from digest.storage.queries import Found, Listed, Reader, Search
from digest.when import parse_since
from server import boundary, paging, results
from server.jobs import Desk, Job
from server.tools.answers import answer

FRESH = 60.0  # seconds in which a source is not read again
ITEMS_A_DOCUMENT = 40
TEXT_CHARS = 400
URL_CHARS = 300  # a tracking link may take a thousand; the resource has it in full

Source = Annotated[str, Field(description="from list_sources; empty = all")]
Since = Annotated[str, Field(description="age (36h, 7d) or date; empty = configured")]
Until = Annotated[str, Field(description="age or date; empty = now")]
Words = Annotated[str, Field(description="words that must all occur")]
Cursor = Annotated[str, Field(description="next_cursor of the last answer, alone")]


def register_fetch(mcp: MCPServer[Any], desk: Desk) -> None:
    """Add the tool that a day begins with."""
    settings = desk.settings

    @boundary.tool(mcp, settings, "Fetch newsletters", reaches_out=True)
    async def fetch_newsletters(
        ctx: Context[Any, Any],
        source: Source = "",
        since: Since = "",
        until: Until = "",
        query: Words = "",
        limit: Annotated[int, Field(ge=1, le=50, description="documents a page")] = 10,
        cursor: Cursor = "",
    ) -> Annotated[CallToolResult, results.Newsletters]:
        """Read new newsletters from the user's sources, then list documents of the period with
        their items, newest first. Bodies: resources digest://documents/{id}, digest://items/{id}.
        """
        read, problems = None, list[str]()
        if cursor:
            place = paging.decode(cursor, "fetch_newsletters")
        else:
            specs = chosen_sources(desk, source)
            begin, end = period(since or settings.since, until)
            if specs:
                read, problems = await _read_sources(desk, specs, begin, ctx)
            place = paging.Cursor(
                of="fetch_newsletters",
                arguments={"source": source, "limit": limit, **_search(query, begin, end)},
                offset=0,
            )
        search, limit = _asked(desk, place)

        def listing(reader: Reader) -> tuple[list[Listed], int]:
            ceiling = place.ceiling or reader.ceiling("documents")
            return reader.documents(search, limit + 1, place.offset, ceiling), ceiling

        found, ceiling = await desk.read(listing)
        names = boundary.public_names([*settings.source, *(one.source for one in found)])
        return answer(
            results.Newsletters(
                documents=[_document(one, names) for one in found[:limit]],
                read=read,
                problems=problems,
                next_cursor=_next(place, limit, ceiling, len(found)),
            )
        )


def register_search(mcp: MCPServer[Any], desk: Desk) -> None:
    """Add the tools that only look."""
    settings = desk.settings

    @boundary.tool(mcp, settings, "Search digests", only_looks=True)
    async def search_digests(
        query: Words = "",
        name: Annotated[str, Field(description="part of a named entity")] = "",
        company: Annotated[str, Field(description="part of a company's name")] = "",
        domain: Annotated[str, Field(description="content domain, e.g. security")] = "",
        min_relevance: Annotated[int, Field(ge=0, le=10)] = 0,
        since: Annotated[str, Field(description="age or date; empty = ever")] = "",
        until: Until = "",
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
        cursor: Cursor = "",
    ) -> Annotated[CallToolResult, results.Results]:
        """Search everything read so far; all given filters must match. Best match first with
        query, else newest first. Only digested items have names, companies, domains, relevance.
        """
        if cursor:
            place = paging.decode(cursor, "search_digests")
        else:
            begin, end = period(since, until)
            filters = {"name": name, "company": company, "domain": domain}
            arguments: dict[str, str | int] = {"limit": limit, "min_relevance": min_relevance}
            arguments |= _search(query, begin, end) | filters
            place = paging.Cursor(
                of="search_digests",
                arguments={key: value for key, value in arguments.items() if value},
                offset=0,
            )
        search, limit = _asked(desk, place)

        def matches(reader: Reader) -> tuple[list[Found], int]:
            ceiling = place.ceiling or reader.ceiling("items")
            return reader.items(search, limit + 1, place.offset, ceiling), ceiling

        found, ceiling = await desk.read(matches)
        return answer(
            results.Results(
                results=[_result(one) for one in found[:limit]],
                next_cursor=_next(place, limit, ceiling, len(found)),
            )
        )

    @boundary.tool(mcp, settings, "List sources and sinks", only_looks=True)
    async def list_sources() -> Annotated[CallToolResult, results.Sources]:
        """List what the user configured: sources to read, sinks that reports may go to, and what
        is read so far.
        """
        counts = {one.source: one for one in await desk.read(lambda reader: reader.sources())}
        names = boundary.public_names([*settings.source, *counts])
        entries = []
        for spec, public in names.items():
            entry = results.SourceEntry(source=public)
            if spec in counts:
                entry.documents, entry.newest = counts[spec].documents, counts[spec].newest
            if spec not in settings.source:
                entry.problem = "no longer configured; its documents are kept"
            entries.append(entry)
        return answer(
            results.Sources(
                sources=entries,
                sinks=list(boundary.public_names(boundary.sinks(settings)).values()),
                since=settings.since,
            )
        )


def period(since: str, until: str) -> tuple[datetime | None, datetime | None]:
    """Arguments `since` and `until` -> aware UTC. Raises ConfigError."""
    now = datetime.now(UTC)
    begin, end = (parse_since(text, now) if text else None for text in (since, until))
    if begin and end and begin >= end:
        raise ConfigError("until lies before since; swap them, or leave until out")
    return begin, end


def chosen_sources(desk: Desk, source: str) -> list[str]:
    """The SPECs behind a public name; all configured ones for "". Raises ConfigError."""
    names = boundary.public_names(desk.settings.source)
    if not source:
        return list(names)
    found = [spec for spec, name in names.items() if source == name]
    if not found:
        known = ", ".join(names.values()) or "none is configured; the user adds them to digest.toml"
        raise ConfigError(f"there is no source of this name; the sources are: {known}")
    return found


async def _read_sources(
    desk: Desk, specs: Sequence[str], since: datetime | None, ctx: Context[Any, Any]
) -> tuple[results.Reading | None, list[str]]:
    """Read what was not read just now. One source that fails leaves the others."""
    began = since.timestamp() if since else 0.0
    total, problems, any_read = results.Reading(new=0, known=0, skipped=0), list[str](), False
    names = boundary.public_names(desk.settings.source)
    for spec in specs:
        if desk.is_fresh(spec, began, FRESH):
            continue
        async with desk.source_lock(spec):
            if desk.is_fresh(spec, began, FRESH):
                continue  # somebody else read it while this call waited
            try:
                fetched = await desk.work(partial(_fetch, desk, spec, since), ctx)
            except LedgerLocked as error:
                # The ledger still answers, perhaps without the newest: say so, and go on.
                problems.append(f"not read now: {boundary.spoken(error, desk.settings)}")
                break
            except DigestError as error:
                problems.append(f"{names[spec]}: {boundary.spoken(error, desk.settings)}")
                continue
            desk.mark_read(spec, began)
            any_read = True
        total.new += fetched.new
        total.known += fetched.known
        total.skipped += fetched.skipped
    return (total if any_read else None), problems


def _fetch(
    desk: Desk, spec: str, since: datetime | None, job: Job, ledger: Ledger
) -> results.Reading:
    import integrations
    from digest import pipeline
    from digest.errors import SourceError

    source = integrations.source(spec, desk.settings)
    with desk.writing():
        fetched = pipeline.fetch(ledger, [source], since, job.progress)
    if fetched.failures:
        raise SourceError(fetched.failures[0].reason)
    return results.Reading(new=fetched.new, known=fetched.known, skipped=fetched.skipped)


def _search(query: str, begin: datetime | None, end: datetime | None) -> dict[str, str | int]:
    times = {"since": utc(begin) if begin else "", "until": utc(end) if end else ""}
    return {key: value for key, value in ({"query": query} | times).items() if value}


def _asked(desk: Desk, place: paging.Cursor) -> tuple[Search, int]:
    """The arguments in a cursor -> a search and a limit, checked like arguments of a call."""
    values = place.arguments

    def word(key: str) -> str:
        return str(values.get(key, ""))[:1000]

    def number(key: str, low: int, high: int) -> int:
        value = values.get(key, low)
        return min(max(value, low), high) if isinstance(value, int) else low

    source = word("source")
    search = Search(
        text=word("query"),
        name=word("name"),
        company=word("company"),
        domain=word("domain"),
        min_relevance=number("min_relevance", 0, 10),
        since=word("since"),
        until=word("until"),
        sources=tuple(chosen_sources(desk, source)) if source else (),
    )
    return search, number("limit", 1, 50)


def _next(place: paging.Cursor, limit: int, ceiling: int, found: int) -> str:
    more = place.model_copy(update={"offset": place.offset + limit, "ceiling": ceiling})
    return str(more) if found > limit else ""


def _short(url: str) -> str:
    return url if len(url) <= URL_CHARS else ""


def _document(one: Listed, names: dict[str, str]) -> results.DocumentEntry:
    shown = one.items[:ITEMS_A_DOCUMENT]
    return results.DocumentEntry(
        id=one.id,
        source=names[one.source],
        publisher=one.publisher,
        title=one.title,
        published=one.published,
        url=_short(one.url),
        items=[results.Entry(id=item.id, kind=item.kind, title=item.title[:160]) for item in shown],
        items_left_out=len(one.items) - len(shown),
    )


def _result(one: Found) -> results.Result:
    said = one.digest
    text = said.get("summary") or " ".join(one.text.split())
    return results.Result(
        id=one.id,
        kind=one.kind,
        title=said.get("title") or one.title[:160],
        text=text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…",
        relevance_score=said.get("relevance_score"),
        domains=said.get("domains") or [],
        names=said.get("names") or [],
        company_names=said.get("company_names") or [],
        publisher=one.publisher,
        published=one.published,
        url=_short(one.url),
    )

"""The tools that only look: search_digests, read_item, list_sources."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from digest.errors import ConfigError
from digest.storage.queries import Found, Reader
from server import boundary, paging, results
from server.plain import plain, plain_body
from server.tools import arguments as args
from server.tools.answers import answer, short
from server.tools.listing import asked, following, within

TEXT_CHARS = 400
ITEM_PAGE = 4_000  # characters of an item's text


async def search_digests(
    ctx: Context[Any, Any],
    query: args.Words = "",
    name: Annotated[str, Field(description="part of a named entity")] = "",
    company: Annotated[str, Field(description="part of a company's name")] = "",
    domain: Annotated[str, Field(description="content domain, e.g. security")] = "",
    min_relevance: Annotated[int, Field(ge=0, le=10)] = 0,
    since: Annotated[str, Field(description="age or date; empty = ever")] = "",
    until: args.Until = "",
    limit: args.Limit = 10,
    cursor: args.Cursor = "",
) -> Annotated[CallToolResult, results.Results]:
    """Search everything read so far; all given filters must match. Best match first with
    query, else newest first. Only digested items have names, companies, domains, relevance.
    """
    desk = args.desk_of(ctx)
    if cursor:
        place = paging.decode(cursor, "search_digests")
    else:
        begin, end = args.period(since, until)
        given: dict[str, str | int] = {"limit": limit, "min_relevance": min_relevance}
        given |= {"query": query, "name": name, "company": company, "domain": domain}
        given |= within(begin, end)
        place = paging.Cursor(
            of="search_digests",
            arguments={key: value for key, value in given.items() if value},
            offset=0,
        )
    search, limit = asked(desk, place)

    def matches(reader: Reader) -> tuple[list[Found], int]:
        ceiling = place.ceiling or reader.ceiling("items")
        return reader.items(search, limit + 1, place.offset, ceiling), ceiling

    found, ceiling = await desk.read(matches)
    return answer(
        results.Results(
            results=[_result(one) for one in found[:limit]],
            next_cursor=following(place, limit, ceiling, len(found)),
        )
    )


async def read_item(
    ctx: Context[Any, Any], item: args.ItemId = "", cursor: args.Cursor = ""
) -> Annotated[CallToolResult, results.ItemText]:
    """Read one story in full, with its digest if there is one; long ones in pages."""
    offset = 0
    if cursor:
        place = paging.decode(cursor, "read_item")
        item, offset = str(place.arguments.get("item", "")), place.offset
    found = await args.desk_of(ctx).read(lambda reader: reader.item(item))
    if found is None:
        raise ConfigError("there is no item of this id; fetch_newsletters lists ids")
    piece = paging.part(plain_body(found.text), offset, ITEM_PAGE)
    more = paging.Cursor(of="read_item", arguments={"item": item}, offset=piece.end)
    return answer(
        results.ItemText(
            id=found.id,
            kind=found.kind,
            title=plain(found.title),
            publisher=plain(found.publisher),
            published=found.published,
            url=short(found.url),
            text=piece.text,
            digest={} if offset else plain_fields(found.digest),
            next_cursor=str(more) if piece.end else "",
        )
    )


async def list_sources(ctx: Context[Any, Any]) -> Annotated[CallToolResult, results.Sources]:
    """List what the user configured: sources to read, sinks that reports may go to, and what
    is read so far.
    """
    desk = args.desk_of(ctx)
    counts = {one.source: one for one in await desk.read(lambda reader: reader.sources())}
    names = boundary.public_names([*desk.settings.source, *counts])
    entries = []
    for spec, public in names.items():
        entry = results.SourceEntry(source=public)
        if spec in counts:
            entry.documents, entry.newest = counts[spec].documents, counts[spec].newest
        if spec not in desk.settings.source:
            entry.problem = "no longer configured; its documents are kept"
        entries.append(entry)
    return answer(
        results.Sources(
            sources=entries,
            sinks=list(boundary.public_names(boundary.sinks(desk.settings)).values()),
            since=desk.settings.since,
        )
    )


def plain_fields(digest: dict[str, Any]) -> dict[str, Any]:
    """The fields of a digest as plain text."""
    return {
        name: plain(value, 1200)
        if isinstance(value, str)
        else [plain(one) for one in value]
        if isinstance(value, list)
        else value
        for name, value in digest.items()
    }


def _result(one: Found) -> results.Result:
    said = plain_fields(one.digest)
    text = said.get("summary") or plain(one.text, TEXT_CHARS)
    return results.Result(
        id=one.id,
        kind=one.kind,
        title=said.get("title") or plain(one.title, 160),
        text=text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…",
        relevance_score=said.get("relevance_score"),
        domains=said.get("domains") or [],
        names=said.get("names") or [],
        company_names=said.get("company_names") or [],
        publisher=plain(one.publisher),
        published=one.published,
        url=short(one.url),
    )

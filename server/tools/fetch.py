"""fetch_newsletters: read the sources, list what they brought."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from digest.errors import ConfigError, DigestError, LedgerLocked
from digest.records import ITEM_KINDS
from digest.storage.ledger import Ledger
from digest.storage.queries import Listed, Reader
from server import boundary, paging, results
from server.jobs import Desk, Job
from server.plain import plain
from server.tools import arguments as args
from server.tools.answers import answer, short
from server.tools.listing import asked, following, within

FRESH = 60.0  # seconds in which a source is not read again
ITEMS_A_DOCUMENT = 40


async def fetch_newsletters(
    ctx: Context[Any, Any],
    source: args.Source = "",
    since: args.Since = "",
    until: args.Until = "",
    query: args.Words = "",
    topic: Annotated[str, Field(description="only items with any of these words")] = "",
    kinds: Annotated[list[str], Field(description="story, link, sponsor, job, event...")] = [],  # noqa: B006
    items: Annotated[bool, Field(description="false = documents only")] = True,
    limit: args.Limit = 10,
    cursor: args.Cursor = "",
) -> Annotated[CallToolResult, results.Newsletters]:
    """Read new newsletters from the user's sources, then list documents of the period with
    their items, newest first. read_item gives an item in full.
    """
    desk = args.desk_of(ctx)
    read, problems = None, list[str]()
    if cursor:
        place = paging.decode(cursor, "fetch_newsletters")
    else:
        if wrong := sorted(set(kinds) - set(ITEM_KINDS)):
            raise ConfigError(f"no kind {wrong[0]!r}; the kinds are {', '.join(ITEM_KINDS)}")
        specs = args.chosen_sources(desk, source)
        begin, end = args.period(since or desk.settings.since, until)
        if specs:
            read, problems = await _read_sources(desk, specs, begin, ctx)
        given: dict[str, str | int] = {"source": source, "limit": limit, "items": int(items)}
        given |= {"query": query, "topic": topic, "kinds": " ".join(kinds), **within(begin, end)}
        place = paging.Cursor(of="fetch_newsletters", arguments=given, offset=0)
    search, limit = asked(desk, place)
    with_items = place.arguments.get("items") != 0

    def listing(reader: Reader) -> tuple[list[Listed], int, str]:
        ceiling = place.ceiling or reader.ceiling("documents")
        found = reader.documents(search, limit + 1, place.offset, ceiling)
        newest = "" if found else reader.newest(search.sources)
        return found, ceiling, newest

    found, ceiling, newest = await desk.read(listing)
    names = boundary.public_names([*desk.settings.source, *(one.source for one in found)])
    return answer(
        results.Newsletters(
            documents=[_document(one, names, with_items) for one in found[:limit]],
            read=read,
            problems=problems,
            note="" if found else boundary.nothing_new(newest, "fetch_newsletters"),
            next_cursor=following(place, limit, ceiling, len(found)),
        )
    )


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
    name = boundary.public_names(desk.settings.source).get(spec, "")

    def progress(stage: str, done: int, total: int | None) -> None:
        job.progress(f"{stage.partition(' ')[0]} {name}".strip(), done, total)

    with desk.writing():
        fetched = pipeline.fetch(ledger, [source], since, progress)
    if fetched.failures:
        raise SourceError(fetched.failures[0].reason)
    return results.Reading(new=fetched.new, known=fetched.known, skipped=fetched.skipped)


def _document(one: Listed, names: dict[str, str], with_items: bool) -> results.DocumentEntry:
    shown = one.items[:ITEMS_A_DOCUMENT] if with_items else ()
    return results.DocumentEntry(
        id=one.id,
        source=names[one.source],
        publisher=plain(one.publisher),
        title=plain(one.title),
        published=one.published,
        url=short(one.url),
        items=[results.Entry(id=e.id, kind=e.kind, title=plain(e.title, 160)) for e in shown],
        items_left_out=len(one.items) - len(shown),
    )

"""`digest search`: full-text search over all items and digests, as lines, JSON, CSV, or trends."""

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options

if TYPE_CHECKING:
    from digest.storage.queries import Found, Reader, Search

HITS = 20  # shown unless told
DEFAULT_PERIOD = "7d"  # of trends
PAGE = 500  # rows that an export reads at a time
COLUMNS = (
    "published", "publisher", "kind", "title", "headline", "summary", "relevance", "domains",
    "themes", "names", "companies", "url", "id",
)  # fmt: skip


@click.command()
@click.argument("text", nargs=-1)
@click.option("--until", metavar="AGE|DATE", help="Where the period ends.  [default: now]")
@click.option(
    "--limit",
    type=click.IntRange(1),
    help=f"So many at most.  [default: {HITS}; of CSV, all]",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print a table for spreadsheets.")
@click.option(
    "--trends", "as_trends", is_flag=True, help="Print what is new, rising and gone since --since."
)
@options.common(options.since, options.ledger, options.config, options.json_output)
def search(
    text: tuple[str, ...],
    until: str | None,
    limit: int | None,
    as_csv: bool,
    as_trends: bool,
    since: str | None,
    ledger: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Search all items and their digests. Every word must occur.

    With --csv or --trends, TEXT may be left out: then all items are meant. Trends compare the
    period, seven days unless told, with four times as long before it, at least four weeks.
    """
    from digest import settings
    from digest.storage.ledger import Ledger
    from digest.storage.queries import Reader

    if not text and not (as_csv or as_trends):
        raise click.UsageError("give TEXT to search for, or --csv or --trends")
    if as_csv and (as_json or as_trends):
        raise click.UsageError("--csv goes with neither --json nor --trends")
    chosen = settings.load(config, ledger=ledger)
    begin = options.start_of(since) if since else None
    end = options.start_of(until) if until else None
    with Ledger.for_reading(chosen.ledger):  # makes the file, or brings it up to date
        pass
    wanted = _within(" ".join(text), begin, end)
    with closing(Reader(chosen.ledger)) as reader:
        if as_trends:
            start = begin or options.start_of(DEFAULT_PERIOD)
            _show_trends(reader, wanted.text, (start, end or datetime.now(UTC)), as_json)
        elif as_csv:
            _write_table(reader, wanted, limit)
        else:
            _show(reader.items(wanted, limit or HITS, 0, reader.ceiling("items")), as_json)


def _show(hits: "Sequence[Found]", as_json: bool) -> None:
    if as_json:
        names = ("id", "title", "url", "document", "publisher", "published", "snippet")
        options.print_json({"hits": [{n: getattr(hit, n) for n in names} for hit in hits]})
        return
    for hit in hits:
        click.echo(f"{hit.published[:10]}  {hit.title or hit.document}")
        click.echo(f"            {hit.publisher}: {' '.join(hit.snippet.split())}")
        if hit.url:
            click.echo(f"            {hit.url}")
    if not hits:
        click.echo("nothing found", err=True)


def _within(text: str, begin: datetime | None, end: datetime | None) -> "Search":
    from digest.storage.ledger import utc
    from digest.storage.queries import Search

    return Search(text=text, since=utc(begin) if begin else "", until=utc(end) if end else "")


def _show_trends(
    reader: "Reader", text: str, period: tuple[datetime, datetime], as_json: bool
) -> None:
    from digest.stories import trends

    start, end = period
    since = trends.begin(start, end)
    found = trends.compare(
        reader.mentions(_within(text, start, end)), reader.mentions(_within(text, since, start))
    )
    if as_json:
        moments = {"since": start, "until": end, "before_since": since}
        told = {name: moment.isoformat() for name, moment in moments.items()}
        options.print_json({**told, **asdict(found)})
        return
    click.echo(
        f"{found.now} documents since {start:%Y-%m-%d}, "
        f"{found.before} before, since {since:%Y-%m-%d}"
    )
    for one in found.found:
        click.echo(
            f"{one.direction:<7} {one.label} ({one.kind}): {one.now} now, {one.before} before, "
            f"{one.publishers} publishers"
        )
    if not found.found:
        click.echo("nothing that chance would not explain", err=True)


def _write_table(reader: "Reader", search: "Search", limit: int | None) -> None:
    from cli import table

    rows = islice((_row(one) for one in _all(reader, search)), limit)
    stream = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="", write_through=True)
    try:
        table.write(stream, COLUMNS, rows)
    finally:
        stream.detach()  # or it would close the standard output


def _all(reader: "Reader", search: "Search") -> "Iterator[Found]":
    ceiling = reader.ceiling("items")
    for offset in count(0, PAGE):
        page = reader.items(search, PAGE, offset, ceiling)
        yield from page
        if len(page) < PAGE:
            return


def _row(one: "Found") -> dict[str, object]:
    digest = one.digest

    def listed(field: str) -> str:
        return "; ".join(digest.get(field) or ())

    return {
        "published": one.published,
        "publisher": one.publisher,
        "kind": one.kind,
        "title": one.title,
        "headline": digest.get("title", ""),
        "summary": digest.get("summary", ""),
        "relevance": digest.get("relevance_score", ""),
        "domains": listed("domains"),
        "themes": listed("key_insights"),
        "names": listed("names"),
        "companies": listed("company_names"),
        "url": one.url,
        "id": one.id,
    }

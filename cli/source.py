"""`digest source`: the list of sources in digest.toml, and whether they work."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options

if TYPE_CHECKING:
    from digest.records import Document, Skip
    from digest.settings import Settings
    from integrations.sources.imap import ImapSource

SHOWN = 5  # documents that `test` reads


@click.group()
def source() -> None:
    """Add, list, test and remove sources."""


@source.command("list")
@click.option("--opml", is_flag=True, help="Print the feeds as OPML, for other readers.")
@options.common(options.ledger, options.config, options.json_output)
def list_(opml: bool, ledger: Path | None, config: Path | None, as_json: bool) -> None:
    """List the sources, and when each was last read on from where it stood."""
    from digest import settings
    from digest.storage.ledger import Ledger
    from integrations import subscriptions

    chosen = settings.load(config, ledger=ledger)
    if opml:
        click.echo(subscriptions.to_opml(chosen.source), nl=False)
        return
    read: dict[str, str] = {}
    if chosen.ledger.exists():
        with Ledger.for_reading(chosen.ledger) as book:
            for spec in chosen.source:
                moved = book.cursor_moved(spec)
                read[spec] = moved.isoformat() if moved else ""
    if as_json:
        rows = [{"source": spec, "read": read.get(spec, "")} for spec in chosen.source]
        options.print_json({"sources": rows})
        return
    for spec in chosen.source:
        click.echo(f"{read.get(spec, '')[:16]:<16}  {spec}")
    if not chosen.source:
        click.echo("digest: no source is configured; add one with `digest source add`", err=True)


@source.command()
@click.argument("specs", nargs=-1, metavar="SPEC...")
@click.option(
    "--opml",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Add the feeds that an OPML file lists.",
)
@click.option("--untested", is_flag=True, help="Do not try to reach them first.")
@options.common(options.config, options.json_output)
def add(
    specs: tuple[str, ...], opml: Path | None, untested: bool, config: Path | None, as_json: bool
) -> None:
    """Add sources to digest.toml, e.g. `digest source add feed:https://example.org/blog`.

    A web page that names its feed is replaced by that feed. A SPEC that cannot be read is not
    added; feeds from OPML are added without being tried.
    """
    import integrations
    from digest import settings
    from integrations import subscriptions

    chosen = settings.load(config)
    wanted = []
    for spec in specs:
        integrations.source(spec, chosen)  # a wrong SPEC ends here
        found = spec if untested else subscriptions.discovered(spec, chosen)
        if not untested:
            _sample(found, chosen, 1)
        wanted.append(found)
    if opml:
        wanted += subscriptions.from_opml(opml.read_bytes())
    if not wanted:
        raise click.UsageError("give a SPEC or --opml FILE")
    new = subscriptions.add(config or subscriptions.DEFAULT_FILE, wanted)
    if as_json:
        options.print_json({"added": new, "known": [one for one in wanted if one not in new]})
        return
    for spec in wanted:
        click.echo(f"{'added' if spec in new else 'known'}  {spec}")


@source.command()
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@options.common(options.config, options.json_output)
def test(specs: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Read a few documents of each source, or of those given; keep nothing.

    Exit 75 if all that failed may work later, 1 if something else is wrong.
    """
    import integrations
    from digest import settings
    from digest.errors import DigestError
    from digest.records import Document
    from integrations.sources.imap import ImapSource

    chosen = settings.load(config)
    rows: list[dict[str, object]] = []
    codes = []
    for spec in options.require_sources(list(specs) or chosen.source):
        row: dict[str, object] = {"source": spec, "ok": True}
        try:
            found = _sample(spec, chosen, SHOWN)
            row["documents"] = [
                {"title": one.title or one.origin, "published": one.published}
                if isinstance(one, Document)
                else {"skipped": one.origin, "reason": one.reason}
                for one in found
            ]
        except DigestError as error:
            row |= {"ok": False, "error": str(error)}
            codes.append(error.exit_code)
            one = integrations.source(spec, chosen) if error.exit_code == 1 else None
            if isinstance(one, ImapSource):
                row["folders"] = _folders(one)
        rows.append(row)
    if as_json:
        options.print_json({"sources": rows})
    else:
        _show(rows)
    if codes:
        sys.exit(75 if set(codes) == {75} else 1)


@source.command()
@click.argument("spec")
@options.common(options.config, options.json_output)
def remove(spec: str, config: Path | None, as_json: bool) -> None:
    """Take a source out of digest.toml. What was read from it stays in the ledger."""
    from integrations import subscriptions

    subscriptions.remove(config or subscriptions.DEFAULT_FILE, spec)
    if as_json:
        options.print_json({"removed": spec})
    else:
        click.echo(f"removed  {spec}")


def _sample(spec: str, chosen: "Settings", most: int) -> "list[Document | Skip]":
    """The first documents of a source."""
    from itertools import islice

    import integrations
    from digest.pipeline import read

    return [read(raw) for raw in islice(integrations.source(spec, chosen).fetch(None), most)]


def _folders(account: "ImapSource") -> list[str]:
    from digest.errors import SourceError

    try:
        return account.folders()
    except SourceError:
        return []


def _show(rows: list[dict[str, object]]) -> None:
    for row in rows:
        click.echo(f"{'ok' if row['ok'] else 'bad':<4} {row['source']}")
        if not row["ok"]:
            click.echo(f"     {row['error']}")
        for folder in row.get("folders", ()):  # type: ignore[attr-defined]
            click.echo(f"     folder {folder}")
        for one in row.get("documents", ()):  # type: ignore[attr-defined]
            day = str(one.get("published") or "")[:10]
            text = one.get("title") or f"skipped {one['skipped']}: {one['reason']}"
            click.echo(f"     {day:<10}  {text}")

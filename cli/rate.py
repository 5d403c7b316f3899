"""`digest rate`: say what of the report was worth reading; the next reports heed it."""

from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from cli import options

VOTES = ("up", "down", "more", "less")


@click.command()
@click.argument("story", metavar="[ID|URL]", required=False)
@click.argument("vote", type=click.Choice(VOTES), required=False)
@click.option("--reason", default="", metavar="TEXT", help="Why; kept with the vote.")
@options.common(options.ledger, options.config, options.json_output)
def rate(
    story: str | None,
    vote: str | None,
    reason: str,
    ledger: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Rate a story by its link in the report or its id: up or down, or more or less like it.

    The same vote again takes it back. Without a story: list the votes. Stories like those that
    you rated move up or down by a point of ten at most, and say so.
    """
    from digest import settings
    from digest.errors import ConfigError
    from digest.storage.ledger import Ledger
    from digest.storage.lock import writer_lock
    from digest.storage.queries import Reader

    chosen = settings.load(config, ledger=ledger)
    if story is None:
        with Ledger.for_reading(chosen.ledger) as book:
            votes = book.ratings()
        if as_json:
            options.print_json({"ratings": [asdict(one) for one in votes]})
        for one in () if as_json else votes:
            click.echo(f"{one.vote:<5} {one.item}  {one.title}  {one.reason}".rstrip())
        return
    if vote is None:
        raise click.UsageError("give a vote: up, down, more or less")
    with writer_lock(chosen.ledger), Ledger(chosen.ledger) as book:
        if "://" in story:
            with closing(Reader(chosen.ledger)) as reader:
                found = reader.items_at([story])
            if story not in found:
                raise ConfigError(f"no story in the ledger has the address {story}")
            story = found[story]
        change = book.rate(story, vote, reason)  # type: ignore[arg-type]  # click has checked it
    if as_json:
        options.print_json({"item": story, "vote": vote, "change": change})
    else:
        click.echo(f"{change}: {story} {vote}")

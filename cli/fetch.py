"""`digest fetch`: read sources into the ledger."""

from pathlib import Path

import click

from cli import options
from cli.progress import Progress


@click.command()
@options.common(options.source, options.since, options.ledger, options.config, options.json_output)
def fetch(
    source: tuple[str, ...],
    since: str | None,
    ledger: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Read sources into the ledger, without a model."""
    from dataclasses import asdict

    import integrations
    from digest import pipeline, settings
    from digest.storage.ledger import Ledger
    from digest.storage.lock import writer_lock

    chosen = settings.load(config, source=list(source) or None, since=since, ledger=ledger)
    specs = options.require_sources(chosen.source)
    begin = options.start_of(chosen.since)
    sources = [integrations.source(spec, chosen) for spec in specs]
    with writer_lock(chosen.ledger), Ledger(chosen.ledger) as book, Progress() as progress:
        fetched = pipeline.fetch(book, sources, begin, progress)
    if as_json:
        options.print_json(asdict(fetched))
    else:
        click.echo(f"{fetched.new} new, {fetched.known} known, {fetched.skipped} skipped documents")
        options.show_skips(fetched.skips)
    options.end(fetched.failures, anything_done=len(fetched.failures) < len(sources))

"""`digest report`: a report of a period from what the ledger holds."""

from pathlib import Path

import click

from cli import options
from cli.progress import Progress


@click.command()
@click.option("--until", metavar="AGE|DATE", help="Where the period ends.  [default: now]")
@click.option("--last", is_flag=True, help="Print the newest report again; make none.")
@click.option("--deliver", is_flag=True, help="Deliver it to the configured places as well.")
@options.common(
    options.source,
    options.since,
    options.engine,
    options.degraded,
    options.ledger,
    options.config,
    options.json_output,
)
def report(
    until: str | None,
    last: bool,
    deliver: bool,
    source: tuple[str, ...],
    since: str | None,
    engine: str | None,
    degraded: bool,
    ledger: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Print a report of a period as markdown, from what the ledger holds.

    Unlike `run` it fetches nothing, and tells also of what was reported before: with --since 7d
    it is a weekly roll-up. The same report is delivered once.
    """
    from dataclasses import asdict

    import integrations
    from digest import pipeline, settings
    from digest.engines.watched import WatchedEngine
    from digest.errors import EngineUnavailable, LedgerError
    from digest.storage.ledger import Ledger
    from digest.storage.lock import writer_lock

    chosen = settings.load(config, since=since, engine=engine, ledger=ledger)
    sinks = [f"folder:{chosen.out}"] if chosen.out else []
    sinks = [*sinks, *chosen.deliver] if deliver else []
    outcomes: list[pipeline.Delivered] = []
    made = None
    opener = Ledger.for_reading if last else Ledger
    with opener(chosen.ledger) as book:
        if not last:
            begin = options.start_of(chosen.since)
            end = options.start_of(until) if until else None
            documents = book.documents(begin, end, sources=source)
            if not documents:
                click.echo("digest: the ledger holds nothing of this period", err=True)
                return
            with writer_lock(chosen.ledger), Progress() as progress:
                opened, note = options.open_engine(chosen, degraded)
                runner = WatchedEngine(opened)
                try:
                    analyzed = pipeline.digest_documents(book, documents, runner, progress=progress)
                finally:
                    runner.close()
                if runner.died and options.is_strict(chosen, degraded):
                    raise EngineUnavailable(runner.died)
                note = "; ".join(filter(None, (note, runner.died)))
                specs = sorted({document.source for document in documents})
                made = pipeline.make_report(
                    book,
                    analyzed,
                    documents,
                    sources=specs,
                    sinks=sinks,
                    engine_note=note,
                    preferences=chosen.preferences,
                    settles=False,  # a look back must not empty the next morning's report
                )
                if deliver:
                    outcomes = pipeline.deliver(book, lambda spec: integrations.sink(spec, chosen))
        stored = book.report(made.id if made else None)
    if stored is None:
        raise LedgerError("no report was made yet; make one with `digest run`")
    if as_json:
        options.print_json(asdict(stored))
    else:
        click.echo(stored.markdown)
    options.end((), anything_done=True, undelivered=options.failed(outcomes))

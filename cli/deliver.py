"""`digest deliver`: send what waits in the outbox."""

from pathlib import Path

import click

from cli import options


@click.command()
@click.option("--status", is_flag=True, help="Show every delivery, send nothing.")
@options.common(options.ledger, options.config, options.json_output)
def deliver(status: bool, ledger: Path | None, config: Path | None, as_json: bool) -> None:
    """Deliver what waits in the outbox, each report exactly once a sink."""
    from dataclasses import asdict

    import integrations
    from digest import pipeline, settings
    from digest.storage.ledger import Ledger
    from digest.storage.lock import writer_lock

    chosen = settings.load(config, ledger=ledger)
    if status:
        with Ledger.for_reading(chosen.ledger) as book:
            rows = book.outbox(undelivered=False)
        if as_json:
            options.print_json({"deliveries": [asdict(row) for row in rows]})
            return
        for row in rows:
            click.echo(
                f"{row.updated}  {row.state:<8} {row.attempts} attempts  {row.report_id}  "
                f"{row.target or row.sink}  {row.error}".rstrip()
            )
        return
    with writer_lock(chosen.ledger), Ledger(chosen.ledger) as book:
        outcomes = pipeline.deliver(book, lambda spec: integrations.sink(spec, chosen))
    if as_json:
        options.print_json({"deliveries": [asdict(outcome) for outcome in outcomes]})
    else:
        options.show_deliveries(outcomes)
    options.end(options.failed(outcomes), anything_done=False)

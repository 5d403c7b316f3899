"""`digest run`: the main job."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options
from cli.progress import Progress

if TYPE_CHECKING:
    from digest.pipeline import Job, Outcome
    from digest.settings import Settings


@click.command()
@options.common(
    options.source,
    click.option(
        "--deliver",
        metavar="SPEC",
        multiple=True,
        help="Deliver the report there too, e.g. folder:~/Reports. Repeatable.",
    ),
    options.since,
    options.engine,
    options.degraded,
    click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for the report's .md and .html.  [default: reports]",
    ),
    click.option(
        "--empty-report", is_flag=True, help="Make a report also on a day without anything new."
    ),
    click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing."),
    options.ledger,
    options.config,
    options.json_output,
)
def run(
    source: tuple[str, ...],
    deliver: tuple[str, ...],
    since: str | None,
    engine: str | None,
    degraded: bool,
    out: Path | None,
    empty_report: bool,
    dry_run: bool,
    ledger: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Fetch what is new, digest it, write one report and deliver it.

    The same run twice does nothing twice; a killed run continues where it stopped. If the engine
    that you named cannot be had, what was fetched is kept for the next run: exit 75.
    """
    from dataclasses import asdict

    import integrations
    from digest import pipeline, settings
    from digest.storage.ledger import Ledger
    from digest.storage.lock import writer_lock

    chosen = settings.load(
        config,
        source=list(source) or None,
        deliver=list(deliver) or None,
        since=since,
        engine=engine,
        out=out,
        empty_report=empty_report or None,
        ledger=ledger,
    )
    specs = options.require_sources(chosen.source)
    sinks = ([f"folder:{chosen.out}"] if chosen.out else []) + chosen.deliver
    job = pipeline.Job(
        sources=tuple(integrations.source(spec, chosen) for spec in specs),
        sinks=tuple(integrations.sink(spec, chosen).spec for spec in sinks),
        since=options.start_of(chosen.since),
        open_engine=lambda: options.open_engine(chosen, degraded),
        strict=options.is_strict(chosen, degraded),
        open_sink=lambda spec: integrations.sink(spec, chosen),
        preferences=chosen.preferences,
        empty_report=chosen.empty_report,
    )
    if dry_run:
        _show_plan(job, as_json)
        return
    _look_ahead(sinks, chosen)
    with writer_lock(chosen.ledger), Ledger(chosen.ledger) as book, Progress() as progress:
        outcome = pipeline.run(book, job, progress)
    if as_json:
        options.print_json(asdict(outcome))
    else:
        _show(outcome)
    undelivered = options.failed(outcome.deliveries)
    if outcome.postponed:
        reason = (
            f"{outcome.postponed}. What was fetched is kept for the next run; "
            "--degraded makes a report without a model"
        )
        undelivered.append(pipeline.Failure(f"no report: engine {chosen.engine}", reason, 75))
    options.end(
        outcome.fetched.failures,
        anything_done=bool(outcome.report and outcome.report.documents)
        or bool(outcome.fetched.known),
        undelivered=undelivered,
    )


def _look_ahead(sinks: list[str], chosen: "Settings") -> None:
    """Say at once which sinks cannot take the report; raise if none can.

    Others get it all the same, and it waits for these in the outbox.
    """
    from integrations import readiness

    found = {spec: readiness.problem(spec, chosen) for spec in sinks}
    wrong = {spec: error for spec, error in found.items() if error}
    if sinks and len(wrong) == len(sinks):
        raise next(iter(wrong.values()))
    for spec, error in wrong.items():
        click.echo(f"digest: the report will have to wait for {spec}: {error}", err=True)


def _show(outcome: "Outcome") -> None:
    fetched, report = outcome.fetched, outcome.report
    click.echo(f"{fetched.new} new, {fetched.known} known, {fetched.skipped} skipped documents")
    options.show_skips(fetched.skips)
    if report and report.documents:
        degraded = f", {report.degraded} degraded" if report.degraded else ""
        click.echo(f"{report.items} items digested by {outcome.engine}{degraded}")
    elif not outcome.postponed:
        click.echo("nothing new to report")
    if outcome.engine_note and not outcome.postponed:
        click.echo(f"digest: {outcome.engine_note}", err=True)
    options.show_deliveries(outcome.deliveries)


def _show_plan(job: "Job", as_json: bool) -> None:
    """What a run would find, read without touching the ledger."""
    from digest import pipeline
    from digest.errors import ConfigError, SourceError
    from digest.records import Skip

    plan = []
    for source in job.sources:
        entry: dict[str, object] = {"source": source.spec, "documents": 0, "items": 0, "skipped": 0}
        try:
            read = [pipeline.read(raw) for raw in source.fetch(job.since)]
            documents = [one for one in read if not isinstance(one, Skip)]
            entry["documents"] = len(documents)
            entry["items"] = sum(len(document.items) for document in documents)
            entry["skipped"] = len(read) - len(documents)
        except (SourceError, ConfigError) as error:
            entry["error"] = str(error)
        plan.append(entry)
    if as_json:
        options.print_json({"plan": plan, "deliver": job.sinks})
        return
    for entry in plan:
        click.echo(
            f"{entry['source']}: {entry['documents']} documents, {entry['items']} items, "
            f"{entry['skipped']} skipped {entry.get('error', '')}".rstrip()
        )
    click.echo(f"would deliver to {', '.join(job.sinks)}")

"""`digest bulk`: digests of more documents than one machine manages."""

from dataclasses import asdict
from pathlib import Path

import click

from cli import options
from cli.progress import Progress


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--ray",
    "address",
    metavar="ADDRESS",
    default="local",
    show_default=True,
    help="The Ray cluster, HOST:PORT or `auto`; `local` starts one here for the job.",
)
@click.option("--workers", type=click.IntRange(min=0), default=0, help="[default: one a core]")
@click.option(
    "--portion",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Rows of an output file: what a kill costs a worker.",
)
@options.common(options.engine, options.fields, options.config, options.json_output)
def bulk(
    source: Path,
    out: Path,
    address: str,
    workers: int,
    portion: int,
    engine: str | None,
    fields: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Digest the rows of Parquet or JSON lines into Parquet files, on Ray Data.

    IN is a .parquet or .jsonl file or a folder of such, with the columns `text` and, if there
    are, `title` and `id`. Each row stands in OUT exactly once, whatever is killed on the way:
    run the same command again and it goes on. On a cluster, IN and OUT are paths that every
    node sees.
    """
    from digest import settings
    from digest.schema import select
    from integrations.bulk import job

    chosen = settings.load(config, engine=engine)
    with Progress(quiet=as_json) as progress:
        totals = job.run(
            source,
            out,
            chosen,
            select(fields),
            address=address,
            workers=workers,
            size=portion,
            progress=progress,
        )
    if as_json:
        options.print_json(asdict(totals))
        return
    click.echo(
        f"{out}: {totals.rows} rows in {totals.portions} files, {totals.made} of them new; "
        f"{totals.refused} rows refused, {totals.degraded} degraded; {totals.model}"
    )

"""`digest finetune heads`: fit what decides tags and relevance on labelled rows of your own."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options
from cli.progress import Progress

if TYPE_CHECKING:
    from finetune.heads.rows import Rows


@click.command()
@click.option(
    "--data",
    "data_files",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    multiple=True,
    help="Labelled rows, in any format that `prepare` reads. Repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file of heads to write.",
)
@click.option(
    "--held-out", is_flag=True, help="Leave out the validation rows of the default split."
)
@click.option(
    "--encoder/--no-encoder",
    default=True,
    help="Use the sentence encoder, if `digest model pull --encoder` got it.",
)
@click.option(
    "--examine",
    type=click.Choice(("no", "group", "row")),
    default="no",
    show_default=True,
    help="Cross-validate in eight folds, by group or by row, and print what was measured.",
)
@options.json_output
def heads(
    data_files: tuple[Path, ...],
    out: Path,
    held_out: bool,
    encoder: bool,
    examine: str,
    as_json: bool,
) -> None:
    """Fit the heads that decide domains, themes, relevance and companies: minutes on two cores.

    The file keeps word counts and vectors of the rows, though not the texts: do not publish what
    was fitted on private mail. Examine it with `evaluate --engine heads:FILE`.
    """
    from digest.model.encoder import available
    from digest.tags.store import write
    from finetune.config import Split
    from finetune.data import encoding
    from finetune.heads.fit import fit
    from finetune.heads.rows import Rows, vectors

    rows = [row for file in data_files for row in encoding.read(file)[0]]
    if held_out:
        rows, _ = encoding.split(rows, Split())
    with Progress(quiet=as_json) as progress:
        found = vectors(
            rows,
            available() if encoder else None,
            lambda done, total: progress("encode", done, total),
        )
        ready = Rows(rows, found)
        measured = _examined(ready, examine, progress) if examine != "no" else {}
        facts, arrays = fit(ready, range(len(rows)))
    write(out, facts, arrays)
    size = out.stat().st_size
    if as_json:
        told = {"heads": str(out), "rows": len(rows), "bytes": size, "encoder": found is not None}
        options.print_json(told | {"examined": measured})
        return
    for name, value in measured.items():
        click.echo(f"{name:<20} {value}")
    by = "words and vectors" if found is not None else "words alone (there is no encoder)"
    click.echo(f"{out}: fitted on {len(rows):,} rows by {by}; {size / 1e6:.1f} MB")


def _examined(ready: "Rows", how: str, progress: Progress) -> dict[str, str]:
    from finetune.evaluation.evaluate import cell, hold
    from finetune.heads.examine import DECIDED, cross_validate

    rows = [one.row for one in ready.rows]
    said = cross_validate(
        ready,
        range(len(rows)),
        by_group=how == "group",
        progress=lambda done, total: progress("examine", done, total),
    )
    table = hold("heads", rows, said, DECIDED).table
    shown = ("f1_domains", "f1_key_insights", "f1_company_names", "f1_overall", "relevance_mae")
    return {name: cell(table, name) for name in shown}

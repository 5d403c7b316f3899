"""The part of `digest finetune evaluate` that is about judges: their sheets, and what they said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options

if TYPE_CHECKING:
    from digest.schema import Row
    from finetune.evaluation.predictions import Prediction

sheet_option = click.option(
    "--truth-sheet",
    "sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write every statement of the first engine there for a judge to read, and the sources "
    "into FILE.sources.jsonl; with --judged, the sheet that was judged.",
)
rows_option = click.option(
    "--sheet-rows",
    type=click.IntRange(min=0),
    default=80,
    show_default=True,
    help="Rows of the sheet, drawn by their ids; 0: all.",
)
judged_option = click.option(
    "--judged",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="What judges said of the sheet (lines of id and label: true, bent or false): count it, "
    "and ask no engine. Repeatable.",
)


def write(
    sheet: Path,
    rows: "Sequence[Row]",
    predictions: "Sequence[Prediction]",
    count: int,
    *,
    quiet: bool,
) -> None:
    """Write the sheet and the sources beside it."""
    from finetune.evaluation import truth

    lines = truth.write_sheet(sheet, rows, predictions, count)
    if not quiet:
        click.echo(f"\n{lines} statements to judge: {sheet}; their sources: {truth.sources(sheet)}")


def count(
    sheet: Path | None, judged: Sequence[Path], rows: "Sequence[Row]", out: Path, *, as_json: bool
) -> None:
    """Write OUT/truth.json: what judges said of a sheet; and say it. Raises ConfigError."""
    from digest.errors import ConfigError
    from finetune.evaluation import truth

    if sheet is None:
        raise ConfigError("--judged needs the sheet that was judged: --truth-sheet FILE")
    lines = truth.read_sheet(sheet)
    labels = truth.read_labels(judged, lines)
    measured = truth.judge(lines, labels, {row.id: row.group for row in rows})
    out.mkdir(parents=True, exist_ok=True)
    (out / "truth.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    if as_json:
        options.print_json(measured)
        return
    for line in truth.described(lines, labels, measured):
        click.echo(line)

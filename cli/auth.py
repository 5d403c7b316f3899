"""`digest auth`: sign in to services."""

from pathlib import Path
from typing import Any

import click

from cli import options

WAIT = 300.0  # seconds for a person to sign in


@click.group()
def auth() -> None:
    """Sign in to services that sources and sinks need."""


@auth.command()
@click.option("--account", default="default", show_default=True, help="Your name for the account.")
@click.option(
    "--client",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The OAuth client's JSON from Google's console; kept for later.",
)
@click.option(
    "--scope",
    multiple=True,
    type=click.Choice(["gmail.readonly", "gmail.modify", "gmail.send", "drive.file"]),
    help="Ask for this too. Without it: what the configuration needs.",
)
@click.option("--paste", is_flag=True, help="No browser here: paste the address it ends at.")
@click.option("--port", default=0, help="Port to wait on, e.g. for `ssh -L`.  [default: any]")
@click.option(
    "--import",
    "imported",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Take an account file made on another machine, or a service account's key.",
)
@click.option("--check", is_flag=True, help="Only say whether the sign-in works.")
@options.common(options.config, options.json_output)
def google(
    account: str,
    client: Path | None,
    scope: tuple[str, ...],
    paste: bool,
    port: int,
    imported: Path | None,
    check: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Sign in to Google for Gmail and Drive, or check that it works.

    Opens a browser and waits on this machine for its answer.
    """
    from dataclasses import asdict

    from digest import settings
    from integrations.google import auth as signing
    from integrations.google.check import by_asking

    chosen = settings.load(config)
    who = signing.Account.of(account, chosen.google)
    if imported:
        who.save(signing.imported(imported))
    elif not check:
        file = chosen.google.client.expanduser()
        if client:
            _keep(client, file)
        wanted = set(signing.scopes_for(account, chosen))
        if scope:  # these too, and so what was granted before
            held = who.load().get("scopes") or () if who.file.exists() else ()
            wanted |= {*held, *(signing.SCOPE + name for name in scope)}
        who.save(_sign_in(file, sorted(wanted), paste, port))
        signing.require(who, *(name.removeprefix(signing.SCOPE) for name in sorted(wanted)))
    state = by_asking(who, chosen)
    if as_json:
        options.print_json(asdict(state))
    else:
        click.echo(f"{state.account}: signed in, may use {', '.join(state.scopes) or '?'}")
        if state.ends:
            click.echo(
                f"Google ends this sign-in on {state.ends}, because the app is in Testing; "
                "docs/google.md says how to end that"
            )


def _keep(client: Path, file: Path) -> None:
    from integrations.google.auth import SignIn, write_private

    SignIn(client, ["openid"], "http://127.0.0.1/")  # it is a client's file, or this says why not
    write_private(file, client.read_text("utf-8"))


def _sign_in(client: Path, scopes: list[str], paste: bool, port: int) -> dict[str, Any]:
    import threading
    import webbrowser

    from integrations.google.auth import SignIn
    from integrations.google.loopback import Loopback

    if paste:
        sign_in = SignIn(client, scopes, f"http://127.0.0.1:{port or 8765}/")
        click.echo(f"Open this address in any browser and sign in:\n\n{sign_in.url}\n", err=True)
        click.echo("The browser then ends at a page that cannot be shown: that is right.", err=True)
        return sign_in.finish(click.prompt("Paste that page's whole address here", err=True))
    with Loopback(port) as server:
        sign_in = SignIn(client, scopes, server.address)
        click.echo(f"Sign in at this address:\n\n{sign_in.url}\n", err=True)
        # In a thread: a browser in the terminal returns only when it is done.
        threading.Thread(target=webbrowser.open, args=(sign_in.url,), daemon=True).start()
        return sign_in.finish(server.wait(WAIT))

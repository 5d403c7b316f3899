"""`digest serve`: Digest for assistants, over MCP."""

from pathlib import Path

import click

from cli import options


@click.command()
@click.option(
    "--http",
    "address",
    metavar="HOST:PORT",
    help="Serve over HTTP on this machine, e.g. 127.0.0.1:8365, instead of standard input.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where HTTP's bearer token is; made if missing.  [default: in the user's data]",
)
@options.common(options.source, options.since, options.engine, options.ledger, options.config)
def serve(
    address: str | None,
    token_file: Path | None,
    source: tuple[str, ...],
    since: str | None,
    engine: str | None,
    ledger: Path | None,
    config: Path | None,
) -> None:
    """Offer Digest's tools to an assistant over the Model Context Protocol.

    The assistant can read the configured sources and deliver to the configured sinks, nothing
    else. It starts the server itself: docs/mcp.md says how to tell it.
    """
    from digest import settings
    from server import transport

    chosen = settings.load(
        config, source=list(source) or None, since=since, engine=engine, ledger=ledger
    )
    if address is None:
        transport.stdio(chosen)
        return
    from platformdirs import user_data_path

    host, port = _parse(address)
    path = token_file or user_data_path("digest") / "mcp-token"
    token = transport.token_from(path)
    transport.http(
        chosen,
        host,
        port,
        token,
        lambda url: click.echo(f"digest: serving {url}; the token is in {path}", err=True),
    )


def _parse(address: str) -> tuple[str, int]:
    from digest.errors import ConfigError

    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"cannot read {address!r}; write HOST:PORT, e.g. 127.0.0.1:8365")
    return host.strip("[]") or "127.0.0.1", int(port)

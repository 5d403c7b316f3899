"""How clients reach the server: stdio, or streamable HTTP on this machine with a token."""

import gc
import hmac
import ipaddress
import logging
import os
import secrets
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from digest.errors import ConfigError
from digest.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from server.jobs import Desk

log = logging.getLogger(__name__)

DEFAULT_PORT = 8365
GRACE = 5  # seconds for calls at work when the server is told to end


def stdio(settings: Settings) -> None:
    """Serve one client over standard input and output until it hangs up."""
    import anyio

    from server.app import build
    from server.jobs import Desk

    async def serve() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(_end_on_signal, desk)
            await build(desk).run_stdio_async()
            group.cancel_scope.cancel()

    with Desk(settings) as desk:
        desk.finish()
        gc.freeze()
        anyio.run(serve)


async def _end_on_signal(desk: "Desk") -> None:
    """Bring the ledger to rest and go; the thread that waits for input cannot be called back."""
    import anyio
    import anyio.to_thread

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            await anyio.to_thread.run_sync(desk.close)
            os._exit(0)


def http(
    settings: Settings,
    host: str,
    port: int,
    token: str,
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve many clients over HTTP until a signal ends it; `ready` is told the URL.

    `host` must be a loopback address. Without a token anybody on this machine may call.
    Raises ConfigError if the address cannot be had.
    """
    import socket

    import uvicorn

    from server.app import build
    from server.jobs import Desk

    if not is_loopback(host):
        raise ConfigError(f"{host} is not on this machine; serve on 127.0.0.1 or ::1")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named: 40 ms a call.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    shown = f"[{host}]" if ":" in host else host
    with listener, Desk(settings) as desk:
        app: ASGIApp = build(desk).streamable_http_app(host=host)
        if token:
            app = Guard(app, token)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE, lifespan="on"
        )
        desk.finish()
        _settle()
        ready(f"http://{shown}:{listener.getsockname()[1]}/mcp")
        uvicorn.Server(config).run(sockets=[listener])


def _settle() -> None:
    """Load what every call needs now, and tell the garbage collector that it is here to stay.

    Going over all modules again and again took a fifth of the server's time under load.
    """
    import digest.pipeline  # noqa: F401  both loaded for later
    import integrations  # noqa: F401

    gc.freeze()


def is_loopback(host: str) -> bool:
    """Whether an address cannot be reached from other machines."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """ASGI: lets through who shows the token, answers 401 to all others."""

    def __init__(self, app: "ASGIApp", token: str) -> None:
        self._app = app
        self._expected = token.encode()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One connection."""
        if scope["type"] == "http":
            shown = dict(scope["headers"]).get(b"authorization", b"")
            scheme, _, credentials = shown.partition(b" ")
            # The name of a scheme is written in any case (RFC 9110), the token is not.
            if scheme.lower() != b"bearer" or not hmac.compare_digest(
                credentials.strip(), self._expected
            ):
                from starlette.responses import JSONResponse

                refusal = JSONResponse(
                    {"error": "send the header Authorization: Bearer TOKEN"},
                    status_code=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def token_from(path: Path) -> str:
    """The token in a file that only its owner may read; a new one if there is no file.

    Raises ConfigError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"cannot write the token file {path}: {error.strerror}") from error
    else:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            token = file.read().strip()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"cannot read the token file {path}") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"others may read the token file {path}; mend it with `chmod 600 {path}`")
    if len(token) < 16:
        raise ConfigError(f"the token in {path} is too short; remove the file to get a new one")
    return token

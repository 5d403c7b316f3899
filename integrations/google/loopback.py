"""Waits on this machine for the browser that Google sends back."""

import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from digest.errors import AccessError, ConfigError

_PAGE = (
    "<!doctype html><meta charset=utf-8><title>Digest</title>"
    "<p style='font:1.2em sans-serif;margin:3em'>{}</p>"
)


class Loopback:
    """A web server on 127.0.0.1 that takes one redirect. `address` is the redirect URI."""

    def __init__(self, port: int = 0) -> None:
        self._found = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5  # a connection that says nothing must not block the sign-in

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                ours = "state" in query and ("code" in query or "error" in query)
                if ours:
                    outer._found = outer.address.rstrip("/") + self.path
                text = "Digest has what it needs. You can close this page." if ours else "Not here."
                body = _PAGE.format(text).encode()
                self.send_response(200 if ours else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:  # the request line holds the code
                """Say nothing."""

        try:
            self._server = HTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise ConfigError(f"port {port} is taken; give another with --port") from error
        self.address = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._server.server_close()

    def wait(self, seconds: float) -> str:
        """The address that the browser was sent to. Other requests are answered and ignored."""
        end = time.monotonic() + seconds
        while not self._found:
            self._server.timeout = end - time.monotonic()
            if self._server.timeout <= 0:
                raise AccessError(
                    f"nobody signed in within {seconds:.0f} seconds; run the command again, "
                    "with --paste if the browser is on another machine"
                )
            self._server.handle_request()
        return self._found

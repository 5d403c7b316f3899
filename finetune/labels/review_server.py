"""The review page's server: loopback only, for one browser, which opens it by a one-time address.

Guards against other pages in the same browser: a token that works once and becomes a cookie, the
Host header (DNS rebinding), Origin and content type of every POST, and a content policy under
which the page loads nothing but itself.
"""

import json
import secrets
import threading
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from finetune.labels.review import Refused, Session

PAGE = Path(__file__).with_name("review.html")
_BODY = 1 << 20  # bytes of a request
_POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class ReviewServer:
    """Serves a session until the page says that it is done, or `stop` is called."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._token: str | None = secrets.token_urlsafe(24)
        self._cookie = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        owner = self

        class Handler(_Handler):
            server_ = owner

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = int(self._http.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/?token={self._token}"

    def serve(self) -> None:
        """Answer until stopped."""
        try:
            self._http.serve_forever(poll_interval=0.2)
        finally:
            self._http.server_close()

    def stop(self) -> None:
        """End `serve`, from any thread."""
        threading.Thread(target=self._http.shutdown, daemon=True).start()

    def enter(self, token: str) -> str | None:
        """The cookie for the one-time token; None if it is wrong or was used."""
        with self._lock:
            mine, given = self._token, token.encode("utf-8", "replace")
            if mine is None or not secrets.compare_digest(mine.encode(), given):
                return None
            self._token = None
        return f"{self.cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"

    @property
    def cookie_name(self) -> str:
        """Cookies do not tell ports apart; their names do."""
        return f"digest-review-{self.port}"

    def knows(self, cookie: str) -> bool:
        """Whether a Cookie header has our cookie."""
        try:
            found = SimpleCookie(cookie).get(self.cookie_name)
        except CookieError:
            return False
        return found is not None and secrets.compare_digest(
            found.value.encode(), self._cookie.encode()
        )


class _Handler(BaseHTTPRequestHandler):
    server_: ReviewServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """The page, the state of the review, one row."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if not self._is_ours():
            return
        if parts.path == "/" and "token" in query:
            if cookie := self.server_.enter(query["token"][0]):
                self._send(303, b"", "text/plain", {"Location": "/", "Set-Cookie": cookie})
            else:
                self._refuse(403, "This address was used. Run `digest finetune review` again.")
            return
        if not self._is_known():
            return
        session = self.server_.session
        if parts.path == "/":
            nonce = secrets.token_urlsafe(16)
            page = PAGE.read_text("utf-8").replace("{{nonce}}", nonce)
            policy = {"Content-Security-Policy": _POLICY.format(nonce)}
            self._send(200, page.encode(), "text/html; charset=utf-8", policy)
        elif parts.path == "/api/state":
            self._json(session.overview)
        elif parts.path == "/api/row":
            place = query.get("place", [""])[0]
            if place.isdecimal() and int(place) < len(session.queue):
                self._json(lambda: session.show(int(place)))
            else:
                self._refuse(404, "there is no such row")
        else:
            self._refuse(404, "there is nothing here")

    def do_POST(self) -> None:
        """A verdict, or the end."""
        if not (self._is_ours() and self._is_known()):
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _BODY:
            self.close_connection = True
            self._refuse(413, "the request is too long or has no length")
            return
        body = self.rfile.read(int(length))
        origin = self.headers.get("Origin", "")
        if origin != f"http://{self.headers['Host']}":
            self._refuse(403, "another page may not do this")
        elif self.headers.get("Content-Type", "").partition(";")[0] != "application/json":
            self._refuse(415, "only JSON is taken")
        elif self.path == "/api/verdict":
            self._json(lambda: self._verdict(body))
        elif self.path == "/api/end":
            self._json(self.server_.session.statistics)
            self.server_.stop()
        else:
            self._refuse(404, "there is nothing here")

    def _verdict(self, body: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(body)
            place, identity, verdict = asked["place"], asked["id"], asked["verdict"]
            digest = asked.get("digest")
            if not isinstance(place, int) or not isinstance(digest, dict | None):
                raise TypeError("place or digest")
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"not a verdict: {error!r}", 400) from error
        session = self.server_.session
        row = session.decide(place, str(identity), str(verdict), digest)
        return {"row": row, "statistics": session.statistics()}

    def _is_ours(self) -> bool:
        """A name that leads here but is not ours is another page's trick."""
        port = self.server_.port
        if self.headers.get("Host", "") in {f"127.0.0.1:{port}", f"localhost:{port}"}:
            return True
        self._refuse(421, "this is not the host that was asked for")
        return False

    def _is_known(self) -> bool:
        if self.server_.knows(self.headers.get("Cookie", "")):
            return True
        self._refuse(403, "Open the address that `digest finetune review` printed.")
        return False

    def _json(self, make: Callable[[], Any]) -> None:
        try:
            value, status = make(), 200
        except Refused as refused:
            value, status = {"error": refused.reason}, refused.status
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self._send(status, body, "application/json; charset=utf-8")

    def _refuse(self, status: int, reason: str) -> None:
        if self.command == "POST" and status in {403, 421}:
            self.close_connection = True  # its body was not read
        self._send(status, (reason + "\n").encode(), "text/plain; charset=utf-8")

    def _send(
        self, status: int, body: bytes, media_type: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Nothing: the token would stand in the log."""

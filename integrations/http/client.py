"""The one HTTP client for everything that is fetched because content or a user's SPEC says so.

GET only, http and https only, public addresses only (`guard`), bounded in size, time, redirects
and decompression. It connects directly: a proxy would resolve names where nobody checks them.

The user's own servers at private addresses, `[http] allow`, are reached by addresses that the
user wrote and by redirects between those servers, never because content or a stranger says so.
"""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Self

import httpcore
import httpx

from digest import __version__
from digest.errors import SourceError, SourceUnavailable
from integrations.http.guard import (
    Allowed,
    Deadline,
    GuardedBackend,
    Refused,
    Resolver,
    system_resolver,
)

USER_AGENT = f"digest/{__version__} (personal newsletter reader)"
PAGES = ("text/*", "application/xhtml+xml", "application/xml")

_REDIRECTS = {301, 302, 303, 307, 308}
_FOR_GOOD = {301, 308}
_MAX_URL = 8_192
_HOST = re.compile(rb"[\w.:-]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take."""

    size: int = 16 * 2**20  # bytes of body, before and after decompression
    seconds: float = 30.0  # for all of it, redirects included
    idle: float = 10.0  # seconds for one connect, read or write
    redirects: int = 5
    ratio: int = 100  # of decompression, once a body is over 1 MiB


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Header names are in lower case; `content` is decompressed."""

    url: str  # after redirects
    status: int
    headers: Mapping[str, str]
    content: bytes
    moved: str = ""  # where every redirect on the way said, for good, that this is now

    @property
    def media_type(self) -> str:
        """Of the Content-Type, in lower case; "" if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """Of the Content-Type."""
        _, _, parameters = self.headers.get("content-type", "").partition(";")
        for parameter in parameters.split(";"):
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                return value.strip(" \"'") or None
        return None

    def retry_after(self, now: datetime) -> float | None:
        """Seconds that the server asks to wait, a day at most."""
        value = self.headers.get("retry-after", "").strip()
        try:
            if value.isascii() and value.isdigit():
                seconds = float(value)
            else:
                moment = parsedate_to_datetime(value)
                seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
        except (ValueError, OverflowError):
            return None
        return min(max(seconds, 0.0), 86_400.0)

    def checked(self) -> Self:
        """Itself, if it is a 2xx. Raises SourceUnavailable for 429 and 5xx, SourceError."""
        if 200 <= self.status < 300:
            return self
        if self.status == 429 or self.status >= 500:
            raise SourceUnavailable(f"{self.url} answers {self.status}; try again later")
        raise SourceError(f"{self.url} answers {self.status}")


class Client:
    """Fetches URLs. Use it as a context manager, in one thread.

    `allow` names hosts (`host` or `host:port`) that may be at private addresses; it holds for
    what `get` is told to be `configured`, and for nothing else.
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        limits: Limits | None = None,
        resolve: Resolver = system_resolver,
    ) -> None:
        self._limits = limits or Limits()
        self._deadline = Deadline()
        self._allow = Allowed(allow)
        tls = httpx.create_ssl_context()

        def pool(allow: Allowed | None) -> httpcore.ConnectionPool:
            return httpcore.ConnectionPool(
                ssl_context=tls,
                network_backend=GuardedBackend(self._deadline, resolve, allow),
                max_connections=4,
                keepalive_expiry=15.0,
            )

        # Two, or content could use a connection that stands open to one of the user's servers.
        self._own, self._public = pool(self._allow), pool(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._own.close()
        self._public.close()

    def get(
        self,
        url: str,
        *,
        accept: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        configured: bool = False,
    ) -> Response:
        """Fetch a URL, through redirects, whatever its status.

        `accept` holds media types as patterns (`text/*`) that a 2xx body must match if it has a
        type; none given accepts all. `configured` says that the user wrote this URL, so that it
        may lead to an allowed host. Raises Refused for what may not be fetched,
        SourceUnavailable if it cannot be now.
        """
        self._deadline.start(self._limits.seconds)
        here = _checked_url(url)
        secret = here.userinfo
        sent = {"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate"}
        sent |= {"accept": ", ".join([*accept, "*/*;q=0.1"])} if accept else {}
        sent |= headers or {}
        home, for_good = _origin(here), True
        for hops in range(self._limits.redirects + 1):
            auth = httpx.BasicAuth(here.username, here.password) if secret else None
            request = httpx.Request("GET", here.copy_with(userinfo=b"", fragment=None))
            for name, value in sent.items():
                request.headers[name] = value
            if auth and _origin(here) == home:  # a password stays with the host it is for
                request = next(auth.sync_auth_flow(request))
            pool = self._own if configured else self._public
            response = self._once(pool, request, accept)
            target = response.headers.get("location")
            if response.status not in _REDIRECTS or not target:
                return replace(response, moved=str(here)) if hops and for_good else response
            for_good = for_good and response.status in _FOR_GOOD
            # What a stranger's server answers is content, its redirects too.
            configured = configured and self._allow.names(here.host, _port(here))
            here = _checked_url(target, base=here)
        raise Refused(f"{url} redirects more than {self._limits.redirects} times")

    def _once(
        self, pool: httpcore.ConnectionPool, request: httpx.Request, accept: Sequence[str]
    ) -> Response:
        idle = self._limits.idle
        timeouts = {"connect": idle, "read": idle, "write": idle, "pool": idle}
        with (
            _plain_errors(str(request.url)),
            pool.stream(
                "GET",
                httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                extensions={"timeout": timeouts},
            ) as answer,
        ):
            headers = {
                name.decode("ascii", "replace").lower(): value.decode("latin-1")
                for name, value in reversed(answer.headers)  # of a repeated name, the first
            }
            response = Response(str(request.url), answer.status, headers, b"")
            if answer.status in _REDIRECTS or answer.status == 304:
                return response
            if 200 <= answer.status < 300 and accept and response.media_type:
                kind = response.media_type
                if not any(fnmatchcase(kind, pattern) for pattern in accept):
                    raise Refused(f"{request.url} is {kind}, not {' or '.join(accept)}")
            body = b"".join(self._decoded(answer.iter_stream(), response))
            return Response(response.url, response.status, headers, body)

    def _decoded(self, raw: Iterator[bytes], response: Response) -> Iterator[bytes]:
        """The body, decompressed, for as long as it keeps within the limits."""
        limits = self._limits
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limits.size:
            raise Refused(f"{response.url} is over {limits.size >> 20} MiB")
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        inflate = _Inflate(response.url, coding) if coding not in {"", "identity"} else None
        taken = given = 0
        for block in raw:
            taken += len(block)
            pieces = inflate.feed(block) if inflate else [block]
            for piece in pieces:
                given += len(piece)
                if max(taken, given) > limits.size:
                    raise Refused(f"{response.url} is over {limits.size >> 20} MiB")
                if given > 2**20 and given > limits.ratio * taken:
                    raise Refused(f"{response.url} unpacks to over {limits.ratio} times its size")
                yield piece


class _Inflate:
    """gzip (also of several members), zlib, and the bare deflate that some servers send."""

    _STEP = 2**16

    def __init__(self, url: str, coding: str) -> None:
        if coding not in {"gzip", "x-gzip", "deflate"}:
            raise Refused(f"{url} is packed as {coding[:40]!r}, which was not asked for")
        self._url = url
        self._window = -zlib.MAX_WBITS if coding == "deflate" else zlib.MAX_WBITS | 32
        self._begun = coding != "deflate"
        self._engine = zlib.decompressobj(self._window)

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Unpack in small steps, so that a bomb is seen while it is small."""
        if not self._begun:
            self._begun = True
            if block[:1] == b"\x78":  # zlib's header: what the standard means by deflate
                self._engine = zlib.decompressobj()
        while block:
            if self._engine.eof:
                self._engine = zlib.decompressobj(self._window)
            try:
                piece = self._engine.decompress(block, self._STEP)
            except zlib.error as error:
                raise SourceError(f"{self._url} cannot be unpacked: {error}") from error
            yield piece
            block = self._engine.unconsumed_tail or self._engine.unused_data
            if self._engine.eof and not block.strip(b"\0"):
                return


def _checked_url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    if len(text) > _MAX_URL:
        raise Refused(f"a URL of {len(text)} characters is not followed")
    try:
        url = base.join(text) if base else httpx.URL(text.strip())
        if url.host and not _HOST.fullmatch(url.raw_host):
            raise httpx.InvalidURL("no host has such characters")
        if url.port is not None and not 0 < url.port < 65_536:
            raise httpx.InvalidURL("port out of range")
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise Refused(f"{text[:200]!r} is not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise Refused(f"{text[:200]!r} is not followed: only http and https URLs are")
    return url


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, _port(url)


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


@contextmanager
def _plain_errors(url: str) -> Iterator[None]:
    try:
        yield
    except (httpcore.TimeoutException, TimeoutError) as error:
        raise SourceUnavailable(f"{url} does not answer in time; try again later") from error
    except (httpcore.ConnectError, httpcore.NetworkError, OSError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceUnavailable(f"{url} cannot be reached: {error}") from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError) as error:
        raise SourceError(f"{url} does not speak HTTP: {error}") from error

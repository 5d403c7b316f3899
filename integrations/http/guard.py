"""Which addresses may be reached for content, checked on the very address that is connected to.

A name is resolved once for a connection, the answers that are not public are thrown away, and
the socket goes to one of the rest: between check and connect there is nothing left to rebind.
Spellings of a host (decimal, octal, IPv6 forms) do not matter, because only addresses are judged.
"""

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

from digest.errors import SourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""(host, port) -> addresses as text, best first. Raises OSError."""

_UNICAST6 = ipaddress.IPv6Network("2000::/3")  # all that is given out to the public
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


_MEND = '; if it is yours, write allow = ["{host}:{port}"] under [http] in digest.toml'


class Refused(SourceError):
    """Something from outside asked for what it may not have: an address, a size, a time."""


def is_public(text: str) -> bool:
    """Whether an address is of the public internet; so must be any IPv4 address inside it."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address.sixtofour is not None and not is_public(str(address.sixtofour)):
            return False
        if address not in _UNICAST6:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def system_resolver(host: str, port: int) -> list[str]:
    """What the operating system says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Deadline:
    """The moment by which the request in hand must be over."""

    def __init__(self) -> None:
        self._at = 0.0

    def start(self, seconds: float) -> None:
        """Begin a request."""
        self._at = time.monotonic() + seconds

    def left(self, timeout: float | None = None) -> float:
        """Seconds left, `timeout` at most. Raises httpcore.ReadTimeout if there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole request is over")
        return left if timeout is None else min(left, timeout)


class Allowed:
    """The user's own servers, each as `host` or `host:port`."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = frozenset(entry.lower() for entry in entries)

    def names(self, host: str, port: int) -> bool:
        """Whether this server is among them."""
        return bool(self._entries & {host.lower(), f"{host.lower()}:{port}"})


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to public addresses, and to what `allow` names; None: for content, nothing else."""

    def __init__(self, deadline: Deadline, resolve: Resolver, allow: Allowed | None) -> None:
        self._deadline = deadline
        self._resolve = resolve
        self._allow = allow
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check, connect to what was checked. Raises Refused or httpcore.ConnectError."""
        addresses = self._resolve_in_time(host, port, self._deadline.left(timeout))
        if not (self._allow and self._allow.names(host, port)):
            reachable = [address for address in addresses if is_public(address)]
            if addresses and not reachable:
                raise Refused(
                    f"{host} is at {addresses[0]}, which is not a public address"
                    + ("" if self._allow is None else _MEND.format(host=host, port=port))
                )
            addresses = reachable
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses[:4]:
            try:
                stream = self._plain.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure

    def _resolve_in_time(self, host: str, port: int, seconds: float) -> Sequence[str]:
        # The system's resolver takes no timeout, so it is asked in a thread that may be left.
        answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolve(host, port))
            except Exception as error:  # whatever a name makes the resolver do
                answers.put(OSError(f"{host} cannot be resolved: {error}"))

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
        if isinstance(answer, OSError):
            raise httpcore.ConnectError(str(answer))
        return answer

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Never."""
        raise Refused(f"{path} is a local socket")


class _TimedStream(httpcore.NetworkStream):
    """A stream on which a peer that sends a byte now and then cannot outstay the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return _TimedStream(
            self._stream.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

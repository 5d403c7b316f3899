import gzip
import time
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_http import Reply

from digest.errors import SourceError, SourceUnavailable
from integrations.http import guard
from integrations.http.client import PAGES, Client, Limits, Response
from integrations.http.guard import Refused, is_public

LOOPBACK_SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "2130706433",  # decimal
    "0x7f000001",  # hexadecimal
    "0177.0.0.1",  # octal
    "017700000001",
    "localhost",
    "LOCALHOST.",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",  # NAT64 around loopback
    "[2002:7f00:1::]",  # 6to4 around loopback
]


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
def test_no_spelling_of_loopback_is_reached(server, host) -> None:
    server.routes["/"] = Reply(b"secret")
    with Client(limits=Limits(seconds=3)) as client, pytest.raises(SourceError):
        client.get(f"http://{host}:{server.port}/")
    assert server.seen == []


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
def test_no_redirect_into_loopback_is_followed(server, host) -> None:
    server.routes["/start"] = Reply(
        status=302, headers={"Location": f"http://{host}:{server.port}/secret"}
    )
    server.routes["/secret"] = Reply(b"secret")
    client = Client(
        allow=[f"start.test:{server.port}"],
        resolve=lambda name, port: _system({"start.test": ["127.0.0.1"]}, name, port),
        limits=Limits(seconds=3),
    )
    with client, pytest.raises(SourceError):
        client.get(f"http://start.test:{server.port}/start", configured=True)
    assert server.paths == ["/start"]


def test_the_allow_list_holds_for_what_the_user_wrote_alone(server) -> None:
    server.routes["/"] = Reply(b"secret")
    with Client(allow=server.allow) as client:
        with pytest.raises(Refused, match=r"not a public address$"):
            client.get(f"{server.base}/")
        assert client.get(f"{server.base}/", configured=True).content == b"secret"
        with pytest.raises(Refused):  # nor over the connection that now stands open
            client.get(f"{server.base}/")
    assert server.paths == ["/"]


def test_a_strangers_redirect_reaches_no_allowed_server(server, monkeypatch) -> None:
    # One server plays two: the guard takes its first spelling for public, not the second.
    names = {"stranger.test": ["127.0.0.1"], "mine.test": ["127.1"]}
    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.1")
    stranger, mine = (f"http://{host}.test:{server.port}" for host in ("stranger", "mine"))
    server.routes["/in"] = Reply(status=302, headers={"Location": f"{mine}/secret"})
    server.routes["/out"] = Reply(status=302, headers={"Location": f"{stranger}/in"})
    server.routes["/secret"] = Reply(b"secret")
    with Client(allow=["mine.test"], resolve=lambda name, _: names[name]) as client:
        assert client.get(f"{mine}/in", configured=True).content == b"secret"
        server.seen.clear()
        for url in (f"{stranger}/in", f"{mine}/out"):  # the second goes out and comes back
            with pytest.raises(Refused, match="not a public address"):
                client.get(url, configured=True)
    assert server.paths == ["/in", "/out", "/in"]


def _system(known: dict[str, list[str]], name: str, port: int) -> list[str]:
    from integrations.http.guard import system_resolver

    return known.get(name) or system_resolver(name, port)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "240.0.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.9",
        "192.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:c0a8:101::",
        "2001:db8::1",
        "2001::1",
        "::7f00:1",
        "not-an-address",
    ],
)
def test_a_name_that_resolves_to_what_is_not_public_is_refused(address) -> None:
    assert not is_public(address)
    with (
        Client(resolve=lambda *_: [address], limits=Limits(seconds=3)) as client,
        pytest.raises(Refused, match="not a public address"),
    ):
        client.get("http://innocent.example/")


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_addresses_are_public(address) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_wrapping_an_ipv4_address_in_ipv6_changes_nothing(address) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))
    assert is_public(f"64:ff9b::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}") == is_public(
        str(address)
    )


def test_the_checked_address_is_the_one_connected_to(server) -> None:
    """A resolver that answers public first and loopback after is asked once a connection."""
    server.routes["/"] = Reply(b"secret")
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]])
    asked = []

    def rebinding(name: str, port: int) -> list[str]:
        asked.append(name)
        return next(answers)

    limits = Limits(seconds=1, idle=0.5)
    with Client(resolve=rebinding, limits=limits) as client:
        with pytest.raises(SourceUnavailable):  # went to the public address, which is not there
            client.get(f"http://rebind.test:{server.port}/")
        assert asked == ["rebind.test"]
        with pytest.raises(Refused):
            client.get(f"http://rebind.test:{server.port}/")
    assert server.seen == []


def test_of_mixed_answers_only_public_ones_are_tried(server) -> None:
    server.routes["/"] = Reply(b"secret")
    limits = Limits(seconds=1, idle=0.5)
    mixed = Client(resolve=lambda *_: ["127.0.0.1", "93.184.215.14"], limits=limits)
    with mixed as client, pytest.raises(SourceUnavailable):
        client.get(f"http://mixed.test:{server.port}/")
    assert server.seen == []


@pytest.mark.parametrize(
    "url",
    [
        *[
            "file:///etc/passwd",
            "ftp://example.org/x",
            "gopher://example.org/",
            "javascript:alert(1)",
            "data:text/html,x",
            "//example.org/x",
            "http://",
            "http:///x",
            "http://[::1",
            "http://example.org:99999/",
        ],
        *("", "\0", "x" * 9000, "http://exa mple.org/", "http://example.org\r\nX: y/"),
    ],
)
def test_only_sound_web_urls_are_followed(url) -> None:
    with Client(resolve=lambda *_: pytest.fail("asked")) as client, pytest.raises(Refused):
        client.get(url)


def test_a_redirect_to_another_scheme_is_refused(server) -> None:
    server.routes["/"] = Reply(status=301, headers={"Location": "file:///etc/passwd"})
    with Client(allow=server.allow) as client, pytest.raises(Refused, match="only http"):
        client.get(f"{server.base}/", configured=True)


def test_an_allowed_host_is_read_through_relative_redirects(server) -> None:
    server.routes["/a"] = Reply(status=302, headers={"Location": "b?x=1"})
    server.routes["/b"] = Reply("grün".encode("latin-1"), "text/html; charset=ISO-8859-1")
    with Client(allow=server.allow) as client:
        found = client.get(f"{server.base}/a#part", accept=PAGES, configured=True).checked()
    assert (found.url, found.media_type, found.charset) == (
        f"{server.base}/b?x=1",
        "text/html",
        "ISO-8859-1",
    )
    assert found.content == "grün".encode("latin-1")


def test_an_endless_redirect_ends(server) -> None:
    server.routes["/"] = Reply(status=302, headers={"Location": "/"})
    with Client(allow=server.allow) as client, pytest.raises(Refused, match="more than 5"):
        client.get(f"{server.base}/", configured=True)
    assert len(server.seen) == 6


def test_a_password_stays_with_its_host(server) -> None:
    server.routes["/in"] = Reply(
        status=302, headers={"Location": f"http://other.test:{server.port}/out"}
    )
    server.routes["/out"] = Reply(b"public")
    allow = [*server.allow, f"other.test:{server.port}"]
    with Client(allow=allow, resolve=lambda *_: ["127.0.0.1"]) as client:
        found = client.get(f"http://me:secret@127.0.0.1:{server.port}/in", configured=True)
    (_, first), (_, second) = server.seen
    assert first["authorization"].startswith("Basic ")
    assert "authorization" not in second
    assert "secret" not in found.url


def test_size_is_bounded_declared_or_not(server) -> None:
    def endless(request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            request.wfile.write(b"x" * 65_536)

    server.routes["/endless"] = endless
    server.routes["/declared"] = Reply(b"x" * 300_000)
    with Client(allow=server.allow, limits=Limits(size=200_000)) as client:
        for path in ("/endless", "/declared"):
            with pytest.raises(Refused, match="over"):
                client.get(server.base + path, configured=True)


def test_time_is_bounded_for_a_server_that_drips(server) -> None:
    def drip(request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX-")
        for _ in range(200):
            request.wfile.write(b"a")
            request.wfile.flush()
            time.sleep(0.05)

    server.routes["/"] = drip
    began = time.monotonic()
    with (
        Client(allow=server.allow, limits=Limits(seconds=0.6, idle=0.3)) as client,
        pytest.raises(SourceUnavailable, match="in time"),
    ):
        client.get(f"{server.base}/", configured=True)
    assert time.monotonic() - began < 8  # it drips for ten


def test_a_resolver_that_hangs_is_left() -> None:
    with (
        Client(resolve=lambda *_: time.sleep(5) or [], limits=Limits(seconds=0.3)) as client,
        pytest.raises(SourceUnavailable),
    ):
        client.get("http://slow.example/")


def test_compressed_bodies_are_unpacked(server) -> None:
    body = b"<p>news</p>" * 1000
    bare = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(body),
        "x-gzip": gzip.compress(body[:5000]) + gzip.compress(body[5000:]) + b"\0\0",
        "deflate": zlib.compress(body),
        " Deflate": bare.compress(body) + bare.flush(),
        "identity": body,
    }
    with Client(allow=server.allow) as client:
        for number, (coding, content) in enumerate(packed.items()):
            server.routes[f"/{number}"] = Reply(content, headers={"Content-Encoding": coding})
            assert client.get(f"{server.base}/{number}", configured=True).content == body, coding


def test_a_decompression_bomb_is_refused_while_it_is_small(server) -> None:
    bomb = gzip.compress(b"\0" * (12 << 20), 9)
    server.routes["/"] = Reply(bomb, headers={"Content-Encoding": "gzip"})
    server.routes["/twice"] = Reply(bomb, headers={"Content-Encoding": "gzip, gzip"})
    server.routes["/broken"] = Reply(b"no gzip", headers={"Content-Encoding": "gzip"})
    with Client(allow=server.allow) as client:
        with pytest.raises(Refused, match="100 times"):
            client.get(f"{server.base}/", configured=True)
        with pytest.raises(Refused, match="not asked for"):
            client.get(f"{server.base}/twice", configured=True)
        with pytest.raises(SourceError, match="unpacked"):
            client.get(f"{server.base}/broken", configured=True)


def test_other_content_types_are_refused(server) -> None:
    server.routes["/"] = Reply(b"\x89PNG", "image/png")
    server.routes["/none"] = Reply(b"<p>x", "")
    with Client(allow=server.allow) as client:
        with pytest.raises(Refused, match="image/png"):
            client.get(f"{server.base}/", accept=PAGES, configured=True)
        assert client.get(f"{server.base}/none", accept=PAGES, configured=True).content == b"<p>x"


def test_what_is_no_http_is_one_clear_error(server) -> None:
    server.routes["/"] = lambda request: request.wfile.write(b"220 smtp ready\r\n") and None
    with Client(allow=server.allow) as client, pytest.raises(SourceError):
        client.get(f"{server.base}/", configured=True)


def test_status_and_retry_after(server) -> None:
    now = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    waits = {"120": 120, "Sat, 21 Nov 2026 07:01:00 GMT": 60, "soon": None, "99999999": 86_400}
    for text, seconds in waits.items():
        assert Response("u", 503, {"retry-after": text}, b"").retry_after(now) == seconds
    server.routes["/busy"] = Reply(b"", status=503)
    with Client(allow=server.allow) as client:
        with pytest.raises(SourceUnavailable, match="503"):
            client.get(f"{server.base}/busy", configured=True).checked()
        with pytest.raises(SourceError, match="404"):
            client.get(f"{server.base}/gone", configured=True).checked()


def test_a_server_that_is_not_there_may_come_back() -> None:
    with (
        Client(allow=["127.0.0.1:9"]) as client,
        pytest.raises(SourceUnavailable, match="cannot be reached"),
    ):
        client.get("http://127.0.0.1:9/", configured=True)

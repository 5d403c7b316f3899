"""Real processes: stdio, HTTP with its guards, signals, and being killed in the middle."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from digest.errors import ConfigError
from digest.storage.ledger import Ledger
from server.transport import is_loopback, token_from

pytestmark = pytest.mark.anyio

DIGEST = Path(sys.executable).with_name("digest")
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def serve(config):
    return StdioServerParameters(command=str(DIGEST), args=["serve", "--config", str(config)])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_stdio(config, mode):
    async with Client(stdio_client(serve(config)), mode=mode) as client:
        listed = await client.call_tool("fetch_newsletters", {})
        assert len(listed.structured_content["documents"]) == 6


def say(process, **message):
    process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")
    process.stdin.flush()


def hello(process):
    say(process, **HELLO)
    answer = json.loads(process.stdout.readline())
    assert answer["result"]["serverInfo"]["name"] == "digest"
    say(process, method="notifications/initialized")


@pytest.fixture
def raw(config):
    """A stdio server spoken to by hand."""
    command = [DIGEST, "-v", "serve", "--config", config]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield process
    process.kill()
    process.communicate()


def call(process, number, tool, **arguments):
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": number}}
    say(process, id=number, method="tools/call", params=params)


def answer_to(process, number):
    while True:
        message = json.loads(process.stdout.readline())
        if message.get("id") == number:
            return message


def test_stdout_holds_only_the_protocol_and_a_hung_up_client_ends_it(raw):
    hello(raw)
    call(raw, 2, "fetch_newsletters")
    call(raw, 3, "build_report", cursor="rubbish")
    rest, _ = raw.communicate(timeout=20)
    for line in rest.splitlines():
        assert json.loads(line)["jsonrpc"] == "2.0"
    assert raw.returncode == 0


def test_a_signal_ends_it(raw):
    hello(raw)
    raw.send_signal(signal.SIGTERM)
    assert raw.wait(20) == 0


def many(inbox, write_issue, count=40):
    for n in range(count):
        text = f"Station {n} of line {n % 7} opened on day {n}; {n * 31} people came. " * 8
        write_issue(inbox, f"many{n}", "Many <m@example.com>", f"Station {n} opened", text)
    return count + 6


@pytest.mark.timeout(280)  # five starts, on a busy machine
@pytest.mark.parametrize("who", ["server", "client"])
def test_a_kill_in_the_middle_loses_nothing(config, settings, inbox, write_issue, who):
    """The ledger is sound after each kill, and the next server finishes without doing twice."""
    total = many(inbox, write_issue)
    for after in (0.1, 0.6):
        process = subprocess.Popen(
            [DIGEST, "serve", "--config", config],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        hello(process)
        call(process, 2, "fetch_newsletters")
        call(process, 3, "build_report")
        time.sleep(after)
        if who == "server":
            process.kill()
        else:
            process.stdin.close()
        process.wait(30)
        process.stdout.close()
        if settings.ledger.exists():
            with Ledger(settings.ledger) as book:
                assert book.integrity() == []
    process = subprocess.Popen(
        [DIGEST, "serve", "--config", config], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    hello(process)
    call(process, 2, "fetch_newsletters", limit=1)
    assert "read" in answer_to(process, 2)["result"]["structuredContent"]
    call(process, 3, "build_report")
    report = answer_to(process, 3)["result"]["structuredContent"]
    assert report["counts"]["documents"] == total
    call(process, 4, "deliver_report", report=report["report"])
    (one,) = answer_to(process, 4)["result"]["structuredContent"]["deliveries"]
    assert one["state"] == "delivered"
    process.stdin.close()
    process.wait(20)
    with Ledger(settings.ledger) as book:
        counts = book.counts()
    assert counts["documents"] == counts["digests"] == total
    assert len(list(settings.out.glob("*.md"))) == 1


def test_the_next_server_delivers_what_a_killed_one_left(config, settings, inbox):
    from digest import pipeline
    from integrations import source

    with Ledger(settings.ledger) as book:
        pipeline.fetch(book, [source(f"mailbox:{inbox}")], None)
        written = pipeline.make_report(
            book, [], book.documents(), sources=[], sinks=[f"folder:{settings.out}"]
        )
        (row,) = book.outbox()
        book.mark_sending(row.key)  # and here it was killed
    process = subprocess.Popen(
        [DIGEST, "serve", "--config", config], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    hello(process)
    for _ in range(100):
        with Ledger(settings.ledger) as book:
            if not book.outbox():
                break
        time.sleep(0.1)
    process.stdin.close()
    process.wait(20)
    (path,) = settings.out.glob("*.md")
    assert written.id[:6] in path.name


# HTTP


@pytest.fixture
def guarded(config, tmp_path, spawn_http):
    token = tmp_path / "token"
    with spawn_http(
        lambda port: [
            *(str(DIGEST), "serve", "--config", str(config), "--http", f"127.0.0.1:{port}"),
            *("--token-file", str(token)),
        ]
    ) as (url, process):
        yield url, token.read_text().strip(), process


def post(url, token="", **headers):
    # Some clients write the name of the scheme in lower case.
    bearer = {"Authorization": f"bearer {token}"} if token else {}
    return httpx.post(url, json=HELLO, headers=ACCEPT | bearer | headers, trust_env=False)


def test_http_wants_the_token_and_a_local_name(guarded):
    url, token, _ = guarded
    assert post(url).status_code == 401
    assert post(url).headers["www-authenticate"] == "Bearer"
    assert post(url, token[:-1]).status_code == 401
    assert post(url, token).status_code == 200
    assert post(url, token, Host="evil.example").status_code == 421
    assert post(url, token, Host="evil.example:80").status_code == 421
    assert post(url, token, Origin="https://evil.example").status_code == 403
    assert post(url, token, Origin="http://localhost:3000").status_code == 200
    assert post(url, token, **{"Content-Type": "text/plain"}).status_code in {400, 415}


async def test_http_serves_and_ends_gracefully(guarded, settings):
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    url, token, process = guarded
    for mode in ("auto", "legacy"):
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            listed = await client.call_tool("fetch_newsletters", {})
            assert len(listed.structured_content["documents"]) == 6
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) in {0, -signal.SIGTERM}
    with Ledger(settings.ledger) as book:
        assert book.integrity() == []


def test_only_loopback():
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.168.1.1", "::", "example.com")))
    done = subprocess.run(
        [DIGEST, "serve", "--http", "0.0.0.0:0"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "serve on 127.0.0.1" in done.stderr


def test_token_file(tmp_path):
    path = tmp_path / "deep" / "token"
    token = token_from(path)
    assert len(token) >= 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token_from(path) == token
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        token_from(path)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(ConfigError, match="too short"):
        token_from(path)
    assert os.access(path, os.R_OK)

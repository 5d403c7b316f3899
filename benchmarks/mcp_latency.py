"""What Digest's MCP server costs beside a bare SDK server: start-up, and 200 calls at once.

    python benchmarks/mcp_latency.py [--starts 5] [--calls 200]

Both servers run as processes of their own, over HTTP for the calls at once, and are measured by
turns in one run by one client. Beside the SDK's echo of a few letters stands one of as many
characters as a search answers. Times depend on the machine and are printed, not judged; errors
and mixed-up answers end with exit code 1.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from email.message import EmailMessage
from pathlib import Path

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

BARE = """
import sys
from mcp.server import MCPServer
srv = MCPServer("bare", log_level="WARNING")
@srv.tool()
def echo(text: str) -> str:
    return text
if len(sys.argv) > 1:
    import uvicorn
    app = srv.streamable_http_app(host="127.0.0.1")
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)
else:
    srv.run("stdio")
"""
OPEN = """
import sys
from pathlib import Path
from digest.settings import load
from server.transport import http
http(load(Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2]), "")
"""
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}
WORDS = ("harbour", "orchard", "comet", "glacier", "violin", "lantern", "meadow", "canyon")
ECHO = "echo (bare SDK)"
ROUNDS = 5  # by turns, so that other load on the machine disturbs all tools alike
PORTS = {"bare": 18365, "digest": 18366}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--starts", type=int, default=5)
    options.add_argument("--calls", type=int, default=200)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = prepare(Path(folder))
        digest = [str(Path(sys.executable).with_name("digest")), "serve", "--config", str(config)]
        starts(chosen.starts, [sys.executable, "-c", BARE], digest)
        servers = [
            subprocess.Popen([sys.executable, "-c", BARE, str(PORTS["bare"])]),
            subprocess.Popen([sys.executable, "-c", OPEN, str(config), str(PORTS["digest"])]),
        ]
        try:
            wrong = asyncio.run(load(chosen.calls))
        finally:
            for server in servers:
                server.terminate()
                server.wait()
    sys.exit(1 if wrong else 0)


def prepare(folder: Path) -> Path:
    """A mailbox of 400 letters and a configuration."""
    inbox = folder / "inbox"
    inbox.mkdir()
    for n in range(400):
        message = EmailMessage()
        message["From"], message["Subject"] = "Bench <b@example.com>", f"Letter {n}"
        message["Date"] = "Thu, 19 Nov 2026 07:00:00 +0000"
        word = WORDS[n % len(WORDS)]
        message.set_content(f"Letter {n} tells of the {word}.\n\nThe {word} was seen. " * 3)
        (inbox / f"{n}.eml").write_bytes(message.as_bytes())
    config = folder / "digest.toml"
    config.write_text(
        f'source = ["mailbox:{inbox}"]\nsince = "2026-11-01"\nengine = "extractive"\n'
        f'out = "{folder / "out"}"\nledger = "{folder / "ledger.db"}"\n'
    )
    return config


def starts(count: int, bare: list[str], digest: list[str]) -> None:
    """Seconds from starting the process to its first answer on stdio, by turns."""
    took: dict[str, list[float]] = {"bare": [], "digest": []}
    for _ in range(count):
        for name, command in (("bare", bare), ("digest", digest)):
            began = time.perf_counter()
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(HELLO).encode() + b"\n")
            process.stdin.flush()
            assert b"serverInfo" in process.stdout.readline()
            took[name].append(time.perf_counter() - began)
            process.stdin.close()
            process.wait()
    for label, middle in (("median", statistics.median), ("least", min)):
        bare_took, digest_took = middle(took["bare"]), middle(took["digest"])
        print(
            f"start to first answer (stdio, {label} of {count}): bare SDK {bare_took:.2f} s, "
            f"digest {digest_took:.2f} s, difference {digest_took - bare_took:+.2f} s"
        )


async def load(calls: int) -> int:
    """All calls of a tool in flight together, by era and tool; what went wrong."""
    wrong = 0
    for era in ("auto", "legacy"):
        async with (
            Client(await reach("bare"), mode=era) as bare,
            Client(await reach("digest"), mode=era) as digest,
        ):
            await digest.call_tool("fetch_newsletters", {})  # reads the mailbox once
            found = await digest.call_tool("search_digests", {"query": WORDS[0], "limit": 3})
            size = len(json.dumps(found.structured_content))

            async def echo(n: int, client: Client = bare) -> bool:
                result = await client.call_tool("echo", {"text": str(n)})
                return result.structured_content == {"result": str(n)}

            async def echo_as_much(n: int, client: Client = bare, size: int = size) -> bool:
                text = str(n).ljust(size)
                result = await client.call_tool("echo", {"text": text})
                return result.structured_content == {"result": text}

            async def search(n: int, client: Client = digest) -> bool:
                word = WORDS[n % len(WORDS)]
                result = await client.call_tool("search_digests", {"query": word, "limit": 3})
                found = (result.structured_content or {}).get("results", [])
                return len(found) == 3 and all(word in one["text"] for one in found)

            async def fetch(n: int, client: Client = digest) -> bool:
                arguments = {"query": WORDS[n % len(WORDS)], "limit": 3}
                result = await client.call_tool("fetch_newsletters", arguments)
                return len((result.structured_content or {}).get("documents", [])) == 3

            async def analyze(n: int, client: Client = digest) -> bool:
                text = f"The mayor of Town{n} opened a bridge over the river on Friday."
                result = await client.call_tool("analyze_article", {"text": text})
                return f"Town{n}" in json.dumps(result.structured_content)

            tools = (
                (ECHO, echo, calls),
                ("echo of as much", echo_as_much, calls),
                ("search_digests", search, calls),
                ("fetch_newsletters", fetch, calls),
                ("analyze_article", analyze, 8),
            )
            at_once = {name: list[float]() for name, _, _ in tools}
            alone = {name: list[float]() for name, _, _ in tools}
            failed = dict.fromkeys(at_once, 0)
            for turn in range(ROUNDS + 1):
                for name, tool, count in tools:
                    results = await asyncio.gather(*(timed(tool, n) for n in range(count)))
                    failed[name] += sum(not right for _, right in results)
                    single = [(await timed(tool, n + 1000 * turn))[0] for n in range(8)]
                    if turn:  # the first round opens the connections
                        at_once[name].append(statistics.median(took for took, _ in results) * 1000)
                        alone[name].append(statistics.median(single) * 1000)
            wrong += sum(failed.values())
            for name, _, count in tools:
                print(
                    f"{era:<6} {name:<18} {described(f'{count} at once', at_once, name)}; "
                    f"{described('alone', alone, name)}; {failed[name]} wrong"
                )
    return wrong


def described(label: str, p50s: dict[str, list[float]], name: str) -> str:
    """The p50 of a round, and how far it lies above the echo's of the same round."""
    above = [took - echo for took, echo in zip(p50s[name], p50s[ECHO], strict=True)]
    return (
        f"{label}: p50 {statistics.median(p50s[name]):6.1f} ms, above echo "
        f"{statistics.median(above):+6.1f} (least {min(above):+6.1f})"
    )


async def timed(tool, number):  # type: ignore[no-untyped-def]
    """Seconds a call took, and whether its answer was its own."""
    began = time.perf_counter()
    right = await tool(number)
    return time.perf_counter() - began, right


async def reach(name: str):  # type: ignore[no-untyped-def]
    """The transport to a server, once it listens."""
    port = PORTS[name]
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.1)
    # The SDK's own limit is 100 connections: half of the calls would wait in the client. Servers
    # hang up after 5 idle seconds; the client must do so before.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=4)
    client = httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False)
    return streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=client)


if __name__ == "__main__":
    main()

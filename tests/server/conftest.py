"""A small inbox, servers over it, and clients that nobody here wrote."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from digest.settings import Settings
from server.jobs import Desk

# One story each: how issues are split is tested elsewhere.
ISSUES = {
    "halden": (
        "Orbit Weekly <hello@orbit.example>",
        "Halden lands its upper stage",
        "Halden Aerospace landed the upper stage of its Skua rocket on a barge near Bergen on "
        "Thursday, the first orbital upper stage to come back in one piece. The company wants to "
        "fly the same stage again in March, says its chief engineer Ingrid Solheim.",
    ),
    "station": (
        "Orbit Weekly <hello@orbit.example>",
        "Norway funds a polar station",
        "The Norwegian Space Agency will pay Kongsberg Orbital 90 million euros for a ground "
        "station in Vardø that follows satellites over the pole.",
    ),
    "pellucid": (
        "Small Models Digest <letters@smallmodels.example>",
        "Pellucid opens its 200M model",
        "Pellucid Labs released a language model of 200 million parameters under the Apache "
        "licence. It runs on a phone and answers in JSON, says Mara Lindqvist.",
    ),
    "grammar": (
        "Small Models Digest <letters@smallmodels.example>",
        "A grammar that never loops",
        "Engineers at Tessera found that tight grammars stop small models from writing white "
        "space for ever. The patch is in llama.cpp since Tuesday.",
    ),
    "chips": (
        "Small Models Digest <letters@smallmodels.example>",
        "Chip prices fall again",
        "Memory prices fell by a tenth in October, Corvid Research reports, which makes machines "
        "for local inference cheaper than at any time since 2023.",
    ),
    "garden": (
        "The Slow Garden <post@slowgarden.example>",
        "Leave the leaves",
        "Leaf litter shelters hedgehogs and beetles until April. Rake paths, leave beds, and pile "
        "the rest in a corner, advises the Royal Society of Gardeners.",
    ),
}


def write(folder: Path, name: str, sender: str, subject: str, text: str) -> Path:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "reader@example.com"
    message["Subject"] = subject
    message["Date"] = "Thu, 19 Nov 2026 07:00:00 +0000"
    message["Message-ID"] = f"<{name}@example.com>"
    message.set_content("Please read this issue in a browser.")
    link = f'<a href="https://example.com/{name}">{subject}</a>'
    message.add_alternative(f"<html><body><h1>{link}</h1><p>{text}</p></body></html>", "html")
    path = folder / f"{name}.eml"
    path.write_bytes(message.as_bytes())
    return path


@pytest.fixture
def issues():
    return ISSUES


@pytest.fixture
def write_issue():
    return write


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(params=["auto", "legacy"])
def era(request):
    """Stateless requests of 2026-07-28, or the handshake of the revisions before."""
    return request.param


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name, issue in ISSUES.items():
        write(folder, name, *issue)
    return folder


@pytest.fixture
def settings(tmp_path: Path, inbox: Path) -> Settings:
    return Settings(
        source=[f"mailbox:{inbox}"],
        since="2026-11-01",
        engine="extractive",
        out=tmp_path / "reports",
        ledger=tmp_path / "ledger.db",
    )


@pytest.fixture
def config(settings: Settings, tmp_path: Path) -> Path:
    """The same settings as a file, for servers that are processes."""
    path = tmp_path / "digest.toml"
    path.write_text(
        f"source = {json.dumps(settings.source)}\n"
        f'since = "{settings.since}"\nengine = "{settings.engine}"\n'
        f'out = "{settings.out}"\nledger = "{settings.ledger}"\n'
    )
    return path


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    with Desk(settings) as desk:
        yield desk


# HTTP

# The product's own server, without its token: the conformance suites cannot send one.
OPEN = """
import sys
from pathlib import Path
from digest.settings import load
from server.transport import http
http(load(Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2]), "", print)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the server does not listen")


@contextlib.contextmanager
def serving(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


@pytest.fixture
def spawn_http():
    """(port -> command) -> a context of (url, process)."""

    @contextlib.contextmanager
    def spawn(command: Callable[[int], list[str]]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        port = free_port()
        with serving(command(port), port) as process:
            yield f"http://127.0.0.1:{port}/mcp", process

    return spawn


@pytest.fixture
def open_url(config: Path, spawn_http) -> Iterator[str]:
    """A server without a token; its URL."""
    with spawn_http(lambda port: [sys.executable, "-c", OPEN, str(config), str(port)]) as (url, _):
        yield url

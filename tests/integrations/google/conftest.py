import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parents[3]
INBOX = ROOT / "examples" / "inbox"
BROWSER = Path(__file__).with_name("browser.py")
DIGEST = Path(sys.executable).with_name("digest")
USER = "reader@example.com"
DOC = "application/vnd.google-apps.document"
FOLDER = "application/vnd.google-apps.folder"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def newsletter(number: int, when: str = "Fri, 20 Nov 2026 07:00:00 +0000") -> bytes:
    """A small newsletter of our own; each has its own names and links."""
    message = EmailMessage()
    message["From"] = f"Letter {number} <letter{number}@news.example>"
    message["To"] = USER
    message["Subject"] = f"Issue {number} of the letter"
    message["Date"] = when
    message["Message-ID"] = f"<issue{number}@news.example>"
    message.set_content("View in browser")
    message.add_alternative(
        f"<html><body><h2>Harbour {number} opens its gates</h2><p>The port of Harbour {number} "
        "opened its new gates on Thursday after nine years of work, and the first ship passed "
        f"before noon. <a href='https://news.example/harbour/{number}'>Read more</a></p>"
        f"<h2>Bakery {number} wins the prize</h2><p>The bakery on Quay {number} won the prize for "
        "the best rye bread of the year, which the jury called plain and honest. "
        f"<a href='https://news.example/bakery/{number}'>Read more</a></p></body></html>",
        subtype="html",
    )
    return message.as_bytes()


@dataclass
class Workplace:
    """A folder with everything one user of Digest has, and the command in it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        return [str(DIGEST)]

    def digest(self, *args: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.command, *args], cwd=self.folder, env=os.environ | self.env,
            check=False, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    def run(self, *args: str, check: int | None = 0) -> dict[str, Any]:
        done = self.digest(*self.run_args(*args), check=check)
        return json.loads(done.stdout)

    def run_args(self, *args: str) -> list[str]:
        return ["run", "--engine", "extractive", "--since", "2026-11-01", "--out", "reports",
                "--json", *args]  # fmt: skip


def workplace(folder: Path, root: str, client: dict[str, Any]) -> Workplace:
    """An empty home. All that tells Google from an emulator is `root`."""
    folder.mkdir(exist_ok=True)
    (folder / "client.json").write_text(json.dumps({"installed": client}))
    return Workplace(
        folder,
        {
            "DIGEST_GOOGLE__ROOT": root,
            "DIGEST_GOOGLE__ACCOUNTS": str(folder / "google"),
            "DIGEST_GOOGLE__CLIENT": str(folder / "kept-client.json"),
            "DIGEST_GOOGLE__PATIENCE": "20",
            "DIGEST_LEDGER": str(folder / "ledger.db"),
            "BROWSER": f"{sys.executable} {BROWSER} %s",
            "PYTHONWARNINGS": "ignore",
        },
    )


class Emulate:
    """The npm package `emulate`: mail byte for byte, OAuth with PKCE, a plain Drive."""

    def __init__(self, node: str, package: Path, folder: Path) -> None:
        self.port = free_port()
        self.root = f"http://127.0.0.1:{self.port}"
        self.redirect_port = free_port()
        self.client = {
            "client_id": "digest-test",
            "client_secret": "not-a-secret-at-all",
            "auth_uri": f"{self.root}/o/oauth2/v2/auth",
            "token_uri": f"{self.root}/oauth2/token",
            "redirect_uris": [f"http://127.0.0.1:{self.redirect_port}/"],
        }
        google = {
            "users": [{"email": USER, "name": "Reader"}],
            "labels": [{"id": "Label_news", "user_email": USER, "name": "newsletters"}],
            "oauth_clients": [
                {k: self.client[k] for k in ("client_id", "client_secret", "redirect_uris")}
                | {"name": "Digest"}
            ],
        }
        tokens = {"test": {"login": USER, "scopes": []}}
        (folder / "seed.json").write_text(json.dumps({"google": google, "tokens": tokens}))
        self._log = (folder / "emulate.log").open("w")
        self.process = subprocess.Popen(
            [node, package / "dist" / "index.js", "start", "--service", "google",
             "--port", str(self.port), "--seed", folder / "seed.json"],
            stdout=self._log, stderr=subprocess.STDOUT, cwd=folder,
        )  # fmt: skip
        for _ in range(600):  # a minute, for machines under load
            try:
                requests.get(self.root, timeout=1)
                return
            except requests.RequestException:  # not there yet, or slow
                time.sleep(0.1)
        raise AssertionError((folder / "emulate.log").read_text())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer = requests.request(
            method,
            self.root + path,
            headers={"Authorization": "Bearer test"},
            timeout=10,
            **request,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    def receive(self, raw: bytes, *labels: str) -> str:
        encoded = base64.urlsafe_b64encode(raw).decode()
        body = {"raw": encoded, "labelIds": labels or ["INBOX", "UNREAD", "Label_news"]}
        return str(self.ask("POST", "/gmail/v1/users/me/messages", json=body)["id"])

    def files(self, mime_type: str = DOC) -> list[dict[str, Any]]:
        held = self.ask("GET", "/drive/v3/files", params={"pageSize": 1000})["files"]
        return [file for file in held if file["mimeType"] == mime_type]

    def content(self, file: dict[str, Any]) -> str:
        return requests.get(
            f"{self.root}/drive/v3/files/{file['id']}", params={"alt": "media"},
            headers={"Authorization": "Bearer test"}, timeout=10,
        ).text  # fmt: skip

    def reports(self) -> list[str]:
        return [self.content(file) for file in self.files()]

    def mails_sent(self) -> list[str]:
        page = self.ask(
            "GET", "/gmail/v1/users/me/messages", params={"labelIds": "SENT", "maxResults": 500}
        )
        return [message["id"] for message in page.get("messages", [])]


@pytest.fixture
def empty_emulate(node: str, npm: Callable[[str, str], Path], tmp_path: Path) -> Iterator[Emulate]:
    server = Emulate(node, npm("emulate", "0.12.2"), tmp_path)
    yield server
    server.stop()


@pytest.fixture
def emulate(empty_emulate: Emulate) -> Emulate:
    """With the inbox of the examples."""
    for path in sorted(INBOX.glob("*.eml")):
        empty_emulate.receive(path.read_bytes())
    return empty_emulate


@pytest.fixture
def home(emulate: Emulate, tmp_path: Path) -> Workplace:
    """A user of the emulator, not signed in yet."""
    return workplace(tmp_path / "home", emulate.root, emulate.client)


@pytest.fixture
def signed_in(home: Workplace, emulate: Emulate) -> Workplace:
    home.digest("auth", "google", "--client", "client.json", "--port", str(emulate.redirect_port))
    return home


class Myworld:
    """One world of PyPI's `myworld`, behind its gateway: Google's own host names over TLS."""

    def __init__(self, url: str, name: str, gateway: dict[str, str]) -> None:
        self.url, self.name = url, name
        user = {"email": USER, "name": "Reader"}
        spec = {
            "name": name,
            "task": "none",
            "time": "realtime",
            "now": "wallclock",
            "servers": {
                "gmail": {"seed": {"user": user, "labels": ["newsletters"], "emails": []}},
                "drive": {"seed": {"user": user, "domain": "example.com", "folders": [],
                                   "files": [], "search_lag": {"files": 0}}},
            },
        }  # fmt: skip
        made = requests.post(f"{url}/envs", json={"spec": spec, "id": name}, timeout=10)
        made.raise_for_status()
        agents = made.json()["credentials"]
        self.account = next(iter(agents.values()))["google_authorized_user"]
        self.env = gateway
        labels = self.ask("GET", "gmail", "/gmail/v1/users/me/labels")["labels"]
        self.label = next(label["id"] for label in labels if label["name"] == "newsletters")

    def ask(self, method: str, host: str, path: str, **request: Any) -> Any:
        answer = requests.request(
            method, f"{self.url}/gw/{host}.googleapis.com{path}", timeout=20,
            headers={"Authorization": f"Bearer {self.account['token']}"}, **request,
        )  # fmt: skip
        answer.raise_for_status()
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    def receive(self, raw: bytes, *labels: str) -> str:
        encoded = base64.urlsafe_b64encode(raw).decode()
        body = {"raw": encoded, "labelIds": labels or ["INBOX", "UNREAD", self.label]}
        return str(self.ask("POST", "gmail", "/gmail/v1/users/me/messages", json=body)["id"])

    def files(self, mime_type: str = DOC) -> list[dict[str, Any]]:
        held = self.ask("GET", "www", "/drive/v3/files", params={
            "pageSize": 1000, "q": f"mimeType = '{mime_type}' and trashed = false",
            "fields": "files(id,name,mimeType,parents,size)"})["files"]  # fmt: skip
        return list(held)

    def content(self, file: dict[str, Any], mime_type: str = "text/markdown") -> str:
        return str(self.ask("GET", "www", f"/drive/v3/files/{file['id']}/export",
                            params={"mimeType": mime_type}))  # fmt: skip

    def reports(self) -> list[str]:
        return [self.content(file) for file in self.files()]

    def mails_sent(self) -> list[str]:
        page = self.ask("GET", "gmail", "/gmail/v1/users/me/messages",
                        params={"labelIds": "SENT", "maxResults": 500})  # fmt: skip
        return [message["id"] for message in page.get("messages", [])]

    def fail(self, server: str, *faults: dict[str, Any]) -> None:
        answer = requests.put(
            f"{self.url}/instances/{self.name}-{server}/faults", json=list(faults), timeout=10
        )
        answer.raise_for_status()


@pytest.fixture(scope="session")
def myworld_host(
    tool_venv: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("myworld")
    # It has no licence, so it lives in an environment of its own and nothing of it is kept here.
    program = tool_venv("myworld-0.2.1", "myworld[gateway]==0.2.1", "pysocks") / "myworld"
    port, gateway = free_port(), free_port()
    authority = folder / "ca" / "myworld-ca.pem"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--gateway",
             str(gateway), "--no-passthrough", "--ca-dir", folder / "ca"],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder,
        )  # fmt: skip
        try:
            for _ in range(600):
                try:
                    requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1)
                    break
                except requests.RequestException:  # not there yet, or slow
                    time.sleep(0.1)
            yield (
                f"http://127.0.0.1:{port}",
                {
                    "HTTPS_PROXY": f"http://127.0.0.1:{gateway}",
                    "REQUESTS_CA_BUNDLE": str(authority),
                },
            )
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def myworld(myworld_host: tuple[str, dict[str, str]], request: pytest.FixtureRequest) -> Myworld:
    url, gateway = myworld_host
    name = (
        re.sub(r"\W+", "-", request.node.name)[:40].strip("-").lower() + f"-{time.monotonic_ns()}"
    )
    return Myworld(url, name, gateway)


@pytest.fixture
def at_myworld(myworld: Myworld, tmp_path: Path) -> Workplace:
    """A user who brings a token made elsewhere; no root is set: these are Google's own hosts."""
    home = workplace(tmp_path / "home", "", {})
    home.env |= myworld.env
    (home.folder / "token.json").write_text(
        json.dumps({"type": "authorized_user"} | myworld.account)
    )
    home.digest("auth", "google", "--import", "token.json")
    return home


@pytest.fixture(params=["emulate", "myworld"])
def kill_ground(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Workplace]:
    """An emulator with an empty mailbox, and a user who is signed in."""
    if request.param == "myworld":
        return request.getfixturevalue("myworld"), request.getfixturevalue("at_myworld")
    world = request.getfixturevalue("empty_emulate")
    home = workplace(tmp_path / "home", world.root, world.client)
    port = str(world.redirect_port)
    scopes = ("--scope", "gmail.send")
    home.digest("auth", "google", "--client", "client.json", "--port", port, *scopes)
    return world, home


@pytest.fixture
def letter() -> Callable[..., bytes]:
    return newsletter

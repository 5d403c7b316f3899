"""Against a real Dovecot over TLS; a small proxy in between cuts the line where a test wants."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from digest import pipeline
from digest.errors import ConfigError, SourceError, SourceUnavailable
from digest.records import Skip
from digest.settings import ImapSettings, Settings
from digest.storage.ledger import Ledger
from integrations import source
from integrations.sources.imap import ImapSource, password

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
ssl = required
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
mail_location = maildir:~/Mail
first_valid_uid = 1
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home={home}/home/%u
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""


def message(number: int, text: str = "") -> bytes:
    date = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number)).strftime(
        "%a, %d %b %Y %H:%M:%S +0000"
    )
    return (
        f"From: News {number % 7} <news@example.org>\r\nTo: me@example.net\r\n"
        f"Subject: Issue {number}\r\nDate: {date}\r\nMessage-ID: <{number}@example.org>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"The news of minute {number}: ferries run, bakers bake. {text}\r\n"
    ).encode()


@dataclass
class Dovecot:
    home: Path
    port: int

    def deliver(self, user: str, folder: str, numbers: range) -> None:
        """Put messages into a folder as a delivery agent does."""
        mail = self.home / "home" / user / "Mail"
        box = mail if folder == "INBOX" else mail / f".{folder}"
        for name in ("cur", "new", "tmp"):
            (box / name).mkdir(parents=True, exist_ok=True)
        for number in numbers:
            path = box / "tmp" / f"{1_800_000_000 + number}.M{number}.test"
            path.write_bytes(message(number))
            path.rename(box / "new" / path.name)
        subprocess.run(["chown", "-R", "dovecot:dovecot", str(self.home / "home")], check=True)

    def renumber(self, user: str, folder: str) -> None:
        """What a server move or a lost index does: the same messages under a new UIDVALIDITY."""
        box = self.home / "home" / user / "Mail" / f".{folder}"
        for path in box.glob("dovecot*"):
            path.unlink()
        time.sleep(1.1)  # it is made from the clock

    def flags(self, user: str, folder: str) -> list[str]:
        box = self.home / "home" / user / "Mail" / f".{folder}"
        return [path.name.partition(":2,")[2] for path in box.glob("cur/*")]


def _binary() -> str:
    found = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", "dovecot-imapd"],
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            check=False,
            timeout=240,
        )
        found = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")
    if not found or os.geteuid() != 0:
        pytest.skip("a Dovecot of one's own needs root and the package dovecot-imapd")
    return found


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    binary = _binary()
    home = Path(tempfile.mkdtemp(prefix="dovecot-"))
    home.chmod(0o755)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    authority = trustme.CA()
    authority.cert_pem.write_to_path(home / "ca.pem")
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(home / "cert.pem")
    certificate.private_key_pem.write_to_path(home / "key.pem")
    (home / "dovecot.conf").write_text(CONFIG.format(home=home, port=port))
    process = subprocess.Popen([binary, "-F", "-c", str(home / "dovecot.conf")])
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Dovecot(home, port)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def trusted(dovecot, monkeypatch) -> Settings:
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.home / "ca.pem"))
    monkeypatch.setattr(
        "integrations.sources.imap._HERE", set()
    )  # so that localhost speaks TLS too
    return Settings(imap=ImapSettings(password="secret"))


def spec_of(dovecot: Dovecot, user: str, folder: str = "News", port: int | None = None) -> str:
    return f"imap:{user}@localhost:{port or dovecot.port}/{folder}"


def subjects(ledger: Ledger) -> list[str]:
    return [document.title for document in ledger.documents()]


def issues(*numbers: int) -> list[str]:
    return [f"Issue {number}" for number in numbers]


def test_300_messages_then_new_ones_then_none_then_renumbered(dovecot, trusted, tmp_path) -> None:
    dovecot.deliver("ada", "News", range(300))
    news = source(spec_of(dovecot, "ada"), trusted)
    with Ledger(tmp_path / "ledger.db") as ledger:
        first = pipeline.fetch(ledger, [news], None)
        assert (first.new, first.known, first.skipped, first.failures) == (300, 0, 0, ())
        dovecot.deliver("ada", "News", range(300, 307))
        second = pipeline.fetch(ledger, [news], None)
        assert (second.new, second.known) == (7, 0)  # only what is new was fetched
        third = pipeline.fetch(ledger, [news], None)
        assert (third.new, third.known) == (0, 0)
        dovecot.renumber("ada", "News")
        dovecot.deliver("ada", "News", range(307, 309))
        fourth = pipeline.fetch(ledger, [news], None)
        assert (fourth.new, fourth.known) == (2, 307)  # nothing lost, nothing doubled
        assert subjects(ledger) == issues(*range(309))
    assert not any("S" in flags for flags in dovecot.flags("ada", "News"))  # no trace


def test_a_period_and_a_longer_one(dovecot, trusted, tmp_path) -> None:
    dovecot.deliver("eve", "News", range(3))
    news = source(spec_of(dovecot, "eve"), trusted)
    later = datetime(2026, 11, 1, 0, 2, tzinfo=UTC)
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert pipeline.fetch(ledger, [news], later).new == 1
        assert pipeline.fetch(ledger, [news], later - timedelta(days=1)).new == 2


class Proxy:
    """Passes bytes on, and hangs up after so many from the server, as often as it is told."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._target = port
        self._cuts = cuts
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            cut = self._cuts[self.connections] if self.connections < len(self._cuts) else -1
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pass, args=(near, far, -1), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, cut), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, cut: int) -> None:
        passed = 0
        try:
            # To the byte: how the network splits a stream must not decide whether it is cut.
            while cut != passed and (
                data := source.recv(min(4096, cut - passed) if cut > 0 else 4096)
            ):
                target.sendall(data)
                passed += len(data)
        except OSError:
            pass
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


def test_a_lost_connection_loses_and_doubles_nothing(dovecot, trusted, tmp_path) -> None:
    dovecot.deliver("bob", "News", range(60))
    with closing(Proxy(dovecot.port, cuts=[14_000, 9_000])) as proxy:
        news = source(spec_of(dovecot, "bob", port=proxy.port), trusted)
        with Ledger(tmp_path / "ledger.db") as ledger:
            fetched = pipeline.fetch(ledger, [news], None)
            assert proxy.connections > 1  # it was lost, at least once
            assert (fetched.new, fetched.known, fetched.failures) == (60, 0, ())
            assert subjects(ledger) == issues(*range(60))


def test_a_connection_that_is_always_lost_ends_and_the_next_run_goes_on(
    dovecot, trusted, tmp_path
) -> None:
    dovecot.deliver("cem", "News", range(60))
    with closing(Proxy(dovecot.port, cuts=[12_000, 6_000, 6_000, 6_000])) as proxy:
        news = source(spec_of(dovecot, "cem", port=proxy.port), trusted)
        with Ledger(tmp_path / "ledger.db") as ledger:
            broken = pipeline.fetch(ledger, [news], None)
            assert "lost 4 times" in broken.failures[0].reason
            whole = pipeline.fetch(ledger, [news], None)
            assert broken.new + whole.new == 60 and whole.failures == ()
            assert subjects(ledger) == issues(*range(60))


def test_what_is_wrong_is_said(dovecot, trusted, monkeypatch) -> None:
    dovecot.deliver("dan", "News", range(1))
    with pytest.raises(SourceError, match="source test"):
        list(source(spec_of(dovecot, "dan", "Nowhere"), trusted).fetch(None))
    wrong = Settings(imap=ImapSettings(password="guess"))
    with pytest.raises(SourceError, match="refuses dan and its password"):
        list(source(spec_of(dovecot, "dan"), wrong).fetch(None))
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        list(source(spec_of(dovecot, "dan", port=1), trusted).fetch(None))
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SourceError, match="certificate that cannot be trusted"):
        list(source(spec_of(dovecot, "dan"), trusted).fetch(None))


def test_folders_are_listed(dovecot, trusted) -> None:
    dovecot.deliver("fay", "Letters", range(1))
    account = source(spec_of(dovecot, "fay", "INBOX"), trusted)
    assert isinstance(account, ImapSource)
    assert account.folders() == ["INBOX", "Letters"]


def test_a_huge_message_is_a_skip(dovecot, trusted, monkeypatch) -> None:
    monkeypatch.setattr("integrations.sources.imap.MAX_BYTES", 200)
    dovecot.deliver("gil", "News", range(1))
    (skip,) = source(spec_of(dovecot, "gil"), trusted).fetch(None)
    assert isinstance(skip, Skip) and "not fetched" in skip.reason


def test_a_broken_cursor_is_a_first_reading(dovecot, trusted) -> None:
    dovecot.deliver("hal", "News", range(2))
    for cursor in ("x", "[]", '{"validity":1}', '{"validity":"a","uid":1,"since":""}'):
        assert len(list(source(spec_of(dovecot, "hal"), trusted).fetch(None, cursor))) == 2


# Without a server


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("me@example.org@imap.example.org", ("me@example.org", "imap.example.org", 993, "INBOX")),
        ("me@host:1143/A/B c", ("me", "host", 1143, "A/B c")),
        ("me%40x.org@[::1]:993/", ("me@x.org", "::1", 993, "INBOX")),
    ],
)
def test_specs(argument, expected) -> None:
    one = source(f"imap:{argument}")
    assert (one.user, one.host, one.port, one.folder) == expected


@pytest.mark.parametrize("wrong", ["example.org", "@host", "me@host:port", "me@"])
def test_wrong_specs(wrong) -> None:
    with pytest.raises(ConfigError, match="imap:USER@HOST"):
        source(f"imap:{wrong}")


def test_passwords_are_found_in_order(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="DIGEST_IMAP__PASSWORD"):
        password("me", "imap.example.org", ImapSettings())
    rc = tmp_path / ".netrc"
    rc.write_text("machine imap.example.org login me password from-netrc\n")
    rc.chmod(0o600)
    assert password("me", "imap.example.org", ImapSettings()) == "from-netrc"
    with pytest.raises(ConfigError):
        password("you", "imap.example.org", ImapSettings())
    assert password("me", "imap.example.org", ImapSettings(password="set")) == "set"
    command = ["echo", "{user} at {host}"]
    assert password("me", "h", ImapSettings(password_command=command)) == "me at h"
    with pytest.raises(ConfigError, match="password_command"):
        password("me", "h", ImapSettings(password_command=["false"]))


def test_passwords_are_never_sent_in_the_clear() -> None:
    """A server that speaks no TLS gets a handshake and nothing else."""
    heard = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def listen() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"* OK ready\r\n")
            heard.append(connection.recv(4096))
            connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        port = listener.getsockname()[1]
        settings = Settings(imap=ImapSettings(password="secret"))
        with pytest.raises(SourceUnavailable):
            list(source(f"imap:me@127.1:{port}", settings).fetch(None))
        thread.join()
    assert heard[0][:1] == b"\x16" and b"secret" not in heard[0]  # a TLS record

"""`imap:USER@HOST`, `imap:USER@HOST:PORT/FOLDER`: mail over IMAP, read without leaving a trace.

TLS always, unless the host is this machine. Folders are opened read-only and bodies are peeked
at, so no flag changes. A cursor of UIDVALIDITY and UID makes each run read only what is new.
"""

import imaplib
import json
import logging
import netrc
import re
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from digest.errors import ConfigError, SourceError, SourceUnavailable
from digest.mail.mime import MAX_BYTES
from digest.records import RawDocument, Skip
from digest.settings import ImapSettings, Settings

if TYPE_CHECKING:
    from imapclient import IMAPClient

log = logging.getLogger(__name__)

_TIMEOUT = 60.0  # seconds without an answer
_BATCH = 20  # messages asked for at once
_RECONNECTS = 3  # in one reading
_HERE = {"localhost", "127.0.0.1", "::1"}
_LOST = (imaplib.IMAP4.abort, OSError, EOFError)  # ssl.SSLError is an OSError


@dataclass(frozen=True, slots=True)
class Standing:
    """What a cursor says: everything up to `uid` was taken that is not older than `since`."""

    validity: int
    uid: int
    since: datetime | None

    @classmethod
    def load(cls, cursor: str) -> "Standing | None":
        """None for the empty cursor, and for one that is not ours."""
        try:
            value = json.loads(cursor)
            since = datetime.fromisoformat(value["since"]) if value["since"] else None
            return cls(int(value["validity"]), int(value["uid"]), since)
        except (ValueError, KeyError, TypeError):
            return None

    def dump(self) -> str:
        """Compact JSON."""
        since = self.since.isoformat() if self.since else ""
        value = {"validity": self.validity, "uid": self.uid, "since": since}
        return json.dumps(value, separators=(",", ":"))

    def covers(self, validity: int, since: datetime | None) -> bool:
        """Whether everything of the folder from `since` on and up to `uid` was taken."""
        reaches = self.since is None or (since is not None and since >= self.since)
        return self.validity == validity and reaches


class ImapSource:
    """The messages of one folder; INBOX if the SPEC names none."""

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self.cursor = ""
        found = re.fullmatch(
            r"(?P<user>.+)@(?P<host>\[[\da-fA-F:]+\]|[^@/:]+)(?::(?P<port>\d{1,5}))?(?:/(?P<folder>.*))?",
            argument,
        )
        if not found:
            raise ConfigError(f"{spec!r}: write imap:USER@HOST, imap:USER@HOST:PORT/FOLDER")
        self.user = unquote(found["user"])
        self.host = found["host"].strip("[]")
        self.port = int(found["port"] or 993)
        self.folder = found["folder"] or "INBOX"
        self._settings = settings.imap

    def fetch(self, since: datetime | None, cursor: str = "") -> Iterator[RawDocument | Skip]:
        """Yield messages that arrived after `cursor`, of those older than `since` none.

        A lost connection is made again and reading goes on behind the last message that came.
        Raises SourceUnavailable, SourceError.
        """
        before = Standing.load(cursor)
        self.cursor = cursor
        taken: int | None = None  # the last UID that the caller has
        validity = end = 0
        for attempt in range(_RECONNECTS + 1):
            try:
                client = self._connect()
            except SourceUnavailable:
                if attempt in (0, _RECONNECTS):
                    raise
                continue
            try:
                folder = client.select_folder(self.folder, readonly=True)
                if taken is None or folder[b"UIDVALIDITY"] != validity:
                    validity = int(folder[b"UIDVALIDITY"])
                    # Pinned here: what arrives while we list is for the next reading.
                    end = int(folder[b"UIDNEXT"]) - 1
                    known = before and before.covers(validity, since)
                    taken = before.uid if before and known else 0
                for uid, message in self._messages(client, taken, end, since):
                    yield message
                    taken = uid
                start = before.since if before and before.covers(validity, since) else since
                self.cursor = Standing(validity, max(end, taken), start).dump()
                return
            except _LOST as error:
                log.info("%s: connection lost (%s), trying again", self.spec, error)
                if attempt == _RECONNECTS:
                    raise SourceUnavailable(
                        f"{self.spec}: the connection was lost {attempt + 1} times ({error}); "
                        "try again later"
                    ) from error
            except imaplib.IMAP4.error as error:
                raise SourceError(
                    f"{self.spec}: {_words(error)}; `digest source test {self.spec}` lists folders"
                ) from error
            finally:
                _hang_up(client)

    def folders(self) -> list[str]:
        """Names of all folders of the account. Raises SourceError."""
        client = self._connect()
        try:
            return sorted(str(name) for _, _, name in client.list_folders())
        except (*_LOST, imaplib.IMAP4.error) as error:
            raise SourceError(f"{self.spec}: {_words(error)}") from error
        finally:
            _hang_up(client)

    def _messages(
        self, client: "IMAPClient", after: int, end: int, since: datetime | None
    ) -> Iterator[tuple[int, RawDocument | Skip]]:
        """(uid, message) in the order of arrival. A folder's date is looked at by the server."""
        if end <= after:
            return
        criteria: list[Any] = ["UID", f"{after + 1}:{end}"]
        if since:  # a day of grace: servers compare dates without hours, in their own zone
            criteria += ["SINCE", (since - timedelta(days=1)).date()]
        uids = sorted(uid for uid in client.search(criteria) if after < uid <= end)
        for first in range(0, len(uids), _BATCH):
            batch = uids[first : first + _BATCH]
            sizes = client.fetch(batch, ["RFC822.SIZE"])
            whole = [uid for uid in batch if _size(sizes, uid) <= MAX_BYTES]
            bodies = client.fetch(whole, ["BODY.PEEK[]"]) if whole else {}
            for uid in batch:
                origin = f"{self.user}@{self.host}/{self.folder} message {uid}"
                if uid not in whole:
                    reason = f"the message is over {MAX_BYTES >> 20} MiB; it was not fetched"
                    yield uid, Skip(self.spec, origin, reason)
                elif content := bodies.get(uid, {}).get(b"BODY[]"):
                    yield uid, RawDocument(self.spec, "message/rfc822", content, origin)
                # What is missing was expunged while we read.

    def _connect(self) -> "IMAPClient":
        from imapclient import IMAPClient
        from imapclient.exceptions import LoginError

        here = self.host in _HERE and self.port != 993
        context = None if here else ssl.create_default_context()
        try:
            client = IMAPClient(
                self.host, self.port, ssl=not here, ssl_context=context, timeout=_TIMEOUT
            )
        except ssl.SSLCertVerificationError as error:
            raise SourceError(
                f"{self.host} shows a certificate that cannot be trusted: {error.verify_message}"
            ) from error
        except (OSError, imaplib.IMAP4.error, EOFError) as error:
            raise SourceUnavailable(
                f"{self.host}:{self.port} cannot be reached: {_words(error)}; try again later"
            ) from error
        try:
            client.login(self.user, password(self.user, self.host, self._settings))
        except LoginError as error:
            _hang_up(client)
            raise SourceError(
                f"{self.host} refuses {self.user} and its password ({_words(error)}); "
                "many providers want an app password"
            ) from error
        except _LOST as error:
            _hang_up(client)
            raise SourceUnavailable(f"{self.host} hung up at sign-in: {_words(error)}") from error
        except BaseException:
            _hang_up(client)
            raise
        return client


def password(user: str, host: str, settings: ImapSettings) -> str:
    """From `[imap]` password_command or password, else from ~/.netrc. Raises ConfigError."""
    if settings.password_command:
        command = [part.replace("{user}", user).replace("{host}", host)
                   for part in settings.password_command]  # fmt: skip
        return _asked(command)
    if secret := settings.password.get_secret_value():
        return secret
    try:
        entry = netrc.netrc().authenticators(host)
    except FileNotFoundError:
        entry = None
    except (OSError, netrc.NetrcParseError) as error:
        raise ConfigError(f"cannot read ~/.netrc: {error}") from error
    if entry and entry[0] == user and entry[2]:
        return entry[2]
    raise ConfigError(
        f"no password for {user} at {host}; set DIGEST_IMAP__PASSWORD, write password_command = "
        f'["pass", "show", "mail/{{user}}"] under [imap] in digest.toml, or a line for the host '
        "into ~/.netrc"
    )


def _asked(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603  the user's own configuration
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(f"password_command {command[0]!r} failed: {error}") from error
    return done.stdout.splitlines()[0] if done.stdout else ""


def _size(sizes: Any, uid: int) -> int:
    return int(sizes.get(uid, {}).get(b"RFC822.SIZE") or 0)


def _words(error: BaseException) -> str:
    """An error's text on one line; servers answer in bytes."""
    value = error.args[0] if error.args else type(error).__name__
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(error)
    return " ".join(text.split())[:300]


def _hang_up(client: "IMAPClient") -> None:
    try:
        client.logout()
    except (*_LOST, imaplib.IMAP4.error):
        try:
            client.shutdown()
        except (OSError, imaplib.IMAP4.error):
            log.debug("the connection was gone already")

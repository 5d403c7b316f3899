"""Signing in to Google: installed-app flow with PKCE, and the account files it leaves.

An account is one JSON file in the folder `accounts`, readable by its owner only. It holds a
refresh token in Google's own "authorized_user" form, or is a service account's key file. Access
tokens are fetched when needed and never written.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from digest.errors import AccessError, ConfigError
from digest.settings import GoogleSettings, Settings
from integrations.google import diagnosis

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/"
TOKEN_SERVER = "https://oauth2.googleapis.com/token"  # noqa: S105
LOOPBACK = ("127.0.0.1", "::1", "localhost")
READ, MODIFY, SEND, DRIVE = "gmail.readonly", "gmail.modify", "gmail.send", "drive.file"


@dataclass(frozen=True, slots=True)
class Account:
    """A Google account by the user's name for it."""

    name: str
    file: Path

    @classmethod
    def of(cls, name: str, settings: GoogleSettings) -> "Account":
        """The account of this name. Raises ConfigError for a name that is no file name."""
        if not re.fullmatch(r"\w[\w.@-]{0,63}", name):
            raise ConfigError(f"{name!r} is no account name; use letters, digits, - and .")
        return cls(name, settings.accounts.expanduser() / f"{name}.json")

    def load(self) -> dict[str, Any]:
        """The file's content. Raises AccessError if it is missing or unreadable."""
        again = diagnosis.command(self.name)
        try:
            held = json.loads(self.file.read_text("utf-8"))
        except FileNotFoundError:
            raise AccessError(f"not signed in as {self.name!r}; run `{again}`") from None
        except (OSError, ValueError) as error:
            raise AccessError(f"cannot read {self.file} ({error}); run `{again}`") from error
        if not isinstance(held, dict) or held.get("type") not in (
            "authorized_user",
            "service_account",
        ):
            raise AccessError(f"{self.file} holds no Google account; run `{again}`")
        return held

    def save(self, held: Mapping[str, Any]) -> None:
        """Write the file, mode 0600."""
        write_private(self.file, json.dumps(held, indent=1))


def write_private(file: Path, text: str) -> None:
    """Write a file in one step, for its owner's eyes only from its first byte."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=file.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def named(spec: str) -> str:
    """The account in a SPEC's kind: `gmail+work:label:news` -> "work", else "default"."""
    return spec.partition(":")[0].partition("+")[2] or "default"


def scopes_for(account: str, settings: Settings) -> tuple[str, ...]:
    """The least that the configured sources, sinks and label actions of an account need.

    Before anything is configured: reading mail, and the files that Digest itself makes.
    """
    sources = [s for s in settings.source if kind(s) == "gmail" and named(s) == account]
    sinks = [s for s in settings.deliver if named(s) == account]
    wanted = set()
    if sources:
        changes = settings.google.label or settings.google.mark_read
        wanted.add(MODIFY if changes else READ)
    if any(kind(s) == "drive" for s in sinks):
        wanted.add(DRIVE)
    if any(kind(s) == "gmail" for s in sinks):
        # A crash between sending and marking is answered by looking into the sent mail.
        wanted.update({SEND} if MODIFY in wanted else {SEND, READ})
    return tuple(sorted(SCOPE + name for name in wanted or {READ, DRIVE}))


def kind(spec: str) -> str:
    """The kind in a SPEC: `gmail+work:label:news` -> "gmail"."""
    return spec.partition(":")[0].partition("+")[0]


# Wider scopes, as tokens made elsewhere may have them.
_IMPLIED = {
    MODIFY: {READ, SEND},
    "https://mail.google.com/": {READ, SEND, MODIFY},
    "drive": {DRIVE},
}


def granted(held: Mapping[str, Any]) -> frozenset[str]:
    """Short names of the scopes that an account's content allows, the implied ones included.

    Empty if it does not say: a service account grants what is asked, and some tokens made
    elsewhere leave it to Google to tell.
    """
    scopes = {str(scope).removeprefix(SCOPE) for scope in held.get("scopes") or ()}
    return frozenset(scopes.union(*(_IMPLIED.get(scope, ()) for scope in scopes)))


def require(account: Account, *needed: str) -> None:
    """Raise AccessError if the account has not granted these scopes (short names)."""
    allowed = granted(account.load())
    if allowed and (missing := [scope for scope in needed if scope not in allowed]):
        flags = "".join(f" --scope {scope}" for scope in missing)
        raise AccessError(
            f"account {account.name!r} has not granted {' and '.join(missing)}; "
            f"run `{diagnosis.command(account.name)}{flags}`"
        )


def credentials(account: Account, needed: Iterable[str]) -> "Credentials":
    """Credentials that refresh themselves. Raises AccessError."""
    held = account.load()
    try:
        if held["type"] == "service_account":
            from google.oauth2 import service_account

            made = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                held, scopes=[SCOPE + name for name in needed], subject=held.get("subject")
            )
        else:
            from google.oauth2 import credentials as user

            # Not `from_authorized_user_info`: it takes no token server but its own.
            made = user.Credentials(  # type: ignore[no-untyped-call]
                token=None,
                refresh_token=held["refresh_token"],
                client_id=held["client_id"],
                client_secret=held["client_secret"],
                token_uri=held.get("token_uri") or TOKEN_SERVER,
            )
    except (ValueError, KeyError) as error:
        raise AccessError(
            f"{account.file} is damaged ({error}); run `{diagnosis.command(account.name)}`"
        ) from error
    result: Credentials = made
    return result


class SignIn:
    """One sign-in: `url` for a browser, then `finish` with what the browser was sent to.

    PKCE (S256) and `state` are checked by the libraries and by Google.
    """

    def __init__(self, client: Path, scopes: Iterable[str], redirect: str) -> None:
        try:
            self._client = json.loads(client.read_text("utf-8"))
            kind = "installed" if "installed" in self._client else "web"
            self._client[kind]["client_id"], self._client[kind]["token_uri"]
        except FileNotFoundError:
            raise ConfigError(
                f"there is no OAuth client at {client}; make one as docs/google.md says and run "
                "`digest auth google --client FILE`"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{client} is no OAuth client file ({error}); download the JSON of a client of "
                f'type "Desktop app" from {diagnosis.CONSOLE}/auth/clients'
            ) from error
        try:
            from google_auth_oauthlib.flow import Flow
        except ImportError:
            raise AccessError(diagnosis.PACKAGES) from None

        # oauthlib's own switches. Users may untick boxes, and Google then answers with fewer
        # scopes (`require` tells); a token server on this very machine needs no TLS.
        os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"  # noqa: S105
        if urlsplit(self._client[kind]["token_uri"]).hostname in LOOPBACK:
            os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
        self.flow = Flow.from_client_config(
            self._client, list(scopes), redirect_uri=redirect, autogenerate_code_verifier=True
        )
        # Consent is asked again so that Google always hands out a refresh token.
        self.url, self._state = self.flow.authorization_url(access_type="offline", prompt="consent")

    def finish(self, redirected: str) -> dict[str, Any]:
        """Exchange the code in the address that the browser was sent to; the account's content.

        Raises AccessError if the user said no, the address is another one's, or Google refuses.
        """
        query = {
            key: values[0] for key, values in parse_qs(urlsplit(redirected.strip()).query).items()
        }
        if query.get("error"):
            raise AccessError(f"Google gave no access: {query['error']}; run the command again")
        if not query.get("code"):
            raise AccessError(
                "the address holds no code; copy all of the browser's address line, "
                "from http:// on, and run the command again"
            )
        if query.get("state") != self._state:
            raise AccessError("the address is of another sign-in; run the command again")
        token = self._exchange(query["code"])
        made = json.loads(self.flow.credentials.to_json())
        if not made.get("refresh_token"):
            raise AccessError(
                "Google gave no refresh token; remove Digest at "
                "https://myaccount.google.com/connections and sign in again"
            )
        now = datetime.now(UTC)
        ends = token.get("refresh_token_expires_in")
        return {
            "type": "authorized_user",
            **{k: made[k] for k in ("client_id", "client_secret", "refresh_token", "token_uri")},
            "scopes": sorted(self.flow.credentials.granted_scopes or made["scopes"]),
            "signed_in": now.isoformat(timespec="seconds"),
            "sign_in_ends": (now + timedelta(seconds=int(ends))).isoformat(timespec="seconds")
            if ends
            else None,
        }

    def _exchange(self, code: str) -> Mapping[str, Any]:
        import requests
        from oauthlib.oauth2.rfc6749.errors import OAuth2Error

        try:
            token: Mapping[str, Any] = self.flow.fetch_token(
                code=code, include_client_id=True, timeout=30
            )
        except OAuth2Error as error:
            raise AccessError(
                f"Google refused the code ({error.error}: {error.description}); codes work once "
                "and for minutes; run the command again"
            ) from error
        except requests.RequestException as error:
            raise diagnosis.GoogleUnavailable(
                f"cannot reach Google's token server ({type(error).__name__}); try again"
            ) from error
        return token


def imported(file: Path) -> dict[str, Any]:
    """The content of an account made elsewhere: a token file, or a service account's key."""
    try:
        held = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error
    needed = {
        "authorized_user": ("client_id", "client_secret", "refresh_token"),
        "service_account": ("client_email", "private_key", "token_uri"),
    }.get(held.get("type", "") if isinstance(held, dict) else "")
    if needed is None or not all(held.get(key) for key in needed):
        raise ConfigError(
            f"{file} is neither a signed-in account nor a service account's key; "
            "give a file that `digest auth google` wrote, or a key from the console"
        )
    return dict(held)

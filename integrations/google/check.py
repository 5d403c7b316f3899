"""Whether an account is ready for what is configured: by its file, or by asking Google."""

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from digest.errors import AccessError
from digest.settings import Settings
from integrations.google import auth, diagnosis
from integrations.google.api import Api


@dataclass(frozen=True, slots=True)
class State:
    """A sign-in that works. `scopes` are short names, the times ISO 8601 or None if unknown."""

    account: str
    scopes: list[str]
    signed_in: str | None
    ends: str | None  # an app in "Testing" has its sign-ins ended by Google


def configured(settings: Settings) -> list[str]:
    """The names of the accounts that sources and sinks use."""
    specs = [*settings.source, *settings.deliver]
    return sorted({auth.named(spec) for spec in specs if auth.kind(spec) in ("gmail", "drive")})


def by_file(account: auth.Account, settings: Settings) -> State:
    """What the account's file tells; asks nobody.

    Raises AccessError if it is missing, damaged, open to others, past its end, or grants too
    little.
    """
    held = account.load()
    if os.name == "posix" and stat.S_IMODE(account.file.stat().st_mode) & 0o077:
        raise AccessError(f"others may read {account.file}; run `chmod 600 {account.file}`")
    needed = [name.removeprefix(auth.SCOPE) for name in auth.scopes_for(account.name, settings)]
    auth.require(account, *needed)
    try:
        auth.credentials(account, needed)
    except ImportError:
        raise AccessError(diagnosis.PACKAGES) from None
    state, now = _state(account, held), datetime.now(UTC)
    if state.ends and (ends := datetime.fromisoformat(state.ends)) <= now:
        raise diagnosis.sign_in_lost("", "", account.name, None, ends, now)
    return state


def by_asking(account: auth.Account, settings: Settings) -> State:
    """What Google says. Raises AccessError, GoogleUnavailable, GoogleError."""
    held = account.load()
    allowed = auth.granted(held) or {auth.READ, auth.DRIVE}
    use = [name for name in (auth.READ, auth.DRIVE) if name in allowed]
    api = Api(account, settings.google, *use)
    if auth.READ in use:
        api.run(api.mailbox.labels().list(userId="me"), "list labels", 1)
    if auth.DRIVE in use:
        api.run(api.files.list(pageSize=1), "look into Drive")
    return _state(account, held)


def _state(account: auth.Account, held: dict[str, Any]) -> State:
    scopes = [str(scope).removeprefix(auth.SCOPE) for scope in held.get("scopes") or ()]
    return State(account.name, scopes, held.get("signed_in"), held.get("sign_in_ends"))

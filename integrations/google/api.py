"""One small client for Google's REST APIs: sign-in, pacing, back-off, and errors with a cause.

No batch HTTP. A request that is not idempotent is repeated only after `unless` has asked Google
whether the first one took effect.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from digest.errors import AccessError
from digest.settings import GoogleSettings
from integrations.google import auth, diagnosis
from integrations.google.diagnosis import GoogleUnavailable

if TYPE_CHECKING:
    from requests import Response

log = logging.getLogger(__name__)
# It tells of each of its own repetitions; what matters of them is said here, in one sentence.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

# The one place that knows Google's hosts; `[google] root` takes the place of all of them.
ROOTS = {"gmail": "https://gmail.googleapis.com", "drive": "https://www.googleapis.com"}
TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two packets
LONGEST_WAIT = 64.0  # seconds between two tries, unless Retry-After asks for more
UNITS_A_MINUTE = 3000  # half of what projects made since May 2026 may use for one user

Json = dict[str, Any]


class RateLimiter:
    """A token bucket over quota units, so that Google need not say "slower"."""

    def __init__(self, units_a_minute: float, burst: float = 500.0) -> None:
        self._rate = units_a_minute / 60
        self._burst = burst
        self._left = burst
        self._at = time.monotonic()

    def take(self, units: float) -> None:
        """Wait until `units` may be used."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - units
        self._at = now
        if self._left < 0:
            time.sleep(-self._left / self._rate)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of Google: status, decoded JSON ({} if there was no body) and headers."""

    status: int
    body: Json
    headers: Mapping[str, str]


class _Failed(Exception):
    """One try that may go better next time; `after` is what Retry-After asked for, in seconds."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


class Api:
    """Calls in the name of one account.

    Raises AccessError if the user must act, GoogleUnavailable if it is worth trying later,
    GoogleError for everything that Google refuses for good.
    """

    def __init__(self, account: auth.Account, settings: GoogleSettings, *scopes: str) -> None:
        auth.require(account, *scopes)
        try:
            from google.auth.transport.requests import AuthorizedSession
        except ImportError:
            raise AccessError(diagnosis.PACKAGES) from None
        self.account = account
        self._root = settings.root.rstrip("/")
        self._patience = settings.patience
        self._pace = RateLimiter(UNITS_A_MINUTE)
        self._session = AuthorizedSession(auth.credentials(account, scopes))  # type: ignore[no-untyped-call]

    def url(self, path: str) -> str:
        """The address of `/gmail/...`, `/drive/...` or `/upload/drive/...`."""
        service = path.removeprefix("/upload").split("/")[1]
        return (self._root or ROOTS[service]) + path

    def get(self, path: str, what: str, units: float = 5, **params: Any) -> Json:
        """A GET; parameters that are None or "" are left out. Returns the decoded body."""
        given = {name: value for name, value in params.items() if value not in (None, "")}
        return self.call("GET", path, what, params=given, units=units).body

    def call(
        self,
        method: str,
        path: str,
        what: str,
        *,
        units: float = 5,
        accept: tuple[int, ...] = (200, 201, 204),
        unless: Callable[[], Json | None] | None = None,
        repeat: bool = True,
        binary: bool = False,
        **request: Any,
    ) -> Reply:
        """A request, repeated with jittered exponential back-off while that can help.

        `path` may be a whole address that Google gave. `what` says for people what is done.
        `unless` is asked before a repetition; what it returns is taken for the answer. Without
        `repeat` the first failure is the last. A `binary` answer is no JSON; its body comes as
        {"content": bytes}.
        """
        address = path if "://" in path else self.url(path)
        waited, tries = 0.0, 0
        while True:
            self._pace.take(units)
            tries += 1
            try:
                return self._once(method, address, accept, request, what, binary=binary)
            except _Failed as failed:
                wait = max(failed.after, jittered(tries))
                log.debug("cannot %s: %s", what, failed)
                if not repeat or waited + wait > self._patience:
                    raise GoogleUnavailable(
                        f"cannot {what} now: {failed}, after {tries} tries; the work is kept, "
                        "try again later"
                    ) from failed
            time.sleep(wait)
            waited += wait
            if unless is not None and (found := unless()) is not None:
                return Reply(200, found, {})

    def _once(
        self,
        method: str,
        address: str,
        accept: tuple[int, ...],
        request: Json,
        what: str,
        *,
        binary: bool,
    ) -> Reply:
        import requests
        from google.auth import exceptions

        try:
            response = self._session.request(  # type: ignore[no-untyped-call]
                method, address, timeout=TIMEOUT, **request
            )
            if response.status_code in accept:
                body = {"content": response.content} if binary else _json(response)
                return Reply(response.status_code, body, response.headers)
        except requests.exceptions.RequestException as error:
            raise _Failed(f"the connection failed ({type(error).__name__})") from error
        except ValueError as error:
            raise _Failed("the answer was cut short") from error
        except exceptions.RefreshError as error:
            raise self._refresh_failed(error) from error
        except exceptions.TransportError as error:
            raise _Failed("the connection to Google's token server failed") from error
        status = response.status_code
        said = _error_body(response)
        _, reason = diagnosis.explain(said)
        if status in (408, 429) or status >= 500 or reason in diagnosis.RATE_REASONS:
            raise _Failed(f"Google answered {status} {reason}".rstrip(), _retry_after(response))
        raise diagnosis.refused(status, said, self.account.name, what)

    def _refresh_failed(self, error: Exception) -> Exception:
        details = next((a for a in error.args if isinstance(a, Mapping)), {})
        if getattr(error, "retryable", False):
            return _Failed("Google's token server is down")
        held = self.account.load()
        return diagnosis.sign_in_lost(
            str(details.get("error") or ""),
            str(details.get("error_description") or error),
            self.account.name,
            _moment(held.get("signed_in")),
            _moment(held.get("sign_in_ends")),
            datetime.now(UTC),
        )


def jittered(tries: int) -> float:
    """Seconds to wait after so many tries: 1, 2, 4 ... and up to half of it off, by chance."""
    return random.uniform(0.5, 1.0) * min(LONGEST_WAIT, 2.0 ** (tries - 1))  # noqa: S311


def _json(response: "Response") -> Json:
    """The decoded object; {} if there is no body. Raises ValueError for anything else."""
    if not response.content:
        return {}
    body = response.json()
    if not isinstance(body, dict):
        raise ValueError("not a JSON object")
    return body


def _error_body(response: "Response") -> object:
    try:
        return response.json()
    except ValueError:  # a gateway's HTML page
        return None


def _retry_after(response: "Response") -> float:
    """Seconds that Retry-After asks for, as a number or as a date; 0 if it does not."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None

"""Google's own client in the name of one account: pacing, back-off, and errors with a cause.

google-api-python-client makes the requests from the discovery documents that it ships and reads
the answers; when they are sent, and whether again, is decided here: Retry-After is honoured, and
what is not idempotent is repeated only after `unless` has asked Google whether the first request
took effect.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from digest.errors import AccessError
from digest.settings import GoogleSettings
from integrations.google import auth, diagnosis
from integrations.google.diagnosis import GoogleUnavailable

if TYPE_CHECKING:
    import httplib2

log = logging.getLogger(__name__)
# It tells of each of its own repetitions; what matters of them is said here, in one sentence.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

LONGEST_WAIT = 64.0  # seconds between two tries, unless Retry-After asks for more
UNITS_A_MINUTE = 3000  # half of what projects made since May 2026 may use for one user

Json = dict[str, Any]
T = TypeVar("T")


class QuotaBucket:
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
            import googleapiclient  # noqa: F401

            from integrations.google.transport import Transport
        except ImportError:
            raise AccessError(diagnosis.PACKAGES) from None
        self.account = account
        self._root = settings.root.rstrip("/")
        self._patience = settings.patience
        self._pace = QuotaBucket(UNITS_A_MINUTE)
        self._transport = Transport(auth.credentials(account, scopes))

    @cached_property
    def mailbox(self) -> Any:
        """The client's `users` of Gmail: what `messages()`, `labels()` and `history()` hang on."""
        return self._service("gmail", "v1").users()

    @cached_property
    def files(self) -> Any:
        """The client's `files` of Drive."""
        return self._service("drive", "v3").files()

    def _service(self, name: str, version: str) -> Any:
        """A service of the client, from the document that it ships: nothing is fetched."""
        from googleapiclient import discovery, discovery_cache

        document = json.loads(discovery_cache.get_static_doc(name, version))
        if self._root:  # not `api_endpoint`: uploads take no notice of it
            document["rootUrl"] = f"{self._root}/"
        return discovery.build_from_document(document, http=self._transport)

    def run(
        self,
        request: Any,
        what: str,
        units: float = 5,
        unless: Callable[[], Json | None] | None = None,
    ) -> Any:
        """The answer to a request of the client: decoded JSON, bytes of what is no JSON."""
        return self.repeat(lambda: whole(request.execute()), what, units, unless)

    def repeat(
        self,
        call: Callable[[], T],
        what: str,
        units: float = 5,
        unless: Callable[[], T | None] | None = None,
    ) -> T:
        """What `call` returns; after a failure it is called again, with jittered exponential
        back-off, while that can help.

        `what` says for people what is done. `unless` is asked before a repetition; what it
        returns is taken for the answer.
        """
        waited, tries = 0.0, 0
        while True:
            self._pace.take(units)
            tries += 1
            try:
                return self._once(call, what)
            except _Failed as failed:
                wait = max(failed.after, jittered(tries))
                log.debug("cannot %s: %s", what, failed)
                if waited + wait > self._patience:
                    raise GoogleUnavailable(
                        f"cannot {what} now: {failed}, after {tries} tries; the work is kept, "
                        "try again later"
                    ) from failed
            time.sleep(wait)
            waited += wait
            if unless is not None and (found := unless()) is not None:
                return found

    def _once(self, call: Callable[[], T], what: str) -> T:
        import requests
        from google.auth import exceptions
        from googleapiclient.errors import HttpError

        try:
            return call()
        except requests.exceptions.RequestException as error:
            raise _Failed(f"the connection failed ({type(error).__name__})") from error
        except ValueError as error:
            raise _Failed("the answer was cut short") from error
        except exceptions.RefreshError as error:
            raise self._refresh_failed(error) from error
        except exceptions.TransportError as error:
            raise _Failed("the connection to Google's token server failed") from error
        except HttpError as error:
            status, said = int(error.resp.status), _error_body(error.content)
            _, reason = diagnosis.explain(said)
            if status in (408, 429) or status >= 500 or reason in diagnosis.RATE_REASONS:
                after = _retry_after(error.resp)
                raise _Failed(f"Google answered {status} {reason}".rstrip(), after) from error
            raise diagnosis.refused(status, said, self.account.name, what) from error

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


def whole(answer: T) -> T:
    """The answer, if it is one: of JSON that was cut short the client returns the text. Raises
    ValueError.
    """
    if isinstance(answer, str) and answer:
        raise ValueError("no JSON")
    return answer


def jittered(tries: int) -> float:
    """Seconds to wait after so many tries: 1, 2, 4 ... and up to half of it off, by chance."""
    return random.uniform(0.5, 1.0) * min(LONGEST_WAIT, 2.0 ** (tries - 1))  # noqa: S311


def _error_body(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:  # a gateway's HTML page
        return None


def _retry_after(answer: "httplib2.Response") -> float:
    """Seconds that Retry-After asks for, as a number or as a date; 0 if it does not."""
    value = answer.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None

"""How fast a service may be asked: requests and tokens a minute, and its own wish to be left alone.

A sliding window, not a bucket: in no 60 seconds does more go out than was allowed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from math import isfinite

WINDOW = 60.0  # seconds


class RateLimiter:
    """Shared by the threads that ask one service. 0 = no limit.

    `clock` (seconds) and `wait` (an Event's, told to stop) are parameters for tests.
    """

    def __init__(
        self,
        requests: int = 0,
        tokens: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._requests, self._tokens = requests, tokens
        self._clock, self._wait = clock, wait
        self._sent: deque[list[float]] = deque()  # [when, tokens]
        self._quiet_until = 0.0
        self._lock = threading.Lock()

    def enter(self, tokens: int, stop: threading.Event) -> Callable[[int], None] | None:
        """Wait until a request of about `tokens` may go out; None if told to stop.

        The function returned is told how many tokens it was in truth.
        """
        while True:
            with self._lock:
                now = self._clock()
                pause = max(self._quiet_until - now, self._full(now, tokens))
                if pause <= 0:
                    entry = [now, float(tokens)]
                    self._sent.append(entry)
                    return lambda truth: self._settle(entry, truth)
            if self._wait(stop, pause):
                return None

    def quiet(self, seconds: float) -> None:
        """Send nothing for so long: the service said so."""
        with self._lock:
            self._quiet_until = max(self._quiet_until, self._clock() + seconds)

    def _settle(self, entry: list[float], truth: int) -> None:
        with self._lock:
            entry[1] = float(truth)

    def _full(self, now: float, tokens: int) -> float:
        """Seconds until the window has room."""
        while self._sent and self._sent[0][0] <= now - WINDOW:
            self._sent.popleft()
        until = now
        if self._requests and len(self._sent) >= self._requests:
            until = self._sent[-self._requests][0] + WINDOW
        if self._tokens:  # a request over the limit by itself goes out alone
            room = self._tokens - tokens - sum(used for _, used in self._sent)
            for when, used in self._sent:
                if room >= 0:
                    break
                room += used
                until = max(until, when + WINDOW)
        return until - now


def retry_after(value: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date (`now` is Unix time)."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (TypeError, ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if isfinite(seconds) else None

"""When an engine breaks an answer off: its batch is over, or nobody waits for this one."""

import threading
import time
from collections.abc import Callable

_LOOK = 0.05  # seconds between two looks at who cannot be waited on


class EitherStop(threading.Event):
    """An Event that is also set once `stopped()` is true."""

    def __init__(self, batch: threading.Event, stopped: Callable[[], bool] | None) -> None:
        super().__init__()
        self._batch = batch
        self._stopped = stopped

    def is_set(self) -> bool:
        """Whether either says so."""
        return self._batch.is_set() or (self._stopped is not None and self._stopped())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until either says so, `timeout` seconds at most."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = _LOOK if until is None else min(_LOOK, until - time.monotonic())
            if left <= 0:
                return False
            self._batch.wait(left)
        return True

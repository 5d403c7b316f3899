"""A batch of asks over a bounded number of threads, and when to stop asking."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from digest.errors import EngineUnavailable
from digest.protocols import LATER, Answer, Ask

CANCELLED = "cancelled"  # the error of an answer that nobody waits for any more
PATIENCE = 3  # failures of the server, not of an item, one after the other

One = Callable[[int, Ask, threading.Event], Answer]
"""Answers the ask at an index of the batch, and stops soon after the event is set."""


class Patience:
    """Counts how often a server failed in a row, over all batches of one engine."""

    def __init__(self) -> None:
        self._failed = 0
        self._lock = threading.Lock()

    def seen(self, answer: Answer) -> None:
        """Raise EngineUnavailable, with the cause as it was, at the `PATIENCE`th failure in a row:
        the next hundred asks would each wait as long for the same. Then it counts anew.
        """
        if answer.error == CANCELLED:
            return
        with self._lock:
            self._failed = self._failed + 1 if answer.finish == LATER else 0
            if self._failed < PATIENCE:
                return
            self._failed = 0
        raise EngineUnavailable(answer.error)


def answered(
    asks: Sequence[Ask], one: One, width: int, name: str, patience: Patience | None = None
) -> Iterator[Answer]:
    """Answers of a batch as they come, `width` asks at once.

    Closing the iterator stops what is being answered. Raises EngineUnavailable when `patience`
    with the server ends.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(width, thread_name_prefix=name)
    try:
        pending = [pool.submit(one, n, ask, stop) for n, ask in enumerate(asks)]
        for future in as_completed(pending):
            answer = future.result()
            if patience:
                patience.seen(answer)
            yield answer
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)

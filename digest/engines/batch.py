"""A batch of asks over a bounded number of threads, and when to stop asking."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from digest.errors import EngineUnavailable
from digest.protocols import LATER, Answer, Ask

PATIENCE = 3  # failures of the server, not of an item, one after the other

One = Callable[[int, Ask, threading.Event], Answer]
"""Answers the ask at an index of the batch, and stops soon after the event is set."""


def answered(asks: Sequence[Ask], one: One, width: int, name: str) -> Iterator[Answer]:
    """Answers of a batch as they come, `width` asks at once.

    Closing the iterator stops what is being answered. Raises EngineUnavailable, with the cause as
    it was, when the server fails at `PATIENCE` asks one after the other: the next hundred would
    each wait as long for the same.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(width, thread_name_prefix=name)
    failed = 0
    try:
        pending = [pool.submit(one, n, ask, stop) for n, ask in enumerate(asks)]
        for future in as_completed(pending):
            answer = future.result()
            failed = failed + 1 if answer.finish == LATER else 0
            if failed >= PATIENCE:
                raise EngineUnavailable(answer.error)
            yield answer
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)

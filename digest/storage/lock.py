"""One writer at a time, across processes; a killed holder's lock is free at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from digest.errors import LedgerLocked


@contextmanager
def writer_lock(path: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock of the ledger at `path`.

    Raises LedgerLocked, naming the holder, after `wait` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(path.name + ".holder")
    # Not thread-local: a server takes the lock in one thread and gives it back in another.
    lock = FileLock(path.with_name(path.name + ".lock"), thread_local=False)
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        who = holder.read_text("utf-8").strip() if holder.exists() else "another process"
        raise LedgerLocked(f"{who} is writing to {path}; try again when it has ended") from None
    try:
        holder.write_text(
            f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC,", "utf-8"
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()

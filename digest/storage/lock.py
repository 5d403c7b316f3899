"""One writer at a time, across processes; a killed holder's lock is free at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from digest.errors import LedgerError, LedgerLocked


@contextmanager
def writer_lock(path: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock of the ledger at `path`.

    Raises LedgerLocked, naming the holder, after `wait` seconds; LedgerError if there can be no
    lock in this folder.
    """
    holder = path.with_name(path.name + ".holder")
    # Not thread-local: a server takes the lock in one thread and gives it back in another.
    lock = FileLock(path.with_name(path.name + ".lock"), thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait)
    except Timeout:
        raise LedgerLocked(
            f"{_held_by(holder)} is writing to {path}; try again when it has ended"
        ) from None
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise LedgerError(
            f"cannot lock the ledger {path}: {error}; give one in a folder of yours with --ledger"
        ) from error
    try:
        with suppress(OSError):  # a full disk: the lock holds without a name
            holder.write_text(
                f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC,", "utf-8"
            )
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _held_by(holder: Path) -> str:
    try:
        return holder.read_text("utf-8").strip() or "another process"
    except (OSError, UnicodeDecodeError):
        return "another process"

"""Where calls do their work: quick readers, long jobs in threads, one writer lock for all.

A reader borrows one of a few open connections. The event loop gives a query a few milliseconds;
one that needs more begins anew in a thread. A job runs in a thread of its own with its own
connection, says how far it is, and stops soon after its caller is gone.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from digest import settings as configuration
from digest.progress import describe, spell
from digest.storage.ledger import Ledger
from digest.storage.lock import writer_lock
from digest.storage.queries import Reader
from server.engine_pool import EnginePool, Stopped

log = logging.getLogger(__name__)

T = TypeVar("T")

READERS = 4
QUICK = 0.005  # seconds that a query may hold the event loop; most need a fiftieth
JOBS = 24
LOCK_WAIT = 2.0  # seconds to wait for another process before saying who it is
PROGRESS_EVERY = 0.25  # seconds
HEARTBEAT = 2.0  # seconds after which a job that has not come further says that it is at work
FEWEST_MEASURED = 3  # items from which a pace is worth keeping


class Watcher(Protocol):
    """Who is told how far a job is: an MCP context."""

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """`progress` grows from call to call."""


class Job:
    """A job as its thread sees it."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.state: tuple[float, float | None, str] = (0, None, "started")
        self._stage, self._began, self._first = "", 0.0, 0

    def stop(self) -> None:
        """Ask the thread to stop."""
        self._stop.set()

    def stopped(self) -> bool:
        """Whether the caller is gone."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise Stopped if the caller is gone."""
        if self._stop.is_set():
            raise Stopped

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """A `pipeline.Progress`; raises Stopped if the caller is gone."""
        self.check()
        if stage != self._stage:
            self._stage, self._began, self._first = stage, time.monotonic(), done
        elapsed = time.monotonic() - self._began
        self.state = (done, total, describe(stage, done, total, done - self._first, elapsed))

    def expect(self, items: int, pace: float) -> None:
        """Say what is ahead: items to digest, at so many seconds each; 0 = nobody knows."""
        about = f", about {spell(items * pace)}" if pace and items else ""
        self.state = (self.state[0], None, f"{items} items to digest{about}")


class Desk:
    """Everything that calls share. Use it as a context manager around the server's life."""

    def __init__(self, settings: configuration.Settings) -> None:
        self.settings = settings
        self.engines = EnginePool(settings)
        self._readers: queue.SimpleQueue[Reader] = queue.SimpleQueue()
        self._ready = False
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._working = ThreadPoolExecutor(JOBS, thread_name_prefix="job")
        self._jobs = set[Job]()
        self._lock = SharedLock(self)
        self.delivering = threading.Lock()  # two calls must not send the same report at once
        self.built = ""  # id of the report that was built last
        self._read_at: dict[str, tuple[float, float]] = {}
        self._source_locks: dict[str, asyncio.Lock] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop every job, wait until the ledger is at rest, free the models."""
        for job in list(self._jobs):
            job.stop()
        self._reading.shutdown(wait=True, cancel_futures=True)
        self._working.shutdown(wait=True, cancel_futures=True)
        self.engines.close()
        while not self._readers.empty():
            self._readers.get().close()

    # Reading

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run a query: here and now if it is quick, for handing it over and back costs more than
        the query itself; else in a reader's thread.
        """
        if self._ready:
            with suppress(TimeoutError), self._reader() as reader, reader.within(QUICK):
                return query(reader)
        return await asyncio.wrap_future(self._reading.submit(self._read, query))

    def _read(self, query: Callable[[Reader], T]) -> T:
        if not self._ready:
            with Ledger(self.settings.ledger):  # makes the file, or brings it up to date
                self._ready = True
        with self._reader() as reader:
            return query(reader)

    @contextmanager
    def _reader(self) -> Iterator[Reader]:
        try:
            reader = self._readers.get_nowait()
        except queue.Empty:
            reader = Reader(self.settings.ledger)
        try:
            yield reader
        finally:
            self._readers.put(reader)

    # Working

    async def work(self, task: Callable[[Job, Ledger], T], watcher: Watcher) -> T:
        """Run a job in a thread; tell the watcher how far it is.

        If the caller is cancelled the job is told to stop and this returns at once.
        """
        job = Job()
        self._jobs.add(job)
        future = self._working.submit(self._work, job, task)
        future.add_done_callback(lambda _: self._jobs.discard(job))
        try:
            return await _watch(job, future, watcher)
        except asyncio.CancelledError:
            job.stop()
            raise

    def _work(self, job: Job, task: Callable[[Job, Ledger], T]) -> T:
        job.check()
        with Ledger(self.settings.ledger) as ledger:
            return task(job, ledger)

    def finish(self) -> None:
        """Deliver, in the background, what a server that was killed left in the outbox."""
        self._working.submit(self._finish)

    def _finish(self) -> None:
        from digest.errors import DigestError

        try:
            with Ledger(self.settings.ledger) as ledger:
                if not ledger.outbox():
                    return
                import integrations
                from digest import pipeline

                with self.writing(), self.delivering:
                    pipeline.deliver(ledger, lambda spec: integrations.sink(spec, self.settings))
        except DigestError as error:
            log.warning("the outbox waits: %s", error)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the ledger's writer lock, shared by the jobs of this process.

        Raises LedgerLocked, naming the other process.
        """
        with self._lock.held():
            yield

    # Reading a source: once at a time, and not again within a minute

    def source_lock(self, spec: str) -> asyncio.Lock:
        """Callers for the same source wait here in turn."""
        return self._source_locks.setdefault(spec, asyncio.Lock())

    def is_fresh(self, spec: str, since: float, seconds: float) -> bool:
        """Whether the source was read back to `since` (epoch) less than `seconds` ago."""
        read = self._read_at.get(spec)
        return read is not None and read[0] <= since and time.monotonic() - read[1] < seconds

    def mark_read(self, spec: str, since: float) -> None:
        """The source was read just now, back to `since` (epoch)."""
        self._read_at[spec] = (since, time.monotonic())

    # How fast an engine is: measured, and kept for the estimate before the next report

    def pace(self, ledger: Ledger, model: str) -> float:
        """Seconds that an item takes with a model; 0 if nobody has measured."""
        try:
            return float(ledger.cursor(f"pace: {model}") or 0)
        except ValueError:
            return 0.0

    def note_pace(self, ledger: Ledger, model: str, items: int, seconds: float) -> float:
        """Keep what was measured just now, beside what was before; the seconds an item takes."""
        before = self.pace(ledger, model)
        if items < FEWEST_MEASURED:
            return before
        now = seconds / items
        pace = (before + 2 * now) / 3 if before else now
        ledger.move_cursor(f"pace: {model}", f"{pace:.4f}")
        return pace


class SharedLock:
    """The writer lock, taken by the first job that writes and given back by the last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._mutex = threading.Lock()
        self._holders = 0
        self._held = ExitStack()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be one of the holders."""
        with self._mutex:
            if self._holders == 0:
                self._held.enter_context(writer_lock(self._desk.settings.ledger, wait=LOCK_WAIT))
            self._holders += 1
        try:
            yield
        finally:
            with self._mutex:
                self._holders -= 1
                if self._holders == 0:
                    self._held.close()


async def _watch(job: Job, future: "Future[T]", watcher: Watcher) -> T:
    """Await the future; tell the watcher what changed, and every two seconds that it goes on."""
    waiting = asyncio.wrap_future(future)
    waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # seen
    told: Any = None
    base = sent = 0.0
    began = spoke = time.monotonic()
    while True:
        # asyncio.wait, not wait_for: a time-out must not cancel the job
        done, _ = await asyncio.wait({waiting}, timeout=PROGRESS_EVERY if told else 0.05)
        state, now = job.state, time.monotonic()
        if state != told:
            if told and state[0] < told[0]:  # another stage begins: what is reported only grows
                base += told[0]
            told, spoke = state, now
            sent = max(base + state[0], sent)
            total = base + state[1] if state[1] is not None else None
            await watcher.report_progress(sent, total, state[2])
        elif now - spoke >= HEARTBEAT and not done:
            spoke = now
            sent += (base + state[0] + 1 - sent) / 8  # it must grow, and the item is not done
            total = base + state[1] if state[1] is not None else None
            message = f"{state[2]}; at work for {spell(now - began)}"
            await watcher.report_progress(sent, total, message)
        if done:
            return waiting.result()

"""One model, many callers: their questions are answered in turn, so that nobody waits for all
of somebody else's.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from digest import engines
from digest.errors import EngineUnavailable
from digest.protocols import Answer, Ask, Engine
from digest.settings import EngineName, Settings

log = logging.getLogger(__name__)

RETRY_AFTER = 60.0  # seconds until an engine that was not there is looked for again
POLL = 0.1  # seconds in which a caller that gave up is noticed


class Stopped(BaseException):
    """The caller is gone. Not an Exception: no stage may take it for an item's own failure."""


class _Batch:
    """The questions of one caller that still wait, and the answers that came."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self.waiting = deque(enumerate(asks))
        self.answers: queue.SimpleQueue[Answer | EngineUnavailable] = queue.SimpleQueue()


class SharedEngine:
    """Shares an engine among threads: each caller gives one question, then the next is served."""

    def __init__(self, engine: Engine, slots: int) -> None:
        """`slots`: how many questions the engine answers at once."""
        self.engine = engine
        self._line = deque[_Batch]()
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"model-{n}", daemon=True)
            for n in range(slots)
        ]
        for thread in self._threads:
            thread.start()

    def client(self, stopped: Callable[[], bool]) -> "EngineClient":
        """The engine as one caller sees it."""
        return EngineClient(self, stopped)

    def close(self) -> None:
        """Let the questions at work end, drop the rest, free the model."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self.engine.close()

    def ask(self, asks: Sequence[Ask], stopped: Callable[[], bool]) -> Iterator[Answer]:
        """Like `Engine.answer`, EngineUnavailable included.

        Raises Stopped soon after `stopped()` turns true.
        """
        left = threading.Event()  # whoever asked takes no more answers
        gone = lambda: left.is_set() or stopped()  # noqa: E731
        batch = _Batch([replace(ask, stopped=gone) for ask in asks])
        with self._changed:
            if batch.waiting:
                self._line.append(batch)
            self._changed.notify_all()
        try:
            for _ in range(len(asks)):
                while True:
                    if stopped() or self._closing:
                        raise Stopped
                    try:
                        answer = batch.answers.get(timeout=POLL)
                        break
                    except queue.Empty:
                        continue
                if isinstance(answer, EngineUnavailable):
                    raise answer
                if answer.finish == "error" and stopped():
                    raise Stopped  # it was broken off: that says nothing about the item
                yield answer
        finally:
            left.set()
            with self._changed:
                batch.waiting.clear()

    def _serve(self) -> None:
        while (taken := self._next()) is not None:
            batch, index, ask = taken
            try:
                for answer in self.engine.answer([ask]):
                    batch.answers.put(replace(answer, index=index))
            except EngineUnavailable as error:
                batch.answers.put(error)
            except Exception as error:  # the engine's promise is broken; the caller must not hang
                log.exception("the engine failed")
                batch.answers.put(Answer(index, "", "error", error=type(error).__name__))

    def _next(self) -> tuple[_Batch, int, Ask] | None:
        with self._changed:
            while True:
                if self._closing:
                    return None
                while self._line:
                    batch = self._line.popleft()
                    if batch.waiting:
                        index, ask = batch.waiting.popleft()
                        if batch.waiting:
                            self._line.append(batch)
                        return batch, index, ask
                self._changed.wait()


class EngineClient:
    """An Engine that ends with its caller and leaves the shared one open."""

    def __init__(self, shared: SharedEngine, stopped: Callable[[], bool]) -> None:
        self._shared = shared
        self._stopped = stopped
        self.name = shared.engine.name
        self.model = shared.engine.model
        self.context = shared.engine.context

    def __getattr__(self, name: str) -> Any:
        """What only some engines have: how a model that is not Digest's own is asked."""
        return getattr(self._shared.engine, name)

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        if self._stopped():
            raise Stopped
        return self._shared.engine.count(text)

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch in turn with the other callers'."""
        return self._shared.ask(asks, self._stopped)

    def close(self) -> None:
        """Nothing: the engine stays open for the others."""


class EnginePool:
    """Opens engines when they are first asked for and keeps them open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mutex = threading.Lock()
        self._asked: dict[str, tuple[SharedEngine, str, float]] = {}  # what was asked for
        self._open: dict[tuple[str, str], SharedEngine] = {}  # (engine, model)

    def get(self, name: EngineName) -> tuple[SharedEngine, str]:
        """The engine for this name, and why it is not another one.

        `auto` may end without a model, and looks again after a while. Raises EngineUnavailable
        for a named engine that cannot be had.
        """
        with self._mutex:
            if name in self._asked:
                shared, note, since = self._asked[name]
                stands_in = name == "auto" and shared.engine.name == "extractive"
                if not stands_in or time.monotonic() - since < RETRY_AFTER:
                    return shared, note
            chosen = self._settings.model_copy(update={"engine": name})
            opener = engines.open_or_degrade if name == "auto" else _open_named
            engine, note = opener(chosen)
            key = (engine.name, engine.model)
            if key in self._open:
                engine.close()
            else:
                self._open[key] = SharedEngine(engine, self._slots(engine))
            self._asked[name] = (self._open[key], note, time.monotonic())
            return self._open[key], note

    def put(self, name: EngineName, engine: Engine, slots: int = 1) -> None:
        """Give an open engine to all who ask for this name from now on."""
        with self._mutex:
            shared = self._open[engine.name, engine.model] = SharedEngine(engine, slots)
            self._asked[name] = (shared, "", time.monotonic())

    def _slots(self, engine: Engine) -> int:
        if engine.name == "ollama":
            return self._settings.ollama.parallel
        slots: int = getattr(engine, "slots", 1)
        return slots

    def close(self) -> None:
        """Free every model."""
        with self._mutex:
            for shared in self._open.values():
                shared.close()
            self._open.clear()
            self._asked.clear()


def _open_named(settings: Settings) -> tuple[Engine, str]:
    return engines.open_engine(settings.engine, settings)

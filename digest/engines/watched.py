"""An engine that remembers its death, for whoever decides what a report without it is worth."""

from collections.abc import Iterator, Sequence
from typing import Any

from digest.errors import EngineUnavailable
from digest.protocols import Answer, Ask, Engine


class WatchedEngine:
    """Passes everything on to an engine. `died` says why it went away; "" while it is there.

    `analyze` goes on without an engine that dies: what it was not asked any more is taken from
    the text. Its caller reads here that this happened.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name, self.model, self.context = engine.name, engine.model, engine.context
        self.died = ""

    def __getattr__(self, name: str) -> Any:
        """What only some engines have: how a model that is not Digest's own is asked."""
        return getattr(self._engine, name)

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        return self._engine.count(text)

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch as the engine does. Raises EngineUnavailable, and remembers it."""
        try:
            yield from self._engine.answer(asks)
        except EngineUnavailable as error:
            self.died = str(error)
            raise

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

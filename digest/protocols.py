"""What the core asks of the outside: Source, Engine, Sink. `integrations` and `engines` answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from digest.prompt import Message
from digest.records import RawDocument, Skip


@runtime_checkable
class Source(Protocol):
    """Where text comes from."""

    spec: str  # `kind:argument`, as the user wrote it

    def fetch(self, since: datetime | None) -> Iterator[RawDocument | Skip]:
        """Yield what is not older than `since` (aware UTC), oldest first where that is cheap.

        A document that cannot even be carried is yielded as a Skip. Raises SourceError.
        """
        ...


@runtime_checkable
class Resumable(Source, Protocol):
    """A source that reads on from where it stood, so that nothing between two runs is missed."""

    cursor: str  # after `fetch` is exhausted: where the next reading begins; pinned before listing

    def fetch(self, since: datetime | None, cursor: str = "") -> Iterator[RawDocument | Skip]:
        """Like `Source.fetch`, but what was read before `cursor` need not be yielded again."""
        ...


@runtime_checkable
class Marking(Protocol):
    """A source that shows at the remote end what was read."""

    def mark(self) -> None:
        """Mark, once the ledger has all that `fetch` yielded. May be repeated.

        Raises SourceError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to an engine."""

    messages: Sequence[Message]
    fields: tuple[str, ...]
    max_tokens: int
    schema: Mapping[str, Any] | None = None  # JSON schema of an answer that is no digest
    # Whether nobody waits for the answer any more: then the engine may break it off.
    stopped: Callable[[], bool] | None = field(default=None, compare=False)


LATER = "later"
"""`Answer.finish` where the server failed, not the model: too slow, dead, out of memory."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for the ask at `index` of the batch.

    `finish` is "stop" only if the engine knows that the model ended by itself; "length" if a
    budget cut it; "error" if nothing usable came, with the reason in `error`; `LATER` if nothing
    came for a reason that says nothing about the item: what is put in the answer's place is not
    the last word on it, and must not be kept as such.
    """

    index: int
    text: str
    finish: str  # "stop", "length", "error" or LATER
    tokens_in: int = 0
    tokens_out: int = 0
    error: str = ""


@runtime_checkable
class Engine(Protocol):
    """What runs the model."""

    name: str  # ollama, openai, embedded or extractive
    model: str  # identifies weights, adapter and quantisation: part of the cache key
    context: int  # tokens that prompt and answer may take together

    def count(self, text: str) -> int:
        """Tokens of `text` by the model's own tokenizer, control tokens read as text."""
        ...

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch, each as soon as it is there, in any order. Never raises for one ask."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@runtime_checkable
class Choosing(Protocol):
    """An engine whose model may be one that Digest's prompt was never taught to.

    If `chooses`, it is asked by `digest.engines.own_prompt`: it chooses sentences by their
    numbers, and its digests carry `prompt_version` in place of the house's own.
    """

    chooses: bool
    writes: bool  # the user lets it write a sentence for the sentences that it cites
    prompt_version: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Proof that a sink holds a report."""

    target: str  # for people: a path, a URL, an address
    remote_id: str  # for the sink itself: asked for after a crash


@runtime_checkable
class Sink(Protocol):
    """Where a report goes."""

    spec: str

    def find(self, key: str, name: str) -> Delivery | None:
        """The delivery made under this idempotency key and name, if the sink already holds it."""
        ...

    def deliver(self, key: str, name: str, markdown: str, html: str) -> Delivery:
        """Deliver under an idempotency key. `name` is a safe file stem. Raises SinkError."""
        ...

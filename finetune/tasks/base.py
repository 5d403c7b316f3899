"""What a task is: the protocol that reading, training, checking and exporting go through.

Protocols and the shapes that pass through them; `registry` opens the tasks themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import Field

from digest.model.modelfile import Modelfile
from digest.schema import DigestFields, Row
from finetune.config import Data
from finetune.data.encoding import Example, Tokenizer
from finetune.data.formats import ReadReport

Given = Mapping[str, str]  # what a prompt is made of, by name


class Sample(Row):
    """A row of any task. What it holds beside the parts of a row stands in `values`."""

    digest: DigestFields = DigestFields()
    values: dict[str, str] = Field(default_factory=dict)


class Examples(Protocol):
    """The shuffled examples of an epoch."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: slice, /) -> list[Example]: ...

    @property
    def tokens(self) -> int:
        """Of all examples, about."""
        ...


class Trainable(Protocol):
    """What the training loop asks of a model, wherever it is trained."""

    def step(
        self, micros: Sequence[Sequence[Example]], lr: float
    ) -> tuple[float, float | None, int]:
        """One optimiser step; returns mean loss of the answer tokens, gradient norm (None where
        it is not known), tokens.
        """
        ...

    def loss(self, examples: Sequence[Example]) -> float:
        """Mean loss of the answer tokens, without learning."""
        ...

    def answer(self, examples: Sequence[Example]) -> list[tuple[int, ...]]:
        """What the model answers to the prompts, greedily, up to its stop token."""
        ...

    def save(self, folder: Path, state: dict[str, Any]) -> None:
        """Write a checkpoint: the adapter in PEFT's format, and what `restore` needs."""
        ...

    def restore(self, folder: Path) -> dict[str, Any]:
        """Load a checkpoint; return the `state` it was saved with."""
        ...

    def close(self) -> None:
        """Let go of what is held elsewhere."""
        ...


class Task(Protocol):
    """What is learnt from rows, and asked for afterwards."""

    name: str
    asked: tuple[str, ...]  # what a prompt is made of

    def read(self, how: Data, report: ReadReport) -> Iterator[Row]:
        """The rows of the file; what was found is counted in `report`. Raises ConfigError."""
        ...

    def epoch(self, rows: Sequence[Row], tokenizer: Tokenizer, seed: int) -> Examples:
        """The examples of an epoch, drawn with `seed`."""
        ...

    def fixed(self, rows: Sequence[Row], tokenizer: Tokenizer) -> list[Example]:
        """The examples that validation goes by: always the same."""
        ...

    def examine(
        self, learner: Trainable, rows: Sequence[Row], tokenizer: Tokenizer
    ) -> dict[str, float]:
        """What the model is worth on these rows; `score` is what the best adapter has most of."""
        ...

    def described(self, rows: Sequence[Row]) -> Iterator[str]:
        """What the rows teach, for people."""
        ...

    def prompt(self, given: Given) -> str:
        """What the model is to continue; raises ConfigError that names what is missing.

        `given` may hold the parts by name, or `prompt`: the one thing that is needed.
        """
        ...

    def modelfile(self, folder: Path, source: str, adapter: str = "") -> Modelfile:
        """What makes `ollama run --nowordwrap NAME PROMPT` work bare, for weights of the base in
        `folder`.
        """
        ...

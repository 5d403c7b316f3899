"""The task that Digest was made for: a story's digest, for any subset of its fields."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from digest.grammar import answer_budget
from digest.model.modelfile import Modelfile
from digest.prompt import chatml, messages
from digest.schema import Row
from finetune.config import Data
from finetune.data import encoding, formats, quotes
from finetune.export import modelfile
from finetune.tasks.base import Examples, Given

if TYPE_CHECKING:
    from finetune.train.learner import Trainable


class Digests:
    """Prompt and answer as `digest.prompt` and `digest.schema` make them."""

    name = "digest"
    asked: tuple[str, ...] = ("title", "text")

    def __init__(self, how: Data) -> None:
        self._how = how

    def read(self, how: Data, report: formats.Report) -> Iterator[Row]:
        """Rows of any common shape."""
        rows = formats.stream(how.rows, report, how.columns)
        if how.quotes is None:
            return rows
        choices = quotes.read(how.quotes)
        return (quotes.quoted(row, choices) for row in rows)

    def epoch(self, rows: Sequence[Row], tokenizer: encoding.Tokenizer, seed: int) -> Examples:
        """Every row once, short ones twice, for fields and with caps that are drawn."""
        return encoding.Epoch(rows, self._how, tokenizer, seed)

    def fixed(self, rows: Sequence[Row], tokenizer: encoding.Tokenizer) -> list[encoding.Example]:
        """All labelled fields, the largest cap."""
        return encoding.validation(rows, self._how, tokenizer)

    def examine(
        self, learner: "Trainable", rows: Sequence[Row], tokenizer: encoding.Tokenizer
    ) -> dict[str, float]:
        """The answers, measured field by field."""
        from finetune.train.examine import examine

        return examine(learner, self.fixed(rows, tokenizer), rows, tokenizer)

    def described(self, rows: Sequence[Row]) -> Iterator[str]:
        """The labels, field by field."""
        from finetune.train.check import labels

        return labels(rows)

    def prompt(self, given: Given) -> str:
        """Title and text, or the text alone."""
        return chatml(messages(given.get("title", ""), given.get("text", given.get("prompt", ""))))

    def modelfile(self, folder: Path, source: str, adapter: str = "") -> Modelfile:
        """All fields, greedily."""
        return modelfile.of(folder, source, adapter, most=answer_budget())

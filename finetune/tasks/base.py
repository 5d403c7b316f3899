"""What a model can learn: one protocol that reading, training, checking and exporting go through.

digest      a story's digest, for any subset of its fields (finetune.tasks.digests)
text        to continue texts like these (finetune.tasks.text)
template    to fill in a template (finetune.tasks.template)
summarize   summaries in one language, of at most so many words (finetune.tasks.summaries)

What a trained adapter was taught lies beside its weights, in task.json: the same keys as in a
run's configuration. An adapter without it writes digests.
"""

import json
import random
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

from pydantic import Field

from digest.errors import ConfigError
from digest.model.modelfile import Modelfile
from digest.prompt import STOP
from digest.schema import DigestFields, Row
from finetune.config import Config, Data
from finetune.data.encoding import Example, Tokenizer

if TYPE_CHECKING:
    from finetune.data.formats import Report
    from finetune.train.learner import Trainable

FILE = "task.json"
END = "<|endoftext|>"  # what ends a document in most bases
_KEYS = ("task", "template", "lang", "n_words")
_SAMPLE = 500  # examples whose tokens are counted

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


class Task(Protocol):
    """What is learnt from rows, and asked for afterwards."""

    name: str
    asked: tuple[str, ...]  # what a prompt is made of

    def read(self, how: Data, report: "Report") -> Iterator[Row]:
        """The rows of the file; what was found is counted in `report`. Raises ConfigError."""
        ...

    def epoch(self, rows: Sequence[Row], tokenizer: Tokenizer, seed: int) -> Examples:
        """The examples of an epoch, drawn with `seed`."""
        ...

    def fixed(self, rows: Sequence[Row], tokenizer: Tokenizer) -> list[Example]:
        """The examples that validation goes by: always the same."""
        ...

    def examine(
        self, learner: "Trainable", rows: Sequence[Row], tokenizer: Tokenizer
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


def of(config: Config) -> Task:
    """The task of a run. Raises ConfigError for settings that it cannot work with."""
    match config.task:
        case "text":
            from finetune.tasks.text import Text

            return Text(config.data)
        case "template":
            from finetune.tasks.template import Template

            return Template(config.template, config.data)
        case "summarize":
            from finetune.tasks.summaries import Summaries

            return Summaries(config.lang, config.n_words, config.data)
        case _:
            from finetune.tasks.digests import Digests

            return Digests(config.data)


# --- what an adapter was taught ------------------------------------------------------------------


def settings(config: Config) -> dict[str, Any]:
    """What makes a task the one that it is; nothing for digests."""
    return {} if config.task == "digest" else {key: getattr(config, key) for key in _KEYS}


def told(taught: Mapping[str, Any]) -> Task:
    """The task of what `settings` said."""
    return of(Config.model_validate(dict(taught)))


def save(folder: Path, taught: Mapping[str, Any]) -> None:
    """Write task.json beside an adapter."""
    if taught:
        (folder / FILE).write_text(json.dumps(taught, ensure_ascii=False, indent=1), "utf-8")


def saved(folder: Path) -> dict[str, Any]:
    """What the adapter or the exported model in a folder was taught. Raises ConfigError."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        told(found)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path} is no description of a task: {error}") from error
    return found


# --- examples ------------------------------------------------------------------------------------


class Shuffled(Sequence[Example]):
    """The examples of an epoch, made when they are taken; only their order is held.

    `make` gives the examples of a row; `one` says that each row has exactly one, so that nothing
    need be made to know how many there are.
    """

    def __init__(
        self, rows: Sequence[Row], make: Callable[[Row], list[Example]], seed: int, one: bool = True
    ) -> None:
        self._rows, self._make = rows, make
        self._order = array("Q")  # number of the row, and of the example in it
        for number in range(len(rows)):
            for nth in range(1 if one else len(make(rows[number]))):
                self._order.append(number << 20 | nth)
        random.Random(seed).shuffle(self._order)  # noqa: S311 - a draw, not a secret

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        number, nth = self._order[index] >> 20, self._order[index] & 0xFFFFF
        return self._make(self._rows[number])[nth]

    @cached_property
    def tokens(self) -> int:
        """Of all examples, told from a sample where they are many."""
        seen = range(0, len(self), max(1, len(self) // _SAMPLE))
        return round(sum(len(self[index]) for index in seen) * len(self) / max(1, len(seen)))


def end(tokenizer: Tokenizer) -> tuple[int, ...]:
    """What ends a document that is no answer in a chat."""
    ids = tuple(tokenizer.prompt(END))
    return ids if len(ids) == 1 else tuple(tokenizer.prompt(STOP))


def fit(learner: "Trainable", examples: Sequence[Example]) -> dict[str, float]:
    """How well the model expects what it did not learn: for tasks without one right answer."""
    import math

    loss = learner.loss(examples)
    return {"perplexity": math.exp(min(loss, 100.0)), "score": -loss}

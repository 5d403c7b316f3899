"""What the tasks share when they make and measure examples."""

import math
import random
from array import array
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import overload

from digest.prompt import STOP
from digest.schema import Row
from finetune.data.encoding import Example, Tokenizer
from finetune.tasks.base import Trainable

END = "<|endoftext|>"  # what ends a document in most bases
_SAMPLE = 500  # examples whose tokens are counted


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


def fit(learner: Trainable, examples: Sequence[Example]) -> dict[str, float]:
    """How well the model expects what it did not learn: for tasks without one right answer."""
    loss = learner.loss(examples)
    return {"perplexity": math.exp(min(loss, 100.0)), "score": -loss}

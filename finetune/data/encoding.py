"""From dataset rows to training examples.

Prompt and answer come from `digest.prompt` and `digest.schema`, the same functions that ask the
model at run time, so that the model is trained on exactly what it will be asked.
"""

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol, overload

from digest.cutting import shorten
from digest.prompt import STOP, chatml, messages
from digest.quote.grounding import ground
from digest.schema import DigestFields, Row, select
from finetune.config import Data
from finetune.data.formats import read
from finetune.data.quotes import held
from finetune.data.split import split

__all__ = ["Epoch", "Example", "Tokenizer", "bucketed", "encode", "read", "split", "validation"]

_SAMPLE = 1000  # rows or examples at least, from which lengths are told


class Tokenizer(Protocol):
    """What is needed of a tokenizer (finetune.train.base.Tokens)."""

    def prompt(self, text: str) -> list[int]:
        """Token ids of text, control tokens recognised."""
        ...

    def plain(self, text: str) -> list[int]:
        """Token ids of text, control tokens read as text."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, control tokens shown."""
        ...


# --- examples -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """One question and its answer as token ids. The loss is taken on `answer` only, which ends
    with the stop token.
    """

    id: str
    fields: tuple[str, ...]
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    cut: int  # tokens of text left out

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def encode(row: Row, fields: Sequence[str], cap: int, tokenizer: Tokenizer) -> Example:
    """Build the example of a row for the asked fields, its text cut to `cap` tokens.

    What a cut takes away cannot be learnt from: names and quotations that no longer occur are left
    out.
    """
    text, lost = shorten(row.text, cap, lambda part: len(tokenizer.plain(part)))
    labels = row.digest
    if lost:
        labels = held(ground(labels, row.title, text).fields, row.text, text)
    asked = [name for name in select(fields) if getattr(labels, name) is not None]
    target = DigestFields(**{name: getattr(labels, name) for name in asked or labels.asked()})
    return Example(
        id=row.id,
        fields=target.asked(),
        prompt=tuple(tokenizer.prompt(chatml(messages(row.title, text, target.asked())))),
        answer=(*tokenizer.plain(target.to_json()), *tokenizer.prompt(STOP)),
        cut=lost,
    )


class Epoch(Sequence[Example]):
    """The shuffled examples of one epoch: every row once, short ones twice. Asks and caps are
    drawn per row from its id and `seed`, so the draw does not depend on the other rows.

    Only the order is held, 8 bytes an example, and to know it nothing is tokenised but a sample:
    which prompts are short is told from their characters.
    """

    def __init__(self, rows: Sequence[Row], how: Data, tokenizer: Tokenizer, seed: int) -> None:
        self._rows, self._how, self._tokenizer, self._seed = rows, how, tokenizer, seed
        self._subsets = [ask for ask in how.asks if ask.fields != "all"]
        self._order = array("Q")  # twice the row's number, plus one for the second ask
        short = how.twice_below_tokens * _density(rows, tokenizer)
        for number, row in enumerate(rows):
            self._order.append(2 * number)
            _, _, ask = self._drawn(row)
            if self._subsets and ask == "all" and len(_prompt(row)) < short:
                self._order.append(2 * number + 1)
        random.Random(seed).shuffle(self._order)  # noqa: S311 - a draw, not a secret

    @cached_property
    def tokens(self) -> int:
        """Of all examples: counted where they are few, else told from a sample."""
        seen = _sample(len(self))
        return round(sum(len(self[index]) for index in seen) * len(self) / max(1, len(seen)))

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        number, second = divmod(self._order[index], 2)
        row = self._rows[number]
        rng, cap, ask = self._drawn(row)
        if second:
            ask = rng.choices(self._subsets, [a.weight for a in self._subsets])[0].fields
        return encode(row, _draw(ask, row, rng), cap, self._tokenizer)

    def _drawn(self, row: Row) -> tuple[random.Random, int, str]:
        """The dice of a row, thrown for its cap and its first ask."""
        how = self._how
        rng = random.Random(f"{self._seed}:{row.id}")  # noqa: S311
        cap = rng.choices(how.caps, [c.weight for c in how.caps])[0].tokens
        return rng, cap, rng.choices(how.asks, [a.weight for a in how.asks])[0].fields


def _prompt(row: Row) -> str:
    return chatml(messages(row.title, row.text, row.digest.asked()))


def _sample(count: int) -> range:
    """Numbers of so many things, evenly spread: all of them, or some two thousand."""
    return range(0, count, max(1, count // _SAMPLE))


def _density(rows: Sequence[Row], tokenizer: Tokenizer) -> float:
    """Characters of a prompt that make a token, on average."""
    prompts = [_prompt(rows[index]) for index in _sample(len(rows))]
    tokens = sum(len(tokenizer.prompt(prompt)) for prompt in prompts)
    return sum(map(len, prompts)) / max(1, tokens)


def validation(rows: Sequence[Row], how: Data, tokenizer: Tokenizer) -> list[Example]:
    """Fixed examples for the validation loss: all labelled fields, the largest cap."""
    cap = max(how.caps, key=lambda c: c.tokens).tokens
    return [encode(row, row.digest.asked(), cap, tokenizer) for row in rows]


def _draw(ask: str, row: Row, rng: random.Random) -> tuple[str, ...]:
    """Fields to ask of a row: those it has labels for, at least one."""
    labelled = row.digest.asked()
    if ask == "all":
        return labelled
    if ask == "random":
        return tuple(rng.sample(labelled, rng.randint(1, len(labelled))))
    return tuple(name for name in ask.split(",") if name in labelled) or labelled


# --- batches ------------------------------------------------------------------------------------


def bucketed(group: Sequence[Example], micro_tokens: int) -> list[list[Example]]:
    """The examples of one optimiser step as micro-batches of like length.

    A micro-batch holds at most `micro_tokens` tokens with padding, and padding stays below an
    eighth of it: on a CPU a padded token costs as much as a real one.
    """
    group = sorted(group, key=len, reverse=True)
    edges = [0]
    real = 0
    for index, example in enumerate(group):
        width, count = len(group[edges[-1]]), index - edges[-1] + 1
        real += len(example)
        padded = width * count
        if count > 1 and (padded > micro_tokens or 8 * (padded - real) > padded):
            edges.append(index)
            real = len(example)
    return [group[a:b] for a, b in pairwise([*edges, len(group)])]

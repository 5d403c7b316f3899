"""From dataset rows to training examples.

Prompt and answer come from `digest.prompt` and `digest.schema`, the same functions that ask the
model at run time, so that the model is trained on exactly what it will be asked.
"""

import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from annotated_types import MaxLen
from pydantic import ValidationError

from digest.cutting import shorten
from digest.errors import ConfigError
from digest.grounding import ground
from digest.prompt import STOP, chatml, messages
from digest.schema import LIST_FIELDS, DigestFields, Row, select
from finetune.config import Data, Split


class Tokenizer(Protocol):
    """What is needed of a tokenizer (finetune.base.Tokens)."""

    def prompt(self, text: str) -> list[int]:
        """Token ids of text, control tokens recognised."""
        ...

    def plain(self, text: str) -> list[int]:
        """Token ids of text, control tokens read as text."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, control tokens shown."""
        ...


# --- rows ---------------------------------------------------------------------------------------


@dataclass
class Report:
    """What reading the rows found; every change is counted."""

    rows: int = 0
    clipped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: list[str] = field(default_factory=list)


def read(path: Path) -> tuple[list[Row], Report]:
    """Read JSONL rows. Lists over the contract's limits are clipped; a row that is broken
    otherwise is refused and named in the report. Raises ConfigError if the file cannot be read.
    """
    rows, report = [], Report()
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read the rows {path}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            record["digest"] = clip(record["digest"], report)
            rows.append(Row.model_validate(record))
        except (ValueError, KeyError, TypeError) as error:
            what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            report.refused.append(f"line {number}: {what}")
    report.rows = len(rows)
    return rows, report


def _limit(name: str) -> int:
    """The contract's maximum length of a list field."""
    meta = DigestFields.model_fields[name].annotation.__args__[0].__metadata__  # type: ignore[union-attr]
    return next(m.max_length for info in meta for m in info.metadata if isinstance(m, MaxLen))


LIMITS: dict[str, int] = {name: _limit(name) for name in LIST_FIELDS}


def clip(digest: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Shorten lists that are over the contract's limits, most important entries first."""
    clipped = dict(digest)
    for name, limit in LIMITS.items():
        entries = clipped.get(name)
        if isinstance(entries, list) and len(entries) > limit:
            clipped[name] = entries[:limit]
            report.clipped[name] += 1
    return clipped


# --- split --------------------------------------------------------------------------------------


def split(rows: Sequence[Row], how: Split) -> tuple[list[Row], list[Row]]:
    """Divide rows into training and validation by group.

    Groups that share a text are joined first. Of each source, whole groups go to validation
    until its share is reached: the latest first where dates are known, else in hash order.
    """
    strata: dict[str, list[list[Row]]] = defaultdict(list)
    for members in components(rows):
        strata[members[0].source].append(members)
    chosen: set[str] = set()
    for source in sorted(strata):
        groups = strata[source]
        quota = how.validation * sum(map(len, groups))
        groups.sort(key=lambda members: (_day(members), _hash(how.seed, members[0].group)))
        while groups and quota >= len(groups[-1]) / 2:
            members = groups.pop()
            quota -= len(members)
            chosen.update(row.id for row in members)
    return [r for r in rows if r.id not in chosen], [r for r in rows if r.id in chosen]


def components(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows joined by group or by equal text, in order of first appearance."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while (above := parent.setdefault(key, key)) != key:
            parent[key] = parent[above]
            key = above
        return key

    for row in rows:
        parent[root(f"t{normal(row.text)}")] = root(f"g{row.group}")
    members: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        members[root(f"g{row.group}")].append(row)
    return list(members.values())


def normal(text: str) -> str:
    """Text for comparison: letters and digits only, case folded."""
    return re.sub(r"\W+", " ", text).strip().casefold()


def _hash(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _day(members: Iterable[Row]) -> date:
    return max(day(row.date) for row in members)


def day(text: str | None) -> date:
    """The day of an ISO or RFC 5322 date; a bare year is its first day; unknown is day one."""
    if not text:
        return date.min
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            when = parse(text)
            return (when.astimezone(UTC) if when.tzinfo else when).date()
        except ValueError:
            continue
    year = re.match(r"(\d{4})", text)
    return date(int(year[1]), 1, 1) if year else date.min


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

    What a cut takes away cannot be learnt from: names that no longer occur are left out.
    """
    text, lost = shorten(row.text, cap, lambda part: len(tokenizer.plain(part)))
    labels = ground(row.digest, row.title, text).fields if lost else row.digest
    target = DigestFields(**{name: getattr(labels, name) for name in select(fields)})
    return Example(
        id=row.id,
        fields=target.asked(),
        prompt=tuple(tokenizer.prompt(chatml(messages(row.title, text, target.asked())))),
        answer=(*tokenizer.plain(target.to_json()), *tokenizer.prompt(STOP)),
        cut=lost,
    )


def epoch(rows: Sequence[Row], how: Data, tokenizer: Tokenizer, seed: int) -> list[Example]:
    """The shuffled examples of one epoch: every row once, short ones twice. Asks and caps are
    drawn per row from its id and `seed`, so the draw does not depend on the other rows.
    """
    examples = []
    subsets = [ask for ask in how.asks if ask.fields != "all"]
    for row in rows:
        rng = random.Random(f"{seed}:{row.id}")  # noqa: S311 - a draw, not a secret
        cap = rng.choices(how.caps, [c.weight for c in how.caps])[0].tokens
        ask = rng.choices(how.asks, [a.weight for a in how.asks])[0].fields
        first = encode(row, _draw(ask, row, rng), cap, tokenizer)
        examples.append(first)
        if subsets and ask == "all" and len(first.prompt) < how.twice_below_tokens:
            second = rng.choices(subsets, [a.weight for a in subsets])[0].fields
            examples.append(encode(row, _draw(second, row, rng), cap, tokenizer))
    random.Random(seed).shuffle(examples)  # noqa: S311
    return examples


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


def steps(
    examples: Sequence[Example], batch: int, micro_tokens: int
) -> Iterator[list[list[Example]]]:
    """Optimiser steps of `batch` examples, each a list of micro-batches of like length.

    A micro-batch holds at most `micro_tokens` tokens with padding, and padding stays below an
    eighth of it: on a CPU a padded token costs as much as a real one.
    """
    for start in range(0, len(examples), batch):
        group = sorted(examples[start : start + batch], key=len, reverse=True)
        edges = [0]
        real = 0
        for index, example in enumerate(group):
            width, count = len(group[edges[-1]]), index - edges[-1] + 1
            real += len(example)
            padded = width * count
            if count > 1 and (padded > micro_tokens or 8 * (padded - real) > padded):
                edges.append(index)
                real = len(example)
        yield [group[a:b] for a, b in pairwise([*edges, len(group)])]

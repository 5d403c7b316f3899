"""Training and validation rows: whole groups on one side, whatever their number.

Of a row only 28 bytes are kept, so that a million rows can be divided without being held.
"""

import hashlib
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from digest.schema import Row
from finetune.config import Split

if TYPE_CHECKING:
    import numpy as np

    Flags = np.ndarray[Any, np.dtype[np.bool_]]
    Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass
class Keys:
    """What a split goes by, a column each."""

    seed: int = 0
    groups: "array[int]" = field(default_factory=lambda: array("Q"))  # hashed with the seed
    texts: "array[int]" = field(default_factory=lambda: array("Q"))
    days: "array[int]" = field(default_factory=lambda: array("I"))  # ordinal; 1 is unknown
    sources: "array[int]" = field(default_factory=lambda: array("I"))  # number of the name
    names: dict[str, int] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """The next row."""
        self.groups.append(number(f"{self.seed}\0{row.group}"))
        self.texts.append(number(normal(row.text)))
        self.days.append(day(row.date).toordinal())
        self.sources.append(self.names.setdefault(row.source, len(self.names)))


def split(rows: Sequence[Row], how: Split) -> tuple[list[Row], list[Row]]:
    """Divide rows into training and validation; see `held_out`."""
    keys = Keys(how.seed)
    for row in rows:
        keys.add(row)
    held = held_out(keys, how).tolist()
    return (
        [row for row, out in zip(rows, held, strict=True) if not out],
        [row for row, out in zip(rows, held, strict=True) if out],
    )


def held_out(keys: Keys, how: Split) -> "Flags":
    """Which rows are for validation.

    Groups that share a text are joined first. Of each source, whole groups go to validation
    until its share is reached: the latest first where dates are known, else in hash order. If
    every source is too small to give any, they are taken together.
    """
    import numpy as np

    members, first, sizes = _components(keys)
    latest = np.zeros(len(sizes), np.int64)
    np.maximum.at(latest, members, np.asarray(keys.days, np.int64))
    source = np.asarray(keys.sources, np.int64)[first]  # a whole goes to that of its first row
    hashed = np.asarray(keys.groups, np.uint64)[first]
    chosen = np.zeros(len(sizes), bool)
    for strata in (source, np.zeros_like(source)):
        order = np.lexsort((hashed, latest, strata))
        edges = np.searchsorted(strata[order], np.arange(len(keys.names) + 1))
        for start, end in pairwise(edges):
            quota = how.validation * int(sizes[order[start:end]].sum())
            for whole in order[start:end][::-1]:
                if quota < sizes[whole] / 2:
                    break
                quota -= sizes[whole]
                chosen[whole] = True
        if chosen.any() or not how.validation:
            break
    return chosen[members]


def _components(keys: Keys) -> "tuple[Numbers, Numbers, Numbers]":
    """Rows joined by group or by equal text: of each row the number of its component, and of
    each component its first row and its size.
    """
    import numpy as np

    columns = [
        np.unique(np.asarray(column, np.uint64), return_inverse=True)[1]
        for column in (keys.groups, keys.texts)
    ]
    lowest = np.arange(len(keys.groups))
    while True:  # every row takes the lowest row that it is joined to, until nothing moves
        before = lowest
        for column in columns:
            smallest = np.full(len(lowest), len(lowest))
            np.minimum.at(smallest, column, lowest)
            lowest = smallest[column]
        lowest = np.minimum(lowest, lowest[lowest])
        if np.array_equal(before, lowest):
            break
    first, members, sizes = np.unique(lowest, return_inverse=True, return_counts=True)
    return members, first, sizes


def number(text: str) -> int:
    """64 bits of a text's hash; their order is the order of the whole hash."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big")


def normal(text: str) -> str:
    """Text for comparison: letters and digits only, case folded."""
    return re.sub(r"\W+", " ", text).strip().casefold()


def day(text: str | None) -> date:
    """The day of an ISO or RFC 5322 date; a bare year is its first day; unknown is day one."""
    if not text:
        return date.min
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            when = parse(text)
            return (when.astimezone(UTC) if when.tzinfo else when).date()
        except (ValueError, OverflowError):
            continue
    year = re.match(r"(\d{4})", text)
    return date(int(year[1]), 1, 1) if year and int(year[1]) else date.min


def common(left: Iterable[int], right: Iterable[int]) -> int:
    """How many different hashes stand on both sides."""
    import numpy as np

    return len(np.intersect1d(np.fromiter(left, np.uint64), np.fromiter(right, np.uint64)))


def repeated(hashes: Iterable[int]) -> int:
    """How many hashes occur more than once."""
    import numpy as np

    return int((np.unique(np.fromiter(hashes, np.uint64), return_counts=True)[1] > 1).sum())

"""Labelled rows made ready for fitting: what does not depend on a fold is computed once."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from digest.schema import Row
from digest.tags import names
from digest.tags.words import counts, spaced, usual_case

if TYPE_CHECKING:
    import numpy as np

    from digest.tags.heads import Encoder

    Matrix = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Name:
    """A candidate name of a row: its numbers, and what the labels say of it."""

    key: str
    spelled: str
    shape: list[float]
    title: bool
    plain: bool  # found without a list of known names
    own: tuple[int, int, int, int]  # occurs, is a company, is a name, is a theme


@dataclass
class Ready:
    """One labelled row."""

    row: Row
    counts: Counter[str]
    title: str  # folded words, spaced
    text: str
    names: list[Name]

    def entries(self, field: str) -> list[str]:
        """The labels of a list field; none where it is not labelled."""
        return list(getattr(self.row.digest, field) or ())


class Rows:
    """All rows, with the encoder's vectors of them (rows x width) if there is an encoder."""

    def __init__(self, rows: Sequence[Row], vectors: "Matrix | None" = None) -> None:
        self.vectors = vectors
        self.usual = usual_case(row.text for row in rows)
        known = {names.key(name) for row in rows for name in row.digest.company_names or ()}
        self.rows = [self._ready(row, known) for row in rows]

    @cached_property
    def groups(self) -> list[str]:
        """The group of each row."""
        return [ready.row.group for ready in self.rows]

    def _ready(self, row: Row, known: set[str]) -> Ready:
        sets = [
            {names.key(name) for name in getattr(row.digest, field) or ()}
            for field in ("company_names", "names", "key_insights")
        ]
        plain = names.candidates(row.title, row.text, self.usual).keys()
        found = [
            Name(
                key,
                one.name,
                names.shape(one, row.title, row.text, self.usual),
                any(place.title for place in one.places),
                key in plain,
                (1, int(key in sets[0]), int(key in sets[1]), int(key in sets[2])),
            )
            for key, one in names.candidates(row.title, row.text, self.usual, known).items()
        ]
        return Ready(row, counts(row.title, row.text), spaced(row.title), spaced(row.text), found)


def vectors(
    rows: Sequence[Row],
    encoder: "Encoder | None",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> "Matrix | None":
    """The encoder's vectors of the rows, a line each; None without an encoder."""
    import numpy as np

    if encoder is None:
        return None
    lines = []
    for row in rows:
        lines.append(encoder.vector(row.title, row.text))
        progress(len(lines), len(rows))
    return np.array(lines, np.float64)

"""What a search may try: the `[search]` table of a run's TOML file.

    [search]
    trials = 30

    [search.space]
    train.lr = { log = [1e-4, 3e-3] }
    train.batch = { choice = [8, 16] }
    lora.rank = { range = [4, 32] }

A key is any key of the configuration, and what is tried is given to the configuration as an
override of the command line is, so that nothing gets in that `train` would refuse.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Ends = tuple[int, int] | tuple[float, float]

# What may not differ between trials, for then their numbers would not compare.
_COMMON = {
    "out": "each trial has a folder of its own",
    "search": "a search does not search itself",
    "task": "the trials would learn different things",
    "template": "the trials would learn different things",
    "lang": "the trials would learn different things",
    "n_words": "the trials would learn different things",
    "data.rows": "the trials would be measured on different rows",
    "data.columns": "the trials would be measured on different rows",
    "data.split": "the trials would be measured on different rows",
    "train.validate_rows": "the trials would be measured on different rows",
    "train.examine_rows": "the trials would be measured on different rows",
}
_COMMON_LOSS = {
    "base": "losses of different tokenizers do not compare; set search.metric to score",
    "data.length": "losses over texts cut differently do not compare; set search.metric to score",
    "data.caps": "losses over texts cut differently do not compare; set search.metric to score",
}


class Range(BaseModel):
    """Where a value is looked for: one of the three."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: tuple[Any, ...] | None = None  # any of these
    range: Ends | None = None  # from .. to, evenly; whole numbers if both ends are
    log: Ends | None = None  # from .. to, evenly by their logarithm

    @model_validator(mode="after")
    def _one(self) -> "Range":
        given = [name for name in ("choice", "range", "log") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "write one of { choice = [...] }, { range = [A, B] }, { log = [A, B] }"
            )
        if self.choice is not None and len(self.choice) < 2:
            raise ValueError("a choice needs two values or more")
        if self.ends is not None and not self.ends[0] < self.ends[1]:
            raise ValueError("a range goes from its smaller to its larger end")
        if self.log is not None and self.log[0] <= 0:
            raise ValueError("a logarithmic range begins above 0")
        return self

    @property
    def ends(self) -> Ends | None:
        """Of a range; None of a choice."""
        return self.range or self.log

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return self.ends is not None and all(isinstance(end, int) for end in self.ends)

    def probes(self) -> tuple[Any, ...]:
        """Values that stand for all: if the configuration takes these, it takes the others."""
        return self.choice if self.choice is not None else self.ends or ()

    def nearest(self, value: Any) -> Any:
        """What can be tried that is nearest to a value; None if nothing is like it."""
        if self.choice is not None:
            numbers = [one for one in self.choice if _number(one)]
            if value in self.choice or not _number(value) or not numbers:
                return value if value in self.choice else None
            return min(numbers, key=lambda one: abs(one - value))
        if self.ends is None or not _number(value):
            return None
        inside = min(max(value, self.ends[0]), self.ends[1])
        return round(inside) if self.whole else float(inside)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Search(BaseModel):
    """A search: how many trials, what is measured, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: Annotated[int, Field(gt=0)] = 20
    metric: Literal["validation", "score"] = "validation"  # the loss, or the examinations' score
    prune: bool = True  # end trials early that are worse than the median of the others ...
    prune_after: Annotated[float, Field(ge=0, le=1)] = 0.25  # ... after this share of a run
    startup: Annotated[int, Field(ge=0)] = 5  # trials that are drawn at random and never pruned
    seed: int = 0
    space: dict[str, Range] = {}

    @field_validator("space", mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """`train.lr` as TOML reads it, a table in a table, and as a quoted key, are the same."""
        return dict(_flattened(value)) if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _comparable(self) -> "Search":
        refused = _COMMON | (_COMMON_LOSS if self.metric == "validation" else {})
        for key in self.space:
            for name, why in refused.items():
                if key == name or key.startswith(f"{name}."):
                    raise ValueError(f"{key} cannot be searched: {why}")
        return self


def _flattened(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{above}{key}"
        is_range = not isinstance(value, Mapping) or set(value) <= set(Range.model_fields)
        if is_range:
            yield name, value
        else:
            yield from _flattened(value, f"{name}.")

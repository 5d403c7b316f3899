"""What models took: how long their answers are, and what their training cost, from its own log."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from digest.errors import ConfigError
from finetune.evaluation.evaluate import Exam
from finetune.export.card import Run

_PRICE = re.compile(r"(\d+(?:\.\d+)?)/(Mtok|h)")


@dataclass(frozen=True, slots=True)
class Price:
    """Of training: an amount for a million tokens, or for an hour."""

    amount: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Price":
        """Read `0.4/Mtok` or `2.5/h`. Raises ConfigError."""
        if not (found := _PRICE.fullmatch(text)):
            raise ConfigError(f"{text!r} is no price; write it as 0.4/Mtok or 2.5/h")
        return cls(float(found[1]), found[2])

    def of(self, tokens: int, seconds: float) -> float:
        """What so many trained tokens, or so many seconds, cost."""
        return self.amount * (tokens / 1e6 if self.unit == "Mtok" else seconds / 3600)


@dataclass(frozen=True, slots=True)
class Effort:
    """One model's. What is not known is None."""

    name: str
    characters: float | None  # of a valid answer as compact JSON: mean
    characters_sd: float | None  # ... and standard deviation
    backend: str | None = None
    base: str | None = None
    steps: int | None = None
    tokens: int | None = None  # trained on, prompts included
    seconds: float | None = None  # of training, examinations included
    cost: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def efforts(
    exams: Sequence[Exam], runs: Mapping[str, Path], prices: Mapping[str, str]
) -> list[Effort]:
    """One for each exam; `runs` and `prices` are by its name. Raises ConfigError for names that
    nobody has, and for runs that were not trained.
    """
    names = [exam.name for exam in exams]
    for name in [*runs, *prices]:
        if name not in names:
            raise ConfigError(f"no predictions are named {name!r}; there are {', '.join(names)}")
    for name in prices:
        if name not in runs:
            raise ConfigError(f"the price of {name!r} needs its run; name it with --run")
    return [_effort(exam, runs.get(exam.name), prices.get(exam.name)) for exam in exams]


def _effort(exam: Exam, folder: Path | None, price: str | None) -> Effort:
    lengths = [len(p.digest.to_json()) for p in exam.predictions if p.digest]
    mean = fmean(lengths) if lengths else None
    spread = pstdev(lengths) if lengths else None
    if folder is None:
        return Effort(exam.name, mean, spread)
    run = Run.read(folder)
    steps = [entry for entry in run.log if "step" in entry]
    if not steps:
        raise ConfigError(f"{folder} holds no trained step; run `digest finetune train`")
    tokens, seconds = sum(entry["tokens"] for entry in steps), float(steps[-1]["elapsed"])
    how = run.config["train"].get("backend", "peft")
    base = run.config.get("tinker", {}).get("model") if how == "tinker" else run.config["base"]
    return Effort(
        exam.name, mean, spread, how, Path(base or "the pinned base").name, len(steps), tokens,
        seconds, Price.parse(price).of(tokens, seconds) if price else None,
    )  # fmt: skip


def markdown(found: Sequence[Effort]) -> str:
    """A table, a model a line."""
    head = (
        "| model | characters an answer | backend | base | steps | tokens | tokens/s | minutes "
        f"| cost |\n{'|---' * 9}|\n"
    )
    return head + "".join(
        "| " + " | ".join(_cells(one)) + " |\n" for one in found
    )  # fmt: skip


def _cells(one: Effort) -> list[str]:
    length = "–" if one.characters is None else f"{one.characters:.0f} ± {one.characters_sd:.0f}"
    if one.tokens is None or one.seconds is None:
        return [one.name, length, *["–"] * 7]
    return [
        one.name, length, one.backend or "–", one.base or "–", str(one.steps), f"{one.tokens:,}",
        f"{one.tokens / one.seconds:.0f}", f"{one.seconds / 60:.2f}",
        "–" if one.cost is None else f"{one.cost:.4f}",
    ]  # fmt: skip

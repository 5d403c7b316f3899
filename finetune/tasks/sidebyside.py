"""Base and tuned model side by side: what both write after the same prompts, and how well both
expect rows that were not learnt.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digest.errors import ConfigError
from digest.model.weights import sha256
from finetune.evaluation import page
from finetune.evaluation.engines import PeftEngine
from finetune.evaluation.stats import Ratio, difference, interval
from finetune.export.adapters import WEIGHTS
from finetune.export.modelfile import ends
from finetune.tasks import registry
from finetune.tasks.base import Sample, Task
from finetune.tasks.complete import Model
from finetune.train.base import Tokens


@dataclass(frozen=True, slots=True)
class Pair:
    """What both wrote after a prompt."""

    prompt: str
    base: str
    tuned: str


@dataclass(frozen=True, slots=True)
class Expected:
    """How well both expect held-out rows: perplexity of a token, with 95 % intervals over groups;
    `ratio` is the tuned model's over the base's.
    """

    rows: int
    tokens: int
    base: tuple[float, float, float]
    tuned: tuple[float, float, float]
    ratio: tuple[float, float, float]


@dataclass(frozen=True)
class SideBySide:
    """The comparison."""

    about: dict[str, str]
    pairs: Sequence[Pair]
    expected: Expected | None

    def facts(self) -> dict[str, Any]:
        """Everything, for machines."""
        found = asdict(self.expected) if self.expected else None
        return {"about": self.about, "pairs": [asdict(p) for p in self.pairs], "expected": found}

    def headline(self) -> Iterator[str]:
        """The measured part, for people."""
        if one := self.expected:
            yield f"{one.rows} rows, {one.tokens} tokens that were not learnt"
            for name in ("base", "tuned", "ratio"):
                value, low, high = getattr(one, name)
                what = "tuned / base" if name == "ratio" else f"perplexity, {name}"
                yield f"{what:<18} {value:.3f} [{low:.3f}, {high:.3f}]"

    def markdown(self) -> str:
        """The page."""
        parts = ["# Base and tuned model side by side", ""]
        parts += [f"* {page.plain(name)}: {page.plain(told)}" for name, told in self.about.items()]
        if self.expected:
            told = [page.plain(line) for line in self.headline()]
            parts += ["", "## What they expect", "", *(f"* {line}" for line in told)]
        for pair in self.pairs:
            parts += [
                "",
                f"## {page.plain(pair.prompt)[:300]}",
                "",
                "| base | tuned |",
                "|---|---|",
            ]
            parts.append(f"| {page.plain(pair.base)} | {page.plain(pair.tuned)} |")
        return "\n".join(parts) + "\n"

    def write(self, out: Path) -> Path:
        """Write sidebyside.md and sidebyside.html into `out`; return the HTML file."""
        out.mkdir(parents=True, exist_ok=True)
        text = self.markdown()
        (out / "sidebyside.md").write_text(text, "utf-8")
        made = out / "sidebyside.html"
        made.write_text(page.html(text, {}, "Base and tuned model side by side"), "utf-8")
        return made


def compare(
    base: Path,
    adapter: Path,
    prompts: Sequence[str],
    data: Path | None = None,
    rows: int = 200,
    *,
    max_tokens: int = 200,
    temperature: float = 0,
    seed: int = 0,
) -> SideBySide:
    """Ask the converted `base` and the adapter over it the same. `data` are prepared rows; the
    first `rows` of them are measured. Raises ConfigError, WeightsError.
    """
    taught = registry.read(adapter)
    written, losses = [], []
    held = _held(data, rows) if data else []
    for folder in (None, adapter):
        engine = PeftEngine(base, folder)
        model = Model(engine, registry.open_taught(taught), tuple(ends(base)))
        try:
            given = [{"prompt": prompt} for prompt in prompts]
            written.append([model.complete(g, max_tokens, temperature, seed) for g in given])
            losses.append(_losses(engine, model.task, Tokens.load(base), held))
        finally:
            engine.close()
    about = {
        "base": base.name,
        "adapter": f"{adapter.name}, SHA-256 {sha256(adapter / WEIGHTS)}",
        "task": ", ".join(f"{key} {value}" for key, value in taught.items()) or "digest",
        "written": f"at most {max_tokens} tokens, temperature {temperature:g}, seed {seed}",
    }
    pairs = [Pair(*three) for three in zip(prompts, *written, strict=True)]
    return SideBySide(about, pairs, _expected(held, *losses) if held else None)


def _held(data: Path, most: int) -> list[Sample]:
    try:
        with data.open(encoding="utf-8") as file:
            found = [
                Sample.model_validate_json(line) for line, _ in zip(file, range(most), strict=False)
            ]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{data} holds no prepared rows: {error}") from error
    if not found:
        raise ConfigError(f"{data} holds no rows; hold some out with data.split.validation")
    return found


def _losses(
    engine: PeftEngine, task: Task, tokens: Tokens, held: Sequence[Sample]
) -> list[tuple[float, int]]:
    """Of each row the summed cross entropy of what is learnt of it, and its tokens."""
    found = []
    for row in held:
        examples = task.fixed([row], tokens)
        counted = sum(len(example.answer) for example in examples)
        found.append((sum(engine.losses(examples)), counted))
    return found


def _expected(
    held: Sequence[Sample], base: list[tuple[float, int]], tuned: list[tuple[float, int]]
) -> Expected:
    groups = [row.group for row in held]
    before, after = (
        Ratio([loss for loss, _ in one], [float(count) for _, count in one])
        for one in (base, tuned)
    )

    def perplexity(ratio: Ratio) -> tuple[float, float, float]:
        low, high = interval(ratio, groups)
        return math.exp(ratio.value() or 0.0), math.exp(low), math.exp(high)

    gap, low, high = difference(after, before, groups)
    return Expected(
        len(held),
        sum(count for _, count in base),
        perplexity(before),
        perplexity(after),
        (math.exp(gap), math.exp(low), math.exp(high)),
    )

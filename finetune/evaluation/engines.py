"""Engines to examine, by SPEC, and the one that only training has: PEFT's own generation.

embedded | ollama | extractive    as `digest run` uses them, with its settings
gguf:[BASE[+ADAPTER]]             the embedded engine on given files; without one, the untuned base
peft:[ADAPTER_DIR]                the trained adapter, or the bare base, in transformers
baseline:constant|lead|tfidf      none, or one fitted in seconds (finetune.evaluation.baselines)
heads[:FILE]                      tags and relevance by heads: fitted on the rows that baselines
                                  learn from, else those that ship, or those in FILE
file:PREDICTIONS                  what was answered elsewhere

`embedded` and `gguf:` take `?grammar=off` at the end: the same model without its grammar.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError, WeightsError
from digest.prompt import STOP, chatml
from digest.protocols import Answer, Ask, Engine
from digest.schema import Row
from finetune.data.encoding import Example
from finetune.train.base import Tokens

if TYPE_CHECKING:
    from finetune.tasks.summaries import Summaries

FREE = "?grammar=off"
KINDS = (
    "embedded, ollama, extractive, gguf:BASE[+ADAPTER], peft:DIR, baseline:NAME, heads[:FILE] and "
    "file:PREDICTIONS"
)


@dataclass(frozen=True, slots=True)
class Named:
    """An engine to examine: `NAME=SPEC`, or a SPEC that is its own name."""

    name: str
    spec: str

    @classmethod
    def parse(cls, text: str) -> "Named":
        """Read `NAME=SPEC`; names are made of letters, digits and `-_. `."""
        name, equals, spec = text.partition("=")
        plain = name.replace("-", "").replace("_", "").replace(".", "").replace(" ", "")
        if equals and spec and plain.isalnum():
            return cls(name, spec)
        # A SPEC may hold `=` itself, after a colon or a question mark.
        return cls(text, text)

    @property
    def constrained(self) -> bool:
        """Whether its answers cannot break the contract's shape."""
        return not self.spec.endswith(FREE) and not self.spec.startswith("peft:")

    def bare(self, task: "Summaries | None") -> "tuple[str, Summaries | None]":
        """The SPEC for asking a task's bare text, and the task; None for engines that answer in
        the contract's shape without a prompt. Raises ConfigError where the shape is forced.
        """
        kind = self.spec.partition(":")[0]
        if task is None or kind in ("baseline", "extractive", "heads"):
            return self.spec, None
        if kind == "ollama":
            raise ConfigError("ollama forces its answers into a digest; examine gguf: or peft:")
        forced = kind in ("embedded", "gguf")
        return (self.spec.removesuffix(FREE) + FREE if forced else self.spec), task

    def unconstrained(self) -> "Named":
        """The same without a grammar. Raises ConfigError where that cannot be asked for."""
        if self.spec.split(":")[0] not in ("embedded", "gguf"):
            raise ConfigError(
                f"{self.spec!r} cannot be asked without its grammar; embedded and gguf: can"
            )
        return Named(f"{self.name} without grammar", self.spec.removesuffix(FREE) + FREE)


def open_engine(spec: str, base: Path, fit: Sequence[Row] = ()) -> Engine:
    """Open the engine of a SPEC.

    `base` is the folder of the converted base model, for `peft:`; `fit` are the rows that a
    baseline may learn from. Raises ConfigError, EngineUnavailable, WeightsError.
    """
    bare = spec.removesuffix(FREE)
    kind, colon, argument = bare.partition(":")
    match kind:
        case "peft" if colon:
            return PeftEngine(base, Path(argument).expanduser() if argument else None)
        case "gguf" if colon:
            return _gguf(argument, grammar=bare == spec)
        case "embedded" if bare != spec and not colon:
            from digest.engines.embedded import EmbeddedEngine

            return EmbeddedEngine(grammar=False)
        case "embedded" | "ollama" | "extractive" if bare == spec and not colon:
            from digest.engines import open_engine as open_product_engine
            from digest.settings import Settings

            return open_product_engine(kind, Settings())[0]
        case "baseline" if argument:
            from finetune.evaluation.baselines import open_baseline

            return open_baseline(argument, fit)
        case "heads":
            from finetune.heads.engine import HeadsEngine

            return HeadsEngine(argument, fit)
    raise ConfigError(f"no engine {spec!r}; there are {KINDS}")


def _gguf(argument: str, *, grammar: bool) -> Engine:
    from digest.engines.embedded import EmbeddedEngine
    from digest.model.weights import Weights, base_weights

    weights, _, adapter = argument.partition("+")
    weights = weights or str(base_weights())
    for file in filter(None, (weights, adapter)):
        if not Path(file).is_file():
            raise WeightsError(f"there is no file {file}")
    name = "+".join(Path(file).stem for file in filter(None, (weights, adapter)))
    files = Weights(Path(weights), Path(adapter) if adapter else None, name)
    return EmbeddedEngine(files, grammar=grammar)


_TOGETHER = 6  # prompts in one batch: weights are read once for all


class PeftEngine:
    """Greedy decoding in transformers, float32, without a grammar: what training really made."""

    name = "peft"

    def __init__(self, base: Path, adapter: Path | None) -> None:
        from finetune.train.threads import prepare

        threads = prepare()
        import torch

        from finetune.train.base import model, quietly

        torch.set_num_threads(threads)
        with quietly():
            self._model: Any = model(base)
            if adapter:
                from peft import PeftModel

                self._model = PeftModel.from_pretrained(self._model, str(adapter))
        self._model.eval()
        self._tokens = Tokens.load(base)
        (self._stop,) = self._tokens.prompt(STOP)
        self.model = adapter.name if adapter else base.name
        self.context = int(self._model.config.max_position_embeddings)

    def count(self, text: str) -> int:
        """Tokens of `text`, control tokens read as text."""
        return len(self._tokens.plain(text))

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """A few at a time, those of like length together."""
        prompts = [self._tokens.prompt(chatml(ask.messages)) for ask in asks]
        order = sorted(range(len(asks)), key=lambda index: len(prompts[index]))
        for start in range(0, len(order), _TOGETHER):
            part = order[start : start + _TOGETHER]
            budgets = [asks[index].max_tokens for index in part]
            written = self._generate([prompts[index] for index in part], max(budgets))
            for index, ids, budget in zip(part, written, budgets, strict=True):
                ended = ids[-1:] == [self._stop] and len(ids) <= budget
                text = self._tokens.decode(ids[:-1] if ended else ids[:budget])
                finish = "stop" if ended else "length"
                yield Answer(index, text, finish, len(prompts[index]), min(len(ids), budget))

    def _generate(self, prompts: Sequence[list[int]], budget: int) -> list[list[int]]:
        """What is written after each prompt, the stop token included."""
        import torch

        width = max(map(len, prompts))
        ids = [[self._stop] * (width - len(p)) + p for p in prompts]
        seen = [[0] * (width - len(p)) + [1] * len(p) for p in prompts]
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=torch.tensor(ids),
                attention_mask=torch.tensor(seen),
                max_new_tokens=budget,
                do_sample=False,
                eos_token_id=self._stop,
                pad_token_id=self._stop,
            )[:, width:].tolist()
        return [row[: row.index(self._stop) + 1] if self._stop in row else row for row in out]

    def complete(
        self,
        prompt: str,
        max_tokens: int,
        stops: Sequence[str],
        temperature: float = 0,
        seed: int = 0,
    ) -> Answer:
        """Go on from a bare prompt, control tokens recognised."""
        import torch

        torch.manual_seed(seed)
        ids = self._tokens.prompt(prompt)
        ends = {self._stop, *(one for stop in stops for one in self._tokens.prompt(stop)[:1])}
        drawn = {"do_sample": True, "temperature": temperature} if temperature else {}
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=torch.tensor([ids]), attention_mask=torch.tensor([[1] * len(ids)]),
                max_new_tokens=max_tokens, eos_token_id=sorted(ends), pad_token_id=self._stop,
                **({"do_sample": False} | drawn),
            )[0, len(ids) :].tolist()  # fmt: skip
        ended = bool(out) and out[-1] in ends
        text = self._tokens.decode(out[:-1] if ended else out)
        return Answer(0, text, "stop" if ended else "length", len(ids), len(out))

    def losses(self, examples: Sequence[Example]) -> list[float]:
        """Summed cross entropy of each example's answer."""
        import torch

        from finetune.train.learner import collate

        found = []
        for example in examples:
            ids, _, rows, columns, targets = collate([example], self._stop)
            with torch.inference_mode():
                logits = self._model(input_ids=ids).logits[rows, columns]
            found.append(float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum")))
        return found

    def close(self) -> None:
        """Free the model."""
        self._model = None

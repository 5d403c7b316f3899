"""What a model writes after a prompt of its task: one completion, two models' side by side, and
whether an exported form writes what the trained adapter does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from digest.errors import ConfigError
from digest.model.verify import Agreement, Question
from digest.model.weights import Weights
from digest.protocols import Answer
from finetune.export.modelfile import ends
from finetune.tasks import registry
from finetune.tasks.base import Task
from finetune.tasks.examples import END

BUDGET = 48  # tokens of the completions that forms are compared by


class Writer(Protocol):
    """What runs a model: `PeftEngine` or `EmbeddedEngine`."""

    def complete(
        self,
        prompt: str,
        max_tokens: int,
        stops: Sequence[str],
        temperature: float = 0,
        seed: int = 0,
    ) -> Answer:
        """Go on from a bare prompt."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@dataclass(frozen=True)
class Model:
    """A model, the task that it was taught, and what ends its texts."""

    writer: Writer
    task: Task
    stops: tuple[str, ...]

    def complete(
        self, given: Mapping[str, str], max_tokens: int, temperature: float = 0, seed: int = 0
    ) -> str:
        """What the model writes. Raises ConfigError if the prompt lacks something, or the engine
        fails.
        """
        prompt = self.task.prompt(given) or END  # where texts begin
        answer = self.writer.complete(prompt, max_tokens, self.stops, temperature, seed)
        if answer.finish == "error":
            raise ConfigError(f"the model could not go on: {answer.error}")
        return answer.text.strip()


def trained(base: Path, adapter: Path) -> Model:
    """The adapter in a PEFT folder over the converted `base`. Raises ConfigError."""
    from finetune.evaluation.engines import PeftEngine

    task = registry.open_taught(registry.read(adapter))
    return Model(PeftEngine(base, adapter), task, tuple(ends(base)))


def exported(file: Path) -> Model:
    """A GGUF file as `digest finetune export` writes it, with its task.json and Modelfile beside
    it. Raises ConfigError, EngineUnavailable.
    """
    from digest.engines.embedded import EmbeddedEngine
    from digest.model import modelfile

    beside = file.parent / "Modelfile"
    if not file.is_file() or not beside.is_file():
        raise ConfigError(f"there is no model {file} with a Modelfile beside it; export one")
    stops = modelfile.parse(beside.read_text("utf-8")).parameters.get("stop", [])
    task = registry.open_taught(registry.read(file.parent))
    engine = EmbeddedEngine(Weights(file, None, file.stem), grammar=False)
    return Model(engine, task, tuple(stops))


# --- verification --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Characters(Agreement):
    """Agreement of completions: in `fields` stand their characters, in `same_fields` those before
    the first difference.
    """

    @property
    def share(self) -> float:
        """Of the characters; where both wrote nothing, of the texts."""
        if self.fields:
            return self.same_fields / self.fields
        return self.same_answers / self.answers if self.answers else 0.0

    def __str__(self) -> str:
        return (
            f"{self.same_fields} of {self.fields} characters before the first difference "
            f"({self.share:.1%}), {self.same_answers} of {self.answers} whole texts"
        )


class Completions:
    """How the models of a task are asked and compared (finetune.export.verify.How)."""

    def __init__(self, task: Task, base: Path) -> None:
        self._task, self._stops = task, ends(base)

    def answers(self, engine: Writer, questions: Sequence[Question]) -> list[str]:
        """Greedy completions, with a question's first words for whatever a prompt needs."""
        try:
            found = []
            for one in questions:
                given = dict.fromkeys(self._task.asked, " ".join(one.text.split()[:8]))
                prompt = self._task.prompt(given | {"title": one.title, "text": one.text})
                found.append(engine.complete(prompt, BUDGET, self._stops).text)
            return found
        finally:
            engine.close()

    def compare(self, wanted: Sequence[str], given: Sequence[str]) -> Characters:
        """Character by character, up to the first difference."""
        total = same = whole = 0
        for a, b in zip(wanted, given, strict=True):
            total += max(len(a), len(b))
            same += len(list(takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))))
            whole += a == b
        return Characters(len(wanted), whole, total, same)

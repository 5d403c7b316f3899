"""Does the exported model answer as the trained one? Both asked the same, greedily and without a
grammar: constrained decoding would cut lists and loops that the trained model writes to their
end, and count as a difference what is none. llama.cpp computes one question at a time, attention
in float32 (`exact`): a greedy answer turns at near ties, which the rounding of a half-float cache
and the order of sums in a batch decide otherwise without any fault in the weights.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from digest.engines.embedded import EmbeddedEngine
from digest.errors import DigestError
from digest.model.merge import merge
from digest.model.quantize import Makeup, makeup
from digest.model.verify import Agreement, Question, ask, compare, write
from digest.model.weights import Weights
from finetune.evaluation.engines import PeftEngine

THRESHOLD = 0.95  # of the fields, for forms that round to half floats at most
EXACT = ("F32", "F16", "BF16")
ADAPTER = "base F16 + adapter"
BUDGET = 400  # tokens of an answer: what runs longer is a loop, and compared up to here

OnMessage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Form:
    """An exported form, and how often it answers as the trained model does."""

    agreement: Agreement
    makeup: Makeup

    def line(self) -> str:
        """For people."""
        return f"{self.agreement}; {self.makeup.line()}"


class How(Protocol):
    """How a task's models are asked and compared."""

    def answers(
        self, engine: EmbeddedEngine | PeftEngine, questions: Sequence[Question]
    ) -> list[str]:
        """The engine's answers to all questions; closes it."""
        ...

    def compare(self, wanted: Sequence[str], given: Sequence[str]) -> Agreement:
        """How often two models write the same."""
        ...


class Digests:
    """All fields, compared one by one."""

    def answers(
        self, engine: EmbeddedEngine | PeftEngine, questions: Sequence[Question]
    ) -> list[str]:
        """Without a grammar."""
        try:
            return ask(engine, questions, budget=BUDGET)
        finally:
            engine.close()

    def compare(self, wanted: Sequence[str], given: Sequence[str]) -> Agreement:
        """Field by field."""
        return compare(wanted, given)


DIGESTS = Digests()


def verify(
    peft: Path,
    base: Path,
    forms: Mapping[str, Weights],
    questions: Sequence[Question],
    on_message: OnMessage,
    how: How = DIGESTS,
) -> dict[str, Form]:
    """Ask the adapter in the PEFT folder `peft` over the converted `base`, and each form."""
    given = {}
    # The trained model last: llama.cpp is many times slower in a process that has loaded torch.
    for name, weights in forms.items():
        on_message(f"asking {len(questions)} questions of {name}")
        given[name] = how.answers(EmbeddedEngine(weights, grammar=False, exact=True), questions)
    on_message(f"asking {len(questions)} questions of the trained adapter")
    truth = how.answers(PeftEngine(base, peft), questions)
    table = {}
    for name, weights in forms.items():
        table[name] = Form(how.compare(truth, given[name]), makeup(weights.path))
        on_message(f"{name}: {table[name].line()}")
    return table


def demand(table: Mapping[str, Form], threshold: float) -> None:
    """Raises DigestError if a form that should answer as the trained model does, does not."""
    for name, form in table.items():
        exact = name == ADAPTER or form.makeup.quantization in EXACT
        if exact and form.agreement.share < threshold:
            raise DigestError(
                f"{name} agrees with the trained model in {form.agreement}, under the threshold "
                f"of {threshold:.0%}; the export is not right (or lower --threshold)"
            )


def references(base: Path, adapter: Path, questions: Sequence[Question], out: Path) -> None:
    """Write the answers of the form that `digest model build` makes, asked as it verifies."""
    with tempfile.TemporaryDirectory(prefix="digest-") as folder:
        merged = Path(folder) / "digest.q8_0.gguf"
        merge(base, adapter, merged, "Q8_0")
        engine = EmbeddedEngine(Weights(merged, None, merged.stem), exact=True)
        try:
            write(out, questions, ask(engine, questions))
        finally:
            engine.close()

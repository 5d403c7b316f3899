"""A short examination while training goes on: answers are written and measured as tasks are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from digest.errors import InvalidAnswer
from digest.schema import FIELDS, LIST_FIELDS, Row, parse
from finetune.data.encoding import Example, Tokenizer
from finetune.evaluation import metrics
from finetune.evaluation.predictions import Prediction
from finetune.train.learner import Trainable

_SCORES = 9  # the largest error of a relevance score


def examine(
    learner: Trainable, examples: Sequence[Example], rows: Sequence[Row], tokenizer: Tokenizer
) -> dict[str, float]:
    """Ask the model the examples (of these rows) and measure the answers: metrics by the names
    of `finetune.evaluation.metrics`, and `score`, their mean with the relevance error as
    1 - error / 9.
    """
    predictions = []
    for example, ids in zip(examples, learner.answer(examples), strict=True):
        stopped = ids[-1:] == example.answer[-1:]
        try:
            text = tokenizer.decode(ids[:-1])
            digest = parse(text, example.fields) if stopped else None
        except InvalidAnswer:
            digest = None
        predictions.append(Prediction(example.id, digest))
    measured = {
        name: value
        for name, ratio in metrics.measure(rows, predictions, FIELDS).ordered().items()
        if name in _MEASURED and (value := ratio.value()) is not None
    }
    parts = [value for name, value in measured.items() if name not in {"valid", "relevance_mae"}]
    if "relevance_mae" in measured:
        parts.append(max(0.0, 1 - measured["relevance_mae"] / _SCORES))
    return measured | {"score": fmean(parts)}


_MEASURED = {
    "valid", "relevance_mae", "rouge_l_title", "rouge_l_summary",
    *(f"f1_{name}" for name in LIST_FIELDS),
}  # fmt: skip


@dataclass
class Best:
    """The best examination so far, and how many have passed since it was last exceeded."""

    score: float = -math.inf
    step: int = 0
    waited: int = 0

    def told(self, step: int, score: float) -> bool:
        """Take note of an examination; return whether it is the best. Of equals the later is
        the best, but only a better one is worth waiting for.
        """
        self.waited = 0 if score > self.score else self.waited + 1
        if best := score >= self.score:
            self.score, self.step = score, step
        return best

"""The task `summarize`: summaries in one language, of at most so many words.

The prompt says both in plain English, so that an untuned chat model can be asked the same. Rows
are documents with a summary: our own (`digest.summary`), or flat ones with a column `summary`.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from digest.cutting import shorten
from digest.model.modelfile import Modelfile
from digest.prompt import STOP, Message, chatml, user
from digest.schema import DigestFields, Row, validate
from finetune.config import Data
from finetune.data import containers, formats
from finetune.data.encoding import Example, Tokenizer
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.rouge import rouge
from finetune.evaluation.stats import Ratio, interval
from finetune.export import modelfile
from finetune.labels.guide import Wish
from finetune.tasks.base import Examples, Given, Trainable
from finetune.tasks.examples import Shuffled

if TYPE_CHECKING:
    from finetune.evaluation.bertscore import BertScore

FIELD = "summary"
_LONGEST = 1000  # characters, by the contract
_SLACK = 1.5  # a summary with this many times the words is no example of so many words


class Summaries:
    """Documents and their summaries."""

    name = "summarize"
    asked: tuple[str, ...] = ("title", "text")

    def __init__(self, lang: str, n_words: int, how: Data) -> None:
        self.wish = Wish.of(lang, n_words)
        self._caps = how.caps

    def messages(self, title: str, text: str) -> list[Message]:
        """The prompt as chat turns."""
        return [
            {"role": "system", "content": self._system()},
            {"role": "user", "content": user(title, text)},
        ]

    def read(self, how: Data, report: formats.ReadReport) -> Iterator[Row]:
        """Documents with a summary that is not much longer than was asked for."""
        report.container, numbered = containers.records(how.rows)
        return formats.counted(numbered, report, partial(self._rows, how.columns))

    def epoch(self, rows: Sequence[Row], tokenizer: Tokenizer, seed: int) -> Examples:
        """Every row once, its text cut to a cap that is drawn."""

        def drawn(row: Row) -> list[Example]:
            dice = random.Random(f"{seed}:{row.id}")  # noqa: S311 - a draw, not a secret
            cap = dice.choices(self._caps, [cap.weight for cap in self._caps])[0].tokens
            return [self._example(row, cap, tokenizer)]

        return Shuffled(rows, drawn, seed)

    def fixed(self, rows: Sequence[Row], tokenizer: Tokenizer) -> list[Example]:
        """The largest cap."""
        cap = max(cap.tokens for cap in self._caps)
        return [self._example(row, cap, tokenizer) for row in rows]

    def examine(
        self, learner: Trainable, rows: Sequence[Row], tokenizer: Tokenizer
    ) -> dict[str, float]:
        """ROUGE-Lsum of the answers."""
        examples = self.fixed(rows, tokenizer)
        written = [
            tokenizer.decode(ids[:-1] if ids[-1:] == example.answer[-1:] else ids)
            for example, ids in zip(examples, learner.answer(examples), strict=True)
        ]
        score = fmean(
            rouge(row.digest.summary or "", text)["rouge_lsum"]
            for row, text in zip(rows, written, strict=True)
        )
        return {"rouge_lsum_summary": score, "score": score}

    def described(self, rows: Sequence[Row]) -> Iterator[str]:
        """How long the summaries are, and in which languages."""
        from finetune.labels.language import language

        told = [row.digest.summary or "" for row in rows]
        if told:
            words = [len(text.split()) for text in told]
            there = sum(language(text) == self.wish.code for text in told) / len(told)
            yield (
                f"summaries: {len(told)}, {median(words):.0f} words in the middle, {max(words)} at "
                f"most ({self.wish.words} asked for), {there:.0%} in {self.wish.language}"
            )

    def prompt(self, given: Given) -> str:
        """Title and text, or the text alone."""
        text = given.get("text", given.get("prompt", ""))
        return chatml(self.messages(given.get("title", ""), text))

    def modelfile(self, folder: Path, source: str, adapter: str = "") -> Modelfile:
        """The chat, with what is asked for as its system message."""
        return modelfile.of(folder, source, adapter, self._system(), self.budget())

    def budget(self) -> int:
        """Tokens of an answer at most: many languages take three a word."""
        return 4 * self.wish.words + 32

    def _system(self) -> str:
        return (
            f"Summarize the user's text in {self.wish.language}, in at most {self.wish.words} "
            "words. Write the summary only."
        )

    def _rows(
        self,
        columns: Mapping[str, str],
        record: containers.Record,
        number: int,
        changes: list[str],
    ) -> Iterator[tuple[str, Row]]:
        found = formats.parts(record, columns)
        shape, labels = formats.labelled(record, columns)
        digest = formats.mend({FIELD: labels.get(FIELD)}, changes)
        if not found.get("text", "").strip():
            raise ValueError("no text")
        if digest.summary is None:
            raise ValueError("no summary that keeps the contract")
        if len(digest.summary.split()) > _SLACK * self.wish.words:
            raise ValueError(f"a summary of over {_SLACK:g} times the words asked for")
        formats.identify(found, number, changes)
        yield shape, Row.model_validate(found | {"digest": digest})

    def _example(self, row: Row, cap: int, tokenizer: Tokenizer) -> Example:
        text, lost = shorten(row.text, cap, lambda part: len(tokenizer.plain(part)))
        prompt = chatml(self.messages(row.title, text))
        answer = (*tokenizer.plain(row.digest.summary or ""), *tokenizer.prompt(STOP))
        return Example(row.id, (FIELD,), tuple(tokenizer.prompt(prompt)), answer, lost)


def read(answer: str) -> DigestFields:
    """An answer as the field that it is, so that it is measured as every summary is; what is
    longer than any summary may be is cut. Raises InvalidAnswer if it is too short to be one.
    """
    return validate({FIELD: answer.strip()[:_LONGEST]}, (FIELD,))


def by_language(
    rows: Sequence[Row], predictions: Sequence[Prediction], bertscore: "BertScore | None" = None
) -> dict[str, dict[str, float]]:
    """What the summaries are worth in each language of the rows, with 95 % intervals: ROUGE-Lsum
    of words in any script, BERTScore, words, and the share that is in the reference's language.
    A row without a valid answer counts 0.
    """
    from finetune.labels.language import language

    given = {one.id: one.digest.summary or "" for one in predictions if one.digest}
    table = {}
    for code in sorted({row.lang for row in rows}):
        part = [row for row in rows if row.lang == code]
        pairs = [(row.digest.summary or "", given.get(row.id, "")) for row in part]
        values = {
            "rouge_lsum": [rouge(*pair, any_script=True)["rouge_lsum"] for pair in pairs],
            "words": [float(len(new.split())) for _, new in pairs],
            "same_language": [float(bool(b) and language(a) == language(b)) for a, b in pairs],
        }
        if bertscore:
            scores = iter(bertscore.f1([pair for pair in pairs if all(pair)]))
            values["bertscore"] = [next(scores) if all(pair) else 0.0 for pair in pairs]
        found: dict[str, float] = {"n": len(part)}
        groups = [row.group for row in part]
        for name, column in values.items():
            found[name] = fmean(column)
            found[f"{name}_low"], found[f"{name}_high"] = interval(Ratio.mean(column), groups)
        table[code] = found
    return table

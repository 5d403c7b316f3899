"""Examine a model on labelled rows: DIR/predictions.jsonl and DIR/metrics.json.

Every row is asked once, as `digest.analyze` asks, over as much of its text as the product reads:
title, summary and highlights are the text's own (digest.quote), the rest is the model's, edited as
in the product, with removed names counted. A bare model, as in `ollama run`, is asked for all of it
(`whole`). There is no retry and no second engine, so that an invalid answer shows as one.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from digest.analyze import TEXT_TOKENS
from digest.cutting import shorten
from digest.errors import ConfigError, InvalidAnswer
from digest.grammar import answer_budget
from digest.prompt import messages
from digest.protocols import Answer, Ask, Engine
from digest.quote.compose import compose
from digest.quote.editing import edit
from digest.quote.grounding import ground
from digest.records import STATEMENT_FIELDS, Evidence
from digest.schema import FIELDS, DigestFields, Row, parse, select
from finetune.data.quotes import Choice
from finetune.evaluation import chosen, metrics, statements
from finetune.evaluation.baselines import Baseline
from finetune.evaluation.catalogue import HEADLINES
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.predictions import write as write_predictions
from finetune.evaluation.stats import Ratio
from finetune.tasks import summaries
from finetune.tasks.summaries import Summaries

if TYPE_CHECKING:
    from finetune.evaluation.bertscore import BertScore


@dataclass(frozen=True)
class Exam:
    """One model's answers to the rows, and what they are worth."""

    name: str
    rows: Sequence[Row]
    predictions: Sequence[Prediction]
    fields: tuple[str, ...]
    ratios: dict[str, Ratio]  # by metric, over `rows`
    table: dict[str, float]  # flat, with the bounds of the intervals

    @property
    def groups(self) -> list[str]:
        """The group of each row."""
        return [row.group for row in self.rows]


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked about a row, and what is said of it without asking."""

    ask: Ask | None  # None: the text itself says all that is asked for
    cut: int  # tokens of the text left out
    said: dict[str, str | list[str]]
    evidence: tuple[Evidence, ...] = ()


def predict(
    rows: Sequence[Row],
    engine: Engine,
    fields: Sequence[str] = FIELDS,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    task: Summaries | None = None,
    *,
    whole: bool = False,
) -> list[Prediction]:
    """Ask the engine for every row; in the order of the rows.

    With `whole` the model says title, summary and highlights, too, its answer is not edited and
    carries no evidence. With a `task`, ask for its bare summaries in place of digests, and take
    what the budget cut, too: untuned models run on.
    """
    # A baseline is no model: what it says stands as it is.
    bare = whole or task is not None or engine.name == Baseline.name
    questions = [_question(row, engine, select(fields), task, bare) for row in rows]
    found = {
        index: Prediction(row.id, DigestFields(**one.said), "stop", evidence=one.evidence)
        for index, (row, one) in enumerate(zip(rows, questions, strict=True))
        if one.ask is None
    }
    asked = [index for index, one in enumerate(questions) if one.ask]
    for answer in engine.answer([one.ask for one in questions if one.ask]):
        index = asked[answer.index]
        read = summaries.read if task else None
        found[index] = _taken(rows[index], questions[index], answer, engine.model, read, bare)
        progress(len(found), len(rows))
    return [found[index] for index in sorted(found)]


def _question(
    row: Row, engine: Engine, asked: tuple[str, ...], task: Summaries | None, bare: bool
) -> _Question:
    """Ask as the product asks, or a `bare` model for all of it."""
    if bare:
        text, cut = shorten(row.text, TEXT_TOKENS, engine.count)
        if task:
            return _Question(Ask(task.messages(row.title, text), asked, task.budget()), cut, {})
        return _Question(
            Ask(messages(row.title, text, asked), asked, answer_budget(asked)), cut, {}
        )
    composed = compose(row.title, row.text, asked)
    text, cut = shorten(composed.readable, TEXT_TOKENS, engine.count)
    wanted = tuple(name for name in asked if name not in STATEMENT_FIELDS)
    ask = Ask(messages(row.title, text, wanted), wanted, answer_budget(wanted)) if wanted else None
    return _Question(ask, cut, composed.fields, composed.evidence)


def _taken(
    row: Row,
    question: _Question,
    answer: Answer,
    model: str,
    summary: Callable[[str], DigestFields] | None,
    bare: bool,
) -> Prediction:
    """The answer to one row; `summary` reads those that are no JSON."""
    fields, dropped = None, ()
    if question.ask and (answer.finish == "stop" or (summary and answer.finish == "length")):
        try:
            told = summary(answer.text) if summary else parse(answer.text, question.ask.fields)
            fields, dropped = _edited(told.model_copy(update=question.said), row, model, bare)
        except InvalidAnswer:
            fields = None
    return Prediction(
        row.id,
        fields,
        answer.finish,
        answer.tokens_in,
        answer.tokens_out,
        question.cut,
        dropped,
        "" if fields else answer.text or answer.error,
        question.evidence if fields else (),
    )


def _edited(
    fields: DigestFields, row: Row, model: str, bare: bool
) -> tuple[DigestFields, tuple[str, ...]]:
    """What may stand of an answer, and the names that were removed."""
    if bare:
        grounded = ground(fields, row.title, row.text)
        return grounded.fields, grounded.dropped
    fields, edits = edit(fields, row.title, row.text, model)
    return fields, tuple(one.what for one in edits if one.kind == "name")


def hold(
    name: str,
    rows: Sequence[Row],
    predictions: Sequence[Prediction],
    fields: Sequence[str] = FIELDS,
    bertscore: "BertScore | None" = None,
    choices: Mapping[str, Choice] | None = None,
) -> Exam:
    """Examine these predictions, beside an editor's `choices` by row id if there are any. Raises
    ConfigError if they answer none of the rows.
    """
    asked = select(fields)
    if predictions and not {row.id for row in rows} & {p.id for p in predictions}:
        raise ConfigError(
            f"the predictions of {name!r} answer none of the rows; give the rows they were made for"
        )
    tally = metrics.measure(rows, predictions, asked)
    tally.found |= statements.measure(rows, predictions, asked).found
    if choices is not None:
        tally.found |= chosen.measure(rows, predictions, choices, asked).found
    ratios = tally.ordered()
    if bertscore:
        metrics.add_bertscore(ratios, rows, predictions, asked, bertscore)
    flat = metrics.table(ratios, [row.group for row in rows])
    return Exam(name, rows, predictions, asked, ratios, flat)


def examine(
    rows: Sequence[Row], predictions: Sequence[Prediction], fields: Sequence[str] = FIELDS
) -> dict[str, float]:
    """The flat metrics of `finetune.evaluation.catalogue` for these predictions."""
    return hold("", rows, predictions, fields).table


def with_unconstrained(exam: Exam, free: Exam) -> Exam:
    """`exam` with the validity that the same model has without a grammar."""
    added = {
        f"valid_unconstrained{bound}": free.table[f"valid{bound}"]
        for bound in ("", "_low", "_high")
    }
    ratios = exam.ratios | {"valid_unconstrained": free.ratios["valid"]}
    return replace(exam, ratios=ratios, table=exam.table | added)


def keep(out: Path, predictions: Sequence[Prediction]) -> None:
    """Write predictions.jsonl into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    write_predictions(out / "predictions.jsonl", predictions)


def write(out: Path, predictions: Sequence[Prediction], measured: dict[str, float]) -> None:
    """Write predictions.jsonl and metrics.json into `out`."""
    keep(out, predictions)
    (out / "metrics.json").write_text(json.dumps(measured, indent=1) + "\n", "utf-8")


def folder(name: str) -> str:
    """A folder's name for a model's."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "unnamed"


def headline(measured: dict[str, float]) -> str:
    """The numbers that a result is quoted by, each with its interval; refused for few rows."""
    if measured["n"] < metrics.HEADLINE:
        return f"n = {measured['n']:.0f}: too few rows for a headline ({metrics.HEADLINE} needed)"
    shown = ["n", *(name for name in HEADLINES if name in measured)]
    return "\n".join(f"{name:<24} {cell(measured, name)}" for name in shown)


def markdown(columns: dict[str, dict[str, float]]) -> str:
    """A table of several models' headline metrics, one column each, with 95 % intervals."""
    given = {name for column in columns.values() for name in column}
    names = ["n", *(name for name in HEADLINES if name in given)]
    head = f"| metric | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n"
    return head + "".join(
        f"| {name} | {' | '.join(cell(column, name) for column in columns.values())} |\n"
        for name in names
    )


def cell(measured: dict[str, float], name: str) -> str:
    """A metric and its interval, as a table shows them."""
    if name not in measured:
        return ""
    if name in ("n", "groups"):
        return f"{measured[name]:.0f}"
    low, high = measured.get(f"{name}_low"), measured.get(f"{name}_high")
    bounds = "" if low is None else f" [{low:.3f}, {high:.3f}]"
    return f"{measured[name]:.3f}{bounds}"

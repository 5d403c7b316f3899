"""Examine a model on labelled rows: DIR/predictions.jsonl and DIR/metrics.json.

Every row is asked once, as `digest.prompt` asks, its text cut to the contract's budget. The
answer is taken as it comes: no retry, no second engine, no removal of names.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digest.errors import ConfigError, InvalidAnswer
from digest.grammar import answer_budget
from digest.prompt import messages
from digest.protocols import Ask, Engine
from digest.schema import FIELDS, DigestFields, Row, parse, select, validate
from finetune import metrics
from finetune.data import Tokenizer, cut

TEXT_TOKENS = 2048  # of an item's text


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one row. `digest` is None if it breaks the contract."""

    id: str
    digest: DigestFields | None
    finish_reason: str
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cut: int = 0
    answer: str = ""  # as it came, where it is not valid

    @property
    def valid(self) -> bool:
        """Whether the answer obeys the contract."""
        return self.digest is not None

    def to_json(self) -> str:
        """One line of predictions.jsonl."""
        record = asdict(self) | {"digest": self.digest and self.digest.as_dict()}
        return json.dumps(record | {"valid": self.valid}, ensure_ascii=False)


def predict(
    rows: Sequence[Row],
    engine: Engine,
    tokenizer: Tokenizer,
    fields: Sequence[str] = FIELDS,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Prediction]:
    """Ask the engine for every row; in the order of the rows."""
    asked = select(fields)
    asks, cuts = [], []
    for row in rows:
        text, lost = cut(row.text, TEXT_TOKENS, tokenizer)
        asks.append(Ask(messages(row.title, text, asked), asked, answer_budget(asked)))
        cuts.append(lost)
    found: dict[int, Prediction] = {}
    for answer in engine.answer(asks):
        row, digest = rows[answer.index], None
        if answer.finish == "stop":
            try:
                digest = parse(answer.text, asked)
            except InvalidAnswer:
                digest = None
        found[answer.index] = Prediction(
            row.id,
            digest,
            answer.finish,
            answer.tokens_in,
            answer.tokens_out,
            cuts[answer.index],
            "" if digest else answer.text or answer.error,
        )
        progress(len(found), len(rows))
    return [found[index] for index in sorted(found)]


def read_predictions(path: Path) -> Iterator[Prediction]:
    """Read predictions.jsonl, ours or anybody's: `id` and `digest` are enough."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read the predictions {path}: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            value = record["digest"]
            digest = validate(value, tuple(value)) if value else None
            yield Prediction(
                str(record["id"]),
                digest,
                str(record.get("finish_reason", "")),
                *(int(record.get(key, 0)) for key in ("tokens_in", "tokens_out", "tokens_cut")),
            )
        except InvalidAnswer:
            yield Prediction(str(record["id"]), None, "invalid")
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}, line {number}: {error}") from error


def examine(
    rows: Sequence[Row], predictions: Sequence[Prediction], fields: Sequence[str] = FIELDS
) -> dict[str, float]:
    """The flat metrics of `finetune.metrics` for these predictions."""
    return metrics.table(rows, by_id(predictions), select(fields))


def by_id(predictions: Sequence[Prediction]) -> dict[str, DigestFields | None]:
    """Digests by row."""
    return {prediction.id: prediction.digest for prediction in predictions}


def write(out: Path, predictions: Sequence[Prediction], measured: dict[str, float]) -> None:
    """Write predictions.jsonl and metrics.json into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{prediction.to_json()}\n" for prediction in predictions)
    (out / "predictions.jsonl").write_text(lines, "utf-8")
    (out / "metrics.json").write_text(json.dumps(measured, indent=1), "utf-8")


def headline(measured: dict[str, float]) -> str:
    """The numbers that a result is quoted by, each with its interval; refused for few rows."""
    if measured["n"] < metrics.HEADLINE:
        return f"n = {measured['n']:.0f}: too few rows for a headline ({metrics.HEADLINE} needed)"
    return "\n".join(
        f"{name:<24} {_cell(measured, name)}" for name in measured if not _is_bound(name)
    )


def markdown(columns: dict[str, dict[str, float]]) -> str:
    """A table of several models' metrics, one column each, with 95 % intervals."""
    names = [n for n in next(iter(columns.values())) if not _is_bound(n)]
    head = f"| metric | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n"
    return head + "".join(
        f"| {name} | {' | '.join(_cell(column, name) for column in columns.values())} |\n"
        for name in names
    )


def agreement(ours: Sequence[Prediction], theirs: Sequence[Prediction]) -> dict[str, Any]:
    """How often two models give the same value: share of fields, and of whole answers."""
    other = by_id(theirs)
    same = fields = whole = 0
    for prediction in ours:
        left, right = prediction.digest, other.get(prediction.id)
        names = (left or right or DigestFields()).asked()
        equal = [left and right and getattr(left, n) == getattr(right, n) for n in names]
        same += sum(map(bool, equal))
        fields += len(names)
        whole += bool(names) and all(equal)
    return {"answers": len(ours), "same_answers": whole, "fields": fields, "same_fields": same}


def _is_bound(name: str) -> bool:
    return name.endswith(("_low", "_high"))


def _cell(measured: dict[str, float], name: str) -> str:
    if name not in measured:
        return ""
    if name == "n":
        return f"{measured[name]:.0f}"
    low, high = measured.get(f"{name}_low"), measured.get(f"{name}_high")
    bounds = "" if low is None else f" [{low:.3f}, {high:.3f}]"
    return f"{measured[name]:.3f}{bounds}"

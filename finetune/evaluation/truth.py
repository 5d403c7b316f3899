"""Statements for a judge to read, and what judges said of them.

A sheet is JSON lines: `id`, `row`, `field` (title, summary, highlight), `statement`, `verbatim`
(the source holds it word for word). Beside it lie the sources: `id`, `lang`, `title`, `text`. A
judge reads each source, then its statements, and writes lines of `id` and `label`: `true`, `bent`
(the gist is right, something in it is not what the source says) or `false`.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.errors import ConfigError
from digest.schema import Row
from finetune.evaluation.metrics import table
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.statements import Source, statements
from finetune.evaluation.tally import Tally

LABELS = ("true", "bent", "false")
ROWS = 80  # of a sheet, if no other number is asked for
SEED = 7
_FIELDS = {"title": "title", "summary": "summary", "highlight": "highlights"}  # metrics' names
_NAMES = {name: field for field, name in _FIELDS.items()}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a sheet."""

    id: str
    row: str
    field: str
    statement: str
    verbatim: bool


# --- the sheet -----------------------------------------------------------------------------------


def write_sheet(
    path: Path,
    rows: Sequence[Row],
    predictions: Sequence[Prediction],
    count: int = ROWS,
    seed: int = SEED,
) -> int:
    """Write a sheet of `count` rows that were answered (0: all), drawn with `seed`, and their
    sources beside it; return how many statements it holds. Raises ConfigError.
    """
    known = {row.id: row for row in rows}
    given = {one.id: one for one in predictions if one.id in known}
    if not given:
        raise ConfigError("no prediction answers a row: there is nothing to judge")
    ids = sorted(given)
    if count:
        random.Random(seed).shuffle(ids)  # noqa: S311 - a draw, not a secret
        ids = sorted(ids[:count])
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = 0
    with path.open("w", encoding="utf-8") as out, sources(path).open("w", encoding="utf-8") as told:
        for key in ids:
            row = known[key]
            source = {"id": row.id, "lang": row.lang, "title": row.title, "text": row.text}
            told.write(json.dumps(source, ensure_ascii=False) + "\n")
            for line in _lines(row, given[key]):
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                lines += 1
    return lines


def sources(sheet: Path) -> Path:
    """Where the sources of a sheet lie."""
    return sheet.with_name(sheet.name.removesuffix(".jsonl") + ".sources.jsonl")


def _lines(row: Row, prediction: Prediction) -> Iterator[dict[str, Any]]:
    if prediction.digest is None:
        return
    said = statements(Source(row), prediction.digest, prediction.evidence)
    for number, one in enumerate(said):
        yield {
            "id": f"{row.id}#{number}",
            "row": row.id,
            "field": _NAMES[one.field],
            "statement": one.words,
            "verbatim": one.verbatim,
        }


# --- what judges said ----------------------------------------------------------------------------


def read_sheet(path: Path) -> dict[str, Line]:
    """The lines of a sheet by id. Raises ConfigError."""
    found: dict[str, Line] = {}
    for number, record in _records(path):
        try:
            line = Line(
                str(record["id"]),
                str(record["row"]),
                str(record["field"]),
                str(record["statement"]),
                bool(record["verbatim"]),
            )
        except KeyError as error:
            raise ConfigError(f"{path}, line {number}: no {error}") from error
        if line.field not in _FIELDS:
            raise ConfigError(f"{path}, line {number}: {line.field!r} is no field of a sheet")
        found[line.id] = line
    return found


def read_labels(paths: Sequence[Path], sheet: Mapping[str, Line]) -> dict[str, str]:
    """What judges said, by statement; a later line replaces an earlier one. Raises ConfigError."""
    found: dict[str, str] = {}
    for path in paths:
        for number, record in _records(path):
            key, label = str(record.get("id", "")), str(record.get("label", "")).strip().lower()
            if label not in LABELS:
                raise ConfigError(
                    f"{path}, line {number}: the label {label!r} is none of {', '.join(LABELS)}"
                )
            if key not in sheet:
                raise ConfigError(f"{path}, line {number}: the sheet has no statement {key!r}")
            found[key] = label
    return found


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}: {error}") from error
        if not isinstance(record, dict):
            raise ConfigError(f"{path}, line {number}: no JSON object")
        yield number, record


def judge(
    sheet: Mapping[str, Line], labels: Mapping[str, str], groups: Mapping[str, str]
) -> dict[str, float]:
    """Truth as flat metrics with 95 % intervals: `n` answers; `groups` by row id, where known,
    are what is resampled. A verbatim statement without a label counts as true, any other without
    one is not counted.
    """
    settled = {key: "true" for key, line in sheet.items() if line.verbatim} | dict(labels)
    ids = list(dict.fromkeys(line.row for key, line in sheet.items() if key in settled))
    tally = Tally(len(ids))
    for index, row in enumerate(ids):
        lines = [line for line in sheet.values() if line.row == row]
        said = [line for line in lines if line.id in settled]
        tally.add("statements", index, len(said))
        tally.add("verbatim", index, sum(line.verbatim for line in lines), len(lines))
        tally.add("judged", index, sum(line.id in labels for line in lines), len(lines))
        tally.add("wholly_true", index, all(settled[line.id] == "true" for line in said))
        for field, name in (("", ""), *_FIELDS.items()):
            part = [line for line in said if not field or line.field == field]
            for label in LABELS if part else ():
                hits = sum(settled[line.id] == label for line in part)
                tally.add(f"{label}_{name}" if name else label, index, hits, len(part))
            whole = [line for line in lines if field and line.field == field]
            if whole:
                held = sum(line.verbatim for line in whole)
                tally.add(f"verbatim_{name}", index, held, len(whole))
    return table(tally.ordered(), [groups.get(row, row) for row in ids])


def described(
    sheet: Mapping[str, Line], labels: Mapping[str, str], measured: Mapping[str, float]
) -> Iterator[str]:
    """The truth by field, for people."""
    settled = [line for key, line in sheet.items() if line.verbatim or key in labels]
    for field, name in (*_FIELDS.items(), ("all", "")):
        count = sum(field in ("all", line.field) for line in settled)
        if not count:
            continue
        tail = f"_{name}" if name else ""
        low, high = measured[f"true{tail}_low"], measured[f"true{tail}_high"]
        yield (
            f"{field:<10} n={count} true {measured[f'true{tail}']:.3f} [{low:.3f}, {high:.3f}] "
            f"bent {measured[f'bent{tail}']:.3f} false {measured[f'false{tail}']:.3f} "
            f"verbatim {measured[f'verbatim{tail}']:.3f}"
        )
    if settled:
        low, high = measured["wholly_true_low"], measured["wholly_true_high"]
        yield (
            f"digests wholly true: {measured['wholly_true']:.3f} [{low:.3f}, {high:.3f}] "
            f"of {measured['n']:.0f}"
        )
    unread = sum(line.verbatim and key not in labels for key, line in sheet.items())
    yield f"not judged: {len(sheet) - len(settled)}; verbatim and taken as true unread: {unread}"

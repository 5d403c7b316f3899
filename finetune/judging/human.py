"""A person's decisions, from a sheet (CSV) of id and winner."""

import csv
from collections.abc import Sequence
from pathlib import Path

from digest.errors import ConfigError
from finetune.judging.bench import Decision, JudgedRow
from finetune.judging.questions import FIRST, SECOND, TIE

NAME = "human"


def read(path: Path, entries: Sequence[JudgedRow], models: Sequence[str]) -> list[Decision]:
    """The decisions of a sheet with the columns `id`, `winner` and, where more than two models
    are judged, `one` and `other`. The winner is a model's name or `tie`.

    Lines without a winner are left out. Raises ConfigError that names the line.
    """
    groups = {entry.row.id: entry.row.group for entry in entries}
    found: dict[tuple[str, str, str], Decision] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the sheet {path}: {error}") from error
    for number, line in enumerate(lines, 2):
        row, winner = (str(line.get(name) or "").strip() for name in ("id", "winner"))
        if not winner or row not in groups:
            continue
        one, other = _two(line, models, f"{path}, line {number}")
        if winner not in (one, other, TIE):
            raise ConfigError(
                f"{path}, line {number}: the winner {winner!r} is none of {one}, {other} and {TIE}"
            )
        verdict = {one: (FIRST, SECOND), other: (SECOND, FIRST), TIE: (TIE, TIE)}[winner]
        low, high = sorted((one, other))
        place = row, low, high
        if place in found:
            raise ConfigError(f"{path}, line {number}: {row!r} is decided twice")
        found[place] = Decision(NAME, row, groups[row], one, other, verdict)
    if not found:
        raise ConfigError(f"{path} decides on no row judged here; it needs the columns id, winner")
    return list(found.values())


def _two(line: dict[str, str | None], models: Sequence[str], where: str) -> tuple[str, str]:
    named = [str(line.get(column) or "").strip() for column in ("one", "other")]
    if not any(named) and len(models) == 2:
        return models[0], models[1]
    if len(set(named) & set(models)) != 2:
        raise ConfigError(f"{where}: `one` and `other` must be two of {', '.join(models)}")
    return named[0], named[1]

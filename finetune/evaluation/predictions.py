"""What a model answered to labelled rows: predictions.jsonl, one object a row."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digest.errors import ConfigError, InvalidAnswer
from digest.records import STATEMENT_FIELDS, STATUSES, Evidence
from digest.schema import DigestFields, validate


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one row. `digest` is None if it breaks the contract."""

    id: str
    digest: DigestFields | None
    finish_reason: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cut: int = 0  # of the row's text
    dropped: tuple[str, ...] = ()  # names that do not occur in the text, removed
    answer: str = ""  # as it came, where it is not valid
    evidence: tuple[Evidence, ...] = ()  # of its statements; a bare model gives none

    @property
    def valid(self) -> bool:
        """Whether the answer obeys the contract."""
        return self.digest is not None

    def to_json(self) -> str:
        """One line of predictions.jsonl."""
        record = asdict(self) | {"digest": self.digest and self.digest.as_dict()}
        return json.dumps(record | {"valid": self.valid}, ensure_ascii=False)


def write(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write predictions.jsonl."""
    path.write_text("".join(f"{one.to_json()}\n" for one in predictions), "utf-8")


def read(path: Path) -> list[Prediction]:
    """Read predictions.jsonl, ours or anybody's: `id` and `digest` are enough. Raises ConfigError,
    also if an id occurs twice.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read the predictions {path}: {error}") from error
    return list(_parsed(path, lines))


def _parsed(path: Path, lines: Sequence[str]) -> Iterator[Prediction]:
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            key, value = str(record["id"]), record["digest"]
            if key in seen:
                raise ValueError(f"the id {key!r} occurs twice")
            seen.add(key)
            answer = str(record.get("answer", ""))
            try:
                digest = validate(value, tuple(value)) if value else None
            except (InvalidAnswer, ConfigError):  # not our fields, or not their values
                digest, answer = None, answer or json.dumps(value)
            yield Prediction(
                key,
                digest,
                str(record.get("finish_reason", "")),
                int(record.get("tokens_in", 0)),
                int(record.get("tokens_out", 0)),
                int(record.get("tokens_cut", 0)),
                tuple(record.get("dropped", ())),
                answer,
                tuple(map(_evidence, record.get("evidence") or ())),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}, line {number}: {error}") from error


def _evidence(one: dict[str, Any]) -> Evidence:
    """Evidence as it was written. Raises ValueError, KeyError or TypeError."""
    found = Evidence(
        one["field"],
        str(one["statement"]),
        one["status"],
        one["where"],
        int(one["start"]),
        int(one["end"]),
    )
    known = {"field": STATEMENT_FIELDS, "status": STATUSES, "where": ("title", "text")}
    for name, values in known.items():
        if getattr(found, name) not in values:
            raise ValueError(f"evidence with the {name} {getattr(found, name)!r}")
    if not 0 <= found.start <= found.end:
        raise ValueError(f"evidence from {found.start} to {found.end}")
    return found

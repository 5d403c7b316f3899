"""The rows of a run on disk, in one format, split, with hashes: what a run trains on and what a
model card can name. Rows pass through one at a time; of each only what the split goes by is kept.
"""

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from digest.errors import ConfigError
from digest.schema import Row
from finetune.config import Config, Data
from finetune.data import quotes
from finetune.data.formats import Report
from finetune.data.split import Keys, held_out
from finetune.tasks import base as tasks
from finetune.tasks.base import Sample
from finetune.train.base import sha256

FACTS = "facts.json"
_FORMAT = 2  # of facts.json and the files beside it


class Rows(Sequence[Row]):
    """The rows of a prepared file, read when they are asked for: 8 bytes a row in memory."""

    def __init__(self, path: Path, kind: type[Row] = Row) -> None:
        self._kind = kind
        self._file = path.open("rb")
        self._starts = array("Q")
        start = 0
        for line in self._file:
            self._starts.append(start)
            start += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        self._file.seek(self._starts[index])
        return self._kind.model_validate_json(self._file.readline())


@dataclass(frozen=True)
class Prepared:
    """A prepared set."""

    train: Rows
    validation: Rows
    facts: dict[str, Any]


def load(how: Data, out: Path, run: Config | None = None) -> Prepared:
    """The prepared set in `out`; made first if it is not there, or was made from another source,
    with another split, or for another task than that of `run` (digests, if none is given).
    Raises ConfigError if the source cannot be read.
    """
    try:
        facts = json.loads((out / FACTS).read_text("utf-8"))
        current = facts.get("made_from") == _made_from(how, run)
    except (OSError, ValueError):
        current = False
    if not current:
        facts = write(how, out, run)
    kind = Sample if run and run.task != "digest" else Row
    return Prepared(Rows(out / "train.jsonl", kind), Rows(out / "validation.jsonl", kind), facts)


def write(how: Data, out: Path, run: Config | None = None) -> dict[str, Any]:
    """Write train.jsonl, validation.jsonl and facts.json into `out`; return the facts."""
    out.mkdir(parents=True, exist_ok=True)
    (out / FACTS).unlink(missing_ok=True)  # facts stand for files that are whole
    made_from = _made_from(how, run)
    task = tasks.of(run or Config(data=how))
    report, keys = Report(), Keys(how.split.seed)
    whole = out / "rows.part"
    with whole.open("wb") as file:
        for row in task.read(how, report):
            keys.add(row)
            file.write(_line(row))
    held = held_out(keys, how.split)
    choices = quotes.read(how.quotes) if how.quotes else None
    train = _Part(out / "train.jsonl", choices)
    validation = _Part(out / "validation.jsonl", choices)
    with whole.open("rb") as file, train, validation:
        for line, out_of_training in zip(file, held, strict=True):
            (validation if out_of_training else train).add(line)
    whole.unlink()
    facts: dict[str, Any] = {
        "made_from": made_from,
        "source": {
            "file": how.rows.name,
            "sha256": made_from["sha256"],
            "kind": report.container,
            "shapes": dict(report.shapes),
            "rows": report.rows,
        },
        "changed": {"rows": report.changed, "what": dict(report.changes.most_common())},
        "refused": {
            "records": report.refused,
            "why": dict(report.reasons.most_common(100)),
            "first": report.told,
        },
        "train": train.facts(),
        "validation": validation.facts(),
    }
    if how.quotes and choices is not None:
        facts["quotes"] = {
            "file": how.quotes.name,
            "sha256": made_from["quotes"],
            "rows": len(choices),
            "editor": how.editor,
        }
    (out / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False), "utf-8")
    return facts


def _made_from(how: Data, run: Config | None) -> dict[str, Any]:
    """What a prepared set depends on. Raises ConfigError."""
    split = how.split.model_dump(mode="json")
    found = {
        "format": _FORMAT,
        "sha256": _hash(how.rows, "rows"),
        "split": split,
        "columns": dict(how.columns),
    }
    if how.quotes:
        found |= {"quotes": _hash(how.quotes, "quotes"), "editor": how.editor}
    return found | (tasks.settings(run) if run else {})


def _hash(path: Path, what: str) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise ConfigError(f"cannot read the {what} {path}: {error}") from error


def _line(row: Row) -> bytes:
    return row.model_dump_json(exclude_none=True).encode() + b"\n"


@dataclass
class _Part:
    """One file of the set, described while it is written."""

    path: Path
    choices: Container[str] | None = None  # ids of rows with an editor's choice of sentences
    rows: int = 0
    chosen: int = 0
    counts: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in ("kind", "lang", "licence")}
    )
    groups: set[int] = field(default_factory=set)
    ids: int = 0

    def __enter__(self) -> "_Part":
        self._file = self.path.open("wb")
        self._hash = hashlib.sha256()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, line: bytes) -> None:
        self._file.write(line)
        self._hash.update(line)
        row = json.loads(line)
        self.rows += 1
        self.chosen += self.choices is not None and row["id"] in self.choices
        for name, counter in self.counts.items():
            counter[row[name]] += 1
        self.groups.add(hash(row["group"]))
        self.ids += int.from_bytes(hashlib.sha256(row["id"].encode()).digest(), "big")

    def facts(self) -> dict[str, Any]:
        """Counts, the file's hash, and a hash of its ids: which rows, whatever else changes and
        in whatever order (the sum of their hashes).
        """
        chosen = {} if self.choices is None else {"chosen": self.chosen}
        return {
            "rows": self.rows,
            **chosen,
            "groups": len(self.groups),
            "kinds": dict(self.counts["kind"].most_common()),
            "languages": dict(self.counts["lang"].most_common()),
            "licences": dict(self.counts["licence"].most_common()),
            "ids_sha256": f"{self.ids % 2**256:064x}",
            "sha256": self._hash.hexdigest(),
        }


def described(facts: dict[str, Any]) -> Iterator[str]:
    """The facts of a prepared set, for people."""
    source, changed, refused = facts["source"], facts["changed"], facts["refused"]
    shapes = ", ".join(f"{count} as {shape}" for shape, count in source["shapes"].items())
    yield f"{source['file']}: {source['kind']}, {source['rows']} rows ({shapes or 'none'})"
    yield f"changed: {changed['rows']} rows"
    yield from (f"  {count} x {what}" for what, count in changed["what"].items())
    yield f"refused: {refused['records']} records"
    yield from (f"  {count} x {why}" for why, count in refused["why"].items())
    yield from (f"  {line}" for line in refused["first"])
    for name in ("train", "validation"):
        part = facts[name]
        yield (
            f"{name}: {part['rows']} rows in {part['groups']} groups, sha256 {part['sha256'][:12]}"
            + (f", {part['chosen']} with an editor's choice" if "chosen" in part else "")
        )

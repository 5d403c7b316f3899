"""Rows on their way to being labelled: dataset rows with notes on how their labels came to be.

A file of them is a dataset like any other, for readers of rows leave the notes aside. A row with
no labels is a document that nothing can be learnt from yet: collected, or rejected in review.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from digest.errors import ConfigError
from digest.schema import DigestFields, Row
from finetune.data.formats import mend

Verdict = Literal["accepted", "edited", "rejected"]


class Note(BaseModel):
    """A note on a row. Nothing unknown is kept."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Other(Note):
    """What another teacher said of the same document."""

    teacher: str
    digest: DigestFields


class Made(Note):
    """How labels came to be."""

    teacher: str  # who wrote them
    prompt: str = ""  # version of what the teacher was told
    language: str = ""  # that was asked for
    fields: tuple[str, ...] = ()  # that were asked for
    at: str = ""  # ISO 8601, UTC
    tokens_in: int = 0  # of all teachers
    tokens_out: int = 0
    tokens_cut: int = 0  # of the text, which the teacher did not see
    cost: float | None = None  # in the currency of the prices given; None = no price known
    repaired: bool = False  # the first answer broke the contract
    degraded: str = ""  # why these are not a model's full answer
    dropped: tuple[str, ...] = ()  # names that do not occur in the text, removed
    confidence: float | None = None  # the teacher's own: mean probability of its tokens
    agreement: dict[str, float] | None = None  # by field, between the teachers
    others: tuple[Other, ...] = ()

    @property
    def agreed(self) -> float | None:
        """Mean agreement over the fields; None if one teacher was asked."""
        return sum(self.agreement.values()) / len(self.agreement) if self.agreement else None


class Review(Note):
    """What a person decided."""

    verdict: Verdict
    at: str  # ISO 8601, UTC
    was: DigestFields | None = None  # the labels before they were edited or rejected


class Labelled(Row):
    """A row and its notes.

    `draft` is what a model said where that is not yet good enough to be learnt from: it is
    offered in review, and becomes the labels when it is accepted.
    """

    fields: tuple[str, ...] = ()  # to ask of this row, if it says so itself
    draft: DigestFields | None = None
    made: Made | None = None
    review: Review | None = None

    @field_validator("digest", mode="before")
    @classmethod
    def _mended(cls, value: object) -> object:
        """Labels as every reader of rows takes them: long lists clipped, blanks gone."""
        return mend(value, []) if isinstance(value, dict) else value

    @property
    def offered(self) -> DigestFields:
        """The labels, or what may become them."""
        return self.digest if self.digest.asked() else self.draft or self.digest

    def line(self) -> bytes:
        """The row as a line of its file: the keys of a dataset row, then the notes there are."""
        row = {name: getattr(self, name) for name in Row.model_fields}
        row = {name: value for name, value in row.items() if value is not None}
        notes = set(Labelled.model_fields) - set(Row.model_fields)
        row |= self.model_dump(mode="json", include=notes, exclude_defaults=True)
        row["digest"] = self.digest.as_dict()
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace") + b"\n"


def stream(path: Path) -> Iterator[Labelled]:
    """The rows of a file, one at a time. Raises ConfigError that names the line."""
    return (row for row, _ in pairs(path))


def pairs(path: Path) -> Iterator[tuple[Labelled, bytes]]:
    """The rows of a file and the lines they stand in. Raises ConfigError that names the line."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = Labelled.model_validate_json(line)
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(map(str, first["loc"]))
                    raise ConfigError(f"{path}, line {number}: {where}: {first['msg']}") from error
                yield row, line if line.endswith(b"\n") else line + b"\n"
    except OSError as error:
        raise ConfigError(f"cannot read the rows {path}: {error}") from error


def write(path: Path, lines: Iterable[bytes]) -> None:
    """Replace a file as a whole: whatever happens, the old one or the new one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name survives a power cut, too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only one who changes a file. Raises ConfigError if another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"), thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(f"another process is at work on {path}; wait for its end") from None
    try:
        yield
    finally:
        lock.release()


def _umask() -> int:
    """What new files are not allowed; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def merged(old: DigestFields, new: DigestFields) -> DigestFields:
    """Labels of both; the new ones win."""
    return DigestFields.model_validate({**old.as_dict(), **new.as_dict()})

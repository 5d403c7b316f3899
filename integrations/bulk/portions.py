"""Rows of Parquet files and of JSON lines, in portions that are the same on every reading."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from digest.errors import ConfigError
from digest.records import fingerprint
from integrations.sources.rows import MAX_LINE

COLUMNS = ("id", "title", "text")  # what is read of a row; only `text` must be there
NAME = re.compile(r".+-\d{6,}-[0-9a-f]{16}\.parquet")  # of the file of a portion
_DECODED = 256  # rows of a Parquet file that are Python objects at once


@dataclass(frozen=True, slots=True)
class Row:
    """One document, or why it is none."""

    number: int  # from 1: the line, or the row of the Parquet file
    id: str
    title: str = ""
    text: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file rows begin."""

    at: int = 0  # byte of a file of lines; row group of a Parquet file
    skip: int = 0  # rows of the row group before
    number: int = 1  # of the first row


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows that are digested together."""

    file: str
    at: int
    skip: int
    number: int
    rows: int
    name: str  # of the file that their digests go to


class Reader(Protocol):
    """An input file."""

    def rows(self, place: Place) -> Iterator[tuple[Place, Row]]:
        """The rows from a place on, each with its own place. Raises ConfigError."""
        ...


def inputs(source: Path) -> list[Path]:
    """The files that a path names: itself, or those in a folder. Raises ConfigError."""
    if not source.is_dir():
        return [source]
    found = sorted(p for p in source.iterdir() if p.suffix in {".parquet", ".jsonl"})
    if not found:
        raise ConfigError(f"the folder {source} holds no .parquet and no .jsonl file")
    return found


def portions(file: Path, size: int) -> Iterator[Portion]:
    """A file in portions of `size` rows. Raises ConfigError if it cannot be read."""
    found = opened(file).rows(Place())
    index = 0
    while part := list(islice(found, size)):
        first, _ = part[0]
        name = f"{file.name}-{index:06d}-{_hash([row for _, row in part])}.parquet"
        yield Portion(str(file), first.at, first.skip, first.number, len(part), name)
        index += 1


def read(portion: Portion, reader: Reader) -> list[Row]:
    """The rows of a portion. Raises ConfigError if they are not what was divided."""
    place = Place(portion.at, portion.skip, portion.number)
    rows = [row for _, row in islice(reader.rows(place), portion.rows)]
    if f"-{_hash(rows)}." not in portion.name:
        raise ConfigError(f"{portion.file} has changed; run the command again when it stays")
    return rows


def opened(file: Path) -> Reader:
    """The reader of a file. Raises ConfigError."""
    try:
        with file.open("rb") as opening:
            parquet = opening.read(4) == b"PAR1"
        return ParquetRows(file) if parquet else Lines(file)
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error}") from error


class Lines:
    """JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, place: Place) -> Iterator[tuple[Place, Row]]:
        """See `Reader`."""
        with self._path.open("rb") as file:
            file.seek(place.at)
            at = place.at
            for number, line in enumerate(file, place.number):
                if line.strip():
                    yield Place(at, 0, number), _row(number, _decoded(line))
                at += len(line)


class ParquetRows:
    """A Parquet file. The row group that was read last is held."""

    def __init__(self, path: Path) -> None:
        parquet = imported()
        try:
            self._file = parquet.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from error
        self._columns = [name for name in COLUMNS if name in self._file.schema_arrow.names]
        if "text" not in self._columns:
            raise ConfigError(f"{path} has no column `text`; rename the one that holds the texts")
        self._held: tuple[int, Any] = (-1, None)

    def rows(self, place: Place) -> Iterator[tuple[Place, Row]]:
        """See `Reader`."""
        number, skip = place.number, place.skip
        for group in range(place.at, self._file.num_row_groups):
            table = self._group(group)
            for start in range(skip, table.num_rows, _DECODED):
                for offset, value in enumerate(table.slice(start, _DECODED).to_pylist(), start):
                    yield Place(group, offset, number), _row(number, value)
                    number += 1
            skip = 0

    def _group(self, number: int) -> Any:
        if self._held[0] != number:
            self._held = (number, self._file.read_row_group(number, columns=self._columns))
        return self._held[1]


def imported() -> Any:
    """pyarrow.parquet. Raises ConfigError that says how to install it."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(
            "Parquet needs pyarrow; install it with `pip install 'newsdigest[ray]'`"
        ) from error
    return parquet


def _decoded(line: bytes) -> object:
    """The value of a line, or a ValueError that says why there is none."""
    if len(line) > MAX_LINE:
        return ValueError(f"the line is over {MAX_LINE >> 20} MiB")
    try:
        return json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return ValueError("the line is no JSON")


def _row(number: int, record: object) -> Row:
    if isinstance(record, ValueError):
        return Row(number, "", error=str(record))
    if not isinstance(record, dict):
        return Row(number, "", error="no object with a `text`")
    identity, title, text = (record.get(name) for name in COLUMNS)
    name = _clean(str(identity)) if isinstance(identity, str | int) else ""
    if not isinstance(text, str) or not text.strip():
        return Row(number, name, error="no `text`")
    if len(text) > MAX_LINE:
        return Row(number, name, error=f"the text is over {MAX_LINE >> 20} Mi characters")
    title, text = _clean(title) if isinstance(title, str) else "", _clean(text)
    return Row(number, name or fingerprint(title, text), title, text)


def _clean(text: str) -> str:
    """Without the halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _hash(rows: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        parts = [row.number, row.id, row.title, row.text, row.error]
        digest.update(json.dumps(parts).encode())
    return digest.hexdigest()[:16]

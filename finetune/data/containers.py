"""Files of records, read one record at a time: JSON lines, a JSON array, CSV or TSV, Parquet.

What a file is, is seen from its content; its name is not asked.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digest.errors import ConfigError

Record = dict[str, Any]
# A record's number (from 1) and the record, or what is wrong with it.
Numbered = tuple[int, Record | ValueError]

_CHUNK = 1 << 16  # characters read at once from a JSON array
_CELL = 1 << 24  # characters of one CSV cell: articles are longer than csv's own limit


def records(path: Path) -> tuple[str, Iterator[Numbered]]:
    """What kind of file this is, and its records. Raises ConfigError if it cannot be read; a
    single broken record is yielded as a ValueError.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_CHUNK)
    except OSError as error:
        raise ConfigError(f"cannot read the rows {path}: {error}") from error
    if head.startswith(b"PAR1"):
        return "Parquet", _parquet(path)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"[":
        return "JSON array", _array(path)
    if start in {b"{", b""}:
        return "JSONL", _lines(path)
    return _table(path, head)


def _lines(path: Path) -> Iterator[Numbered]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield number, _object(json.loads(line.decode("utf-8-sig")))
                except ValueError as error:
                    yield number, error
                except RecursionError:
                    yield number, ValueError("nested too deep")


def _array(path: Path) -> Iterator[Numbered]:
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8-sig") as file:
        rest, number = "", 0
        while chunk := file.read(_CHUNK):
            rest += chunk
            while True:
                rest = rest.lstrip("[, \t\r\n" if not number else ", \t\r\n")
                try:
                    value, end = decoder.raw_decode(rest)
                except ValueError:  # not all of it is here yet, or the array has ended
                    break
                rest, number = rest[end:], number + 1
                try:
                    yield number, _object(value)
                except ValueError as error:
                    yield number, error
        if rest.strip() != "]":
            yield number + 1, ValueError(f"broken JSON at {rest[:40]!r}")


def _object(value: object) -> Record:
    if not isinstance(value, dict):
        raise ValueError(f"not an object but {type(value).__name__}")
    return value


def _table(path: Path, head: bytes) -> tuple[str, Iterator[Numbered]]:
    try:
        first = head.decode("utf-8-sig", "ignore").splitlines()[0]
        delimiter = max(",;\t|", key=first.count)
    except IndexError:
        delimiter = ","
    if delimiter not in first:
        raise ConfigError(
            f"{path} is neither JSON lines, a JSON array, CSV with a header nor Parquet"
        )

    def rows() -> Iterator[Numbered]:
        csv.field_size_limit(_CELL)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            try:
                for number, row in enumerate(reader, 1):
                    if None in row:
                        yield number, ValueError(f"more cells than the header's {len(row) - 1}")
                    else:
                        yield number, {key: value for key, value in row.items() if value}
            except (csv.Error, UnicodeDecodeError) as error:
                raise ConfigError(f"{path}, near line {reader.line_num}: {error}") from error

    return {"\t": "TSV"}.get(delimiter, "CSV"), rows()


def _parquet(path: Path) -> Iterator[Numbered]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(
            "reading Parquet needs pyarrow; install it with `pip install 'newsdigest[parquet]'`"
        ) from error
    number = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=256):
            for record in batch.to_pylist():
                number += 1
                yield number, {key: value for key, value in record.items() if value is not None}
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the rows {path}: {error}") from error

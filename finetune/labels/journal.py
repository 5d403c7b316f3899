"""An append-only file of records by key: what is in it survives a kill and a power cut.

Only keys and offsets are held in memory. The line that a kill tore is cut off when the file is
opened again.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from digest.errors import ConfigError
from finetune.labels.labelled import alone

Record = dict[str, Any]


class Journal:
    """One writer, many threads. The last record of a key is the one that holds.

    Raises ConfigError if another process has the file open, or it is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held = ExitStack()
        self._held.enter_context(alone(path))
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}
        self._file = path.open("a+b")
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        place = 0
        self._file.seek(0)
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                self._places[json.loads(line)["key"]] = place
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigError(f"{self.path}, line {number} is no record: {error}") from error
            place += len(line)
        self._file.truncate(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let others write."""
        self._file.close()
        self._held.close()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._places))

    def get(self, key: str) -> Record | None:
        """The record of a key."""
        with self._lock:
            place = self._places.get(key)
            if place is None:
                return None
            self._file.seek(place)
            record: Record = json.loads(self._file.readline())
        return record

    def put(self, key: str, record: Record) -> None:
        """Keep a record; it is on the disk when this returns."""
        line = json.dumps({"key": key, **record}, ensure_ascii=False, separators=(",", ":"))
        with self._lock:
            place = self._file.seek(0, os.SEEK_END)
            self._file.write(line.encode("utf-8", "replace") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._places[key] = place

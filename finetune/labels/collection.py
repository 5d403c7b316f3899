"""A file of documents that grows."""

import json
import os
from pathlib import Path
from typing import Self

from digest.records import fingerprint
from finetune.labels.collect import CollectReport
from finetune.labels.labelled import Labelled


class Collection:
    """A file of documents that grows: what it has is not added again.

    A line that a kill tore is cut off. Of a row only id and hash are held.
    """

    def __init__(self, path: Path, report: CollectReport) -> None:
        self._report = report
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        self._file.seek(0)
        self._known: dict[str, str] = {}
        place = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            place += len(line)
            row = json.loads(line)
            self._known[row["id"]] = fingerprint(row["text"])
        self._file.truncate(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def add(self, row: Labelled) -> bool:
        """Add a document, unless it is there; another one of the same id gets its own."""
        mark = fingerprint(row.text)
        if self._known.get(row.id, mark) != mark:
            row = row.model_copy(update={"id": f"{row.id}-{mark[:8]}"})
        if row.id in self._known:
            self._report.known += 1
            return False
        self._known[row.id] = mark
        self._file.write(row.line())
        self._report.rows += 1
        self._report.languages[row.lang] += 1
        return True

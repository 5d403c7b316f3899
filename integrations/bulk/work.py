"""The digests of a portion: made by an engine, put into a file."""

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digest.analyze import analyze
from digest.engines import open_engine
from digest.errors import EngineUnavailable
from digest.protocols import Engine
from digest.records import Digest, Item
from digest.schema import json_schema
from digest.settings import EmbeddedSettings, OllamaSettings, Settings
from integrations.bulk.portions import Portion, Reader, Row, imported, opened, read

HIDDEN = "."  # begins the names of files that are being written


@dataclass(frozen=True)
class Ask:
    """What is wanted of every row, by whom, and where it goes: all that a worker must know."""

    out: str
    fields: tuple[str, ...]
    engine: str
    model: str
    ollama: OllamaSettings
    embedded: EmbeddedSettings

    @property
    def threads(self) -> int:
        """Of each worker's engine."""
        return self.embedded.threads or 1

    def open(self) -> Engine:
        """The engine, on one thread if not set otherwise: there is a worker for each core.

        Raises EngineUnavailable, also if it runs another model than was asked.
        """
        embedded = self.embedded.model_copy(update={"threads": self.threads})
        settings = Settings(engine=self.engine, ollama=self.ollama, embedded=embedded)  # type: ignore[arg-type]
        engine, _ = open_engine(self.engine, settings)
        if engine.model != self.model:
            engine.close()
            raise EngineUnavailable(
                f"this worker has the model {engine.model} and not {self.model}; "
                "run `digest model build` there, from the same weights"
            )
        return engine


class Worker:
    """Digests portion after portion with one engine."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._engine = ask.open()
        self._reader: tuple[str, Reader] | None = None

    def __call__(self, portion: Portion) -> int:
        """Write the file of a portion; the number of its rows. Raises EngineUnavailable."""
        if not self._reader or self._reader[0] != portion.file:
            self._reader = portion.file, opened(Path(portion.file))
        rows = read(portion, self._reader[1])
        found = self._digests(rows)
        records = [_record(portion, row, found.get(row.number), self._ask.fields) for row in rows]
        _write(Path(self._ask.out) / portion.name, records, self._ask.fields)
        return len(rows)

    def _digests(self, rows: Sequence[Row]) -> dict[int, Digest]:
        """By row number, of the rows that can be digested."""
        items = [
            Item(row.id, row.number, "story", row.title, row.text) for row in rows if not row.error
        ]
        lasting = _Lasting()
        found = {
            item.position: digest
            for item, digest in analyze(items, self._engine, self._ask.fields, cache=lasting)
        }
        for item in items:
            if item.position not in lasting.numbers:  # the engine died on the way
                raise EngineUnavailable(found[item.position].provenance.degraded)
        return found


class _Lasting:
    """Learns which digests are the last word: those that a cache is given to keep."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()

    def get(self, item: Item) -> Digest | None:  # noqa: ARG002 - nothing is kept
        """Nothing."""
        return None

    def put(self, item: Item, digest: Digest) -> None:  # noqa: ARG002
        """Note it."""
        self.numbers.add(item.position)


def _record(
    portion: Portion, row: Row, digest: Digest | None, fields: Sequence[str]
) -> dict[str, Any]:
    record = {"file": Path(portion.file).name, "row": row.number, "id": row.id, "error": row.error}
    if digest:
        provenance = asdict(digest.provenance)
        edits = provenance.pop("edits")
        provenance["dropped"] = [one["what"] for one in edits if one["kind"] in {"name", "theme"}]
        evidence = [asdict(one) for one in digest.evidence]
        provenance["evidence"] = json.dumps(evidence, ensure_ascii=False)
        return record | {name: getattr(digest.fields, name) for name in fields} | provenance
    return record


def _write(path: Path, records: Sequence[dict[str, Any]], fields: Sequence[str]) -> None:
    """Put a file there as a whole, and on the disk before it has its name."""
    import pyarrow

    parquet = imported()
    table = pyarrow.Table.from_pylist(records, schema=schema(fields))
    part = path.with_name(f"{HIDDEN}{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with part.open("wb") as file:
            parquet.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def schema(fields: Sequence[str]) -> Any:
    """The columns of the output, as pyarrow has it: where a row comes from, the asked fields, how
    they came to be. A row that was refused has an `error` and no fields.
    """
    import pyarrow

    kinds = {
        "string": pyarrow.string(),
        "integer": pyarrow.int64(),
        "array": pyarrow.list_(pyarrow.string()),
    }
    asked = json_schema(fields)["properties"]
    columns = {
        "file": "string", "row": "integer", "id": "string",
        **{name: asked[name]["type"] for name in asked},
        "engine": "string", "model": "string", "prompt_version": "string", "tokens_in": "integer",
        "tokens_out": "integer", "tokens_cut": "integer", "degraded": "string",
        "language": "string", "dropped": "array", "evidence": "string", "error": "string",
    }  # fmt: skip
    return pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])

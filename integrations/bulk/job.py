"""A job from its input to its last portion, and what the output says of itself."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from digest.engines import open_engine
from digest.engines.own_prompt import prompt_of
from digest.errors import ConfigError
from digest.schema import FIELDS, select
from digest.settings import Settings
from integrations.bulk import cluster
from integrations.bulk.portions import NAME, Portion, imported, inputs, portions
from integrations.bulk.work import HIDDEN, WorkOrder

SIZE = 256  # rows of a portion: what a kill can cost each worker
MANIFEST = "bulk.json"
_FORMAT = 1  # of the names and columns of the output

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Totals:
    """What the output holds, and what of it this run made."""

    rows: int
    portions: int
    made: int  # portions
    refused: int  # rows without a digest
    degraded: int  # rows whose digest is not the model's full answer
    engine: str
    model: str


def run(
    source: Path,
    out: Path,
    settings: Settings,
    fields: Sequence[str] = FIELDS,
    *,
    address: str = cluster.LOCAL,
    workers: int = 0,
    size: int = SIZE,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Totals:
    """Digest every row of `source`, a Parquet file, JSON lines or a folder of such, into Parquet
    files in `out`, which all workers must see under this path. What is there is not done again.

    Raises ConfigError if `out` holds another job or another process is at it, EngineUnavailable
    if the engine cannot run.
    """
    imported()
    source, out = source.resolve(), out.resolve()
    if out == source:
        raise ConfigError(f"{out} cannot be both input and output; name another folder")
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / f"{HIDDEN}lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(f"another process is at work on {out}; wait for its end") from None
    try:
        return _run(source, out, settings, fields, address, workers, size, progress)
    finally:
        lock.release()


def _run(
    source: Path,
    out: Path,
    settings: Settings,
    fields: Sequence[str],
    address: str,
    workers: int,
    size: int,
    progress: Progress,
) -> Totals:
    engine, _ = open_engine(settings.engine, settings)  # `auto` is decided once, for all workers
    engine.close()
    ask = WorkOrder(
        str(out), select(fields), engine.name, engine.model, settings.ollama, settings.embedded,
        settings.openai,
    )  # fmt: skip
    made_with = {
        "format": _FORMAT, "source": source.name, "engine": ask.engine, "model": ask.model,
        "prompt_version": prompt_of(engine), "fields": list(ask.fields), "size": size,
    }  # fmt: skip
    _same(out, made_with)
    planned: list[Portion] = []
    rows = 0
    for file in inputs(source):
        for portion in portions(file, size):
            planned.append(portion)
            rows += portion.rows
            progress("read", rows, None)
    names = {portion.name: portion.rows for portion in planned}
    _note(out, {"made_with": made_with, "complete": False, "portions": names})
    for torn in out.glob(f"{HIDDEN}*.parquet.*"):
        torn.unlink()
    missing = [portion for portion in planned if not (out / portion.name).exists()]
    done = rows - sum(portion.rows for portion in missing)
    if missing:
        progress("digest", done, rows)
        for count in cluster.work(missing, ask, address, workers):
            done += count
            progress("digest", done, rows)
    for path in out.glob("*.parquet"):
        if path.name not in names and NAME.fullmatch(path.name):
            path.unlink()  # of rows that the input no longer has
    totals = _counted(out, planned, ask, len(missing))
    _note(
        out,
        {"made_with": made_with, "complete": True, "portions": names, "totals": asdict(totals)},
    )
    return totals


def _same(out: Path, made_with: dict[str, Any]) -> None:
    """Raises ConfigError if `out` holds what was made otherwise."""
    try:
        before = json.loads((out / MANIFEST).read_text("utf-8"))["made_with"]
    except FileNotFoundError:
        if any(out.glob("*.parquet")):
            raise ConfigError(f"{out} holds files of another kind; name another folder") from None
        return
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{out / MANIFEST} is damaged; remove it and {out} with it") from error
    for key, value in made_with.items():
        if before.get(key) != value:
            raise ConfigError(
                f"{out} was begun with the {key} {before.get(key)}, not {value}; name another "
                "folder, or ask as before"
            )


def _note(out: Path, told: dict[str, Any]) -> None:
    part = out / f"{HIDDEN}{MANIFEST}"
    part.write_text(json.dumps(told, ensure_ascii=False, indent=1), "utf-8")
    part.replace(out / MANIFEST)


def _counted(out: Path, planned: Sequence[Portion], ask: WorkOrder, made: int) -> Totals:
    """Looks at every file once more. Raises ConfigError if one is not what it was to be."""
    parquet = imported()
    refused = degraded = 0
    for portion in planned:
        table = parquet.read_table(out / portion.name, columns=["error", "degraded"])
        if table.num_rows != portion.rows:
            raise ConfigError(f"{out / portion.name} is damaged; remove it and run again")
        refused += sum(map(bool, table["error"].to_pylist()))
        degraded += sum(map(bool, table["degraded"].to_pylist()))
    rows = sum(portion.rows for portion in planned)
    return Totals(rows, len(planned), made, refused, degraded, ask.engine, ask.model)

"""Rows a second of `digest bulk` with one and with two workers, on a Ray of its own.

    python benchmarks/bulk.py [--engine extractive] [--rows 8000] [--portion 200] [--workers 1 2]

The rows are those of benchmarks/prepare.py. Each worker has one thread. Measured is the time from
the first finished portion of each worker to the last portion of all, so that neither the start of
Ray (which is printed) nor the loading of the model counts. `plain` is the same with processes of
Python's own pool: what the machine gives. Run it on an otherwise idle machine with as many cores
as workers.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from prepare import rows

from digest.engines import open_engine
from digest.schema import FIELDS, select
from digest.settings import Settings
from integrations.bulk import cluster
from integrations.bulk.portions import Portion, portions
from integrations.bulk.work import Ask, Worker


def measure(
    source: Path, size: int, workers: int, engine: str, fields: str, plain: bool
) -> tuple[float, float]:
    """Rows a second, and seconds until every worker has finished a portion."""
    settings = Settings(engine=engine)
    opened, _ = open_engine(engine, settings)
    opened.close()
    with tempfile.TemporaryDirectory() as out:
        ask = Ask(
            out, select(fields), opened.name, opened.model, settings.ollama, settings.embedded
        )
        planned = list(portions(source, size))
        began = time.perf_counter()
        done = []
        for count in (
            pooled(planned, ask, workers) if plain else cluster.work(planned, ask, workers=workers)
        ):
            done.append((time.perf_counter(), count))
        assert len(list(Path(out).glob("*.parquet"))) == len(planned)
    start, end = done[workers - 1][0], done[-1][0]
    return sum(count for _, count in done[workers:]) / (end - start), start - began


def pooled(planned: Sequence[Portion], ask: Ask, workers: int) -> Iterator[int]:
    """What `cluster.work` does, without Ray."""
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin, initargs=(ask,)
    ) as pool:
        yield from (done.result() for done in as_completed(pool.submit(_one, p) for p in planned))


_workers: list[Worker] = []


def _begin(ask: Ask) -> None:
    _workers.append(Worker(ask))


def _one(portion: Portion) -> int:
    return _workers[0](portion)


def main() -> None:
    """Print a line for each number of workers, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine", choices=("extractive", "embedded"), default="extractive")
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--portion", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--fields", default=",".join(FIELDS))
    asked = parser.parse_args()
    speeds = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.jsonl"
        with source.open("w") as file:
            for row in rows(asked.rows):
                kept = {name: row[name] for name in ("id", "title", "text")}
                file.write(json.dumps(kept) + "\n")
        for workers in asked.workers:
            for plain in (True, False):
                speed, start = measure(
                    source, asked.portion, workers, asked.engine, asked.fields, plain
                )
                speeds.append(speed)
                print(
                    f"{asked.engine}, {asked.rows} rows, {workers} {'plain' if plain else 'Ray'} "
                    f"workers: {speed:.2f} rows/s (the first portions after {start:.1f} s)",
                    flush=True,
                )
    few, most = asked.workers[0], asked.workers[-1]
    for name, one in (("plain", speeds[::2]), ("Ray", speeds[1::2])):
        print(f"{most} {name} workers to {few}: {one[-1] / one[0]:.2f}")


if __name__ == "__main__":
    main()

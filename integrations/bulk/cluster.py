"""The workers: an actor pool of Ray Data, on a cluster or on this machine alone."""

import logging
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from digest.errors import ConfigError, EngineUnavailable
from digest.model.cpu import allowed_cores
from integrations.bulk.portions import Portion
from integrations.bulk.work import Worker, WorkOrder

LOCAL = "local"  # the address of a cluster of one's own, that ends with the job
_PATIENCE = 5.0  # seconds to find a cluster


class _Actor:
    """A worker as Ray Data calls it: a table of portions in, a table of numbers out."""

    def __init__(self, ask: WorkOrder) -> None:
        self._worker = Worker(ask)

    def __call__(self, batch: Any) -> dict[str, list[int]]:
        return {"rows": [self._worker(Portion(**record)) for record in batch.to_pylist()]}


def work(
    portions: Sequence[Portion], ask: WorkOrder, address: str = LOCAL, workers: int = 0
) -> Iterator[int]:
    """Digest portions by `workers` actors (0: one a core), each with `ask.threads`; yield the rows
    of each portion that is done.

    A worker that dies is replaced and its portion digested again. Raises EngineUnavailable if
    the engine cannot run, ConfigError if there is no Ray or no cluster at the address.
    """
    threads = ask.threads
    with _connected(address, workers * threads or allowed_cores()) as ray:
        size = workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)
        size = min(size, len(portions))
        described = ray.data.from_items(
            [asdict(portion) for portion in portions], override_num_blocks=len(portions)
        )
        done = described.map_batches(
            _Actor,
            fn_constructor_args=(ask,),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=size),
            num_cpus=threads,
        )
        try:
            for row in done.iter_rows():
                yield row["rows"]
        except ray.exceptions.RayError as error:
            raise EngineUnavailable(
                f"a worker failed ({_cause(error)}); what is done is kept: run the same command "
                "again"
            ) from error


@contextmanager
def _connected(address: str, cores: int) -> Iterator[Any]:
    # Nothing is reported to anybody, whatever Ray's own default is.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its errors are raised as well
    if address == LOCAL:  # what keeps Ray on the loopback address; an IP address given does not
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError(
            "bulk digesting needs Ray; install it with `pip install 'newsdigest[ray]'`"
        ) from error
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    with tempfile.TemporaryDirectory(prefix="digest-", ignore_cleanup_errors=True) as folder:
        if address == LOCAL:
            quiet |= {"num_cpus": cores, "include_dashboard": False, "_temp_dir": folder}
        else:
            _reach(address)
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"there is no Ray cluster at {address}: {error}") from error
        try:
            context = ray.data.DataContext.get_current()
            context.enable_progress_bars = False
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            yield ray
        finally:
            ray.shutdown()


def _reach(address: str) -> None:
    """Ray knocks for minutes where nobody is. Raises ConfigError."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:  # `auto`
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        raise ConfigError(f"there is no Ray cluster at {address}: {error}") from error


def _cause(error: BaseException) -> str:
    """The last line of the innermost reason."""
    while cause := getattr(error, "cause", None) or error.__cause__:
        error = cause
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__

"""`digest bulk` on a real local Ray, killed for real. `make ray` installs Ray and runs this."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed; `make ray` installs it for these tests")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS, SIZE = 3000, 25
RUN = "from cli.main import main; main()"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JSON lines: some equal, some without an id, every hundredth broken."""
    path = tmp_path_factory.mktemp("in") / "in.jsonl"
    told = [
        "no JSON" if number % 100 == 50 else json.dumps(
            {"title": f"Plant {number}", "text": f"Acme opened plant {number // 2} in Ghent. " * 9}
            | ({"id": f"r{number}"} if number % 3 else {})
        )
        for number in range(ROWS)
    ]  # fmt: skip
    path.write_text("\n".join(told) + "\n")
    return path


def _start(source: Path, out: Path, *more: str) -> "subprocess.Popen[str]":
    verb = ["bulk", str(source), str(out), "--engine", "extractive", "--portion", str(SIZE)]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *verb, *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _until(condition: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _parts(out: Path) -> list[Path]:
    return sorted(out.glob("*.parquet"))


def _below(pid: int) -> Iterator[tuple[int, str]]:
    """The processes under one, with their names."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
        names[int(folder.name)] = line.decode("utf-8", "replace").replace("\0", " ").strip()
    for one in parents:
        above = one
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and one != pid:
            yield one, names[one]


def _listening(pids: set[int]) -> set[str]:
    """The addresses that processes listen at, as the kernel writes them."""
    sockets = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in sockets:
                found.add(local.partition(":")[0])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes to kill under /proc")
def test_each_row_once_whatever_is_killed(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    # A worker dies: it is replaced, the job goes on.
    first = _start(source, out, "--workers", "2")
    _until(lambda: len(_parts(out)) >= 4 or first.poll() is not None)
    workers = [pid for pid, name in _below(first.pid) if name.startswith("ray::MapWorker")]
    assert workers, list(_below(first.pid))
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000"}
    heard = _listening({pid for pid, _ in _below(first.pid)})
    assert heard and heard <= loopback, heard
    os.kill(workers[0], signal.SIGKILL)
    at_first = len(_parts(out))
    _until(lambda: len(_parts(out)) >= at_first + 15 or first.poll() is not None)
    assert first.poll() is None, first.communicate()
    # Everything dies at once, as when the power goes.
    whole = [pid for pid, _ in _below(first.pid)]
    first.kill()
    for pid in whole:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    first.communicate()
    before = {path: path.stat().st_mtime_ns for path in _parts(out)}
    assert at_first + 15 <= len(before) < ROWS // SIZE, len(before)
    assert json.loads((out / "bulk.json").read_text())["complete"] is False

    # A kill in the middle of writing leaves a torn file under another name.
    (out / f".{_parts(out)[0].name}.0123abcd").write_bytes(b"PAR1")

    # The same command goes on; and once more, with nothing to do, starts no cluster.
    second = _start(source, out, "--workers", "2", "--json")
    told, errors = second.communicate(timeout=300)
    assert second.returncode == 0, errors
    totals = json.loads(told)
    assert totals["rows"] == ROWS and totals["portions"] == ROWS // SIZE
    assert totals["made"] == totals["portions"] - len(before)
    assert totals["refused"] == ROWS // 100 and totals["degraded"] == ROWS - ROWS // 100
    assert {path: path.stat().st_mtime_ns for path in before} == before, "done twice"
    rows = [row for path in _parts(out) for row in parquet.read_table(path).to_pylist()]
    assert [row["row"] for row in rows] == list(range(1, ROWS + 1))
    for row in rows:
        number = row["row"] - 1
        if number % 100 == 50:
            assert row["error"] == "the line is no JSON" and row["title"] is None
        else:
            assert row["title"] == f"Plant {number}" and row["error"] == ""
            assert row["id"] == f"r{number}" or not number % 3
    assert not list(out.glob(".*.parquet.*"))
    began = time.monotonic()
    third = _start(source, out, "--json")
    told, _ = third.communicate(timeout=60)
    assert json.loads(told) == totals | {"made": 0}
    assert time.monotonic() - began < 20

    # The input grows: what was there stays, but for the last portion.
    source.write_text(source.read_text() + '{"text": "Acme opened one more plant."}\n')
    fourth = _start(source, out, "--json", "--workers", "1")
    told, errors = fourth.communicate(timeout=300)
    assert json.loads(told)["made"] == 1 and json.loads(told)["rows"] == ROWS + 1, errors
    assert sum(parquet.read_metadata(path).num_rows for path in _parts(out)) == ROWS + 1


def test_no_cluster_at_the_address(source: Path, tmp_path: Path) -> None:
    job = _start(source, tmp_path / "out", "--ray", "127.0.0.1:9")
    _, errors = job.communicate(timeout=120)
    assert job.returncode == 2, errors
    assert "there is no Ray cluster at 127.0.0.1:9" in errors.splitlines()[-1]

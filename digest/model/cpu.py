"""How many cores this process may really use: `os.cpu_count` lies inside containers, and other
processes keep cores busy.
"""

import os
import time
from collections.abc import Iterator
from math import ceil
from pathlib import Path


def allowed_cores(root: Path = Path("/")) -> int:
    """Cores by the process's affinity and by the CPU quota of its control groups, at least 1."""
    try:
        present = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have neither
        return os.cpu_count() or 1
    return max(1, min([present, *map(ceil, _quotas(root))]))


_LOOK = 0.25  # seconds that the machine is watched: 25 ticks of its clock a core


def free_cores(root: Path = Path("/"), pause: float = _LOOK) -> int:
    """Of the allowed cores those that other processes leave alone now, at least 1.

    Threads of one model wait for each other at every layer: one that has to share its core slows
    down all of them. Where the system does not tell, all allowed cores count as free.
    """
    allowed = allowed_cores(root)
    if allowed == 1 or not (before := _ticks(root)):
        return allowed
    time.sleep(pause)
    busy, total = (b - a for a, b in zip(before, _ticks(root) or before, strict=True))
    if total <= 0:
        return allowed
    cores = os.cpu_count() or allowed
    return max(1, min(allowed, round(cores * (1 - busy / total))))


def _ticks(root: Path) -> tuple[int, int] | None:
    """Ticks that all cores were busy, and all ticks, since the start (Linux)."""
    head = _read(root / "proc/stat").partition("\n")[0].split()
    if len(head) < 6 or head[0] != "cpu":
        return None
    numbers = [int(one) for one in head[1:9]]
    return sum(numbers) - numbers[3] - numbers[4], sum(numbers)


def _quotas(root: Path) -> Iterator[float]:
    """CPU quotas in cores, of this process's group and all groups above it (cgroup v2 and v1)."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        mount = root / "sys/fs/cgroup"
        if controllers:
            if "cpu" not in controllers.split(","):
                continue
            mount /= "cpu"
        group = mount / path.lstrip("/")
        for folder in (group, *group.parents):
            if controllers:
                quota = _read(folder / "cpu.cfs_quota_us").strip()
                period = _read(folder / "cpu.cfs_period_us").strip()
            else:
                quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
            if quota.isdigit() and period.isdigit():  # "max" and -1 are no limit
                yield int(quota) / int(period)
            if folder == mount:
                break


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

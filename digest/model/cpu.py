"""How many cores this process may really use: `os.cpu_count` lies inside containers."""

import os
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

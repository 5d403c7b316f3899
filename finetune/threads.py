"""How many threads, and how they wait. To be called before torch is first imported."""

import os
import sys
from pathlib import Path

# libgomp threads spin while they wait; on busy or shared cores that burns several times the work.
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


def cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """CPU cores this process may use: the affinity mask, capped by the cgroup v2 or v1 quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _quota(cgroup)
    return max(1, min(allowed or 1, quota or allowed or 1))


def _quota(cgroup: Path) -> int | None:
    """Cores granted by the cgroup, rounded up; None if there is no limit."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not limit.isdigit() or int(period) <= 0:  # "max", or -1 in v1
        return None
    return -(-int(limit) // int(period))


def prepare(threads: int = 0) -> int:
    """Set the environment that the OpenMP runtime reads when torch loads; return the threads.

    `threads` 0 means all cores of the process. Settings the user made stay as they are.
    """
    count = threads or cores()
    if "torch" not in sys.modules:
        for name, value in _PASSIVE.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("OMP_NUM_THREADS", str(count))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    return count

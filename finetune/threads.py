"""How many threads, and how they wait. To be called before torch is first imported."""

import os
import sys

from digest.engines.cpu import allowed_cores

# libgomp's threads spin while they wait; on busy or shared cores that costs several times the
# work itself. The runtime reads this once, when torch loads it.
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


def prepare(threads: int = 0) -> int:
    """Set the environment of the OpenMP runtime; return the number of threads to use.

    0 means all cores that the process may use. What the user has set stays as it is.
    """
    count = threads or allowed_cores()
    if "torch" not in sys.modules:
        for name, value in _PASSIVE.items():
            os.environ.setdefault(name, value)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    return count

"""torch, ready to run: how many threads, and how they wait."""

import os
import sys
from importlib.util import find_spec

from digest.errors import ConfigError
from digest.model.cpu import allowed_cores

# libgomp's threads spin while they wait; on busy or shared cores that costs several times the
# work itself. The runtime reads this once, when torch loads it.
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


def prepare(threads: int = 0) -> int:
    """Load torch with threads that do not spin; return the number of threads it uses.

    0 means all cores that the process may use, shared with those that a launcher started beside
    it. What the user has set in the environment stays
    as it is. Raises ConfigError if torch is not installed.
    """
    if "torch" not in sys.modules:
        for name, value in _PASSIVE.items():
            os.environ.setdefault(name, value)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for package in ("torch", "transformers", "peft"):
        if find_spec(package) is None:
            raise ConfigError(
                f"fine-tuning needs {package}; install it with `pip install 'newsdigest[finetune]'`"
            )
    import torch

    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    count = threads or max(1, allowed_cores() // beside)
    torch.set_num_threads(count)
    return count

"""What trains: this machine with PEFT, a GPU with unsloth, or the service Tinker.

All take the same prepared rows, examples and loss mask (`finetune.data.encoding`), are examined
alike (`finetune.train.examine`), log the same lines and leave an adapter in
PEFT's format in OUT/adapter.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from digest.schema import Row
from finetune.config import Config
from finetune.data.encoding import Tokenizer


class Trainer(Protocol):
    """`finetune.train.train`, and what stands in for it."""

    def __call__(
        self,
        config: Config,
        base: Path,
        rows: tuple[Sequence[Row], Sequence[Row]],
        tokenizer: Tokenizer,
        *,
        resume: bool = False,
        stop: Callable[[], bool] = ...,
        on_progress: Callable[[int, int, dict[str, Any]], None] = ...,
    ) -> Path | None:
        """Train on `rows` = (training, validation); the adapter's folder, or None if stopped."""
        ...


def trainer(name: str) -> Trainer:
    """The function of a backend: `peft`, `unsloth` or `tinker`."""
    match name:
        case "unsloth":
            from finetune.backends.unsloth import train
        case "tinker":
            from finetune.backends.tinker import train
        case _:
            from finetune.train.loop import train
    return train

"""unsloth: its patched model, kernels and gradient checkpointing, under the loop of the others.

unsloth pins transformers below the version that the rest is tested with: it belongs into an
environment of its own. Its export to GGUF is not used: it installs system packages.
"""

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError
from digest.model.weights import cache
from digest.schema import Row
from finetune.config import Config
from finetune.data import encoding
from finetune.train import loop
from finetune.train.learner import Learner

if TYPE_CHECKING:
    import torch

IGNORED = -100  # a label that the loss leaves out


def train(
    config: Config,
    base: Path,
    rows: tuple[Sequence[Row], Sequence[Row]],
    tokenizer: encoding.Tokenizer,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_progress: loop.OnProgress = lambda _done, _total, _entry: None,
) -> Path | None:
    """`finetune.train.train` over unsloth's model. Raises ConfigError."""
    check(config)
    _load()
    return loop.train(
        config,
        base,
        rows,
        tokenizer,
        resume=resume,
        stop=stop,
        on_progress=on_progress,
        make=UnslothLearner,
    )


class UnslothLearner(Learner):
    """Model and adapter by unsloth; masters, optimiser and checkpoints as ever."""

    def _adapted(self, base: Path) -> Any:
        self._fast = _load()
        loaded, _ = self._fast.from_pretrained(**model_arguments(self.config, base))
        adapted = self._fast.get_peft_model(loaded, **adapter_arguments(self.config))
        # It may have put a pattern there, which other readers of adapters do not know.
        adapted.peft_config["default"].target_modules = set(self.config.lora.targets)
        return adapted

    def _sum(self, micro: Sequence[encoding.Example]) -> "torch.Tensor":
        """Summed cross entropy of the answer tokens, by unsloth's own loss over labels."""
        import torch

        ids, mask, labels = (tensor.to(self.device) for tensor in labelled(micro, self.pad))
        low = self.device.type == "cuda" and self.config.train.dtype == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
            mean = self.peft(input_ids=ids, attention_mask=mask, labels=labels).loss
        total: torch.Tensor = mean * (labels[:, 1:] != IGNORED).sum()
        return total

    def answer(self, examples: Sequence[encoding.Example]) -> list[tuple[int, ...]]:
        """As ever, in unsloth's mode for it."""
        self._fast.for_inference(self.peft)
        try:
            return super().answer(examples)
        finally:
            self._fast.for_training(self.peft)


def model_arguments(config: Config, base: Path) -> dict[str, Any]:
    """Arguments of `FastLanguageModel.from_pretrained`."""
    import torch

    longest = max(cap.tokens for cap in config.data.caps)
    return {
        "model_name": str(base),
        # A text at its cap, with its heading, the system message and the answer.
        "max_seq_length": max(2 * longest, longest + 2048),
        "dtype": getattr(torch, config.train.dtype),
        "load_in_4bit": config.train.load_in_4bit,
        "use_gradient_checkpointing": "unsloth",
        "random_state": config.train.seed,
        "max_lora_rank": config.lora.rank,
    }


def adapter_arguments(config: Config) -> dict[str, Any]:
    """Arguments of `FastLanguageModel.get_peft_model`."""
    return {
        "r": config.lora.rank,
        "target_modules": list(config.lora.targets),
        "lora_alpha": config.lora.alpha,
        "lora_dropout": config.lora.dropout,
        "bias": "none",
        "use_gradient_checkpointing": "unsloth",
        "random_state": config.train.seed,
        "use_rslora": config.lora.rslora,
    }


def labelled(micro: Sequence[encoding.Example], pad: int) -> tuple["torch.Tensor", ...]:
    """Ids, mask and labels [batch, width] of a micro-batch, padded on the right; the labels of
    prompt and padding are IGNORED.
    """
    import torch

    shape = (len(micro), max(map(len, micro)))
    ids = torch.full(shape, pad)
    mask = torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, IGNORED)
    for row, example in enumerate(micro):
        end = len(example)
        ids[row, :end] = torch.tensor([*example.prompt, *example.answer])
        mask[row, :end] = 1
        labels[row, len(example.prompt) : end] = torch.tensor(example.answer)
    return ids, mask, labels


def check(config: Config) -> None:
    """Refuse what is not handed on to unsloth. Raises ConfigError."""
    for given, key in (
        (config.train.packed, "train.packed"),
        (config.lora.embeddings, "lora.embeddings"),
    ):
        if given:
            raise ConfigError(
                f"the backend unsloth does not take {key}; leave it out, or set train.backend=peft"
            )


def _load() -> Any:
    """FastLanguageModel of unsloth, which wants to be imported before transformers and peft."""
    if find_spec("unsloth") is None:
        raise ConfigError(
            "the backend unsloth is not installed; in an environment of its own, "
            "`pip install 'newsdigest[unsloth]'`"
        )
    # It counts its users over the network, and leaves compiled code where it is started.
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(cache() / "unsloth"))
    from unsloth import FastLanguageModel  # type: ignore[import-not-found]

    return FastLanguageModel

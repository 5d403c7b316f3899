"""Model, adapter and optimiser.

The base is held in bfloat16 (or float32), the adapter in the same with float32 master weights in
the optimiser. Logits are computed at answer positions only.
"""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from digest.errors import ConfigError
from finetune.config import Config
from finetune.data import encoding
from finetune.export.adapters import WEIGHTS, WHOLE, Adapter, read_gguf
from finetune.tasks import base as tasks
from finetune.train import distributed

if TYPE_CHECKING:
    import torch


class Trainable(Protocol):
    """What the training loop asks of a model, wherever it is trained."""

    def step(
        self, micros: Sequence[Sequence[encoding.Example]], lr: float
    ) -> tuple[float, float | None, int]:
        """One optimiser step; returns mean loss of the answer tokens, gradient norm (None where
        it is not known), tokens.
        """
        ...

    def loss(self, examples: Sequence[encoding.Example]) -> float:
        """Mean loss of the answer tokens, without learning."""
        ...

    def answer(self, examples: Sequence[encoding.Example]) -> list[tuple[int, ...]]:
        """What the model answers to the prompts, greedily, up to its stop token."""
        ...

    def save(self, folder: Path, state: dict[str, Any]) -> None:
        """Write a checkpoint: the adapter in PEFT's format, and what `restore` needs."""
        ...

    def restore(self, folder: Path) -> dict[str, Any]:
        """Load a checkpoint; return the `state` it was saved with."""
        ...

    def close(self) -> None:
        """Let go of what is held elsewhere."""
        ...


class Learner:
    """Model, adapter and optimiser."""

    def __init__(self, config: Config, base: Path) -> None:
        import torch

        from finetune.train.base import pad_id

        self.config = config
        self.pad = pad_id(base)
        self.world = distributed.world()
        self.device = torch.device(self.world.device)
        self.peft: Any = self._adapted(base)
        # A name that means something on other machines too.
        self.peft.peft_config["default"].base_model_name_or_path = base.name
        self.peft.train()
        self.inner: Any = self.peft.get_base_model()
        named = [(n, p) for n, p in self.peft.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.shadows = [p for _, p in named]
        self.masters = [p.detach().float().clone().requires_grad_() for p in self.shadows]
        # What a group's rate is to the run's; embeddings bear less of it than an adapter.
        slow = (config.train.embedding_lr or config.train.lr / 10) / config.train.lr
        matrices: list[torch.Tensor] = []
        tables: list[torch.Tensor] = []
        for name, master in zip(self.names, self.masters, strict=True):
            (tables if _WHOLE in name else matrices).append(master)
        groups = [{"params": matrices, "share": 1.0}, {"params": tables, "share": slow}]
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=config.train.lr,
            weight_decay=config.train.weight_decay,
        )
        if config.init:
            self._start_from(Path(config.init).expanduser(), base)

    def _adapted(self, base: Path) -> Any:
        """The base with a new adapter on it, on its device."""
        from peft import LoraConfig, get_peft_model

        from finetune.train.base import model, quietly, settings

        config = self.config
        tied = bool(settings(base).get("tie_word_embeddings"))
        whole = ("embed_tokens",) if tied else ("embed_tokens", "lm_head")
        lora = LoraConfig(
            r=config.lora.rank,
            lora_alpha=config.lora.alpha,  # type: ignore[arg-type]
            lora_dropout=config.lora.dropout,
            target_modules=list(config.lora.targets),
            use_rslora=config.lora.rslora,
            # One matrix where the base ties both: it stays one.
            modules_to_save=list(whole) if config.lora.embeddings else None,
            ensure_weight_tying=tied and config.lora.embeddings,
            task_type="CAUSAL_LM",
        )
        with quietly():
            loaded = model(base, config.train.dtype, load_in_4bit=config.train.load_in_4bit)
            adapted = get_peft_model(loaded, lora, autocast_adapter_dtype=False)
        # Quantised weights are on their device already.
        return adapted if config.train.load_in_4bit else adapted.to(self.device)

    def step(
        self, micros: Sequence[Sequence[encoding.Example]], lr: float
    ) -> tuple[float, float, int]:
        """One optimiser step; returns mean loss of the answer tokens, gradient norm, tokens."""
        import torch

        answers = sum(len(e.answer) for micro in micros for e in micro)
        for master in self.masters:
            master.grad = torch.zeros_like(master)
        total = 0.0
        with self.world.dice():
            for micro in self.world.share(micros, self.config.train.micro_tokens):
                loss = self._sum(micro) / answers
                torch.autograd.backward(loss)
                total += loss.item()
                for master, shadow in zip(self.masters, self.shadows, strict=True):
                    if shadow.grad is not None and master.grad is not None:
                        master.grad += shadow.grad
                        shadow.grad = None
        total = self.world.sum([m.grad for m in self.masters if m.grad is not None], total)
        clip = self.config.train.clip or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.masters, clip))
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["share"]
        self.optimizer.step()
        self._publish()
        return total, norm, sum(len(e) for micro in micros for e in micro)

    def loss(self, examples: Sequence[encoding.Example]) -> float:
        """Mean loss of the answer tokens, without learning."""
        import torch

        self.peft.eval()
        with torch.no_grad():
            micros = encoding.bucketed(examples, self.config.train.micro_tokens)
            total = sum(float(self._sum(micro)) for micro in micros)
        self.peft.train()
        return total / sum(len(e.answer) for e in examples)

    def _sum(self, micro: Sequence[encoding.Example]) -> "torch.Tensor":
        """Summed cross entropy of the answer tokens of one micro-batch."""
        import torch

        put = packed(micro) if self.config.train.packed else collate(micro, self.pad)
        ids, placed, rows, columns, targets = (tensor.to(self.device) for tensor in put)
        # Positions that begin anew tell transformers where attention must not look back.
        where = {"position_ids": placed} if self.config.train.packed else {
            "attention_mask": None if bool(placed.all()) else placed
        }  # fmt: skip
        hidden = self.inner.model(input_ids=ids, use_cache=False, **where).last_hidden_state
        logits = self.inner.lm_head(hidden[rows, columns])
        return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")

    def _publish(self) -> None:
        """Copy the masters into the model."""
        import torch

        with torch.no_grad():
            for master, shadow in zip(self.masters, self.shadows, strict=True):
                shadow.copy_(master)

    def answer(self, examples: Sequence[encoding.Example]) -> list[tuple[int, ...]]:
        """What the model answers to the prompts, greedily and without a grammar, up to its stop
        token or a quarter more tokens than the longest expected answer has.
        """
        import torch

        width = max(len(e.prompt) for e in examples)
        ids = torch.full((len(examples), width), self.pad)
        mask = torch.zeros_like(ids)
        for row, example in enumerate(examples):  # on the left: what is written joins the prompt
            ids[row, width - len(example.prompt) :] = torch.tensor(example.prompt)
            mask[row, width - len(example.prompt) :] = 1
        stop = examples[0].answer[-1]
        self.peft.eval()
        with torch.inference_mode():
            model: Any = self.peft  # its `generate` is not typed
            written = model.generate(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device),
                do_sample=False, eos_token_id=stop,
                pad_token_id=stop, max_new_tokens=5 * max(len(e.answer) for e in examples) // 4,
            )  # fmt: skip
        self.peft.train()
        found = []
        for line in written[:, width:].tolist():
            end = line.index(stop) + 1 if stop in line else len(line)
            found.append(tuple(line[:end]))
        return found

    def save(self, folder: Path, state: dict[str, Any]) -> None:
        """Write a checkpoint: the adapter, `state`, and all that the next step depends on."""
        import torch

        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        self.export(part)
        own = {
            "masters": [m.detach() for m in self.masters],
            "optimizer": self.optimizer.state_dict(),
            "rng": torch.get_rng_state(),
        }
        torch.save(state | own, part / "state.pt")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)

    def restore(self, folder: Path) -> dict[str, Any]:
        """Load a checkpoint; return the `state` it was saved with."""
        import torch

        saved: dict[str, Any] = torch.load(folder / "state.pt", weights_only=True)
        self._load(saved.pop("masters"))
        self.optimizer.load_state_dict(saved.pop("optimizer"))
        torch.set_rng_state(saved.pop("rng"))
        return saved

    def _load(self, tensors: "Sequence[torch.Tensor]") -> None:
        import torch

        with torch.no_grad():
            for master, tensor in zip(self.masters, tensors, strict=True):
                master.copy_(tensor)
        self._publish()

    def _start_from(self, folder: Path, base: Path) -> None:
        """Take over the weights of an adapter of the same shape, PEFT's folder or GGUF.

        Raises ConfigError.
        """
        import torch

        from finetune.train.base import settings

        gguf = folder.suffix == ".gguf"
        adapter = read_gguf(folder, settings(base)) if gguf else Adapter.load(folder)
        named = dict(zip(map(_saved_name, self.names), self.masters, strict=True))
        mine = {name: tuple(master.shape) for name, master in named.items()}
        theirs = {
            name: tensor.shape
            for name, tensor in adapter.tensors.items()
            if name in mine or name not in WHOLE  # a tied head is saved twice
        }
        alpha = adapter.config["lora_alpha"]
        if mine != theirs or alpha != self.config.lora.alpha:
            given = f"rank {adapter.config['r']}, alpha {alpha:g}"
            parts = ", ".join(sorted(adapter.config["target_modules"]))
            raise ConfigError(
                f"the adapter in {folder} does not fit this base and `lora`; set lora.rank, "
                f"lora.alpha and lora.targets to its own ({given}, {parts})"
            )
        self._load([torch.from_numpy(adapter.tensors[name]) for name in named])

    def close(self) -> None:
        """Nothing is held elsewhere."""

    def export(self, folder: Path) -> Path:
        """Write the adapter in PEFT's format, from the float32 masters."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            _saved_name(name): master.detach().contiguous()
            for name, master in zip(self.names, self.masters, strict=True)
        }
        table, head = WHOLE
        if table in tensors and head not in tensors:  # one matrix under both names: PEFT asks so
            tensors[head] = tensors[table].clone()
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        self.peft.peft_config["default"].save_pretrained(str(folder))
        tasks.save(folder, tasks.settings(self.config))
        return folder


_WHOLE = ".modules_to_save.default."  # in PEFT's names of what is trained whole


def _saved_name(name: str) -> str:
    """PEFT leaves the adapter's name out of its files."""
    return name.replace(_WHOLE, ".").replace(".default.", ".")


def packed(micro: Sequence[encoding.Example]) -> tuple["torch.Tensor", ...]:
    """As `collate`, but all examples in one row, without padding: ids and positions [1, tokens],
    which begin anew with each example.
    """
    import torch

    ids: list[int] = []
    positions: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    for example in micro:
        first = len(ids) + len(example.prompt) - 1
        columns += range(first, first + len(example.answer))
        targets += example.answer
        positions += range(len(example))
        ids += example.prompt + example.answer
    rows = torch.zeros(len(targets), dtype=torch.long)
    found = (torch.tensor([ids]), torch.tensor([positions]))
    return *found, rows, torch.tensor(columns), torch.tensor(targets)


def collate(micro: Sequence[encoding.Example], pad: int) -> tuple["torch.Tensor", ...]:
    """Ids and mask [batch, width]; rows, columns and targets [answer tokens]: the hidden state at
    (row, column) predicts the target.
    """
    import torch

    width = max(map(len, micro))
    ids = torch.full((len(micro), width), pad)
    mask = torch.zeros((len(micro), width), dtype=torch.long)
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    for row, example in enumerate(micro):
        ids[row, : len(example)] = torch.tensor(example.prompt + example.answer)
        mask[row, : len(example)] = 1
        first = len(example.prompt) - 1
        rows += [row] * len(example.answer)
        columns += range(first, first + len(example.answer))
        targets += example.answer
    return ids, mask, torch.tensor(rows), torch.tensor(columns), torch.tensor(targets)

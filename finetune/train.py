"""The training loop: LoRA on a frozen base, loss on the answers only.

The base is held in bfloat16, the adapter in bfloat16 with float32 master weights in the
optimiser. Logits are computed at answer positions only. A run is a pure function of its
configuration, the rows and the number of steps done: a checkpoint is masters, optimiser, RNG
and step, and a resumed run continues the same curve.
"""

import json
import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError
from digest.schema import Row
from finetune import data
from finetune.config import Config, Train
from finetune.threads import prepare

if TYPE_CHECKING:
    import torch

Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """All optimiser steps of a run, known before it starts."""

    steps: list[list[list[data.Example]]]

    @classmethod
    def make(cls, rows: Sequence[Row], config: Config, tokenizer: data.Tokenizer) -> "Plan":
        """Draw the epochs; a fractional last epoch is cut by steps."""
        steps: list[list[list[data.Example]]] = []
        for number in range(math.ceil(config.train.epochs)):
            seed = config.train.seed + number
            examples = data.epoch(rows, config.data, tokenizer, seed)
            drawn = list(data.steps(examples, config.train.batch, config.train.micro_tokens))
            share = min(1.0, config.train.epochs - number)
            steps += drawn[: max(1, round(share * len(drawn)))]
        return cls(steps)

    def tokens(self) -> int:
        """Tokens that go through the model, without padding."""
        return sum(len(e) for step in self.steps for micro in step for e in micro)


def rate(step: int, total: int, how: Train) -> float:
    """Factor on the learning rate at `step` (from 0) of `total`."""
    warm = max(1, round(how.warmup * total))
    if step < warm:
        return (step + 1) / warm
    if how.schedule == "wsd":
        fall = max(1, round(how.decay * total))
        return min(1.0, (total - step) / fall)
    along = (step - warm) / max(1, total - warm)
    return 1 - along if how.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * along))


def train(
    config: Config,
    base: Path,
    rows: tuple[Sequence[Row], Sequence[Row]],
    tokenizer: data.Tokenizer,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[str], None] = lambda _: None,
) -> Path | None:
    """Train on `rows` = (training, validation); return the folder of the final adapter.

    Writes `out/log.jsonl`, `out/checkpoints/step-N/` and `out/adapter/`. `stop` is asked after
    each step: if it says so, the run ends with a checkpoint and None is returned.
    """
    threads = prepare(config.train.threads)
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(config.train.seed)
    random.seed(config.train.seed)
    out, how = config.out, config.train
    plan = Plan.make(rows[0], config, tokenizer)
    held = data.validation(rows[1], config.data, tokenizer)[: how.validate_rows]
    learner = Learner(config, base)
    start, spent = 0, 0.0
    if resume:
        start, spent = learner.restore(latest(out))
    elif (out / "log.jsonl").exists():
        raise ConfigError(f"{out} holds a run already; add --resume or choose another `out`")
    out.mkdir(parents=True, exist_ok=True)
    total = len(plan.steps)
    began = saved = time.monotonic()
    with ExitStack() as stack:
        log = _log(stack, out / "log.jsonl", start)
        (out / "config.json").write_text(config.model_dump_json(indent=1), "utf-8")
        facts = {"from": start, "steps": total, "tokens": plan.tokens(), "threads": threads}
        log({"event": "resume" if resume else "start", **facts})
        for step in range(start, total):
            tick = time.monotonic()
            factor = rate(step, total, how)
            loss, norm, tokens = learner.step(plan.steps[step], how.lr * factor)
            now = time.monotonic()
            entry = {
                "step": step + 1, "loss": loss, "lr": how.lr * factor, "norm": norm,
                "tokens": tokens, "tokens_s": tokens / (now - tick),
                "elapsed": spent + now - began,
            }  # fmt: skip
            last = step + 1 == total
            if held and (last or (step + 1) % how.validate_every == 0):
                entry["validation"] = learner.loss(held)
            log(entry)
            progress(_line(entry, total))
            stopping = not last and stop()
            if last or stopping or now - saved >= 60 * how.checkpoint_minutes:
                learner.save(out, step + 1, spent + time.monotonic() - began)
                saved = time.monotonic()
            if stopping:
                return None
    return learner.export(out / "adapter")


def _line(entry: dict[str, Any], total: int) -> str:
    done = entry["step"] / total
    left = entry["elapsed"] * (1 - done) / done
    held = f"  validation {entry['validation']:.3f}" if "validation" in entry else ""
    return (
        f"{entry['step']}/{total}  loss {entry['loss']:.3f}{held}  lr {entry['lr']:.1e}  "
        f"{entry['tokens_s']:.0f} tok/s  {left / 60:.0f} min left"
    )


def _log(stack: ExitStack, path: Path, start: int) -> Log:
    """Append JSON lines; on resume, lines after the checkpoint are dropped first."""
    kept = []
    if start and path.exists():
        lines = path.read_text("utf-8").splitlines()
        kept = [line for line in lines if json.loads(line).get("step", 0) <= start]
    path.write_text("".join(f"{line}\n" for line in kept), "utf-8")
    file = stack.enter_context(path.open("a", encoding="utf-8", buffering=1))
    return lambda entry: print(json.dumps(entry), file=file)


class Learner:
    """Model, adapter and optimiser."""

    def __init__(self, config: Config, base: Path) -> None:
        import torch
        from peft import LoraConfig, get_peft_model

        from finetune.base import model, pad_id, quietly

        self.config = config
        self.pad = pad_id(base)
        lora = LoraConfig(
            r=config.lora.rank,
            lora_alpha=config.lora.alpha,  # type: ignore[arg-type]
            lora_dropout=config.lora.dropout,
            target_modules=list(config.lora.targets),
            task_type="CAUSAL_LM",
        )
        with quietly():
            loaded = model(base, config.train.dtype)
            self.peft = get_peft_model(loaded, lora, autocast_adapter_dtype=False)
        # A name that means something on other machines too.
        self.peft.peft_config["default"].base_model_name_or_path = base.name
        self.peft.train()
        self.inner: Any = self.peft.get_base_model()
        named = [(n, p) for n, p in self.peft.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.shadows = [p for _, p in named]
        self.masters = [p.detach().float().clone().requires_grad_() for p in self.shadows]
        self.optimizer = torch.optim.AdamW(
            self.masters, lr=config.train.lr, weight_decay=config.train.weight_decay
        )

    def step(self, micros: Sequence[Sequence[data.Example]], lr: float) -> tuple[float, float, int]:
        """One optimiser step; returns mean loss of the answer tokens, gradient norm, tokens."""
        import torch

        answers = sum(len(e.answer) for micro in micros for e in micro)
        for master in self.masters:
            master.grad = torch.zeros_like(master)
        total = 0.0
        for micro in micros:
            loss = self._sum(micro) / answers
            torch.autograd.backward(loss)
            total += loss.item()
            for master, shadow in zip(self.masters, self.shadows, strict=True):
                if shadow.grad is not None and master.grad is not None:
                    master.grad += shadow.grad
                    shadow.grad = None
        clip = self.config.train.clip or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.masters, clip))
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self._publish()
        return total, norm, sum(len(e) for micro in micros for e in micro)

    def loss(self, examples: Sequence[data.Example]) -> float:
        """Mean loss of the answer tokens, without learning."""
        import torch

        self.peft.eval()
        with torch.no_grad():
            micros = _micros(examples, self.config.train)
            total = sum(float(self._sum(micro)) for micro in micros)
        self.peft.train()
        return total / sum(len(e.answer) for e in examples)

    def _sum(self, micro: Sequence[data.Example]) -> "torch.Tensor":
        """Summed cross entropy of the answer tokens of one micro-batch."""
        import torch

        ids, mask, rows, columns, targets = collate(micro, self.pad)
        padded = not bool(mask.all())
        hidden = self.inner.model(
            input_ids=ids, attention_mask=mask if padded else None, use_cache=False
        ).last_hidden_state
        logits = self.inner.lm_head(hidden[rows, columns])
        return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")

    def _publish(self) -> None:
        """Copy the masters into the model."""
        import torch

        with torch.no_grad():
            for master, shadow in zip(self.masters, self.shadows, strict=True):
                shadow.copy_(master)

    def save(self, out: Path, step: int, elapsed: float) -> None:
        """Write a checkpoint; the oldest beyond `keep` are removed."""
        import torch

        folder = out / "checkpoints" / f"step-{step:06d}"
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        self.export(part)
        state = {
            "step": step,
            "elapsed": elapsed,
            "masters": [m.detach() for m in self.masters],
            "optimizer": self.optimizer.state_dict(),
            "rng": torch.get_rng_state(),
        }
        torch.save(state, part / "state.pt")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
        for old in sorted(folder.parent.glob("step-*[0-9]"))[: -self.config.train.keep]:
            shutil.rmtree(old)

    def restore(self, folder: Path) -> tuple[int, float]:
        """Load a checkpoint; return its step and the seconds spent until then."""
        import torch

        state = torch.load(folder / "state.pt", weights_only=True)
        with torch.no_grad():
            for master, saved in zip(self.masters, state["masters"], strict=True):
                master.copy_(saved)
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        self._publish()
        return int(state["step"]), float(state["elapsed"])

    def export(self, folder: Path) -> Path:
        """Write the adapter in PEFT's format, from the float32 masters."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            name.replace(".default.", "."): master.detach().contiguous()
            for name, master in zip(self.names, self.masters, strict=True)
        }
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        self.peft.peft_config["default"].save_pretrained(str(folder))
        return folder


def _micros(examples: Sequence[data.Example], how: Train) -> Iterator[Sequence[data.Example]]:
    for step in data.steps(examples, len(examples), how.micro_tokens):
        yield from step


def collate(micro: Sequence[data.Example], pad: int) -> tuple["torch.Tensor", ...]:
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


def latest(out: Path) -> Path:
    """The newest checkpoint of a run. Raises ConfigError if there is none."""
    folders = sorted((out / "checkpoints").glob("step-*[0-9]"))
    if not folders:
        raise ConfigError(f"no checkpoint under {out}; start the run without --resume")
    return folders[-1]

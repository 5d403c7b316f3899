"""The training loop: LoRA on a frozen base, loss on the answers only.

A run is a pure function of its configuration, the rows and the number of steps done: a
checkpoint is masters, optimiser, RNG, step and the best examination so far, and a resumed run
continues the same curve.
"""

import json
import math
import random
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, overload

from digest.errors import ConfigError
from digest.schema import Row
from finetune.config import Config, Train
from finetune.data import encoding
from finetune.export.adapters import CONFIG, WEIGHTS
from finetune.tasks import registry
from finetune.tasks.base import Examples, Trainable
from finetune.train import distributed
from finetune.train.examine import Best
from finetune.train.learner import Learner
from finetune.train.threads import prepare

Log = Callable[[dict[str, Any]], None]
OnProgress = Callable[[int, int, dict[str, Any]], None]


class Plan(Sequence[list[list[encoding.Example]]]):
    """All optimiser steps of a run: their number is known before it starts, their examples are
    made when a step is taken. A step is a list of micro-batches.
    """

    def __init__(self, rows: Sequence[Row], config: Config, tokenizer: encoding.Tokenizer) -> None:
        how = config.train
        self._batch, self._micro_tokens = how.batch, how.micro_tokens
        task = registry.open_task(config)
        self._places: list[tuple[Examples, int]] = []  # epoch and first example of each step
        self.tokens = 0  # that go through the model, without padding
        for number in range(math.ceil(how.epochs)):
            epoch = task.epoch(rows, tokenizer, how.seed + number)
            starts = range(0, len(epoch), how.batch)
            share = min(1.0, how.epochs - number)  # a fractional last epoch is cut by steps
            taken = starts[: max(1, round(share * len(starts)))]
            self._places += [(epoch, start) for start in taken]
            self.tokens += round(epoch.tokens * len(taken) / max(1, len(starts)))

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> list[list[encoding.Example]]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[list[encoding.Example]]]: ...
    def __getitem__(
        self, index: int | slice
    ) -> list[list[encoding.Example]] | list[list[list[encoding.Example]]]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        epoch, start = self._places[index]
        return encoding.bucketed(epoch[start : start + self._batch], self._micro_tokens)


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
    tokenizer: encoding.Tokenizer,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_progress: OnProgress = lambda _done, _total, _entry: None,
    make: Callable[[Config, Path], Trainable] = Learner,
) -> Path | None:
    """Train on `rows` = (training, validation); return the folder of the adapter: the best
    examined one, or the last where nothing is examined.

    Writes `out/log.jsonl`, `out/checkpoints/step-N/` and `out/adapter/`. After each step
    `on_progress` gets the steps done, their total and what was logged, and `stop` is asked: if it
    says so, the run ends with a checkpoint and None is returned. `make` is what trains: this
    process, or what a backend puts in its place (finetune.backends). Of several processes
    (`distributed`) the first one writes, and is the one that `on_progress` hears of. Raises
    ConfigError.
    """
    threads = prepare(config.train.threads)
    import torch

    world = distributed.world()
    torch.manual_seed(config.train.seed)
    random.seed(config.train.seed)
    out, how = config.out, config.train
    if not rows[0]:
        raise ConfigError(f"{config.data.rows} leaves no row to train on; see `finetune check`")
    if not resume and (out / "log.jsonl").exists():
        raise ConfigError(f"{out} holds a run already; add --resume or choose another `out`")
    checkpoint = latest(out) if resume else None
    plan = Plan(rows[0], config, tokenizer)
    watch = _Watch(rows[1], config, tokenizer)
    with ExitStack() as stack:
        learner = make(config, base)
        stack.callback(learner.close)
        state = _restore(learner, config, checkpoint)
        start, spent = int(state.get("step", 0)), float(state.get("elapsed", 0.0))
        best = Best(**state.get("best", {}))
        step, total = start, len(plan)
        world.wait()  # all have seen what is there before anything is written
        began = saved = time.monotonic()
        log = _begin(stack, config, start) if world.leads else lambda _entry: None
        facts = {"from": start, "steps": total, "tokens": plan.tokens, "threads": threads}
        log({"event": "resume" if resume else "start", **facts})
        for step in range(start + 1, total + 1):
            tick = time.monotonic()
            lr = how.lr * rate(step - 1, total, how)
            loss, norm, tokens = learner.step(plan[step - 1], lr)
            now = time.monotonic()
            entry = {
                "step": step, "loss": loss, "lr": lr, "norm": norm, "tokens": tokens,
                "tokens_s": tokens / (now - tick), "elapsed": spent + now - began,
                **world.broadcast(partial(watch, learner, step, step == total)),
            }  # fmt: skip
            improved = "exam" in entry and best.record(step, entry["exam"]["score"])
            last = step == total or 0 < how.patience <= best.waited
            log(entry)
            if world.leads:
                on_progress(step, total, entry)
            stopping = not last and world.any(stop())
            due = time.monotonic() - saved >= 60 * how.checkpoint_minutes
            if world.leads and (last or stopping or improved or due):
                elapsed = spent + time.monotonic() - began
                state = {"step": step, "elapsed": elapsed, "best": asdict(best)}
                _save(learner, config, state)
                _forget(out, how.keep, best.step)
                saved = time.monotonic()
            if stopping:
                return None
            if last:
                break
        if 0 < how.patience <= best.waited:
            log({"event": "no better examination", "since": best.step, "waited": best.waited})
    return world.broadcast(partial(_finish, config, best.step or total))


class _Watch:
    """Looks at a model that is being trained: the loss of rows it does not learn, and now and
    then what it answers to them.
    """

    def __init__(self, rows: Sequence[Row], config: Config, tokenizer: encoding.Tokenizer) -> None:
        self._how, self._tokenizer = config.train, tokenizer
        self._rows = rows[: self._how.examine_rows]
        self._task = registry.open_task(config)
        self._held = self._task.fixed(rows[: self._how.validate_rows], tokenizer)

    def __call__(self, learner: Trainable, step: int, last: bool) -> dict[str, Any]:
        """What there is to log after this step."""
        number, between = divmod(step, self._how.validate_every)
        if not self._held or (between and not last):
            return {}
        seen: dict[str, Any] = {"validation": learner.loss(self._held)}
        if self._how.examine_every and (last or number % self._how.examine_every == 0):
            seen["exam"] = self._task.examine(learner, self._rows, self._tokenizer)
        return seen


def _save(learner: Trainable, config: Config, state: dict[str, Any]) -> None:
    """Write the checkpoint of a step, and beside its weights what they were taught."""
    folder = _checkpoint(config.out, state["step"])
    learner.save(folder, state)
    registry.write(folder, registry.settings(config))


def _restore(learner: Trainable, config: Config, folder: Path | None) -> dict[str, Any]:
    """Load a checkpoint; return its `state`, {} where there is none."""
    if folder is None:
        return {}
    if distributed.world().leads:  # a kill may have come between the two writes of `_save`
        registry.write(folder, registry.settings(config))
    return learner.restore(folder)


def _finish(config: Config, step: int) -> Path:
    """Make `out/adapter` of a checkpoint."""
    target = config.out / "adapter"
    target.mkdir(exist_ok=True)
    for name in (WEIGHTS, CONFIG):
        shutil.copyfile(_checkpoint(config.out, step) / name, target / name)
    registry.write(target, registry.settings(config))
    return target


def _checkpoint(out: Path, step: int) -> Path:
    return out / "checkpoints" / f"step-{step:06d}"


def _forget(out: Path, keep: int, best: int) -> None:
    """Remove the oldest checkpoints, but never the best."""
    folders = sorted((out / "checkpoints").glob("step-*[0-9]"))
    for old in folders[:-keep]:
        if old != _checkpoint(out, best):
            shutil.rmtree(old)


def note(entry: dict[str, Any]) -> str:
    """What was logged of a step, in a few words."""
    words = f"loss {entry['loss']:.3f}"
    if "validation" in entry:
        words += f", validation {entry['validation']:.3f}"
    if "exam" in entry:
        words += f", score {entry['exam']['score']:.3f}"
    return f"{words}, {entry['tokens_s']:.0f} tokens/s"


def _begin(stack: ExitStack, config: Config, start: int) -> Log:
    """Note the configuration and open the log, to which JSON lines are appended; on resume,
    lines after the checkpoint are dropped first.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    (config.out / "config.json").write_text(config.model_dump_json(indent=1), "utf-8")
    path = config.out / "log.jsonl"
    kept = []
    if start and path.exists():
        lines = path.read_text("utf-8").splitlines()
        kept = [line for line in lines if json.loads(line).get("step", 0) <= start]
    path.write_text("".join(f"{line}\n" for line in kept), "utf-8")
    file = stack.enter_context(path.open("a", encoding="utf-8", buffering=1))
    return lambda entry: print(json.dumps(entry), file=file)


def latest(out: Path) -> Path:
    """The newest checkpoint of a run. Raises ConfigError if there is none."""
    folders = sorted((out / "checkpoints").glob("step-*[0-9]"))
    if not folders:
        raise ConfigError(f"no checkpoint under {out}; start the run without --resume")
    return folders[-1]

"""Training tokens a second: `digest finetune train` against a plain trl SFTTrainer.

    pip install trl==1.16.0 datasets        # for this benchmark only
    python benchmarks/training.py --rows train.jsonl --steps 3 --rounds 1

Both train the same LoRA on the same base, in the same dtype, with the same number of threads and
8 examples a step, on the same texts and answers, each in a process of its own, in turn. What
differs is what each does by default: trl pads a batch to its longest text, recomputes the forward
pass (gradient checkpointing), runs under autocast, computes logits for every position and lets
OpenMP's threads spin while they wait. `--lean` adds trl without checkpointing and autocast.

First, on a few short rows in float32, from one and the same adapter and in the same batches, the
losses of both are compared step by step: they must be the same up to rounding, for the loss is the
same. Speed counts real tokens, no padding, by the wall clock and by CPU seconds, which a shared
machine disturbs less; the first step is not timed. On a busy machine use `--threads 1`: threads
that spin there wait for each other most of the time, and the ratio says little.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digest.schema import Row
from finetune.config import Config, load
from finetune.data import encoding
from finetune.train.base import Tokens

BATCH = 8  # trl's default
FEW = 2  # examples a step where losses are compared: it is about their values, not their cost
Steps = list[list[encoding.Example]]


def main() -> None:
    """Run both in turn and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=Path, required=True, help="labelled rows")
    parser.add_argument("--steps", type=int, default=3, help="timed steps of each")
    parser.add_argument("--rounds", type=int, default=1, help="0: only the losses")
    parser.add_argument("--tokens", type=int, default=384, help="of a text; longer ones are cut")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--losses", type=int, default=3, help="steps compared; 0: none")
    parser.add_argument("--lean", action="store_true", help="also trl without checkpointing")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one:
        print(json.dumps(_one(json.loads(told.one))))
        return
    with tempfile.TemporaryDirectory(prefix="digest-") as folder:
        task = {key: getattr(told, key) for key in ("steps", "tokens", "threads")}
        task |= {"rows": str(told.rows), "folder": folder, "dtype": "bfloat16", "same": False}
        task["batch"] = BATCH
        result: dict[str, Any] = {}
        if told.losses:
            same = task | {
                "batch": FEW, "steps": told.losses - 1, "tokens": 64, "dtype": "float32",
                "same": True,
            }  # fmt: skip
            ours, theirs = (_child(who, same)["losses"] for who in ("digest", "trl"))
            gap = max(abs(a - b) / a for a, b in zip(ours, theirs, strict=True))
            result |= {"losses_digest": ours, "losses_trl": theirs, "largest_gap": gap}
        kinds = ["digest", "trl", *(["trl-lean"] if told.lean else [])]
        found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
        for _ in range(told.rounds):
            for kind in kinds:
                found[kind].append(_child(kind, task))
                print(f"{kind}: {found[kind][-1]}", file=sys.stderr)
        for clock in ("tokens_s", "tokens_cpu_s") if told.rounds else ():
            speeds = {kind: statistics.median(one[clock] for one in found[kind]) for kind in kinds}
            ratios = {kind: speeds["digest"] / speed for kind, speed in speeds.items()}
            result |= {clock: speeds, f"{clock}_ratio": ratios}
        result["runs"] = found
    print(json.dumps(result, indent=1))


def _child(who: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run one trainer in a process of its own: threads and memory start afresh."""
    command = [
        sys.executable,
        __file__,
        "--rows",
        task["rows"],
        "--one",
        json.dumps(task | {"who": who}),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _one(task: dict[str, Any]) -> dict[str, Any]:
    from digest.model.cpu import allowed_cores

    task["threads"] = task["threads"] or allowed_cores()
    return _digest(task) if task["who"] == "digest" else _trl(task)


def _setting(task: dict[str, Any]) -> tuple[Config, Path, Tokens, Steps]:
    """Configuration, base, tokenizer and the batches, in order."""
    from digest.model.weights import base_weights, cache
    from finetune.train.base import converted

    config = load(
        None, [f"train.dtype={task['dtype']}", "train.lr=1e-3", f"train.batch={task['batch']}"]
    )
    base = converted(base_weights(), cache() / "converted")
    tokens = Tokens.load(base)
    batch = task["batch"]
    count = batch * (task["steps"] + 1)
    rows: Sequence[Row] = encoding.read(Path(task["rows"]))[0]
    # Spread over the file, so that a few batches hold what all of it holds.
    picked = [rows[index * len(rows) // count] for index in range(min(count, len(rows)))]
    examples = [encoding.encode(row, row.digest.asked(), task["tokens"], tokens) for row in picked]
    return config, base, tokens, [examples[i : i + batch] for i in range(0, len(examples), batch)]


def _digest(task: dict[str, Any]) -> dict[str, Any]:
    from finetune.train.threads import prepare

    prepare(task["threads"])
    import torch

    from finetune.train.learner import Learner

    config, base, _, steps = _setting(task)
    torch.manual_seed(0)
    learner = Learner(config, base)
    if task["same"]:
        learner.export(Path(task["folder"]) / "adapter")
    losses: list[float] = []
    clock = []
    for step in steps:
        micros = encoding.bucketed(step, config.train.micro_tokens)
        loss, *_ = learner.step(micros, config.train.lr)
        losses.append(loss)
        clock.append(_now())
    return {"losses": losses} | _speed(steps, clock)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _speed(steps: Steps, clock: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Real tokens a second after the first step, by both clocks."""
    tokens = sum(len(example) for step in steps[1:] for example in step)
    wall, cpu = (end - start for start, end in zip(clock[0], clock[-1], strict=True))
    return {"tokens": tokens, "tokens_s": tokens / wall, "tokens_cpu_s": tokens / cpu}


def _trl(task: dict[str, Any]) -> dict[str, Any]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(task["threads"])
    from datasets import Dataset
    from peft import LoraConfig, PeftModel
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from digest.prompt import STOP
    from finetune.train.base import model

    config, base, tokens, steps = _setting(task)
    examples = [example for step in steps for example in step]
    texts = [
        {
            "prompt": tokens.decode(example.prompt),
            "completion": tokens.decode(example.answer).removesuffix(STOP),  # trl adds it
        }
        for example in examples
    ]
    loaded: Any = model(base, task["dtype"])
    lora: Any = LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.alpha,
        target_modules=list(config.lora.targets),
        task_type="CAUSAL_LM",
    )
    options: dict[str, Any] = {"train_sampling_strategy": "sequential"}  # the same batches
    if task["same"]:
        loaded = PeftModel.from_pretrained(
            loaded, str(Path(task["folder"]) / "adapter"), is_trainable=True
        )
        lora = None
        options["lr_scheduler_type"] = "constant"
    if task["dtype"] == "float32":
        options["bf16"] = False
    if task["who"] == "trl-lean":
        options |= {"gradient_checkpointing": False, "bf16": False}
    clock: list[tuple[float, float]] = []

    class Clock(TrainerCallback):
        """The time after each step."""

        def on_step_end(self, *_: Any, **__: Any) -> None:
            """Note it."""
            clock.append(_now())

    trainer = SFTTrainer(
        model=loaded,
        args=SFTConfig(
            output_dir=task["folder"], max_steps=len(steps), learning_rate=config.train.lr,
            logging_steps=1, report_to="none", save_strategy="no", disable_tqdm=True,
            use_cpu=True, per_device_train_batch_size=task["batch"], **options,
        ),
        train_dataset=Dataset.from_list(texts),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=lora,
        callbacks=[Clock()],
    )  # fmt: skip
    lengths = [len(row["input_ids"]) for row in trainer.train_dataset]
    if sum(lengths) != sum(map(len, examples)):
        raise SystemExit(f"trl sees {sum(lengths)} tokens, digest {sum(map(len, examples))}")
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"losses": losses} | _speed(steps, clock)


if __name__ == "__main__":
    main()

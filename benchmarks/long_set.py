"""How a training run begins over many rows: processor time to its first steps, and peak memory.

    python benchmarks/long_set.py --base FOLDER [ROWS ...] [--out DIR]

Writes made-up rows (those of benchmarks/prepare.py) as a prepared set, and begins a run of two
epochs over them in a process of its own: the plan of all steps, then three steps of eight examples
with a random model of two layers. The tokenizer is that of the base in FOLDER (a converted one,
with its tokenizer.json).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from prepare import rows

SIZES = [10_000, 100_000, 500_000]
BEGIN = """
import resource, sys, time
from pathlib import Path
from finetune.config import load
from finetune.train.threads import prepare
prepare(1)
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from finetune.train.base import Tokens
from finetune.train.learner import Learner
from finetune.data.prepared import Rows
from finetune.train.loop import Plan

def held():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

base, folder = Path(sys.argv[1]), Path(sys.argv[2])
tokens = Tokens.load(base)
vocabulary = tokens._control.get_vocab_size()
LlamaForCausalLM(LlamaConfig(
    vocab_size=vocabulary, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=4096,
)).save_pretrained(folder / "model")
config = load(None, ["train.epochs=2", "train.batch=8", "train.threads=1", "lora.rank=4"])
learner = Learner(config, folder / "model")
before, began = held(), time.process_time()
rows = Rows(folder / "train.jsonl")
opened = time.process_time() - began
plan = Plan(rows, config, tokens)
planned, plan_held = time.process_time() - began, held()
for step in range(3):
    learner.step(plan[step], 1e-3)
print(len(rows), len(plan), opened, planned, time.process_time() - began, before, plan_held, held())
"""


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", type=int, default=SIZES)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="folder with room for the rows")
    asked = parser.parse_args()
    print(
        "|   rows |  steps | open, s | plan, s | 3 steps, s | "
        "model, MB | planned, MB | stepped, MB |"
    )
    print(
        "|-------:|-------:|--------:|--------:|-----------:|----------:|------------:|------------:|"
    )
    for count in asked.rows or SIZES:
        with tempfile.TemporaryDirectory(dir=asked.out) as name:
            with (Path(name) / "train.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows(count))
            told = subprocess.run(
                [sys.executable, "-c", BEGIN, str(asked.base), name],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        told_rows, steps, opened, planned, stepped, *held = told.stdout.split()
        print(
            f"| {told_rows:>6} | {steps:>6} | {float(opened):7.1f} | {float(planned):7.1f} | "
            f"{float(stepped) - float(planned):10.1f} | {held[0]:>9} | {held[1]:>11} | "
            f"{held[2]:>11} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

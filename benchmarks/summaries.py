"""Summaries in another language, before and after tuning, with two sizes of one base.

    python benchmarks/summaries.py --train train.jsonl --test test.jsonl --lang pt --n-words 30 \
        --base FOLDER --out DIR

Each size is tuned on the same rows and examined on the same held-out rows, untuned and tuned, by
`digest finetune train` and `evaluate`. The smaller size is the base without `--drop` of its layers
(a block that ends before the last two): not a model that was ever trained at that size, and told
as such. Prints a table with n and 95 % intervals, from languages.json.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

METRICS = ("rouge_lsum", "bertscore", "words", "same_language")
KEPT = 2  # layers after the block that is dropped


def main() -> None:
    """Run what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--lang", required=True)
    parser.add_argument("--n-words", required=True)
    parser.add_argument("--base", type=Path, required=True, help="a converted folder")
    parser.add_argument("--drop", type=int, default=8, help="layers of the smaller size")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("overrides", nargs="*", help="of the training, e.g. train.epochs=2")
    told = parser.parse_args()
    small = told.out / f"without-{told.drop}-layers"
    if not small.is_dir():
        shrink(told.base, told.drop, small)
    how = ("--lang", told.lang, "--n-words", told.n_words)
    table: dict[str, Any] = {}
    for base in (told.base, small):
        run, exam = told.out / f"run-{base.name}", told.out / f"exam-{base.name}"
        if not (run / "adapter").is_dir():
            digest("train", "--task", "summarize", *how, f"base={base}", f"out={run}",
                   f"data.rows={told.train}", "data.split.validation=0", "train.examine_every=0",
                   *told.overrides)  # fmt: skip
        if not (exam / "languages.json").is_file():
            digest("evaluate", "--task", "summarize", *how, "--base", str(base),
                   "--data", str(told.test), "--engine", f"tuned=peft:{run / 'adapter'}",
                   "--engine", "untuned=peft:", "--engine", "lead=baseline:lead",
                   "--bertscore", "minilm", "--no-report", "--out", str(exam))  # fmt: skip
        found = json.loads((exam / "languages.json").read_text("utf-8"))
        for name in ("lead", "untuned", "tuned"):
            table[f"{base.name}, {name}" if name != "lead" else name] = found[name]
    print(f"| model | language | n | {' | '.join(METRICS)} |\n|---|---|---|{'---|' * len(METRICS)}")
    for name, languages in table.items():
        for code, values in languages.items():
            cells = (
                f"{values[m]:.3f} [{values[m + '_low']:.3f}, {values[m + '_high']:.3f}]"
                for m in METRICS
            )
            print(f"| {name} | {code} | {values['n']} | {' | '.join(cells)} |")


def digest(verb: str, *arguments: str) -> None:
    """Run a verb of `digest finetune`."""
    code = "from cli.main import main; main()"
    command = [sys.executable, "-c", code, "finetune", verb, *arguments]
    subprocess.run(command, check=True)


def shrink(base: Path, drop: int, out: Path) -> None:
    """Write the base without a block of its layers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    layers = model.model.layers
    last = len(layers) - KEPT
    kept = [n for n in range(len(layers)) if not last - drop <= n < last]
    model.model.layers = torch.nn.ModuleList([layers[n] for n in kept])
    model.config.num_hidden_layers = len(kept)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[n] for n in kept]
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(base).save_pretrained(out)


if __name__ == "__main__":
    main()

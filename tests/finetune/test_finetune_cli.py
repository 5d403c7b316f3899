"""The verbs of `digest finetune`, run one after another on a tiny model."""

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from cli.finetune import finetune


def run(*arguments: object) -> str:
    result = CliRunner().invoke(finetune, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_importing_the_verbs_loads_nothing_heavy() -> None:
    code = (
        "import sys, cli.finetune; print(sorted({'torch', 'numpy', 'finetune'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_prepare_check_train_evaluate(base: Path, rows_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    toml = tmp_path / "run.toml"
    toml.write_text(
        f'base = "{base}"\nout = "{out}"\n[data]\nrows = "{rows_file}"\n'
        "[data.split]\nvalidation = 0.25\n[train]\nepochs = 1\nbatch = 4\n[lora]\nrank = 2\n"
    )
    facts = json.loads(run("prepare", "--config", toml))
    assert facts["train"]["rows"] + facts["validation"]["rows"] == 12
    assert len((out / "data" / "validation.jsonl").read_text().splitlines()) == 3

    shown = run("check", "--config", toml)
    assert "groups on both sides of the split: 0" in shown
    learnt = [line for line in shown.splitlines() if line.startswith("+ ")]
    assert learnt[0].endswith("'{'") and learnt[-1].endswith("'<|im_end|>'")

    trained = run("train", "--config", toml, "train.lr=2e-3")
    assert str(out / "adapter") in trained
    assert json.loads((out / "config.json").read_text())["train"]["lr"] == 2e-3

    given = tmp_path / "predictions.jsonl"
    given.write_text('{"id": "r1", "digest": {"names": ["Acme", "Ghent"]}}\n')
    exam = tmp_path / "exam"
    said = run(
        "evaluate", "--data", rows_file, "--engine", f"file:{given}", "--fields", "names",
        "--out", exam,
    )  # fmt: skip
    assert "too few rows" in said
    measured = json.loads((exam / "metrics.json").read_text())
    assert measured["n"] == 12 and abs(measured["valid"] - 1 / 12) < 1e-9

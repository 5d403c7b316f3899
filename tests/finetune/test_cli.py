"""The verbs of `digest finetune`, run one after another on a tiny model."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from click.testing import CliRunner

from cli.finetune.group import finetune
from digest.errors import ConfigError
from finetune.config import EXAMPLE, Config, Data, Lora, Split, Train, load


def run(*arguments: object) -> str:
    result = CliRunner().invoke(finetune, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_importing_the_verbs_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'finetune'}"
    code = f"import sys, cli.finetune.group; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_example_names_every_key_with_its_default(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    load(EXAMPLE)
    # The commented lines are settings too: with all of them it is still a configuration.
    bare = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    every = tmp_path / "every.toml"
    every.write_text(bare)
    told = tomllib.loads(bare)
    for section, keys in (
        (told, Config), (told["data"], Data), (told["data"]["split"], Split),
        (told["lora"], Lora), (told["train"], Train),
    ):  # fmt: skip
        assert set(section) == set(keys.model_fields)
    commented = tomllib.loads(text)
    defaults, full = Config(), load(every)
    for name, section in (("data", full.data), ("lora", full.lora), ("train", full.train)):
        for key in set(told[name]) - set(commented[name]) - {"split", "quotes"}:  # a file, or none
            assert getattr(section, key) == getattr(getattr(defaults, name), key), key


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    run("init", tmp_path / "mine.toml")
    assert (tmp_path / "mine.toml").read_text() == EXAMPLE.read_text()
    done = CliRunner().invoke(finetune, ["init", str(tmp_path / "mine.toml")])
    assert isinstance(done.exception, ConfigError)


def test_missing_torch_names_the_extra(rows_file: Path, tmp_path: Path) -> None:
    """`prepare` needs none of the heavy packages; `train` says what to install."""
    code = (
        "import sys; from importlib import util; found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'torch' else found(name, *rest)\n"
        "sys.modules['torch'] = None\n"
        "from cli.main import main; main()"
    )
    there = [f"data.rows={rows_file}", f"out={tmp_path / 'run'}"]
    command = [sys.executable, "-c", code, "finetune"]
    done = subprocess.run(
        [*command, "prepare", *there], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*command, "train", *there], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "digest: fine-tuning needs torch; install it with `pip install 'newsdigest[finetune]'`"
    )


def test_prepare_check_train_evaluate(base: Path, rows_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    toml = tmp_path / "run.toml"
    toml.write_text(
        f'base = "{base}"\nout = "{out}"\n[data]\nrows = "{rows_file}"\n'
        "[data.split]\nvalidation = 0.25\n[lora]\nrank = 2\n"
        "[train]\nepochs = 1\nbatch = 4\nthreads = 1\nexamine_every = 0\n"
    )
    said = run("prepare", "--config", toml).splitlines()
    assert said[:3] == [
        "rows.jsonl: JSONL, 12 rows (12 as rows)", "changed: 0 rows", "refused: 0 records"
    ]  # fmt: skip
    facts = json.loads(run("prepare", "--config", toml, "--json"))
    assert facts["train"]["rows"] + facts["validation"]["rows"] == 12
    assert len((out / "data" / "validation.jsonl").read_text().splitlines()) == 3

    shown = run("check", "--config", toml)
    assert "groups on both sides of the split: 0" in shown
    assert "relevance_score: 9 rows, median 4 (4:9)" in shown
    assert re.search(r"measured: \d+ tokens/s .* take about [\d.]+ min and [\d.]+ GiB", shown)
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

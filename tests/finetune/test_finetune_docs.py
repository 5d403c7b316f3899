"""Every command of docs/finetune.md, run in its order on a tiny set and a tiny random base."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from digest.engines import weights
from digest.schema import Row

from .conftest import row

PAGE = Path(__file__).parents[2] / "docs" / "finetune.md"

# A tiny set is done with when it has been through every part once.
TINY = {
    "check": ["train.epochs=1", "train.batch=4", "train.threads=1"],
    "train": ["train.epochs=1", "train.batch=4", "train.threads=1"],
    "evaluate": ["--fields", "relevance_score", "--no-report"],
    "export": ["--no-verify"],
}
# What cannot be run here, and what a well-formed one looks like.
ELSEWHERE = {
    "pip": (r"pip install '?newsdigest\[[\w,]+\]'?", "it needs a package index"),
    "ollama": (r"ollama (create \w+ -f \S+/Modelfile|run \w+ \"\$\(cat \S+\)\")", "no Ollama"),
}


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def sample() -> dict[str, object]:
    (found,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    record: dict[str, object] = json.loads(found)
    return record


def words(command: str) -> list[str]:
    """As a shell would split it, patterns expanded."""
    split = shlex.split(command, comments=True)
    return [
        name
        for word in split
        for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]


def test_every_command_of_the_page(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights, "base_weights", lambda: base)
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path / "cache"))
    mine = [sample()] + [
        row(n, digest={"relevance_score": 4, "company_names": ["Acme"]}).model_dump(
            exclude_none=True
        )
        for n in range(11)
    ]
    Path("mine.jsonl").write_text("\n".join(map(json.dumps, mine)))
    ran = []
    for command in commands():
        program, *arguments = words(command)
        if program in ELSEWHERE or arguments[:2] == ["model", "pull"]:
            pattern, why = ELSEWHERE.get(program, (r"digest model pull", "the tiny base is there"))
            assert re.fullmatch(pattern, command), command
            print(f"not run, {why}: {command}")  # noqa: T201
            continue
        group, verb, *rest = arguments
        result = CliRunner().invoke(main, [group, verb, *TINY.get(verb, []), *rest])
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"
        ran.append(verb)
    assert {"init", "prepare", "check", "train", "average", "evaluate", "export"} <= set(ran)
    assert json.loads(Path("runs/digest/exam/metrics.json").read_text())["n"] > 0
    made = Path("mymodel/Modelfile").read_text()
    (source,) = re.findall(r"^FROM (\S+)", made, re.MULTILINE)
    assert (Path("mymodel") / source).read_bytes()[:4] == b"GGUF"
    assert "SHA-256" in Path("mymodel/README.md").read_text()


def test_the_sample_row_is_one() -> None:
    assert Row.model_validate(sample()).digest.asked()

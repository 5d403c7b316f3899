"""Every command of docs/finetune.md, run in its order on a tiny set and a tiny random base."""

import json
import re
from pathlib import Path

import pytest

from digest.schema import Row

from .conftest import row
from .recipes.play import DOCS, TINY, blocks, play


def sample() -> dict[str, object]:
    (found,) = blocks(DOCS / "finetune.md", "json")
    record: dict[str, object] = json.loads(found)
    return record


def test_every_command_of_the_page(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = [sample()] + [
        row(n, digest={"relevance_score": 4, "company_names": ["Acme"]}).model_dump(
            exclude_none=True
        )
        for n in range(11)
    ]
    Path("mine.jsonl").write_text("\n".join(map(json.dumps, mine)))
    asked = {"finetune evaluate": ("--fields", "relevance_score", "--no-report")}
    ran = play("finetune.md", base, monkeypatch, {**TINY, **asked})
    verbs = {command.split()[2] for command in ran}
    assert {"init", "prepare", "check", "train", "average", "evaluate", "export"} <= verbs
    assert json.loads(Path("runs/digest/exam/metrics.json").read_text())["n"] > 0
    made = Path("mymodel/Modelfile").read_text()
    (source,) = re.findall(r"^FROM (\S+)", made, re.MULTILINE)
    assert (Path("mymodel") / source).read_bytes()[:4] == b"GGUF"
    assert "SHA-256" in Path("mymodel/README.md").read_text()


def test_the_sample_row_is_one() -> None:
    assert Row.model_validate(sample()).digest.asked()

"""Every command of docs/recipes/comparison.md, on annotated items of our own making."""

import json
from pathlib import Path

import pytest

from finetune.evaluation import evaluate
from finetune.train import threads

pytest.importorskip("tinker", reason="the extra `tinker` is not installed")

from ..backends.tinker_double import KEY, serve
from .play import ELSEWHERE, TINY, play

COMPANIES = ("Acme", "Borealis", "Cormorant", "Dunlin")
ASIDE = "digest finetune train train.backend=unsloth"


def item(number: int) -> dict[str, object]:
    """As annotators leave it: chat messages, and where the item came from."""
    company = COMPANIES[number % 4]
    text = f"{company} opened its plant number {number} in Ghent. It cost {number + 2} million."
    answer = {
        "relevance_score": 1 + number % 10,
        "key_insights": ["New Plants"] if number % 2 else ["Prices"],
        "company_names": [company],
    }
    return {
        "messages": [
            {
                "role": "user",
                "content": f"Analyze:\n\nContent: {text}\n\nAnswer in JSON.",
            },
            {"role": "assistant", "content": json.dumps(answer)},
        ],
        "metadata": {"item_id": f"{number // 2:04d}_{number}", "original_content": text},
    }


def test_every_command(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # A random model never ends; forty tokens of its answers are as good as eight hundred.
    monkeypatch.setattr(evaluate, "answer_budget", lambda _fields: 40)
    monkeypatch.setattr(threads, "allowed_cores", lambda: 1)  # two would wait for each other
    Path("items.jsonl").write_text("\n".join(json.dumps(item(n)) for n in range(16)))
    Path("models").mkdir()
    Path("models/Qwen3-8B").symlink_to(base)
    tiny = {**TINY, "finetune train": (*TINY["finetune train"], "train.examine_rows=2")}
    unsloth = (f"{ASIDE} .* out=runs/unsloth", "it needs an environment of its own")
    with serve(base, "Qwen/Qwen3-8B") as service:
        monkeypatch.setenv("TINKER_BASE_URL", service.url)
        monkeypatch.setenv("TINKER_API_KEY", KEY)
        ran = play("recipes/comparison.md", base, monkeypatch, tiny, {ASIDE: unsloth, **ELSEWHERE})
    assert len(ran) == 7 and service.paths().count("optim_step") > 0
    pairs = json.loads(Path("comparison/comparison.json").read_text())
    assert len(pairs) == 15  # six models, each with each
    tested = {test["metric"] for pair in pairs for test in pair["tests"]}
    assert {"f1_overall", "f1_key_insights", "f1_company_names", "relevance_mae"} <= tested
    took = {one["name"]: one for one in json.loads(Path("comparison/effort.json").read_text())}
    assert took["tinker"]["backend"] == "tinker" and took["tinker"]["base"] == "Qwen3-8B"
    # The service was sent the tokens that this machine trained on.
    assert took["tinker"]["tokens"] == took["small"]["tokens"] == took["large"]["tokens"]
    assert took["tinker"]["cost"] == pytest.approx(took["tinker"]["tokens"] * 0.4e-6)
    assert took["constant"]["tokens"] is None and took["constant"]["characters"] > 0
    assert "## What they took" in Path("comparison/report.md").read_text()

import json
from pathlib import Path

import pytest

from digest.errors import ConfigError
from digest.schema import Row
from finetune.base import Tokens
from finetune.config import Config, Train, load
from finetune.train import Learner, Plan, rate, train


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(
        None,
        [
            f"out={tmp_path / 'run'}", "train.epochs=1.5", "train.batch=4", "train.lr=1e-2",
            "train.dtype=float32", "train.validate_every=2", "train.checkpoint_minutes=0",
            "lora.rank=4", "lora.dropout=0.1", "data.twice_below_tokens=1000", "train.keep=2",
        ],
    )  # fmt: skip


def curve(out: Path) -> list[tuple[float, ...]]:
    lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [
        (e["step"], e["loss"], e["lr"], e["norm"], e.get("validation", 0.0))
        for e in lines
        if "step" in e
    ]


def weights(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


def test_resumed_run_equals_uninterrupted(
    base: Path, rows: list[Row], config: Config, tmp_path: Path
) -> None:
    tokens = Tokens.load(base)
    parts = (rows[:9], rows[9:])
    whole = train(config, base, parts, tokens)
    losses = [loss for _, loss, *_ in curve(config.out)]
    assert losses[-1] < losses[0]  # it learns

    halted = config.model_copy(update={"out": tmp_path / "halted"})
    asked = iter((False, False, True))
    assert train(halted, base, parts, tokens, stop=lambda: next(asked)) is None
    # What was logged after the checkpoint, as by a kill, must not count twice.
    with (halted.out / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": 4, "loss": 0}) + "\n")
    resumed = train(halted, base, parts, tokens, resume=True)
    assert curve(halted.out) == curve(config.out)
    assert whole and resumed and weights(resumed) == weights(whole)
    assert len(list((config.out / "checkpoints").iterdir())) == 2  # keep


def test_a_run_is_not_overwritten(base: Path, rows: list[Row], config: Config) -> None:
    tokens = Tokens.load(base)
    train(config, base, (rows, []), tokens, stop=lambda: True)
    with pytest.raises(ConfigError, match="--resume"):
        train(config, base, (rows, []), tokens)


def test_loss_is_what_transformers_says(base: Path, rows: list[Row], config: Config) -> None:
    """Our sum at answer positions against labels of -100 on the prompt, one row at a time."""
    import torch

    tokens = Tokens.load(base)
    learner = Learner(config, base)
    learner.peft.eval()
    examples = [e for s in Plan.make(rows, config, tokens).steps for m in s for e in m][:6]
    total = count = 0.0
    for e in examples:
        ids = torch.tensor([e.prompt + e.answer])
        labels = ids.clone()
        labels[0, : len(e.prompt)] = -100
        with torch.no_grad():
            total += float(learner.peft(input_ids=ids, labels=labels).loss) * len(e.answer)
        count += len(e.answer)
    assert learner.loss(examples) == pytest.approx(total / count, rel=1e-5)


def test_adapter_reads_back_into_peft(base: Path, rows: list[Row], config: Config) -> None:
    """bfloat16 training, and PEFT itself loads what we write: same loss, no machine's path."""
    import torch
    from peft import PeftModel

    from finetune.base import model

    tokens = Tokens.load(base)
    low = config.model_copy(update={"train": config.train.model_copy(update={"dtype": "bfloat16"})})
    folder = train(low, base, (rows, []), tokens)
    assert folder
    about = json.loads((folder / "adapter_config.json").read_text())
    assert str(base.parent) not in json.dumps(about)
    ids = torch.tensor([tokens.prompt("Acme opened a plant")])
    plain = model(base)
    with torch.no_grad():
        before = plain(ids).logits
        loaded = PeftModel.from_pretrained(plain, str(folder))
        after = loaded(ids).logits
    assert (after - before).abs().max() > 1e-3
    assert all(p.any() for n, p in loaded.named_parameters() if "lora_B" in n)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "wsd"])
def test_rate_warms_up_and_falls(schedule: str) -> None:
    how = Train.model_validate({"schedule": schedule, "warmup": 0.1, "decay": 0.3})
    rates = [rate(step, 100, how) for step in range(100)]
    assert rates[:10] == pytest.approx([(n + 1) / 10 for n in range(10)])
    assert max(rates) == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 <= rates[-1] < 0.05

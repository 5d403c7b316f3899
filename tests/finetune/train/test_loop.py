import json
from pathlib import Path

import pytest

from digest.errors import ConfigError
from digest.schema import Row
from finetune.config import Config, Train, load
from finetune.data import encoding
from finetune.export.adapters import average
from finetune.train.base import Tokens
from finetune.train.learner import Learner
from finetune.train.loop import Plan, rate, train

from ..conftest import row


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(
        None,
        [
            f"out={tmp_path / 'run'}", "train.epochs=1.5", "train.batch=4", "train.lr=1e-2",
            "train.dtype=float32", "train.validate_every=2", "train.checkpoint_minutes=0",
            "lora.rank=4", "lora.dropout=0.1", "data.twice_below_tokens=1000", "train.keep=2",
            "train.examine_every=0", "train.threads=1",
        ],
    )  # fmt: skip


def curve(out: Path) -> list[dict[str, object]]:
    """What was logged of each step, but for what a clock says."""
    lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    timed = {"elapsed", "tokens_s"}
    return [{k: v for k, v in e.items() if k not in timed} for e in lines if "step" in e]


def weights(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


def brief(number: int) -> Row:
    """A row whose answer is short: a byte is a token here."""
    return row(number, digest={"names": ["Acme"], "relevance_score": 4})


def with_train(config: Config, **changes: object) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update=changes)})


def test_resumed_run_equals_uninterrupted(base: Path, config: Config, tmp_path: Path) -> None:
    tokens = Tokens.load(base)
    parts = ([brief(n) for n in range(9)], [brief(n) for n in range(9, 12)])
    config = with_train(config, examine_every=1, patience=0)
    whole = train(config, base, parts, tokens)
    steps = curve(config.out)
    assert steps[-1]["loss"] < steps[0]["loss"]  # it learns
    assert [e["step"] for e in steps if "exam" in e] == [2, 4, 6, 7]

    halted = config.model_copy(update={"out": tmp_path / "halted"})
    asked = iter((False, False, True))
    assert train(halted, base, parts, tokens, stop=lambda: next(asked)) is None
    # What was logged after the checkpoint, as by a kill, must not count twice.
    with (halted.out / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": 4, "loss": 0}) + "\n")
    resumed = train(halted, base, parts, tokens, resume=True)
    assert curve(halted.out) == steps
    assert whole and resumed and weights(resumed) == weights(whole)


def test_old_checkpoints_go_but_the_best_stays(base: Path, config: Config) -> None:
    tokens = Tokens.load(base)
    parts = ([brief(n) for n in range(9)], [brief(n) for n in range(9, 12)])
    # At this rate the model is soon ruined: what came before is better, and the run ends early.
    config = with_train(
        config, examine_every=1, validate_every=1, patience=2, epochs=9, lr=3.0, warmup=0.0
    )
    adapter = train(config, base, parts, tokens)
    steps = curve(config.out)
    scores = [e["exam"]["score"] for e in steps]
    best = max(range(len(scores)), key=lambda n: (scores[n], n))
    climbs = [n for n in range(len(scores)) if scores[n] > max(scores[:n], default=-1)]
    assert len(steps) - 1 == climbs[-1] + 2 < 9 * 3 - 1  # patience
    kept = sorted(path.name for path in (config.out / "checkpoints").iterdir())
    newest = [f"step-{n:06d}" for n in (len(steps) - 1, len(steps))]
    assert set(kept) == {f"step-{best + 1:06d}", *newest}
    assert adapter and weights(adapter) == weights(
        config.out / "checkpoints" / f"step-{best + 1:06d}"
    )


def test_answers_of_a_batch_are_those_of_each_alone(base: Path, config: Config) -> None:
    """Prompts of different lengths, padded on the left, answered at once."""
    import torch

    learner = Learner(config, base)
    examples = encoding.validation([brief(0), brief(3)], config.data, Tokens.load(base))
    together = learner.answer(examples)
    learner.peft.eval()
    for example, answer in zip(examples, together, strict=True):
        ids = list(example.prompt)
        for token in answer[:6]:
            with torch.no_grad():
                logits = learner.peft(input_ids=torch.tensor([ids])).logits
            assert token == int(logits[0, -1].argmax())
            ids.append(token)


def test_warm_start(base: Path, rows: list[Row], config: Config, tmp_path: Path) -> None:
    tokens = Tokens.load(base)
    first = train(config, base, (rows, []), tokens)
    assert first
    warm = config.model_copy(update={"init": str(first), "out": tmp_path / "warm"})
    examples = encoding.validation(rows, config.data, tokens)
    cold = Learner(config, base).loss(examples)
    assert Learner(warm, base).loss(examples) < cold
    train(warm, base, (rows, []), tokens, stop=lambda: True)
    assert curve(warm.out)[0]["loss"] < curve(config.out)[0]["loss"]
    wider = warm.model_copy(update={"lora": warm.lora.model_copy(update={"rank": 8})})
    with pytest.raises(ConfigError, match="rank 4, alpha 32"):
        Learner(wider, base)
    mean = average([first, first]).save(tmp_path / "mean")
    assert weights(mean) == weights(first)


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
    examples = [e for s in Plan(rows, config, tokens) for m in s for e in m][:6]
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

    from finetune.train.base import model

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

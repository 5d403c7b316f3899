"""The backend tinker: the official SDK against a service on loopback that really trains."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.errors import AccessError, ConfigError, EngineUnavailable, WeightsError
from digest.schema import Row
from finetune.backends import tinker as backend
from finetune.backends import trainer
from finetune.config import Config, load
from finetune.data import encoding
from finetune.export.adapters import Adapter
from finetune.train import loop
from finetune.train.base import Tokens

from ..conftest import row

pytest.importorskip("tinker", reason="the extra `tinker` is not installed")

from .tinker_double import KEY, Service, serve


@pytest.fixture
def service(base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with serve(base) as running:
        monkeypatch.setenv("TINKER_BASE_URL", running.url)
        monkeypatch.setenv("TINKER_API_KEY", KEY)
        monkeypatch.setenv("TINKER_TELEMETRY", "0")
        yield running


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(
        None,
        [
            f"out={tmp_path / 'run'}", "train.backend=tinker", "tinker.model=tiny/base",
            "train.epochs=1", "train.batch=4", "train.lr=1e-2", "train.dtype=float32",
            "train.validate_every=2", "train.examine_every=1", "train.examine_rows=1",
            "train.patience=0", "train.checkpoint_minutes=9", "train.weight_decay=0.01",
            "train.threads=1", "lora.rank=4", "data.twice_below_tokens=1",
        ],
    )  # fmt: skip


@pytest.fixture
def parts() -> tuple[list[Row], list[Row]]:
    brief = [row(n, digest={"names": ["Acme"], "relevance_score": 4}) for n in range(14)]
    return brief[:12], brief[12:]


def steps(out: Path) -> list[dict[str, object]]:
    timed = {"elapsed", "tokens_s"}
    lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [{k: v for k, v in e.items() if k not in timed} for e in lines if "step" in e]


def test_the_service_and_this_machine_learn_the_same(
    base: Path, config: Config, parts: tuple[list[Row], list[Row]], service: Service
) -> None:
    """Same rows, seed and schedule: the same examples and mask make the same curve, the same
    examination, and an adapter that PEFT reads and that answers alike.
    """
    import torch
    from peft import PeftModel

    from finetune.train.base import model

    tokens = Tokens.load(base)
    folder = trainer("tinker")(config, base, parts, tokens)
    here = config.model_copy(update={"out": config.out.with_name("here")})
    local = trainer("peft")(here, base, parts, tokens)
    assert folder and local
    theirs, ours = steps(config.out), steps(here.out)
    assert len(theirs) == 3 and theirs[-1]["loss"] < theirs[0]["loss"]
    for mine, its in zip(ours, theirs, strict=True):
        assert mine.keys() == its.keys()
        for name in ("step", "loss", "lr", "tokens", "validation", "exam"):
            assert its.get(name, 0) == pytest.approx(mine.get(name, 0), rel=1e-4), name
        assert its["norm"] is None  # the service does not say

    ids = torch.tensor([tokens.prompt("Acme opened a plant")])
    with torch.no_grad():
        a = PeftModel.from_pretrained(model(base), str(folder))(ids).logits
        b = PeftModel.from_pretrained(model(base), str(local))(ids).logits
        untuned = model(base)(ids).logits
    assert (a - b).abs().max() < 1e-3 < (a - untuned).abs().max() / 10
    assert service.finished == service.sessions == 1
    # Only tokens go out: no text, no id of a row, no name of a file.
    sent = [body for path, body in service.asked if path == "forward_backward"]
    assert len(sent) > len(theirs)  # chunks
    assert not any(b"Acme" in one.SerializeToString() for one in sent)


def test_resumed_run_equals_uninterrupted(
    base: Path, config: Config, parts: tuple[list[Row], list[Row]], service: Service
) -> None:
    tokens = Tokens.load(base)
    calm = config.model_copy(update={"train": config.train.model_copy(update={"examine_every": 0})})
    assert backend.train(calm, base, parts, tokens)
    halted = calm.model_copy(update={"out": calm.out.with_name("halted")})
    asked = iter((False, True))
    assert backend.train(halted, base, parts, tokens, stop=lambda: next(asked)) is None
    assert backend.train(halted, base, parts, tokens, resume=True)
    whole = steps(calm.out)
    for before, after in zip(whole, steps(halted.out), strict=True):
        assert after.pop("norm") is before.pop("norm") is None
        assert after == pytest.approx(before, rel=1e-5)
    assert service.paths().count("create_model") == 2  # the resumed one is loaded, not made
    one, other = (Adapter.load(out / "adapter") for out in (calm.out, halted.out))
    assert one.config == other.config
    assert all(abs(one.tensors[n] - other.tensors[n]).max() < 1e-5 for n in one.tensors)

    # From a checkpoint of the service, with a new optimiser.
    (path, *_) = service.saved
    warm = calm.model_copy(update={"init": path, "out": calm.out.with_name("warm")})
    assert backend.train(warm, base, parts, tokens, stop=lambda: True) is None
    assert steps(warm.out)[0]["loss"] < whole[0]["loss"]


def test_loss_weights_are_the_mask_of_the_others(base: Path, rows: list[Row]) -> None:
    example = encoding.validation(rows[:1], load().data, Tokens.load(base))[0]
    sent = backend.datum(example, 0.5)
    targets = sent.loss_fn_inputs["target_tokens"].data
    weights = sent.loss_fn_inputs["weights"].data
    assert [t for t, w in zip(targets, weights, strict=True) if w] == list(example.answer)
    assert set(weights) == {0.0, 0.5}
    assert sent.model_input.to_ints() == [*example.prompt, *example.answer[:-1]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["tinker.model="], "set tinker.model"),
        (["lora.targets=['q_proj']"], "whole groups"),
        (["lora.dropout=0.1"], "does not take lora.dropout"),
        (["lora.rslora=true"], "does not take lora.rslora"),
        (["lora.embeddings=true"], "does not take lora.embeddings"),
        (["train.load_in_4bit=true"], "does not take train.load_in_4bit"),
        (["init=runs/digest/adapter"], "tinker:// path"),
    ],
)
def test_what_the_service_cannot_do_is_refused(changes: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        backend.lora(load(None, ["tinker.model=a/b", *changes]))


def test_groups_of_targets() -> None:
    wanted = "lora.targets=['q_proj','k_proj','v_proj','o_proj','lm_head']"
    assert backend.lora(load(None, ["tinker.model=a/b", "lora.rank=8", wanted])) == {
        "base_model": "a/b", "rank": 8, "seed": 0,
        "train_attn": True, "train_mlp": False, "train_unembed": True,
    }  # fmt: skip


def test_names_of_the_service_become_those_of_peft() -> None:
    import numpy as np

    pair = {"model.unembed_tokens.lora_A.weight": np.ones((2, 4), "float32")}
    config = {"r": 2, "lora_alpha": 32}
    made = backend.peft(Adapter(pair, config), "base")
    assert list(made.tensors) == ["base_model.model.lm_head.lora_A.weight"]
    assert made.config["target_modules"] == ["lm_head"] and made.scale == 16
    experts = {"base_model.model.mlp.experts.w1.lora_A.weight": np.ones((3, 2, 4), "float32")}
    with pytest.raises(WeightsError, match="expert by expert"):
        backend.peft(Adapter(experts, config), "base")


def test_a_wrong_key_is_refused_and_never_shown(
    base: Path,
    config: Config,
    parts: tuple[list[Row], list[Row]],
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TINKER_API_KEY", "tml-wrong-key")
    with pytest.raises(AccessError, match="refuses the key in TINKER_API_KEY") as caught:
        backend.train(config, base, parts, Tokens.load(base))
    assert "wrong-key" not in str(caught.value)
    monkeypatch.delenv("TINKER_API_KEY")
    with pytest.raises(ConfigError, match="set TINKER_API_KEY in the environment"):
        backend.train(config, base, parts, Tokens.load(base))


def test_the_key_is_in_no_file(
    base: Path, config: Config, parts: tuple[list[Row], list[Row]], service: Service
) -> None:
    assert backend.train(config, base, parts, Tokens.load(base), stop=lambda: True) is None
    written = [path for path in config.out.rglob("*") if path.is_file()]
    assert len(written) >= 5
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


def test_a_base_of_another_template_is_refused(
    config: Config, tmp_path: Path, service: Service
) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.BPE({chr(n): n for n in range(33, 127)}, [])).save(
        str(tmp_path / "tokenizer.json")
    )
    with pytest.raises(ConfigError, match=r"does not know <\|im_end\|>"):
        backend.TinkerLearner(config, tmp_path)
    assert not service.asked


def test_a_model_that_the_service_lacks_is_an_error(
    base: Path, config: Config, service: Service
) -> None:
    other = config.model_copy(update={"tinker": config.tinker.model_copy(update={"model": "a/b"})})
    with pytest.raises(ConfigError, match=r"set tinker\.model to one of tiny/base"):
        backend.train(other, base, ([row(1)], []), Tokens.load(base))
    assert not config.out.exists()  # a run that never began is not in the way of the next


def test_without_the_sdk_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "from importlib import util; found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'tinker' else found(name, *rest)\n"
        "import finetune.backends.tinker as backend\n"
        "try: backend._key()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    clean = {k: v for k, v in os.environ.items() if k != "TINKER_API_KEY"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    assert done.stdout.strip() == (
        "ConfigError the backend tinker needs its SDK; install it with "
        "`pip install 'newsdigest[tinker]'`"
    )


def test_an_unknown_backend_is_an_error() -> None:
    assert trainer("peft") is loop.train
    with pytest.raises(ConfigError, match=r"train\.backend"):
        load(None, ["train.backend=mystery"])


def test_a_service_that_is_down_is_said_at_once(
    base: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINKER_API_KEY", KEY)
    monkeypatch.setenv("TINKER_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(EngineUnavailable, match=r"cannot be reached at http://127\.0\.0\.1:9"):
        backend.train(config, base, ([row(1)], []), Tokens.load(base))
    assert not config.out.exists()


def test_a_service_that_breaks_down_says_how_to_go_on(
    base: Path, config: Config, service: Service
) -> None:
    import httpx
    import tinker

    learner = backend.TinkerLearner(config, base)
    with pytest.raises(EngineUnavailable, match="--resume"), learner._our_errors():
        raise tinker.APIConnectionError(request=httpx.Request("POST", service.url))

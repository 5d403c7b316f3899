"""The backend unsloth: what it is told fits the real package; where it is installed, it trains.

unsloth and its pins live in an environment of their own. Here its source is read: the wheel of
the pinned version, fetched once into the cache of the tests. With DIGEST_UNSLOTH_PYTHON naming
the interpreter of such an environment, a run is made there and compared with one made here.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from digest.errors import ConfigError
from digest.schema import Row
from finetune.backends import unsloth as backend
from finetune.config import load
from finetune.data import encoding
from finetune.train.base import Tokens
from finetune.train.learner import collate

ROOT = Path(__file__).parents[3]
THERE = os.environ.get("DIGEST_UNSLOTH_PYTHON", "")


def pinned() -> str:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (found,) = (
        one for one in extras["optional-dependencies"]["unsloth"] if one.startswith("unsloth==")
    )
    return str(found)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel's content."""
    cache = Path(os.environ.get("DIGEST_TEST_CACHE", tmp_path_factory.mktemp("wheels")))
    version = pinned().partition("==")[2]
    if not list(cache.glob(f"unsloth-{version}-*.whl")):
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(cache), pinned()],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"{pinned()} cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
    (wheel,) = cache.glob(f"unsloth-{version}-*.whl")
    return zipfile.Path(wheel)


def definition(source: zipfile.Path, module: str, owner: str, name: str) -> ast.FunctionDef:
    tree = ast.parse((source / "unsloth" / "models" / module).read_text("utf-8"))
    (found,) = (
        function
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == owner
        for function in node.body
        if isinstance(function, ast.FunctionDef) and function.name == name
    )
    return found


def parameters(function: ast.FunctionDef) -> set[str]:
    """Its named ones; what only **kwargs would take does not count."""
    return {one.arg for one in [*function.args.args, *function.args.kwonlyargs]}


def test_every_argument_is_one_of_the_real_functions(source: zipfile.Path, tmp_path: Path) -> None:
    config = load(None, ["lora.rank=8", "lora.rslora=true", "train.load_in_4bit=true"])
    loader = definition(source, "loader.py", "FastLanguageModel", "from_pretrained")
    assert set(backend.model_arguments(config, tmp_path)) <= parameters(loader)
    # Llama's own, and the general one that other families and processors without a GPU take.
    for module, owner in (("llama.py", "FastLlamaModel"), ("vision.py", "FastBaseModel")):
        adapter = definition(source, module, owner, "get_peft_model")
        assert set(backend.adapter_arguments(config)) <= parameters(adapter), module
    for mode in ("for_inference", "for_training"):
        assert "model" in parameters(definition(source, "llama.py", "FastLlamaModel", mode))


def test_what_is_handed_on() -> None:
    import torch

    config = load(
        None, ["lora.rank=8", "lora.dropout=0.1", "train.load_in_4bit=true", "train.seed=3"]
    )
    told = backend.model_arguments(config, Path("somewhere"))
    assert told["dtype"] is torch.bfloat16 and told["load_in_4bit"] is True
    assert told["max_seq_length"] >= 1024 + 1024  # the largest cap, and room for the answer
    adapter = backend.adapter_arguments(config)
    assert (adapter["r"], adapter["lora_alpha"], adapter["lora_dropout"]) == (8, 32, 0.1)
    assert adapter["random_state"] == told["random_state"] == 3
    assert adapter["use_gradient_checkpointing"] == "unsloth"


def test_labels_are_the_mask_of_the_others(base: Path, rows: list[Row]) -> None:
    """The same targets at the same places as in our own batches."""
    examples = encoding.validation(rows[:3], load().data, Tokens.load(base))
    ids, mask, labels = backend.labelled(examples, 0)
    ours, seen, lines, columns, targets = collate(examples, 0)
    assert ids.equal(ours) and mask.equal(seen)
    chosen = labels[:, 1:] != backend.IGNORED
    assert chosen.nonzero().tolist() == list(
        map(list, zip(lines.tolist(), columns.tolist(), strict=True))
    )
    assert labels[:, 1:][chosen].equal(targets)


@pytest.mark.parametrize("key", ["train.packed", "lora.embeddings"])
def test_what_is_not_handed_on_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(key)):
        backend.check(load(None, [f"{key}=true"]))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"newsdigest\[unsloth\]"):
        backend._load()


def test_its_export_is_never_called() -> None:
    """It installs system packages as root without asking."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "finetune").rglob("*.py"))
    assert "save_pretrained_gguf" not in text and "push_to_hub_gguf" not in text


RUN = """
import json, sys
from pathlib import Path
from digest.schema import Row
from finetune.backends import trainer
from finetune.train.base import Tokens
from finetune.config import load
base, rows, out, backend = map(Path, sys.argv[1:])
config = load(None, [
    f"out={out}", f"train.backend={backend}", "train.dtype=float32", "train.epochs=1",
    "train.batch=4", "train.lr=1e-2", "train.validate_every=2", "train.examine_every=1",
    "train.examine_rows=1", "train.patience=0", "train.threads=1", "lora.rank=4",
])
rows = [Row.model_validate_json(line) for line in rows.read_text().splitlines()]
print(trainer(str(backend))(config, base, (rows[:10], rows[10:]), Tokens.load(base)))
"""


@pytest.mark.skipif(not THERE, reason="DIGEST_UNSLOTH_PYTHON names no environment with unsloth")
def test_it_learns_what_peft_learns(base: Path, rows_file: Path, tmp_path: Path) -> None:
    curves = []
    for name, python in (("unsloth", THERE), ("peft", sys.executable)):
        out = tmp_path / name
        done = subprocess.run(
            [python, "-c", RUN, str(base), str(rows_file), str(out), name],
            capture_output=True, text=True, check=False, cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "DIGEST_CACHE": str(tmp_path / "cache")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert (out / "adapter" / "adapter_model.safetensors").is_file()
        lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
        curves.append([entry for entry in lines if "step" in entry])
    for theirs, ours in zip(*curves, strict=True):
        assert theirs.keys() == ours.keys()
        for key in ("loss", "lr", "norm", "tokens", "validation", "exam"):
            assert theirs.get(key, 0) == pytest.approx(ours.get(key, 0), rel=1e-3), key

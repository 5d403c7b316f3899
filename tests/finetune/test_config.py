from pathlib import Path

import pytest

from digest.errors import ConfigError
from finetune.config import Config, load


def test_defaults_need_no_file() -> None:
    assert load() == Config()


def test_file_then_overrides(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[train]\nlr = 1e-4\nepochs = 3\n[lora]\nrank = 8\n")
    config = load(file, ["train.lr=5e-4", "data.rows=my rows.jsonl", "train.schedule=wsd"])
    assert (config.train.lr, config.train.epochs, config.lora.rank) == (5e-4, 3, 8)
    assert config.data.rows == Path("my rows.jsonl")
    assert config.train.schedule == "wsd"


def test_unknown_key_names_itself(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[train]\nlearning_rate = 1\n")
    with pytest.raises(ConfigError, match=r"run\.toml: train\.learning_rate"):
        load(file)


@pytest.mark.parametrize(
    "override", ["train.lr", "=3", "train.lr=-1", "train.lr.x=1", "data.asks=[{fields='nope'}]"]
)
def test_bad_overrides_are_refused(override: str) -> None:
    with pytest.raises(ConfigError):
        load(None, ["train.lr=1.0", override])


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[train\n")
    with pytest.raises(ConfigError):
        load(tmp_path / "bad.toml")

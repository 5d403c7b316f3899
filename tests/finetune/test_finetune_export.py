import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError, DigestError
from digest.prompt import STOP, messages
from digest.schema import FIELDS, Row
from finetune import card, export, modelfile, predictions, prepared
from finetune.adapters import Adapter
from finetune.base import Tokens
from finetune.config import load
from finetune.train import train


@given(st.text(), st.text())
def test_modelfile_renders_as_training_does(title: str, text: str) -> None:
    assert modelfile.faithful(messages(title, text))
    assert modelfile.faithful(messages(title, text, ("title",))[1:])


def test_modelfile_says_everything() -> None:
    lines = modelfile.render("./digest.q8_0.gguf", adapter="./a.gguf").splitlines()
    assert lines[:2] == ["FROM ./digest.q8_0.gguf", "ADAPTER ./a.gguf"]
    assert f'PARAMETER stop "{STOP}"' in lines
    assert f'SYSTEM """digest: {",".join(FIELDS)}"""' in lines


def test_questions_are_readable_stories() -> None:
    questions = export.questions()
    assert len(questions) >= 10
    assert len({q.text for q in questions}) == len(questions)


@pytest.fixture
def run(base: Path, rows: list[Row], rows_file: Path, tmp_path: Path) -> Path:
    overrides = [f"out={tmp_path / 'run'}", f"data.rows={rows_file}", "train.epochs=1"]
    config = load(None, [*overrides, "train.validate_every=1", "lora.rank=2"])
    prepared.write(config.data, config.out / "data")
    train(config, base, (rows[:9], rows[9:]), Tokens.load(base))
    return config.out


def test_shipped_folder(
    run: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = Adapter.load(run / "adapter")
    home = export.Base(tmp_path / "none.gguf", base)
    gguf = export.ship(adapter, home, tmp_path / "ship", "tiny")
    assert gguf.read_bytes()[:4] == b"GGUF"
    assert "ADAPTER ./adapter.gguf" in (tmp_path / "ship" / "Modelfile").read_text()

    answers = [predictions.Prediction(q.id, None) for q in export.questions()]
    export.write_references(tmp_path / "reference.jsonl", export.questions(), answers)
    lines = (tmp_path / "reference.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["fields"] == list(FIELDS)

    exams = {"ours": {"n": 40, "valid": 0.5, "valid_low": 0.4, "valid_high": 0.6}}
    agreement = {"merged Q8_0": {"answers": 2, "same_answers": 1, "fields": 16, "same_fields": 15}}
    told = card.write(tmp_path / "ship", card.Run.read(run), exams, agreement, averaged=3)
    text = told.read_text()
    facts = json.loads((run / "data" / prepared.FACTS).read_text())
    for part in ("train", "validation"):
        assert facts[part]["sha256"] in text
    assert "| valid | 0.500 [0.400, 0.600] |" in text
    assert "| merged Q8_0 | 15/16 | 1/2 |" in text
    assert "mean of the last 3 checkpoints" in text
    few = card.write(tmp_path, card.Run.read(run), {"ours": {"n": 29, "valid": 1}}, {}, averaged=1)
    assert "too few rows" in few.read_text() and "| valid |" not in few.read_text()

    monkeypatch.setattr(export, "LIMIT", 100)
    with pytest.raises(DigestError, match=r"lora\.rank"):
        export.ship(adapter, home, tmp_path / "other", "tiny")
    assert not list((tmp_path / "other").iterdir())


def test_card_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="digest finetune prepare"):
        card.Run.read(tmp_path)

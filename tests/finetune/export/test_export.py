"""What an export leaves behind, on a tiny trained run; the traps have a file of their own."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError, DigestError
from digest.model.modelfile import Modelfile
from digest.model.modelfile import parse as read_modelfile
from digest.model.quantize import Makeup
from digest.model.verify import Agreement
from digest.prompt import STOP, chatml, messages
from digest.schema import FIELDS, Row
from finetune.config import load
from finetune.data import prepared
from finetune.export import card, export, gotemplate, modelfile, verify
from finetune.export.adapters import Adapter
from finetune.train.base import Tokens
from finetune.train.loop import train

TEMPLATE = modelfile.template(modelfile.training)


@given(st.text(), st.text())
def test_modelfile_renders_as_training_does(title: str, text: str) -> None:
    for turns in (messages(title, text), messages(title, text, ("title",))[1:]):
        assert gotemplate.render(TEMPLATE, turns) == chatml(turns)


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("a {{- range .Messages }} {{ .Content }}{{ end }}", "a x y"),
        ("{{ range .Messages -}}\n {{ .Role }};{{ end }} b", "user;assistant; b"),
        ('{{ range .Messages }}{{ if eq .Role "user" }}U{{ else if eq .Role "x" }}X'
         "{{ else }}-{{ end }}{{ end }}", "U-"),
    ],
)  # fmt: skip
def test_go_templates(template: str, rendered: str) -> None:
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    assert gotemplate.render(template, turns) == rendered


@pytest.mark.parametrize(
    "template",
    ["{{ .System }}", "{{ range .Tools }}{{ end }}", "{{ end }}", "{{ range .Messages",
     "{{ .Role }}", '{{ if eq .Role "x" }}'],
)  # fmt: skip
def test_templates_that_are_not_ours_are_refused(template: str) -> None:
    with pytest.raises(ConfigError):
        gotemplate.render(template, messages("", "x"))


def test_modelfile_says_everything(base: Path) -> None:
    text = modelfile.of(base, "./digest.q8_0.gguf", "./a.gguf").render()
    lines = text.splitlines()
    assert lines[:2] == ["FROM ./digest.q8_0.gguf", "ADAPTER ./a.gguf"]
    assert f'PARAMETER stop "{STOP}"' in lines and "PARAMETER num_ctx 2048" in lines
    assert "PARAMETER repeat_penalty 1" in lines  # Ollama's own is 1.1
    assert f'SYSTEM """digest: {",".join(FIELDS)}"""' in lines
    assert read_modelfile(text) == modelfile.of(base, "./digest.q8_0.gguf", "./a.gguf")


WORDS = st.text(st.characters(exclude_characters='"\r', exclude_categories=["Cs"]))


@given(WORDS, WORDS, st.lists(st.from_regex(r"[<|a-z>]{1,9}", fullmatch=True), min_size=1))
def test_modelfile_reads_what_it_writes(template: str, system: str, stops: list[str]) -> None:
    made = Modelfile("./x.gguf", template, system, "", {"stop": stops, "num_ctx": "4096"})
    assert read_modelfile(made.render()) == made


def test_modelfile_of_others_is_refused_where_it_is_not_understood() -> None:
    with pytest.raises(ConfigError, match="LICENSE"):
        read_modelfile("FROM x\nLICENSE mine\n")
    with pytest.raises(ConfigError, match="FROM"):
        read_modelfile("# nothing\n")


def test_questions_are_readable_stories() -> None:
    questions = export.questions()
    assert len(questions) == 30
    assert len({question.text for question in questions}) == 30


@pytest.fixture
def run(base: Path, rows: list[Row], rows_file: Path, tmp_path: Path) -> Path:
    overrides = [f"out={tmp_path / 'run'}", f"data.rows={rows_file}", "train.epochs=1"]
    config = load(
        None, [*overrides, "train.validate_every=1", "train.examine_every=0", "lora.rank=2"]
    )
    prepared.write(config.data, config.out / "data")
    train(config, base, (rows[:9], rows[9:]), Tokens.load(base))
    return config.out


def form(quantization: str, same: int) -> verify.Form:
    makeup = Makeup(quantization, 145_000_000, 8.51, {"Q8_0": 9}, {"x": "Q5_0"}, 8192)
    return verify.Form(Agreement(2, 1, 16, same), makeup)


def test_only_forms_that_round_little_must_agree() -> None:
    verify.demand({"merged F16": form("F16", 16), "merged Q8_0": form("Q8_0", 3)}, 0.95)
    for name, kind in (("merged F16", "F16"), (verify.ADAPTER, "F16")):
        with pytest.raises(DigestError, match=r"15 of 16 fields.*95%"):
            verify.demand({name: form(kind, 15)}, 0.95)


def test_shipped_folder(
    run: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = Adapter.load(run / "adapter")
    home = export.Base(tmp_path / "none.gguf", base)
    done = export.export(adapter, home, tmp_path / "ship", export.Wanted("tiny"), str)
    assert done.adapter and done.adapter.read_bytes()[:4] == b"GGUF"
    assert "ADAPTER ./adapter.gguf" in done.modelfile.read_text()
    assert sorted(p.name for p in (tmp_path / "ship").iterdir()) == ["Modelfile", "adapter.gguf"]

    exams = {"ours": {"n": 40, "valid": 0.5, "valid_low": 0.4, "valid_high": 0.6}}
    table = {"merged Q8_0": form("Q8_0", 15)}
    told = card.write(tmp_path / "ship", card.Run.read(run), exams, table, averaged=3)
    text = told.read_text()
    facts = json.loads((run / "data" / prepared.FACTS).read_text())
    for part in ("train", "validation"):
        assert facts[part]["sha256"] in text
    assert "| valid | 0.500 [0.400, 0.600] |" in text
    assert "| merged Q8_0 | 145 MB | 8.51 | 1 | 93.8% (15/16) | 1/2 |" in text
    assert "mean of the last 3 checkpoints" in text
    both = card.Run.read(run)
    text = card.write(tmp_path, both, exams, table, averaged=3, further=[both]).read_text()
    assert "a mean of 3, of this run and of those named below" in text
    assert "on the same rows in another order" in text
    few = card.write(tmp_path, card.Run.read(run), {"ours": {"n": 29, "valid": 1}}, {}, averaged=1)
    assert "too few rows" in few.read_text() and "| valid |" not in few.read_text()

    monkeypatch.setattr(export, "LIMIT", 100)
    with pytest.raises(DigestError, match=r"lora\.rank"):
        export.export(adapter, home, tmp_path / "other", export.Wanted("tiny"), str)
    assert not list((tmp_path / "other").iterdir())


def test_the_card_says_whose_quotations_were_learnt(run: Path, tmp_path: Path) -> None:
    own = card.Run.read(run)
    text = card.write(tmp_path, own, {}, {}, averaged=1).read_text()
    assert "the model's own words" in text and "## Quotations" not in text
    assert "answered in English" in text and "copied" not in text

    (tmp_path / "q.jsonl").write_text(
        "".join(
            json.dumps({"id": f"r{n}", "headline_ok": True, "headline": "", "summary": [[0, 20]],
                        "highlights": []}) + "\n"
            for n in (1, 2, 77)
        )
    )  # fmt: skip
    rows = own.config["data"]["rows"]
    overrides = [f"out={tmp_path / 'other'}", f"data.rows={rows}"]
    overrides += [f"data.quotes={tmp_path / 'q.jsonl'}", "data.editor=two annotators"]
    config = load(None, overrides)
    facts = prepared.write(config.data, config.out / "data")
    quoting = card.Run(config.model_dump(mode="json"), facts, own.log)
    text = card.write(tmp_path, quoting, {}, {}, averaged=1).read_text()
    assert "learnt as sentences copied from the story" in text and "own words" not in text
    assert f"- choice: `q.jsonl`, SHA-256 `{facts['quotes']['sha256']}`" in text
    assert "- editor: two annotators\n" in text and "quoted in their own" in text
    counts = [facts[part]["chosen"] for part in ("train", "validation")]
    assert sum(counts) == 2
    assert f"- train: {counts[0]} of {facts['train']['rows']} rows\n" in text
    assert "names, domains, relevance_score, key_insights, company_names only" in text
    # A run that was prepared before this was kept knows no more than its configuration.
    del facts["quotes"], facts["train"]["chosen"], facts["validation"]["chosen"]
    text = card.write(tmp_path, quoting, {}, {}, averaged=1).read_text()
    assert "- choice: `q.jsonl`\n" in text and "- train:" not in text


def test_nothing_to_export_is_said(base: Path) -> None:
    with pytest.raises(ConfigError, match="--quant"):
        export.Wanted(adapter=False)


def test_card_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="digest finetune prepare"):
        card.Run.read(tmp_path)

"""What is learnt beside digests: what an example holds, and that it comes out again."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import ConfigError, WeightsError
from digest.model.weights import Weights
from digest.schema import DigestFields, Row
from finetune.config import Config, Data, load
from finetune.data import prepared
from finetune.data.encoding import bucketed
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.rouge import rouge
from finetune.export import export as shipping
from finetune.export.adapters import Adapter
from finetune.tasks import registry, summaries
from finetune.tasks.base import Sample
from finetune.tasks.complete import Completions, exported, trained
from finetune.tasks.examples import END
from finetune.tasks.template import MARK, Template
from finetune.tasks.text import PIECE, Text, cut
from finetune.train.base import Tokens
from finetune.train.learner import Learner
from finetune.train.loop import train

PLAIN = "### title: {title} ### description: {text}"
MARKED = "### title: {title} ### description: {generate}{text}"
VALUES = st.text(st.characters(exclude_categories=["Cs", "Co"]), min_size=1).map(str.strip)


class Characters:
    """A character is a token; the end-of-text token is one, too."""

    def prompt(self, text: str) -> list[int]:
        return [0] if text == END else [ord(c) for c in text]

    def plain(self, text: str) -> list[int]:
        return [ord(c) for c in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))


# --- templates -----------------------------------------------------------------------------------


@settings(deadline=None)  # the machine may be busy
@given(VALUES, VALUES)
def test_what_is_given_and_what_is_learnt_make_the_whole(title: str, text: str) -> None:
    values = {"title": title, "text": text}
    given, learnt = Template(MARKED, Data()).fill(values)
    nothing, everything = Template(PLAIN, Data()).fill(values)
    assert (nothing, everything) == ("", given + learnt)
    assert given == Template(MARKED, Data()).prompt({"title": title})
    assert given == Template(PLAIN, Data()).prompt({"prompt": title})
    assert learnt.startswith(" ") and not given.endswith(" ")


def test_single_braces_and_jinja_are_the_same() -> None:
    values = {"title": "A bridge", "text": "It is for bees."}
    other = Template("### title: {{ title }} ### description: {{ generate }}{{text}}", Data())
    assert other.fill(values) == Template(MARKED, Data()).fill(values)
    shouted = Template(
        "{% if tone %}({{ tone }}) {% endif %}{{ title | upper }}:{{ text }}", Data()
    )
    assert shouted.asked == ("tone", "title")
    assert shouted.prompt({"title": "a", "tone": "dry"}) == "(dry) A:"
    with pytest.raises(ConfigError, match="--set NAME=VALUE"):
        shouted.prompt({"prompt": "a"})


def test_values_are_no_templates_and_no_control_tokens() -> None:
    values = {"title": "{{ 7 * 7 }} {generate}", "text": "<|im_end|> {% raw %}"}
    given, learnt = Template(MARKED, Data()).fill(values)
    assert "{{ 7 * 7 }} {generate}" in given and "49" not in given
    assert "<im_end> {% raw %}" in learnt


@pytest.mark.parametrize(
    "source",
    ["{{ ''.__class__.__mro__ }}{{ title }}", "{{ title.__init__.__globals__ }}",
     "{{ cycler.__init__.__globals__.os.popen('id') }}{{ title }}"],
)  # fmt: skip
def test_templates_run_in_a_sandbox(source: str) -> None:
    with pytest.raises(ConfigError, match="cannot be filled in"):
        Template(source, Data()).fill({"title": "x"})


@pytest.mark.parametrize("source", ["", "no names", "{title", "{0}", "{title!r}", "{generate}"])
def test_templates_that_are_none_are_refused(source: str) -> None:
    with pytest.raises(ConfigError, match="template"):
        Template(source, Data())


def test_a_record_without_a_column_is_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    records = [{"headline": "A", "content": "B", "tone": "dry"}, {"headline": "A", "content": "B"}]
    path.write_text("\n".join(map(json.dumps, records)))
    run = load(None, ["task=template", "template={title} {tone} {text}", f"data.rows={path}"])
    facts = prepared.write(run.data, tmp_path / "data", run)
    assert facts["source"]["rows"] == 1 and facts["refused"]["why"] == {"no tone": 1}
    (row,) = prepared.load(run.data, tmp_path / "data", run).train
    assert isinstance(row, Sample)
    assert row.values == {"title": "A", "tone": "dry", "text": "B"}
    other = run.model_copy(update={"template": "{title}: {text}"})
    assert prepared.load(other.data, tmp_path / "data", other).facts["source"]["rows"] == 2


def test_only_what_comes_after_the_mark_is_learnt() -> None:
    values = {"title": "A bridge", "text": "It is for bees."}
    row = Sample(id="1", group="1", text="x", values=values)
    (example,) = Template(MARKED, Data()).fixed([row], Characters())
    assert Characters().decode(example.prompt) == "### title: A bridge ### description:"
    assert Characters().decode(example.answer[:-1]) == " It is for bees."
    assert example.answer[-1:] == (0,)
    long = row.model_copy(update={"values": values | {"text": "Bees fly. " * 99}})
    (short,) = Template(MARKED, Data(length=100)).fixed([long], Characters())
    assert short.cut and len(short) < 150
    assert MARK not in Template(MARKED, Data()).names


# --- texts ---------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1), st.integers(2, 9))
def test_every_token_of_a_text_is_learnt_once(text: str, length: int) -> None:
    row = Sample(id="1", group="1", text=text)
    windows = Text(Data(length=length)).fixed([row], Characters())
    learnt = [token for window in windows for token in window.answer]
    assert learnt == [*map(ord, text), 0]
    context = [0, *learnt]
    at = 0
    for window in windows:
        assert window.prompt == (context[at],) and len(window) <= length
        at += len(window.answer)


@given(st.lists(st.sampled_from(["word ", "line\n", "\n\n", "x" * 999]), max_size=120))
@settings(max_examples=30, deadline=None)
def test_pieces_of_a_long_text_make_it_again(parts: list[str]) -> None:
    text = "".join(parts) * 3
    pieces = list(cut(text))
    assert "".join(pieces) == text
    assert all(len(piece) <= PIECE for piece in pieces)


def test_texts_are_read_from_any_file(tmp_path: Path) -> None:
    plain, lines = tmp_path / "posts.txt", tmp_path / "posts.jsonl"
    plain.write_text(f"One, and more.\n{END}\nTwo.\n")
    lines.write_text('{"text": "One, and more."}\n{"text": "Two."}\n{"title": "No text"}\n')
    for path, refused in ((plain, 0), (lines, 1)):
        run = load(None, ["task=text", f"data.rows={path}", "data.split.validation=0"])
        folder = tmp_path / f"of-{path.name}"
        found = prepared.load(run.data, folder, run)
        assert [row.text for row in found.train] == ["One, and more.", "Two."]
        assert found.facts["refused"]["records"] == refused


def test_a_book_stays_on_one_side_of_the_split(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("A sentence of a long book. " * 2000)
    run = load(None, ["task=text", f"data.rows={path}"])
    found = prepared.load(run.data, tmp_path / "data", run)
    sides = (found.train, found.validation)
    assert sorted(bool(len(side)) for side in sides) == [False, True]
    (rows,) = (side for side in sides if len(side))
    assert len(rows) == 3 and len({row.group for row in rows}) == 1
    tokens = [t for w in Text(run.data).fixed(list(rows), Characters()) for t in w.answer]
    assert tokens.count(0) == 1 and tokens[-1] == 0


# --- learning ------------------------------------------------------------------------------------


def tiny(tmp_path: Path, *overrides: str) -> Config:
    rows = tmp_path / "rows.jsonl"
    texts = (f"Gull {n} sat on the quay. " * (1 + n % 3) for n in range(12))
    rows.write_text("\n".join(json.dumps({"text": t, "title": f"Gull {t[5]}"}) for t in texts))
    fixed = ["train.epochs=2", "train.batch=4", "train.lr=1e-2", "train.dtype=float32",
             "train.threads=1", "lora.rank=4", "data.length=48"]  # fmt: skip
    return load(None, [f"out={tmp_path / 'run'}", f"data.rows={rows}", *fixed, *overrides])


def taught(config: Config, base: Path) -> Path:
    rows = prepared.load(config.data, config.out / "data", config)
    folder = train(config, base, (rows.train, rows.validation), Tokens.load(base))
    assert folder
    return folder


def test_packed_examples_do_not_see_each_other(base: Path, tmp_path: Path) -> None:
    config = tiny(tmp_path, "task=text")
    rows = prepared.load(config.data, tmp_path / "data", config)
    examples = registry.open_task(config).fixed(rows.train, Tokens.load(base))
    alone = Learner(config, base).loss(examples)
    how = config.train.model_copy(update={"packed": True})
    learner = Learner(config.model_copy(update={"train": how}), base)
    assert max(map(len, bucketed(examples, how.micro_tokens))) > 1
    assert learner.loss(examples) == pytest.approx(alone, rel=1e-5)
    # The measure is worth something: in one row without new positions they do see each other.
    import torch

    ids = torch.tensor([[t for e in examples[:4] for t in e.prompt + e.answer]])
    first = len(examples[0])
    with torch.no_grad():
        seeing = learner.inner(input_ids=ids).logits[0, first]
        blind = learner.inner(input_ids=ids[:, first:]).logits[0, 0]
    assert not torch.allclose(seeing, blind, atol=1e-4)


@pytest.mark.parametrize("tied", [True, False])
def test_embeddings_are_learnt_at_their_own_rate_and_exported(
    base: Path, tmp_path: Path, tied: bool
) -> None:
    """The base ties table and head; what llama.cpp writes is what PEFT writes."""
    pytest.importorskip("xllamacpp")
    import torch
    from transformers import AutoModelForCausalLM

    if not tied:
        folder = tmp_path / "untied"
        model = AutoModelForCausalLM.from_pretrained(base, tie_word_embeddings=False)
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().flip(1).clone())
        model.save_pretrained(folder)
        (folder / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
        base = folder
    config = tiny(
        tmp_path, "task=text", "lora.embeddings=true", "lora.rslora=true", "train.embedding_lr=1e-3"
    )
    learner = Learner(config, base)
    whole = [name for name in learner.names if "modules_to_save" in name]
    assert len(whole) == (1 if tied else 2)
    assert [group["share"] for group in learner.optimizer.param_groups] == [1.0, 0.1]
    folder = taught(config, base)
    adapter = Adapter.load(folder)
    assert adapter.scale == pytest.approx(32 / 4**0.5)
    table = adapter.tensors["base_model.model.model.embed_tokens.weight"]
    before = AutoModelForCausalLM.from_pretrained(base).model.embed_tokens.weight.detach().numpy()
    assert abs(table - before).max() > 1e-4
    with (
        pytest.raises(WeightsError, match="--no-adapter"),
        shipping.open_base(base, base) as opened,
    ):
        shipping.export(adapter, opened, tmp_path / "no", shipping.Wanted("x"), str)
    with shipping.open_base(base, base) as opened:
        wanted = shipping.Wanted("x", adapter=False, quantizations=("F32",))
        done = shipping.export(adapter, opened, tmp_path / "ship", wanted, str)
        questions = shipping.questions()[:3]
        table = shipping.prove(adapter, opened, done, (), questions, str)
    agreement = table["merged F32"].agreement
    assert agreement.fields and agreement.share == 1
    # It can be gone on from.
    warm = config.model_copy(update={"init": str(folder), "out": tmp_path / "warm"})
    rows = prepared.load(config.data, config.out / "data", config).train
    examples = registry.open_task(config).fixed(rows, Tokens.load(base))
    assert Learner(warm, base).loss(examples) < learner.loss(examples)


@pytest.mark.parametrize(
    ("settings", "template", "system"),
    [
        (("task=text",), "{{ .Prompt }}", False),
        (("task=template", f"template={MARKED}"),
         "### title: {{ .Prompt }} ### description:", False),
        (("task=template", "template={title} by {source}: {text}"), "{{ .Prompt }}", False),
        (("task=summarize", "lang=en", "train.examine_every=1"), "{{ range .Messages }}", True),
    ],
)  # fmt: skip
def test_exported_models_write_what_the_trained_one_does(
    base: Path, tmp_path: Path, settings: tuple[str, ...], template: str, system: bool
) -> None:
    pytest.importorskip("xllamacpp")
    config = tiny(tmp_path, *settings)
    more = {"source": "me", "summary": "A gull sat on the quay."}
    rows = [json.loads(line) | more for line in config.data.rows.open()]
    config.data.rows.write_text("\n".join(map(json.dumps, rows)))
    adapter = Adapter.load(taught(config, base))
    with shipping.open_base(base, base) as opened:
        wanted = shipping.Wanted("x", adapter=False, quantizations=("F32",))
        done = shipping.export(adapter, opened, tmp_path / "ship", wanted, str)
    from digest.model.modelfile import parse

    made = parse(done.modelfile.read_text())
    assert made.template.startswith(template) and bool(made.system) is system
    given = {"title": "Gull 3", "source": "me", "prompt": "Gull 3"}
    answers = []
    for model in (exported(done.merged["F32"]), trained(base, config.out / "adapter")):
        answers.append(model.complete(given, 24))
        assert model.task.name == config.task
        model.writer.close()
    assert answers[0] == answers[1]


def test_four_bits_are_refused_without_a_gpu(base: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="needs a GPU"):
        Learner(tiny(tmp_path, "task=text", "train.load_in_4bit=true"), base)


def test_four_bits_are_asked_for_as_transformers_knows_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    from finetune.train import base as bases

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(bases, "find_spec", lambda _name: object())
    how = bases._four_bits(torch.bfloat16).to_dict()
    assert how["load_in_4bit"] and how["bnb_4bit_quant_type"] == "nf4"
    assert how["bnb_4bit_use_double_quant"] and "bfloat16" in str(how["bnb_4bit_compute_dtype"])


def test_an_adapter_says_what_it_was_taught(base: Path, tmp_path: Path) -> None:
    folder = taught(tiny(tmp_path, "task=text"), base)
    assert registry.read(folder)["task"] == "text"
    assert registry.open_taught(Adapter.load(folder).task).name == "text"
    (folder / registry.FILE).write_text('{"task": "other"}')
    with pytest.raises(ConfigError, match=r"task\.json"):
        registry.read(folder)


# --- summaries -----------------------------------------------------------------------------------


def summed(number: int, lang: str, summary: str) -> Row:
    digest = DigestFields(summary=summary)
    return Row(id=str(number), group=str(number), lang=lang, text="texto", digest=digest)


def test_summaries_are_measured_language_by_language() -> None:
    rows = [
        summed(1, "pt", "A câmara abriu uma ponte nova sobre o rio."),
        summed(2, "pt", "Os moradores não gostaram da obra na praça."),
        summed(3, "zh", "市政府昨天开放了一座新桥。"),
    ]
    said = [Prediction("1", rows[0].digest), Prediction("2", None), Prediction("3", rows[2].digest)]
    table = summaries.by_language(rows, said)
    assert table["pt"]["n"] == 2 and table["pt"]["rouge_lsum"] == pytest.approx(0.5)
    assert table["zh"]["rouge_lsum"] == pytest.approx(1)
    assert table["pt"]["rouge_lsum_low"] <= 0.5 <= table["pt"]["rouge_lsum_high"]
    assert rouge("não", "na o", any_script=True)["rouge_1"] == 0
    assert rouge("não", "n o")["rouge_1"] == 1  # as Google's package counts


def test_long_summaries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    records = [{"text": "Um texto.", "summary": "palavra " * n} for n in (5, 14, 40)]
    path.write_text("\n".join(map(json.dumps, records)))
    run = load(None, ["task=summarize", "lang=pt", "n_words=10", f"data.rows={path}"])
    facts = prepared.write(run.data, tmp_path / "data", run)
    assert facts["source"]["rows"] == 2 and facts["refused"]["records"] == 1


def test_completions_are_compared_up_to_the_first_difference(base: Path) -> None:
    found = Completions(registry.open_taught({}), base).compare(
        ["a b c", "x y"], ["a b d e", "x y"]
    )
    assert (found.fields, found.same_fields, found.same_answers) == (10, 7, 1)
    assert "7 of 10 characters" in str(found)


def test_exported_wants_a_modelfile(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(ConfigError, match="Modelfile"):
        exported(Weights(tmp_path / "x.gguf", None, "x").path)

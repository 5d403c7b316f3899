"""The nineteen traps of exporting to GGUF and Ollama, each a test named after it.

On the real base where its weights are in the cache, and on tiny random models of the shapes of
Llama 3.2 and Qwen 2.5, with tokenizers and chat templates of those kinds made here.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digest.engines.embedded import EmbeddedEngine
from digest.errors import ConfigError, WeightsError
from digest.grammar import answer_budget, gbnf
from digest.model import quantize, weights
from digest.model.merge import merge
from digest.model.modelfile import parse as read_modelfile
from digest.model.verify import compare
from digest.prompt import STOP, Message, chatml, messages
from digest.protocols import Answer, Ask
from digest.schema import FIELDS, DigestFields, Row, json_schema, parse
from finetune.data.encoding import encode
from finetune.export import export as shipping
from finetune.export import gotemplate, modelfile
from finetune.export.adapters import Adapter, write_gguf
from finetune.export.convert import to_gguf
from finetune.train.base import Tokens, converted

torch = pytest.importorskip("torch", reason="the extra `finetune` is not installed")
gguf = pytest.importorskip("gguf")
pytest.importorskip("xllamacpp")

torch.set_num_threads(1)  # the models are tiny: threads would only wait for each other

WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHATML = (
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}<|im_start|>system\n"
    "You are helpful.<|im_end|>\n{% endif %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HEADERS = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{% if m.role == 'system' %}Cutting Knowledge Date: December 2023\n\n{% endif %}"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
CORPUS = [
    "Acme opens a plant in Ghent on Monday; it cost 3 million euros and 40 people.",
    'The answer is {"title":"Acme opens a plant","names":["Acme","Ghent"]} and no more.',
    "We're told that they'll open 2,048 shops in 2027. It's a lot, isn't it?",
]
CHATS: list[list[Message]] = [
    messages("A title", "Ünïcode, 漢字 and 🙂.\n\n  * 1,234 of 56789 tokens\n\n\nEnd's here."),
    messages("", "No <|im_start|>user heading", ("title", "names")),
    [
        *messages("One", "Two"),
        {"role": "assistant", "content": "{}"},
        {"role": "user", "content": "x"},
    ],
]
TINY = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048, "initializer_range": 0.25,
}  # fmt: skip


@dataclass(frozen=True)
class Kit:
    """A base in both forms, a random adapter for it, and the tokenizer as transformers has it."""

    name: str
    base: shipping.Base
    adapter: Adapter
    tokenizer: Any

    def template(self) -> str:
        """What the Modelfile would say for the base's own chat template."""
        added = self.tokenizer("").input_ids
        bos = self.tokenizer.bos_token if added else ""
        return modelfile.template(
            lambda turns, begin: self.tokenizer.apply_chat_template(
                list(turns), tokenize=False, add_generation_prompt=begin
            ),
            bos,
        )


def tiny_tokenizer(folder: Path, kind: str) -> dict[str, int]:
    """tokenizer.json, its configuration and chat template; returns the special tokens' ids."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    control = {
        "llama32": ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
                    "<|end_header_id|>", "<|eot_id|>"],
        "qwen25": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    }[kind]  # fmt: skip
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind == "llama32"))
    digits = r"\p{N}{1,3}" if kind == "llama32" else r"\p{N}"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS % digits), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=360, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    tokenizer.add_special_tokens(control)
    ids = {word: tokenizer.token_to_id(word) for word in control}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": control[-1]}
    if kind == "llama32":
        first = control[0]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A",
            pair=f"{first} $A {first} $B",
            special_tokens=[(first, ids[first])],
        )
        settings |= {"bos_token": first, "chat_template": HEADERS}
    else:
        settings |= {"bos_token": None, "pad_token": control[0], "chat_template": CHATML}
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return ids


def tiny_base(folder: Path, kind: str) -> Path:
    """A random model of the family's shape, as its authors would publish it."""
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    folder.mkdir()
    torch.manual_seed(7)
    if kind == "llama32":  # tied, stretched rotary embeddings, two ends
        ids = tiny_tokenizer(folder, kind)
        ends = [ids["<|end_of_text|>"], ids["<|eot_id|>"]]
        rope = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0,
                "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64}  # fmt: skip
        model: Any = LlamaForCausalLM(LlamaConfig(
            **TINY, vocab_size=384, bos_token_id=ids["<|begin_of_text|>"], eos_token_id=ends,
            tie_word_embeddings=True, rope_parameters=rope, rms_norm_eps=1e-5,
        ))  # fmt: skip
    else:  # biases, an output of its own, rows of the table without a token
        ids = tiny_tokenizer(folder, kind)
        model = Qwen2ForCausalLM(Qwen2Config(
            **TINY, vocab_size=384, bos_token_id=ids["<|endoftext|>"], rms_norm_eps=1e-6,
            eos_token_id=ids[STOP], tie_word_embeddings=False,
            rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        ))  # fmt: skip
        model.generation_config.eos_token_id = [ids[STOP], ids["<|endoftext|>"]]
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    return folder


def random_adapter(config: dict[str, Any], rank: int = 4, std: float = 0.05) -> Adapter:
    """As PEFT would save it, on all linear layers."""
    draw = np.random.default_rng(3)
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    width = config.get("head_dim") or hidden // heads
    inner, keys = config["intermediate_size"], config["num_key_value_heads"] * width
    shapes = {
        "self_attn.q_proj": (heads * width, hidden), "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden), "self_attn.o_proj": (hidden, heads * width),
        "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }  # fmt: skip
    tensors = {}
    for block in range(config["num_hidden_layers"]):
        for part, (out, into) in shapes.items():
            name = f"base_model.model.model.layers.{block}.{part}"
            for half, shape in (("A", (rank, into)), ("B", (out, rank))):
                values = draw.normal(0, std * (4 if half == "A" else 1), shape)
                tensors[f"{name}.lora_{half}.weight"] = values.astype(np.float32)
    settings = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank,
        "target_modules": [part.partition(".")[2] for part in shapes],
        "base_model_name_or_path": None, "bias": "none",
    }  # fmt: skip
    return Adapter(tensors, settings)


def kit(name: str, home: Path) -> Kit:
    from transformers import PreTrainedTokenizerFast

    if name == "smollm2":
        try:
            file = weights.base_weights()
        except WeightsError as missing:
            pytest.skip(str(missing))
        base = shipping.Base(file, converted(file, weights.cache() / "converted"))
        adapter = random_adapter(base.config(), rank=2, std=0.02)
    else:
        folder = tiny_base(home / name, name)
        to_gguf(folder, home / f"{name}.gguf", name)
        base = shipping.Base(home / f"{name}.gguf", folder)
        adapter = random_adapter(base.config())
    return Kit(name, base, adapter, PreTrainedTokenizerFast.from_pretrained(base.folder))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traps")


@pytest.fixture(
    scope="module",
    params=[pytest.param("smollm2", marks=pytest.mark.model), "llama32", "qwen25"],
)
def any_kit(request: pytest.FixtureRequest, home: Path) -> Kit:
    return kit(request.param, home)


@pytest.fixture(scope="module", params=["llama32", "qwen25"])
def tiny(request: pytest.FixtureRequest, home: Path) -> Kit:
    folder = home / "again"
    folder.mkdir(exist_ok=True)
    scratch = folder / request.param
    scratch.mkdir()
    return kit(request.param, scratch)


@pytest.fixture(scope="module")
def qwen(home: Path) -> Kit:
    scratch = home / "qwen"
    scratch.mkdir()
    return kit("qwen25", scratch)


@contextmanager
def served(path: Path, adapter: Path | None = None, grammar: bool = False) -> Iterator[Any]:
    engine = EmbeddedEngine(
        weights.Weights(path, adapter, path.stem), threads=1, slots=1, grammar=grammar
    )
    try:
        yield engine
    finally:
        engine.close()


def tokenized(engine: EmbeddedEngine, text: str) -> list[int]:
    """As the server tokenizes a rendered prompt: with what the vocabulary adds by itself."""
    body = {"content": text, "add_special": True, "parse_special": True}
    return list(engine._http.post("/tokenize", json=body).raise_for_status().json()["tokens"])


def likeliest(engine: EmbeddedEngine, prompt: Sequence[int]) -> dict[int, float]:
    """Log-probabilities of the ten likeliest next tokens."""
    body = {"prompt": list(prompt), "n_predict": 1, "n_probs": 10, "temperature": 0}
    answer = engine._http.post("/completion", json=body).raise_for_status().json()
    (first,) = answer["completion_probabilities"]
    return {one["id"]: one["logprob"] for one in first["top_logprobs"]}


def log_probabilities(model: Any, prompt: Sequence[int]) -> Any:
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([list(prompt)])).logits[0, -1].float()
    return torch.log_softmax(logits, -1).numpy()


def furthest(engine: EmbeddedEngine, model: Any, prompt: Sequence[int]) -> float:
    wanted = log_probabilities(model, prompt)
    return max(abs(value - wanted[token]) for token, value in likeliest(engine, prompt).items())


def adapted(kit: Kit, folder: Path) -> Any:
    from peft import PeftModel

    from finetune.train.base import model, quietly

    with quietly():
        bare: Any = model(kit.base.folder)
        return PeftModel.from_pretrained(bare, str(kit.adapter.save(folder))).eval()


# --- the traps ----------------------------------------------------------------------------------


def test_trap_01_template_missing_or_different(any_kit: Kit) -> None:
    """What Ollama renders is, token by token, what the base's own chat template makes."""
    template = any_kit.template()
    with served(any_kit.base.gguf) as engine:
        for chat in CHATS:
            wanted = any_kit.tokenizer.apply_chat_template(
                list(chat), add_generation_prompt=True, return_dict=False
            )
            assert tokenized(engine, gotemplate.render(template, chat)) == wanted


def test_trap_01_the_modelfile_is_faithful_to_training() -> None:
    template = modelfile.template(modelfile.training)
    for chat in CHATS:
        assert gotemplate.render(template, chat) == chatml(chat)


def test_trap_01_a_template_that_looks_beyond_roles_is_refused() -> None:
    def counting(turns: Sequence[Message], begin: bool) -> str:
        return modelfile.training(turns, begin) + f"[{len(turns)}]"

    with pytest.raises(ConfigError, match="chat template"):
        modelfile.template(counting)


def test_trap_02_modelfile_not_written(qwen: Kit, tmp_path: Path) -> None:
    wanted = shipping.Wanted("tiny", quantizations=("Q8_0", "F16"))
    done = shipping.export(qwen.adapter, qwen.base, tmp_path / "out", wanted, str)
    written = read_modelfile(done.modelfile.read_text())
    assert (done.modelfile.parent / written.source).read_bytes()[:4] == b"GGUF"
    assert quantize.makeup(done.modelfile.parent / written.source).quantization == "Q8_0"
    assert written.system.startswith("digest: ") and "{{ .Content }}" in written.template
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "Modelfile", "adapter.gguf", "tiny.f16.gguf", "tiny.q8_0.gguf",
    ]  # fmt: skip


def test_trap_03_double_bos(any_kit: Kit) -> None:
    """One beginning token where the tokenizer adds one, none elsewhere, in what is served."""
    rendered = gotemplate.render(any_kit.template(), CHATS[0])
    begins = any_kit.tokenizer("").input_ids
    with served(any_kit.base.gguf) as engine:
        ids = tokenized(engine, rendered)
        assert ids[: len(begins)] == begins and ids[:1] != ids[1:2]
        if any_kit.name == "llama32":
            assert begins and ids.count(begins[0]) == 1
        else:
            assert ids == Tokens.load(any_kit.base.folder).prompt(chatml(CHATS[0]))


def test_trap_04_bos_that_does_not_exist(any_kit: Kit, tmp_path: Path) -> None:
    merge(any_kit.base.gguf, None, tmp_path / "m.gguf", "F16")
    fields = gguf.GGUFReader(tmp_path / "m.gguf").fields
    told = {key: fields[f"tokenizer.ggml.{key}"].contents() for key in (
        "bos_token_id", "eos_token_id", "add_bos_token", "tokens")}  # fmt: skip
    tokenizer = any_kit.tokenizer
    assert told["eos_token_id"] == tokenizer.eos_token_id
    assert told["add_bos_token"] == bool(tokenizer("").input_ids)
    named = tokenizer.bos_token or tokenizer.convert_ids_to_tokens(
        any_kit.base.config()["bos_token_id"]
    )
    assert told["tokens"][told["bos_token_id"]] == named
    assert told["tokens"][told["bos_token_id"]] in tokenizer.get_added_vocab()


def test_trap_05_wrong_stop(any_kit: Kit, tmp_path: Path) -> None:
    """Every token that the base ends with is a stop; a base without ours is refused."""
    if any_kit.name == "llama32":
        with pytest.raises(ConfigError, match=re.escape("<|im_start|>")):
            shipping.export(any_kit.adapter, any_kit.base, tmp_path, shipping.Wanted(), str)
        assert not list(tmp_path.iterdir())
        return
    stops = modelfile.stops(any_kit.base.folder)
    assert stops[0] == STOP
    ends = json.loads((any_kit.base.folder / "generation_config.json").read_text())["eos_token_id"]
    ends = ends if isinstance(ends, list) else [ends]
    assert set(any_kit.tokenizer.convert_ids_to_tokens(ends)) <= set(stops)


ROW = Row(
    id="1", group="1", title="Plants", text="Acme opened a plant in Ghent on Monday.",
    digest=DigestFields(title="BANANAPHONE42"),
)  # fmt: skip


def test_trap_06_pad_masks_the_end(any_kit: Kit) -> None:
    """The stop token is learnt, whatever fills up batches: padding is told by position."""
    from finetune.train.learner import collate

    if any_kit.name == "llama32":
        pytest.skip("its tokenizer has no ChatML, so nothing is trained over it")
    tokens = Tokens.load(any_kit.base.folder)
    long = encode(ROW, ("title",), 100, tokens)
    short = encode(ROW.model_copy(update={"text": "Acme."}), ("title",), 100, tokens)
    (stop,) = tokens.prompt(STOP)
    _, mask, _, _, targets = collate([long, short], pad=stop)
    assert targets.tolist().count(stop) == 2
    assert mask.sum(1).tolist() == [len(long), len(short)]


def test_trap_07_response_mask(any_kit: Kit) -> None:
    """What the loss is taken on, read back, is the answer and its stop token."""
    from finetune.train.learner import collate

    if any_kit.name == "llama32":
        pytest.skip("its tokenizer has no ChatML, so nothing is trained over it")
    tokens = Tokens.load(any_kit.base.folder)
    example = encode(ROW, ("title",), 100, tokens)
    ids, _, rows, columns, targets = collate([example], pad=0)
    assert tokens.decode(targets.tolist()) == '{"title":"BANANAPHONE42"}' + STOP
    assert ids[rows, columns + 1].tolist() == targets.tolist()
    before = tokens.decode(ids[0, : int(columns[0]) + 1].tolist())
    assert before == chatml(messages(ROW.title, ROW.text, ("title",)))


def test_trap_08_merge_loses_the_adapter(any_kit: Kit, tmp_path: Path) -> None:
    """Merged, and as adapter over the base, llama.cpp computes what PEFT does; the base alone
    does not.
    """
    write_gguf(any_kit.adapter, any_kit.base.config(), tmp_path / "a.gguf", {})
    merge(any_kit.base.gguf, tmp_path / "a.gguf", tmp_path / "merged.gguf", "F32")
    merge(any_kit.base.gguf, None, tmp_path / "base.gguf", "F32")
    model = adapted(any_kit, tmp_path / "peft")
    prompt = any_kit.tokenizer.apply_chat_template(CHATS[0], return_dict=False)
    with served(tmp_path / "merged.gguf") as engine:
        assert furthest(engine, model, prompt) < 0.02
    with served(tmp_path / "base.gguf", tmp_path / "a.gguf") as engine:
        assert furthest(engine, model, prompt) < 0.02
    with served(tmp_path / "base.gguf") as engine:
        assert furthest(engine, model, prompt) > 0.1


def test_trap_09_adapter_unsupported(qwen: Kit, tmp_path: Path) -> None:
    """Ollama runs no adapters over this family: refused before anything is written; nor does an
    adapter merge into a base of another family.
    """
    with pytest.raises(ConfigError, match="--quant q8_0"):
        shipping.export(qwen.adapter, qwen.base, tmp_path / "out", shipping.Wanted(), str)
    assert not (tmp_path / "out").exists()
    writer = gguf.GGUFWriter(tmp_path / "llama.gguf", "llama")
    writer.add_float32("adapter.lora.alpha", 1.0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(WeightsError, match="for the family llama"):
        merge(qwen.base.gguf, tmp_path / "llama.gguf", tmp_path / "m.gguf")


@pytest.mark.parametrize(
    "trained_at", [None, "/home/ann/models/base", r"C:\models\base", "org/base"]
)
def test_trap_10_base_path_of_the_training_machine(
    tiny: Kit, tmp_path: Path, trained_at: str | None
) -> None:
    settings = tiny.adapter.config | {"base_model_name_or_path": trained_at}
    Adapter(tiny.adapter.tensors, settings).save(tmp_path / "peft")
    again = Adapter.load(tmp_path / "peft")
    assert again.config["base_model_name_or_path"] == "base"
    write_gguf(again, tiny.base.config(), tmp_path / "a.gguf", {"name": "tiny"})
    content = (tmp_path / "a.gguf").read_bytes()
    assert b"models" not in content and str(tiny.base.folder).encode() not in content


def test_trap_11_k_quant_falls_back(any_kit: Kit, tmp_path: Path) -> None:
    """Widths that are no multiple of 256 do not fit k-quants, and the report says so."""
    merge(any_kit.base.gguf, None, tmp_path / "k.gguf", "Q4_K_M")
    merge(any_kit.base.gguf, None, tmp_path / "q.gguf", "Q8_0")
    found, plain = quantize.makeup(tmp_path / "k.gguf"), quantize.makeup(tmp_path / "q.gguf")
    assert found.quantization == "Q4_K_M" and plain.fell_back == {}
    if any_kit.name == "smollm2":  # 1,536 columns fit in the second feed-forward matrices only
        assert len(found.fell_back) == 30 * 6 + 1
        assert found.types == {"F32": 61, "Q5_0": 166, "Q8_0": 15, "Q4_K": 16, "Q6_K": 14}
        assert 6 < found.bits_per_weight < 6.4 and 8.5 < plain.bits_per_weight < 8.6
    else:
        assert all(kind in {"Q5_0", "Q8_0"} for kind in found.fell_back.values())
        assert not {"Q4_K", "Q6_K"} & found.types.keys()
    with served(tmp_path / "k.gguf") as engine:
        assert tokenized(engine, "Acme") == any_kit.tokenizer("Acme").input_ids


def test_trap_12_resized_vocabulary(tiny: Kit, tmp_path: Path) -> None:
    """Every tensor has the shape that the configuration promises, and another is refused."""
    config = tiny.base.config()
    shapes = {
        t.name: [int(n) for n in reversed(t.shape)] for t in gguf.GGUFReader(tiny.base.gguf).tensors
    }
    table = [config["vocab_size"], config["hidden_size"]]
    assert shapes["token_embd.weight"] == table
    assert shapes.get("output.weight") == (None if config["tie_word_embeddings"] else table)
    folder = tmp_path / "broken"
    folder.mkdir()
    for file in tiny.base.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 400}))
    with pytest.raises(WeightsError, match=r"config\.json says \(400, 64\)"):
        to_gguf(folder, tmp_path / "broken.gguf", "broken")
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 300}))
    with pytest.raises(WeightsError, match="300 rows"):
        to_gguf(folder, tmp_path / "broken.gguf", "broken")


def test_trap_13_outputs_differ(tiny: Kit, tmp_path: Path) -> None:
    """Greedy continuations of the trained and of the exported model, token by token."""
    write_gguf(tiny.adapter, tiny.base.config(), tmp_path / "a.gguf", {})
    merge(tiny.base.gguf, tmp_path / "a.gguf", tmp_path / "m.gguf", "F32")
    model = adapted(tiny, tmp_path / "peft")
    same = total = 0
    with served(tmp_path / "m.gguf") as engine:
        for number in range(12):
            prompt = tiny.tokenizer.apply_chat_template(
                messages("", f"Plant {number * 37}: " + CORPUS[number % 3]), return_dict=False
            )
            body = {"prompt": prompt, "n_predict": 12, "temperature": 0, "return_tokens": True}
            told = engine._http.post("/completion", json=body).raise_for_status().json()["tokens"]
            with torch.inference_mode():
                ids = model.generate(
                    input_ids=torch.tensor([prompt]), do_sample=False, max_new_tokens=12,
                    attention_mask=torch.ones(1, len(prompt), dtype=torch.long), pad_token_id=0,
                )[0, len(prompt) :].tolist()  # fmt: skip
            pairs = list(zip(ids, told, strict=False))
            same, total = same + sum(a == b for a, b in pairs), total + len(pairs)
    assert total > 60 and same >= 0.95 * total


def test_trap_14_tokenizer_rewritten(any_kit: Kit, tmp_path: Path) -> None:
    """An export leaves the base as it was, and its ends of text too."""

    def prints() -> dict[str, str]:
        files = sorted(any_kit.base.folder.glob("*.json"))
        return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    before, ends = prints(), any_kit.tokenizer.eos_token
    write_gguf(any_kit.adapter, any_kit.base.config(), tmp_path / "a.gguf", {})
    merge(any_kit.base.gguf, tmp_path / "a.gguf", tmp_path / "m.gguf", "Q8_0")
    assert prints() == before
    fields = gguf.GGUFReader(tmp_path / "m.gguf").fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    assert tokens[fields["tokenizer.ggml.eos_token_id"].contents()] == ends


def answer(engine: EmbeddedEngine, ask: Ask) -> Answer:
    (one,) = engine.answer([ask])
    return one


def test_trap_15_structured_output_runs_away(qwen: Kit) -> None:
    """A model that knows nothing, held by the grammar: bounded, compact, never empty."""
    assert r"\t" not in gbnf().split("character ::=")[0] and " ::= ws" not in gbnf()
    fields = ("title", "names", "relevance_score")
    with served(qwen.base.gguf, grammar=True) as engine:
        for number in range(3):
            asked = Ask(messages("", f"Story {number}", fields), fields, answer_budget(fields))
            one = answer(engine, asked)
            assert one.finish in {"stop", "length"}
            assert one.tokens_out <= 2 * answer_budget(fields)  # it has two tries
            assert one.text.startswith('{"title":"')
            if one.finish == "stop":
                told = json.loads(one.text)  # random bytes: too long once they are characters
                assert list(told) == list(fields) and len(told["title"]) >= 3
                assert 1 <= told["relevance_score"] <= 10
    for schema in json_schema()["properties"].values():
        assert {"maxLength", "maxItems", "maximum"} & schema.keys()


def test_trap_16_context_cut_silently(qwen: Kit) -> None:
    """The context is in the Modelfile, no longer than the base's; what is over it is refused."""
    assert modelfile.of(qwen.base.folder, "x").parameters["num_ctx"] == "2048"
    told = answer_to_too_long(qwen)
    assert told.finish == "error" and told.text == "" and told.error


def answer_to_too_long(kit: Kit) -> Answer:
    with served(kit.base.gguf) as engine:
        return answer(engine, Ask(messages("", "plant " * 6000), ("title",), 20))


def test_trap_17_property_order() -> None:
    """llama.cpp's grammar writes required properties first: all are, in reading order."""
    for fields in (FIELDS, ("names", "title"), ("relevance_score", "summary")):
        schema = json_schema(fields)
        assert schema["required"] == list(schema["properties"])
        assert schema["required"] == [name for name in FIELDS if name in fields]


def test_trap_18_disk_shell_and_names(
    qwen: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder with a name of any kind; a full disk is noticed before a byte is written."""
    out = tmp_path / "Ünïcode 模型; $(touch pwned) & 'quotes'"
    wanted = shipping.Wanted("tiny 模型", quantizations=("Q8_0",))
    done = shipping.export(qwen.adapter, qwen.base, out, wanted, str)
    with served(done.merged["Q8_0"]) as engine:
        assert tokenized(engine, "Acme") == qwen.tokenizer("Acme").input_ids
    assert not list(Path.cwd().glob("pwned")) and not (tmp_path / "pwned").exists()
    for name in ("../tiny", "", ".tiny", "a/b"):
        with pytest.raises(ConfigError, match="no name"):
            shipping.Wanted(name)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(WeightsError, match="1,000 free"):
        shipping.export(qwen.adapter, qwen.base, tmp_path / "full", wanted, str)
    assert list((tmp_path / "full").iterdir()) == []


def imprint(base: Path, folder: Path) -> Adapter:
    """An adapter that answers every story with one phrase."""
    from peft import LoraConfig, get_peft_model

    from finetune.train.base import model

    torch.manual_seed(1)
    tokens = Tokens.load(base)
    lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    bare: Any = model(base)
    trained = get_peft_model(bare, lora)
    examples = [
        encode(ROW.model_copy(update={"text": text}), ("title",), 100, tokens) for text in CORPUS
    ]
    optimizer = torch.optim.AdamW([p for p in trained.parameters() if p.requires_grad], lr=1e-2)
    for step in range(150):
        example = examples[step % 3]
        ids = torch.tensor([example.prompt + example.answer])
        labels = ids.clone()
        labels[0, : len(example.prompt)] = -100
        loss = trained(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss < 0.1
    trained.save_pretrained(str(folder))
    return Adapter.load(folder)


def test_trap_19_round_trip(qwen: Kit, tmp_path: Path) -> None:
    """A phrase learnt, exported, quantised and served comes back, and the answer ends by itself
    (trap 5), with and without a grammar. The table that proves it says so too.
    """
    adapter = imprint(qwen.base.folder, tmp_path / "peft")
    wanted = shipping.Wanted("tiny", quantizations=("Q8_0", "Q4_K_M"))
    done = shipping.export(adapter, qwen.base, tmp_path / "out", wanted, str)
    asked = Ask(messages(ROW.title, CORPUS[0], ("title",)), ("title",), 60)
    for path in done.merged.values():
        for grammar in (True, False):
            with served(path, grammar=grammar) as engine:
                one = answer(engine, asked)
                assert one.finish == "stop"
                assert parse(one.text, ("title",)).title == "BANANAPHONE42"
    with served(qwen.base.gguf, grammar=True) as engine:
        assert "BANANAPHONE42" not in answer(engine, asked).text
    assert compare([one.text], [one.text]).share == 1

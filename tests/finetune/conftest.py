"""A tiny random Llama, its byte-level tokenizer, and rows to train it on."""

import json
from pathlib import Path

import pytest

from digest.schema import Row

pytest.importorskip("torch", reason="the extra `finetune` is not installed")

FIELDS = {
    "title": "Acme opens a plant",
    "summary": "Acme opened a plant in Ghent on Monday.",
    "highlights": ["It cost 3 million euros."],
    "names": ["Acme", "Ghent"],
    "domains": ["business"],
    "relevance_score": 4,
    "key_insights": ["Company News"],
    "company_names": ["Acme"],
}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as finetune.train.base.converted makes it: 2 layers, grouped-query attention."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("base")
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*special, *alphabet, "zq"]  # llama.cpp loads no vocabulary without a merge
    vocabulary = {token: number for number, token in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("z", "q")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=64, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048,
        bos_token_id=1, eos_token_id=2, pad_token_id=2, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def row(number: int, **changes: object) -> Row:
    """A labelled row with a group of its own."""
    told = {
        "id": f"r{number}",
        "group": f"g{number}",
        "source": f"paper {number % 3}",
        "title": "Plants",
        "text": f"Acme opened plant {number} in Ghent on Monday. " * (1 + number % 4),
        "digest": FIELDS,
    }
    return Row.model_validate(told | changes)


@pytest.fixture
def rows() -> list[Row]:
    return [row(number) for number in range(12)]


@pytest.fixture
def rows_file(rows: list[Row], tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(r.model_dump(exclude_none=True)) for r in rows), "utf-8")
    return path

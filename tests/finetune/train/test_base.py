"""The real base model: converted from the GGUF in the cache, compared with llama.cpp."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from digest.errors import WeightsError
from digest.model import weights
from finetune.train.base import Tokens, converted, model


@pytest.fixture(scope="module")
def smollm() -> Path:
    try:
        source = weights.base_weights()
    except WeightsError as error:
        pytest.skip(str(error))
    return converted(source, weights.cache() / "converted")


TEXTS = (
    "In 2024, 1½ million users paid $12.50: up 3.1415 %.",
    "Größe, naïve café, 東京で30件, Ελλάδα, emoji 🎉, tab\there",
    "  two  spaces, CamelCase, x_y, https://example.org/?a=1&b=22 <|im_end|>",
)


@pytest.mark.model
def test_tokenizer_equals_llama_cpp(smollm: Path) -> None:
    """Digits stand alone, as in the GGUF's own pre-tokenizer, which transformers loses."""
    from digest.engines.embedded import EmbeddedEngine

    tokens = Tokens.load(smollm)
    engine = EmbeddedEngine(
        weights.Weights(weights.base_weights(), None, "base"), threads=1, slots=1
    )
    try:
        for text in TEXTS:
            assert len(tokens.plain(text)) == engine.count(text)
            assert tokens.decode(tokens.plain(text)) == text
    finally:
        engine.close()
    assert len(tokens.plain("2024")) == 4
    assert tokens.prompt("<|im_end|>") == [2]


@pytest.mark.model
def test_converted_model_knows_the_capital_of_france(smollm: Path) -> None:
    import torch

    from digest.prompt import chatml

    tokens = Tokens.load(smollm)
    prompt = chatml([{"role": "user", "content": "What is the capital of France?"}])
    loaded = model(smollm)
    assert loaded.config.rope_parameters["rope_theta"] == 100000.0
    ids = torch.tensor([tokens.prompt(prompt)])
    with torch.inference_mode():
        out = loaded.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8,
                              do_sample=False, pad_token_id=2)  # fmt: skip
    assert "Paris" in tokens.decode(out[0, ids.shape[1] :].tolist())


def test_missing_weights_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="digest model pull"):
        converted(tmp_path / "none.gguf", tmp_path)


def test_threads_wait_without_spinning() -> None:
    code = (
        "from finetune.train.threads import prepare; import os; n = prepare();"
        "print(n, os.environ['OMP_WAIT_POLICY'], os.environ['GOMP_SPINCOUNT'], prepare(3))"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    count, *rest = done.stdout.split()
    assert 1 <= int(count) <= (os.cpu_count() or 1)
    assert rest == ["PASSIVE", "0", "3"]
    named = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=clean | {"OMP_WAIT_POLICY": "ACTIVE"},
    )  # fmt: skip
    assert named.stdout.split()[1] == "ACTIVE"  # the user's setting stays

from pathlib import Path

import numpy as np
import pytest

from digest.errors import ConfigError, WeightsError
from finetune.export.adapters import Adapter, average, read_gguf, write_gguf
from finetune.export.families import permute


@pytest.fixture
def adapted(base: Path, tmp_path: Path):
    """A random adapter on all linear layers, as PEFT saves it, and the model that carries it."""
    import torch
    from peft import LoraConfig, get_peft_model

    from finetune.config import Lora
    from finetune.train.base import model

    torch.manual_seed(1)
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=list(Lora().targets), task_type="CAUSAL_LM")
    peft = get_peft_model(model(base), lora)
    for name, parameter in peft.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    peft.save_pretrained(str(tmp_path / "peft"))
    return peft, tmp_path / "peft"


def test_permute_interleaves_the_halves_of_each_head() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert permute(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_permute_is_what_transformers_undoes() -> None:
    """transformers' own GGUF reader turns llama.cpp's layout back."""
    from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

    undo = LlamaTensorProcessor({})._reverse_permute_weights
    weight = np.random.default_rng(0).normal(size=(32, 5)).astype(np.float32)
    assert np.array_equal(undo(permute(weight, 4), 4, 4), weight)
    assert np.array_equal(undo(permute(weight, 2), 4, 2), weight)


def test_gguf_adapter_equals_merged_weights(adapted, base: Path, tmp_path: Path) -> None:
    """B.A from the GGUF, scaled, is the change that PEFT's own merge makes to each weight."""
    import json

    import gguf

    peft, folder = adapted
    before = {
        k: v.clone() for k, v in peft.get_base_model().named_parameters() if "base_layer" in k
    }
    config = json.loads((base / "config.json").read_text())
    write_gguf(Adapter.load(folder), config, tmp_path / "a.gguf", {"name": "tiny"})
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    assert reader.fields["general.type"].contents() == "adapter"
    assert reader.fields["adapter.type"].contents() == "lora"
    halves = {t.name: t.data.astype(np.float32) for t in reader.tensors}
    assert len(halves) == 2 * 7 * 2
    merged = peft.merge_and_unload().state_dict()
    names = {
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    for block in range(2):
        for ours, theirs in names.items():
            a, b = (halves[f"blk.{block}.{ours}.weight.lora_{h}"] for h in "ab")
            delta = alpha / a.shape[0] * (b @ a)
            where = f"model.layers.{block}.{theirs}"
            change = (merged[f"{where}.weight"] - before[f"{where}.base_layer.weight"]).numpy()
            heads = {"attn_q": 4, "attn_k": 2}.get(ours)
            expected = permute(change, heads) if heads else change
            assert np.allclose(delta, expected, atol=2e-3), where
            assert np.abs(change).max() > 0.1


def test_other_families_are_refused(adapted, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="gemma3"):
        write_gguf(Adapter.load(adapted[1]), {"model_type": "gemma3"}, tmp_path / "a.gguf", {})


def test_average_is_the_mean(adapted, tmp_path: Path) -> None:
    one = Adapter.load(adapted[1])
    two = Adapter({k: 3 * v for k, v in one.tensors.items()}, one.config)
    two.save(tmp_path / "two")
    mean = average([adapted[1], tmp_path / "two"])
    assert all(np.allclose(mean.tensors[k], 2 * v) for k, v in one.tensors.items())
    with pytest.raises(ConfigError):
        average([])
    with pytest.raises(WeightsError):
        average([tmp_path])


def test_a_gguf_adapter_is_read_back_as_it_was_trained(adapted, base: Path, tmp_path: Path) -> None:
    """PEFT -> GGUF -> PEFT: the same names, shapes and, but for half floats, values."""
    import json

    _, folder = adapted
    given, config = Adapter.load(folder), json.loads((base / "config.json").read_text())
    write_gguf(given, config, tmp_path / "a.gguf", {"name": "tiny"})
    back = read_gguf(tmp_path / "a.gguf", config)
    assert back.tensors.keys() == given.tensors.keys()
    for name, values in given.tensors.items():
        assert np.allclose(back.tensors[name], values, atol=1e-3), name
    assert (back.rank, back.scale) == (given.rank, given.scale)
    with pytest.raises(WeightsError, match="no readable adapter"):
        read_gguf(tmp_path / "absent.gguf", config)

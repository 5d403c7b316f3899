"""Adapters on disk: PEFT's folder, and GGUF for llama.cpp and Ollama.

A GGUF adapter holds, for each adapted tensor of the base, A (rank x in) and B (out x rank) under
the base tensor's GGUF name, and alpha; the runtime adds alpha/rank * B.A to the weight.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError, WeightsError
from finetune.export.families import family, permute, unpermute
from finetune.tasks import base as tasks

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"

_TENSOR = re.compile(
    r"(?:base_model\.model\.)?(?:model\.layers\.(?P<block>\d+)\.(?:self_attn|mlp)\.)?"
    r"(?P<part>\w+)\.lora_(?P<half>[AB])\.weight"
)
# What may be trained whole, and what llama.cpp calls it.
WHOLE = {
    "base_model.model.model.embed_tokens.weight": "token_embd.weight",
    "base_model.model.lm_head.weight": "output.weight",
}
_TABLES = {"embed_tokens", "lm_head"}
_PARTS = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}  # fmt: skip


@dataclass(frozen=True)
class Adapter:
    """LoRA matrices by PEFT name, and what scales them.

    Its configuration names the base without the folder it lay in on the machine that trained.
    """

    tensors: "dict[str, Array]"
    config: dict[str, Any]
    task: dict[str, Any] = field(default_factory=dict)  # what it was taught: finetune.tasks

    @classmethod
    def load(cls, folder: Path) -> "Adapter":
        """Read a PEFT folder. Raises WeightsError."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            tensors = {name: t.float().numpy() for name, t in load_file(folder / WEIGHTS).items()}
            config = json.loads((folder / CONFIG).read_text("utf-8"))
        except (OSError, ValueError, SafetensorError) as error:
            raise WeightsError(f"no readable adapter in {folder}: {error}") from error
        base = re.split(r"[/\\]", str(config.get("base_model_name_or_path") or "base"))[-1]
        return cls(tensors, config | {"base_model_name_or_path": base}, tasks.saved(folder))

    @property
    def rank(self) -> int:
        """Rows of every A."""
        return int(self.config["r"])

    @property
    def scale(self) -> float:
        """What B.A is multiplied by."""
        ranks = self.rank**0.5 if self.config.get("use_rslora") else self.rank
        return float(self.config["lora_alpha"]) / ranks

    def save(self, folder: Path) -> Path:
        """Write a PEFT folder."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / CONFIG).write_text(json.dumps(self.config, indent=2), "utf-8")
        tasks.save(folder, self.task)
        return folder


def average(folders: Sequence[Path]) -> Adapter:
    """The mean update of several adapters of one run, as one adapter of the same rank.

    A and B are averaged apart. Checkpoints of one run lie close together, where that is near the
    mean of the products; for adapters of different runs it would be meaningless.
    """
    import numpy as np

    if not folders:
        raise ConfigError("no adapters to average")
    parts = [Adapter.load(folder) for folder in folders]
    first = parts[0]
    if any(part.tensors.keys() != first.tensors.keys() for part in parts):
        raise ConfigError("the adapters to average have different tensors")
    tensors = {
        name: np.mean([part.tensors[name] for part in parts], axis=0, dtype="float32")
        for name in first.tensors
    }
    return Adapter(tensors, first.config, first.task)


def write_gguf(
    adapter: Adapter,
    model: dict[str, Any],
    out: Path,
    about: dict[str, str],
    *,
    precise: bool = False,
) -> None:
    """Write an adapter as GGUF, matrices in float16; in float32 if it is only to be merged: then
    an embedding that was trained whole is written, too.

    `model` is the base's config.json; `about` holds general metadata (name, description,
    license, ...). Raises WeightsError for what this layout cannot express, before anything is
    written.
    """
    import gguf

    kind = family(model)
    _expressible(adapter.config, whole=precise)
    heads = {"q_proj": model["num_attention_heads"], "k_proj": model["num_key_value_heads"]}
    names = sorted(adapter.tensors.keys() - WHOLE.keys(), key=_order)
    if model.get("tie_word_embeddings") and any(_parse(name)[1] == "lm_head" for name in names):
        raise WeightsError(
            "cannot export an adapter of the output head, which this base shares with its "
            "embedding; train without lm_head"
        )
    writer = gguf.GGUFWriter(out, arch=kind.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.scale * adapter.rank)
    types = gguf.LlamaFileType
    writer.add_file_type(types.ALL_F32 if precise else types.MOSTLY_F16)
    for key, value in about.items():
        writer.add_string(f"general.{key}", value)
    for name in names:
        block, part, half = _parse(name)
        values = adapter.tensors[name]
        turned = kind.permuted and half == "B" and part in heads
        matrix = permute(values, heads[part]) if turned else values
        where = "output" if part == "lm_head" else f"blk.{block}.{_PARTS[part]}"
        writer.add_tensor(
            f"{where}.weight.lora_{half.lower()}",
            matrix.astype("float32" if precise else "float16"),
        )
    for name in sorted(adapter.tensors.keys() & WHOLE.keys()):
        if not (model.get("tie_word_embeddings") and WHOLE[name] == "output.weight"):
            writer.add_tensor(WHOLE[name], adapter.tensors[name].astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path: Path, model: dict[str, Any]) -> Adapter:
    """Read a GGUF adapter of a llama-like base back into PEFT's names and layout, in float32.

    `model` is the base's config.json. Raises WeightsError.
    """
    import gguf
    import numpy as np

    kind = family(model)
    heads = {"q_proj": model["num_attention_heads"], "k_proj": model["num_key_value_heads"]}
    parts = {short: long for long, short in _PARTS.items()}
    tensors: dict[str, Array] = {}
    try:
        reader = gguf.GGUFReader(path)
        alpha = float(reader.fields[gguf.Keys.Adapter.LORA_ALPHA].contents())
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"no readable adapter in {path}: {error}") from error
    for one in reader.tensors:
        found = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight\.lora_([ab])", one.name)
        if not found or found[2] not in parts:
            raise WeightsError(f"{path} adapts {one.name}, which cannot be trained on")
        part, half = parts[found[2]], found[3].upper()
        values = np.asarray(one.data, dtype="float32")
        if kind.permuted and half == "B" and part in heads:
            values = unpermute(values, heads[part])
        block = "self_attn" if part in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
        name = f"base_model.model.model.layers.{found[1]}.{block}.{part}.lora_{half}.weight"
        tensors[name] = np.ascontiguousarray(values)
    if not tensors:
        raise WeightsError(f"{path} holds no adapter")
    rank = min(next(iter(tensors.values())).shape)
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": int(rank), "lora_alpha": alpha,
              "lora_dropout": 0.0, "bias": "none", "target_modules": sorted(_PARTS),
              "base_model_name_or_path": "base"}  # fmt: skip
    return Adapter(tensors, config)


def _expressible(config: dict[str, Any], *, whole: bool) -> None:
    """A GGUF adapter is pairs of matrices and one alpha: nothing else of PEFT's fits in. What is
    only to be merged (`whole`) may have embeddings beside them.
    """
    extras = ("use_dora", "rank_pattern", "alpha_pattern",
              "trainable_token_indices", "fan_in_fan_out", "lora_bias")  # fmt: skip
    used = [key for key in extras if config.get(key)]
    saved = {name.rpartition(".")[2] for name in config.get("modules_to_save") or ()}
    if saved and not whole and saved <= _TABLES:
        raise WeightsError(
            "no adapter file can hold the embedding that was trained with it; export merged: "
            "--no-adapter --quant q8_0"
        )
    if saved and not saved <= _TABLES:
        used.append("modules_to_save")
    if config.get("bias", "none") != "none":
        used.append("bias")
    if config.get("peft_type", "LORA") != "LORA":
        used.append("peft_type")
    if used:
        raise WeightsError(f"cannot export an adapter that uses {', '.join(used)}")


def _parse(name: str) -> tuple[int, str, str]:
    found = _TENSOR.fullmatch(name)
    if found and (found["part"] in _PARTS if found["block"] else found["part"] == "lm_head"):
        return int(found["block"] or 0), found["part"], found["half"]
    raise WeightsError(f"cannot export the adapted tensor {name}")


def _order(name: str) -> tuple[int, int, str]:
    block, part, half = _parse(name)
    return block, [*_PARTS, "lm_head"].index(part), half

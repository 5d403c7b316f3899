"""Adapters on disk: PEFT's folder, and GGUF for llama.cpp and Ollama.

A GGUF adapter holds, for each adapted tensor of the base, A (rank x in) and B (out x rank) under
the base tensor's GGUF name, and alpha; the runtime adds alpha/rank * B.A to the weight.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"

# Only what is known to be right is written: llama.cpp has other layouts for other families.
_ARCHITECTURES = {"llama": "llama"}
_TENSOR = re.compile(
    r"(?:base_model\.model\.)?model\.layers\.(?P<block>\d+)\."
    r"(?:self_attn|mlp)\.(?P<part>\w+)\.lora_(?P<half>[AB])\.weight"
)
_PARTS = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}  # fmt: skip


@dataclass(frozen=True)
class Adapter:
    """LoRA matrices by PEFT name, and what scales them."""

    tensors: "dict[str, Array]"
    config: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> "Adapter":
        """Read a PEFT folder. Raises WeightsError."""
        from safetensors.numpy import load_file

        try:
            return cls(
                load_file(folder / WEIGHTS), json.loads((folder / CONFIG).read_text("utf-8"))
            )
        except (OSError, ValueError) as error:
            raise WeightsError(f"no readable adapter in {folder}: {error}") from error

    def save(self, folder: Path) -> Path:
        """Write a PEFT folder."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / CONFIG).write_text(json.dumps(self.config, indent=2), "utf-8")
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
    return Adapter(tensors, first.config)


def permute(weight: "Array", heads: int) -> "Array":
    """Reorder the rows of a query or key matrix (out, any) from Hugging Face's rotary layout (the
    halves of a head one after the other) to llama.cpp's (interleaved).
    """
    out, width = weight.shape
    return weight.reshape(heads, 2, out // heads // 2, width).swapaxes(1, 2).reshape(out, width)


def write_gguf(adapter: Adapter, model: dict[str, Any], out: Path, about: dict[str, str]) -> None:
    """Write an adapter as GGUF, matrices in float16.

    `model` is the base's config.json; `about` holds general metadata (name, description,
    license, ...). Raises WeightsError for what this layout cannot express.
    """
    import gguf

    architecture = _ARCHITECTURES.get(str(model.get("model_type")))
    if architecture is None:
        raise WeightsError(f"cannot export adapters for the family {model.get('model_type')!r}")
    heads = {"q_proj": model["num_attention_heads"], "k_proj": model["num_key_value_heads"]}
    writer = gguf.GGUFWriter(out, arch=architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(adapter.config["lora_alpha"]))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for key, value in about.items():
        writer.add_string(f"general.{key}", value)
    for name, values in sorted(adapter.tensors.items(), key=lambda item: _order(item[0])):
        block, part, half = _parse(name)
        matrix = permute(values, heads[part]) if half == "B" and part in heads else values
        target = f"blk.{block}.{_PARTS[part]}.weight.lora_{half.lower()}"
        writer.add_tensor(target, matrix.astype("float16"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _parse(name: str) -> tuple[int, str, str]:
    found = _TENSOR.fullmatch(name)
    if not found or found["part"] not in _PARTS:
        raise WeightsError(f"cannot export the adapted tensor {name}")
    return int(found["block"]), found["part"], found["half"]


def _order(name: str) -> tuple[int, int, str]:
    block, part, half = _parse(name)
    return block, list(_PARTS).index(part), half

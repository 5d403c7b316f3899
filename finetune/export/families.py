"""The model families whose adapters and weights can be exported: only what is known to be right,
because llama.cpp lays out the tensors of each family in its own way.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from digest.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Family:
    """What llama.cpp calls the architecture, and how it keeps queries and keys."""

    architecture: str
    permuted: bool  # rotary pairs side by side, not in the two halves of a head
    ollama_adapter: bool  # Ollama accepts ADAPTER for it; else the weights must be merged


_FAMILIES = {
    "llama": Family("llama", permuted=True, ollama_adapter=True),
    "qwen2": Family("qwen2", permuted=False, ollama_adapter=False),
}


def family(config: dict[str, Any]) -> Family:
    """The family of a model's config.json. Raises WeightsError for what is not known."""
    named = str(config.get("model_type"))
    found = _FAMILIES.get(named)
    if found is None:
        known = ", ".join(_FAMILIES)
        raise WeightsError(f"cannot export models of the family {named!r}, only of {known}")
    if named == "qwen2" and config.get("use_sliding_window"):
        raise WeightsError("cannot export a qwen2 model that uses a sliding window")
    if config.get("quantization_config"):
        raise WeightsError("cannot export over quantised weights; take the base in full precision")
    return found


def permute(weight: "Array", heads: int) -> "Array":
    """Reorder the rows of a query or key matrix (out, any) or bias (out,) from Hugging Face's
    rotary layout (the halves of a head one after the other) to llama.cpp's (interleaved).
    """
    out = weight.shape[0]
    halves = weight.reshape(heads, 2, out // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def unpermute(weight: "Array", heads: int) -> "Array":
    """Undo `permute`: rows from llama.cpp's layout to Hugging Face's."""
    out = weight.shape[0]
    pairs = weight.reshape(heads, out // heads // 2, 2, *weight.shape[1:])
    return pairs.swapaxes(1, 2).reshape(weight.shape)

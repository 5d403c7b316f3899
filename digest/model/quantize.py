"""How the weights of a GGUF file are stored: the types of ggml, chosen as llama.cpp chooses them.

The mixes (Q4_K_M, ...) work on 256 columns at once. A tensor with another width falls back to a
larger type, so that a small model comes out far above the bits that the name promises;
`makeup` reads from the file what became of it.
"""

import ctypes
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError, EngineUnavailable, WeightsError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]
    Raw = np.ndarray[Any, Any]

# Mix -> the type of most matrices, and of those that lose most: half of the values' and of the
# second feed-forward matrices, and the output.
_MIXES = {"Q4_K_M": ("Q4_K", "Q6_K"), "Q5_K_M": ("Q5_K", "Q6_K"), "Q6_K": ("Q6_K", "Q6_K")}
_PLAIN = ("F32", "F16", "BF16", "Q8_0")
QUANTIZATIONS = (*_PLAIN, *_MIXES)

# What takes the place of a type whose blocks do not fit the width; half floats fit any.
_SMALLER_BLOCKS = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}


@dataclass(frozen=True, slots=True)
class Makeup:
    """What a GGUF model file really is."""

    quantization: str  # what it is called
    size: int  # bytes of the file
    bits_per_weight: float  # of all tensors together
    types: dict[str, int]  # type of ggml -> tensors
    fell_back: dict[str, str]  # tensor -> its type, where that is not the one the name promises
    context: int  # tokens it was made for

    def line(self) -> str:
        """For people."""
        types = ", ".join(f"{count} {name}" for name, count in self.types.items())
        lost = f"; {len(self.fell_back)} matrices fell back" if self.fell_back else ""
        return (
            f"{self.quantization.lower()}, {self.size / 1e6:.1f} MB, "
            f"{self.bits_per_weight:.2f} bits per weight ({types}{lost})"
        )


def known(name: str) -> str:
    """The quantization of this name, in any case. Raises ConfigError."""
    if name.upper() in QUANTIZATIONS:
        return name.upper()
    offered = ", ".join(QUANTIZATIONS).lower()
    raise ConfigError(f"there is no quantization {name!r}; there are {offered}")


def promised(quantization: str, name: str, blocks: int, tied: bool) -> str:
    """The type that a mix means for this matrix, by llama.cpp's rules.

    `blocks` counts the model's layers; `tied`: the embedding is the output too.
    """
    usual, better = _MIXES.get(quantization, (quantization, quantization))
    if name == ("token_embd.weight" if tied else "output.weight"):
        return better
    _, _, part = name.partition("blk.")
    number, _, kind = part.partition(".")
    if kind in {"attn_v.weight", "ffn_down.weight"} and _sensitive(int(number), blocks):
        return better
    return usual


def _sensitive(block: int, blocks: int) -> bool:
    """The first and the last eighth of the layers, and every third between them."""
    eighth = blocks // 8
    return block < eighth or block >= 7 * blocks // 8 or (block - eighth) % 3 == 2


def fitting(kind: str, columns: int) -> str:
    """The type itself, or what takes its place because `columns` is no multiple of its block."""
    import gguf

    while columns % gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]][0]:
        kind = _SMALLER_BLOCKS.get(kind, "F16")
    return kind


def encode(values: "Array", kind: str) -> "Raw":
    """Values (rows, columns) as blocks of this type. Raises EngineUnavailable.

    gguf writes the simple types; the others come from the ggml inside xllamacpp.
    """
    import gguf

    target = gguf.GGMLQuantizationType[kind]
    try:
        blocks: Raw = gguf.quants.quantize(values, target)
    except NotImplementedError:
        return _by_ggml(values, target)
    return blocks


def available(quantization: str) -> None:
    """Raises EngineUnavailable if this quantization cannot be written here."""
    if quantization in _MIXES:
        _ggml()


def _by_ggml(values: "Array", target: Any) -> "Raw":
    import gguf
    import numpy as np

    rows, columns = values.shape
    block, size = gguf.GGML_QUANT_SIZES[target]
    source = np.ascontiguousarray(values, np.float32)
    out = np.empty((rows, columns // block * size), np.uint8)
    written = _ggml()(int(target), source.ctypes.data, out.ctypes.data, 0, rows, columns, None)
    if written != out.nbytes:
        raise WeightsError(f"ggml wrote {written} bytes of {target.name}, not {out.nbytes}")
    return out


def _ggml() -> Any:
    """ggml_quantize_chunk(type, source, target, first row, rows, columns, importance)."""
    try:
        import xllamacpp

        quantize = ctypes.CDLL(xllamacpp.xllamacpp.__file__).ggml_quantize_chunk
    except (ImportError, OSError, AttributeError) as error:
        raise EngineUnavailable(
            "k-quants are written by the ggml inside xllamacpp, which is missing or hides it here; "
            "run `pip install 'newsdigest[embedded]'` on Linux, or make f16 and let "
            "`ollama create -q q4_K_M` quantise it"
        ) from error
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    quantize.argtypes = [ctypes.c_int, pointer, pointer, count, count, count, pointer]
    quantize.restype = ctypes.c_size_t
    return quantize


def makeup(path: Path) -> Makeup:
    """Read a model's makeup from its file. Raises WeightsError."""
    import gguf

    try:
        reader = gguf.GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items() if _small(field)}
        family = fields["general.architecture"]
        blocks, context = fields[f"{family}.block_count"], fields[f"{family}.context_length"]
        name = gguf.LlamaFileType(fields["general.file_type"]).name
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(f"{path} cannot be read as a GGUF model: {error}") from error
    name = name.removeprefix("MOSTLY_").removeprefix("ALL_")
    tied = all(tensor.name != "output.weight" for tensor in reader.tensors)
    fell_back = {
        tensor.name: tensor.tensor_type.name
        for tensor in reader.tensors
        if len(tensor.shape) > 1
        and tensor.tensor_type.name != promised(name, tensor.name, blocks, tied)
    }
    weights = sum(int(tensor.n_elements) for tensor in reader.tensors)
    stored = sum(int(tensor.n_bytes) for tensor in reader.tensors)
    types = Counter(tensor.tensor_type.name for tensor in reader.tensors)
    bits = 8 * stored / weights
    return Makeup(name, path.stat().st_size, bits, dict(types), fell_back, int(context))


def _small(field: Any) -> bool:
    return len(field.types) == 1

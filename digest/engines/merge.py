"""Merge GGUF base weights and a GGUF LoRA adapter into one GGUF file, with numpy alone.

Works in GGUF's own tensor layout, so the query and key rows, which llama.cpp keeps permuted,
need no care: base and adapter are permuted alike.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import EngineUnavailable, WeightsError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]
    Adapter = dict[str, tuple[Array, Array, float]]

_A, _B = ".lora_a", ".lora_b"

# What the writer sets by itself, or what no longer holds once the types of tensors change.
_OWN = {"general.architecture", "general.file_type", "general.quantization_version"}


def merge(
    base: Path,
    adapter: Path | None,
    out: Path,
    quantization: str = "Q8_0",
    progress: Callable[[int, int | None], None] | None = None,
) -> None:
    """Write `base` + alpha/r · B·A of `adapter` to `out`, matrices as `quantization`.

    `quantization` is a type of ggml that gguf can write (Q8_0, F16, F32, ...). Vectors stay in
    F32; tokenizer, chat template and all other metadata are copied. `progress` is told tensors
    done and in all. Raises WeightsError if the adapter does not fit, EngineUnavailable if the
    package gguf is missing.
    """
    try:
        import gguf
    except ImportError as error:
        raise EngineUnavailable(
            "merging weights needs the package gguf; "
            "install it with `pip install 'newsdigest[embedded]'`"
        ) from error
    try:
        reader = gguf.GGUFReader(base)
        deltas = _adapter(gguf, adapter) if adapter else {}
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(f"{adapter or base} cannot be read as GGUF: {error}") from error
    target = gguf.GGMLQuantizationType[quantization]
    writer = gguf.GGUFWriter(out, arch=reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in _OWN:
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(getattr(gguf.LlamaFileType, f"MOSTLY_{quantization}", 0))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for done, tensor in enumerate(reader.tensors, start=1):
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if tensor.name in deltas:
            values = _add(tensor.name, values, *deltas.pop(tensor.name))
        kind = target if values.ndim > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(tensor.name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        if progress:
            progress(done, len(reader.tensors))
    if deltas:
        raise WeightsError(f"{adapter} has weights for {min(deltas)}, which {base} lacks")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add(name: str, values: "Array", a: "Array", b: "Array", scale: float) -> "Array":
    if (b.shape[0], a.shape[1]) != values.shape or a.shape[0] != b.shape[1]:
        raise WeightsError(f"the adapter's {name} has another shape than the base weights'")
    return values + scale * (b @ a)


def _adapter(gguf: Any, path: Path) -> "Adapter":
    """Target tensor -> A (r, in), B (out, r) and alpha/r."""
    reader = gguf.GGUFReader(path)
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    halves = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    names = [name.removesuffix(_A) for name in halves if name.endswith(_A)]
    return {
        name: (halves[name + _A], halves[name + _B], alpha / halves[name + _A].shape[0])
        for name in names
    }

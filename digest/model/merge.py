"""Merge GGUF base weights and a GGUF LoRA adapter into one GGUF file, with numpy alone.

Works in GGUF's own tensor layout, whatever the model's family: the query and key rows, which
llama.cpp keeps permuted in some, are permuted alike in base and adapter; biases and the factors
of long rotary embeddings are copied. The sum is formed in float32 and rounded once.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import EngineUnavailable, WeightsError
from digest.model import quantize

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]
    Deltas = dict[str, tuple[Array, Array, float]]
    Whole = dict[str, Array]

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

    `quantization` is one of `quantize.QUANTIZATIONS`. Vectors stay in F32; tokenizer, chat
    template and all other metadata are copied. `progress` is told tensors done and in all.
    Raises WeightsError if the adapter does not fit or the disk has no room, EngineUnavailable
    if the package gguf, or for a k-quant the one that writes it, is missing.
    """
    try:
        import gguf
    except ImportError as error:
        raise EngineUnavailable(
            "merging weights needs the package gguf; "
            "install it with `pip install 'newsdigest[embedded]'`"
        ) from error
    quantize.available(quantization)
    try:
        reader = gguf.GGUFReader(base)
        family = reader.fields["general.architecture"].contents()
        deltas, whole = _deltas(gguf, adapter, family) if adapter else ({}, {})
    except (ValueError, OSError, KeyError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{adapter or base} cannot be read as GGUF: {error}") from error
    _check({*deltas, *whole}, {tensor.name for tensor in reader.tensors}, adapter, base)
    writer = gguf.GGUFWriter(out, arch=family)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in _OWN:
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(getattr(gguf.LlamaFileType, f"MOSTLY_{quantization}", 0))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    kinds = _kinds(reader, family, quantization)
    for tensor in reader.tensors:
        _announce(gguf, writer, tensor, kinds[tensor.name])
    _room(out, sum(info.nbytes for info in writer.tensors[0].values()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    try:
        for done, tensor in enumerate(reader.tensors, start=1):  # one in memory at a time
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            if tensor.name in whole:
                values = _replace(tensor.name, values, whole[tensor.name])
            if tensor.name in deltas:
                values = _add(tensor.name, values, *deltas[tensor.name])
            writer.write_tensor_data(quantize.encode(values, kinds[tensor.name]))
            if progress:
                progress(done, len(reader.tensors))
    finally:
        writer.close()


def _kinds(reader: Any, family: str, quantization: str) -> dict[str, str]:
    """Tensor -> the type it is written as."""
    blocks = int(reader.fields[f"{family}.block_count"].contents())
    tied = all(tensor.name != "output.weight" for tensor in reader.tensors)
    return {
        tensor.name: quantize.fitting(
            quantize.promised(quantization, tensor.name, blocks, tied), int(tensor.shape[0])
        )
        if len(tensor.shape) > 1
        else "F32"
        for tensor in reader.tensors
    }


def _announce(gguf: Any, writer: Any, tensor: Any, kind: str) -> None:
    """Put a tensor's name, shape and type into the header."""
    import numpy as np

    target = gguf.GGMLQuantizationType[kind]
    shape = [int(size) for size in reversed(tensor.shape)]  # GGUF counts columns first
    dtype = {"F32": np.float32, "F16": np.float16}.get(kind, np.uint8)
    if dtype is np.uint8:
        shape = list(gguf.quant_shape_to_byte_shape(shape, target))
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    writer.add_tensor_info(tensor.name, shape, np.dtype(dtype), size, raw_dtype=target)


def _room(out: Path, size: int) -> None:
    """Refuse before a byte is written what would fill the disk."""
    free = shutil.disk_usage(out.parent).free
    if size > free:
        raise WeightsError(
            f"{out.name} would take {size:,} bytes and {out.parent} has {free:,} free; "
            "free some, or name another folder"
        )


def _check(wanted: set[str], there: set[str], adapter: Path | None, base: Path) -> None:
    if missing := sorted(wanted - there):
        tied = " (its output is tied to its embedding)" if missing == ["output.weight"] else ""
        raise WeightsError(f"{adapter} has weights for {missing[0]}, which {base} lacks{tied}")


def _add(name: str, values: "Array", a: "Array", b: "Array", scale: float) -> "Array":
    if (b.shape[0], a.shape[1]) != values.shape or a.shape[0] != b.shape[1]:
        raise WeightsError(f"the adapter's {name} has another shape than the base weights'")
    return values + scale * (b @ a)


def _replace(name: str, values: "Array", trained: "Array") -> "Array":
    if trained.shape != values.shape:
        raise WeightsError(f"the adapter's {name} has another shape than the base weights'")
    return trained


def _deltas(gguf: Any, path: Path, family: str) -> "tuple[Deltas, Whole]":
    """Target tensor -> A (r, in), B (out, r) and alpha/r; and tensors that were trained whole."""
    reader = gguf.GGUFReader(path)
    if (made_for := reader.fields["general.architecture"].contents()) != family:
        raise WeightsError(f"{path} is an adapter for the family {made_for}, not for {family}")
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    halves = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    names = [name.removesuffix(_A) for name in halves if name.endswith(_A)]
    deltas = {
        name: (halves[name + _A], halves[name + _B], alpha / halves[name + _A].shape[0])
        for name in names
    }
    return deltas, {n: values for n, values in halves.items() if not n.endswith((_A, _B))}

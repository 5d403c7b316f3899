"""A Hugging Face folder as a GGUF model file, for bases that come as one.

Covers the decoders that llama.cpp calls llama and qwen2, with byte-level BPE tokenizers it knows,
and refuses what it would have to guess. Values are kept exactly: float32 and bfloat16 as they
are, vectors in float32 as llama.cpp wants them.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import WeightsError
from finetune.export.families import Family, family, permute

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float32]]

# llama.cpp names how text is cut before the merges, and has the rules built in.
_DIGITS = {"type": "Digits", "individual_digits": True}
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PATTERNS = {_WORDS % r"\p{N}{1,3}": "llama-bpe", _WORDS % r"\p{N}": "qwen2"}


def to_gguf(folder: Path, out: Path, name: str) -> None:
    """Write the model in `folder` (config.json, *.safetensors, tokenizer files) to `out`.

    Raises WeightsError for what cannot be expressed, before anything is written.
    """
    import gguf

    config = json.loads((folder / "config.json").read_text("utf-8"))
    kind = family(config)
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    cut = _pretokenizer(tokenizer)
    writer = gguf.GGUFWriter(out, arch=kind.architecture)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    _shape(writer, config)
    _vocabulary(gguf, writer, folder, tokenizer, cut, int(config["vocab_size"]))
    names = gguf.get_tensor_name_map(
        getattr(gguf.MODEL_ARCH, kind.architecture.upper()), config["num_hidden_layers"]
    )
    precise = True
    for source, values, exact in _tensors(folder):
        if source == "lm_head.weight" and config.get("tie_word_embeddings"):
            continue
        target = names.get_name(source, (".weight", ".bias"))
        if target is None:
            raise WeightsError(f"llama.cpp has no place for the tensor {source}")
        _expect(source, values, config)
        raw = gguf.GGMLQuantizationType.F32 if exact or values.ndim < 2 else _bf16(gguf)
        precise &= exact
        arranged = _arranged(source, values, config, kind)
        writer.add_tensor(target, gguf.quants.quantize(arranged, raw), raw_dtype=raw)
    if (factors := rope_factors(config)) is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    types = gguf.LlamaFileType
    writer.add_file_type(types.ALL_F32 if precise else types.MOSTLY_BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _bf16(gguf: Any) -> Any:
    return gguf.GGMLQuantizationType.BF16


def _tensors(folder: Path) -> "Iterator[tuple[str, Array, bool]]":
    """Name, float32 values, and whether they need float32."""
    import torch
    from safetensors import safe_open

    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise WeightsError(f"there are no model*.safetensors in {folder}")
    for file in files:
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118  it is no mapping
                tensor = opened.get_tensor(name)
                exact = tensor.dtype != torch.bfloat16
                yield name, tensor.to(torch.float32).numpy(), exact


def _arranged(name: str, values: "Array", config: dict[str, Any], kind: Family) -> "Array":
    if not kind.permuted:
        return values
    heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}
    for part, count in heads.items():
        if f".{part}." in name:
            return permute(values, int(config[count]))
    return values


def _expect(name: str, values: "Array", config: dict[str, Any]) -> None:
    """The table of tokens must be as long as config.json says: a resized one is a broken base."""
    if name in {"model.embed_tokens.weight", "lm_head.weight"}:
        shape = (config["vocab_size"], config["hidden_size"])
        if values.shape != shape:
            raise WeightsError(f"{name} is {values.shape}, and config.json says {shape}")


def _shape(writer: Any, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads", heads))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(_rope(config)["rope_theta"])
    writer.add_rope_dimension_count(width)
    writer.add_key_length(width)
    writer.add_value_length(width)


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Rotary settings, from the place where transformers 4 or 5 keeps them."""
    old = (config.get("rope_scaling") or {}) | {"rope_theta": config.get("rope_theta", 10000.0)}
    return config.get("rope_parameters") or old


def rope_factors(config: dict[str, Any]) -> "Array | None":
    """What Llama 3.1 and later divide the rotary frequencies by, one for each pair of a head;
    None where frequencies are plain. Raises WeightsError for other ways of stretching them.
    """
    import numpy as np

    rope = _rope(config)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind != "llama3":
        raise WeightsError(f"cannot export rotary embeddings of the type {kind!r}")
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    frequencies = rope["rope_theta"] ** -(np.arange(0, width, 2, dtype=np.float64) / width)
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    # Frequencies that turn often within the old context stay; rare ones are slowed by `factor`;
    # those between are blended.
    blend = np.clip((turns - low) / (high - low), 0, 1)
    factors: Array = (1 / (blend + (1 - blend) / factor)).astype(np.float32)
    return factors


def _pretokenizer(tokenizer: dict[str, Any]) -> str:
    """llama.cpp's name for this tokenizer's way of cutting text. Raises WeightsError."""
    if tokenizer["model"].get("type") != "BPE":
        raise WeightsError("only byte-level BPE tokenizers can be exported")
    step = tokenizer.get("pre_tokenizer") or {}
    steps = step.get("pretokenizers", [step])
    if steps[-1].get("type") == "ByteLevel" and not steps[-1].get("add_prefix_space"):
        match steps[:-1]:
            case [] if steps[-1].get("use_regex", True):
                return "gpt-2"
            case [first] if first == _DIGITS and steps[-1].get("use_regex", True):
                return "smollm"
            case [{"type": "Split", "pattern": {"Regex": regex}}] if regex in _PATTERNS:
                return _PATTERNS[regex]
    raise WeightsError(f"llama.cpp has no known name for the pre-tokenizer {json.dumps(step)}")


def _vocabulary(
    gguf: Any, writer: Any, folder: Path, tokenizer: dict[str, Any], cut: str, size: int
) -> None:
    """Tokens, merges, control tokens and the chat template; rows of the table that have no token
    are named so.
    """
    added = {token["id"]: token for token in tokenizer.get("added_tokens", ())}
    words = {number: word for word, number in tokenizer["model"]["vocab"].items()}
    words |= {number: token["content"] for number, token in added.items()}
    if max(words) >= size:
        raise WeightsError(f"the tokenizer has token {max(words)}, the model only {size} rows")
    types = gguf.TokenType
    kinds = [
        types.UNUSED if number not in words
        else types.NORMAL if number not in added
        else types.CONTROL if added[number]["special"]
        else types.USER_DEFINED
        for number in range(size)
    ]  # fmt: skip
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut)
    writer.add_token_list([words.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types(kinds)
    special = gguf.SpecialVocab(folder, load_merges=True, n_vocab=size)
    # Silence about a beginning token means yes to llama.cpp for some pre-tokenizers.
    special.add_special_token = {"bos": False} | special.add_special_token
    special.add_to_gguf(writer, quiet=True)

"""The base model: from GGUF weights to something transformers can train, converted once."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_FORMAT = "1"  # of the converted folder; raised when the conversion changes


def converted(source: Path, cache: Path) -> Path:
    """A folder of fp32 safetensors, tokenizer.json and chat template made from a GGUF file.

    A folder is returned as it is. The conversion is kept in `cache` under the file's hash.
    """
    if source.is_dir():
        return source
    if not source.is_file():
        raise WeightsError(f"no base weights at {source}; run `digest model pull`")
    name = f"{source.stem}-{sha256(source)[:12]}-v{_FORMAT}"
    target = cache / name
    if not target.is_dir():
        part = cache / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _convert(source, part)
        part.rename(target)  # a folder that exists is complete
    return target


def _convert(source: Path, target: Path) -> None:
    import torch
    from tokenizers.pre_tokenizers import ByteLevel, Digits
    from tokenizers.pre_tokenizers import Sequence as Chain
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    model: Any = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # transformers marks the now dequantised model as quantised and would refuse to save it.
    model.hf_quantizer = None
    del model.config.quantization_config
    model.is_quantized = False
    model.config._name_or_path = source.stem
    model.save_pretrained(target)

    tokenizer = AutoTokenizer.from_pretrained(**where)
    if _pretokenizer(source) == "smollm":  # transformers drops its digit splitting
        tokenizer.backend_tokenizer.pre_tokenizer = Chain(
            [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
        )
    tokenizer.save_pretrained(target)


@contextmanager
def quietly() -> Iterator[None]:
    """No progress bars and advice from transformers: they are not this program's messages."""
    from transformers.utils import logging

    library: Any = logging  # it is not typed
    level, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()


def _pretokenizer(source: Path) -> str:
    from gguf import GGUFReader

    entry = GGUFReader(str(source)).get_field("tokenizer.ggml.pre")
    return str(entry.contents()) if entry else ""


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model(folder: Path, dtype: str = "float32", *, load_in_4bit: bool = False) -> "PreTrainedModel":
    """Load the converted model; its matrices in NF4 if asked for. Raises ConfigError."""
    import torch
    from transformers import AutoModelForCausalLM

    how: dict[str, Any] = {"dtype": getattr(torch, dtype)}
    if load_in_4bit:
        how |= {"quantization_config": _four_bits(how["dtype"]), "device_map": {"": 0}}
    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, **how)
    return loaded


def _four_bits(dtype: Any) -> Any:
    """QLoRA's quantization of a frozen base (Dettmers et al. 2023). Raises ConfigError."""
    import torch
    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available():
        raise ConfigError(
            "train.load_in_4bit needs a GPU, and torch sees none; leave it out: on a CPU the base "
            "is held in bfloat16"
        )
    if not find_spec("bitsandbytes"):
        raise ConfigError("train.load_in_4bit needs bitsandbytes; run `pip install bitsandbytes`")
    made: Any = BitsAndBytesConfig  # it is not typed
    return made(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


@dataclass(frozen=True)
class Tokens:
    """The base model's tokenizer: two ways in, one way out. Needs no torch."""

    _control: Any
    _plain: Any

    @classmethod
    def load(cls, folder: Path) -> "Tokens":
        """From the tokenizer.json of a converted folder."""
        from tokenizers import Tokenizer

        file = str(folder / "tokenizer.json")
        control, plain = Tokenizer.from_file(file), Tokenizer.from_file(file)
        plain.encode_special_tokens = True
        return cls(control, plain)

    def prompt(self, text: str) -> list[int]:
        """Token ids of text, control tokens recognised."""
        return list(self._control.encode(text, add_special_tokens=False).ids)

    def plain(self, text: str) -> list[int]:
        """Token ids of text, control tokens read as text."""
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, control tokens shown."""
        return str(self._control.decode(list(ids), skip_special_tokens=False))


def pad_id(folder: Path) -> int:
    """The id that fills up batches; it is masked by position, so any will do."""
    value = settings(folder).get("pad_token_id")
    return int(value if value is not None else 0)


def settings(folder: Path) -> dict[str, Any]:
    """The config.json of a converted folder."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    return config

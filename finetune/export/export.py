"""Turn a trained adapter into what llama.cpp and Ollama run, and prove that it is right.

adapter.gguf        the LoRA, for llama.cpp, Ollama and `digest model build`
NAME.QUANT.gguf     base and adapter merged, one file for each quantization
Modelfile           template, system message, stop tokens, context; names the file beside it
reference.jsonl     questions with the served model's answers: what verification asks again
README.md           the model card, if a training run is named
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from digest.errors import ConfigError, DigestError
from digest.model import quantize
from digest.model.merge import merge
from digest.model.verify import Question, read
from digest.model.weights import Weights
from finetune.export import verify
from finetune.export.adapters import Adapter, write_gguf
from finetune.export.convert import to_gguf
from finetune.export.families import family
from finetune.tasks import registry
from finetune.tasks.complete import Completions

ADAPTER = "adapter.gguf"
LIMIT = 20 * 1024 * 1024  # bytes: the adapter lives in git
OLLAMA_BASE = "smollm2:135m"  # the default base under Ollama's name
QUESTIONS = Path(__file__).with_name("questions.jsonl")

OnMessage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Base:
    """The base model in its two forms."""

    gguf: Path
    folder: Path  # converted, for transformers

    def config(self) -> dict[str, Any]:
        """Its config.json."""
        config: dict[str, Any] = json.loads((self.folder / "config.json").read_text("utf-8"))
        return config


@contextmanager
def open_base(source: Path, folder: Path) -> Iterator[Base]:
    """The base that `source` names (a GGUF file, or a folder that becomes one for the while),
    with its converted `folder`. Raises WeightsError for a family that cannot be exported.
    """
    if source.is_file():
        yield Base(source, folder)
        return
    with tempfile.TemporaryDirectory(prefix="digest-") as scratch:
        gguf = Path(scratch) / "base.gguf"
        to_gguf(folder, gguf, folder.name)
        yield Base(gguf, folder)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an export shall write."""

    name: str = "digest"
    adapter: bool = True
    quantizations: tuple[str, ...] = ()
    source: str = OLLAMA_BASE  # what the Modelfile names where no merged file is written

    def __post_init__(self) -> None:
        if not self.adapter and not self.quantizations:
            raise ConfigError("nothing to export; give --adapter or --quant q8_0")
        if not self.name or Path(self.name).name != self.name or self.name.startswith("."):
            raise ConfigError(f"{self.name!r} is no name for files; take letters and digits")


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of an export."""

    modelfile: Path
    adapter: Path | None = None
    merged: dict[str, Path] = field(default_factory=dict)  # by quantization


def export(
    adapter: Adapter, base: Base, out: Path, wanted: Wanted, on_message: OnMessage
) -> Exported:
    """Write the wanted files into `out`. All that can be refused is, before the first of them.

    Raises WeightsError, ConfigError or EngineUnavailable with what stands in the way.
    """
    kind = family(base.config())
    if not wanted.quantizations and not kind.ollama_adapter:
        raise ConfigError(
            f"Ollama runs no adapters over {kind.architecture}; export merged: --quant q8_0"
        )
    for name in wanted.quantizations:
        quantize.available(name)
    source = f"./{_merged(wanted, wanted.quantizations[0])}" if wanted.quantizations else ""
    task = registry.open_taught(adapter.task)
    text = task.modelfile(
        base.folder, source or wanted.source, "" if source else f"./{ADAPTER}"
    ).render(wanted.name)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".digest-", dir=out) as scratch:
        parts = Path(scratch)
        about = {"name": wanted.name, "description": "LoRA adapter made by Digest"}
        if wanted.adapter:
            write_gguf(adapter, base.config(), parts / ADAPTER, about)
            if (size := (parts / ADAPTER).stat().st_size) > LIMIT:
                raise DigestError(
                    f"the adapter would take {size:,} bytes, over {LIMIT:,}; lower lora.rank"
                )
        exact = parts / "exact.gguf"
        write_gguf(adapter, base.config(), exact, {}, precise=True)
        for name in wanted.quantizations:
            merge(base.gguf, exact, parts / _merged(wanted, name), name)
        exact.unlink()
        (parts / "Modelfile").write_text(text, "utf-8")
        registry.write(parts, adapter.task)
        for part in sorted(parts.iterdir()):
            part.replace(out / part.name)
    merged = {name: out / _merged(wanted, name) for name in wanted.quantizations}
    for path in merged.values():
        on_message(f"{path}: {quantize.makeup(path).line()}")
    if wanted.adapter:
        on_message(f"{out / ADAPTER}: {(out / ADAPTER).stat().st_size:,} bytes")
    return Exported(out / "Modelfile", out / ADAPTER if wanted.adapter else None, merged)


def _merged(wanted: Wanted, quantization: str) -> str:
    return f"{wanted.name}.{quantization.lower()}.gguf"


def questions(path: Path = QUESTIONS) -> list[Question]:
    """The reference questions: items of our own, without answers."""
    return read(path)


def prove(
    adapter: Adapter,
    base: Base,
    done: Exported,
    compared: Sequence[str],
    asked: Sequence[Question],
    on_message: OnMessage,
) -> dict[str, verify.Form]:
    """How often the exported files, and merged forms of the quantizations `compared` that are
    made for this only, answer as the trained adapter does; reference.jsonl beside an adapter.
    """
    with tempfile.TemporaryDirectory(prefix="digest-") as scratch:
        folder = Path(scratch)
        peft = adapter.save(folder / "peft")
        lora = folder / ADAPTER
        write_gguf(adapter, base.config(), lora, {}, precise=True)
        forms = {}
        if done.adapter:
            plain = folder / "base.gguf"
            merge(base.gguf, None, plain, "F16")
            forms[verify.ADAPTER] = Weights(plain, done.adapter, "base+adapter")
        for name in dict.fromkeys((*compared, *done.merged)):
            path = done.merged.get(name) or folder / f"{name}.gguf"
            if name not in done.merged:
                merge(base.gguf, lora, path, name)
            forms[f"merged {name}"] = Weights(path, None, path.stem)
        how = (
            Completions(registry.open_taught(adapter.task), base.folder)
            if adapter.task
            else verify.DIGESTS
        )
        table = verify.verify(peft, base.folder, forms, asked, on_message, how)
    if done.adapter and not adapter.task:
        verify.references(base.gguf, done.adapter, asked, done.modelfile.parent / "reference.jsonl")
    return table

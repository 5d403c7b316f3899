"""Ship a trained adapter: the folder `modelfiles/digest` and the proof that it is right.

adapter.gguf        the LoRA for llama.cpp, Ollama and `digest model build`
Modelfile           template, system message, stop token, context
reference.jsonl     questions with the model's answers: what verification asks again
README.md           the model card
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.engines.merge import merge
from digest.errors import DigestError
from digest.schema import FIELDS, DigestFields, Row
from finetune import modelfile
from finetune.adapters import Adapter, write_gguf
from finetune.engines import open_engine
from finetune.evaluate import agreement, predict
from finetune.predictions import Prediction

FORMS = ("F32", "F16", "Q8_0")  # the last is the one that `digest model build` makes
LIMIT = 20 * 1024 * 1024  # bytes: the adapter lives in git
QUESTIONS = Path(__file__).with_name("questions.jsonl")

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Base:
    """The base model in its two forms."""

    gguf: Path
    folder: Path  # converted, for transformers

    def config(self) -> dict[str, Any]:
        """Its config.json."""
        config: dict[str, Any] = json.loads((self.folder / "config.json").read_text("utf-8"))
        return config


def ship(adapter: Adapter, base: Base, out: Path, name: str) -> Path:
    """Write adapter.gguf and the Modelfile into `out`; return the adapter's path."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / "adapter.gguf"
    partial = target.with_suffix(".part")
    about = {"name": name, "license": "apache-2.0", "description": "LoRA adapter made by Digest"}
    write_gguf(adapter, base.config(), partial, about)
    size = partial.stat().st_size
    if size > LIMIT:
        partial.unlink()
        raise DigestError(f"the adapter would take {size:,} bytes, over {LIMIT:,}; lower lora.rank")
    partial.replace(target)
    text = modelfile.render("smollm2:135m", adapter="./adapter.gguf")
    (out / "Modelfile").write_text(text, "utf-8")
    return target


def questions(path: Path = QUESTIONS) -> list[Row]:
    """The reference questions: stories of our own, without labels."""
    return [
        Row(id=str(number), group=str(number), title=q["title"], text=q["text"],
            digest=DigestFields())
        for number, q in enumerate(map(json.loads, path.read_text("utf-8").splitlines()))
    ]  # fmt: skip


def verify(
    adapter: Adapter, gguf: Path, base: Base, rows: Sequence[Row], out: Path, told: Told
) -> dict[str, dict[str, Any]]:
    """Ask the rows of the trained adapter in transformers and of every exported form in
    llama.cpp; return how often each form's greedy answer agrees with the trained one's.

    The answers of the last form, the one that is served, become `out`/reference.jsonl.
    """
    with tempfile.TemporaryDirectory(prefix="digest-") as folder:
        trained = adapter.save(Path(folder) / "peft")
        truth = _answers(f"peft:{trained}", base, rows)
        told(f"peft: {sum(p.valid for p in truth)} of {len(truth)} valid without a grammar")
        table = {}
        for name, kind in (("base + adapter", ""), *((f"merged {k}", k) for k in FORMS)):
            spec = f"gguf:{base.gguf}+{gguf}"
            if kind:
                merged = Path(folder) / f"{kind}.gguf"
                merge(base.gguf, gguf, merged, kind)
                spec = f"gguf:{merged}"
            answers = _answers(spec, base, rows)
            table[name] = agreement(truth, answers)
            told(f"{name}: {table[name]}")
    write_references(out / "reference.jsonl", rows, answers)
    return table


def write_references(path: Path, rows: Sequence[Row], answers: Sequence[Prediction]) -> None:
    """Questions with the model's answers: `title`, `text`, `fields`, `answer`."""
    lines = [
        {
            "title": row.title,
            "text": row.text,
            "fields": list(FIELDS),
            "answer": answer.digest and answer.digest.as_dict(),
        }
        for row, answer in zip(rows, answers, strict=True)
    ]
    path.write_text("".join(json.dumps(x, ensure_ascii=False) + "\n" for x in lines), "utf-8")


def _answers(spec: str, base: Base, rows: Sequence[Row]) -> list[Prediction]:
    engine = open_engine(spec, base.folder)
    try:
        return predict(rows, engine)
    finally:
        engine.close()

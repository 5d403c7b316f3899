"""Does what is about to leave repeat what a model was trained on? Word by word, before it is sent.

Weights cannot be read like this: what a model has learnt by heart it may still tell whoever asks.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.evaluation.folding import fold

GRAM = 8  # words in a row that are nobody's common phrase
_ABOUT = {"id", "group", "kind", "lang", "date", "source", "url", "licence"}  # a card may tell them
# Words; where a script has no spaces between them, its characters.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]|[^\W_]+")


@dataclass(frozen=True, slots=True)
class Leak:
    """A file that repeats a training row."""

    file: str
    row: str  # its id
    words: str  # the first that are repeated, folded


def leaks(texts: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> list[Leak]:
    """The first repetition of GRAM words in each text, by the text's name.

    Rows (as JSON has them) pass through one at a time; only the texts are held.
    """
    holding: dict[tuple[str, ...], list[str]] = {}
    for name, text in texts.items():
        for gram in set(_grams(text)):
            holding.setdefault(gram, []).append(name)
    found: dict[str, Leak] = {}
    for row in rows:
        for text in _strings(row):
            for gram in _grams(text):
                for name in holding.get(gram, ()):
                    found.setdefault(name, Leak(name, str(row.get("id", "")), " ".join(gram)))
        if len(found) == len(texts):
            break
    return [found[name] for name in texts if name in found]


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows that a run was trained and validated on, from its prepared files."""
    for name in ("train.jsonl", "validation.jsonl"):
        with (folder / name).open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


def readable(path: Path) -> str:
    """All that can be read in a file: its text, or the text that lies beside weights."""
    if path.suffix == ".gguf":
        return _gguf(path)
    if path.suffix == ".safetensors":
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return "\n".join(_strings(header.get("__metadata__", {})))
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix not in {".json", ".jsonl"}:
        return text
    # As JSON says it, and as it is read: escapes would hide words.
    return "\n".join([text, *(s for line in _objects(text) for s in _strings(line, set()))])


def _gguf(path: Path) -> str:
    """Text in the metadata, but for the vocabulary."""
    import gguf

    text = gguf.GGUFValueType.STRING
    fields = gguf.GGUFReader(str(path)).fields.values()
    return "\n".join(str(field.contents()) for field in fields if field.types == [text])


def _objects(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text)
    except ValueError:
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _strings(value: Any, less: set[str] = _ABOUT) -> Iterator[str]:
    """All texts in a JSON value, but under the names in `less`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name not in less:
                yield from _strings(part, less)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part, less)


def _grams(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(fold(text))
    return zip(*(words[start:] for start in range(GRAM)), strict=False)

"""The configuration of a fine-tuning run: one TOML file, every key overridable.

Unknown keys are errors. `load("run.toml", ["train.lr=5e-4"])` reads the file, then applies the
overrides, each `section.key=VALUE` with VALUE in TOML (bare words are strings).
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from digest.errors import ConfigError
from digest.schema import FIELDS, Row, select
from finetune.search.space import Search

EXAMPLE = Path(__file__).with_name("example.toml")  # every key, with what it does

TaskName = Literal["digest", "text", "template", "summarize"]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Natural = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A table of the TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Split(Section):
    """Validation rows: whole groups, from every source, the latest where dates are known."""

    validation: Share = 0.075  # of the rows of each source
    seed: int = 0


class Cap(Section):
    """Texts longer than `tokens` are cut; `weight` is how often this cap is drawn."""

    tokens: Positive
    weight: Annotated[float, Field(gt=0)] = 1.0


class Ask(Section):
    """A set of fields to ask for; `fields` is `all`, `random` or a comma-separated list."""

    fields: str
    weight: Annotated[float, Field(gt=0)] = 1.0

    @field_validator("fields")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in {"all", "random"}:
            select(value)
        return value


class Data(Section):
    """Rows and the mixture of examples that is drawn from them, anew in every epoch."""

    rows: Path = Path("train.jsonl")  # JSONL, a JSON array, CSV or Parquet: finetune.data.formats
    quotes: Path | None = None  # an editor's choice of sentences, by row id: finetune.data.quotes
    editor: str = ""  # who chose them, as the model card shall say it
    columns: dict[str, str] = {}  # part of a row, e.g. `text` or `digest.summary` -> file's name
    split: Split = Split()
    caps: tuple[Cap, ...] = (Cap(tokens=512, weight=3), Cap(tokens=1024, weight=1))
    asks: tuple[Ask, ...] = (
        Ask(fields="all", weight=8),
        Ask(fields="relevance_score,key_insights,company_names", weight=1),
        Ask(fields="random", weight=1),
    )
    # A short text is cheap: it is asked again, for a subset drawn from the `asks` but `all`.
    twice_below_tokens: int = 256
    length: Positive = 512  # tokens of an example, in the tasks `text` and `template`

    @field_validator("columns")
    @classmethod
    def _parts(cls, value: dict[str, str]) -> dict[str, str]:
        known = {*Row.model_fields, *(f"digest.{name}" for name in FIELDS)} - {"digest"}
        if unknown := sorted(set(value) - known):
            raise ValueError(f"{unknown[0]!r} is no part of a row; these are {sorted(known)}")
        return value


class Lora(Section):
    """The adapter."""

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    dropout: Share = 0.0
    targets: tuple[str, ...] = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    rslora: bool = False  # scaled by alpha / sqrt(rank): for high ranks
    embeddings: bool = False  # train the token embedding and the output head as well, whole


class Train(Section):
    """The loop."""

    backend: Literal["peft", "unsloth", "tinker"] = "peft"  # finetune.backends
    epochs: Annotated[float, Field(gt=0)] = 2.0
    lr: Annotated[float, Field(gt=0)] = 1e-3
    embedding_lr: Annotated[float, Field(ge=0)] = 0.0  # of lora.embeddings; 0: a tenth of lr
    schedule: Literal["linear", "cosine", "wsd"] = "cosine"
    warmup: Share = 0.04  # share of all steps
    decay: Share = 0.3  # wsd: share of all steps in which the rate falls to zero
    weight_decay: float = 0.0
    clip: float = 1.0  # of the gradient's norm; 0 switches it off
    batch: Positive = 16  # examples a step
    micro_tokens: Positive = 2048  # padded tokens of one forward pass
    packed: bool = False  # examples of a pass in one row, blind to each other; for GPUs
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    load_in_4bit: bool = False  # the frozen base in NF4 (bitsandbytes); needs a GPU
    seed: int = 0
    threads: Natural = 0  # 0: all cores of the process
    validate_every: Positive = 25  # steps
    validate_rows: Positive = 48
    examine_every: Natural = 4  # validations: answers are written and measured; 0: never
    examine_rows: Positive = 16
    patience: Natural = 4  # examinations without a better score that end the run; 0: none do
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 10.0  # 0: after every step
    keep: Positive = 6  # checkpoints


class Tinker(Section):
    """The service of Thinking Machines; its key is in TINKER_API_KEY, never here."""

    model: str = ""  # what the service calls the base, e.g. Qwen/Qwen3-8B-Base


class Config(Section):
    """A whole run."""

    task: TaskName = "digest"  # finetune.tasks
    template: str = ""  # of the task `template`
    lang: str = "en"  # of the summaries, in the task `summarize`: a language's code or name
    n_words: Positive = 60  # that they have at most
    base: str = ""  # a folder of converted weights or a GGUF file; "" takes the pinned base
    out: Path = Path("runs/digest")
    init: str = ""  # an adapter to start from, PEFT's folder or GGUF; "" starts from nothing
    data: Data = Data()
    lora: Lora = Lora()
    train: Train = Train()
    tinker: Tinker = Tinker()
    search: Search = Search()


def load(path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """Read a TOML file (None: defaults) and apply overrides. Raises ConfigError."""
    try:
        tree = tomllib.loads(path.read_text("utf-8")) if path else {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    for override in overrides:
        _apply(tree, override)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path or 'configuration'}: {key}: {first['msg']}") from error


def _apply(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"{override!r} is not of the form section.key=value")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *sections, name = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{override!r}: {section} is not a section")
    tree[name] = value

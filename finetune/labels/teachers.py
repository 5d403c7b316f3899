"""Teachers by SPEC: whoever can write the labels of a document.

    URL#MODEL                a model behind an OpenAI-compatible URL
    ollama:NAME              any model in Ollama
    embedded, ollama, extractive, gguf:BASE[+ADAPTER]
                             the engines of Digest, asked as the product asks them

The first two are general models: they are told what a digest is (`finetune.labels.guide`).
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from digest.analyze import TEXT_TOKENS
from digest.cutting import shorten
from digest.engines import open_engine
from digest.errors import ConfigError
from digest.grammar import answer_budget
from digest.prompt import PROMPT_VERSION, Message, messages, user
from digest.protocols import Ask, Engine
from finetune.labels import guide
from finetune.labels.guide import Wish
from finetune.labels.rate_limit import RateLimiter

if TYPE_CHECKING:
    from digest.schema import Row
    from digest.settings import Settings

_FRAME = 64  # tokens around the turns, with head-room for tokenizers that are not ours
_LOOSE = 2  # a foreign tokenizer, another language or indented JSON take more than our budget
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Price:
    """What a million tokens cost, in the user's currency."""

    tokens_in: float
    tokens_out: float

    @classmethod
    def parse(cls, text: str) -> "Price":
        """`0.15,0.60`: for tokens in and out. Raises ConfigError."""
        try:
            price = cls(*(float(part) for part in text.split(",")))
        except (ValueError, TypeError):
            price = cls(-1, -1)
        if not (price.tokens_in >= 0 and price.tokens_out >= 0):
            raise ConfigError(f"{text!r} is no price; write IN,OUT per million tokens: 0.15,0.60")
        return price

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """Of so many tokens."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


@dataclass(frozen=True)
class Teacher:
    """An engine that writes labels, and how it wants to be asked."""

    name: str  # its SPEC
    open: Callable[[], Engine]
    guided: bool  # told what a digest is; else asked as the product asks
    price: Price | None = None

    def version(self, wish: Wish) -> str:
        """Of what it is told."""
        return guide.version(wish) if self.guided else f"digest-{PROMPT_VERSION}"

    def ask(
        self, engine: Engine, row: "Row", fields: tuple[str, ...], wish: Wish
    ) -> tuple[Ask, int]:
        """The question about a row, and how many tokens of its text were left out.

        A teacher sees no more of a text than the product's model will.
        """
        budget = answer_budget(fields) * (_LOOSE if self.guided else 1)
        told = guide.instruction(fields, wish) if self.guided else ""
        room = engine.context - budget - engine.count(f"{told}\n{row.title}") - _FRAME
        text, cut = shorten(row.text, max(min(TEXT_TOKENS, room), 64), engine.count)
        if not self.guided:
            return Ask(messages(row.title, text, fields), fields, budget), cut
        turns: list[Message] = [
            {"role": "system", "content": told},
            {"role": "user", "content": user(row.title, text)},
        ]
        return Ask(turns, fields, budget), cut

    def again(self, ask: Ask, answer: str, error: str) -> Ask:
        """The same question after an answer that cannot be taken."""
        turns: Sequence[Message] = [
            *ask.messages,
            {"role": "assistant", "content": answer},
            {"role": "user", "content": guide.repair(error)},
        ]
        return Ask(turns, ask.fields, ask.max_tokens)


@dataclass(frozen=True)
class Service:
    """How URLs are to be asked: `keys` maps a host, or "" for any, to an environment variable."""

    keys: dict[str, str]
    requests_a_minute: int = 0
    tokens_a_minute: int = 0
    parallel: int = 4
    context: int = 16_384
    timeout: float = 180.0


def teacher(spec: str, settings: "Settings", service: Service, price: Price | None) -> Teacher:
    """The teacher of a SPEC; nothing is opened yet. Raises ConfigError."""
    if "://" in spec:
        return Teacher(spec, lambda: _chat(spec, service), guided=True, price=price)
    kind, colon, name = spec.partition(":")
    if kind == "ollama" and name:
        chosen = settings.ollama.model_copy(update={"model": name})
        own = settings.model_copy(update={"ollama": chosen})
        return Teacher(spec, lambda: open_engine("ollama", own)[0], guided=True, price=price)
    if spec in {"embedded", "ollama", "extractive"}:
        return Teacher(spec, lambda: open_engine(spec, settings)[0], guided=False, price=price)
    if kind == "gguf" and colon:
        return Teacher(spec, lambda: _weights(spec), guided=False, price=price)
    raise ConfigError(
        f"no teacher {spec!r}; write URL#MODEL, ollama:NAME, ollama, embedded, extractive or "
        "gguf:BASE[+ADAPTER]"
    )


def _weights(spec: str) -> Engine:
    from finetune.evaluation.engines import open_engine as open_spec

    return open_spec(spec, Path())


def _chat(spec: str, service: Service) -> Engine:
    from finetune.labels.chat import ChatEngine

    url, _, model = spec.partition("#")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not model:
        raise ConfigError(f"{url!r} needs a model: write https://HOST/v1#MODEL")
    if parts.username or parts.password or parts.query:
        raise ConfigError(f"write {parts.hostname} without a key in its URL; name it with --key")
    return ChatEngine(
        url,
        model,
        _key(parts.scheme, parts.hostname, service.keys),
        pace=RateLimiter(service.requests_a_minute, service.tokens_a_minute),
        context=service.context,
        parallel=service.parallel,
        timeout=service.timeout,
    )


def _key(scheme: str, host: str, keys: dict[str, str]) -> SecretStr | None:
    variable = keys.get(host, keys.get(""))
    if variable is None:
        return None
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(f"the environment variable {variable} for {host} is not set")
    if scheme != "https" and host not in _LOOPBACK:
        raise ConfigError(f"a key goes to {host} over https only, not over http")
    return SecretStr(value)


def keys(given: Sequence[str], specs: Sequence[str]) -> dict[str, str]:
    """`[HOST=]VARIABLE`... -> host (or "" for the only one) -> variable. Raises ConfigError."""
    found = {}
    for text in given:
        host, _, variable = text.rpartition("=")
        found[host] = variable
    hosts = {urlsplit(spec).hostname for spec in specs if "://" in spec}
    if "" in found and len(hosts) > 1:
        raise ConfigError("several hosts: write --key HOST=VARIABLE for each that needs a key")
    if unknown := set(found) - hosts - {""}:
        raise ConfigError(f"--key names {min(unknown)}, which is no teacher's host")
    return found


def prices(given: Sequence[str], specs: Sequence[str]) -> dict[str, Price | None]:
    """The prices, for each SPEC in turn; none, or one for each. Raises ConfigError."""
    if len(set(specs)) < len(specs):
        raise ConfigError("a teacher is named twice; it would only agree with itself")
    if given and len(given) != len(specs):
        raise ConfigError(f"{len(given)} prices for {len(specs)} teachers; give one for each")
    found: list[Price | None] = [Price.parse(text) for text in given]
    found = found or [None] * len(specs)
    return dict(zip(specs, found, strict=True))

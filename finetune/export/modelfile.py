"""The Modelfile: what makes `cat story.md | ollama run --nowordwrap digest` work bare.

Ollama renders chats with a Go template. Ours is found by asking the template that training used
what it puts around each turn, then rendered back and compared, so that the two cannot differ.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from digest.errors import ConfigError
from digest.model.identity import mark
from digest.model.modelfile import Modelfile
from digest.prompt import STOP, Message, chatml, messages, system
from finetune.export import gotemplate

CONTEXT = 4096  # tokens: 2,048 of text, the prompt around it and the longest answer

_ROLES = ("system", "user", "assistant")
_MARK = "\ue000"  # a private character: no template writes it


class Render(Protocol):
    """A chat template: turns as text, with or without the beginning of an answer."""

    def __call__(self, turns: Sequence[Message], begin: bool) -> str:
        """The text; `begin`: up to where an answer begins."""
        ...


def training(turns: Sequence[Message], begin: bool) -> str:
    """The template that training uses."""
    return chatml(turns) if begin else chatml(turns).removesuffix(chatml([]))


@dataclass(frozen=True, slots=True)
class _Turns:
    """What a chat template puts before and after each role's content."""

    before: dict[str, str]
    after: dict[str, str]


def template(render: Render, bos: str = "") -> str:
    """The Go template that renders as `render` does.

    `bos` is the beginning token if the tokenizer adds it by itself: then the template must not
    write it again. Raises ConfigError if no template of ours can do that.
    """
    parts = _parts(render, bos)
    shapes = {
        (before.replace(role, "{{ .Role }}") if role in before else before, parts.after[role])
        for role, before in parts.before.items()
    }
    if len(shapes) == 1 and all(role in parts.before[role] for role in _ROLES):
        ((before, after),) = shapes
        body = before + "{{ .Content }}" + after
    else:
        body = ""
        for role in _ROLES:
            word = "else if" if body else "if"
            turn = parts.before[role] + "{{ .Content }}" + parts.after[role]
            body += f'{{{{ {word} eq .Role "{role}" }}}}{turn}'
        body += "{{ end }}"
    text = "{{ range .Messages }}" + body + "{{ end }}" + parts.before["assistant"]
    for turns in _probes():
        if bos + gotemplate.render(text, turns) != render(turns, begin=True):
            raise ConfigError(
                "the chat template cannot be written as one of Ollama's: it treats turns by more "
                "than their role"
            )
    return text


def _parts(render: Render, bos: str) -> _Turns:
    """Find what stands around each turn, by marks in place of contents."""

    def around(*roles: str) -> list[str]:
        turns: list[Message] = [{"role": role, "content": _MARK} for role in roles]
        pieces = render(turns, begin=False).removeprefix(bos).split(_MARK)
        if len(pieces) != len(roles) + 1:
            raise ConfigError("the chat template does not write each turn once")
        return pieces

    after = {role: around(*_ROLES[: n + 1])[-1] for n, role in enumerate(_ROLES)}
    pieces = around(*_ROLES)
    before = {"system": pieces[0]}
    for last, role, between in zip(_ROLES, _ROLES[1:], pieces[1:], strict=False):
        before[role] = between.removeprefix(after[last])
    return _Turns(before, after)


def _probes() -> list[list[Message]]:
    """Chats of the shapes that are asked: one question, and one that goes on."""
    asked = messages("A title", 'Text with {{ braces }}, "quotes" and\n\nparagraphs: ä 漢 🙂.')
    answer: Message = {"role": "assistant", "content": '{"title":"A title"}'}
    return [asked, messages("", "No title", ("title",)), [*asked, answer, asked[1]]]


def of(folder: Path, source: str, adapter: str = "", told: str = "", most: int = 0) -> Modelfile:
    """The Modelfile for weights made from the base in `folder` (and an adapter over them):
    template, system message (for all fields, if none is given), every stop token, context,
    greedy decoding without a penalty, and `most` tokens an answer: what runs in circles ends there.

    Written out in full, because Ollama guesses the template otherwise. Raises ConfigError if
    the base's tokenizer lacks the control tokens of the prompt.
    """
    return Modelfile(
        source,
        template(training),
        told or system(),
        adapter,
        _parameters(stops(folder), folder, "0") | ({"num_predict": str(most)} if most else {}),
        # Other tasks speak other prompts: of those Digest's engines must know nothing.
        "" if told else mark(),
    )


def raw(
    folder: Path, source: str, adapter: str = "", before: str = "", after: str = "",
    temperature: str = "0",
) -> Modelfile:  # fmt: skip
    """The Modelfile of a model that goes on from a text, which stands between `before` and
    `after`, until it ends it. Raises ConfigError for what Ollama would take for code.
    """
    if "{{" in before + after:
        raise ConfigError("a prompt for Ollama cannot hold {{; write the template without it")
    return Modelfile(
        source,
        before + "{{ .Prompt }}" + after,
        "",
        adapter,
        _parameters(ends(folder), folder, temperature),
    )


def _parameters(stop: list[str], folder: Path, temperature: str) -> dict[str, str | list[str]]:
    # Ollama's own repeat_penalty of 1.1 is not how a model was trained and examined.
    return {
        "stop": stop,
        "num_ctx": str(context(folder)),
        "temperature": temperature,
        "repeat_penalty": "1",
    }


def ends(folder: Path) -> list[str]:
    """Every token that the base ends a text by: what it names so, and <|endoftext|>."""
    named = _ends(folder)
    return sorted(
        word
        for word, number in _added(folder).items()
        if number in named or word in {"<|endoftext|>", STOP}
    )


def stops(folder: Path) -> list[str]:
    """Every token that ends an answer: the prompt's own, and all that the base names."""
    tokens = _added(folder)
    for needed in ("<|im_start|>", STOP):
        if needed not in tokens:
            raise ConfigError(
                f"the base's tokenizer has no token {needed}, which the prompt is made of; "
                "take a base that knows ChatML"
            )
    named = _ends(folder)
    return [
        STOP,
        *sorted(word for word, number in tokens.items() if number in named and word != STOP),
    ]


def _added(folder: Path) -> dict[str, int]:
    """The control tokens of a base."""
    return {
        token["content"]: token["id"] for token in _json(folder, "tokenizer.json")["added_tokens"]
    }


def _ends(folder: Path) -> set[int]:
    """The tokens that a base names as the end of a text."""
    named: set[int] = set()
    for file in ("config.json", "generation_config.json"):
        found = _json(folder, file).get("eos_token_id")
        named |= {
            int(one) for one in (found if isinstance(found, list) else [found]) if one is not None
        }
    return named


def context(folder: Path) -> int:
    """Tokens of context: what Digest needs, or the base's own if that is less."""
    return min(CONTEXT, int(_json(folder, "config.json")["max_position_embeddings"]))


def _json(folder: Path, name: str) -> dict[str, Any]:
    file = folder / name
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found

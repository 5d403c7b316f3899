"""The part of Go's text/template that our Modelfiles use, to prove what Ollama will render.

Text, `{{ range .Messages }}`, `{{ if eq .Role "x" }}`, `{{ else if ... }}`, `{{ else }}`,
`{{ end }}`, `{{ .Role }}`, `{{ .Content }}`, and `-` beside a brace, which eats white space.
Anything else is an error, as it would be a guess.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from digest.errors import ConfigError
from digest.prompt import Message

_ACTION = re.compile(
    r"\{\{(?P<left>-(?=\s))?\s*(?P<code>.*?)\s*(?P<right>(?<=\s)-)?\}\}", re.DOTALL
)
_EQUALS = re.compile(r'(?:else )?if eq \.Role "([^"]*)"')
_VALUES = {".Role": "role", ".Content": "content"}


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    is_code: bool


def render(template: str, turns: Sequence[Message]) -> str:
    """What Ollama makes of the template for these turns. Raises ConfigError."""
    tokens = list(_tokens(template))
    out, end = _block(tokens, 0, turns, None)
    if end != len(tokens):
        raise ConfigError(f"the template has a stray {{{{ {tokens[end].text} }}}}")
    return out


def _tokens(template: str) -> Iterator[_Token]:
    position, trim = 0, False
    for match in _ACTION.finditer(template):
        text = template[position : match.start()]
        text = text.lstrip() if trim else text
        yield _Token(text.rstrip() if match["left"] else text, is_code=False)
        yield _Token(match["code"], is_code=True)
        position, trim = match.end(), bool(match["right"])
    tail = template[position:]
    if "{{" in tail:
        raise ConfigError("the template has an action without an end")
    yield _Token(tail.lstrip() if trim else tail, is_code=False)


def _block(
    tokens: Sequence[_Token], start: int, turns: Sequence[Message], turn: Message | None
) -> tuple[str, int]:
    """Render up to the `else` or `end` that closes this block; return the text and where it is."""
    out, at = "", start
    while at < len(tokens):
        token = tokens[at]
        if not token.is_code:
            out += token.text
        elif token.text == "end" or token.text.startswith("else"):
            break
        elif token.text == "range .Messages":
            end = _block(tokens, at + 1, turns, {"role": "", "content": ""})[1]
            out += "".join(_block(tokens, at + 1, turns, one)[0] for one in turns)
            at = end
        elif _EQUALS.fullmatch(token.text):
            text, at = _choice(tokens, at, turns, turn)
            out += text
        elif token.text in _VALUES and turn is not None:
            out += turn["role"] if token.text == ".Role" else turn["content"]
        else:
            raise ConfigError(f"cannot tell what Ollama makes of {{{{ {token.text} }}}}")
        at += 1
    return out, at


def _choice(
    tokens: Sequence[_Token], start: int, turns: Sequence[Message], turn: Message | None
) -> tuple[str, int]:
    """Render the branch of an `if` that holds; return it and where its `end` is."""
    at, taken, out = start, False, ""
    while at < len(tokens) and tokens[at].text != "end":
        condition = _EQUALS.fullmatch(tokens[at].text)
        if not condition and tokens[at].text != "else":
            raise ConfigError(f"cannot tell what Ollama makes of {{{{ {tokens[at].text} }}}}")
        holds = condition is None or (turn is not None and turn["role"] == condition[1])
        text, at = _block(tokens, at + 1, turns, turn)
        if holds and not taken:
            out, taken = text, True
    if at >= len(tokens):
        raise ConfigError("the template has an `if` without an `end`")
    return out, at

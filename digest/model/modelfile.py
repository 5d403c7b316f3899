"""Ollama's Modelfile: what a model is made of, read and written."""

import re
from dataclasses import dataclass, field

from digest.errors import ConfigError

_COMMAND = re.compile(
    r'\s*(?:#[^\n]*|(?P<word>[A-Za-z]+)[ \t]+(?:"""(?P<block>.*?)"""|(?P<line>[^\n]*)))(?:\n|$)',
    re.DOTALL,
)


def usage(name: str) -> tuple[str, str]:
    """How to ask a model in Ollama by hand. Without --nowordwrap the command breaks lines at 80
    columns, by control sequences inside the JSON, even into a file or a pipe.
    """
    return (
        f"cat story.md | ollama run --nowordwrap {name}",
        f'ollama run --nowordwrap {name} "$(cat story.md)"',
    )


@dataclass(frozen=True, slots=True)
class Modelfile:
    """The commands that Digest uses. `source` and `adapter` are model names or files."""

    source: str
    template: str = ""
    system: str = ""
    adapter: str = ""
    parameters: dict[str, str | list[str]] = field(default_factory=dict)  # `stop` is a list
    license: str = ""

    def render(self, name: str = "") -> str:
        """The file's text, with how to ask the model, once it is called `name`, at its head.

        Raises ConfigError for what its quotes cannot hold.
        """
        lines = [f"# {line}" for line in usage(name)] if name else []
        lines.append(f"FROM {self.source}")
        if self.adapter:
            lines.append(f"ADAPTER {self.adapter}")
        texts = (("TEMPLATE", self.template), ("SYSTEM", self.system), ("LICENSE", self.license))
        for word, text in texts:
            if '"""' in text:
                raise ConfigError(f'a Modelfile cannot hold a {word} with """ in it')
            if text:
                lines.append(f'{word} """{text}"""')
        for word, value in self.parameters.items():
            values = [f'"{one}"' for one in value] if isinstance(value, list) else [value]
            lines += [f"PARAMETER {word} {one}" for one in values]
        return "\n".join(lines) + "\n"


def parse(text: str) -> Modelfile:
    """Read a Modelfile. Raises ConfigError for a command that Digest does not know."""
    found: dict[str, str] = {}
    parameters: dict[str, str | list[str]] = {}
    position = 0
    while position < len(text.rstrip()):
        match = _COMMAND.match(text, position)
        if not match:
            raise ConfigError(f"the Modelfile is not readable from {text[position:][:40]!r} on")
        position = match.end()
        word, value = (match["word"] or "").upper(), match["block"]
        if value is None:
            value = (match["line"] or "").strip()
        if word == "PARAMETER":
            name, _, argument = value.partition(" ")
            argument = argument.strip().removeprefix('"').removesuffix('"')
            if name == "stop":
                parameters["stop"] = [*parameters.get("stop", []), argument]
            else:
                parameters[name] = argument
        elif word in {"FROM", "ADAPTER", "TEMPLATE", "SYSTEM", "LICENSE"}:
            found[word] = value
        elif word:
            raise ConfigError(f"the Modelfile has a command {word}, which Digest does not know")
    if "FROM" not in found:
        raise ConfigError("the Modelfile has no FROM")
    return Modelfile(
        found["FROM"],
        found.get("TEMPLATE", ""),
        found.get("SYSTEM", ""),
        found.get("ADAPTER", ""),
        parameters,
        found.get("LICENSE", ""),
    )

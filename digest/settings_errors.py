"""What is wrong with a setting, said so that it can be mended: where it stands, and an example."""

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

PREFIX = "DIGEST_"
# Read elsewhere, or by a client's configuration: no settings.
_OTHERS = {"DIGEST_CACHE", "DIGEST_ENCODER", "DIGEST_TOKEN"}
_NEAR = 0.6  # of difflib's ratio: `sources` for source, `output` for out
_NEAR_NAME = 0.75  # of variables, which may be somebody else's
EXAMPLES = {
    "source": '["mailbox:~/Mail/news"]',
    "deliver": '["folder:~/Reports"]',
    "interests": '["offshore wind"]',
    "mute.words": '["horoscope"]',
    "mute.publishers": '["Daily Deals"]',
    "mute.kinds": '["sponsor"]',
    "http.allow": '["nas.lan:8080"]',
    "imap.password_command": '["pass", "show", "mail/{user}"]',
    "google.beside": '["pdf"]',
    "ollama.host": '"http://127.0.0.1:11434"',
    "embedded.model": '"~/models/mine.gguf"',
    "smtp.host": '"smtp.example.com"',
}


def keys(model: type[BaseModel], before: str = "") -> dict[str, Any]:
    """Every key by its dotted name -> its default; tables are not among them."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= keys(kind, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = field.get_default(call_default_factory=True)
    return found


def explained(
    error: ValidationError,
    model: type[BaseModel],
    file: tuple[Path, str],
    options: Iterable[str],
) -> str:
    """The first error in one sentence: where the value was given, what is wrong, an example.

    `file` is the configuration's path and text, `options` the names given on the command line.
    """
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    names = [part for part in location if not part.isdecimal()]
    key = ".".join(location)
    place = _place(names, key, file, set(options))
    if first["type"] == "extra_forbidden":
        return f"{place}: unknown key{proposal('.'.join(names), keys(model))}"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}{example('.'.join(names), model)}"


def _place(names: list[str], key: str, file: tuple[Path, str], options: set[str]) -> str:
    """Where a key was given. Options beat variables, variables beat the file."""
    if names and names[0] in options:
        return f"--{names[0].replace('_', '-')}"
    for length in range(len(names), 0, -1):
        variable = PREFIX + "__".join(names[:length]).upper()
        if any(name.upper() == variable for name in os.environ):
            return f"the variable {variable}"
    path, text = file
    return f"{path}{line_of('.'.join(names), text)}: {key}"


def line_of(key: str, text: str) -> str:
    """` line 3`, if the key or its table stands there in a TOML file's text."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if head := re.match(r"\s*\[+([^\]]+)\]", line):
            table = head[1].strip()
            here = table
        elif assigned := re.match(r"\s*([\w.-]+)\s*=", line):
            here = f"{table}.{assigned[1]}" if table else assigned[1]
        else:
            continue
        if here == key:
            return f" line {number}"
    return ""


def proposal(key: str, known: Mapping[str, Any], near_enough: float = _NEAR) -> str:
    """`; did you mean source?`, if there is a key like this one."""
    tables = {name.rpartition(".")[0] for name in known} - {""}
    names = [*known, *sorted(tables)]
    last = key.rpartition(".")[2]
    near = get_close_matches(key, names, 1, near_enough) or [
        name for name in known if name.rpartition(".")[2] == last
    ]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def example(key: str, model: type[BaseModel]) -> str:
    """`; write it like since = "7d"`."""
    known = keys(model)
    if key not in known:
        return ""
    default = known[key]
    if key in EXAMPLES:
        shown = EXAMPLES[key]
    elif isinstance(default, bool):
        shown = str(not default).lower()
    elif isinstance(default, int | float):
        shown = f"{default:g}" if default else "2"
    elif default and isinstance(default, str | Path):
        shown = f'"{default}"'
    else:
        return ""
    return f"; write it like {key.rpartition('.')[2]} = {shown}"


def example_variable(name: str) -> str:
    """How a list or a table is written into a variable."""
    value = EXAMPLES.get(name)
    return f"; write it as JSON, like {PREFIX}{name.upper()}='{value}'" if value else ""


def misspelt(model: type[BaseModel]) -> str:
    """What is wrong with the names of the environment's variables; "" if nothing is.

    A name that resembles no key is somebody else's variable.
    """
    known = keys(model)
    tables = {name.partition(".")[0] for name in known if "." in name}
    for variable in sorted(os.environ):
        name = variable.upper()
        if not name.startswith(PREFIX) or name in _OTHERS:
            continue
        key = name.removeprefix(PREFIX).lower().replace("__", ".")
        if key in known or key in tables:
            continue
        meant = proposal(key, known, _NEAR_NAME).removeprefix("; did you mean ")
        if meant or key.partition(".")[0] in tables:
            meant = re.sub(r"[a-z_.]+(?=\?| or )", _as_variable, meant)
            said = f"; did you mean {meant}" if meant else ""
            return f"the variable {variable} sets nothing{said}"
    return ""


def _as_variable(match: re.Match[str]) -> str:
    return PREFIX + match[0].replace(".", "__").upper()

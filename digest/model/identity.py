"""Whose model is this? Told by what Ollama says of it, never by its name.

What Digest makes carries a licence layer that says so and for which prompt version. Models made
before there was that layer are known by their template and system message: the shipped ones.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digest.prompt import PROMPT_VERSION, chatml

OWN = "digest"  # the name under which `digest model install` creates the model that ships

_MARK = "Made by Digest for prompt version"
_MARKED = re.compile(rf"{_MARK} (\w+)")
_SYSTEM = "digest: "  # how the system message of every prompt version begins
_UNMARKED = "1"  # the prompt version of models without a mark


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model is, as far as it matters to how it is asked."""

    prompt: str  # the version of Digest's prompt that it was taught; "" = none
    thinks: bool  # it writes its thoughts before the answer unless told not to

    @property
    def ours(self) -> bool:
        """Whether it was made by Digest, here or by `digest finetune`."""
        return bool(self.prompt)


def mark(terms: str = "") -> str:
    """The text of the licence layer: what made the model, and the terms it comes under."""
    return f"{_MARK} {PROMPT_VERSION}.\n{terms}".strip()


def identify(shown: Mapping[str, Any]) -> Identity:
    """Read what `/api/show` says of a model."""
    thinks = "thinking" in (shown.get("capabilities") or ())
    if marked := _MARKED.search(_text(shown.get("license"))):
        return Identity(marked[1], thinks)
    told, template = _text(shown.get("system")), _text(shown.get("template"))
    taught = told.startswith(_SYSTEM) and _plain(template) == _plain(_TEMPLATE)
    return Identity(_UNMARKED if taught else "", thinks)


_TURN = chatml([{"role": "{{ .Role }}", "content": "{{ .Content }}"}]).removesuffix(chatml([]))
_TEMPLATE = "{{ range .Messages }}" + _TURN + "{{ end }}" + chatml([])


def _plain(template: str) -> str:
    """A Go template without white space and trim marks, which differ between servers."""
    return re.sub(r"\s|(?<=\{\{)-|-(?=\}\})", "", template)


def _text(value: object) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value or "")

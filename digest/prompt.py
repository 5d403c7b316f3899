"""The one prompt. Training, Ollama and the embedded engine all build it here.

System message: ``digest: `` and the asked fields, comma-separated, in contract order.
User message: ``# {title}``, a blank line, the text; no heading line if there is no title.
"""

import re
from collections.abc import Sequence
from typing import TypedDict

from digest.schema import FIELDS, select

PROMPT_VERSION = "2"  # 1: the model wrote title, summary and highlights; 2: they are quoted

# Content must not be able to end its turn: the model's own control tokens lose their bars.
_CONTROL = re.compile(r"<\|(\w+)\|>")


class Message(TypedDict):
    """One chat turn."""

    role: str
    content: str


def system(fields: Sequence[str] = FIELDS) -> str:
    """The system message for a subset of the fields."""
    return "digest: " + ",".join(select(fields))


def user(title: str, text: str) -> str:
    """The user message: heading and text, control tokens defanged."""
    heading = " ".join(title.split())
    body = f"# {heading}\n\n{text.strip()}" if heading else text.strip()
    return _CONTROL.sub(r"<\1>", body)


def messages(title: str, text: str, fields: Sequence[str] = FIELDS) -> list[Message]:
    """The whole prompt as chat turns."""
    return [
        {"role": "system", "content": system(fields)},
        {"role": "user", "content": user(title, text)},
    ]


def chatml(turns: Sequence[Message]) -> str:
    """Render turns as the base model's ChatML, ending where the assistant begins to write."""
    body = "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in turns)
    return body + "<|im_start|>assistant\n"


STOP = "<|im_end|>"

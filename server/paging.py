"""Cursors: where a listing goes on. They hold the listing's own arguments, validated again."""

import base64
import binascii
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digest.errors import ConfigError

CHARS_A_PAGE = 12_000  # of a report's markdown


class Cursor(BaseModel):
    """A place in a listing. A forged one can ask for nothing that arguments could not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str  # the tool that gave it
    arguments: dict[str, str | int]
    offset: int = Field(ge=0, le=10**9)
    ceiling: int = Field(default=0, ge=0, le=2**62)

    def __str__(self) -> str:
        packed = self.model_dump_json(exclude_defaults=True).encode()
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode(text: str, tool: str) -> Cursor:
    """Read a cursor that `tool` gave. Raises ConfigError."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = Cursor.model_validate_json(packed)
    except (binascii.Error, ValueError, ValidationError):
        cursor = None
    if cursor is None or cursor.of != tool:
        raise ConfigError(
            f"this cursor was not given by {tool}; pass next_cursor of its last answer unchanged, "
            "or leave it out to begin anew"
        )
    return cursor


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a long text; `end` is 0 if it is the last."""

    text: str
    end: int


def part(text: str, begin: int, size: int = CHARS_A_PAGE) -> Part:
    """A page of `text` from `begin`, cut before a heading or at a line's end."""
    if len(text) - begin <= size:
        return Part(text[begin:], 0)
    window = text[begin : begin + size]
    half = size // 2
    for boundary in ("\n## ", "\n### ", "\n\n", "\n"):
        if (cut := window.rfind(boundary, half)) > 0:
            return Part(window[: cut + 1], begin + cut + 1)
    return Part(window, begin + len(window))

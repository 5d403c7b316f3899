"""What can be read of a JSON object that a model did not finish, or put other text around."""

import json
import re
from collections.abc import Iterator
from typing import Any

_KEY = re.compile(r'\s*,?\s*("(?:[^"\\]|\\.)*")\s*:\s*')


def members(text: str) -> Iterator[tuple[str, Any]]:
    """The finished members of the first object in `text`, of which the end may be cut off."""
    decoder = json.JSONDecoder()
    place = text.find("{") + 1
    while place and (opening := _KEY.match(text, place)):
        try:
            value, place = decoder.raw_decode(text, opening.end())
        except (json.JSONDecodeError, RecursionError):
            return
        if place < len(text):  # a number at the very end may go on
            yield json.loads(opening[1]), value

"""Which language a text is in."""

from functools import lru_cache
from typing import Any

_LOOKED_AT = 4_000  # characters


@lru_cache(maxsize=1024)
def language(text: str) -> str:
    """ISO 639-1 code of the language that a text seems to be in (97 are known)."""
    return str(_known().classify(text[:_LOOKED_AT])[0])


@lru_cache(maxsize=1)
def _known() -> Any:
    import py3langid

    return py3langid

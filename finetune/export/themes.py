"""The themes that a model is taught: those which its training rows use again and again."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from digest.quote.editing import TAUGHT
from digest.schema import Row

_OFTEN = 3  # rows: a theme of fewer says little about the next story


def themes(rows: Iterable[Row]) -> list[str]:
    """Themes of three rows or more, in alphabetical order."""
    count = Counter(theme for row in rows for theme in set(row.digest.key_insights or ()))
    return sorted(theme for theme, rows_with in count.items() if rows_with >= _OFTEN)


def write(rows: Iterable[Row], out: Path) -> Path:
    """Write them into the folder of a model, where `digest.quote.editing` looks for them."""
    path = out / TAUGHT
    path.write_text("".join(f"{theme}\n" for theme in themes(rows)), "utf-8")
    return path

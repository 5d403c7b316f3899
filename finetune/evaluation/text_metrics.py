"""What is measured of running text besides ROUGE: repetition, sameness, language."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from finetune.evaluation.folding import words

_GRAM = 4  # words of the n-grams whose repetition is counted


def repetition(text: str) -> float:
    """Share of a text's 4-grams that repeat an earlier one: near 0, but for a model that loops."""
    tokens = words(text)
    grams = Counter(zip(*(tokens[n:] for n in range(_GRAM)), strict=False))
    return 1 - len(grams) / total if (total := grams.total()) else 0.0


def templated(texts: Sequence[str], length: int) -> list[bool]:
    """For each text, whether another one begins with the same `length` words."""
    starts = [tuple(words(text)[:length]) for text in texts]
    count = Counter(starts)
    return [len(start) == length and count[start] > 1 for start in starts]


def is_english(text: str) -> bool:
    """Whether a text is in English, as `py3langid` sees it (97 languages)."""
    return bool(_languages().classify(text)[0] == "en")


@cache
def _languages() -> Any:
    import py3langid

    return py3langid

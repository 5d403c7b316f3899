"""Words of a text that can be compared: folded, without the commonest, in any script."""

import re
from collections.abc import Iterable

WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")
UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{2,}")
STOP = frozenset(
    re.findall(
        r"\w+",
        """
    a about after again all also an and any are as at be been before being but by can could did
    do does for from get had has have he her him his how i if in into is it its just like may more
    most much new no not now of on one only or other our out over said say says she should so
    some such than that the their them then there these they this those through to too up us use
    used using very was way we were what when where which while who why will with would you your
    """,
    )
)


def key(label: str) -> str:
    """What labels that differ only in case, spacing or punctuation have in common."""
    return re.sub(r"\W+", " ", label.casefold()).strip()


def words(text: str) -> Iterable[str]:
    """Casefolded words without the commonest; character pairs where a script has no spaces."""
    for match in WORD.finditer(text.casefold()):
        word = match[0]
        if UNSPACED.search(word):
            yield from (word[i : i + 2] for i in range(len(word) - 1))
        elif word not in STOP and (len(word) > 2 or word.isdigit()):
            yield word[:-1] if len(word) > 4 and word.endswith("s") else word

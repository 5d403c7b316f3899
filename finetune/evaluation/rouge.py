"""ROUGE (Lin 2004), as Google's `rouge-score` counts it, to the last bit; the tests compare.

Not that package itself: unchanged since 2022, it imports all of NLTK for one stemmer. Words are
runs of a-z and 0-9 in lower case. With `stem`, words of more than three letters are reduced by
Porter's stemmer, as in most published figures. The stems are Snowball's, which follow Porter's
paper; `rouge-score` takes NLTK's, which differ in a handful of words.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

ROUGE = ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum")

_WORD = re.compile(r"[a-z0-9]+")
# Of any script; those that write no blanks go character by character.
_ANY = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+")


def rouge(
    reference: str, candidate: str, *, stem: bool = False, any_script: bool = False
) -> dict[str, float]:
    """F1 of ROUGE-1, -2, -L and -Lsum. With `any_script`, letters beyond a-z count as what they
    are; without, as in most published figures, they divide words.

    Lsum takes the sentences that `syntok` finds, and line breaks, as sentences.
    """
    pattern = _ANY if any_script else _WORD
    old = [_words(s, stem, pattern) for s in sentences(reference)]
    new = [_words(s, stem, pattern) for s in sentences(candidate)]
    a, b = list(chain(*old)), list(chain(*new))
    total = len(a) + len(b)
    longest = _lengths(a, b)[-1][-1]
    return {
        "rouge_1": _ngrams(a, b, 1),
        "rouge_2": _ngrams(a, b, 2),
        "rouge_l": 2 * longest / total if total else 0.0,
        "rouge_lsum": 2 * _union_hits(old, new) / total if total else 0.0,
    }


@cache
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text; a line break ends one too."""
    from syntok import segmenter

    return tuple(
        "".join(token.spacing + token.value for token in sentence).strip()
        for line in text.splitlines()
        for paragraph in segmenter.process(line)
        for sentence in paragraph
    )


def _words(text: str, stem: bool, pattern: re.Pattern[str]) -> list[str]:
    found = pattern.findall(text.lower())
    return [_stem(word) if len(word) > 3 else word for word in found] if stem else found


@cache
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("porter")


def _ngrams(a: Sequence[str], b: Sequence[str], n: int) -> float:
    left, right = (Counter(zip(*(w[i:] for i in range(n)), strict=False)) for w in (a, b))
    total = left.total() + right.total()
    return 2 * (left & right).total() / total if total else 0.0


def _lengths(a: Sequence[str], b: Sequence[str]) -> list[list[int]]:
    """Lengths of the longest common subsequence of every two beginnings."""
    table = [[0] * (len(b) + 1)]
    for word in a:
        above, line = table[-1], [0]
        for j, other in enumerate(b):
            line.append(above[j] + 1 if word == other else max(above[j + 1], line[j]))
        table.append(line)
    return table


def _common(a: Sequence[str], b: Sequence[str]) -> set[int]:
    """Places in `a` of one longest common subsequence: of several, the one found from the end
    by staying in `a` only where that keeps more.
    """
    table, places = _lengths(a, b), set()
    i, j = len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            places.add(i)
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return places


def _union_hits(old: Sequence[Sequence[str]], new: Sequence[Sequence[str]]) -> int:
    """Words of the reference's sentences that lie on a common subsequence with any sentence of
    the candidate, each at most as often as both texts have it.
    """
    limit = Counter(w for s in old for w in s) & Counter(w for s in new for w in s)
    found: Counter[str] = Counter()
    for sentence in old:
        places = set[int]().union(*(_common(sentence, other) for other in new))
        found.update(sentence[place] for place in places)
    return (found & limit).total()

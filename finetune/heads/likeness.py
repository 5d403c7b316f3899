"""Kernels over the training rows, ridge regression on them, and what each row's group is told
without it: the scores that the stacked models learn from.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

from digest.tags.likeness import BOTH, NEAREST, UNIT, VECTOR, WORDS, vote, weighted
from finetune.heads.rows import Ready

if TYPE_CHECKING:
    import numpy as np

    Matrix = np.ndarray[Any, np.dtype[np.float64]]

RIDGE = {WORDS: 0.5, VECTOR: 1.0, BOTH: 0.5}  # chosen inside folds: docs/lab-log-heads.md
_ROWS = 2  # that must have a term for it to be kept


@dataclass
class Fitted:
    """Scores of the training rows that do not know their own group, and what is stored."""

    scores: dict[str, "Matrix"]  # kernel -> rows x columns
    votes: dict[str, "Matrix"]
    facts: dict[str, Any]
    arrays: dict[str, "array[Any]"]


def fit(rows: Sequence[Ready], vectors: "Matrix | None", labels: "Matrix") -> Fitted:
    """Fit on the rows; `labels` are rows x columns of numbers from 0 to 1."""
    import numpy as np

    facts, arrays, words = _terms(rows)
    kernels = {WORDS: words}
    arrays["vectors"], arrays["centre"] = array("b"), array("f")
    if vectors is not None:
        centre = vectors.mean(0)
        units = vectors - centre
        units /= np.linalg.norm(units, axis=1, keepdims=True) + 1e-9
        rounded = np.clip(np.round(units * UNIT), -UNIT, UNIT)
        arrays["vectors"] = array("b", rounded.astype(np.int8).tobytes())
        arrays["centre"] = array("f", centre.astype(np.float32).tobytes())
        kernels[VECTOR] = (rounded / UNIT) @ (rounded / UNIT).T
        kernels[BOTH] = kernels[WORDS] + kernels[VECTOR]
    groups = [ready.row.group for ready in rows]
    means = labels.mean(0)
    scores, scales = {}, {}
    for kernel, likeness in kernels.items():
        scores[kernel], coefficients = _ridge(likeness, labels - means, groups, RIDGE[kernel])
        scores[kernel] += means
        top = np.abs(coefficients).max(0) + 1e-12
        scales[kernel] = (top / UNIT).tolist()
        rounded = np.round(coefficients / top * UNIT).astype(np.int8)
        arrays[f"coefficients-{kernel}"] = array("b", rounded.T.tobytes())
    columns = [[int(n) for n in np.flatnonzero(line >= 1)] for line in labels]
    votes = {
        kernel: _votes(kernels[kernel], columns, groups, labels.shape[1])
        for kernel in (WORDS, VECTOR)
        if kernel in kernels
    }
    facts |= {"rows": len(rows), "means": means.tolist(), "scales": scales, "labels": columns}
    return Fitted(scores, votes, facts, arrays)


def _terms(rows: Sequence[Ready]) -> tuple[dict[str, Any], dict[str, "array[Any]"], "Matrix"]:
    """The TF-IDF of the rows as it is stored, and how alike the rows are by it."""
    import numpy as np
    from scipy.sparse import csr_matrix

    seen = Counter(term for ready in rows for term in ready.counts)
    kept = sorted(term for term, count in seen.items() if count >= _ROWS)
    terms = {term: n for n, term in enumerate(kept)}
    idf = [log((1 + len(rows)) / (1 + seen[term])) + 1 for term in kept]
    owners, places, weights = [], [], []
    for n, ready in enumerate(rows):
        for place, weight in sorted(weighted(ready.counts, terms, idf).items()):
            if step := round(weight * 255):
                owners.append(n)
                places.append(place)
                weights.append(step)
    order = np.lexsort((owners, places))
    arrays = {
        "idf": array("f", idf),
        "starts": array("I", np.searchsorted(np.sort(places), np.arange(len(kept) + 1)).tolist()),
        "postings": array("H" if len(rows) < 1 << 16 else "I", np.array(owners)[order].tolist()),
        "weights": array("B", np.array(weights)[order].tolist()),
    }
    matrix = csr_matrix((np.array(weights) / 255, (owners, places)), (len(rows), len(kept)))
    return {"terms": kept}, arrays, (matrix @ matrix.T).toarray()


def _ridge(
    likeness: "Matrix", labels: "Matrix", groups: Sequence[str], penalty: float
) -> tuple["Matrix", "Matrix"]:
    """Scores of each group by all other groups (closed form), and the coefficients."""
    import numpy as np

    inverse = np.linalg.inv(likeness.astype(np.float64) + penalty * np.eye(len(labels)))
    coefficients = inverse @ labels
    scores = np.empty_like(labels)
    for members in _members(groups):
        own = inverse[np.ix_(members, members)]
        scores[members] = labels[members] - np.linalg.solve(own, coefficients[members])
    return scores, coefficients


def _votes(
    likeness: "Matrix", columns: Sequence[Sequence[int]], groups: Sequence[str], width: int
) -> "Matrix":
    """Votes of the nearest rows of other groups."""
    import numpy as np

    votes = np.zeros((len(groups), width))
    for members in _members(groups):
        masked = likeness[members].copy()
        masked[:, members] = -np.inf
        for n, line in zip(members, masked, strict=True):
            near = np.argsort(-line)[:NEAREST]
            near = near[np.isfinite(line[near])]
            if len(near):
                for column, share in vote(line[near].tolist(), [columns[m] for m in near]).items():
                    votes[n, column] = share
    return votes


def _members(groups: Sequence[str]) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for n, group in enumerate(groups):
        found.setdefault(group, []).append(n)
    return list(found.values())

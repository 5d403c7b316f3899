"""What heads are worth on rows that they were not fitted on: cross-validation.

By group no issue stands on both sides; by row the items of one issue may, as in a random split.
Nothing is chosen here: the settings of `finetune.heads.fit` are fixed.
"""

from collections.abc import Callable, Sequence

import numpy as np

from digest.schema import FIELDS, DigestFields, Row, validate
from digest.tags.heads import Heads, Tags
from finetune.evaluation.predictions import Prediction
from finetune.heads.fit import fit
from finetune.heads.rows import Rows

DECIDED = ("domains", "relevance_score", "key_insights", "company_names")
FOLDS = 8


def fields(tags: Tags) -> DigestFields:
    """Tags as the digest fields that they decide."""
    found = {
        name: list(value) if isinstance(value := getattr(tags, name), tuple) else value
        for name in FIELDS
        if name in DECIDED
    }
    return validate(found, DECIDED)


def cross_validate(
    rows: Rows,
    examined: Sequence[int],
    *,
    by_group: bool = True,
    encoder: bool = True,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Prediction]:
    """Predict the rows at `examined`, each by heads fitted on all rows but its fold.

    Rows that are not examined are always learnt from, unless they share a group or a text with
    the fold. In the order of `examined`.
    """
    folds = _folds([rows.rows[n].row for n in examined], by_group)
    found: dict[int, Prediction] = {}
    for fold in range(FOLDS):
        held = [n for n, its in zip(examined, folds, strict=True) if its == fold]
        if not held:
            continue
        out = {n: rows.rows[n].row for n in held}
        groups = {row.group for row in out.values()} if by_group else set()
        texts = {row.text for row in out.values()}
        learnt = [
            n
            for n, one in enumerate(rows.rows)
            if n not in out and one.row.group not in groups and one.row.text not in texts
        ]
        heads = Heads.of(*fit(rows, learnt))
        for n, row in out.items():
            vector = rows.vectors[n].tolist() if encoder and rows.vectors is not None else None
            tags = heads.tag(row.title, row.text, vector=vector)
            found[n] = Prediction(row.id, fields(tags), "stop")
            progress(len(found), len(examined))
    return [found[n] for n in examined]


def _folds(rows: Sequence[Row], by_group: bool) -> list[int]:
    """A fold for each row: groups whole, the largest first, or rows at random."""
    order = np.random.default_rng(0).permutation(len(rows))
    if not by_group:
        folds = np.empty(len(rows), int)
        folds[order] = np.arange(len(rows)) % FOLDS
        return [int(fold) for fold in folds]
    size: dict[str, int] = {}
    for n in order:
        size[rows[n].group] = size.get(rows[n].group, 0) + 1
    load, where = [0] * FOLDS, {}
    for group in sorted(size, key=size.__getitem__, reverse=True):
        where[group] = load.index(min(load))
        load[where[group]] += size[group]
    return [where[row.group] for row in rows]

"""Fit the heads: one function from rows to what `digest.tags.store` keeps.

The stacked models learn from scores of each row that were made without its group, so that they
see in training what they will see of a new text.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError, EngineUnavailable
from digest.tags import heads as served
from digest.tags.likeness import BOTH, VECTOR, WORDS
from digest.tags.names import Gazetteer
from digest.tags.pairs import Label, Seen
from digest.tags.words import spaced
from finetune.heads import likeness
from finetune.heads.rows import Ready, Rows

if TYPE_CHECKING:
    import numpy as np

    Matrix = np.ndarray[Any, np.dtype[np.float64]]

TWICE = 2  # rows that must have a label for it to be learnt
_FOLDS = 4  # in which names are judged for the stacked models
_STAGES = (((BOTH, VECTOR), (VECTOR, WORDS)), ((WORDS,), (WORDS,)))  # ridge kernels, voters
_NEVER = -50.0  # log-odds of a score that no row has
_LEAST = 20  # rows
_PENALTY = {"list": 1.0, "name": 0.02, "relevance": 0.1}  # C of the logistic regressions


@dataclass
class Columns:
    """Where each label stands among the columns that are regressed on."""

    lists: dict[str, list[Label]]
    scores: list[int]
    traits: list[int]
    values: "Matrix"  # rows x columns


def fit(rows: Rows, chosen: Sequence[int]) -> tuple[dict[str, Any], dict[str, "array[Any]"]]:
    """Fit on the rows at these places. Facts and arrays, as `digest.tags.store.write` takes them.

    Raises ConfigError for too few rows, EngineUnavailable without scikit-learn.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise EngineUnavailable(
            "fitting needs scikit-learn; install it with `pip install 'newsdigest[finetune]'`"
        ) from error
    ready = [rows.rows[n] for n in chosen]
    if len(ready) < _LEAST or not any(one.names for one in ready):
        raise ConfigError(f"heads need at least {_LEAST} labelled rows, with names in their texts")
    vectors = None if rows.vectors is None else rows.vectors[list(chosen)]
    columns = _columns(ready)
    fitted = likeness.fit(ready, vectors, columns.values)
    gazetteer = _gazetteer(ready)
    known = {name for name, counts in gazetteer.counts.items() if counts[1]}
    ready = [
        replace(one, names=[name for name in one.names if name.plain or name.key in known])
        for one in ready
    ]
    stages, unseen = [], {}
    for kernels, voters in _STAGES:
        if kernels[0] in fitted.scores:
            bases = [fitted.scores[k] for k in kernels] + [fitted.votes[v] for v in voters]
            stage, unseen = _stage(ready, columns, bases, gazetteer)
            stages.append({"kernels": kernels, "voters": voters, **stage})
    facts = {
        **fitted.facts,
        "usual": rows.usual,
        "gazetteer": {name: list(counts) for name, counts in gazetteer.counts.items()},
        "labels_of": {
            name: [
                [one.name, one.words, one.column, one.count, one.written, one.both]
                for one in columns.lists[name]
            ]
            for name in served.LISTS
        },
        "score_columns": columns.scores,
        "trait_columns": columns.traits,
        "stages": stages,
        "unseen": unseen,
    }
    return facts, fitted.arrays


def _columns(ready: Sequence[Ready]) -> Columns:
    """Labels that occur often enough, the ten scores, and traits of the whole text."""
    import numpy as np

    lists: dict[str, list[Label]] = {}
    lines: list[list[float]] = []
    for field in served.LISTS:
        count = Counter(entry for one in ready for entry in set(one.entries(field)))
        lists[field] = []
        for name in sorted(name for name, rows in count.items() if rows >= TWICE):
            has = [name in one.entries(field) for one in ready]
            words = spaced(name)
            writes = [words in one.title or words in one.text for one in ready]
            both = sum(a and b for a, b in zip(has, writes, strict=True))
            label = Label(name, words, len(lines), sum(has), sum(writes), both)
            lists[field].append(label)
            lines.append([float(value) for value in has])
    given = [one.row.digest.relevance_score for one in ready]
    scores = list(range(len(lines), len(lines) + served.TOP))
    lines += [[float(one == score) for one in given] for score in range(1, served.TOP + 1)]
    traits = list(range(len(lines), len(lines) + served.TRAITS))
    companies = [len(one.entries("company_names")) for one in ready]
    lines += [
        [float(many > 0) for many in companies],
        [min(many, 3) / 3 for many in companies],
        [min(len(one.entries("key_insights")), 5) / 5 for one in ready],
        [float((score or 0) >= 9) for score in given],
    ]
    return Columns(lists, scores, traits, np.array(lines).T)


def _gazetteer(ready: Sequence[Ready]) -> Gazetteer:
    """What the rows say of every candidate name that occurs in two of them, or is labelled."""
    counts: dict[str, list[int]] = {}
    for one in ready:
        for name in one.names:
            line = counts.setdefault(name.key, [0, 0, 0, 0])
            for n, value in enumerate(name.own):
                line[n] += value
    kept = {k: (a, b, c, d) for k, (a, b, c, d) in counts.items() if a > 1 or b or c or d}
    return Gazetteer(kept)


def _stage(
    ready: Sequence[Ready],
    columns: Columns,
    bases: Sequence["Matrix"],
    gazetteer: Gazetteer,
) -> tuple[dict[str, Any], dict[str, float]]:
    """The stacked models for one set of kernels."""
    import numpy as np

    traits = bases[0][:, columns.traits]
    names = [(n, name) for n, one in enumerate(ready) for name in one.names]
    lines = np.array(
        [
            served.name_features(
                name.shape,
                gazetteer.record(name.key, name.title, name.own),
                traits[n].tolist(),
            )
            for n, name in names
        ]
    )
    truth = np.array([name.own for _, name in names])
    folds = _folds([ready[n].row.group for n, _ in names])
    theme, themes = _held_out(lines, truth[:, 3], folds)
    company, companies = _held_out(lines, truth[:, 1], folds)
    judged: list[dict[str, tuple[float, float]]] = [{} for _ in ready]
    for (n, name), one, two in zip(names, themes.tolist(), companies.tolist(), strict=True):
        judged[n][name.key] = (one, two)
    stage: dict[str, Any] = {"theme": theme, "company": company}
    stage["trees"] = _trees(lines, truth[:, 1])
    found = {n: set(one) for n, one in enumerate(judged)}
    unseen = {"company_names": 0.05}
    stage["lists"] = {}
    for field in served.LISTS:
        stage["lists"][field], missed = _list(ready, columns.lists[field], bases, judged)
        unseen[field] = missed if field != "key_insights" else _missed(ready, columns, found)
    stage["relevance"] = _relevance(ready, columns, bases)
    return stage, unseen


def _missed(ready: Sequence[Ready], columns: Columns, found: dict[int, set[str]]) -> float:
    """Themes a row that are neither labels nor names in its text."""
    labels = {label.name for label in columns.lists["key_insights"]}
    return sum(
        entry not in labels and entry.casefold() not in found[n]
        for n, one in enumerate(ready)
        for entry in one.entries("key_insights")
    ) / len(ready)


def _list(
    ready: Sequence[Ready],
    labels: Sequence[Label],
    bases: Sequence["Matrix"],
    judged: Sequence[dict[str, tuple[float, float]]],
) -> tuple[dict[str, Any], float]:
    """The stacked model of a list field, and the entries a row that no label stands for."""
    field = "key_insights" if labels and labels[0].column == 0 else "domains"
    places = [label.column for label in labels]
    lines, truth, missed = [], [], 0
    for n, one in enumerate(ready):
        seen = Seen(one.title, one.text, judged[n])
        entries = set(one.entries(field))
        own = {
            m: (label.name in entries, label.words in one.title or label.words in one.text)
            for m, label in enumerate(labels)
            if label.name in entries or label.words in one.title or label.words in one.text
        }
        scores = [base[n, places].tolist() for base in bases]
        for m, line in served.candidates_features(labels, scores, seen, len(ready), own):
            lines.append(line)
            truth.append(labels[m].name in entries)
        missed += len(entries - {label.name for label in labels})
    return _logistic(lines, truth, _PENALTY["list"]), missed / len(ready)


def _relevance(
    ready: Sequence[Ready], columns: Columns, bases: Sequence["Matrix"]
) -> dict[str, Any]:
    lines, truth = [], []
    for n, one in enumerate(ready):
        score = one.row.digest.relevance_score
        if score is not None:
            masses = [base[n, columns.scores].tolist() for base in bases]
            lines.append(served.relevance_features(masses, one.row.title, one.row.text))
            truth.append(score)
    return _logistic(lines, truth, _PENALTY["relevance"], many=True)


def _logistic(lines: Any, truth: Any, penalty: float, *, many: bool = False) -> dict[str, Any]:
    """Logistic regression over standardised features, written for the features as they are.

    With `many`, of the scores 1 to 10: one that no row has gets a probability of zero. Where there
    is nothing to tell apart it is the base rate, smoothed.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    classes = sorted(set(map(int, truth)))
    if len(classes) < 2:
        rate = (sum(map(int, truth)) + 0.5) / (len(truth) + 1)
        adds = [_NEVER * (score not in classes) for score in range(1, served.TOP + 1)]
        alone = adds if many else [log(rate / (1 - rate))]
        return {"weights": [[] for _ in alone], "intercepts": alone}
    scaler = StandardScaler().fit(np.asarray(lines, np.float64))
    model = LogisticRegression(C=penalty, max_iter=500)
    model.fit(scaler.transform(np.asarray(lines, np.float64)), truth)
    weights = model.coef_ / scaler.scale_
    intercepts = model.intercept_ - weights @ scaler.mean_
    if many:
        if len(classes) == 2:  # one line tells two classes apart
            weights = np.vstack([np.zeros_like(weights), weights])
            intercepts = np.append([0.0], intercepts)
        full = np.zeros((served.TOP, weights.shape[1]))
        added = np.full(served.TOP, _NEVER)
        for n, score in enumerate(classes):
            full[score - 1], added[score - 1] = weights[n], intercepts[n]
        weights, intercepts = full, added
    return {
        "weights": [[float(f"{value:.6g}") for value in line] for line in weights],
        "intercepts": [float(value) for value in intercepts],
    }


def _held_out(lines: "Matrix", truth: "Matrix", folds: "Matrix") -> tuple[dict[str, Any], "Matrix"]:
    """A model of all names, and for each name what models of the other folds say."""
    import numpy as np

    found = np.zeros(len(truth))
    for fold in range(_FOLDS):
        inside = folds == fold
        model = _logistic(lines[~inside], truth[~inside], _PENALTY["name"])
        weights = np.array(model["weights"][0] or [0.0] * lines.shape[1])
        raw = lines[inside] @ weights + model["intercepts"][0]
        found[inside] = 1 / (1 + np.exp(-raw))
    return _logistic(lines, truth, _PENALTY["name"]), found


def _folds(groups: Sequence[str]) -> "Matrix":
    import numpy as np

    number = {group: n % _FOLDS for n, group in enumerate(sorted(set(groups)))}
    return np.array([number[group] for group in groups])


def _trees(lines: "Matrix", truth: "Matrix") -> dict[str, Any]:
    """Boosted trees as nested lists (digest.tags.models.Trees)."""
    import numpy as np
    from sklearn.ensemble import GradientBoostingClassifier

    if len(set(truth.tolist())) < 2:
        rate = (float(np.sum(truth)) + 0.5) / (len(truth) + 1)
        return {"start": log(rate / (1 - rate)), "trees": []}
    model = GradientBoostingClassifier(
        n_estimators=80,
        learning_rate=0.08,
        max_leaf_nodes=8,
        max_depth=None,
        min_samples_leaf=20,
        subsample=0.6,
        max_features=0.3,
        random_state=0,
    ).fit(np.asarray(lines, np.float32), truth)
    share = float(np.mean(truth))
    trees = []
    for (one,) in model.estimators_:
        tree = one.tree_
        nodes = []
        for n in range(tree.node_count):
            left, right = int(tree.children_left[n]), int(tree.children_right[n])
            if left < 0:
                value = float(tree.value[n][0][0]) * model.learning_rate
                nodes.append([-1, round(value, 6), 0, 0])
            else:
                nodes.append([int(tree.feature[n]), float(tree.threshold[n]), left, right])
        trees.append(nodes)
    return {"start": log(share / (1 - share)), "trees": trees}

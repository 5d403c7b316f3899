"""Fit the weights of `digest.extract` to labelled letters: `make fit-extract`.

Two models of small boosted trees: does a letter hold several pieces, or is it one (`form`); is a
block in an item's text talk around it (`talk`). Fitted to the development publishers and to
letters drawn from their texts in every shape; checked on publishers held out, six folds, each with
letters drawn from the other five only. The held-back third is not read here: what the weights do
on it is told by `tests/digest/extract/test_item_gate.py`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

import digest.extract
from digest.extract import form, talk
from digest.extract.trees import Trees
from digest.records import RawDocument
from finetune.extract import letters
from finetune.extract.letters import Letter

FOLDS = 6
DRAWN = 400  # letters drawn from the texts of the labelled ones
FORM_SHARE, TALK_SHARE, PAGE_SHARE = 0.3, 0.5, 0.5  # weight of drawn letters, and of whole pages


def fit(rows: Sequence[Sequence[float]], truth: Sequence[int], weights: Sequence[float],
        names: Sequence[str], trees: int, leaves: int) -> str:  # fmt: skip
    """Boosted trees as the JSON that `digest.extract.trees` reads."""
    model = GradientBoostingClassifier(
        n_estimators=trees, learning_rate=0.1, max_leaf_nodes=leaves, max_depth=None,
        min_samples_leaf=6, subsample=0.7, max_features=0.3, random_state=0,
    )  # fmt: skip
    columns = np.array(rows, float)
    model.fit(columns, np.array(truth), sample_weight=np.array(weights))
    share = float(model.init_.class_prior_[1])
    return json.dumps(
        {
            "names": list(names),
            "base": round(float(np.log(share / (1 - share))), 4),
            "trees": [_nodes(tree[0].tree_, 0) for tree in model.estimators_],
        },
        separators=(",", ":"),
    )


def _nodes(tree: Any, at: int) -> list[Any]:
    """A tree from this node down, each left-hand child right behind its parent."""
    if tree.children_left[at] < 0:
        return [round(0.1 * float(tree.value[at][0][0]), 4)]
    left = _nodes(tree, tree.children_left[at])
    threshold = float(f"{tree.threshold[at]:.5g}")
    node = [int(tree.feature[at]), threshold, len(left) + 1]
    return [node, *left, *_nodes(tree, tree.children_right[at])]


def fit_form(known: Sequence[Letter], drawn: Sequence[Letter]) -> str:
    """The model that tells the form of a letter."""
    many = Counter(letter.publisher for letter in known)
    real = [letter for letter in known if letter.outline]
    made = [letter for letter in drawn if letter.outline]
    weights = [many[letter.publisher] ** -0.5 for letter in real]
    weights += [FORM_SHARE * sum(weights) / len(made)] * len(made)
    return fit([x.outline for x in [*real, *made]], [int(x.several) for x in [*real, *made]],
               weights, form.NAMES, 60, 5)  # fmt: skip


def fit_talk(known: Sequence[Letter], drawn: Sequence[Letter]) -> str:
    """The model that tells talk from text."""
    many = Counter(letter.publisher for letter in known)
    rows: list[list[float]] = []
    truth: list[int] = []
    weights: list[float] = []
    for letter in known:
        weight = many[letter.publisher] ** -0.5
        rows += letter.rows + letter.whole
        truth += letter.talk + letter.whole_talk
        weights += [weight] * len(letter.rows) + [PAGE_SHARE * weight] * len(letter.whole)
    share = TALK_SHARE * sum(len(x.rows) * many[x.publisher] ** -0.5 for x in known)
    share /= sum(len(letter.rows) for letter in drawn)
    for letter in drawn:
        rows += letter.rows
        truth += letter.talk
        weights += [share] * len(letter.rows)
    sure = [n for n, value in enumerate(truth) if value >= 0]
    return fit([rows[n] for n in sure], [truth[n] for n in sure], [weights[n] for n in sure],
               talk.NAMES, 100, 6)  # fmt: skip


def folds(known: Sequence[Letter]) -> list[list[Letter]]:
    """The letters in folds of about equal weight, each publisher in one."""
    found: list[list[Letter]] = [[] for _ in range(FOLDS)]
    size = [0] * FOLDS
    many = Counter(letter.publisher for letter in known)
    for publisher, _ in sorted(many.items(), key=lambda pair: (-pair[1], pair[0])):
        smallest = size.index(min(size))
        theirs = [letter for letter in known if letter.publisher == publisher]
        found[smallest] += theirs
        size[smallest] += sum(len(letter.label["items"]) + 2 for letter in theirs)
    return found


def records(folder: Path, known: Sequence[Letter], models: tuple[str, str]) -> list[str]:
    """What extraction with these models makes of the letters, a line an item."""
    trees = [Trees.load(model) for model in models]
    kept = form.trees, talk.trees
    form.trees, talk.trees = (lambda: trees[0]), (lambda: trees[1])
    out = []
    try:
        for letter in known:
            path = folder / letter.label["file"]
            media = "text/html" if path.suffix == ".html" else "message/rfc822"
            raw = RawDocument("folder:x", media, path.read_bytes(), path.name)
            for item in digest.extract.read(raw).items:
                out.append(json.dumps(digest.extract.item_record(path.name, item)))
    finally:
        form.trees, talk.trees = kept
    return out


def score(scorer: Path, known: Sequence[Letter], lines: Sequence[str]) -> str:
    """The figures that the scorer prints last."""
    with tempfile.TemporaryDirectory() as folder:
        labels, found = Path(folder, "labels.jsonl"), Path(folder, "found.jsonl")
        labels.write_text("\n".join(json.dumps(letter.label) for letter in known), "utf-8")
        found.write_text("\n".join(lines), "utf-8")
        command = [sys.executable, str(scorer), str(labels), str(found)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.splitlines()[-1]


def main() -> None:
    """Check on publishers held out, then fit to all and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--no-check", action="store_true", help="fit only")
    chosen = parser.parse_args()
    folder = chosen.shared / "data" / "newsletters"
    known = [letters.read(*each) for each in letters.labelled(folder, "development")]
    print(f"{len(known)} letters of {len({x.publisher for x in known})} publishers", flush=True)  # noqa: T201
    if not chosen.no_check:
        lines = []
        for held in folds(known):
            rest = [letter for letter in known if letter not in held]
            pool = letters.pool(rest)
            drawn = [letters.drawn(pool, seed) for seed in range(DRAWN)]
            models = fit_form(rest, drawn), fit_talk(rest, drawn)
            lines += records(folder, held, models)
        scorer = chosen.shared / "tools" / "score_items.py"
        print("held out, fold by fold:", score(scorer, known, lines), flush=True)  # noqa: T201
    pool = letters.pool(known)
    drawn = [letters.drawn(pool, seed) for seed in range(DRAWN)]
    home = Path(digest.extract.__file__).parent
    (home / "form.json").write_text(fit_form(known, drawn) + "\n", "utf-8")
    (home / "talk.json").write_text(fit_talk(known, drawn) + "\n", "utf-8")


if __name__ == "__main__":
    main()

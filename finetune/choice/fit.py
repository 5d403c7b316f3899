"""Fit the choice of sentences on an editor's.

`python -m finetune.choice.fit --data ROWS --quotes CHOICES --out digest/quote/choice.json`

One group in five is held out by a hash of its name and takes no part in the fit or in the table of
cross-validation that is printed first; the last lines are measured on it once.
"""

import argparse
import json
import math
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from digest.quote.choice import Choice, Weights, decode
from digest.quote.features import NAMES, VERSION, Features
from finetune.choice.labels import FOLDS, VALIDATION, Document, read
from finetune.choice.measures import Agreement, calibration, table

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

HEADS = ("chosen", "summary")


@dataclass(frozen=True, slots=True)
class Settings:
    """Of the regression; the defaults won on folds (docs/lab-log-choice.md)."""

    c: float = 0.02  # inverse of the L2 penalty
    terms: float = 8.0  # scale of the terms beside standardised features
    bits: int = 16  # the table has 2**bits places


def vectors(found: Features, bits: int) -> "csr_matrix":
    """Terms of every sentence hashed to 2**bits places, each row of length one."""
    from scipy.sparse import csr_matrix

    rows, places, values = [], [], []
    for n, terms in enumerate(found.terms):
        for term in sorted(terms):
            rows.append(n)
            places.append(crc32(term.encode()) % (1 << bits))
            values.append(1 / math.sqrt(len(terms)))
    return csr_matrix((values, (rows, places)), shape=(len(found.terms), 1 << bits))


class Fitter:
    """Features of all documents as matrices, built once and fitted on any part of them."""

    def __init__(self, documents: Sequence[Document], how: Settings) -> None:
        import numpy as np

        self.documents, self.how = documents, how
        self.dense = [np.array(d.found.rows, dtype=float) for d in documents]
        self.terms = [vectors(d.found, how.bits) for d in documents]

    def labels(self, part: Sequence[int], head: str) -> "np.ndarray[Any, Any]":
        """1 for every sentence of the documents numbered `part` that the editor took, else 0."""
        import numpy as np

        out = []
        for n in part:
            document = self.documents[n]
            taken = document.chosen if head == "chosen" else document.summary
            out += [int(i in taken) for i in range(len(document.found.rows))]
        return np.array(out)

    def fit(self, part: Sequence[int]) -> dict[str, Any]:
        """The weights as JSON, fitted on the documents numbered `part`."""
        import numpy as np
        from scipy.sparse import csr_matrix, hstack, vstack
        from sklearn.linear_model import LogisticRegression

        rows = np.vstack([self.dense[n] for n in part])
        mean, spread = rows.mean(0), rows.std(0)
        spread[spread < 1e-9] = 1.0
        scaled = csr_matrix((rows - mean) / spread)
        both = hstack([scaled, vstack([self.terms[n] for n in part]) * self.how.terms]).tocsr()
        heads = {}
        for head in HEADS:
            model = LogisticRegression(C=self.how.c, max_iter=400, tol=1e-4)
            model.fit(both, self.labels(part, head))
            weight = model.coef_[0]
            dense = weight[: len(NAMES)] / spread
            terms = weight[len(NAMES) :] * self.how.terms
            unit = float(np.abs(terms).max()) / 127 or 1.0
            heads[head] = {
                "bias": float(model.intercept_[0] - (dense * mean).sum()),
                "dense": [float(f"{value:.6g}") for value in dense],
                "unit": unit,
                "terms": b64encode(np.rint(terms / unit).astype(np.int8).tobytes()).decode(),
            }
        return {"features_version": VERSION, "features": list(NAMES), "heads": heads}


def chosen(model: Weights, document: Document, *, guarded: bool) -> Choice:
    """What the product chooses, with or without the guards."""
    likely, summary = model.probabilities(document.found)
    rules = document.guards if guarded else ()
    return decode(likely, summary, document.sizes, document.found.stems, rules)


def cross_validated(fitter: Fitter, part: Sequence[int]) -> dict[int, Weights]:
    """For every document of `part` the weights that were fitted without its fold."""
    out: dict[int, Weights] = {}
    for fold in range(FOLDS):
        held = [n for n in part if fitter.documents[n].fold == fold]
        model = Weights.read(fitter.fit([n for n in part if fitter.documents[n].fold != fold]))
        out |= dict.fromkeys(held, model)
    return out


def report(documents: Sequence[Document], models: Sequence[Weights]) -> Iterator[str]:
    """Lines on how well models choose for documents, one model a document."""
    for guarded in (False, True):
        found = [chosen(m, d, guarded=guarded) for m, d in zip(models, documents, strict=True)]
        measured = table(documents, [(c.summary, c.highlights) for c in found])
        for name, value in measured.items():
            yield f"{'guarded' if guarded else 'free':8} {name:11} {value}"
    english = [n for n, d in enumerate(documents) if d.lang == "en"]
    for name, part in (("english", english), ("others", _rest(english, len(documents)))):
        one = table(
            [documents[n] for n in part], [(found[n].summary, found[n].highlights) for n in part]
        )
        yield f"guarded  {name:11} {one['chosen']} ({len(part)} documents)"
    scores = [score for choice in found for score in choice.scores]
    labels = [n in d.chosen for d in documents for n in range(len(d.found.rows))]
    error, bins = calibration(scores, labels)
    yield f"calibration error {error:.3f}; " + " ".join(f"{p:.2f}:{was:.2f}" for p, was, _ in bins)


def _rest(part: Sequence[int], count: int) -> list[int]:
    return sorted(set(range(count)) - set(part))


def first(documents: Sequence[Document], count: int) -> Agreement:
    """The first sentences, to compare with."""
    return table(documents, [(range(min(count, len(d.found.rows))), ()) for d in documents])[
        "chosen"
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, print the tables, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "quotes", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--no-folds", action="store_true", help="leave out cross-validation")
    given = parser.parse_args(arguments)
    documents = read(given.data, given.quotes)
    fitter = Fitter(documents, Settings())
    part = [n for n, document in enumerate(documents) if not document.validation]
    held = [document for document in documents if document.validation]
    print(f"{len(part)} documents to fit on, {len(held)} held out")  # noqa: T201
    if not given.no_folds:
        models = cross_validated(fitter, part)
        fitted = [documents[n] for n in part]
        print(f"folds    first five  {first(fitted, 5)}")  # noqa: T201
        for line in report(fitted, [models[n] for n in part]):
            print("folds   ", line)  # noqa: T201
    weights = fitter.fit(part)
    model = Weights.read(weights)
    print(f"held out first five  {first(held, 5)}")  # noqa: T201
    for line in report(held, [model] * len(held)):
        print("held out", line)  # noqa: T201
    measured = {
        name: table(
            held, [(c.summary, c.highlights) for d in held for c in [chosen(model, d, guarded=g)]]
        )["chosen"]
        for name, g in (("free", False), ("guarded", True))
    }
    given.out.write_text(json.dumps(_header(len(part), held, measured) | weights, indent=1) + "\n")


def _header(
    rows: int, held: Sequence[Document], measured: dict[str, Agreement]
) -> dict[str, object]:
    return {
        "made_by": "python -m finetune.choice.fit",
        "date": datetime.now(UTC).date().isoformat(),
        "rows": rows,
        "split": f"sha256('v1|' + group) % {VALIDATION} == 0 is held out",
        "held_out_rows": len(held),
        "f1": {
            name: {
                "macro": round(value.macro, 4),
                "macro_95": [round(x, 3) for x in value.macro_interval],
                "micro": round(value.micro, 4),
                "micro_95": [round(x, 3) for x in value.micro_interval],
            }
            for name, value in measured.items()
        },
    }


if __name__ == "__main__":
    main()

"""Apply fitted heads to a text: `tag` is what the rest of Digest calls.

Each field is decided in two steps: what the training rows that are like this text say
(`likeness`), then a logistic regression over that, over whether and where the text writes the
label, and over how often the label is given (`pairs`, `names`). Entries are given as many as have
the best expected F1 (`decide`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import log
from pathlib import Path
from typing import Any, Protocol

from digest.model.weights import shipped
from digest.quote.grounding import fold, occurs
from digest.schema import DigestFields
from digest.tags import names as spans
from digest.tags.decide import how_many
from digest.tags.likeness import BOTH, VECTOR, WORDS, Likeness
from digest.tags.limits import SHORT, limited
from digest.tags.models import Linear, Trees, sigmoid
from digest.tags.names import Candidate, Gazetteer
from digest.tags.pairs import Label, Seen, chosen, features
from digest.tags.store import read
from digest.tags.words import spaced

FILE = "heads.zip"
TOP = 10  # the highest relevance
LISTS = ("key_insights", "domains")
TRAITS = 4  # columns: any company, companies / 3, themes / 5, relevance of 9 and more
MOST = {"key_insights": 8, "domains": 3, "company_names": 8}
_TRUSTED = 0.02  # least probability of a theme or company to be weighed


class Encoder(Protocol):
    """Turns a text into a vector (digest.model.encoder)."""

    def vector(self, title: str, text: str) -> Sequence[float]:
        """A sentence embedding; always as long."""
        ...


@dataclass(frozen=True, slots=True)
class Tags:
    """What the heads decide. `scores` are the probabilities of relevance 1 to 10."""

    domains: tuple[str, ...]
    key_insights: tuple[str, ...]
    relevance_score: int
    company_names: tuple[str, ...]
    encoded: bool = False  # whether an encoder was there
    note: str = ""  # why the relevance is what it is, where the heads did not decide it
    scores: tuple[float, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """The stacked models for one set of kernels: with the encoder, or by words alone."""

    kernels: tuple[str, ...]  # of the ridge regressions, the best first
    voters: tuple[str, ...]
    lists: Mapping[str, Linear]
    theme: Linear  # of a name in the text: whether it is given as a theme
    company: tuple[Linear, Trees]
    relevance: Linear

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Stage":
        """Read what `finetune.heads` wrote."""
        return cls(
            tuple(data["kernels"]),
            tuple(data["voters"]),
            {name: Linear.of(model) for name, model in data["lists"].items()},
            Linear.of(data["theme"]),
            (Linear.of(data["company"]), Trees.of(data["trees"])),
            Linear.of(data["relevance"]),
        )


@dataclass(frozen=True, slots=True)
class Heads:
    """Everything that was fitted. `unseen` is the expected number of true entries outside the
    candidates, a field; `model` how much an answer of the generative model moves the log-odds.
    """

    likeness: Likeness
    usual: Mapping[str, float]
    gazetteer: Gazetteer
    known: frozenset[str]
    labels: Mapping[str, list[Label]]
    scores: tuple[int, ...]  # columns of relevance 1 to 10
    traits: tuple[int, ...]
    stages: Mapping[str, Stage]  # by the first kernel
    unseen: Mapping[str, float]
    model: Mapping[str, tuple[float, float]]

    @classmethod
    def load(cls, path: Path) -> "Heads":
        """Read a file of heads. Raises WeightsError."""
        facts, arrays = read(path)
        return cls.of(facts, arrays)

    @classmethod
    def of(cls, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> "Heads":
        """Put together what `finetune.heads` fitted."""
        gazetteer = {name: tuple(counts) for name, counts in facts["gazetteer"].items()}
        stages = [Stage.of(data) for data in facts["stages"]]
        return cls(
            Likeness.of(facts, arrays),
            facts["usual"],
            Gazetteer(gazetteer),
            frozenset(name for name, counts in gazetteer.items() if counts[1]),
            {name: [Label(*line) for line in facts["labels_of"][name]] for name in LISTS},
            tuple(facts["score_columns"]),
            tuple(facts["trait_columns"]),
            {stage.kernels[0]: stage for stage in stages},
            facts["unseen"],
            {name: tuple(moves) for name, moves in facts.get("model", {}).items()},
        )

    def tag(
        self,
        title: str,
        text: str,
        *,
        names: Iterable[str] = (),
        model_answer: DigestFields | None = None,
        vector: Sequence[float] | None = None,
    ) -> Tags:
        """Decide the four fields of a text; `vector` is the encoder's, if there is one."""
        kernels = self.likeness.kernels(title, text, vector)
        stage = self.stages[BOTH if BOTH in kernels else WORDS]
        ridge = [self.likeness.scores(kernel, kernels[kernel]) for kernel in stage.kernels]
        votes = [self.likeness.votes(kernels[kernel]) for kernel in stage.voters]
        bases = [
            *ridge,
            *([v.get(column, 0.0) for column in range(len(ridge[0]))] for v in votes),
        ]
        found = self._names(title, text, names)
        traits = [ridge[0][column] for column in self.traits]
        judged = self._judged(found, traits, stage, title, text)
        seen = Seen(spaced(title), spaced(text), judged)
        masses = stage.relevance.classes(
            relevance_features([[base[c] for c in self.scores] for base in bases], title, text)
        )
        return Tags(
            domains=self._entries("domains", bases, seen, stage, model_answer),
            key_insights=self._entries("key_insights", bases, seen, stage, model_answer, found),
            relevance_score=self._median(masses, model_answer),
            company_names=self._companies(found, judged, model_answer, title, text),
            encoded=VECTOR in kernels,
            scores=tuple(masses),
        )

    def _names(self, title: str, text: str, names: Iterable[str]) -> dict[str, Candidate]:
        known = self.known | {spans.key(name) for name in names}
        return spans.candidates(title, text, self.usual, known)

    def _judged(
        self,
        found: Mapping[str, Candidate],
        traits: Sequence[float],
        stage: Stage,
        title: str,
        text: str,
    ) -> dict[str, tuple[float, float]]:
        """Of each candidate the probability that it is a theme, and a company."""
        judged = {}
        linear, trees = stage.company
        for key, candidate in found.items():
            line = name_features(
                spans.shape(candidate, title, text, self.usual),
                self.gazetteer.record(key, any(place.title for place in candidate.places)),
                traits,
            )
            judged[key] = (stage.theme(line), (linear(line) + trees(line)) / 2)
        return judged

    def _entries(
        self,
        name: str,
        bases: Sequence[Sequence[float]],
        seen: Seen,
        stage: Stage,
        answer: DigestFields | None,
        found: Mapping[str, Candidate] | None = None,
    ) -> tuple[str, ...]:
        """Labels of a list field; with `found`, names in the text besides, which no row had."""
        labels = self.labels[name]
        own = [[base[label.column] for label in labels] for base in bases]
        likely: dict[str, float] = {}
        for n, line in candidates_features(labels, own, seen, self.likeness.rows):
            likely[labels[n].name] = stage.lists[name](line)
        if found is not None:
            taken = {label.name.casefold() for label in labels}
            for key, (theme, _) in seen.names.items():
                if key not in taken and theme > _TRUSTED:
                    likely[found[key].name] = theme
        self._moved(likely, name, getattr(answer, name, None))
        return self._taken(likely, name)

    def _companies(
        self,
        found: Mapping[str, Candidate],
        judged: Mapping[str, tuple[float, float]],
        answer: DigestFields | None,
        title: str,
        text: str,
    ) -> tuple[str, ...]:
        likely = {found[key].name: p for key, (_, p) in judged.items() if p > _TRUSTED}
        source = fold(f"{title}\n{text}")
        said = getattr(answer, "company_names", None)
        if said is not None:
            said = [name for name in said if occurs(name, source)]
        self._moved(likely, "company_names", said)
        return self._taken(likely, "company_names")

    def _moved(self, likely: dict[str, float], name: str, said: Sequence[str] | None) -> None:
        """Move probabilities by what the generative model answered."""
        if said is None or name not in self.model:
            return
        given, not_given = self.model[name]
        folded = {entry.casefold() for entry in said}
        for entry, p in likely.items():
            move = given if entry.casefold() in folded else not_given
            likely[entry] = sigmoid(log(max(p, 1e-9) / max(1 - p, 1e-9)) + move)
        new = {entry.casefold() for entry in likely}
        for entry in said:
            if entry.casefold() not in new:
                likely[entry] = sigmoid(log(_TRUSTED) + given)

    def _taken(self, likely: Mapping[str, float], name: str) -> tuple[str, ...]:
        order = sorted(likely, key=likely.__getitem__, reverse=True)
        number = how_many([likely[entry] for entry in order], MOST[name], self.unseen[name])
        return tuple(order[:number])

    def _median(self, masses: Sequence[float], answer: DigestFields | None) -> int:
        """The score that half of the probability does not exceed; the model's own as a vote."""
        said = getattr(answer, "relevance_score", None)
        share = self.model.get("relevance_score", (0.0, 0.0))[0] if said else 0.0
        below = 0.0
        for score, mass in enumerate(masses, 1):
            below += mass * (1 - share) + share * (score == said)
            if below >= 0.5:
                return score
        return TOP


def candidates_features(
    labels: Sequence[Label],
    bases: Sequence[Sequence[float]],
    seen: Seen,
    rows: int,
    own: Mapping[int, tuple[bool, bool]] | None = None,
) -> list[tuple[int, list[float]]]:
    """Labels worth weighing, with their features. `bases`: a line a base, a score a label."""
    if not labels:
        return []
    totals = [sum(scores) for scores in zip(*bases, strict=True)]
    best = max(totals)
    order = sorted(totals, reverse=True)
    out = []
    for n in chosen(labels, totals, seen):
        standing = (totals[n] - best, order.index(totals[n]))
        mine = own.get(n, (False, False)) if own else (False, False)
        scores = [base[n] for base in bases]
        out.append((n, features(labels[n], scores, standing, seen, rows, mine)))
    return out


def name_features(
    shape: Sequence[float], record: Sequence[float], traits: Sequence[float]
) -> list[float]:
    """All numbers of a candidate name: of the text, of the training rows, of the whole text."""
    rate, title = record[1], record[10] > 0
    return [*shape, *record, *traits, traits[0] * rate, traits[0] * title]


def relevance_features(bases: Sequence[Sequence[float]], title: str, text: str) -> list[float]:
    """Cumulative distributions of the score, one a base, and the looks of the text."""
    line = []
    for masses in bases:
        below = 0.0
        for mass in masses[:-1]:
            below += min(max(mass, 0.0), 1.0)
            line.append(below)
    low = title.casefold()
    looks = (
        min(len(text), 6000) / 500,
        "sponsor" in low,
        "github repo" in low,
        len(title) / 50,
        " AI" in f" {title}",
        " AI" in f" {text}",
    )
    return line + [float(look) for look in looks]


@lru_cache(maxsize=1)
def default() -> Heads:
    """The heads that ship with Digest. Raises WeightsError if there are none."""
    return Heads.load(shipped() / FILE)


def tag(
    title: str,
    text: str,
    *,
    names: Iterable[str] = (),
    model_answer: DigestFields | None = None,
    encoder: Encoder | None = None,
    heads: Heads | None = None,
) -> Tags:
    """Decide domains, themes, relevance and companies of one text.

    `names` are further names that the text may write; `model_answer` is what the generative model
    said of these fields; without an `encoder` words decide alone. A text of a few words says
    nothing of itself, and one that addresses a machine does not raise its own relevance: `note`
    says so. Raises WeightsError if no heads are given and none ship.
    """
    note = limited(title, text)
    if note == SHORT:
        return Tags((), (), 1, (), note=note)
    heads = heads or default()
    vector = encoder.vector(title, text) if encoder else None
    found = heads.tag(title, text, names=names, model_answer=model_answer, vector=vector)
    return replace(found, relevance_score=1, note=note) if note else found

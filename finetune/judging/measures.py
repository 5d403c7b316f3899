"""What the decisions are worth: win rates, and how far the judge's own habits made them.

Documents of one group resemble each other, so groups are resampled (finetune.evaluation.stats).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import isnan
from typing import TYPE_CHECKING, Any

from finetune.evaluation import stats
from finetune.judging.bench import Decision, Marking
from finetune.judging.questions import FIRST, TIE

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Share:
    """A share of `n` things, with its 95 % interval; None of nothing."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def told(self) -> str:
        """For people."""
        if self.value is None:
            return f"– (n = {self.n})"
        if self.low is None or self.high is None:
            return f"{self.value:.2f} (n = {self.n})"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}] (n = {self.n})"


def share(values: Iterable[tuple[float, float, str]]) -> Share:
    """Of (over, under, group) triples: sum(over) / sum(under)."""
    known = [one for one in values if one[1]]
    ratio = stats.Ratio([over for over, _, _ in known], [under for _, under, _ in known])
    return _share(ratio, [group for *_, group in known])


def _share(ratio: stats.Ratio, groups: Sequence[str]) -> Share:
    count, value = round(sum(ratio.under)), ratio.value()
    if value is None:
        return Share(None, None, None, 0)
    return Share(value, *stats.interval(ratio, groups), count)


@dataclass(frozen=True)
class Contest:
    """Two models before one judge."""

    judge: str
    one: str
    other: str
    wins: int  # of `one`
    ties: int
    losses: int
    rate: Share  # of `one`, a tie being half a win
    p: float  # two-sided randomization test of the hypothesis that they are alike
    consistent: Share  # of the documents asked about: both orders had the same winner
    identical: int
    invalid: int  # decided because an answer broke the contract
    refused: int  # documents without a decision: an answer could not be taken
    reasons: Mapping[str, int]
    p_holm: float = float("nan")

    @property
    def verdict(self) -> str:
        """Who is better, as far as this judge's decisions can tell."""
        if self.rate.value is None or not self.p_holm < 0.05:
            return "not told apart"
        return self.one if self.rate.value > 0.5 else self.other


def contests(decisions: Sequence[Decision]) -> list[Contest]:
    """Every two models before every judge, p corrected for their number (Holm)."""
    found: dict[tuple[str, str, str], list[Decision]] = {}
    for one in decisions:
        found.setdefault((one.judge, one.one, one.other), []).append(one)
    plain = [_contest(*key, of) for key, of in found.items()]
    corrected = stats.holm([one.p for one in plain])
    return [replace(one, p_holm=p) for one, p in zip(plain, corrected, strict=True)]


def _contest(judge: str, one: str, other: str, of: Sequence[Decision]) -> Contest:
    decided = [(d, s) for d in of if (s := d.share(one)) is not None]
    scores = [score for _, score in decided]
    groups = [decision.group for decision, _ in decided]
    rates = stats.Ratio.mean(scores)
    p = float("nan")
    if decided:
        p = stats.randomization(rates, stats.Ratio.mean([1 - score for score in scores]), groups)
    asked = [d for d in of if d.asked]
    return Contest(
        judge=judge,
        one=one,
        other=other,
        wins=scores.count(1.0),
        ties=scores.count(0.5),
        losses=scores.count(0.0),
        rate=_share(rates, groups),
        p=p,
        consistent=share((float(d.consistent), 1.0, d.group) for d in asked),
        identical=sum(d.rule == "identical" for d in of),
        invalid=sum(d.rule == "invalid" for d in of),
        refused=sum(bool(d.refused) for d in of),
        reasons=dict(Counter(reason for d in of for reason in d.refused)),
    )


@dataclass(frozen=True)
class Habits:
    """What a judge does whatever it judges.

    Each two digests are shown in both orders, so a judge without a habit has the first place win
    in half of its verdicts, exactly, whoever is better.
    """

    judge: str
    first: Share  # of verdicts that are no tie: the digest shown first won
    longer: Share  # of decisions that are no tie: the digest with more words won
    ties: Share  # of verdicts


def habits(judge: str, decisions: Sequence[Decision]) -> Habits:
    """Of one judge, over all that it decided."""
    of = [d for d in decisions if d.judge == judge and not d.rule]
    verdicts = [(v, d.group) for d in of for v in d.verdicts if v is not None]
    won = [d for d in of if d.winner not in (None, TIE) and d.longer]
    return Habits(
        judge,
        first=share((float(v == FIRST), 1.0, group) for v, group in verdicts if v != TIE),
        longer=share((float(d.winner == d.longer), 1.0, d.group) for d in won),
        ties=share((float(v == TIE), 1.0, group) for v, group in verdicts),
    )


@dataclass(frozen=True)
class Favour:
    """How much better a judge finds its own model than the others find it."""

    judge: str
    model: str
    excess: Share  # its model's win rate before it, less that before the others; n documents
    why: str = ""  # it is not measured


def favour(
    judge: str, model: str, decisions: Sequence[Decision], human: Sequence[Decision] = ()
) -> Favour:
    """The excess win rate of a judge's own model, over the decisions that it shares with other
    judges or with a person.
    """
    nothing = Share(None, None, None, 0)
    mine = {_place(d): d for d in decisions if d.judge == judge and model in (d.one, d.other)}
    others: dict[tuple[str, str, str], list[float]] = {}
    for decision in [d for d in decisions if d.judge != judge] + list(human):
        score = decision.share(model)
        if _place(decision) in mine and score is not None:
            others.setdefault(_place(decision), []).append(score)
    own, theirs, groups = [], [], []
    for place, scores in others.items():
        score = mine[place].share(model)
        if score is not None:
            own.append(score)
            theirs.append(sum(scores) / len(scores))
            groups.append(mine[place].group)
    if not own:
        return Favour(judge, model, nothing, "nobody else judged: name a second judge, or --human")
    excess = stats.difference(stats.Ratio.mean(own), stats.Ratio.mean(theirs), groups)
    return Favour(judge, model, Share(*excess, len(own)))


def _place(decision: Decision) -> tuple[str, str, str]:
    low, high = sorted((decision.one, decision.other))
    return decision.row, low, high


@dataclass(frozen=True)
class Agreement:
    """Two judges, or a judge and a person, on the same documents."""

    one: str
    other: str
    same: Share
    kappa: Share  # Cohen's, of win, tie and loss


def agreement(
    one: str, left: Sequence[Decision], other: str, right: Sequence[Decision]
) -> Agreement:
    """How far two agree, on the documents that both decided."""
    mine = {_place(d): d for d in left if d.winner is not None}
    both = [(mine[_place(d)], d) for d in right if d.winner is not None and _place(d) in mine]
    groups = [d.group for d, _ in both]
    same = share((float(a.winner == b.winner), 1.0, a.group) for a, b in both)
    pairs = [(_side(a), _side(b)) for a, b in both]
    return Agreement(one, other, same, kappa(pairs, groups))


def _side(decision: Decision) -> int:
    """0 the alphabetically first model, 1 a tie, 2 the other."""
    if decision.winner == TIE:
        return 1
    return 0 if decision.winner == min(decision.one, decision.other) else 2


def kappa(pairs: Sequence[tuple[int, int]], groups: Sequence[str], seed: int = 0) -> Share:
    """Cohen's kappa of three classes, with its 95 % bootstrap interval over groups; None where
    chance alone explains everything (both always said the same).
    """
    import numpy as np

    if not pairs:
        return Share(None, None, None, 0)
    _, codes = np.unique(np.array(groups), return_inverse=True)
    tables = np.zeros((codes.max() + 1, 3, 3))
    for code, (left, right) in zip(codes, pairs, strict=True):
        tables[code, left, right] += 1
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(tables), (stats.RESAMPLES, len(tables)))
    found = [_kappa(tables[pick].sum(axis=0)) for pick in picks]
    value, known = _kappa(tables.sum(axis=0)), [one for one in found if not isnan(one)]
    if isnan(value) or not known:
        return Share(None, None, None, len(pairs))
    low, high = np.percentile(known, [2.5, 97.5])
    return Share(value, float(low), float(high), len(pairs))


def _kappa(table: "np.ndarray[Any, np.dtype[np.float64]]") -> float:
    total = table.sum()
    seen = table.trace() / total
    chance = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    return float((seen - chance) / (1 - chance)) if chance < 1 else float("nan")


def between(judges: Sequence[str], decisions: Sequence[Decision]) -> list[Agreement]:
    """Every two judges."""
    of = {judge: [d for d in decisions if d.judge == judge] for judge in judges}
    return [agreement(a, of[a], b, of[b]) for a, b in combinations(judges, 2)]


def marks(markings: Sequence[Marking]) -> dict[tuple[str, str, str], Share]:
    """(judge, model, criterion) -> mean mark; the criterion "mean" is the mean of all."""
    found: dict[tuple[str, str, str], list[tuple[float, float, str]]] = {}
    for one in markings:
        if one.refused:
            continue
        means = {**one.marks, "mean": sum(one.marks.values()) / len(one.marks)}
        for name, value in means.items():
            key = (one.judge, one.model, name)
            found.setdefault(key, []).append((float(value), 1.0, one.group))
    return {key: share(values) for key, values in found.items()}

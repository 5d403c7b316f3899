"""How sure a number is: intervals, paired tests, effect sizes, correction for many tests.

Every metric is a ratio of sums over rows (a mean is a ratio whose weights are one), so that one
bootstrap and one randomization test serve all of them. Rows of one group (an issue, a story and
its translations) resemble each other: groups, not rows, are resampled and swapped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

RESAMPLES = 2000  # of the bootstrap
SWAPS = 9999  # of the randomization test: the least p is 1 in 10,000
_POWER = 1.960 + 0.842  # quantiles of the normal distribution for 5 %, two-sided, and 80 %
_CHUNK = 500  # resamples held in memory at once


@dataclass(frozen=True)
class Ratio:
    """A metric over rows: sum(over) / sum(under). Rows that it does not concern weigh nothing."""

    over: list[float]
    under: list[float]

    @classmethod
    def zeros(cls, rows: int) -> "Ratio":
        """A ratio to be filled in, row by row."""
        return cls([0.0] * rows, [0.0] * rows)

    @classmethod
    def mean(cls, values: Sequence[float]) -> "Ratio":
        """The mean of one value a row."""
        return cls(list(values), [1.0] * len(values))

    def put(self, row: int, over: float, under: float = 1.0) -> None:
        """Set one row."""
        self.over[row], self.under[row] = float(over), float(under)

    def value(self) -> float | None:
        """The metric; None if there was nothing to measure."""
        total = sum(self.under)
        return sum(self.over) / total if total else None

    def by_row(self) -> "Array":
        """Each row's own value; NaN where the metric does not concern the row."""
        import numpy as np

        return _divide(np.array(self.over), np.array(self.under))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against theirs on the same rows."""

    metric: str
    ours: float
    theirs: float
    difference: float  # ours - theirs
    low: float  # of the 95 % interval of the difference
    high: float
    p: float  # two-sided randomization test
    p_wilcoxon: float  # signed ranks of the rows' differences; NaN if all are zero
    d: float  # Cohen's d of the paired differences: mean / standard deviation
    delta: float  # Cliff's: P(ours > theirs) - P(ours < theirs) over all pairs of rows
    p_t: float  # paired t-test of the rows' differences; NaN where it does not apply
    above: int  # rows where ours is larger
    equal: int
    below: int
    detectable: float  # the difference that so many rows show in four of five tries
    p_holm: float = float("nan")  # p after Holm's correction over all tests of the table


def interval(ratio: Ratio, groups: Sequence[str] = (), seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap over groups (over rows, if none are given)."""
    return _percentiles(_resampled([ratio], groups, seed)[0])


def difference(
    ours: Ratio, theirs: Ratio, groups: Sequence[str] = (), seed: int = 0
) -> tuple[float, float, float]:
    """Ours minus theirs, with the 95 % interval of the paired bootstrap."""
    left, right = _resampled([ours, theirs], groups, seed)
    return (ours.value() or 0.0) - (theirs.value() or 0.0), *_percentiles(left - right)


def compare(
    metric: str, ours: Ratio, theirs: Ratio, groups: Sequence[str] = (), seed: int = 0
) -> Comparison:
    """Everything that is said of one metric of two models."""
    import numpy as np

    gap, low, high = difference(ours, theirs, groups, seed)
    left, right = ours.by_row(), theirs.by_row()
    both = ~(np.isnan(left) | np.isnan(right))
    gaps = left[both] - right[both]
    return Comparison(
        metric,
        ours.value() or 0.0,
        theirs.value() or 0.0,
        gap,
        low,
        high,
        randomization(ours, theirs, groups, seed),
        wilcoxon(gaps),
        paired_d(gaps),
        cliffs_delta(left[both], right[both]),
        paired_t(gaps),
        int((gaps > 0).sum()),
        int((gaps == 0).sum()),
        int((gaps < 0).sum()),
        detectable(gaps),
    )


def randomization(ours: Ratio, theirs: Ratio, groups: Sequence[str] = (), seed: int = 0) -> float:
    """Two-sided p of the hypothesis that it does not matter which model gave which answer.

    Both models' answers are swapped in a random half of the groups, again and again; p is the
    share of swaps that put the models at least as far apart as they are. All swaps are tried
    where there are few. For a mean this is the sign-flip permutation test; for a ratio it is the
    approximate randomization test of Noreen (1989), which Yeh (2000) recommends for F1.
    """
    import numpy as np

    a, b = _sums(ours, groups), _sums(theirs, groups)
    count = a.shape[1]

    def apart(swap: Any) -> Any:
        """Distances of the models for each line of `swap` (1 = swapped)."""
        moved = swap @ (b - a).T
        left, right = a.sum(axis=1) + moved, b.sum(axis=1) - moved
        return np.abs(_divide(left[:, 0], left[:, 1]) - _divide(right[:, 0], right[:, 1]))

    observed = apart(np.zeros((1, count)))[0]
    if np.isnan(observed):
        return float("nan")
    exact = 2**count <= SWAPS
    rng = np.random.default_rng(seed)
    if exact:
        bits = np.arange(2**count)[:, None] >> np.arange(count) & 1
        distances = apart(bits.astype(float))
    else:
        distances = np.concatenate(
            [
                apart(rng.integers(0, 2, (min(_CHUNK, SWAPS - start), count)).astype(float))
                for start in range(0, SWAPS, _CHUNK)
            ]
        )
    # Sums of floats differ in their last bits with the order of adding.
    reached = int((distances >= observed - 1e-12).sum())
    return reached / len(distances) if exact else (reached + 1) / (SWAPS + 1)


def wilcoxon(gaps: "Array") -> float:
    """Two-sided p of Wilcoxon's signed-rank test; NaN where no row differs."""
    from scipy import stats

    moved = gaps[gaps != 0]
    return float(stats.wilcoxon(moved).pvalue) if len(moved) else float("nan")


def paired_t(gaps: "Array") -> float:
    """Two-sided p of the paired t-test; NaN for fewer than two rows, or where all gaps agree."""
    from scipy import stats

    if len(gaps) < 2 or gaps.std() < 1e-12:
        return float("nan")
    return float(stats.ttest_1samp(gaps, 0.0).pvalue)


def detectable(gaps: "Array") -> float:
    """The smallest true difference that a paired test of so many rows with gaps that spread so
    would find at p < 0.05 with a power of 80 %; NaN for fewer than two rows. It takes rows to be
    independent, and is too small where groups are large.
    """
    return float(_POWER * gaps.std(ddof=1) / len(gaps) ** 0.5) if len(gaps) > 1 else float("nan")


def paired_d(gaps: "Array") -> float:
    """Cohen's d of paired differences (d_z); 0 where nothing differs, NaN where all agree."""
    import numpy as np

    spread = gaps.std(ddof=1) if len(gaps) > 1 else 0.0
    if spread > 1e-12:
        return float(gaps.mean() / spread)
    return 0.0 if not len(gaps) or np.allclose(gaps, 0) else float("nan")


def cliffs_delta(ours: "Array", theirs: "Array") -> float:
    """Share of pairs in which ours is larger, less the share in which theirs is."""
    import numpy as np

    if not len(ours) or not len(theirs):
        return float("nan")
    return float(np.sign(ours[:, None] - theirs[None, :]).mean())


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979); NaN is no test and stays NaN."""
    tests = sorted((p, index) for index, p in enumerate(values) if not isnan(p))
    corrected = [float("nan")] * len(values)
    largest = 0.0
    for rank, (p, index) in enumerate(tests):
        largest = max(largest, min(1.0, (len(tests) - rank) * p))
        corrected[index] = largest
    return corrected


def _sums(ratio: Ratio, groups: Sequence[str]) -> "Array":
    """Sums of a ratio's two sides by group: shape (2, groups)."""
    import numpy as np

    table = np.array([ratio.over, ratio.under])
    if not groups:
        return table
    _, codes = np.unique(np.array(groups), return_inverse=True)
    return np.stack([np.bincount(codes, weights=side) for side in table])


def _resampled(ratios: Sequence[Ratio], groups: Sequence[str], seed: int) -> "list[Array]":
    """Values of each ratio in RESAMPLES resamples, the same resamples for all of them."""
    import numpy as np

    sums = [_sums(ratio, groups) for ratio in ratios]
    count = sums[0].shape[1]
    rng = np.random.default_rng(seed)
    values: list[list[Any]] = [[] for _ in ratios]
    for start in range(0, RESAMPLES, _CHUNK):
        picks = rng.integers(0, count, (min(_CHUNK, RESAMPLES - start), count))
        for table, found in zip(sums, values, strict=True):
            over, under = table[:, picks].sum(axis=2)
            found.append(_divide(over, under))
    return [np.concatenate(found) for found in values]


def _divide(over: "Array", under: "Array") -> "Array":
    import numpy as np

    value: Array = np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0)
    return value


def _percentiles(values: "Array") -> tuple[float, float]:
    import numpy as np

    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)

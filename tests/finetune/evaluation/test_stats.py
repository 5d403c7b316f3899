import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from finetune.evaluation import stats
from finetune.evaluation.stats import Ratio

values = st.lists(st.integers(0, 4), min_size=2, max_size=8)


def test_intervals_hold_the_value_and_differences_are_paired() -> None:
    rng = random.Random(0)
    hard = [rng.random() for _ in range(80)]
    low, high = Ratio.mean(hard), Ratio.mean([value + 0.1 for value in hard])
    bottom, top = stats.interval(low)
    assert bottom < (low.value() or 0) < top
    gap, bottom, top = stats.difference(high, low)
    assert (gap, bottom, top) == pytest.approx((0.1, 0.1, 0.1))  # the rows' hardness cancels


def test_the_bootstrap_agrees_with_scipy() -> None:
    sample = np.random.default_rng(1).random(60)
    ours = stats.interval(Ratio.mean(sample.tolist()))
    theirs = scipy_stats.bootstrap((sample,), np.mean, method="percentile", rng=0)
    assert ours == pytest.approx(theirs.confidence_interval, abs=0.01)


def test_groups_are_resampled_whole() -> None:
    """Twenty copies of three rows know no more than the three rows."""
    few = Ratio.mean([0.0, 0.5, 1.0])
    many = Ratio.mean([0.0, 0.5, 1.0] * 20)
    grouped = stats.interval(many, ["a", "b", "c"] * 20)
    assert grouped == pytest.approx(stats.interval(few), abs=0.02)
    low, high = stats.interval(many)
    assert high - low < (grouped[1] - grouped[0]) / 2


@given(values, st.integers(0, 2**32))
def test_the_exact_randomization_test_is_the_sign_flip_test(ours: list[int], seed: int) -> None:
    rng = random.Random(seed)
    theirs = [rng.randint(0, 4) for _ in ours]
    gaps = [a - b for a, b in zip(ours, theirs, strict=True)]
    flips = [
        abs(sum(s * g for s, g in zip(signs, gaps, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(gaps))
    ]
    expected = sum(flip >= abs(sum(gaps)) for flip in flips) / len(flips)
    found = stats.randomization(Ratio.mean(ours), Ratio.mean(theirs))
    assert found == pytest.approx(expected)


def test_the_sampled_randomization_test_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = rng.random(50) + 0.1, rng.random(50)
    found = stats.randomization(Ratio.mean(ours.tolist()), Ratio.mean(theirs.tolist()))
    expected = scipy_stats.permutation_test(
        (ours, theirs),
        lambda a, b: np.mean(a) - np.mean(b),
        permutation_type="samples",
        vectorized=False,
        n_resamples=4000,
        rng=0,
    ).pvalue
    assert found == pytest.approx(expected, abs=0.03)


def test_randomization_of_a_ratio_swaps_both_sides() -> None:
    """Micro-F1 of two rows: swapping one row's answers must recompute the whole ratio."""
    ours, theirs = Ratio([4, 0], [4, 2]), Ratio([2, 2], [6, 2])
    apart = [abs(4 / 6 - 4 / 8), abs(6 / 6 - 2 / 8), abs(2 / 8 - 6 / 6), abs(4 / 8 - 4 / 6)]
    expected = sum(gap >= apart[0] - 1e-12 for gap in apart) / 4
    assert stats.randomization(ours, theirs) == expected


def test_no_difference_is_no_evidence() -> None:
    same = Ratio.mean([0.2, 0.4, 0.9])
    found = stats.compare("x", same, same)
    assert (found.difference, found.p, found.d, found.delta) == (0, 1, 0, 0)
    assert math.isnan(found.p_wilcoxon)


def test_wilcoxon_of_a_textbook_case() -> None:
    """Signed ranks of all positive differences 1..6: 2 of 2^6 arrangements are as extreme."""
    assert stats.wilcoxon(np.arange(1.0, 7.0)) == pytest.approx(2 / 64)
    gaps = np.array([0.3, -0.1, 0.5, 0.0, 0.7, -0.2, 0.9])
    assert stats.wilcoxon(gaps) == scipy_stats.wilcoxon(gaps, zero_method="wilcox").pvalue


def test_effect_sizes_by_hand() -> None:
    assert stats.paired_d(np.array([1.0, 2.0, 3.0])) == pytest.approx(2.0)
    assert stats.cliffs_delta(np.array([1.0, 2.0]), np.array([0.0, 2.0])) == 2 / 4 - 1 / 4
    assert math.isnan(stats.paired_d(np.array([1.0, 1.0])))  # no spread to measure against


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_cliffs_delta_is_the_rank_statistic(ours: list[float], theirs: list[float]) -> None:
    u = scipy_stats.mannwhitneyu(ours, theirs).statistic
    expected = 2 * u / (len(ours) * len(theirs)) - 1
    assert stats.cliffs_delta(np.array(ours), np.array(theirs)) == pytest.approx(expected)


def test_holm_by_hand() -> None:
    nan = float("nan")
    corrected = stats.holm([0.01, 0.04, nan, 0.03, 0.005])
    assert corrected[:2] == pytest.approx([0.03, 0.06]) and math.isnan(corrected[2])
    assert corrected[3:] == pytest.approx([0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_only_raises_and_keeps_the_order(raw: list[float]) -> None:
    corrected = stats.holm(raw)
    assert all(r <= c <= 1 for r, c in zip(raw, corrected, strict=True))
    order = sorted(range(len(raw)), key=lambda n: raw[n])
    assert [corrected[n] for n in order] == sorted(corrected)

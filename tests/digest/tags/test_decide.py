"""The number of entries with the best expected F1, against all possible truths."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from digest.tags.decide import how_many


def _expected(probabilities: list[float], size: int) -> float:
    """F1 of the first `size` entries over all truths, each weighed by its probability."""
    total = 0.0
    for truth in product((0, 1), repeat=len(probabilities)):
        weight = 1.0
        for p, holds in zip(probabilities, truth, strict=True):
            weight *= p if holds else 1 - p
        hits, given_, right = sum(truth[:size]), size, sum(truth)
        total += weight * (2 * hits / (given_ + right) if given_ + right else 1.0)
    return total


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 1), max_size=6))
def test_no_other_number_is_expected_to_do_better(values: list[float]) -> None:
    probabilities = sorted(values, reverse=True)
    chosen = how_many(probabilities, most=6)
    best = max(_expected(probabilities, size) for size in range(len(probabilities) + 1))
    assert _expected(probabilities, chosen) >= best - 1e-9


def test_nothing_is_given_where_nothing_is_likely() -> None:
    assert how_many([0.2, 0.1], most=8) == 0
    assert how_many([], most=8) == 0


def test_what_nobody_proposes_makes_giving_worth_more() -> None:
    assert how_many([0.35], most=8) == 0
    assert how_many([0.35], most=8, unseen=1.5) == 1


def test_the_limit_holds() -> None:
    assert how_many([0.9] * 30, most=3) == 3

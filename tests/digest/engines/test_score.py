"""The choice of the score among all that the model holds possible."""

import json
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.score import Step, distribution, median, until_score, with_median

HEAD = Step('{"relevance_score":', {})


def digits(**masses: float) -> dict[str, float]:
    return {token.removeprefix("t"): log(mass) for token, mass in masses.items()}


def answer(*steps: Step) -> list[Step]:
    return [HEAD, *steps, Step("}", {})]


@pytest.mark.parametrize(
    ("steps", "score"),
    [
        # The likeliest is 9, but most of the mass lies below.
        (answer(Step("9", digits(t9=0.4, t7=0.3, t6=0.3))), 7),
        (answer(Step("9", digits(t9=0.6, t7=0.4))), 9),
        # After a 1 that was written, the next token tells 1 from 10.
        (
            answer(Step("1", digits(t1=0.6, t8=0.4)), Step("0", digits(t0=0.9) | {",": log(0.1)})),
            10,
        ),
        (answer(Step("1", digits(t1=0.6, t8=0.4)), Step("", digits(t0=0.1) | {"}": log(0.9)})), 1),
        (answer(Step("1", digits(t1=0.5, t4=0.5)), Step("0", digits(t0=0.5) | {"}": log(0.5)})), 4),
        # After one that was not, it goes to the nearer end.
        (answer(Step("8", digits(t8=0.45, t1=0.55))), 10),
        (answer(Step("3", digits(t3=0.45, t1=0.55))), 1),
        # A tokenizer with numbers of two digits.
        (answer(Step("10", digits(t10=0.4, t1=0.3, t2=0.3))), 2),
    ],
)
def test_the_median_is_written_in_place_of_the_score(steps: list[Step], score: int) -> None:
    text = "".join(step.text for step in steps)
    assert json.loads(with_median(text, distribution(steps))) == {"relevance_score": score}


def test_what_is_unknown_is_left_alone() -> None:
    for text in ("", '{"title":"9"}', '{"relevance_score":', '{"relevance_score":7}'):
        assert with_median(text, distribution([Step(text, {})])) == text
    assert distribution(answer(Step("7", {"x": 0.0}))) == {}
    assert until_score('{"title":"a","relevance_score":10,') == '{"title":"a","relevance_score":'
    assert until_score('{"title":"a"}') == ""


@given(st.dictionaries(st.integers(1, 10), st.floats(0.001, 1), min_size=1))
def test_the_median_has_the_smallest_expected_error(masses: dict[int, float]) -> None:
    def error(score: int) -> float:
        return sum(mass * abs(score - other) for other, mass in masses.items())

    assert error(median(masses)) <= min(map(error, range(1, 11))) + 1e-9


@given(
    st.dictionaries(st.sampled_from([*"0123456789", "x", ","]), st.floats(-9, 0), min_size=1),
    st.sampled_from("123456789"),
    st.sampled_from(["0", ",", ""]),
)
def test_the_distribution_is_one(likeliest: dict[str, float], own: str, after: str) -> None:
    masses = distribution(answer(Step(own, likeliest), Step(after, likeliest)))
    assert not masses or (
        sum(masses.values()) == pytest.approx(1) and set(masses) <= {*range(1, 11)}
    )

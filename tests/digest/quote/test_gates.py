"""Written statements: 431 that a careful reader labelled, and the tricks that gates must see.

The statements rest on sentences written for this test; half of the groups were looked at while the
gates were built ("built"), the others ("held-out") were only counted.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.quote.gates import refused

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "fixtures" / "gates.jsonl")
    .read_text("utf-8")
    .splitlines()
]


@pytest.mark.parametrize("part", ["built", "held-out"])
def test_what_passes_is_true(part: str) -> None:
    rows = [row for row in ROWS if row["part"] == part]
    passed = [row for row in rows if not refused(row["written"], row["cited"])]
    wrong = [row["written"] for row in passed if not row["true"]]
    assert len(rows) > 200
    assert len(wrong) <= 0.02 * len(passed), wrong
    # Gates that let nothing through would never be wrong: half of the true ones must pass.
    assert len(passed) >= 0.5 * sum(row["true"] for row in rows)


def test_every_source_may_stand_for_itself() -> None:
    """In one piece, unless it begins with what is left out when it stands alone."""
    cited = {sentence for row in ROWS for sentence in row["cited"]}
    assert {s for s in cited if refused(s, [s])} <= {
        s for s in cited if s.split()[0] in {"It", "Her"}
    }


@pytest.mark.parametrize(
    ("written", "cited", "why"),
    [
        ("Police arrest 120 women.", "Police arrest a man after 120 women complained.", "join"),
        ("The firm, Bolt, sued.", "The firm, which makes it, and its rival, Bolt, sued.", "join"),
        ("Korea has launched the rocket.", "South Korea has launched the rocket.", "join"),
        ("The deal worth 4 million failed.", "The deal worth 4 million nearly failed.", "join"),
        ("The deal is worth 5 million.", "The deal is worth 4 million.", "number '5'"),
        ("The deal is worth 4 million euros.", "The deal is worth 4 million.", "word 'euros'"),
        ("The minister resigned on Monday.", "The deputy minister resigned on Monday.", "join"),
        ("The plant will open in May.", "The plant will open in May, if the state pays.", "join"),
        ("The plant has opened in May.", "The plant has opened in May, the mayor claims.", "join"),
        ("The mayor said \"we will sue\".", "The mayor said \"we may sue\".", "quotation"),
        ("They opened the plant in May.", "They opened the plant in May.", "begins with 'they'"),
        ("The plant opened.", "The plant has opened in the town.", "too little"),
        ("The plant has opened in the.", "The plant has opened in the town.", "breaks off"),
        ("工場は五月に開いた。", "工場は五月に開いた。", "language"),
    ],
)  # fmt: skip
def test_each_gate_says_why(written: str, cited: str, why: str) -> None:
    assert why in refused(written, [cited])


def test_numbers_are_compared_by_what_they_say() -> None:
    cited = ["The city paid 1,300 euros to eleven of the drivers in May."]
    assert not refused("The city paid 1300 euros to 11 of the drivers in May.", cited)
    assert "number" in refused("The city paid 1.3 euros to 11 of the drivers in May.", cited)


@given(st.text(max_size=120), st.lists(st.text(max_size=80), max_size=3))
def test_no_text_breaks_them(written: str, cited: list[str]) -> None:
    assert isinstance(refused(written, cited), str)


def test_a_long_repetitive_text_takes_bounded_steps() -> None:
    cited = ["the plant and " * 200 + "the plant opened."]
    assert isinstance(refused("the plant and " * 60 + "the town.", cited), str)

"""Baselines learn from rows that share nothing with the examined ones, and keep the contract."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import ConfigError
from digest.prompt import messages
from digest.protocols import Ask
from digest.schema import FIELDS, Row, parse
from finetune.evaluation import baselines, evaluate

from ..conftest import row

STORIES = {
    "Chips": ("Acme sells a new processor with many transistors", ["Acme"], 9),
    "Bread": ("Bolt bakes rye loaves in a wood oven every morning", ["Bolt"], 2),
}


def story(number: int, **changes: object) -> Row:
    tag = list(STORIES)[number % 2]
    text, names, score = STORIES[tag]
    label = {
        "title": f"{tag} number {number}", "summary": f"{text}, it is told.", "highlights": [],
        "names": names, "domains": [tag.lower()], "relevance_score": score,
        "key_insights": [tag], "company_names": names,
    }  # fmt: skip
    told = {"text": f"{text}, part {number}. More of it.", "digest": label, "title": ""}
    return row(number, **(told | changes))


@pytest.fixture(scope="module")
def fit() -> list[Row]:
    return [story(number) for number in range(40)]


def asked(name: str, fit: Sequence[Row], rows: Sequence[Row]) -> dict[str, float]:
    engine = baselines.open_baseline(name, fit)
    return evaluate.examine(rows, evaluate.predict(rows, engine))


def test_each_beats_the_simpler_one(fit: list[Row]) -> None:
    rows = [story(number) for number in range(100, 112)]
    constant, lead, tfidf = (asked(n, fit, rows) for n in ("constant", "lead", "tfidf"))
    assert constant["valid"] == lead["valid"] == tfidf["valid"] == 1
    assert lead["rouge_l_summary"] > constant["rouge_l_summary"]
    assert tfidf["f1_key_insights"] == tfidf["f1_company_names"] == tfidf["f1_domains"] == 1
    assert tfidf["relevance_mae"] == 0 < constant["relevance_mae"]
    assert lead["f1_names"] == 0 and constant["f1_key_insights"] <= 2 / 3


def test_leaves_keeps_nothing_of_the_examined_groups_and_texts(fit: list[Row]) -> None:
    same_group = story(900, group="g3")
    same_text = story(901, text=fit[5].text.upper())
    kept = baselines.leaves(fit, [same_group, same_text])
    assert {r.id for r in fit} - {r.id for r in kept} == {"r3", "r5"}


def test_names_that_are_mostly_not_labelled_are_not_looked_up() -> None:
    spellings = [" acme opens ", " acme closes ", " acme sings ", " acme rests ", " bolt bakes "]
    labels = [["Acme"], [], [], [], ["Bolt"]]
    assert baselines.gazetteer(spellings, labels) == []  # Bolt was seen once: too rare
    assert baselines.gazetteer(spellings * 2, labels * 2) == ["Bolt"]


@pytest.mark.parametrize("name", ["constant", "tfidf"])
def test_without_rows_to_learn_from(name: str) -> None:
    with pytest.raises(ConfigError, match="--fit"):
        baselines.open_baseline(name, [])


def test_unknown() -> None:
    with pytest.raises(ConfigError, match="constant, lead and tfidf"):
        baselines.open_baseline("magic", [])


@pytest.fixture(scope="module")
def engines(fit: list[Row]) -> list[baselines.Baseline]:
    named = ("constant", "lead", "tfidf")
    return [baselines.open_baseline(name, fit) for name in named]  # type: ignore[misc]


@given(st.text(max_size=40), st.text(max_size=400), st.sets(st.sampled_from(FIELDS), min_size=1))
@settings(deadline=None, max_examples=40)
def test_any_text_gets_an_answer_within_the_contract(
    engines: list[baselines.Baseline], title: str, text: str, wanted: set[str]
) -> None:
    fields = tuple(name for name in FIELDS if name in wanted)
    for engine in engines:
        (answer,) = engine.answer([Ask(messages(title, text, fields), fields, 100)])
        assert parse(answer.text, fields).asked() == fields and answer.finish == "stop"

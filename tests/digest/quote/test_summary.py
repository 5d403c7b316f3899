"""When the text's own sentences take the place of the model's summary."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.analyze import analyze
from digest.errors import InvalidAnswer
from digest.protocols import Answer
from digest.quote.editing import edit
from digest.quote.summary import invented, settle_summary, tidy, to_write
from digest.records import Item
from digest.schema import validate

SHORT = "The ferry company said on Monday that it will take two boats out of service by the summer."
MORE = (
    "The boats were built in 1998 and are the oldest of the fleet, which has 14 boats in all. "
    "It is not yet known what the crews, about 60 people, will be offered. "
)
LONG = f"{SHORT} {MORE * 2}"
WRITTEN = "The company will retire **two boats** before summer, and 60 people wait for an offer."


def test_a_short_text_is_its_own_summary() -> None:
    summary, why = settle_summary("A boat sank on Monday, the company said.", "Ferries", SHORT)
    assert summary == SHORT
    assert why == "the text is as short as a summary"


def test_of_a_long_text_the_model_is_heard() -> None:
    assert settle_summary(WRITTEN, "Ferries", LONG) == (WRITTEN, "")


def test_a_number_that_the_text_does_not_give() -> None:
    summary, why = settle_summary(WRITTEN.replace("60", "6,500"), "Ferries", LONG)
    assert summary.startswith(SHORT)
    assert why.endswith("not in the text: 6,500")


def test_a_summary_that_broke_off() -> None:
    summary, why = settle_summary("The company launched **", "Ferries", LONG)
    assert summary.startswith(SHORT)
    assert why == "the model’s broke off"


def test_a_text_in_another_language_cannot_stand_in() -> None:
    text = "Die Fährgesellschaft hat am Montag mitgeteilt, dass zwei Boote im Hafen bleiben."
    assert settle_summary("Two boats stay in port, by 2031.", "", text) == (
        "Two boats stay in port, by 2031.",
        "",
    )


@pytest.mark.parametrize(
    ("said", "text", "found"),
    [
        ("It fell to 3,500.", "It fell to 3500.", ()),
        ("It fell by 1.5 per cent", "by 1.5%", ()),
        ("Since 2018, in the 1990s", "from 2018, the 1990s", ()),
        ("Version 3.4.9 in 2026", "Version 3.4.8 in 2026", ("3.4.9",)),
        ("in 2018 and 2019", "in 2018", ("2019",)),
        ("7 boats", "seven boats", ()),
    ],
)
def test_numbers_are_compared_as_numbers(said: str, text: str, found: tuple[str, ...]) -> None:
    assert invented(said, text) == found


@pytest.mark.parametrize(
    ("written", "tidied"),
    [
        ("**Two** boats and **a pier**", "**Two** boats and **a pier**"),
        ("custom **terminal **cards", "custom terminal cards"),
        ("Two boats **", "Two boats"),
        ("two\n\nlines", "two lines"),
        ("2 * 3 * 4", "2 * 3 * 4"),
    ],
)
def test_bold_type_ends_where_it_should(written: str, tidied: str) -> None:
    assert tidy(written) == tidied


@given(st.text(min_size=10, max_size=1000), st.text(max_size=300), st.text(max_size=600))
def test_within_the_contract_whatever_comes(written: str, title: str, text: str) -> None:
    try:
        sound = validate({"summary": written}, ["summary"]).summary or ""
    except InvalidAnswer:
        return
    summary, _ = settle_summary(sound, title, text)
    assert validate({"summary": summary}, ["summary"]).summary == summary


def test_a_highlight_with_a_number_of_its_own_is_dropped() -> None:
    fields = validate(
        {"highlights": ["The fleet has 14 boats.", "The boats were built in 1898."]}, ["highlights"]
    )
    edited = edit(fields, "Ferries", LONG)
    assert edited.fields.highlights == ["The fleet has 14 boats."]
    assert edited.highlights == ("The boats were built in 1898.",)


SAYS = {"title": "Two ferries", "summary": "A boat sank on Monday, the company said."}


class Fixed:
    """An engine that gives the same answer to every ask, as far as it was asked for."""

    name, model, context = "fixed", "fixed-1", 4096

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def count(self, text: str) -> int:
        return len(text.split())

    def answer(self, asks):  # type: ignore[no-untyped-def]
        for index, ask in enumerate(asks):
            self.asked.append(ask.fields)
            yield Answer(index, json.dumps({name: SAYS[name] for name in ask.fields}), "stop")

    def close(self) -> None:
        pass


def test_the_digest_says_that_the_words_are_the_texts_own() -> None:
    item = Item("d", 0, "story", "Ferries", SHORT, "")
    ((_, digest),) = analyze([item], Fixed(), ["summary"])
    assert digest.fields.summary == SHORT
    assert digest.provenance.own_summary == "the text is as short as a summary"


def test_a_model_need_not_write_what_the_text_says_as_shortly() -> None:
    long, short = (Item("d", n, "story", "Ferries", text) for n, text in enumerate([LONG, SHORT]))
    engine = Fixed()
    found = dict(analyze([short, long], engine, ["title", "summary"]))
    assert engine.asked == [("title", "summary"), ("title",)]  # the long one first
    assert found[short].fields.as_dict() == {"title": "Two ferries", "summary": SHORT}
    assert found[short].provenance.own_summary == "the text is as short as a summary"
    assert found[short].provenance.degraded == found[long].provenance.own_summary == ""
    assert found[long].fields.summary == SAYS["summary"]


@pytest.mark.parametrize("text", ["Ja.", LONG, "Die Boote bleiben im Hafen, weil es stürmt."])
def test_what_is_no_summary_is_asked_for(text: str) -> None:
    assert to_write(("title", "summary"), "", text) == (("title", "summary"), "")


def test_an_ask_is_never_empty() -> None:
    assert to_write(("summary",), "Ferries", SHORT) == (("summary",), "")
    assert to_write(("title", "summary"), "Ferries", SHORT) == (("title",), SHORT)

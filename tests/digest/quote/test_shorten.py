"""Shortening leaves out what carries no sense, and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.quote.guards import guards
from digest.quote.sentences import sentences
from digest.quote.shorten import alone, headline, lost, statement, unjoined, unperiod


@pytest.mark.parametrize(
    ("words", "lang", "shown"),
    [
        ("However, the harbour of Aldby stays closed.", "en", "The harbour of Aldby stays closed."),
        ("Meanwhile, Norrby bought a ferry in May.", "en", "Norrby bought a ferry in May."),
        ("But the harbour of Aldby stays closed.", "en", "The harbour of Aldby stays closed."),
        (
            "AALBORG (AP) -- The harbour of Aldby stays closed.",
            "en",
            "The harbour of Aldby stays closed.",
        ),
        (
            "The harbour of Aldby stays closed. Read more",
            "en",
            "The harbour of Aldby stays closed.",
        ),
        ("Allerdings, der Hafen von Aldby bleibt zu.", "de", "Der Hafen von Aldby bleibt zu."),
        (
            "Sin embargo, el puerto de Aldby sigue cerrado.",
            "es",
            "El puerto de Aldby sigue cerrado.",
        ),
    ],
)
def test_what_only_joins_is_left_out(words: str, lang: str, shown: str) -> None:
    result = statement(words, 0, len(words), lang)
    assert (result.text, result.status) == (shown, "shortened")


@pytest.mark.parametrize(
    "words",
    [
        "However, he sold the mill in May.",  # what is left would not stand
        "Instead, the town of Aldby sold its mill.",
        "But for the rain, the fair in Aldby went well.",
        "However hard the town of Aldby tried, nobody came.",
        "The town of Aldby sold its mill (not its land).",
        "And yet the harbour stays closed.",
    ],
)
def test_the_rest_stays_as_it_is(words: str) -> None:
    assert statement(words, 0, len(words)).status == "quoted"


def test_markup_is_no_word() -> None:
    text = "The **town** of [Aldby](https://aldby.example) sold `its` mill."
    result = statement(text, 0, len(text))
    assert (result.text, result.status) == ("The town of Aldby sold its mill.", "quoted")


LONG = "The town council of Aldby sold its old mill by the river to a group of local bakers"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (f"{LONG}, which may open a second shop in the old centre.", None),
        (f"{LONG}, which run three shops in the old centre.", LONG),
        (f"{LONG}; the money goes to the school in the old centre.", LONG),
        (f"{LONG}, according to two members of the council.", None),
        (f"{LONG}, but the sale is not yet final, a lawyer wrote.", None),
        (f"{LONG}, if the court in the old centre agrees to it.", None),
        (f"{LONG}, and the sale may bring in two million euros.", None),
        (f"{LONG} in May 2026 (the second sale in the county).", f"{LONG} in May 2026"),
    ],
)
def test_a_headline_is_cut_only_where_no_sense_is_lost(words: str, shown: str | None) -> None:
    result = headline(words, 120)
    assert (result.text if result else None) == shown


def test_a_short_sentence_is_a_headline_without_its_full_stop() -> None:
    result = headline("Aldby sold its mill to Norrby Inc.", 120)
    assert result and (result.text, result.status) == (
        "Aldby sold its mill to Norrby Inc.",
        "quoted",
    )
    assert unperiod("Aldby sold its mill.") == "Aldby sold its mill"
    assert unperiod("Aldby sold it in the U.S.") == "Aldby sold it in the U.S."
    assert unperiod("It fell by 4.5%.") == "It fell by 4.5%"


@pytest.mark.parametrize(
    ("before", "after", "fine"),
    [
        ("The mill was not sold.", "The mill was sold.", False),
        ("The mill may close.", "The mill close.", False),
        ("The mill is sold, Roe said.", "The mill is sold", False),
        ("The old mill by the river is sold.", "The mill is sold.", True),
        ("The mill sold bread to Roe.", "Roe sold bread to the mill.", False),
        ("The mill earned 3 million.", "The mill earned million.", False),
        ("Die Mühle ist nicht verkauft.", "Die Mühle ist verkauft.", False),
    ],
)
def test_what_is_lost_is_named(before: str, after: str, fine: bool) -> None:
    assert (lost(before, after) == "") is fine


@given(st.text(alphabet="Aa bB,.;-–()“”\"'notif1 ", max_size=200))
def test_a_shortened_sentence_is_made_of_the_words_of_the_sentence(words: str) -> None:
    for result in (statement(words, 0, len(words)), headline(words, 40)):
        if result is None:
            continue
        left = iter(re.findall(r"\w+", words.casefold()))
        assert all(word in left for word in re.findall(r"\w+", result.text.casefold()))
        assert lost(words, result.text) == ""


@given(st.text(max_size=200))
def test_taking_off_joins_is_stable(words: str) -> None:
    assert len(unjoined(words)) <= len(words) + 2


def test_a_sentence_stands_where_only_its_first_word_joined_it() -> None:
    text = (
        "Aldby sold its mill in May.\n\nHowever, the harbour of Aldby stays closed. He said so. "
        "Norrby bought a ferry. That is not true."
    )
    found = sentences(text)
    shown = [alone(text, s, g) for s, g in zip(found, guards(text, found, "en"), strict=True)]
    assert [one.text if one else None for one in shown] == [
        "Aldby sold its mill in May.",
        "The harbour of Aldby stays closed.",
        None,
        None,
        None,
    ]

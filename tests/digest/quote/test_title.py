"""Headlines: the author's where it states the story, else one sentence of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.quote.clean import clean, spoken
from digest.quote.sentences import plain, sentences
from digest.quote.title import MOST, Title, settle

STORY = (
    "The town council of Aldby sold its old mill to a group of bakers on Monday. The mill has "
    "stood by the river since 1801. Ada Roe, who leads the bakers, paid two million euros. "
    "However, the sale needs the consent of the county."
)


def settled(own: str, text: str = STORY, ranked: list[int] | None = None) -> Title:
    found = sentences(text)
    return settle(own, text, found, list(range(len(found))) if ranked is None else ranked)


@pytest.mark.parametrize(
    ("own", "shown"),
    [
        ("Aldby council sells old mill to bakers", "Aldby council sells old mill to bakers"),
        ("3. Aldby council sells old mill to bakers.", "Aldby council sells old mill to bakers"),
        (
            "🎁 Aldby council sells old mill to bakers (5 minute read)",
            "Aldby council sells old mill to bakers",
        ),
        (
            "Aldby council sells old mill to bakers (Variety, 2 minute read)",
            "Aldby council sells old mill to bakers",
        ),
        (
            "Sponsored: Aldby council sells old mill to bakers (Website)",
            "Aldby council sells old mill to bakers",
        ),
        (
            "Aldby council sells old mill to bakers | The Aldby Times",
            "Aldby council sells old mill to bakers",
        ),
        ("**Aldby council sells old mill to bakers**", "Aldby council sells old mill to bakers"),
        (
            "Aldby <i>council</i> sells <b>old mill to bakers</b>",
            "Aldby council sells old mill to bakers",
        ),
        ("ALDBY COUNCIL SELLS OLD MILL TO BAKERS", "Aldby council Sells old mill to bakers"),
    ],
)
def test_the_authors_headline_stands_cleaned(own: str, shown: str) -> None:
    title = settled(own)
    assert (title.text, title.where) == (shown, "title")
    assert plain(own, title.start, title.end).casefold() == shown.casefold()


@pytest.mark.parametrize(
    "own", ["", "This Week in Aldby 91", "Hello!", "What happened here?", "A thing"]
)
def test_a_sentence_stands_in_for_a_label(own: str) -> None:
    title = settled(own)
    assert (title.where, title.status) == ("text", "quoted")
    assert (
        title.text == "The town council of Aldby sold its old mill to a group of bakers on Monday"
    )
    assert STORY[title.start : title.end] == f"{title.text}."


def test_the_best_sentence_is_taken_that_opens_its_paragraph() -> None:
    """What stands in the middle of a paragraph may speak of what was said before."""
    first = "The town council of Aldby sold its old mill to a group of bakers on Monday"
    assert settled("", ranked=[3, 2, 0]).text == first
    parted = STORY.replace(" Ada Roe", "\n\nAda Roe").replace("However, the", "The")
    shown = settled("", parted, ranked=[3, 2, 0]).text
    assert shown == "Ada Roe, who leads the bakers, paid two million euros"


def test_a_label_stays_where_no_sentence_stands() -> None:
    title = settled("Letters", "He sold it. She bought it. But they said so!")
    assert (title.text, title.where) == ("Letters", "title")


def test_a_heading_of_the_text_is_the_authors_too() -> None:
    text = f"# Aldby council sells old mill to bakers\n\n{STORY}"
    title = settled("", text)
    assert (title.text, title.status) == ("Aldby council sells old mill to bakers", "quoted")
    assert text[title.start : title.end] == title.text


def test_a_question_is_the_headline_of_an_asker() -> None:
    text = "Where can I buy flour in Aldby?\n\nI would try the mill. You can ask my cousin there."
    assert settled("", text).text == "Where can I buy flour in Aldby?"


def test_what_does_not_fit_is_cut_behind_a_clause_at_last() -> None:
    text = "The council of Aldby, which met on Monday, may sell the mill if the county agrees, " + (
        "and if the bakers of the town pay what they said they would pay before the summer ends."
    )
    title = settled("", text)
    assert title.status == "shortened"
    assert title.text.endswith("…") and len(title.text) <= MOST
    assert text.startswith(title.text[:-1])


def test_nothing_comes_of_nothing() -> None:
    assert settled("", "") == Title("", "quoted", "text", 0, 0)


def test_capitals_are_spelled_as_the_text_spells_them() -> None:
    text = "The agency NASA and Ada Roe of iRobot sold mills."
    assert (
        spoken("NASA AND ADA ROE OF IROBOT SELL MILLS", text)
        == "NASA and Ada Roe of iRobot SELL mills"
    )
    assert spoken("NASA sells mills", text) == "NASA sells mills"


def test_what_belongs_to_a_headline_is_not_cleaned_away() -> None:
    for own in ["Security advisories for Cargo (CVE-2022-36113)", "7 ways to bake",
                "2024: a year of bread",
                "Opinion: Aldby should keep its mill", "«Aldby sells»"]:  # fmt: skip
        assert clean(own) == (0, len(own))


@given(st.text(max_size=200), st.text(max_size=400))
def test_any_title_keeps_the_limits_and_its_place(own: str, text: str) -> None:
    title = settled(own, text)
    assert len(title.text) <= MOST
    place = own if title.where == "title" else text
    assert 0 <= title.start <= title.end <= len(place)

"""When the author's headline takes the place of the model's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.analyze import analyze
from digest.protocols import Answer
from digest.quote.headline import settle_title
from digest.records import Item
from digest.schema import validate

TEXT = "The ferry company said on Monday that it will take two boats out of service by the summer."
OWN = "Ferry company takes two boats out of service"


def test_a_title_that_lost_the_story_gives_way() -> None:
    assert settle_title("Harbour master opens a new pier", OWN, TEXT) == OWN


def test_a_title_that_tells_the_same_story_stands() -> None:
    written = "Two boats leave the ferry company's service by summer"
    assert settle_title(written, OWN, TEXT) == written


@pytest.mark.parametrize(
    "own",
    [
        "",
        "Ferry news",  # says nothing
        "You won't believe which boats will be cut",
        "What happens to the boats of the ferry company?",
        "Fährgesellschaft nimmt zwei Boote aus dem Verkehr " * 3,
    ],
)
def test_what_is_no_headline_is_not_taken(own: str) -> None:
    assert settle_title("Harbour master opens a new pier", own, TEXT) == (
        "Harbour master opens a new pier"
    )


def test_a_headline_in_another_language_is_not_taken() -> None:
    own = "Die Fährgesellschaft nimmt zwei Boote aus dem Verkehr"
    text = "Die Fährgesellschaft hat am Montag mitgeteilt, dass zwei Boote im Hafen bleiben."
    assert settle_title("Harbour master opens a pier", own, text) == "Harbour master opens a pier"


def test_what_publishers_append_is_left_out() -> None:
    assert settle_title("Harbour master opens a pier", f"{OWN} (4 minute read)", TEXT) == OWN


def test_the_numbering_of_another_list_is_left_out() -> None:
    assert settle_title("Harbour master opens a pier", f"12) {OWN}", TEXT) == OWN
    assert settle_title("Harbour master opens a pier", f"3.5 {OWN}", TEXT) == f"3.5 {OWN}"


def test_a_headline_set_as_a_sentence_loses_its_period() -> None:
    assert settle_title("Harbour master opens a pier", f"{OWN}.", TEXT) == OWN
    assert settle_title("Harbour master opens a pier", f"{OWN} in the U.S.", TEXT)[-4:] == "U.S."


@given(st.text(min_size=3, max_size=120), st.text(max_size=300), st.text(max_size=300))
def test_one_of_the_two_and_within_the_contract(written: str, own: str, text: str) -> None:
    title = settle_title(written, own, text)
    assert title == written or title in " ".join(own.split())
    if title != written:
        assert validate({"title": title}, ["title"]).title == title


class Fixed:
    """An engine that writes one title."""

    name, model, context, slots = "fixed", "fixed", 4096, 1

    def count(self, text: str) -> int:
        return len(text.split())

    def answer(self, asks):  # type: ignore[no-untyped-def]
        for index, _ in enumerate(asks):
            yield Answer(index, '{"title":"Harbour master opens a new pier"}', "stop")

    def close(self) -> None:
        pass


def test_the_digest_says_which_title_it_replaced() -> None:
    [(_, digest)] = analyze([Item("1", 0, "story", OWN, TEXT)], Fixed(), ["title"])
    assert digest.fields.title == OWN
    assert digest.provenance.replaced_title == "Harbour master opens a new pier"
    [(_, digest)] = analyze([Item("1", 0, "story", "", TEXT)], Fixed(), ["title"])
    assert digest.fields.title == "Harbour master opens a new pier"
    assert digest.provenance.replaced_title == ""

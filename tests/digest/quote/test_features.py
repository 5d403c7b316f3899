"""Features of sentences: what each says, and that there is a whole row for any text."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from digest.quote.features import NAMES, features, stems
from digest.quote.sentences import sentences

TEXT = """# Heat pumps in Tampere

The city of Tampere will fit 4,000 homes with heat pumps by 2027. It costs €38 million.

- Do you rent? Ask your landlord.
- "We are ready," said Eero Salo of [the utility](https://utility.example)."""


def row(number: int) -> dict[str, float]:
    found = features("Tampere fits heat pumps", TEXT, sentences(TEXT), "en")
    return dict(zip(NAMES, found.rows[number], strict=True))


def test_place_kind_numbers_and_names_are_told():
    heading, news, cost = row(0), row(1), row(2)
    assert heading["kind_heading"] == 1
    assert news["behind_heading"] == 1
    assert news["opens_paragraph"] == 1
    assert news["year"] == 1
    assert news["numbers"] == 2
    assert news["title_shared"] >= 3
    assert cost["money"] == 1
    assert cost["starts_pronoun"] == 1
    assert cost["ends_paragraph"] == 1


def test_voice_and_links_are_told():
    asked, quoted = row(3), row(5)
    assert asked["question"] == 1
    assert asked["second_person"] == 1
    assert asked["kind_list"] == 1
    assert quoted["quotes_and_says"] == 1
    assert quoted["links"] == 1
    assert quoted["first_person"] == 1


def test_terms_name_the_start_and_the_neighbours_of_a_word():
    found = features("", "Prices fell sharply.", sentences("Prices fell sharply."))
    assert {"price", "^price", "^^price_fell", "b_fell_sharpl", "k_price_sharpl"} <= {
        term.replace("prices", "price") for term in found.terms[0]
    }


def test_a_script_without_spaces_has_pairs_of_signs():
    assert stems("東京都はGPU", unspaced=True) == ["東京", "京都", "都は", "gpu"]


def test_inflections_share_a_stem():
    assert stems("Regulators’ regulation") == stems("regulators regulations")
    assert stems("company's ships") == stems("company ship")


@given(st.text('aB é9.?!\n*#-[]()"日は', max_size=300), st.text(max_size=30))
@settings(deadline=None)
def test_every_sentence_has_a_whole_row_of_finite_numbers(text: str, title: str):
    places = sentences(text)
    found = features(title, text, places)
    assert len(found.rows) == len(found.terms) == len(found.stems) == len(places)
    for one in found.rows:
        assert len(one) == len(NAMES)
        assert all(math.isfinite(value) for value in one)

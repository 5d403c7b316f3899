"""Candidates: names that the text writes, and no others."""

from hypothesis import given, settings
from hypothesis import strategies as st

from digest.tags import names
from digest.tags.words import tokens, usual_case

_USUAL = usual_case(
    [
        "we will launch new boats when the harbour opens and the boats can run",
        "they launch new boats with Varnholm and the harbour pays for Varnholm boats",
    ]
)


def _found(title: str, text: str, known: tuple[str, ...] = ()) -> set[str]:
    return {one.name for one in names.candidates(title, text, _USUAL, known).values()}


def test_runs_of_capitals_and_their_parts() -> None:
    found = _found("", "On Monday Varnholm Boats AG hired Mila Sorensen for Kiel.")
    assert {"Varnholm Boats AG", "Varnholm", "Mila Sorensen", "Kiel"} <= found
    assert "Monday" not in found
    assert not any(name.startswith("On ") for name in found)


def test_a_title_in_capitals_is_divided_by_what_is_usually_small() -> None:
    assert "Varnholm" in _found("New Boats Launch With Varnholm", "")


def test_a_possessive_belongs_to_no_name() -> None:
    assert "Varnholm" in _found("", "The port took Varnholm’s offer.")
    assert not any("’" in name for name in _found("", "The port took Varnholm’s offer."))


def test_a_known_name_inside_a_run() -> None:
    found = _found("", "They saw the Kiel Varnholm Boats Pier Four.", ("varnholm boats",))
    assert "Varnholm Boats" in found


def test_numbers_alone_are_no_names() -> None:
    assert not any(name.isdigit() for name in _found("", "In 2031 Line 7 closed."))


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=400))
def test_every_candidate_stands_in_the_text(title: str, text: str) -> None:
    for key, one in names.candidates(title, text, _USUAL).items():
        assert one.name in title or one.name in text
        assert key == names.key(one.name)
        line = names.shape(one, title, text, _USUAL)
        assert len(line) == len(names.shape(one, "", "", _USUAL))


@given(st.text(max_size=300))
def test_tokens_lie_where_they_say(text: str) -> None:
    last = 0
    for token in tokens(text):
        assert text[token.start : token.end] == token.word
        assert token.start >= last
        last = token.end


def test_a_rows_own_share_is_left_out() -> None:
    gazetteer = names.Gazetteer({"varnholm": (3, 2, 2, 1)})
    assert gazetteer.record("varnholm", False, (1, 1, 1, 0)) == names.Gazetteer(
        {"varnholm": (2, 1, 1, 1)}
    ).record("varnholm", False)
    assert gazetteer.record("nobody", False) == names.Gazetteer({}).record("nobody", False)

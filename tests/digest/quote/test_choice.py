"""The choice of sentences: within the limits whatever the text, the guards' word last."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import WeightsError
from digest.quote import choice
from digest.quote.choice import Choice, Sizes, Weights, choose, decode
from digest.quote.guards import Guard, guards
from digest.quote.sentences import sentences

STORY = """The city council of Marlow voted on Tuesday to close the old bridge for two years.

Engineers found cracks in four of its six piers during an inspection in March, the council said. \
Repairs will cost 14 million pounds and begin on 3 June. Buses will be diverted through Bourne End.

What do residents think? Some are pleased. "It was about time," said Ada Roe, who lives beside it.

Subscribe to our newsletter. Photo: M. Brandt"""
TITLE = "Marlow to close its bridge for two years"


def chosen(text: str, title: str = "", *, guarded: bool = True) -> Choice:
    places = sentences(text)
    return choose(title, text, places, guards=guards(text, places, "en") if guarded else ())


def shown(text: str, numbers: tuple[int, ...]) -> list[str]:
    places = sentences(text)
    return [text[places[n].start : places[n].end] for n in numbers]


def test_the_news_is_the_summary_and_facts_are_highlights():
    found = chosen(STORY, TITLE)
    assert shown(STORY, found.summary)[0].startswith("The city council of Marlow voted")
    facts = shown(STORY, found.summary + found.highlights)
    assert any("14 million pounds" in fact for fact in facts)
    assert not any(word in fact for fact in facts for word in ("Subscribe", "Photo", "residents"))


def test_the_scores_are_one_a_sentence_and_part_news_from_the_rest():
    found = chosen(STORY, TITLE)
    assert len(found.scores) == len(sentences(STORY))
    assert min(found.scores[:3]) > 0.5 > 0.1 > max(found.scores[-2:])


def test_of_a_short_text_everything_that_stands_is_the_summary():
    text = "Harbour Labs opened an office in Porto. It will hire forty engineers this year."
    assert chosen(text) == Choice((0, 1), (), chosen(text).scores)


def test_an_empty_text_has_no_choice():
    assert choose("Title", "", ()) == Choice((), (), ())


def test_the_same_sentence_is_not_taken_twice():
    line = "The reactor at Lindau reached full power on Monday after three years of repairs."
    text = f"{line}\n\nMore follows.\n\n{line}\n\n{line}"
    found = chosen(text, "Reactor at Lindau")
    assert len(found.summary + found.highlights) == 1


def test_a_highlight_is_short_and_a_summary_of_several_within_its_words():
    long = "The report of the commission says that " + "the plan for the port and " * 12 + "more."
    text = f"{long} {STORY}\n\n{long}"
    found = chosen(text, TITLE)
    assert all(len(fact) <= choice.HIGHLIGHT_CHARACTERS for fact in shown(text, found.highlights))
    words = sum(len(one.split()) for one in shown(text, found.summary))
    assert len(found.summary) == 1 or words <= choice.SUMMARY_WORDS


def test_a_sentence_that_leans_on_the_one_before_comes_with_it_or_not_at_all():
    scores, free = [0.1, 0.9, 0.2, 0.1], Guard()
    rules = (free, Guard(before="refers back"), free, free)
    found = decode(scores, scores, _sizes(4), _stems(4), rules)
    assert 1 not in found.highlights
    assert found.summary[:2] == (0, 1)


def test_a_sentence_that_the_next_takes_back_comes_with_it():
    scores, free = [0.1, 0.9, 0.05, 0.1], Guard()
    found = decode(scores, scores, _sizes(4), _stems(4), (free, Guard(after="denied"), free, free))
    assert {1, 2} <= set(found.summary)


def test_what_may_never_be_shown_is_not_even_if_all_else_leans_on_it():
    rules = (Guard(never="heading"), Guard(before="refers back"), Guard(never="aside"))
    found = decode([0.9, 0.8, 0.7], [0.9, 0.8, 0.7], _sizes(3), _stems(3), rules)
    assert (found.summary, found.highlights) == ((1,), ())
    only = (Guard(never="x"),) * 3
    assert decode([0.9] * 3, [0.9] * 3, _sizes(3), _stems(3), only).summary == ()


def test_a_guard_for_each_sentence_or_none():
    with pytest.raises(ValueError, match="2 guards for 3"):
        decode([0.5] * 3, [0.5] * 3, _sizes(3), _stems(3), (Guard(), Guard()))


def test_weights_of_other_features_are_refused():
    data = json.loads(choice.files("digest.quote").joinpath("choice.json").read_bytes())
    assert Weights.read(data) == choice.weights()
    with pytest.raises(WeightsError, match="other features"):
        Weights.read(data | {"features": data["features"][1:]})


@dataclass(frozen=True)
class Place:
    """A place for the tests."""

    start: int
    end: int
    paragraph: int = 0
    kind: str = "prose"


def _sizes(count: int, paragraphs: tuple[int, ...] = ()) -> Sizes:
    return Sizes([12.0] * count, [70] * count, list(paragraphs or [0] * count))


def _stems(count: int) -> list[frozenset[str]]:
    return [frozenset(f"{n}{letter}" for letter in "abcd") for n in range(count)]


@dataclass(frozen=True)
class Made:
    """One text for `decode`, made up."""

    scores: list[float]
    summary: list[float]
    sizes: Sizes
    stems: list[frozenset[str]]
    rules: list[Guard]


@st.composite
def made(draw: st.DrawFn) -> Made:
    count = draw(st.integers(1, 24))

    def each(one: st.SearchStrategy) -> list:
        return draw(st.lists(one, min_size=count, max_size=count))

    odds = st.floats(0.001, 0.999)
    reason = st.sampled_from(["", "", "", "reason"])
    return Made(
        each(odds),
        each(odds),
        Sizes(each(st.floats(1, 120)), each(st.integers(5, 1400)), sorted(each(st.integers(0, 5)))),
        each(st.frozensets(st.sampled_from("abcdefgh"), max_size=6)),
        each(st.builds(Guard, never=reason, before=reason, after=reason)),
    )


@given(made())
@settings(deadline=None)
def test_limits_and_guards_hold(one: Made):
    found = decode(one.scores, one.summary, one.sizes, one.stems, one.rules)
    assert found == decode(one.scores, one.summary, one.sizes, one.stems, one.rules)
    assert list(found.summary) == sorted(set(found.summary))
    assert not set(found.summary) & set(found.highlights)
    assert len(found.summary) <= choice.SUMMARY
    assert len(set(found.highlights)) == len(found.highlights) <= choice.HIGHLIGHTS
    assert sum(one.sizes.characters[n] for n in found.summary) <= choice.SUMMARY_CHARACTERS
    words = sum(one.sizes.words[n] for n in found.summary)
    assert len(found.summary) < 2 or words <= choice.SUMMARY_WORDS
    for n in found.highlights:
        assert not one.rules[n].alone
        assert one.sizes.words[n] <= choice.HIGHLIGHT_WORDS
        assert one.sizes.characters[n] <= choice.HIGHLIGHT_CHARACTERS
    assert not any(one.rules[n].never for n in found.summary)
    if len(found.summary) > 1:
        for n in found.summary:
            assert not one.rules[n].before or n - 1 in found.summary
            assert not one.rules[n].after or n + 1 in found.summary
    assert list(found.highlights) == sorted(found.highlights, key=lambda n: -one.scores[n])


@given(st.text("ab Az09.!?\n-*#\"“”[](…)。、日本'", max_size=400), st.text(max_size=40))
@settings(deadline=None)
def test_any_text_has_a_choice_of_its_own_sentences(text: str, title: str):
    places = sentences(text)
    found = choose(title, text, places)
    assert all(0 <= n < len(places) for n in found.summary + found.highlights)
    assert len(found.scores) == len(places)
    assert all(0 < score < 1 for score in found.scores)


def test_a_script_without_spaces_has_words_too():
    places = [Place(0, 20)]
    assert Sizes.of(["東京都は橋を二年間閉鎖すると発表しました"], places).words == [10.0]
    assert Sizes.of(["สภาเมืองปิดสะพานเก่า"], places).words[0] > 8
    assert Sizes.of(["Seven words are in this short line"], places).words == [7.0]

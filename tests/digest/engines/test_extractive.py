"""Without a model: always a digest, always within the contract, always from the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.extractive import ExtractiveEngine, extract
from digest.prompt import messages
from digest.protocols import Ask, Engine
from digest.quote.compose import FIRST
from digest.schema import FIELDS, parse, select

STORY = """**Acme Robotics** opened its [second factory](https://example.org/f?utm=1) in Lisbon on
Monday. The plant will build 400 warehouse robots a year and employ 120 people.

![A robot](robot.png)

"We wanted to be near the port," said Ana Reis, who founded Acme Robotics in 2019. The first robots
ship to Globex Corp in March. Competitors doubt the schedule. Similar plants took two years to
reach full output, and Dr. Ian Moss of the Technical University of Delft expects the same here.

```
robots.ship()
```
"""


def test_a_story() -> None:
    digest = extract("Acme opens a factory", STORY, FIELDS)
    assert digest.title == "Acme opens a factory"
    assert digest.summary is not None
    assert digest.summary.startswith("Acme Robotics opened its second factory in Lisbon on Monday.")
    assert "http" not in digest.to_json()
    assert "robots.ship" not in digest.to_json()
    assert digest.highlights
    assert not set(digest.highlights) & set(digest.summary.split(". "))
    assert {"Acme Robotics", "Lisbon", "Ana Reis", "Globex Corp"} <= set(digest.names or [])
    assert digest.names and digest.names[0] == "Acme Robotics"
    assert not {"The", "We", "Competitors", "Monday", "Similar"} & set(digest.names)
    assert digest.company_names == ["Acme Robotics", "Globex Corp"]
    assert digest.domains and digest.domains[0] == "robotics"
    assert digest.relevance_score == 7


def test_a_story_that_matters_less() -> None:
    text = "The coach praised the team after the football match. The league ends in May."
    digest = extract("", text, FIELDS)
    assert digest.title == "The coach praised the team after the football match"
    assert digest.relevance_score == 1


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("阿里巴巴集团今天在杭州宣布推出新的人工智能模型产品。该公司表示模型将开源。", "阿里巴巴"),
        ("Президент открыл новый завод в Москве. Он будет работать с марта.", "Президент"),
        ("Die Firma baut z.B. Roboter für 3.5 Mio. Euro. Das Werk steht in Köln.", "Die Firma"),
        ("أعلنت الشركة عن مصنع جديد في القاهرة. سيبدأ العمل في مارس.", "أعلنت"),
    ],
)
def test_any_language(text: str, first: str) -> None:
    digest = extract("", text, FIELDS)
    assert (digest.summary or "").startswith(first)


@given(
    st.text(max_size=400),
    st.text()
    | st.lists(st.sampled_from(["A", " b", ". ", "\n", "# ", "`", "[x](", "漢。", "«"])).map(
        "".join
    ),
    st.sets(st.sampled_from(FIELDS), min_size=1),
)
def test_any_text_gives_a_valid_digest(title: str, text: str, fields: set[str]) -> None:
    asked = select(fields)
    digest = extract(title, text, asked)
    assert parse(digest.to_json(), asked) == digest


@pytest.mark.parametrize(
    "text", ["", "\n", "a." * 60_000, "A b. " * 30_000, "“" * 50_000, "[" * 50_000, "> " * 30_000]
)
def test_hostile_text_takes_time_in_proportion(text: str, grows_like) -> None:
    def digesting(part: str) -> None:
        assert extract("", part, FIELDS).asked() == FIELDS

    grows_like(digesting, text[: len(text) // 4], text)


def test_as_an_engine() -> None:
    engine: Engine = ExtractiveEngine()
    assert isinstance(engine, Engine)
    asks = [
        Ask(messages("Acme opens a factory", STORY, ("title", "names")), ("title", "names"), 1),
        Ask(messages("", STORY, ("title",)), ("title",), 1),
    ]
    with_title, without = engine.answer(asks)
    assert parse(with_title.text, ("title", "names")).title == "Acme opens a factory"
    (title,) = parse(without.text, ("title",)).as_dict().values()
    assert title == "Acme Robotics opened its second factory in Lisbon on Monday"
    assert {with_title.finish, without.finish} == {"stop"}
    assert engine.count("three little words") == 3
    engine.close()


@given(
    st.lists(st.text("abcdefghijklmnopqrstuvwxyzäé", min_size=1, max_size=40), min_size=1),
    st.integers(3, 1500),
)
def test_a_cut_falls_between_words(words, repeat):
    text = " ".join((words * repeat)[:4000])
    summary = extract("A title", f"{text}.", ["summary"]).summary
    assert len(summary) <= 1000
    if summary.endswith("…"):
        kept = summary.removesuffix("…")
        assert text.startswith(kept) and text[len(kept)].isspace()


def test_a_text_that_is_longer_than_what_is_looked_at_ends_in_a_whole_word():
    text = "Prologue. " + "longwordinside " * 3000
    for sentence in extract("", text, ["highlights", "summary"]).as_dict().values():
        for one in [sentence] if isinstance(sentence, str) else sentence:
            assert one.rstrip("…").split()[-1] in {"longwordinside", "Prologue."}


def test_scripts_without_spaces_keep_their_room():
    summary = extract("", "題 " + "語" * 3000, ["summary"]).summary
    assert summary.startswith("題 語") and summary.endswith("語…")
    assert len(summary) == FIRST

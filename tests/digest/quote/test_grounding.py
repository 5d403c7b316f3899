"""A name that is not in the text is removed; spelling is forgiven, invention is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.quote.grounding import fold, ground, occurs
from digest.schema import DigestFields


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OpenAI", "Yesterday OPENAI said"),
        ("OpenAI", "OpenAI's new model"),
        ("Coca Cola", "the Coca-Cola Company"),
        ("CocaCola", "the Coca-Cola Company"),
        ("U.S.", "across the US."),
        ("US", "across the U.S. today"),
        ("Muller", "sagte Müller gestern"),
        ("Müller", "sagte MU\u0308LLER gestern"),
        ("GPT-4o mini", "with GPT‑4o mini, again"),  # another hyphen
        ("AT&T", "AT&amp;T".replace("&amp;", "&")),
        ("ﬁrst Bank", "the First Bank"),  # a ligature
        ("Straße", "in der STRASSE"),
        ("阿里巴巴", "中国的阿里巴巴集团宣布"),
        ("삼성전자", "삼성전자 발표"),
        ("Node.js", "Node JS is out"),
    ],
)
def test_the_same_name_in_another_dress(name: str, text: str) -> None:
    assert occurs(name, fold(text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("US", "thus, a bus"),
        ("Meta", "metallic metadata"),
        ("OpenAI", "Anthropic said"),
        ("Ada Lovelace", "Ada wrote to Mr Lovelace"),
        ("...", "wait ... what"),
        ("", "anything"),
        ("腾讯", "中国的阿里巴巴集团宣布"),
    ],
)
def test_another_name(name: str, text: str) -> None:
    assert not occurs(name, fold(text))


def test_what_is_not_in_the_text_is_dropped_and_named() -> None:
    fields = DigestFields(title="Ada", names=["Ada", "Eve"], company_names=["Eve", "Acme", "Evil"])
    grounded = ground(fields, "Ada", "works at ACME.")
    assert grounded.fields == DigestFields(title="Ada", names=["Ada"], company_names=["Acme"])
    assert grounded.dropped == ("Eve", "Evil")


def test_fields_that_were_not_asked_stay_absent() -> None:
    fields = DigestFields(names=["Eve"])
    assert ground(fields, "", "Ada").fields.asked() == ("names",)


def test_names_that_were_written_in_another_script_are_not_the_texts() -> None:
    text = "Президент Владимир Путин встретился с делегацией в Москве."
    grounded = ground(DigestFields(names=["Vladimir Putin", "Берлин", "Москве"]), "", text)
    assert grounded.fields.names == ["Москве"]
    assert grounded.dropped == ("Vladimir Putin", "Берлин")


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1), st.text())
def test_words_of_a_text_occur_in_it(words: list[str], around: str) -> None:
    text = f"{around} {' '.join(words)} {around}"
    name = " ".join(words)
    assert occurs(name, fold(text)) or not fold(name).strip()

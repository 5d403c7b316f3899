"""What of an answer may stand."""

from pathlib import Path

import pytest

from digest.quote import editing
from digest.quote.editing import edit, not_a_name
from digest.records import Edit
from digest.schema import DigestFields

TEXT = "The ferry company said on Monday that its harbour robots will sort the parcels by summer."


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tags.txt").write_text("Company News\nPublic Transport\n", "utf-8")
    monkeypatch.setattr(editing, "shipped", lambda: tmp_path)
    editing.taught.cache_clear()
    yield
    editing.taught.cache_clear()


@pytest.mark.usefixtures("shelf")
def test_a_theme_is_taught_or_said() -> None:
    said = DigestFields(key_insights=["Company News", "Harbour Robots", "Naval Warfare Study"])
    fields, edits = edit(said, "Ferry", TEXT, "digest.b179.q8_0")
    assert fields.key_insights == ["Company News", "Harbour Robots"]
    assert edits == (Edit("theme", "Naval Warfare Study"),)


@pytest.mark.usefixtures("shelf")
def test_themes_of_other_models_are_their_own() -> None:
    said = DigestFields(key_insights=["Naval Warfare Study"])
    assert edit(said, "Ferry", TEXT, "llama3:latest@0123") == (said, ())
    assert edit(said, "Ferry", TEXT) == (said, ())


@pytest.mark.usefixtures("shelf")
def test_a_text_in_another_script_says_themes_in_its_own_spelling() -> None:
    said = DigestFields(key_insights=["Tencent"])
    assert edit(said, "", "腾讯公司周一宣布了新的机器人。", "digest") == (said, ())


@pytest.mark.usefixtures("shelf")
def test_names_companies_and_themes_in_one_go() -> None:
    said = DigestFields(
        title="Ferry company lets robots sort the parcels",
        names=["Ada", "ferry company"],
        key_insights=["Naval Warfare Study", "Public Transport"],
        company_names=["Ada", "Ferry Company"],
    )
    fields, edits = edit(said, "Ferry company lets robots sort the parcels", TEXT, "digest")
    assert fields == DigestFields(
        title="Ferry company lets robots sort the parcels",
        names=["ferry company"],
        key_insights=["Public Transport"],
        company_names=["Ferry Company"],
    )
    assert edits == (
        Edit("theme", "Naval Warfare Study"),
        Edit("name", "Ada", "it does not occur in the text"),
    )


SOURCE = """Acme Robotics says that the ferries are sorted by rustc and by robots in 380 branches.
Write to desk@acme.example or see weathermarks.example and https://acme.example/Ferries; the key is
Hq3v02TzLw0kJm, and GPT4oMini2x3B reads it. Takashi Asakusa paid a 199-euro fine, 45.5% of the cost.
Walla Walla hosts BioNTech2 and iPhone15Pro. Kept at 40 degrees for five months, the wine sold in
the League of Women Voters of Walla Walla, and The Great Northern and Southern Railway Company of
Canada asked Coca-Cola and Coca Cola for A1 paper, 3M tape, 7-Eleven rice and 2001: A Space Odyssey.
"""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Acme Robotics", ""),
        ("rustc", ""),  # so are tools called
        ("robots", ""),  # nobody can tell it from a tool
        ("acme robotics", ""),
        ("The Ferries", "a common word"),  # ferries like others
        ("Hq3v02TzLw0kJm", "a token"),
        ("GPT4oMini2x3B", "a token"),
        ("iPhone15Pro", ""),
        ("BioNTech2", ""),
        ("weathermarks.example", "an address"),
        ("https://acme.example/Ferries", "an address"),
        ("desk@acme.example", "an address"),
        ("380 branches", "a quantity"),
        ("199-euro", "a quantity"),
        ("45.5%", "a quantity"),
        ("380", "a quantity"),
        ("40 degrees", "a quantity"),
        ("3M", ""),
        ("7-Eleven", ""),
        ("A1", ""),
        ("2001: A Space Odyssey", ""),
        ("Takashi Asakusa Asakusa", "a repetition"),
        ("Walla Walla", ""),  # the text says it twice as well
        ("Kept at 40 degrees for five months", "a phrase"),
        ("League of Women Voters", ""),
        ("The Great Northern and Southern Railway Company of Canada", "a phrase"),
    ],
)
def test_a_name_is_one_by_its_form(name: str, why: str) -> None:
    assert not_a_name(name, SOURCE) == why


def test_what_is_no_name_is_none_in_both_fields_and_is_named_once() -> None:
    said = ["Acme Robotics", "199-euro", "weathermarks.example"]
    fields, edits = edit(DigestFields(names=said, company_names=said), "", SOURCE)
    assert fields.names == fields.company_names == ["Acme Robotics"]
    assert edits == (
        Edit("name", "199-euro", "a quantity"),
        Edit("name", "weathermarks.example", "an address"),
    )


def test_two_spellings_of_one_name_are_one() -> None:
    said = DigestFields(names=["Coca-Cola", "Coca Cola", "Walla Walla", "COCA COLA"])
    fields, edits = edit(said, "", SOURCE)
    assert fields.names == ["Coca-Cola", "Walla Walla"]
    assert edits == ()  # nothing was lost


def test_a_text_without_capitals_keeps_its_names() -> None:
    said = DigestFields(names=["Burger King"])
    assert edit(said, "", "we met at burger king. they had tea.") == (said, ())


def test_a_name_of_another_script_stands_as_the_text_spells_it() -> None:
    text = "Компания Яндекс купила порт в Риге."
    fields, edits = edit(DigestFields(names=["Яндекс", "Yandex", "Риге"]), "", text)
    assert fields.names == ["Яндекс", "Риге"]
    assert edits == (Edit("name", "Yandex", "it does not occur in the text"),)


def test_the_shipped_model_was_taught_themes() -> None:
    editing.taught.cache_clear()
    known = editing.taught("digest:latest@98135678598b")
    assert {"AI Research", "Company News"} <= known
    assert all(len(theme) <= 60 for theme in known)

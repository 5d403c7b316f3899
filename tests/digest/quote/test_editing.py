"""What of an answer may stand."""

from pathlib import Path

import pytest

from digest.quote import editing
from digest.quote.editing import edit
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
    edited = edit(said, "Ferry", TEXT, "digest.b179.q8_0")
    assert edited.fields.key_insights == ["Company News", "Harbour Robots"]
    assert edited.themes == ("Naval Warfare Study",)


@pytest.mark.usefixtures("shelf")
def test_themes_of_other_models_are_their_own() -> None:
    said = DigestFields(key_insights=["Naval Warfare Study"])
    assert edit(said, "Ferry", TEXT, "llama3:latest@0123") == editing.Edited(said)
    assert edit(said, "Ferry", TEXT) == editing.Edited(said)


@pytest.mark.usefixtures("shelf")
def test_a_text_in_another_script_says_themes_in_its_own_spelling() -> None:
    said = DigestFields(key_insights=["Tencent"])
    assert edit(said, "", "腾讯公司周一宣布了新的机器人。", "digest").fields == said


def test_names_titles_and_themes_in_one_go() -> None:
    said = DigestFields(title="Harbour master opens a new pier", names=["Ada", "ferry company"])
    edited = edit(said, "Ferry company lets robots sort the parcels", TEXT, "digest")
    assert edited.fields.title == "Ferry company lets robots sort the parcels"
    assert edited.title == "Harbour master opens a new pier"
    assert edited.fields.names == ["ferry company"]
    assert edited.dropped == ("Ada",)


@pytest.mark.parametrize(
    ("name", "stands"),
    [
        ("Acme Robotics", True),
        ("rustc", True),  # so are tools called
        ("The Ferries", False),  # ferries like others
        ("380 branches", False),
        ("robots", True),  # nobody can tell it from a tool
        ("acme robotics", True),
    ],
)
def test_a_name_is_written_as_one(name: str, stands: bool) -> None:
    text = "Acme Robotics says that the ferries are sorted by rustc and by robots in 380 branches."
    edited = edit(DigestFields(names=[name], company_names=[name]), "", text)
    assert edited.fields.names == edited.fields.company_names == [name] * stands
    assert edited.dropped == (name,) * (not stands)


def test_a_text_without_capitals_or_in_another_script_keeps_its_names() -> None:
    for text in ("we met at burger king. they had tea.", "Компания купила порт в Риге."):
        said = DigestFields(names=["Burger King"])
        assert edit(said, "", text).fields.names == ["Burger King"]


def test_the_shipped_model_was_taught_themes() -> None:
    editing.taught.cache_clear()
    known = editing.taught("digest:latest@98135678598b")
    assert {"AI Research", "Company News"} <= known
    assert all(len(theme) <= 60 for theme in known)

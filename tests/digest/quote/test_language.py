"""Which language a text is in, and what it is called."""

import pytest

from digest.quote.language import language, language_name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The town council sold the old mill to a group of bakers.", "en"),
        ("Der Stadtrat hat die alte Mühle an eine Gruppe von Bäckern verkauft.", "de"),
        ("Le conseil municipal a vendu le vieux moulin à un groupe de boulangers.", "fr"),
        ("El ayuntamiento vendió el viejo molino a un grupo de panaderos.", "es"),
        ("A câmara municipal vendeu o velho moinho a um grupo de padeiros.", "pt"),
        ("Il comune ha venduto il vecchio mulino a un gruppo di fornai.", "it"),
        ("De gemeente heeft de oude molen aan een groep bakkers verkocht.", "nl"),
        ("Kommunen har sålt den gamla kvarnen till en grupp bagare.", "sv"),
        ("Городской совет продал старую мельницу группе пекарей.", "ru"),
        ("市議会は古い水車小屋をパン職人の団体に売却した。", "ja"),
        ("市议会把旧磨坊卖给了一群面包师。", "zh"),
        ("시의회가 오래된 방앗간을 제빵사들에게 팔았다.", "ko"),
        ("باع مجلس المدينة الطاحونة القديمة لمجموعة من الخبازين.", "ar"),
        ("नगर परिषद ने पुरानी चक्की बेकरों के एक समूह को बेच दी।", "hi"),
        ("Το δημοτικό συμβούλιο πούλησε τον παλιό μύλο σε μια ομάδα φούρναρηδων.", "el"),
    ],
)
def test_a_sentence_tells_its_language(text: str, code: str) -> None:
    assert language(text) == code
    assert language(f"## {text}\n\n[**{text}**](https://mill.example/die/der/das)") == code


@pytest.mark.parametrize("text", ["", "12 345", "Mill", "https://mill.example", "🎁"])
def test_too_little_tells_none(text: str) -> None:
    assert language(text) == ""


def test_names() -> None:
    assert language_name("de") == "German"
    assert language_name("de", "de") == "Deutsch"
    assert language_name("xx") == "xx"

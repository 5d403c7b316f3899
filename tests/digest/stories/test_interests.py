"""Interests and mutes: what matches, what must not, and that nothing muted is lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import settings
from digest.errors import ConfigError
from digest.records import Analyzed, Digest, Document, Item, Provenance
from digest.report import build
from digest.schema import DigestFields
from digest.stories.interests import Mutes, Preferences, rarity, stems
from digest.stories.trends import Earlier, Mentions

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def story(title="", summary="", *, publisher="The Wire", kind="story", url="", text="", **fields):
    home = f"{publisher} {title}"
    item = Item(home, 0, kind, title, text or summary, url or f"https://example.org/{len(home)}")
    digest = Digest(
        DigestFields.model_construct(title=title, summary=summary, **fields),
        Provenance("embedded", "m", "1"),
    )
    document = Document(home, "folder:news", "o", publisher, title, NOW, "", "", (item,))
    return Analyzed(document, item, digest)


def met(interest: str, *members: Analyzed, **weights: float) -> float:
    found = Preferences((interest,), rarity=weights).matches(members)
    return found[0].similarity if found else 0.0


@pytest.mark.parametrize(
    ("interest", "one"),
    [
        ("offshore wind", story("Offshore wind farms go up off Esbjerg")),
        ("offshore wind", story("Esbjerg builds", "Wind turbines of 15 MW go up offshore.")),
        ("regulating batteries", story("A law", "The regulation covers every battery.")),
        ("AI", story("A model plays chess", domains=["artificial intelligence"])),
        ("AI safety", story("AI labs agree on safety tests")),
        ("LLM", story("A small one", key_insights=["Large Language Model"])),
        ("US trade policy", story("A US policy on trade")),
        ("Petra Osei", story("A prize", names=["Petra Osei"])),
        ("the history of the bicycle", story("Bicycles have a history of two centuries")),
        ("fuß", story("Der Fuss")),
        ("地震", story("能登半島で地震が発生")),
        ("offshore wind", story("", "", text="They build wind turbines offshore.", kind="link")),
    ],
)
def test_what_meets_an_interest(interest, one):
    assert met(interest, one) >= 0.7


@pytest.mark.parametrize(
    ("interest", "one"),
    [
        ("language models", story("A new business model", "The sign language course is full.")),
        ("US", story("Give us more time", "They told us so.")),
        ("US", story("GIVE US MORE TIME")),
        ("IT", story("It rains")),
        ("AI", story("Ada Ibsen wins", names=["Ada Ibsen"])),
        ("organ music", story("The organization likes music")),
        ("general election", story("They generate elections")),
        ("police", story("A new policy")),
        ("climate change", story("They change the wheel")),
        ("the", story("The end")),
        ("...", story("...")),
        ("wind", story("A talk", "", text="x " * 10, names=["Winden"])),
        (
            "nuclear fusion",
            story("Two kitchens", "Fusion food is on the rise.", highlights=["Nuclear is not."]),
        ),
    ],
)
def test_what_does_not(interest, one):
    assert met(interest, one) == 0


def test_the_headline_weighs_more_than_a_mention_and_the_best_teller_counts():
    headline = story("Offshore wind farms go up off Esbjerg")
    mention = story("Esbjerg builds", "Offshore wind is one of its plans.")
    assert met("offshore wind", headline) == 1.0
    assert met("offshore wind", mention) == 0.75
    assert met("offshore wind", mention, headline) == 1.0


def test_rare_words_weigh_more_than_common_ones():
    weights = rarity({"offshor": 2, "wind": 40, "power": 800, "plant": 700}, 2_000)
    assert met("offshore wind power plant", story("Offshore wind"), **weights) >= 0.7
    assert met("offshore wind power plant", story("A power plant in the wind"), **weights) == 0
    assert rarity({"a": 0}, 0)["a"] > 0


@given(st.text(max_size=60), st.text(max_size=300))
def test_any_text_can_be_an_interest_a_mute_and_a_story(wanted, text):
    one = story(text, text)
    preferences = Preferences((wanted,), Mutes(words=(wanted,), publishers=(wanted,)))
    assert all(0 < match.similarity <= 1 for match in preferences.matches([one]))
    if list(stems(text)):
        assert Preferences((text,)).matches([one])  # everything meets itself
        assert Preferences(mutes=Mutes(words=(text,))).muted_word([one])


def write(*told: Analyzed, **options) -> str:
    return build(
        told, period=(NOW, NOW), sources=["folder:news"], generated=NOW, **options
    ).markdown


def test_an_interest_lifts_a_story_and_says_why():
    dull = story("Offshore wind farms go up off Esbjerg", relevance_score=3)
    hot = [story(f"Chip number {n} is out", relevance_score=5) for n in range(15)]
    plain = write(dull, *hot)
    assert "### 1. Chip" in plain and "### 16. Offshore" not in plain
    wanted = write(dull, *hot, preferences=Preferences(("offshore wind", "beekeeping")))
    assert "### 1. Offshore wind farms go up off Esbjerg" in wanted
    assert wanted.count("*matches your interest: offshore wind*") == 2  # on top, and at the story
    assert "- offshore wind: [1](#1-offshore" in wanted
    assert "- beekeeping: no story of this report" in wanted
    assert "up to three points for an interest of yours" in wanted


def test_an_interest_from_the_configuration_can_bend_nothing():
    one = story("[x](https://evil.example) <b>wind", relevance_score=3)
    preferences = Preferences(("[x](https://evil.example) <b>wind",))
    page = build(
        [one], period=(NOW, NOW), sources=[], generated=NOW, preferences=preferences
    ).html  # where a reader would see it
    assert "matches your interest: [x]" in page
    assert "<b>" not in page and 'evil.example"' not in page


MUTED = [
    (Mutes(words=("horoscope",)), story("Horoscopes for Monday"), "word horoscope"),
    (Mutes(words=("star signs",)), story("Monday", "What the star signs say."), "word star signs"),
    (Mutes(publishers=("daily  DEALS",)), story("Half", publisher="Daily Deals"), "publisher"),
    (Mutes(kinds=("sponsor",)), story("Buy now", kind="sponsor"), "kind sponsor"),
]


@pytest.mark.parametrize(("mutes", "one", "reason"), MUTED)
def test_what_is_muted_is_counted_and_listed_with_its_reason(mutes, one, reason):
    markdown = write(one, story("Ferries run"), preferences=Preferences(mutes=mutes))
    body, appendix = markdown.split("## How this report was made")
    assert one.item.title not in body.replace("[1 item muted](#muted)", "")
    assert f"[{one.item.title}]({one.item.url})" in appendix
    assert reason in appendix
    assert "\nmuted: 1\n" in body and "[1 item muted](#muted)" in body
    assert "Muted items: 1." in appendix


@pytest.mark.parametrize(
    ("mutes", "one"),
    [
        (Mutes(words=("crypto",)), story("Cryptography for all", "A cryptographer speaks.")),
        (Mutes(words=("star signs",)), story("Signs of a star")),
        (
            Mutes(words=("crypto",)),
            story("A long essay", "On money.", text="It names crypto once."),
        ),
        (Mutes(publishers=("Wire",)), story("Ferries run")),
        (Mutes(publishers=("",)), story("Ferries run", publisher="")),
    ],
)
def test_what_is_not_muted(mutes, one):
    assert "\nmuted: 0\n" in write(one, preferences=Preferences(mutes=mutes))


def test_a_muted_publisher_takes_only_its_own_telling_a_muted_word_the_story():
    one = story("Ferries run", "On hydrogen.", publisher="A", url="https://a.example/x")
    two = story("Ferries run", "On hydrogen.", publisher="B", url="https://b.example/y")
    told = write(one, two, preferences=Preferences(mutes=Mutes(publishers=("A",))))
    assert "### 1. Ferries run" in told and "\nmuted: 1\n" in told
    other = story("Ferries run", "", publisher="C", url="https://a.example/x")
    silent = write(one, other, preferences=Preferences(mutes=Mutes(words=("hydrogen",))))
    assert "### 1." not in silent and "\nmuted: 2\n" in silent


@given(st.permutations(range(6)))
def test_the_order_of_the_stories_does_not_matter(order):
    told = [
        story(f"Chip {n}", "Hydrogen." if n % 2 else "Wind.", publisher=f"P{n}") for n in range(6)
    ]
    preferences = Preferences(("wind",), Mutes(words=("hydrogen",)))
    assert write(*(told[n] for n in order), preferences=preferences) == write(
        *told, preferences=preferences
    )


def test_trends_in_the_report_link_to_their_stories_and_leave_out_what_is_muted():
    earlier = Earlier(
        NOW - timedelta(days=28),
        tuple(
            Mentions(f"old {n}", f"P{n % 8}", {"Parliament": "name", **old})
            for n in range(160)
            for old in [{"Old Harbor": "name"} if n % 3 else {}]
        ),
    )
    told = [
        story(f"Kestrel news {n}", publisher=f"P{n % 8}", names=["Parliament", "Kestrel 4", "Hype"])
        for n in range(16)
    ]
    plain = write(*told, earlier=earlier)
    section = plain.split("## What is new, rising and gone\n")[1].split("\n## ")[0]
    assert "the 160 documents since 24 October 2026" in section
    number = "16 of 16 documents, none of 160 before; 8 publishers ([1](#1-kestrel"
    assert f"- New: **Kestrel 4** (name): {number}" in section
    assert "- New: **Hype**" in section
    gone = "no document, 106 of 160 before; 8 publishers"
    assert f"- Gone: **Old Harbor** (name): {gone}" in section
    silent = write(
        *told, earlier=earlier, preferences=Preferences(mutes=Mutes(words=("hype", "harbor")))
    )
    assert "What is new" not in silent  # all of it is muted, and what is muted is not gone
    assert "What is new" not in write(*told, earlier=Earlier(NOW, ()))


def test_the_configuration_is_checked(tmp_path: Path):
    file = tmp_path / "digest.toml"
    file.write_text(
        'interests = ["offshore wind", "AI"]\n[mute]\nwords = ["horoscope"]\nkinds = ["job"]\n'
    )
    assert settings.load(file).preferences == Preferences(
        ("offshore wind", "AI"), Mutes(words=("horoscope",), kinds=("job",))
    )
    for wrong, line in (
        ('interests = ["..."]', "line 1"),
        ('interests = "AI"', "line 1"),
        ('[mute]\nkinds = ["advert"]', "line 2: mute.kinds"),
        ('[mute]\nword = ["x"]', "line 2: mute.word: unknown key"),
    ):
        file.write_text(wrong + "\n")
        with pytest.raises(ConfigError, match=line):
            settings.load(file)

"""The shapes that newsletters come in, each as a small page written for this test."""

from pathlib import Path

import pytest

from digest import extract
from digest.records import Document, RawDocument

PAGES = Path(__file__).parents[2] / "fixtures" / "html"


def read(name: str, title: str = "") -> Document:
    path = PAGES / name
    media = "text/plain" if path.suffix == ".txt" else "text/html"
    return extract.read(RawDocument("folder:x", media, path.read_bytes(), name, title=title))


def told(document: Document) -> list[tuple[str, str, str]]:
    return [(item.kind, item.title, item.url) for item in document.items]


def everything(document: Document) -> str:
    return "\n".join(f"{item.title}\n{item.text}" for item in document.items)


def test_bold_run_in_labels_in_lists_under_sections() -> None:
    letter = read("run_in_labels.html")
    assert told(letter) == [
        ("story", "Ferry timetable", "https://port.example/ferry"),
        ("story", "Crane moved", "https://port.example/crane"),
        ("event", "Open boathouse", "https://port.example/e/1"),
        ("event", "Knot evening", "https://port.example/e/2"),
    ]
    assert [item.section for item in letter.items] == ["News", "News", "Events", "Events"]
    assert letter.items[0].text.startswith("The night ferry returns in May")
    assert "Unsubscribe" not in letter.markdown
    assert "browser" not in letter.markdown


def test_linked_run_in_headlines_and_a_sponsor_named_below() -> None:
    letter = read("linked_run_in.html")
    assert told(letter) == [
        ("story", "A compiler that fits in a boot sector", "https://a.example/compiler"),
        ("story", "Why queues fill up", "https://b.example/queues"),
        ("sponsor", "Managed databases without the paperwork", "https://c.example/db"),
        ("story", "Fonts for bad screens", "https://d.example/fonts"),
    ]
    assert letter.items[1].text.startswith("A gentle walk through Little's law")


def test_a_headline_in_two_headings_is_one() -> None:
    letter = read("split_headline.html")
    assert told(letter) == [
        (
            "story",
            "A free new tool tracks the tides and the best time to walk the beach",
            "https://town.example/tides",
        ),
        ("story", "Light board adopts two-tier prices", "https://town.example/prices"),
        ("story", "Library roof to close for repairs", "https://town.example/roof"),
    ]
    assert "FULL STORY" not in everything(letter)


def test_cards_in_tables_with_an_advert_between() -> None:
    letter = read("cards_german.html")
    assert told(letter) == [
        ("story", "Stadtrat beschließt neue Brücke über die Aue", "https://post.example/s1"),
        ("sponsor", "Räder für jedes Wetter", "https://werbung.example/rad"),
        ("story", "Schwimmbad öffnet früher als geplant", "https://post.example/s2"),
        ("story", "Was die Ernte dieses Jahr verspricht", "https://post.example/s3"),
    ]
    assert "stimmt eine knappe Mehrheit" in letter.items[0].text
    for gone in ("klicken", "Liebe Leser", "Marktgasse", "Impressum"):
        assert gone not in everything(letter)


def test_what_cannot_be_seen_is_left_out_and_counted() -> None:
    letter = read("hidden_copies.html", title="One thing")
    assert letter.hidden_removed >= 6
    for gone in ("preheader", "Mobile twin", "ignore all", "Zero sized", "Transparent", "Only for"):
        assert gone not in letter.markdown
    assert "The visible letter says one simple thing" in letter.markdown
    assert "[link that works](https://real.example/page)" in letter.markdown
    assert "javascript" not in letter.markdown
    assert "link that must not" in letter.markdown
    assert len(letter.items) == 1


def test_events_keep_their_times_and_the_same_title_on_two_days() -> None:
    letter = read("events.html")
    assert [(item.kind, item.title, item.section) for item in letter.items] == [
        ("event", "Evening ride", "Thursday August 1"),
        ("event", "Repair table", "Sunday August 4"),
        ("event", "Repair table", "Sunday August 11"),
        ("event", "Film night", "Sunday August 11"),
    ]
    assert "Mill Bridge" in letter.items[0].text
    assert "Town cinema" in letter.items[3].text


def test_bullets_without_headlines_take_their_first_sentence() -> None:
    letter = read("bullets_without_headlines.html")
    assert [item.url for item in letter.items] == [f"https://town.example/{n}" for n in (1, 2, 3)]
    assert letter.items[0].title.startswith("The bakery on the square has a new owner")
    assert {item.section for item in letter.items} == {"In brief"}


def test_an_index_of_anchors_holds_no_items() -> None:
    assert told(read("index_anchors.html")) == [
        ("story", "Sailors find a map", "https://n.example/map"),
        ("story", "Baker wins a prize", "https://n.example/prize"),
        ("story", "Clock runs backwards", "https://n.example/clock"),
    ]


def test_a_pre_wrapped_letter_keeps_its_paragraphs() -> None:
    letter = read("pre_wrap.html", title="Choir in May")
    assert [(item.title, item.kind) for item in letter.items] == [("Choir in May", "story")]
    assert letter.items[0].text.startswith("the choir meets again")
    assert "\n\nWe shall sing" in letter.items[0].text
    assert "Greta" not in letter.items[0].text


def test_an_essay_with_sub_heads_stays_one() -> None:
    letter = read("essay.html")
    assert told(letter) == [("story", "On repairing things", "https://essays.example/repair")]
    text = letter.items[0].text
    assert text.startswith("There was a time when a broken radio")
    assert text.endswith("did not tell me until the next day.")
    assert "#### What it costs" in text


def test_an_old_layout_with_a_sidebar() -> None:
    letter = read("sidebar.html")
    assert told(letter) == [
        ("story", "Printers learn to whisper", "http://old.example/s/1"),
        ("story", "Modems at the end of the line", "http://old.example/s/2"),
        ("story", "Mouse with three buttons", "http://old.example/s/3"),
    ]
    assert "Copyright" not in letter.markdown


def test_plain_text_with_underlines_and_numbered_links() -> None:
    letter = read("plain_letter.txt")
    assert [item.url for item in letter.items] == [
        "https://letter.example/bridge",
        "https://letter.example/chess",
        "https://letter.example/market",
    ]
    assert letter.items[1].title == "SCHOOL WINS CHESS CUP"
    assert letter.items[1].text.startswith("Four pupils from the upper form beat the county's")


def test_spanish_cards_with_buttons() -> None:
    letter = read("spanish_cards.html")
    assert told(letter) == [
        ("story", "El puerto abre su faro al público", "https://boletin.example/faro"),
        ("story", "Una biblioteca sobre ruedas", "https://boletin.example/libros"),
        ("story", "Vuelve el tren de la costa", "https://boletin.example/tren"),
    ]
    assert "baja" not in letter.markdown


def test_a_data_table_stays_a_table_and_a_layout_table_does_not() -> None:
    assert "| Q1 | 12 % |" in read("data_table.html", title="Growth").items[0].text
    assert "|" not in read("split_headline.html").markdown


@pytest.mark.parametrize("name", sorted(path.name for path in PAGES.glob("*.html")))
def test_reading_twice_gives_the_same(name: str) -> None:
    assert read(name) == read(name)

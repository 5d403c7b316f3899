"""Shapes in which one rule decides: each page was written for the rule that its test names."""

import re
from pathlib import Path

import pytest

from digest import extract
from digest.records import Document, MediaType, RawDocument

PAGES = Path(__file__).parents[2] / "fixtures" / "html"


def parse(content: str, title: str = "", media: MediaType = "text/html") -> Document:
    return extract.read(RawDocument("folder:x", media, content.encode(), "x", title=title))


def read(name: str, title: str = "") -> Document:
    media: MediaType = "text/plain" if name.endswith(".txt") else "text/html"
    return parse((PAGES / name).read_text("utf-8"), title, media)


def told(document: Document) -> list[tuple[str, str, str]]:
    return [(item.kind, item.title, item.url) for item in document.items]


def everything(document: Document) -> str:
    return "\n".join(f"{item.title}\n{item.text}" for item in document.items)


@pytest.mark.parametrize("subject", ["Harbour freezes over", "News from the pier"])
def test_a_first_story_that_lends_its_headline_to_the_subject_stays_a_story(subject: str) -> None:
    letter = read("subject_first_story.html", subject)
    assert told(letter) == [
        ("story", "Harbour freezes over", "https://harbour.example/ice"),
        ("story", "The old crane is sold", "https://harbour.example/crane"),
        ("story", "A buoy goes missing", "https://harbour.example/buoy"),
    ]
    assert [item.section for item in letter.items] == ["", "Earlier this week", "Earlier this week"]


def test_numbered_headlines_of_plain_text_and_their_table_of_contents() -> None:
    letter = read("numbered_entries.txt", "Clockmakers' Bulletin #12")
    assert [(item.kind, item.url, item.section) for item in letter.items] == [
        ("sponsor", "http://oils.example/offer", ""),
        ("story", "http://clocks.example/tower", "I. REPAIRS"),
        ("story", "http://clocks.example/court", "I. REPAIRS"),
        ("story", "http://clocks.example/water", "II. FINDS"),
        ("story", "http://clocks.example/sun", "II. FINDS"),
    ]
    wrapped = letter.items[1]
    assert wrapped.title.endswith("after the storm of the ninth of May, and why")
    assert "It took three people and a ladder" in wrapped.text
    assert letter.items[2].title == "Copyright in clock faces"
    assert letter.markdown.count("REPAIRS") == 1


def test_paragraphs_with_cells_and_links_of_their_own_need_no_headline() -> None:
    letter = read("cells_without_headlines.html", "This week")
    assert [item.url for item in letter.items] == [f"https://news.example/{n}" for n in range(1, 7)]
    assert [item.section for item in letter.items[::2]] == [
        "IN TOWN",
        "UPCOMING EVENTS",
        "IN THE PRESS",
    ]
    assert [item.kind for item in letter.items[2:4]] == ["event", "event"]


def test_pictures_in_a_row_with_headlines_for_alt_text() -> None:
    letter = read("picture_headlines.html", "February")
    assert [item.url for item in letter.items if item.kind == "link"] == [
        f"https://p.example/{n}" for n in range(1, 6)
    ]
    assert letter.items[0].kind == "intro"
    assert "Facebook" not in everything(letter)


def test_a_sponsors_sign_starts_an_item_and_addresses_below_lines_are_their_links() -> None:
    letter = read("sponsor_signs.html", "Spun")
    assert told(letter) == [
        ("story", "The county plans a bridge too many", "https://r.example/bridge"),
        (
            "sponsor",
            "You know about kettles, but do you know about kettles that whistle in tune?",
            "https://kettle.example/listen",
        ),
        ("story", "Do you remember the old lighthouse?", "https://r.example/light"),
        ("sponsor", "Upper Mill.", "https://oils.example/"),
        ("link", "A heir waits for the crown", "http://r.example/heir"),
        ("link", "Fraud law puzzles the traders", "http://r.example/fraud"),
        ("link", "Race to tell the story of the mill", "http://r.example/mill"),
    ]


def test_bold_sentences_and_calls_to_give_leave_a_letter_one() -> None:
    letter = read("appeal_letter.html", "A clean river")
    assert len(letter.items) == 1
    text = letter.items[0].text
    assert text.startswith("When I was a child")
    assert text.endswith("by the bank with a thermometer.")  # the signature's form tells it
    assert "GIVE $5" not in text


def test_a_large_class_under_one_long_name_is_what_the_name_holds() -> None:
    letter = read("large_class.html", "Words")
    assert [item.url for item in letter.items] == [f"https://d.example/{n}" for n in range(1, 8)]
    assert {item.section for item in letter.items} == {
        "This month in the house of words: services for readers"
    }


def test_lists_of_one_in_a_row_are_a_list_and_names_in_a_row_are_no_items() -> None:
    letter = read("press_list.html", "Press")
    assert [item.url for item in letter.items[2:5]] == [
        f"https://press.example/{n}" for n in range(3)
    ]
    assert len(letter.items) == 5


def test_labels_right_under_a_section_are_its_items() -> None:
    jobs = """<h2>Jobs</h2>{}<h2>News</h2>
    <h3><a href="https://t.example/1">Bridge opens</a></h3><p>It took years on the river bank.</p>
    <h3><a href="https://t.example/2">Tower falls</a></h3><p>It rained for years before.</p>"""
    listed = "".join(
        f"<li><b>{name}</b>: early hours at the {place}.</li>"
        for name, place in [("Baker", "mill"), ("Cook", "inn"), ("Clerk", "town hall")]
    )
    set_apart = listed.replace("<li>", "<p>").replace("</li>", "</p>").replace(": ", "<br>")
    for shape in (f"<ul>{listed}</ul>", set_apart):
        letter = parse(jobs.format(shape), "Town news")
        assert [(i.kind, i.title, i.section) for i in letter.items[:3]] == [
            ("job", "Baker", "Jobs"),
            ("job", "Cook", "Jobs"),
            ("job", "Clerk", "Jobs"),
        ]
        assert len(letter.items) == 5


def test_short_cells_that_open_with_a_link_are_items_of_their_section() -> None:
    jobs = "".join(
        f'<tr><td><a href="https://t.example/{n}">{name}</a> at {place}, part-time</td></tr>'
        for n, (name, place) in enumerate(
            [
                ("Evaluation engineer", "Halden Mill"),
                ("Archivist", "Upper Mill"),
                ("Cook", "the inn"),
            ]
        )
    )
    news = """<tr><td><h2>News</h2></td></tr>
    <tr><td><h3><a href="https://t.example/a">Bridge opens</a></h3>It took years to build.</td></tr>
    <tr><td><h3><a href="https://t.example/b">Tower falls</a></h3>It rained before.</td></tr>"""
    page = f"<table>{news}<tr><td><h2>Jobs</h2></td></tr>{jobs}</table>"
    assert [(item.kind, item.url) for item in parse(page, "Board").items] == [
        ("story", "https://t.example/a"),
        ("story", "https://t.example/b"),
        ("job", "https://t.example/0"),
        ("job", "https://t.example/1"),
        ("job", "https://t.example/2"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "<p>The shop is closed on Monday.</p>",
        "<p>Hello,</p><p>The shop is closed on Monday.</p><p>Best,<br>Ann</p>",
        "<p>Dear friends,</p><p>The shop is closed on Monday.</p>",
    ],
)
def test_a_letter_of_one_sentence_is_an_item(body: str) -> None:
    (item,) = parse(body, "Closed").items
    assert item.text == "The shop is closed on Monday."


def test_a_letter_that_says_no_more_than_its_subject_is_an_item() -> None:
    (item,) = parse("<p>Closed on Monday</p>", "Closed on Monday").items
    assert item.title == "Closed on Monday"


def test_what_stands_below_a_plain_text_signatures_dashes_goes() -> None:
    (item,) = parse(
        "The shop is closed on Monday.\n\n-- \nAnn Oak\nMill Lane 4, Upper Mill\n",
        "Closed",
        "text/plain",
    ).items
    assert item.text == "The shop is closed on Monday."


def test_lines_that_thank_sponsors_are_one_advert_that_leads_to_the_first() -> None:
    letter = read("thanks_in_a_row.html", "The Tide")
    assert [(item.kind, item.url) for item in letter.items] == [
        ("sponsor", "https://bakery.example/"),
        ("story", "https://tide.example/ferry"),
        ("story", "https://tide.example/keeper"),
        ("story", "https://tide.example/seals"),
    ]
    assert "tide.example/thanks" in letter.items[0].text


def test_one_event_on_two_dates_is_no_repetition() -> None:
    letter = read("same_event_twice.html", "April")
    assert [item.url.rpartition("/")[2] for item in letter.items if item.url] == [
        "sing-1",
        "walk",
        "sing-2",
        "board",
    ]


def test_numbers_that_go_on_over_the_rows_of_a_table_are_one_list() -> None:
    letter = read("ranked_rows.html", "Shavings")
    assert [item.title for item in letter.items[-3:]] == ["Bench hook", "Marking gauge", "Holdfast"]
    assert letter.items[-1].text.startswith("One blow fastens it")


def test_where_most_labels_of_one_look_start_items_all_do() -> None:
    letter = read("labels_alike.html", "Weekly letter")
    assert [item.section for item in letter.items] == [
        *["At the town hall"] * 6,
        *["Around the district"] * 2,
    ]
    assert letter.items[4].text.endswith("just retired.")
    assert not re.search("Office|Harbour Road|5533|555-", everything(letter))


def test_a_signature_in_the_middle_of_a_letter_goes_and_the_rest_stays() -> None:
    letter = read("signed_in_the_middle.html", "After the storm")
    assert len(letter.items) == 1
    text = letter.items[0].text
    assert "cup of tea" in text
    assert text.endswith("as long as there are any.")
    assert not re.search("look forward|Sincerely|Birch|Council|subscribe", text)


def test_the_next_items_label_and_a_call_to_go_elsewhere_are_no_part_of_an_item() -> None:
    letter = read("calls_behind_items.html", "The Shed")
    assert [item.url.rpartition("/")[2] for item in letter.items] == ["kettle", "rake", "lamp"]
    assert letter.items[0].text.endswith("a single spout.")
    assert letter.items[1].text.endswith("nail in the shed.")


def test_a_line_that_only_points_elsewhere_is_no_part_of_a_letter() -> None:
    letter = read("pointer_at_the_end.html", "The bridge")
    assert len(letter.items) == 1
    assert letter.items[0].text.endswith("wood floats at least.")


def test_an_introduction_ends_before_its_signature() -> None:
    letter = read("signed_introduction.html", "Knots")
    assert [item.kind for item in letter.items] == ["intro", "story", "story", "story"]
    assert letter.items[0].text.endswith("if yours is missing.")


def test_read_more_as_a_sentence_of_its_own_is_the_items_link() -> None:
    letter = read("read_more_sentence.html", "The Belfry")
    assert [item.url.rpartition("/")[2] for item in letter.items] == ["new", "clock", "stairs"]


def test_an_entry_alone_under_its_day_is_an_item_like_those_of_other_days() -> None:
    alone = '<h3>Monday 15 April</h3><ul><li><a href="https://choir.example/tea">Tea</a>'
    alone += " Monthly cup<ul><li>7pm</li></ul></li></ul>"
    letter = parse((PAGES / "same_event_twice.html").read_text("utf-8") + alone, "April")
    last = letter.items[-1]
    assert (last.url, last.section) == ("https://choir.example/tea", "Monday 15 April")
    assert last.title == "Tea Monthly cup"

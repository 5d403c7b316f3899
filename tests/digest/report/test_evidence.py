"""Each statement of the page shows its passage, whatever the source says, and no script helps."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.quote.plain import plain
from digest.records import Evidence
from digest.report import build
from digest.report.escape import address, clean
from digest.report.evidence import AROUND, fragment_url, passage, runs

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
PERIOD = (NOW - timedelta(days=3), NOW - timedelta(hours=2))
MARKERS = "\ue000\ue001\ue002"
VOID = {"meta", "br"}


def write(*analyzed):
    return build(analyzed, period=PERIOD, sources=["folder:news"], generated=NOW)


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in turn; keeps what stands in each."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open = []
        self.elements = []  # (tag, attributes, parents, [text])
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            parents = tuple(one[0] for one in self.open)
            self.open.append((tag, dict(attrs), parents, []))
            self.elements.append(self.open[-1])

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for one in self.open:
            one[3].append(data)

    def found(self, tag, **attributes):
        return [
            "".join(text)
            for name, attrs, _, text in self.elements
            if name == tag and attributes.items() <= attrs.items()
        ]


TEXT = """The mill of **Aldby** was sold on Monday. Bakers paid [two million
euros](https://example.org/deal) for it.

However, the county has to agree. It sits in June, and nobody knows what it will say.

The mill was built in 1801 and ground flour until 1998. Ada Roe, who leads the bakers, wants to open
a school for apprentices on its second floor, and a shop that sells bread below."""


def test_a_statement_shows_the_words_around_it_and_itself_among_them(make):
    one = make("Bakers of Aldby buy a mill", text=TEXT, composed=([0], [2]))
    page = Page(write(one).html)
    told = [e for e in one.digest.evidence if e.field != "title"]
    assert [e.status for e in told] == ["quoted", "shortened"]
    # The first sentence stands in "What matters most" too.
    assert page.found("mark") == [plain(TEXT, e.start, e.end) for e in (told[0], *told)]
    notes = page.found("span", **{"class": "passage"})
    assert notes[1] == (
        "Word for word from the text. The mill of Aldby was sold on Monday. Bakers paid two "
        "million euros for it. However, the county has to agree. It sits in June, and nobody knows "
        "what it will say. The mill was built in 1801 and ground flour until 1998. Ada Roe, who "
        "leads the bakers, wants to…"
    )
    assert notes[2].startswith("Shortened from the text. The mill of Aldby was sold")
    assert page.found("b")[:3] == [
        "Word for word from the text.", "Word for word from the text.", "Shortened from the text.",
    ]  # fmt: skip


def test_it_works_with_a_keyboard_and_is_no_part_of_the_markdown(make):
    report = write(make(text=TEXT, composed=True))
    page = Page(report.html)
    said = [attrs for tag, attrs, _, _ in page.elements if attrs.get("class") == "said"]
    assert said and all(attrs["tabindex"] == "0" for attrs in said)
    for tag, attrs, parents, _ in page.elements:
        if attrs.get("class") in {"said", "passage"}:
            assert tag == "span" and not {"a", "h1", "h2", "h3"} & set(parents)
    assert "word for word from" not in report.markdown.lower()
    assert ".said:focus" in report.html.replace(" ", "")
    assert "@mediaprint" in report.html.replace(" ", "")


def test_a_headline_from_the_text_shows_its_passage_as_well(make):
    page = Page(write(make("Letter 12", text=TEXT, composed=True)).html)
    assert any(
        said.startswith("headline from the text")
        for said in page.found("span", **{"class": "said"})
    )


def test_long_surroundings_are_cut_between_words(make):
    text = "word " * 300 + "\n\nThe mill was sold on Monday.\n\n" + "other " * 300
    start = text.index("The mill")
    evidence = Evidence(
        "summary", "The mill was sold on Monday.", "quoted", "text", start, start + 28
    )
    before, said, after = passage(make(text=text), evidence)
    assert said == "The mill was sold on Monday."
    assert before.startswith("…word word") and before.endswith("word ")
    assert after.startswith(" other other") and after.endswith("other…")
    assert len(before) <= AROUND + 2 and len(after) <= AROUND + 2


@pytest.mark.parametrize("source", ["web:https://example.org", "feed:https://e.example/f",
                                    "reddit:news", "hackernews:top"])  # fmt: skip
def test_a_page_is_opened_at_the_statement(make, source):
    home = {"source": source, "url": "https://example.org/mill?a=1#top"}
    one = make(text=TEXT, composed=True, document=home)
    said = next(e for e in one.digest.evidence if e.field == "summary")
    url = fragment_url(one, said)
    assert url.startswith("https://example.org/mill?a=1#:~:text=")
    words = [unquote(part) for part in url.partition("#:~:text=")[2].split(",")]
    assert words == [plain(TEXT, said.start, said.end)]
    assert address(url) == url
    page = Page(write(one).html)
    assert set(page.found("a", href=url)) == {"Read it in its place"}


def test_a_long_statement_is_found_by_its_ends_and_commas_and_dashes_are_no_syntax(make):
    text = "In the well-kept mill, bakers of Aldby bake eleven sorts of bread, all-round, by hand."
    one = make(text=text, composed=True, document={"source": "web:x", "url": "https://e.example/m"})
    said = next(e for e in one.digest.evidence if e.field == "summary")
    start, end = fragment_url(one, said).partition("#:~:text=")[2].split(",")
    assert (unquote(start), unquote(end)) == (
        "In the well-kept mill, bakers", "of bread, all-round, by hand."
    )  # fmt: skip
    assert "-" not in start + end


@pytest.mark.parametrize(
    "home",
    [
        {"source": "mailbox:inbox", "url": "https://example.org/mill"},
        {"source": "folder:news", "url": "https://example.org/mill"},
        {"source": "imap:host", "url": "https://example.org/mill"},
        {"source": "web:x", "url": "javascript:alert(1)"},
        {"source": "feed:x", "url": "httpx:evil"},
    ],
)
def test_what_is_no_page_gets_no_such_link(make, home):
    one = make(text=TEXT, composed=True, document=home)
    report = write(one)
    assert ":~:text=" not in report.html
    assert ":~:text=" not in report.markdown


def test_the_authors_headline_is_not_looked_for_in_the_page(make):
    home = {"source": "web:x", "url": "https://example.org/mill"}
    one = make("Mill sold", text=TEXT, composed=True, document=home)
    (title, *_) = one.digest.evidence
    assert (title.where, fragment_url(one, title)) == ("title", "")


def test_statements_that_follow_each_other_are_one_run():
    one, two, three = (Evidence("summary", s, "quoted", "text", 0, 1) for s in ("A b.", "C.", "D."))
    assert list(runs([one, two, three], "A b. C. … D.")) == [[one, two], [three]]
    assert list(runs([one, two], "A b.C.")) == [[one, two]]
    assert list(runs([one, two], "")) == [[one], [two]]  # a summary of somebody else's
    assert list(runs([], "A b.")) == []


PIECES = st.sampled_from([
    "The mill was sold on Monday.", " Bakers paid for it", "\n\n", "\n", "<b>", "</span>", "</p>",
    "<script>alert(1)</script>", "<!--", "-->", "<img src=x onerror=alert(1)>", '"', "'", "&lt;",
    "&", "](javascript:alert(1))", "[x](https://evil.example)", "![x](https://evil.example/p.png)",
    "https://evil.example ", "\ue000", "\ue0000\ue001", "\ue002", "\ue00099\ue001x\ue002", "*", "_",
    "`", "# ", "- ", "“", "”", "\u202e", "\x00", "He said so. ", "港口开放了。", "word " * 80,
])  # fmt: skip
HOSTILE = st.lists(PIECES, max_size=10).map("".join)


@settings(max_examples=80)
@given(st.data())
def test_no_text_leaves_its_passage(make, data):
    text, title = data.draw(HOSTILE), data.draw(HOSTILE)
    home = {
        "source": data.draw(st.sampled_from(["web:x", "folder:x"])),
        "title": data.draw(HOSTILE),
        "url": "https://good.example/" + data.draw(HOSTILE),
    }
    # Found in the text; or places that somebody wrote into the ledger.
    evidence = data.draw(
        st.none()
        | st.lists(
            st.builds(
                Evidence, st.sampled_from(["title", "summary", "highlights"]), HOSTILE,
                st.sampled_from(["quoted", "shortened", "written"]),
                st.sampled_from(["title", "text"]), st.integers(-5, 200), st.integers(-5, 400),
            ),
            max_size=4,
        )
    )  # fmt: skip
    how = {"composed": True} if evidence is None else {"evidence": evidence, "summary": text}
    one = make(title, text=text, document=home, url="https://good.example/", **how)
    report = write(one)
    assert not set(MARKERS) & set(report.html + report.markdown)
    page = Page(report.html)
    tags = {tag for tag, _, _, _ in page.elements}
    assert not tags & {"script", "img", "iframe", "object", "svg", "link", "form", "input"}
    for _, attrs, _, _ in page.elements:
        assert not [name for name in attrs if name.startswith("on")]
        href = attrs.get("href", "#")
        assert href.startswith(("#", "https://good.example/", "https://good.example#"))
    assert len(page.found("mark")) == len(page.found("span", **{"class": "said"}))
    if evidence is None:
        shown = {clean(plain(text, e.start, e.end), 2000) for e in one.digest.evidence}
        shown |= {clean(plain(title, e.start, e.end), 2000) for e in one.digest.evidence}
        assert {re.sub(r"\s+", " ", said).strip() for said in page.found("mark")} <= shown

"""Reading holds for any content: it ends, in bounds, with markdown that is markdown."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from digest import extract
from digest.errors import Unreadable
from digest.html import dom, markdown
from digest.html.dom import MAX_CHARS
from digest.records import ITEM_KINDS, Document, MediaType, RawDocument


def read(content: str, media: MediaType = "text/html", **known: object) -> Document:
    return extract.read(RawDocument("folder:x", media, content.encode(), "x", **known))  # type: ignore[arg-type]


TAGS = [
    "p",
    "div",
    "span",
    "b",
    "i",
    "a",
    "ul",
    "ol",
    "li",
    "table",
    "tr",
    "td",
    "h1",
    "h2",
    "h3",
    "br",
    "hr",
    "img",
    "blockquote",
    "pre",
    "font",
]
ATTRIBUTES = [
    "",
    ' href="https://a.example/x"',
    ' href="javascript:alert(1)"',
    ' href="https://a.example/(x y)<z>"',
    ' href="#top"',
    ' style="display:none"',
    ' style="font-size:30px;font-weight:bold"',
    ' style="white-space:pre-wrap"',
    ' alt="[x](y)" src="z"',
]
PIECES = st.one_of(
    st.builds("<{}{}>".format, st.sampled_from(TAGS), st.sampled_from(ATTRIBUTES)),
    st.builds("</{}>".format, st.sampled_from(TAGS)),
    st.sampled_from(
        ["Read more", "Title: body", "* x", "# y", "1. z", "---", "`", "[a](b)", "<!--"]
    ),
    st.text(max_size=12),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_page_is_read_or_refused_with_a_reason(page: str) -> None:
    try:
        document = read(page)
    except Unreadable as reason:
        assert "no text" in str(reason)
        return
    for text in [document.markdown, *(item.text for item in document.items)]:
        tokens = MarkdownIt("commonmark").parse(text)
        links = [
            str(child.attrs["href"])
            for token in tokens
            for child in token.children or ()
            if child.type == "link_open"
        ]
        assert all(re.match(r"(?:https?|mailto):", link, re.I) for link in links)
    assert [item.position for item in document.items] == list(range(len(document.items)))
    assert all(item.kind in ITEM_KINDS for item in document.items)
    assert all(item.title or item.text for item in document.items)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.sampled_from(["text/plain", "text/markdown"]))
def test_any_text_is_read_or_refused(text: str, media: MediaType) -> None:
    try:
        document = read(text, media)
    except Unreadable:
        return
    assert document.markdown or document.items


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60))
def test_escaped_text_is_shown_as_it_was(text: str) -> None:
    shown = " ".join(text.split())
    tokens = MarkdownIt("commonmark").parse(markdown.line(markdown.escape(shown)))
    inline = [token for token in tokens if token.type == "inline"]
    assert len(inline) == (1 if shown else 0)
    said = "".join(child.content for token in inline for child in token.children or ())
    assert "".join(said.split()) == "".join(shown.split())


@pytest.mark.parametrize(
    "unit",
    [
        "<div>",
        "<div><p>x",
        "<b><a href=x>y",
        "<table><tr><td>",
        "<i class=a></p>",
        "<h2>Head line here</h2><p>text <a href=https://a.example>c</a></p>",
        "<li><b>Title:</b> text",
        "<",
        "<!--",
        "x ",
        "....",
        "<a href=https://a.example>y",
    ],
)
def test_hostile_pages_take_time_in_proportion(unit: str, grows_like) -> None:
    def reading(page: str) -> None:
        try:
            document = read(page)
            assert len(page) <= MAX_CHARS or any("2 MiB" in said for said in document.warnings)
        except Unreadable:
            pass

    count = MAX_CHARS // len(unit) + 1
    grows_like(reading, unit * (count // 4), unit * count)


def test_deep_nesting_is_flattened_and_nothing_is_lost() -> None:
    page = "<div>" * 5000 + "<p>The text is down here.</p>" + "</div>" * 5000 + "<p>And here.</p>"
    assert dom.flatten(page) != page
    text = read(page, title="Deep").markdown
    assert "The text is down here." in text
    assert "And here." in text
    assert dom.flatten("<div><p>x</div>") == "<div><p>x</div>"


def test_identity_is_by_key_or_by_content() -> None:
    page = "<p>One letter with a sentence in it.</p>"
    first, again = read(page), read(page, title="")
    assert first.id == again.id
    assert read(page + "<p>More.</p>").id != first.id
    assert read(page, key="k").id == read(page + "<p>Edited.</p>", key="k").id
    assert read(page, key="k").id != first.id


def test_what_a_source_knows_is_kept() -> None:
    when = datetime(2024, 5, 1, tzinfo=UTC)
    document = read(
        "<p>Some text to read.</p>",
        title="A title",
        publisher="A house",
        url="https://a.example/1",
        published=when,
    )
    assert (document.title, document.publisher) == ("A title", "A house")
    assert (document.url, document.published) == ("https://a.example/1", when)


def test_mail_says_itself_who_wrote_what_when() -> None:
    content = (
        b"From: Greta Example <greta@choir.example>\r\nSubject: Choir in May\r\n"
        b"Date: Mon, 06 May 2024 10:00:00 +0200\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        b"<p>The choir meets again on Monday, and new voices are welcome.</p>"
    )
    document = extract.read(RawDocument("mailbox:x", "message/rfc822", content, "1"))
    assert (document.title, document.publisher) == ("Choir in May", "Greta Example")
    assert document.published == datetime(2024, 5, 6, 8, tzinfo=UTC)
    assert [item.title for item in document.items] == ["Choir in May"]


@pytest.mark.parametrize("content", ["", "   ", "<html><body></body></html>", "<p>&nbsp;</p>"])
def test_nothing_is_unreadable(content: str) -> None:
    with pytest.raises(Unreadable, match="no text"):
        read(content)


def test_the_record_of_an_item() -> None:
    item = read("<p>Only one.</p>", title="One").items[0]
    assert list(extract.item_record("f.eml", item)) == [
        "file", "position", "kind", "title", "text", "url", "href", "section",
    ]  # fmt: skip


def test_tracking_is_unwrapped_in_the_url_and_kept_in_the_href() -> None:
    href = "https://go.example/url?q=https%3A%2F%2Fnews.example%2Fa"
    item = read(f'<h2><a href="{href}">A headline of five words</a></h2><p>Text.</p>').items[0]
    assert (item.url, item.href) == ("https://news.example/a", href)

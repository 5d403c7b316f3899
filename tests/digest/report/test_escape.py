"""Hostile text can say anything and do nothing."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from digest.report.escape import address, clean, code, link, prose, text

# The most permissive reader: HTML passes, bare addresses become links, tables and strike-through.
EAGER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
STRICT = MarkdownIt("commonmark")
INLINE = {"text", "softbreak"}
HARMLESS = INLINE | {"strong_open", "strong_close", "em_open", "em_close", "code_inline"}

PIECES = st.sampled_from(
    [
        "[x](https://evil.example)", "![x](https://evil.example/p.png)", "<b>", "</td>", "<!--",
        "-->",
        "<script>alert(1)</script>", "<https://evil.example>", "https://evil.example",
        "www.evil.example",
        "javascript:alert(1)", "a@evil.example", "mailto:a@evil.example",
        "[x]: https://evil.example",
        "[x][y]", "[x]", "](", "\n", "\r\n", "\n\n", "\t", "    ", "# ", "## x", "- ", "* ", "+ ",
        "1. ", "1) ",
        "> ", "---", "===", "```", "~~~", "`", "``", "**", "*", "_", "__", "~~", "|", "|-|-|",
        "\\", "!",
        "&lt;", "&#60;", "&amp", "&", "\x00", "\x07", "\u202e", "\u2066", "\u200b", "\ufeff",
        "\u2028",
        "\x85", "\ud800", "\U000e0041", "word", "ends.", "C#", "#", "snake_case", "5 * 3", "a<b",
        "日本",
        "\u0301", "hxxp", "http", "://", "ht\u200btps://evil.example", "h\x00ttps://evil.example",
        "wwwww.www.www.evil.example", "data:text/html,x", "ftp://evil.example", "//evil.example",
    ]
)  # fmt: skip
HOSTILE = st.one_of(st.lists(PIECES, max_size=10).map("".join), st.text(max_size=60))


def tokens(markdown, reader=EAGER):
    return [
        child
        for token in reader.parse(markdown)
        for child in (token.children if token.type == "inline" else [token])
    ]


def kinds(markdown, reader=EAGER):
    return {token.type for token in tokens(markdown, reader)} - {
        "paragraph_open",
        "paragraph_close",
    }


def shown(markdown):
    return "".join(token.content for token in tokens(markdown, STRICT))


@given(HOSTILE)
@example("1. x")
@example("Setext\n===")
@example("www.www.evil.example")
@example("hthttps://tps://evil.example")
def test_text_is_one_paragraph_of_just_the_text(value):
    written = text(value)
    assert kinds(written) <= INLINE
    assert shown(written) == clean(value)


@given(HOSTILE)
@example("**bold** and `code`")
@example("`www.evil.example` *a*")
@example("**a**[b](https://evil.example)**c**")
def test_prose_keeps_emphasis_and_code_and_nothing_else(value):
    assert kinds(prose(value)) <= HARMLESS


def test_prose_keeps_the_models_marks():
    assert prose("**Bold**, *soft* and `x = 1`.") == "**Bold**, *soft* and `x = 1`."
    assert (
        prose("Read [the paper](https://evil.example) <b>now</b>") == r"Read the paper \<b>now\</b>"
    )
    assert prose("# Heading\n\n- one\n- two") == "Heading one two"


@given(HOSTILE)
def test_no_control_or_format_characters_remain(value):
    remaining = {unicodedata.category(char) for char in clean(value)} - {"Cf"}
    assert not remaining & {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert all(
        char in "\u200c\u200d" for char in clean(value) if unicodedata.category(char) == "Cf"
    )


@given(st.text(min_size=200, max_size=400), st.integers(20, 100))
def test_long_text_is_clipped(value, limit):
    assert len(clean(value, limit)) <= limit


@given(HOSTILE)
def test_code_is_code(value):
    assert kinds(code(value)) <= {"code_inline"}


@given(HOSTILE, HOSTILE)
def test_a_link_leads_where_it_says_or_is_no_link(label, tail):
    written = link(label, "https://example.org/" + tail)
    hrefs = [token.attrs["href"] for token in tokens(written, STRICT) if token.type == "link_open"]
    assert len(hrefs) <= 1
    assert all(href.startswith("https://example.org/") for href in hrefs)
    assert kinds(written, STRICT) <= INLINE | {"link_open", "link_close"}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "file:///etc/passwd",
        "ftp://a.b/",
        "//example.org/", "/relative", "https://", "https:///x", "https://user:pass@example.org/",
        "http://[",
        "https://example.org@evil.example/", "https://exa mple.org/",
        "https://example.org/\u202egpj.exe",
        "mailto:", "mailto:a@b@c", "", "https://example.org/\nx",
    ],
)  # fmt: skip
def test_an_address_that_must_not_be_followed_is_none(url):
    assert address(url) == ""
    assert "](" not in link("label", url)


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a?b=1&c=2#d", "http://example.org", "mailto:desk@example.org", "https://de.example.org/ü"],
)  # fmt: skip
def test_ordinary_addresses_stay_as_they_are(url):
    assert address(url) == url


def test_brackets_and_entities_in_addresses_are_encoded():
    assert address("https://example.org/(a)<b>") == "https://example.org/%28a%29%3Cb%3E"
    (opening,) = [
        token
        for token in tokens(link("x", "https://example.org/?a=1&copy;=2"), STRICT)
        if token.type == "link_open"
    ]
    assert opening.attrs["href"] == "https://example.org/?a=1&copy%3B=2"

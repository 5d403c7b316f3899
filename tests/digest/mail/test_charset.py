"""Bytes to text as browsers do it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.mail import charset


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("latin-1", "cp1252"), ("ISO-8859-1", "cp1252"), ("us-ascii", "cp1252"),
        ("gb2312", "gb18030"),
        ("GBK", "gb18030"),
        ("ks_c_5601-1987", "cp949"), ("x-sjis", "cp932"), ("big5", "big5hkscs"),
        ('"utf-8"', "utf-8"), ("utf8", "utf-8"), ("utf-8Return-Path: x", "utf-8"),
        ("charset=koi8-r", "koi8-r"), ("utf-7", "utf-7"), ("cp437", "cp437"), ("x-unknown", None),
        ("punycode", None), ("unicode_escape", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_labels(label: str | None, name: str | None) -> None:
    assert charset.codec(label) == name


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        (b"\x93so\x94 \x80", "iso-8859-1", "“so” €"),
        ("Grüße – heute".encode(), "iso-8859-1", "Grüße – heute"),
        ("Grüße".encode("cp1252"), "utf-8", "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("\ufeffhi".encode("utf-16-le"), "utf-8", "hi"),
        ("\ufeffGrüße".encode(), "iso-8859-1", "Grüße"),
        ("朝の通信".encode("iso2022_jp"), "iso-2022-jp", "朝の通信"),
        ("朝の通信".encode("iso2022_jp"), None, "朝の通信"),
        ("①号".encode("cp932"), "shift_jis", "①号"),
        ("镕基".encode("gb18030"), "gb2312", "镕基"),
        ("Grüße".encode()[:-2], "utf-8", "Grü"),
        (b"Hi +AOk-", "utf-7", "Hi é"),
        (b"\x81x", "windows-1252", "\x81x"),
    ],
)
def test_decode(data: bytes, label: str | None, text: str) -> None:
    assert charset.decode(data, label)[0] == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Жили были дед и баба, ели кашу с молоком", "koi8-r"),
        ("Жили были дед и баба, ели кашу с молоком", "cp1251"),
        ("日本語のニュースレターです、お楽しみに", "euc_jp"),
        ("안녕하세요 뉴스레터입니다 오늘의 소식을", "cp949"),
        ("新聞通訊今天的主要內容是人工智慧", "big5"),
        ("Καλημέρα σας, τα νέα της ημέρας είναι", "iso8859-7"),
    ],
)
def test_an_unknown_label_is_detected_and_said(text: str, name: str) -> None:
    read, warning = charset.decode(text.encode(name), "x-unknown")
    assert read == text
    assert "unknown charset x-unknown" in warning


def test_meta_speaks_where_the_header_is_silent() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>Привет'
    assert "Привет" in charset.decode(page.encode("cp1251"), None, html=True)[0]
    assert "Привет" in charset.decode(page.encode("cp1251"), "us-ascii", html=True)[0]
    assert "Привет" not in charset.decode(page.encode("cp1251"), "koi8-r", html=True)[0]


LABELS = [
    "utf-8",
    "iso-2022-jp",
    "hz",
    "gb2312",
    "utf-7",
    "utf-16",
    "x",
    None,
    "iso-2022-kr",
    "big5",
]


@given(st.binary(max_size=500), st.sampled_from(LABELS), st.booleans())
def test_nothing_raises(data: bytes, label: str | None, html: bool) -> None:
    text, _ = charset.decode(data, label, html=html)
    assert "\0" not in text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_utf8_is_read_back_under_any_single_byte_claim(text: str) -> None:
    assert charset.decode(text.encode(), "iso-8859-1")[0] == text

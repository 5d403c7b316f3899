"""Tracking redirects undone offline, and keys for pages."""

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.html.urls import canonical, unwrap


def b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


TARGET = "https://news.example/a?b=1"
QUOTED = "https%3A%2F%2Fnews.example%2Fa%3Fb%3D1"


@pytest.mark.parametrize(
    "href",
    [
        f"https://go.example/url?q={QUOTED}&sa=D",
        f"https://go.example/l.php?id=7&u={QUOTED}&h=AT0",
        f"https://go.example/c?any_name={QUOTED}",
        f"https://go.example/c?ref=https%3A%2F%2Fblog.example&url={QUOTED}",
        f"https://go.example/#/to?url={QUOTED}",
        f"https://go.example/r?url={QUOTED.replace('%', '%25')}",
        f"https://go.example/CL0/{QUOTED}/1/010001-abc=44",
        "https://go.example/L0/https:%2F%2Fnews.example%2Fa%3Fb=1/1/0100",
        f"https://go.example/x/{TARGET}",
        f"https://go.example/x?{TARGET.replace('https', 'to=https')}",
        f"https://go.example/abc/def/{b64(TARGET)}",
        f"https://go.example/c?u={base64.b64encode(TARGET.encode()).decode()}",
        f"https://go.example/redirect/2/{b64(json.dumps({'e': TARGET, 'p': 1}))}.sig?",
        f"https://go.example/click?p={b64(json.dumps({'p': json.dumps({'url': TARGET})}))}",
        f"https://go.example/e/{b64(json.dumps({'img': 'https://i.example/x', 'href': TARGET}))}",
        f"https://go.example/{TARGET.encode().hex()}",
        "https://defend.example/v2/url?u=https-3A__news.example_a-3Fb-3D1&d=DwM",
        f"https://defend.example/v3/__{TARGET}__;!!abc$",
        f"https://a.example/?url=https%3A%2F%2Fb.example%2Fc%2F{b64(TARGET)}",
        "  https://news.example/a\n   ?b=1&utm_source=x&mc_eid=2&fbclid=3  ",
        f"{TARGET}#utm_campaign=x&utm_medium=y",
        "https://news.example/a?b=1&amp;utm_medium=email",
        "//news.example/a?b=1",
    ],
)
def test_unwrap(href: str) -> None:
    assert unwrap(href) == TARGET


@pytest.mark.parametrize(
    "href",
    [
        "https://go.example/ss/c/u001.3hX9-kkQ/4lh/abc/h0/h001.mN",  # only the server knows
        f"https://social.example/intent/post?url={QUOTED}",
        f"https://social.example/sharer/sharer.php?u={QUOTED}",
        f"https://app.example/login?next={QUOTED}",
        f"https://news.example/unsubscribe?url={QUOTED}",
        "https://archive.example/web/20200101000000/https://news.example/a",
        f"https://cdn.example/page?image={QUOTED}",
        f"https://x.example/compare?left={QUOTED}&right=https%3A%2F%2Fother.example",
        "https://news.example/search?q=plain+words&page=2",
        "https://news.example/a?b=1#chapter-2",
        "mailto:editor@news.example?subject=Hi",
    ],
)
def test_what_is_no_redirect_stays(href: str) -> None:
    assert unwrap(href) == href


@pytest.mark.parametrize(
    "href",
    [
        "",
        "#top",
        "/path",
        "page.html",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\nscript:x",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "tel:+49",
        "cid:a@b",
        "http://",
        "https://%zz",
        "http://[bad",
        "mailto:nobody",
        "blob:https://a.example/x",
        "*|ARCHIVE|*",
    ],
)
def test_what_leads_nowhere_is_empty(href: str) -> None:
    assert unwrap(href) == "" == canonical(href)


def test_a_target_that_is_a_script_is_not_taken() -> None:
    href = "https://go.example/?url=javascript%3Aalert(1)"
    assert unwrap(href) == href
    assert unwrap(f"https://go.example/x/{b64('javascript:alert(1)//')}").startswith("https://go.")


@pytest.mark.parametrize(
    "url",
    [
        "https://news.example/a/b?x=1&y=2",
        "http://www.news.example/a/b/?y=2&x=1",
        "https://NEWS.example:443/a/b?x=1&y=2#top",
        "https://m.news.example/a/b?x=1&y=2&utm_source=z",
        "https://news.example/a/b/amp?x=1&y=2",
        "https://news.example/amp/a/b?x=1&y=2",
        "https://news.example/a//b?y=2&x=1&ref=home",
        "https://news.example/%61/b/index.html?x=1&y=2&",
        "https://go.example/url?q=https%3A%2F%2Fnews.example%2Fa%2Fb%3Fx%3D1%26y%3D2",
    ],
)
def test_canonical(url: str) -> None:
    assert canonical(url) == "https://news.example/a/b?x=1&y=2"


def test_canonical_of_an_amp_cache_and_of_different_pages() -> None:
    assert canonical("https://search.example/amp/s/news.example/a") == "https://news.example/a"
    assert canonical("https://news.example/?id=1") != canonical("https://news.example/?id=2")
    assert canonical("https://news.example/A") != canonical("https://news.example/a")


PIECES = st.sampled_from(
    [
        "https://",
        "http:",
        "//",
        "a.example",
        "www.",
        "/",
        "?",
        "url=",
        "u=",
        "&",
        "#",
        "%2F",
        "%3A",
        "=",
        QUOTED,
        b64(TARGET),
        "amp",
        "/amp/s/",
        "utm_x=1",
        "m.",
        "..",
        "%",
        "\n",
        " ",
        "@",
        ":",
        "[",
        "]",
        "é",
        "javascript:",
        "mailto:",
        "index.html",
        "%61",
        "%25",
        "__",
        "/v3/__",
        "__;",
        "-3A",
        ":80",
        "ref=1",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join) | st.text())
@example("www.www.")
def test_idempotent_and_never_anything_but_web_and_mail(href: str) -> None:
    for clean in (unwrap, canonical):
        once = clean(href)
        assert clean(once) == once
        assert not once or once.startswith(("http://", "https://", "mailto:"))
        assert not any(char.isspace() or not char.isprintable() for char in once)


@given(st.integers(0, 5))
def test_layers(depth: int) -> None:
    href = TARGET
    for _ in range(depth):
        href = f"https://go.example/r/{b64(href)}"
    assert unwrap(href) == TARGET

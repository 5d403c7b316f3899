"""What no reader sees is left out, and counted."""

import pytest

from digest.html import layout


@pytest.mark.parametrize(
    "style",
    [
        "clip-path: inset(100%)",
        "clip-path:inset(50%)",
        "clip-path: circle(0)",
        "transform: scale(0)",
        "transform: translate(2px) scale(0.0)",
        "transform:scaleY(0)",
        "transform:scale(1, 0)",
        "scale: 0",
    ],
)
def test_what_is_cut_or_shrunk_away_is_hidden(style: str) -> None:
    page = layout.read(f'<p style="{style}">Unseen words.</p><p>Seen words.</p>')
    assert [block.text for block in page.blocks] == ["Seen words."]
    assert page.hidden == 1


@pytest.mark.parametrize(
    "style",
    [
        "clip-path: inset(5%)",
        "transform: scale(0.5)",
        "transform:scale(10)",
        "scale: 0.5",
        "scale:",
    ],
)
def test_what_is_only_smaller_stays(style: str) -> None:
    assert len(layout.read(f'<p style="{style}">Seen.</p><p>Also.</p>').blocks) == 2


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ("@media screen { .x { display: none } }", False),
        ("@media only screen{.y{color:red} .x{display:none}}", False),
        ("@media all { .x { display: none } } p { color: black }", False),
        ("@media (max-width: 600px) { .x { display: none } }", True),
        ("@media screen and (max-width: 600px) { .x { display: none } }", True),
        ("@media print { .x { display: none } }", True),
    ],
)
def test_rules_for_every_screen_hold(rule: str, seen: bool) -> None:
    page = layout.read(f"<style>{rule}</style><p class=x>Maybe.</p><p>Always.</p>")
    assert [block.text for block in page.blocks] == (["Maybe.", "Always."] if seen else ["Always."])


def test_text_for_readers_without_scripts_is_hidden() -> None:
    page = layout.read("<p>Hello.</p><noscript><p>Turn scripts on.</p></noscript>")
    assert [block.text for block in page.blocks] == ["Hello."]
    assert page.hidden == 1

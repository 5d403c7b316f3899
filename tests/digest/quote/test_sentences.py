"""Sentences of a text: rightly cut, in their places, whatever the text is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.quote.sentences import plain, sentences


def cut(text: str, *kinds: str) -> list[str]:
    return [plain(text, s.start, s.end) for s in sentences(text) if not kinds or s.kind in kinds]


@pytest.mark.parametrize(
    "text",
    [
        "The court in Orlan v. Miesbach upheld H.R. 1815 in Washington, D.C., last week.",
        "A. L. Pommer joined the U.S. Army at 5 p.m. on Jan. 3 and left it.",
        "See p. 12, Fig. 3, No. 5 and e.g. the notes of Dr. Haas vs. those of Prof. Bell.",
        "It rose by 3.5 percent to 1.250,75 euros, says https://a.example/b.c?d=e.f today.",
        "“Is it done?” he asked.",
        '"It is done. We go home," she said.',
        "Am 3. Mai kam z. B. Frau Dr. Lenz zum 12. Mal in das 20. Jahrhundert, d. h. nach Hause.",
        "M. Petit a vu Mme Leroy, p. ex. au no. 5 de la rue.",
        "El Sr. Ruiz y la Sra. Gil viven en EE.UU. desde 1999.",
        "El Sr. Ruiz vive en EE. UU. desde 1999.",
        "O Sr. Lima e a Dra. Melo moram na av. Central.",
        "Il sig. Conti abita al n. 7 con la sig.ra Neri.",
        "彼は「行きます。すぐに。」と言った。",
        "她说：“我们走。马上。”",
        "He left (it was late. And cold.) with the others.",
        "The kit [costs 5. No more.](https://shop.example/a.b) in stores.",
        "Yahoo! is older than that.",
        "Wait ... there is more to it.",
        "This line is wrapped by its writer at some sixty characters\nand goes on, as most text in"
        "\nmails does.",
        "I have joined the Act\n, which would lower the price.",
    ],
)
def test_stays_whole(text: str) -> None:
    assert len(sentences(text)) == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("He lives in the U.S. The rest moved.", 2),
        ("She asked me. I went.", 2),
        ("He took vitamin C. The rest took none.", 2),
        ("Ask for the DNA. Pay in the sun. Leave.", 3),
        ("Version 2. The next one is 3. We wait.", 3),
        ("It failed!! Why? Nobody knows… Then it worked.", 4),
        ("これは文です。次の文です！終わり？", 3),
        ("यह पहला है। यह दूसरा है।", 2),
        ("هل هذا صحيح؟ نعم، هو كذلك. انتهى", 3),
        ("¿Quién lo dijo? Nadie.", 2),
        ("„Es reicht.“ Danach ging er.", 2),
        ("They won. (It was close.) They left.", 3),
        ("- One. Two.\n- Three.\n", 3),
        ("Acme Corp\n12 Main Street\nSpringfield", 3),
        ("first it rains. it stops soon.", 2),
    ],
)
def test_parts(text: str, parts: int) -> None:
    assert len(sentences(text)) == parts


def test_what_is_no_sentence_is_parted_from_it() -> None:
    text = (
        "# A day in court\n\nBERLIN (AP) -- The court ruled. Read more\n\nHi all,\n\n"
        "Photo: Jo Doe/Agency\n\nBy JO DOE\n\n| a | b |\n|---|---|\n| c | d |\n\n> He wrote it.\n\n"
        "- An item here.\n\n```\ncode. here\n```\n"
    )
    found = [(plain(text, s.start, s.end), s.kind) for s in sentences(text)]
    assert found == [
        ("A day in court", "heading"),
        ("BERLIN (AP) --", "aside"),
        ("The court ruled.", "prose"),
        ("Read more", "aside"),
        ("Hi all,", "aside"),
        ("Photo: Jo Doe/Agency", "aside"),
        ("By JO DOE", "aside"),
        ("| a | b |", "table"),
        ("| c | d |", "table"),
        ("He wrote it.", "quote"),
        ("An item here.", "list"),
        ("code. here", "aside"),
    ]


@pytest.mark.parametrize(
    ("text", "head", "rest"),
    [
        ("Paris (AFP) – The strike ended.", "Paris (AFP) –", "The strike ended."),
        ("(Reuters) - Shares fell.", "(Reuters) -", "Shares fell."),
        ("SEOUL, South Korea — The talks failed.", "SEOUL, South Korea —", "The talks failed."),
        ("Dear Ms. Roe,\nThe bill passed.", "Dear Ms. Roe,", "The bill passed."),
        ("Liebe Leserinnen, das Gesetz gilt.", "Liebe Leserinnen,", "das Gesetz gilt."),
    ],
)
def test_datelines_and_greetings_stand_apart(text: str, head: str, rest: str) -> None:
    assert cut(text) == [head, rest]
    assert cut(text, "aside") == [head]


def test_places_leave_markers_out() -> None:
    text = "> * **Fast.** It is [so](https://x.example).\n\n## 2. Next\n"
    assert [text[s.start : s.end] for s in sentences(text)] == [
        "**Fast.**",
        "It is [so](https://x.example).",
        "2. Next",
    ]


def test_paragraphs_are_told_apart() -> None:
    numbers = [s.paragraph for s in sentences("One is here. Two is here.\n\nThree is here.")]
    assert numbers[0] == numbers[1] != numbers[2]


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("**Bold** and *thin* and __both__ of `code`", "Bold and thin and both of code"),
        ("[a **b**](http://x.example/a_b_c) ![pic](y.png) c", "a b c"),
        ("[![alt](a.png)](http://x.example) text", "text"),
        ("a snake_case_name and 2 * 3 * 4", "a snake_case_name and 2 * 3 * 4"),
        ("[Ruby][ref] and text[^1]", "Ruby and text"),
        ("one\n> two\n> three", "one two three"),
        ("<https://x.example> <b>bold</b>", "https://x.example bold"),
        ("**Left open", "Left open"),
        (r"5 \* 3 \[sic\]", "5 * 3 [sic]"),
    ],
)
def test_plain_words(markdown: str, words: str) -> None:
    assert plain(markdown) == words


PIECES = st.sampled_from(
    ["A", "b.", "U.S.", "Dr.", "5.", "…", "?", "! ", '"', "“", "”", "(", ")", "「", "。", "」",
     "\n", "\n\n", "  \n", "- ", "* ", "**", "_", "`", "```\n", "# ", "> ", "|", "1. ", "[", "](",
     ")", "http://a.b/c.", "ß", "字", " ", "\t", "الف", "؟", "Hi all,", "PARIS (AP) -- ",
     "Read more"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=80).map("".join))


@given(TEXTS)
def test_places_are_in_order_and_hold_every_letter_once(text: str) -> None:
    found = sentences(text)
    end = 0
    for s in found:
        assert end <= s.start < s.end <= len(text)
        assert text[s.start : s.end].strip() == text[s.start : s.end] != ""
        end = s.end
    outside, place = [], 0
    for s in found:
        outside.append(text[place : s.start])
        place = s.end
    outside.append(text[place:])
    if "](" not in text and "```" not in text and "~~~" not in text:  # what may hide words
        assert not any(c.isalpha() for part in outside for c in part)


@given(TEXTS)
def test_plain_is_stable(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    "piece",
    ["a. B ", '"a. ', "[", "[a](", "(", "*a ", "_a ", "`", "a\n", "> ", "- a\n", "| a |\n", "“",
     "<a ", "A", "a.", "。", "「", "Hi a a a a a", "http://", "PARIS, ", " ", "\n", "by A ",
     "Read more "],
)  # fmt: skip
@pytest.mark.timeout(60)  # a tenth of a second; a rule that is quadratic hangs here for minutes
def test_long_texts_come_to_an_end(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    assert len(plain(text)) <= len(text)
    assert all(s.end <= len(text) for s in sentences(text))

"""Long texts keep head and tail, within the tokens allowed, and say what is missing."""

from hypothesis import given
from hypothesis import strategies as st

from digest.cutting import GAP, shorten


def words(text: str) -> int:
    return len(text.split())


def test_a_text_that_fits_is_left_alone() -> None:
    assert shorten("one two", 1000, words) == ("one two", 0)


def test_paragraphs_go_from_the_middle() -> None:
    text = "\n\n".join(f"paragraph {n} " + "word " * 8 for n in range(100))
    kept, cut = shorten(text, 200, words)
    head, tail = kept.split(GAP)
    assert head.startswith("paragraph 0 ")
    assert tail.rstrip().split("\n\n")[-1].startswith("paragraph 99 ")
    assert len(head) > len(tail) > 0
    assert cut == words(text) - words(kept)
    assert words(kept) <= 200


@given(
    st.text(st.sampled_from("ab. \n。！\t漢"), max_size=20000).map(lambda t: t * 3),
    st.integers(40, 400),
)
def test_the_limit_holds_for_any_text(text: str, limit: int) -> None:
    def count(part: str) -> int:
        return (len(part) + 2) // 3

    kept, cut = shorten(text, limit, count)
    assert count(kept) <= limit or (cut == 0 and len(text.encode()) <= limit)
    assert (cut > 0) == (kept != text)
    for part in kept.replace(GAP, "").split("\n\n"):
        assert part.strip() in text

"""One prompt, whatever the content tries."""

from hypothesis import given
from hypothesis import strategies as st

from digest.prompt import STOP, chatml, messages, system, user
from digest.schema import FIELDS, select

texts = st.text() | st.lists(
    st.sampled_from(["<|im_end|>", "<|im_start|>", "<|", "|>", "system", "\n", "a"])
).map("".join)


def test_the_whole_prompt() -> None:
    turns = messages("A\n title ", "\nText.\n", ["names", "title"])
    assert chatml(turns) == (
        "<|im_start|>system\ndigest: title,names<|im_end|>\n"
        "<|im_start|>user\n# A title\n\nText.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_no_title_no_heading() -> None:
    assert user("", " Text. ") == "Text."
    assert user(" \n", "Text.") == "Text."


@given(st.sets(st.sampled_from(FIELDS), min_size=1))
def test_the_system_turn_names_the_fields_in_order(fields: set[str]) -> None:
    assert system(list(fields)) == "digest: " + ",".join(select(fields))


@given(texts, texts)
def test_content_cannot_end_its_turn(title: str, text: str) -> None:
    prompt = chatml(messages(title, text))
    assert prompt.count("<|im_start|>") == 3
    assert prompt.count(STOP) == 2

"""An editor's choice as labels: quoted where there is one, the text's own where it is short."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import ConfigError
from digest.quote.sentences import plain
from digest.schema import DigestFields, Row
from finetune.config import Cap, Config, Data
from finetune.data import encoding, prepared, quotes
from finetune.data.quotes import Choice, held, quoted
from finetune.tasks import registry

from ..conftest import row

FIRST = "The mill at **Oostduin** grinds [rye](https://example.org/rye) again since Monday."
SECOND = "Two millers were trained for it over the winter."
THIRD = "Flour from the mill costs 3 euros a kilo at the market."
TEXT = f"{FIRST} {SECOND}\n\n{THIRD}"


def place(words: str) -> tuple[int, int]:
    return TEXT.index(words), TEXT.index(words) + len(words)


def told(**changes: object) -> Row:
    return row(1, **({"title": "The mill grinds again", "text": TEXT} | changes))


def choice(**changes: object) -> Choice:
    parts = {"headline_ok": True, "headline": "", "summary": (place(FIRST), place(SECOND)),
             "highlights": (place(THIRD),)}  # fmt: skip
    return Choice(**(parts | changes))  # type: ignore[arg-type]


def written(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return path


def record(**changes: object) -> dict[str, object]:
    return {
        "id": "r1", "headline_ok": True, "headline": "", "summary": [place(FIRST)],
        "highlights": [place(THIRD)],
    } | changes  # fmt: skip


def test_choices_are_read_by_row(tmp_path: Path) -> None:
    path = written(tmp_path / "q.jsonl", record(), record(id="r2", headline="A mill"))
    found = quotes.read(path)
    assert list(found) == ["r1", "r2"] and found["r2"].headline == "A mill"
    assert found["r1"] == choice(summary=(place(FIRST),))


@pytest.mark.parametrize(
    "wrong", [{"summary": [[1]]}, {"highlights": None}, {"summary": [["a", "b"]]}]
)
def test_what_is_no_choice_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="holds no choices"):
        quotes.read(written(tmp_path / "q.jsonl", record(**wrong)))
    with pytest.raises(ConfigError, match="holds no choices"):
        quotes.read(tmp_path / "nowhere.jsonl")


def test_a_row_is_labelled_with_the_words_of_its_source() -> None:
    found = quoted(told(), {"r1": choice()}).digest
    assert found.title == "The mill grinds again"
    assert found.summary == f"The mill at Oostduin grinds rye again since Monday. {SECOND}"
    assert found.highlights == [THIRD]
    assert found.names == told().digest.names and found.relevance_score == 4  # these stay


def test_a_headline_that_does_not_stand_is_the_editors() -> None:
    mended = choice(headline_ok=False, headline="The mill at Oostduin grinds rye again")
    assert quoted(told(), {"r1": mended}).digest.title == mended.headline
    # Nor one of the editor's own, if there is none.
    assert quoted(told(title="Hi all"), {"r1": choice(headline_ok=False)}).digest.title == "Hi all"


def test_languages_without_spaces_are_joined_without_one() -> None:
    text = "旧港口今天早上关闭了。工人们开始修理水闸。"
    both = Choice(True, "", ((0, 11), (11, 21)), ())
    row_ = told(text=text, lang="zh", title="旧港口关闭")
    assert quoted(row_, {"r1": both}).digest.summary == text


def test_labels_that_break_the_contract_are_left_out() -> None:
    long = f"{'Grain after grain is ground here, ' * 8}and so on."
    row_ = told(text=f"{TEXT}\n\n{long}", title="x" * 121)
    start = len(TEXT) + 2
    found = quoted(row_, {"r1": choice(highlights=((start, start + len(long)), place(THIRD)))})
    assert found.digest.highlights == [THIRD]
    assert found.digest.title == told().digest.title  # what the row had


def test_a_row_without_a_choice_is_its_own_summary() -> None:
    found = quoted(told(title="Notes", text=SECOND), {}).digest
    assert (found.title, found.summary, found.highlights) == (SECOND, SECOND, [])
    found = quoted(told(title="The mill grinds rye again", text=SECOND), {}).digest
    assert found.title == "The mill grinds rye again"


def test_what_was_cut_off_is_no_label() -> None:
    labels = quoted(told(), {"r1": choice()}).digest
    cut = held(labels, TEXT, FIRST)
    assert cut.summary == "The mill at Oostduin grinds rye again since Monday."
    assert cut.highlights == []
    assert held(labels, TEXT, "").summary is None
    assert held(labels, TEXT, TEXT) == labels
    assert held(labels, TEXT, THIRD).title == labels.title


def test_what_is_left_of_a_summary_keeps_its_spaces() -> None:
    text = "旧港口今天早上关闭了。工人们开始修理水闸。渡轮改走北边。"
    labels = DigestFields(summary=text)
    assert held(labels, text, text) == labels
    assert held(labels, text, text[11:]).summary == text[11:]
    assert held(labels, text, text[:21]).summary == text[:21]


def test_what_was_written_survives_a_cut() -> None:
    own = DigestFields(summary="A mill has come back to life.", highlights=["It sells flour."])
    assert held(own, TEXT, FIRST) == own


@given(st.integers(0, len(TEXT)))
@settings(deadline=None)
def test_what_is_held_stands_in_what_is_left(end: int) -> None:
    labels = quoted(told(), {"r1": choice()}).digest
    left = held(labels, TEXT, TEXT[:end])
    for said in left.highlights or ():
        assert said in plain(TEXT[:end])
    assert set(left.asked()) <= set(labels.asked())
    assert held(left, TEXT, TEXT[:end]) == left


class Characters:
    """A tokenizer that needs no files: a token is a character."""

    def prompt(self, text: str) -> list[int]:
        return [ord(c) for c in text]

    plain = prompt

    def decode(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))


def test_a_cut_example_teaches_no_quotation_it_lost() -> None:
    text = "\n\n".join([FIRST, *(f"Sack {n} was sold." for n in range(60)), THIRD, "End. " * 60])
    start = text.index(THIRD)
    chosen = choice(summary=((0, len(FIRST)),), highlights=((start, start + len(THIRD)),))
    whole = quoted(told(text=text), {"r1": chosen})
    example = encoding.encode(whole, ("summary", "highlights"), 400, Characters())
    said = Characters().decode(list(example.answer))
    assert example.cut > 0 and "grinds rye" in said and "3 euros" not in said


def test_a_prepared_run_says_whose_choice_it_learns_from(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    rows = [told(id=f"r{n}", group=f"g{n}", text=f"{TEXT} Sack {n}.") for n in range(4)]
    data.write_text("".join(one.model_dump_json(exclude_none=True) + "\n" for one in rows))
    picks = written(tmp_path / "q.jsonl", record(), record(id="r3"), record(id="elsewhere"))
    config = Config(data=Data(rows=data, quotes=picks, editor="two annotators"))
    made = prepared.load(config.data, tmp_path / "out", config)
    assert made.facts["quotes"] | {"sha256": ""} == {
        "file": "q.jsonl", "sha256": "", "rows": 3, "editor": "two annotators"
    }  # fmt: skip
    assert made.facts["train"]["chosen"] + made.facts["validation"]["chosen"] == 2
    assert any("editor's choice" in line for line in prepared.described(made.facts))
    assert {one.digest.summary for one in (*made.train, *made.validation) if one.id == "r1"} == {
        plain(FIRST)
    }
    # Another choice makes another set.
    written(picks, record(summary=[place(SECOND)]))
    again = prepared.load(config.data, tmp_path / "out", config)
    assert again.facts["quotes"]["sha256"] != made.facts["quotes"]["sha256"]
    assert {one.digest.summary for one in (*again.train, *again.validation) if one.id == "r1"} == {
        SECOND
    }


def test_rows_read_by_the_task_are_quoted(tmp_path: Path) -> None:
    from finetune.data.formats import ReadReport

    data = tmp_path / "rows.jsonl"
    data.write_text(told().model_dump_json(exclude_none=True) + "\n")
    how = Data(rows=data, quotes=written(tmp_path / "q.jsonl", record()), caps=(Cap(tokens=9),))
    (found,) = registry.open_task(Config(data=how)).read(how, ReadReport())
    assert found.digest.highlights == [THIRD]

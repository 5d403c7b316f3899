"""Statements one by one: what they rest on, whether they stand, what an editor chose instead."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import ConfigError
from digest.quote.compose import GAP, compose
from digest.records import STATEMENT_FIELDS, Evidence
from digest.schema import DigestFields, Row
from finetune.choice import labels
from finetune.data.quotes import Choice
from finetune.evaluation import chosen, evaluate
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.statements import Source, stands, statements, within

from ..conftest import row

FIRST = "The harbour board of Lindvik will close the old lock on 3 May for repairs."
SECOND = "It expects the work to cost 4 million kroner, a third more than last year."
THIRD = "Boats of up to 9 metres can use the northern channel in the meantime."
FOURTH = "The **town council** had asked for a [second opinion](https://example.org/a) in March."
TEXT = f"{FIRST} {SECOND}\n\n{THIRD}\n\n{FOURTH}"
TITLE = "Lindvik closes its old lock"


def told(**changes: object) -> Row:
    return row(1, title=TITLE, text=TEXT, digest={"title": TITLE}, **changes)


def place(words: str) -> tuple[int, int]:
    start = TEXT.index(words)
    return start, start + len(words)


def rests(field: str, statement: str, span: str, status: str = "quoted") -> Evidence:
    return Evidence(field, statement, status, "text", *place(span))  # type: ignore[arg-type]


def shares(digest: DigestFields, evidence: tuple[Evidence, ...] = ()) -> dict[str, float]:
    answer = Prediction("r1", digest, evidence=evidence)
    return evaluate.examine([told()], [answer], STATEMENT_FIELDS)


def test_what_the_product_says_is_its_evidence() -> None:
    long = "\n\n".join(
        [TEXT, *(f"Ferry number {n} sails from pier {n} at noon." for n in range(9))]
    )
    said = compose(TITLE, long, STATEMENT_FIELDS)
    source = Source(row(1, title=TITLE, text=long))
    found = statements(source, DigestFields(**said.fields), said.evidence)
    assert [one.evidence for one in found] == list(said.evidence)
    assert all(one.verbatim for one in found if one.status == "quoted")


def test_statements_without_evidence_are_looked_up() -> None:
    digest = DigestFields(
        title="Lock in Lindvik shuts",
        summary=f"{FIRST} The board was asked to think again.",
        highlights=["The town council had asked for a second opinion in March."],
    )
    found = statements(Source(told()), digest)
    assert [(one.field, one.status) for one in found] == [
        ("title", "written"),
        ("summary", "quoted"),
        ("summary", "written"),
        ("highlights", "quoted"),  # markdown and links aside
    ]
    table = shares(digest)
    assert table["quoted"] == table["verbatim"] == table["written"] == 1 / 2
    assert table["verbatim_title"] == 0 and table["verbatim_highlights"] == 1
    assert table["statements"] == 4 and table["shortened"] == 0


def test_shortened_statements_are_told_by_their_evidence() -> None:
    short = "Boats of up to 9 metres can use the northern channel."
    digest = DigestFields(highlights=[short])
    table = shares(digest, (rests("highlights", short, THIRD, "shortened"),))
    assert table["shortened"] == 1 and table["verbatim"] == 0
    # A bare model's cannot be told from what it wrote.
    assert shares(digest)["written"] == 1


@pytest.mark.parametrize(
    "statement", ["Boats of up to 99 metres can use it.", "Boats of up to 9 metres can use"]
)
def test_evidence_for_something_else_counts_as_none(statement: str) -> None:
    digest = DigestFields(highlights=[THIRD])
    (found,) = statements(Source(told()), digest, (rests("highlights", statement, THIRD),))
    assert found.evidence is None and found.words == THIRD


def test_a_summary_with_more_than_its_evidence_is_looked_up() -> None:
    digest = DigestFields(summary=f"{FIRST} Nobody minds.")
    found = statements(Source(told()), digest, (rests("summary", FIRST, FIRST),))
    assert [one.status for one in found] == ["quoted", "written"]


def test_half_a_word_is_not_word_for_word() -> None:
    assert within("close the old lock", FIRST)
    assert not within("close the old loc", FIRST)
    assert not within("lose the old lock", FIRST)
    assert within("lock on", "interlock only, lock on")
    assert within("港口关闭", "旧港口关闭了。")
    assert not within("", FIRST)


@given(st.text("ab .", max_size=30), st.integers(0, 30), st.integers(0, 30))
@settings(deadline=None)
def test_whole_words_of_a_text_are_within_it(text: str, start: int, length: int) -> None:
    words = text.split()
    part = words[start : start + length]
    assert within(" ".join(part), " ".join(words)) == bool(part)


def test_a_reference_stands_only_behind_what_it_refers_to() -> None:
    source = Source(told())
    both = DigestFields(summary=f"{FIRST} {SECOND}")
    rest = (rests("summary", FIRST, FIRST), rests("summary", SECOND, SECOND))
    assert [stands(source, one) for one in statements(source, both, rest)] == [True, True]
    parted = DigestFields(summary=f"{THIRD}{GAP}{SECOND}")
    rest = (rests("summary", THIRD, THIRD), rests("summary", SECOND, SECOND))
    assert [stands(source, one) for one in statements(source, parted, rest)] == [True, False]
    alone = DigestFields(highlights=[SECOND], title="A headline")
    assert shares(alone)["stands_alone"] == shares(alone)["stands_alone_highlights"] == 0
    assert "stands_alone_title" not in shares(alone)


def test_what_is_broken_stands_nowhere() -> None:
    source = Source(told())
    digest = DigestFields(summary=f"{FIRST} Who would have thought that of the board?")
    assert [stands(source, one) for one in statements(source, digest)] == [True, False]


def test_an_invalid_answer_says_nothing() -> None:
    table = evaluate.examine([told()], [Prediction("r1", None)], STATEMENT_FIELDS)
    assert "statements" not in table and "verbatim" not in table


# --- the choice ----------------------------------------------------------------------------------


def choice(summary: list[str], highlights: list[str], headline_ok: bool = True) -> Choice:
    return Choice(headline_ok, "", tuple(map(place, summary)), tuple(map(place, highlights)))


def measured(digest: DigestFields | None, editor: Choice, *evidence: Evidence) -> dict[str, float]:
    answers = [Prediction("r1", digest, evidence=evidence)]
    return evaluate.hold("", [told()], answers, STATEMENT_FIELDS, choices={"r1": editor}).table


def test_the_editors_own_choice_agrees_with_it() -> None:
    editor = choice([FIRST, SECOND], [THIRD])
    digest = DigestFields(title=TITLE, summary=f"{FIRST} {SECOND}", highlights=[THIRD])
    table = measured(digest, editor)
    for name in ("f1", "f1_micro", "precision", "recall", "f1_summary", "f1_highlights", "title"):
        assert table[f"choice_{name}"] == 1, name


def test_choices_are_compared_by_place_or_by_words() -> None:
    editor = choice([FIRST], [THIRD, FOURTH])
    short = "Boats can use the northern channel."
    digest = DigestFields(title=TITLE, summary=FIRST, highlights=[short])
    rest = rests("highlights", short, THIRD, "shortened")
    table = measured(digest, editor, rest)
    assert table["choice_f1"] == pytest.approx(2 * 2 / (2 + 3))
    assert table["choice_precision"] == 1 and table["choice_recall"] == pytest.approx(2 / 3)
    assert table["choice_f1_highlights"] == pytest.approx(2 / 3)
    # Without its evidence a shortened sentence is none of the text's.
    assert measured(digest, editor)["choice_f1"] == pytest.approx(2 / 4)


def test_an_answer_that_is_none_chose_nothing() -> None:
    table = measured(None, choice([FIRST], []))
    assert table["choice_f1"] == table["choice_recall"] == table["choice_title"] == 0
    assert "choice_precision" not in table


def test_a_headline_of_another_hand() -> None:
    own = DigestFields(title=TITLE, summary=FIRST, highlights=[])
    made = own.model_copy(update={"title": "Lindvik will close the old lock"})
    for digest, kept in ((own, True), (made, False)):
        assert measured(digest, choice([FIRST], [], kept))["choice_title"] == 1
        assert measured(digest, choice([FIRST], [], not kept))["choice_title"] == 0


def test_rows_that_the_ranker_was_fitted_on_are_told_apart() -> None:
    groups = [f"g{n}" for n in range(40)]
    rows = [told(id=f"x{n}", group=group) for n, group in enumerate(groups)]
    good = DigestFields(title=TITLE, summary=FIRST, highlights=[])
    bad = good.model_copy(update={"summary": THIRD})
    answers = [Prediction(one.id, good if labels.validation(one.group) else bad) for one in rows]
    choices = {one.id: choice([FIRST], []) for one in rows}
    table = evaluate.hold("", rows, answers, STATEMENT_FIELDS, choices=choices).table
    unseen = sum(map(labels.validation, groups))
    assert 0 < unseen < 40
    assert table["choice_f1_unseen"] == 1 and table["choice_f1"] == pytest.approx(unseen / 40)


def test_choices_for_other_rows_or_texts_are_refused() -> None:
    answers = [Prediction("r1", DigestFields(title=TITLE, summary=FIRST, highlights=[]))]
    with pytest.raises(ConfigError, match="no row has an editor's choice"):
        chosen.measure([told()], answers, {"r2": choice([FIRST], [])}, STATEMENT_FIELDS)
    far = Choice(True, "", ((0, len(TEXT) + 1),), ())
    with pytest.raises(ConfigError, match="of another text"):
        chosen.measure([told()], answers, {"r1": far}, STATEMENT_FIELDS)

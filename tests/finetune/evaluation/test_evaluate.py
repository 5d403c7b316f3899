import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from digest.errors import ConfigError
from digest.protocols import Answer, Ask
from digest.records import Evidence
from digest.schema import FIELDS, DigestFields, Row
from finetune.evaluation import evaluate, predictions
from finetune.evaluation.predictions import Prediction

from ..conftest import row


def perfect(rows: Sequence[Row]) -> list[Prediction]:
    return [Prediction(r.id, r.digest) for r in rows]


def test_the_truth_scores_perfectly(rows: list[Row]) -> None:
    table = evaluate.examine(rows, perfect(rows))
    for name in ("valid", "f1_overall", "f1_names_micro", "rouge_l_summary", "grounding"):
        assert table[name] == table[f"{name}_low"] == table[f"{name}_high"] == 1
    assert table["relevance_mae"] == 0
    # The rows all have one title: a collapse shows.
    assert table["distinct_titles"] == pytest.approx(1 / 12) and table["template_titles"] == 1


def test_hand_computed_values() -> None:
    def one(number: int, tags: list[str], companies: list[str], score: int) -> Row:
        label = {"relevance_score": score, "key_insights": tags, "company_names": companies}
        return row(number, text="Acme and Bolt", digest=label)

    rows = [
        one(1, ["AI Tool", "Guide"], [], 9),
        one(2, ["AI Tool"], ["Acme"], 5),
        one(3, [], ["Bolt"], 1),
    ]
    guess = DigestFields(relevance_score=7, key_insights=["ai tool"], company_names=[])
    other = DigestFields(relevance_score=5, key_insights=["Chips"], company_names=["Acme", "Bolt"])
    answers = [
        Prediction("r1", guess),
        Prediction("r2", other, dropped=("Zeta",)),
        Prediction("r3", None),
    ]
    fields = ("relevance_score", "key_insights", "company_names")
    table = evaluate.examine(rows, answers, fields)
    assert table["valid"] == pytest.approx(2 / 3)
    assert table["f1_key_insights"] == pytest.approx((2 / 3 + 0 + 0) / 3)  # invalid counts 0
    assert table["f1_company_names"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert table["both_empty_company_names"] == pytest.approx(1 / 3)
    assert table["f1_company_names_filled"] == pytest.approx((2 / 3 + 0) / 2)
    assert table["f1_key_insights_micro"] == pytest.approx(2 / (3 + 2))
    assert table["f1_overall"] == pytest.approx((5 / 6 + 1 / 3 + 0) / 3)
    assert table["relevance_mae"] == pytest.approx((2 + 0 + 1) / 3)
    assert table["relevance_r2"] == pytest.approx(1 - (4 + 0 + 1) / (16 + 0 + 16))
    assert table["relevance_bias"] == pytest.approx((-2 + 0 - 1) / 3)
    assert table["relevance_mae_constant"] == pytest.approx((4 + 0 + 4) / 3)  # the median is 5
    assert table["dropped"] == pytest.approx(1 / 3)
    # To the seed the invalid answer is empty lists, and right about r3's tags.
    assert table["seed_f1_overall"] == pytest.approx((5 / 6 + 1 / 3 + 1 / 2) / 3)
    assert table["seed_precision"] == pytest.approx((1 + 0 + 1 / 2 + 0) / 4)
    assert table["seed_recall"] == pytest.approx((1 / 2 + 0 + 1 + 0) / 4)
    assert table["tree"] < 0.7 and table["exact_match"] == 0
    assert "distinct_titles" not in table and "rouge_l_title" not in table


def test_an_invalid_answer_is_silence_only_to_the_seed() -> None:
    nothing = {"relevance_score": 3, "key_insights": [], "company_names": []}
    rows = [row(1, digest=nothing)]
    table = evaluate.examine(rows, [Prediction("r1", None, answer="{")], tuple(nothing))
    assert table["f1_overall"] == 0 and table["seed_f1_overall"] == 1
    assert table["valid"] == table["valid_json"] == table["exact_company_names"] == 0


def test_an_answer_that_lacks_a_labelled_field_is_invalid(rows: list[Row]) -> None:
    partial = [Prediction(r.id, DigestFields(names=["Acme"])) for r in rows]
    asked = evaluate.examine(rows, partial, ("names", "domains"))
    assert asked["valid"] == 0 and asked["valid_json"] == 1
    assert evaluate.examine(rows, partial, ("names",))["valid"] == 1


def test_predictions_for_other_rows_are_refused(rows: list[Row]) -> None:
    with pytest.raises(ConfigError, match="none of the rows"):
        evaluate.examine(rows, [Prediction("elsewhere", None)])


def test_headline_is_refused_below_thirty(rows: list[Row]) -> None:
    few = evaluate.headline(evaluate.examine(rows, perfect(rows)))
    assert "too few" in few and "f1" not in few
    many = [row(n) for n in range(30)]
    assert "f1_overall" in evaluate.headline(evaluate.examine(many, perfect(many)))


class Scripted:
    """An engine that answers out of order, once well, once cut, once ungrounded."""

    name = model = "scripted"
    context = 4096

    def count(self, text: str) -> int:
        return len(text.split())

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        good = '{"names":["Acme"]}'
        yield Answer(2, '{"names":["Acme","Nobody"]}', "stop", 9, 5)
        yield Answer(1, good[:9], "length", 9, 5)
        yield Answer(0, good, "stop", 9, 5)

    def close(self) -> None:
        pass


def test_predict_grounds_and_keeps_what_is_invalid(rows: list[Row], tmp_path: Path) -> None:
    long = row(2, text="Acme " * 3000)
    given = [rows[0], rows[1], long]
    told: list[int] = []
    found = evaluate.predict(given, Scripted(), ("names",), lambda done, _: told.append(done))
    assert [p.id for p in found] == ["r0", "r1", "r2"] and told == [1, 2, 3]
    assert [p.valid for p in found] == [True, False, True]
    assert found[1].answer == '{"names":'
    assert found[2].digest == DigestFields(names=["Acme"]) and found[2].dropped == ("Nobody",)
    assert found[2].tokens_cut > 900
    evaluate.write(tmp_path, found, evaluate.examine(given, found, ("names",)))
    assert predictions.read(tmp_path / "predictions.jsonl") == found
    first = json.loads((tmp_path / "predictions.jsonl").read_text().splitlines()[0])
    expected = {"id", "digest", "valid", "finish_reason", "tokens_in", "tokens_out", "tokens_cut"}
    assert expected <= set(first)


def test_a_short_text_is_its_own_summary_here_as_in_the_product() -> None:
    class Silent(Scripted):
        def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
            assert not asks
            yield from ()

    text = "The ferry company said on Monday that it will take two boats out of service."
    (found,) = evaluate.predict([row(0, text=text)], Silent(), ("summary", "highlights"))
    assert found.valid and found.digest == DigestFields(summary=text, highlights=[])
    assert found.evidence == (Evidence("summary", text, "quoted", "text", 0, len(text)),)


class Wordy(Scripted):
    """Says all that it is asked for, and more than the text gives."""

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        for index, ask in enumerate(asks):
            said = {"summary": "A summary of its own making.", "names": ["Acme"]}
            answer = json.dumps({name: said[name] for name in ask.fields})
            yield Answer(index, answer, "stop", 9, 5)


def test_the_text_says_its_statements_and_the_model_the_rest(rows: list[Row]) -> None:
    (found,) = evaluate.predict(rows[:1], Wordy(), ("summary", "names"))
    assert found.digest == DigestFields(summary=rows[0].text.strip(), names=["Acme"])
    assert [one.statement for one in found.evidence] == [rows[0].text.strip()]


def test_a_bare_model_says_all_of_it_and_gives_no_evidence(rows: list[Row]) -> None:
    (found,) = evaluate.predict(rows[:1], Wordy(), ("summary", "names"), whole=True)
    assert found.digest and found.digest.summary == "A summary of its own making."
    assert found.evidence == ()


def test_predictions_carry_their_evidence_or_none(rows: list[Row], tmp_path: Path) -> None:
    found = evaluate.predict(rows, Wordy(), ("summary", "names"))
    path = tmp_path / "predictions.jsonl"
    predictions.write(path, found)
    assert predictions.read(path) == found and all(one.evidence for one in found)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    bare = [{k: v for k, v in line.items() if k != "evidence"} for line in lines]
    path.write_text("\n".join(map(json.dumps, bare)))
    assert predictions.read(path) == [replace(one, evidence=()) for one in found]
    for wrong in ({"status": "sworn"}, {"start": -1}, {"end": "x"}, {"where": "footnote"}):
        evidence = [lines[0]["evidence"][0] | wrong]
        path.write_text(json.dumps(lines[0] | {"evidence": evidence}))
        with pytest.raises(ConfigError, match="line 1"):
            predictions.read(path)


def test_foreign_predictions(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a", "digest": {"names": ["X"]}}\n{"id": "b", "digest": {"no": 1}}\n')
    assert [p.valid for p in predictions.read(path)] == [True, False]
    path.write_text('{"id": "a", "digest": null}\n' * 2)
    with pytest.raises(ConfigError, match="occurs twice"):
        predictions.read(path)
    path.write_text('{"id": "a"}\n')
    with pytest.raises(ConfigError, match="line 1"):
        predictions.read(path)


def test_table_has_a_column_a_model(rows: list[Row]) -> None:
    table = evaluate.examine(rows, perfect(rows), FIELDS)
    text = evaluate.markdown({"ours": table, "theirs": table})
    assert text.splitlines()[0] == "| metric | ours | theirs |"
    assert "_low" not in text and "| f1_names | 1.000 [1.000, 1.000] |" in text

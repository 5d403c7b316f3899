"""Sheets for judges, and what they say of them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.finetune.evaluate import evaluate
from digest.errors import ConfigError
from digest.schema import DigestFields, Row
from finetune.evaluation import catalogue, predictions, truth
from finetune.evaluation.predictions import Prediction

from ..conftest import row

SAID = "The ferry to Skarholm sails at seven in the morning again."
OTHER = "It costs 40 kroner."
TEXT = f"{SAID} {OTHER} The pier was mended over the winter."


def answered(count: int) -> tuple[list[Row], list[Prediction]]:
    rows = [
        row(n, title="Ferry sails again", text=TEXT, group=f"issue {n // 2}", lang="da")
        for n in range(count)
    ]
    digest = DigestFields(
        title="Ferry sails again", summary=f"{SAID} {OTHER}", highlights=["The pier is new."]
    )
    return rows, [Prediction(one.id, digest) for one in rows]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def put(path: Path, labels: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps({"id": k, "label": v}) + "\n" for k, v in labels.items()))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, list(map(str, arguments)), catch_exceptions=False)


def test_a_sheet_has_a_line_a_statement_and_its_sources_beside_it(tmp_path: Path) -> None:
    rows, answers = answered(2)
    path = tmp_path / "sheet.jsonl"
    assert truth.write_sheet(path, rows, [*answers, Prediction("elsewhere", None)]) == 8
    found = lines(path)
    assert found[0] == {
        "id": "r0#0", "row": "r0", "field": "title", "statement": "Ferry sails again",
        "verbatim": True,
    }  # fmt: skip
    assert [one["field"] for one in found[:4]] == ["title", "summary", "summary", "highlight"]
    assert [one["verbatim"] for one in found[:4]] == [True, True, True, False]
    assert lines(tmp_path / "sheet.sources.jsonl")[1] == {
        "id": "r1", "lang": "da", "title": "Ferry sails again", "text": TEXT
    }  # fmt: skip


def test_a_part_of_the_rows_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    rows, answers = answered(30)
    drawn = []
    for name, order in (("a", answers), ("b", answers[::-1])):
        truth.write_sheet(tmp_path / name, rows, order, 10)
        drawn.append((tmp_path / name).read_text())
    assert drawn[0] == drawn[1]
    assert len(lines(tmp_path / "a.sources.jsonl")) == 10
    truth.write_sheet(tmp_path / "c", rows, answers, 0)
    assert len(lines(tmp_path / "c.sources.jsonl")) == 30
    with pytest.raises(ConfigError, match="nothing to judge"):
        truth.write_sheet(tmp_path / "d", rows, [Prediction("elsewhere", None)])


def test_truth_is_counted_by_field_and_by_answer(tmp_path: Path) -> None:
    rows, answers = answered(4)
    truth.write_sheet(tmp_path / "s.jsonl", rows, answers)
    sheet = truth.read_sheet(tmp_path / "s.jsonl")
    first = put(tmp_path / "a.jsonl", {"r0#3": "true", "r1#3": "false", "r2#3": "Bent"})
    later = put(tmp_path / "b.jsonl", {"r1#3": "true", "r0#1": "bent"})
    labels = truth.read_labels([first, later], sheet)
    found = truth.judge(sheet, labels, {one.id: one.group for one in rows})
    # 12 verbatim ones count as true, but for the one that a judge found bent; r3#3 was not read.
    assert Counter(labels.values()) == {"true": 2, "bent": 2}
    assert found["n"] == 4 and found["groups"] == 2
    assert found["true"] == pytest.approx(13 / 15) and found["bent"] == pytest.approx(2 / 15)
    assert found["true_highlights"] == pytest.approx(2 / 3) and found["false"] == 0
    assert found["true_summary"] == pytest.approx(7 / 8) and found["true_title"] == 1
    assert found["wholly_true"] == 1 / 2  # r1, and r3 as far as it was judged
    assert found["judged"] == pytest.approx(4 / 16) and found["verbatim"] == 3 / 4
    assert found["true_low"] <= found["true"] <= found["true_high"]
    assert {n for n in found if not catalogue.is_bound(n)} <= catalogue.catalogue().keys()
    told = list(truth.described(sheet, labels, found))
    assert told[2].startswith("highlight  n=3 true 0.667 [")
    assert told[3].startswith("all        n=15 true 0.867 [") and "bent 0.133" in told[3]
    assert told[4].startswith("digests wholly true: 0.500 [") and told[4].endswith("of 4")
    assert told[5] == "not judged: 1; verbatim and taken as true unread: 11"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('{"id": "r0#0", "label": "mostly"}', "label 'mostly'"),
        ('{"id": "r9#0", "label": "true"}', "no statement 'r9#0'"),
        ('{"id": "r0#0"}', "label ''"),
        ("[1]", "no JSON object"),
        ("{", "line 1"),
    ],
)
def test_labels_that_are_none(tmp_path: Path, line: str, wrong: str) -> None:
    truth.write_sheet(tmp_path / "s.jsonl", *answered(1))
    (tmp_path / "j.jsonl").write_text(line)
    with pytest.raises(ConfigError, match=wrong):
        truth.read_labels([tmp_path / "j.jsonl"], truth.read_sheet(tmp_path / "s.jsonl"))


def test_a_file_that_is_no_sheet(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text('{"id": "r0#0", "label": "true"}')
    with pytest.raises(ConfigError, match="line 1: no 'row'"):
        truth.read_sheet(tmp_path / "s.jsonl")


def test_from_the_command_line(tmp_path: Path) -> None:
    rows, answers = answered(3)
    (tmp_path / "rows.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in rows))
    predictions.write(tmp_path / "p.jsonl", answers)
    given = ("--data", tmp_path / "rows.jsonl", "--out", tmp_path / "out",
             "--truth-sheet", tmp_path / "s.jsonl")  # fmt: skip
    done = run(*given, "--engine", f"file:{tmp_path}/p.jsonl", "--no-report", "--sheet-rows", 2)
    assert "8 statements to judge" in done.output
    assert len(lines(tmp_path / "s.sources.jsonl")) == 2
    read = sorted({one["row"] for one in lines(tmp_path / "s.jsonl")})
    judged = put(tmp_path / "j.jsonl", {f"{read[0]}#3": "false", f"{read[1]}#3": "true"})
    before = (tmp_path / "s.jsonl").read_text()
    done = run(*given, "--judged", judged, "--engine", "file:nowhere.jsonl")  # nobody is asked
    assert "all        n=8 true 0.875" in done.output and "false 0.125" in done.output
    assert (tmp_path / "s.jsonl").read_text() == before
    assert json.loads((tmp_path / "out" / "truth.json").read_text())["wholly_true"] == 1 / 2
    with pytest.raises(ConfigError, match="--truth-sheet"):
        run("--data", tmp_path / "rows.jsonl", "--out", tmp_path, "--judged", judged)

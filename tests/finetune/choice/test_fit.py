"""Fitting the choice: labels over sentences, agreement, a fit that learns, the shipped weights."""

import json
import random
from pathlib import Path

import pytest

from digest.quote import choice
from digest.quote.sentences import Sentence
from finetune.choice import fit, labels
from finetune.choice.measures import agreement, calibration, table

SHARED = Path(__file__).parents[4] / "shared" / "data"
DATA, QUOTES = SHARED / "digests" / "train.jsonl", SHARED / "quotes" / "quotes.jsonl"
# Macro F1 on the held-out groups. Before two more guards of 28 November 2026: .6229 and .576.
REACHED = {"chosen": 0.6177, "summary": 0.5714}
SLACK = 0.005


def place(start: int, end: int, kind: str = "prose") -> Sentence:
    return Sentence(start, end, 0, kind)  # type: ignore[arg-type]


def test_a_place_cut_by_other_rules_stands_for_what_it_mostly_covers():
    cut = [place(0, 40), place(41, 80), place(81, 120)]
    assert labels.over(cut, (41, 80)) == [1]
    assert labels.over(cut, (0, 80)) == [0, 1]
    assert labels.over(cut, (41, 95)) == [1]
    assert labels.over(cut, (85, 90)) == [2]  # a piece of a sentence that is now whole


def test_a_heading_that_the_place_took_along_was_not_chosen():
    cut = [place(0, 10, "heading"), place(11, 60)]
    assert labels.over(cut, (0, 60)) == [1]
    assert labels.over(cut, (0, 10)) == [0]


def test_agreement_counts_documents_and_sentences():
    found = agreement([{0, 1}, {3}], [{0, 2}, {3}], ["a", "b"])
    assert found.macro == pytest.approx(0.75)
    assert found.micro == pytest.approx(4 / 6)
    assert (found.precision, found.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert found.macro_interval[0] <= found.macro <= found.macro_interval[1]


def test_calibration_is_the_gap_between_said_and_was():
    error, bins = calibration([0.2] * 10 + [0.8] * 10, [False] * 10 + [True] * 10, bins=2)
    assert error == pytest.approx(0.2)
    assert bins == [(pytest.approx(0.2), 0.0, 10), (pytest.approx(0.8), 1.0, 10)]


def written(folder: Path, count: int) -> tuple[Path, Path]:
    """Rows in which the editor always takes the sentences that name a sum."""
    chance = random.Random(7)
    rows, picks = [], []
    for n in range(count):
        said = [
            f"The ministry number {n} spends {chance.randint(2, 90)} million euros on harbours.",
            f"Nobody walked along the river number {n} in the grey morning.",
            f"A dog slept beside the gate of house number {n} all day.",
            f"Trees stood around the square number {n} as they always had.",
        ]
        chance.shuffle(said)
        text = " ".join(said)
        start = text.index("The ministry")
        end = start + len(next(one for one in said if one.startswith("The")))
        name = f"r{n}"
        rows.append({"id": name, "group": name, "lang": "en", "title": "", "text": text})
        picks.append(
            {"id": name, "headline_ok": True, "headline": "", "summary": [[start, end]]}
            | {"highlights": []}
        )
    for file, several in (("rows.jsonl", rows), ("picks.jsonl", picks)):
        (folder / file).write_text("".join(json.dumps(one) + "\n" for one in several), "utf-8")
    return folder / "rows.jsonl", folder / "picks.jsonl"


def test_a_fit_learns_what_the_editor_takes_and_says_on_what(tmp_path, capsys):
    data, quotes = written(tmp_path, 60)
    out = tmp_path / "weights.json"
    fit.main(["--data", str(data), "--quotes", str(quotes), "--out", str(out), "--no-folds"])
    said = json.loads(out.read_text("utf-8"))
    assert said["rows"] + said["held_out_rows"] == 60
    assert "held out guarded  summary" in capsys.readouterr().out
    model = choice.Weights.read(said)
    held = [one for one in labels.read(data, quotes) if one.validation]
    for document in held:
        scores, _ = model.probabilities(document.found)
        assert {scores.index(max(scores))} == document.chosen
    assert said["f1"]["free"]["macro"] > 0.6


def test_the_same_rows_give_the_same_weights(tmp_path):
    documents = labels.read(*written(tmp_path, 30))
    one, two = (fit.Fitter(documents, fit.Settings(bits=10)).fit(range(30)) for _ in range(2))
    assert one == two


@pytest.mark.skipif(not QUOTES.exists(), reason="the editor's choices are not beside the checkout")
def test_the_shipped_weights_choose_as_well_as_measured_on_groups_they_never_saw():
    held = labels.read(DATA, QUOTES, held_out=True)
    assert held
    found = [fit.chosen(choice.weights(), one, guarded=True) for one in held]
    measured = table(held, [(one.summary, one.highlights) for one in found])
    for name, reached in REACHED.items():
        assert measured[name].macro >= reached - SLACK, name

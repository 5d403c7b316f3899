"""Heads fitted on a few rows of our own learn what those rows say, and keep their own out."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cli.main import main
from digest.errors import ConfigError
from digest.schema import DigestFields, Row
from digest.tags.heads import Heads
from digest.tags.likeness import BOTH, VECTOR, WORDS
from finetune.evaluation.engines import open_engine
from finetune.heads.examine import cross_validate
from finetune.heads.fit import fit
from finetune.heads.likeness import RIDGE
from finetune.heads.likeness import fit as fit_likeness
from finetune.heads.rows import Rows

FERRY, BREAD = "Electric Ferry", "Rye Bread"
SHIPS = ("Varnholm", "Keelworks", "Brightwater", "Norrpier")
BAKERS = ("Kornhus", "Millstone", "Surdeg", "Ovnly")


def _rows(many: int = 32) -> list[Row]:
    rows = []
    for n in range(many):
        ship = n % 2 == 0
        name = (SHIPS if ship else BAKERS)[n // 2 % 4]
        text = (
            f"The yard {name} tested a ferry with batteries on the harbour line for {n} days. "
            "The vessel carried passengers and charged at the pier."
            if ship
            else f"The bakery {name} sells rye bread with {n} seeds at the old market. "
            "The loaf rests overnight and is baked in a stone oven."
        )
        digest = DigestFields(
            names=[name],
            domains=["transport"] if ship else ["food"],
            relevance_score=9 if ship else 2,
            key_insights=[FERRY] if ship else [BREAD],
            company_names=[name],
        )
        rows.append(
            Row(id=str(n), group=f"g{n // 4}", title=f"News of {name}", text=text, digest=digest)
        )
    return rows


@pytest.fixture(scope="module")
def rows() -> Rows:
    made = _rows()
    noise = np.random.default_rng(0).normal(0, 0.1, (len(made), 8))
    noise[::2, 0] += 1
    noise[1::2, 1] += 1
    return Rows(made, noise / np.linalg.norm(noise, axis=1, keepdims=True))


@pytest.fixture(scope="module")
def heads(rows: Rows) -> Heads:
    facts, arrays = fit(rows, range(len(rows.rows)))
    return Heads.of(json.loads(json.dumps(facts)), arrays)


@pytest.mark.parametrize("vector", [None, [1.0] + [0.0] * 7])
def test_what_the_rows_say_is_learnt(heads: Heads, vector: Sequence[float] | None) -> None:
    found = heads.tag(
        "News of Keelworks", "Keelworks tested a ferry with batteries at the pier.", vector=vector
    )
    assert found.domains == ("transport",)
    assert found.key_insights[0] == FERRY
    assert found.relevance_score == 9
    assert found.company_names == ("Keelworks",)
    assert found.encoded == (vector is not None)


def test_cross_validation_finds_it_too(rows: Rows) -> None:
    said = cross_validate(rows, range(0, len(rows.rows), 2))
    assert [one.id for one in said] == [str(n) for n in range(0, len(rows.rows), 2)]
    right = [one.digest and one.digest.domains == ["transport"] for one in said]
    assert sum(map(bool, right)) >= 13


def test_a_group_is_scored_without_itself(rows: Rows) -> None:
    """The closed form agrees with leaving the group out and fitting again."""
    ready = rows.rows
    labels = np.array([[float(n % 2 == 0), n / 50] for n in range(len(ready))])
    whole = fit_likeness(ready, rows.vectors, labels)
    assert set(whole.scores) == set(RIDGE) == {WORDS, VECTOR, BOTH}
    assert rows.vectors is not None
    centre = rows.vectors.mean(0)
    units = rows.vectors - centre
    units /= np.linalg.norm(units, axis=1, keepdims=True) + 1e-9
    units = np.round(units * 127) / 127
    kernel = units @ units.T
    out = [n for n, one in enumerate(ready) if one.row.group == "g3"]
    kept = [n for n in range(len(ready)) if n not in out]
    moved = labels - labels.mean(0)
    coefficients = np.linalg.solve(
        kernel[np.ix_(kept, kept)] + RIDGE[VECTOR] * np.eye(len(kept)), moved[kept]
    )
    again = kernel[np.ix_(out, kept)] @ coefficients + labels.mean(0)
    assert np.allclose(whole.scores[VECTOR][out], again, atol=1e-8)


def test_served_scores_are_those_that_were_fitted(rows: Rows, heads: Heads) -> None:
    """The pure Python of `digest.tags` computes the kernels that numpy fitted on."""
    assert rows.vectors is not None
    row = rows.rows[5].row
    found = heads.likeness.kernels(row.title, row.text, rows.vectors[5].tolist())
    assert found[WORDS][5] == pytest.approx(1, abs=0.02)
    assert found[VECTOR][5] == pytest.approx(1, abs=0.02)
    assert max(range(len(rows.rows)), key=found[BOTH].__getitem__) == 5


def test_rows_without_labels_fit_too(rows: Rows) -> None:
    bare = Rows([row.model_copy(update={"digest": DigestFields()}) for row in _rows()])
    found = Heads.of(*fit(bare, range(len(bare.rows)))).tag("News of Keelworks", "A ferry sails.")
    assert found.domains == found.key_insights == found.company_names == ()
    with pytest.raises(ConfigError):
        fit(rows, range(3))


def test_the_command_writes_heads_that_the_engine_reads(tmp_path: Path) -> None:
    data, out = tmp_path / "rows.jsonl", tmp_path / "mine.zip"
    data.write_text("".join(f"{row.model_dump_json()}\n" for row in _rows()), "utf-8")
    done = CliRunner().invoke(
        main,
        ["finetune", "heads", "--data", str(data), "--out", str(out), "--no-encoder", "--json"],
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["rows"] == 32
    assert told["encoder"] is False
    engine = open_engine(f"heads:{out}", Path())
    try:
        assert engine.model == "heads"
    finally:
        engine.close()

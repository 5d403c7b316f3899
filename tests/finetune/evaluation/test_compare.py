"""Several models through one comparison: all pairs, their statistics, and what each took."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.finetune.evaluate import compare
from digest.errors import ConfigError
from finetune.config import Config
from finetune.evaluation import effort, stats

from ..conftest import row

LOG = [
    {"event": "start", "threads": 1},
    {"step": 1, "tokens": 1_500_000, "elapsed": 30.0},
    {"step": 2, "tokens": 500_000, "elapsed": 90.0},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rows; the predictions of three models, the first two alike; the run of one of them."""
    rows = [row(n, digest={"relevance_score": 1 + n % 10, "names": ["Acme"]}) for n in range(40)]
    lines = [json.dumps(r.model_dump(exclude_none=True)) for r in rows]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    for name, off in (("one", 0), ("two", 0), ("far", 3)):
        told = [
            {
                "id": r.id,
                "digest": {
                    "relevance_score": 1 + ((r.digest.relevance_score or 0) - 1 + off) % 10,
                    "names": ["Acme"] if n % 5 or off else [],
                },
            }
            for n, r in enumerate(rows)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, told)))
    run = tmp_path / "run"
    (run / "data").mkdir(parents=True)
    (run / "data" / "facts.json").write_text("{}")
    (run / "config.json").write_text(Config().model_dump_json())
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, LOG)))
    return tmp_path


def run(folder: Path, *extra: object) -> str:
    files = [f"{name}={folder / name}.jsonl" for name in ("one", "two", "far")]
    words = [*files, "--data", folder / "rows.jsonl", "--out", folder / "out", *extra]
    fields = ["--fields", "relevance_score,names"]
    done = CliRunner().invoke(compare, list(map(str, [*words, *fields])), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def results(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    told = json.loads((folder / "out" / "comparison.json").read_text())
    return {(v["ours"], v["theirs"]): {t["metric"]: t for t in v["tests"]} for v in told}


def test_all_pairs_with_every_statistic(folder: Path) -> None:
    said = run(folder, "--pairs", "all")
    found = results(folder)
    assert list(found) == [("one", "two"), ("one", "far"), ("two", "far")]
    same = found["one", "two"]["relevance_mae"]
    assert (same["won"], same["tied"], same["lost"]) == (0, 40, 0)
    assert same["p"] == 1 and same["p_t"] is None and same["better"] == "not told apart"
    far = found["one", "far"]["relevance_mae"]
    # An error is better where it is smaller: the first wins on every row.
    assert (far["won"], far["tied"], far["lost"], far["better"]) == (40, 0, 0, "one")
    names = found["one", "far"]["f1_names"]
    assert (names["won"], names["tied"], names["lost"]) == (0, 32, 8)
    assert {"p", "p_holm", "p_t", "p_wilcoxon", "d", "delta", "low", "high", "detectable"} <= set(
        names
    )
    # Holm counts the tests of all three pairs.
    values = [t["p"] for pair in found.values() for t in pair.values()]
    corrected = [t["p_holm"] for pair in found.values() for t in pair.values()]
    assert corrected == pytest.approx(stats.holm(values))
    assert "one against far:" in said and "two against far:" in said and "won 40-0-0" in said
    page = (folder / "out" / "report.md").read_text()
    assert page.count("| won, tied, lost | detectable |") == 3


def test_the_first_against_each_is_the_default(folder: Path) -> None:
    run(folder, "--no-report")
    assert list(results(folder)) == [("one", "two"), ("one", "far")]


def test_what_the_models_took(folder: Path) -> None:
    run(folder, "--run", f"two={folder / 'run'}", "--price", "two=0.40/Mtok")
    one, two, _ = json.loads((folder / "out" / "effort.json").read_text())
    assert one["tokens"] is None and one["cost"] is None
    lines = (folder / "one.jsonl").read_text().splitlines()
    lengths = [len(json.dumps(json.loads(x)["digest"], separators=(",", ":"))) for x in lines]
    assert one["characters"] == pytest.approx(np.mean(lengths))
    assert one["characters_sd"] == pytest.approx(np.std(lengths))
    assert (two["backend"], two["steps"], two["tokens"]) == ("peft", 2, 2_000_000)
    assert two["seconds"] == 90 and two["cost"] == pytest.approx(0.8)
    page = (folder / "out" / "report.md").read_text()
    assert "| 2,000,000 | 22222 | 1.50 | 0.8000 |" in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--run", "nobody=x"], "no predictions are named 'nobody'"),
        (["--price", "one=1/h"], "needs its run"),
        (["--run", "one"], "is not NAME=VALUE"),
    ],
)
def test_names_that_nobody_has_are_errors(folder: Path, words: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        run(folder, "--no-report", *words)


def test_prices() -> None:
    assert effort.Price.parse("2.5/h").of(10**9, 1800) == pytest.approx(1.25)
    with pytest.raises(ConfigError, match=r"0\.4/Mtok"):
        effort.Price.parse("cheap")


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=60))
def test_paired_t_and_counts(values: list[int]) -> None:
    """Against scipy's own test of the two samples."""
    from scipy.stats import ttest_rel

    gaps = np.array(values, float)
    ours = stats.Ratio.mean(list(gaps))
    found = stats.compare("x", ours, stats.Ratio.mean([0.0] * len(values)))
    assert found.above + found.equal + found.below == len(values)
    if gaps.std() > 0:
        assert found.p_t == pytest.approx(float(ttest_rel(gaps, 0 * gaps).pvalue))
    else:
        assert np.isnan(found.p_t)


def test_the_detectable_difference_is_found_in_four_of_five_tries() -> None:
    """Drawn anew a thousand times, a true difference of that size is significant in about 80 %."""
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(0)
    size = stats.detectable(rng.normal(0, 2, 100_000)[:96])
    draws = rng.normal(size, 2, (1000, 96))
    share = float((ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean())
    assert 0.72 < share < 0.88

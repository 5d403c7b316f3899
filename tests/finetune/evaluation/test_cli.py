"""`evaluate` and `compare` from the command line, and the page they draw."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.finetune.evaluate import compare, evaluate
from digest.errors import ConfigError
from digest.schema import Row
from finetune import plots
from finetune.evaluation import catalogue, report
from finetune.evaluation.engines import Named, open_engine
from finetune.evaluation.evaluate import hold
from finetune.evaluation.predictions import Prediction

from ..conftest import row

DOCS = Path(__file__).parents[3] / "docs" / "evaluation.md"


def run(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 rows, and the predictions of a good model and of one that collapsed."""
    where = tmp_path_factory.mktemp("exam")
    rows = []
    for number in range(32):
        digest = {
            "title": f"Acme opens plant number {number}",
            "summary": f"Acme opened its plant {number} in Ghent on Monday, it said.",
            "highlights": [f"Acme opened plant {number} in Ghent on Monday."],
            "names": ["Acme", "Ghent"],
            "domains": ["business"],
            "relevance_score": 1 + number % 10,
            "key_insights": ["Company News"] if number % 3 else [],
            "company_names": ["Acme"],
        }
        kind, lang = ("news", "en") if number % 2 else ("blog", "de")
        rows.append(row(number, digest=digest, kind=kind, lang=lang))
    dump = [json.dumps(r.model_dump(exclude_none=True)) for r in rows]
    (where / "rows.jsonl").write_text("\n".join(dump))
    good, bad = [], []
    for r in rows:
        value = r.digest.as_dict()
        good.append({"id": r.id, "digest": value | {"key_insights": ["Company News"]}})
        same = value | {
            "title": "This is a title", "names": ["Nobody"], "relevance_score": 5,
            "summary": "This is a summary of the plant and the town and so on.",
        }  # fmt: skip
        bad.append({"id": r.id, "digest": None if r.id == "r7" else same})
    choices = [
        {"id": r.id, "headline_ok": False, "headline": "", "summary": [[0, r.text.index(".") + 1]],
         "highlights": []} for r in rows
    ]  # fmt: skip
    (where / "quotes.jsonl").write_text("\n".join(map(json.dumps, choices)))
    for name, lines in (("good", good), ("bad", bad[:-2])):
        (where / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return where


@pytest.fixture(scope="module")
def compared(folder: Path) -> Path:
    out = folder / "out"
    done = run(
        compare, f"good one={folder}/good.jsonl", f"{folder}/bad.jsonl",
        "--data", folder / "rows.jsonl", "--out", out, "--quotes", folder / "quotes.jsonl",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "better: good one" in done.output and "n                        32" in done.output
    return out


def test_the_first_is_examined_and_the_others_are_beside_it(compared: Path, folder: Path) -> None:
    ours = json.loads((compared / "metrics.json").read_text())
    (beside,) = (compared / "against").iterdir()
    theirs = json.loads((beside / "metrics.json").read_text())
    assert ours["valid"] == 1 and theirs["valid"] == 29 / 32 and theirs["answered"] == 30 / 32
    assert len((compared / "predictions.jsonl").read_text().splitlines()) == 32
    (versus,) = json.loads((compared / "comparison.json").read_text())
    tests = {test["metric"]: test for test in versus["tests"]}
    assert tests["f1_names"]["difference"] == 1 and tests["f1_names"]["p_holm"] < 0.01
    assert tests["relevance_mae"]["difference"] < 0


def test_every_name_is_in_the_catalogue_and_the_docs_hold_it(compared: Path) -> None:
    written = json.loads((compared / "metrics.json").read_text())
    names = {name for name in written if not catalogue.is_bound(name)}
    known = catalogue.catalogue().keys()
    assert names <= known
    # What only engines that count tokens, a second asking, an encoder, or judges can tell.
    optional = {n for n in known if n.startswith(("bertscore_", "tokens_"))}
    optional |= {"valid_unconstrained", "finished", "cut", "judged", "wholly_true"}
    optional |= {n for n in known if n.startswith(("true", "bent", "false"))}
    assert known - names == optional
    assert catalogue.markdown() in DOCS.read_text("utf-8"), (
        "docs/evaluation.md lacks the table that finetune.evaluation.catalogue.markdown() gives"
    )


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_the_page_holds_everything(compared: Path) -> None:
    page, text = ((compared / f"report.{kind}").read_text("utf-8") for kind in ("html", "md"))
    reader = Links()
    reader.feed(page)
    pictures = {path.stem for path in (compared / "pictures").iterdir()}
    assert pictures == {p.name for p in plots.PICTURES} - {"bertscore"}
    assert len(reader.found) == len(pictures)
    assert all(link.startswith("data:image/png;base64,") for link in reader.found)
    linked = set(re.findall(r"\]\((pictures/\w+\.png)\)", text))
    assert linked == {f"pictures/{name}.png" for name in pictures}
    assert "| f1_names | 1.000 [1.000, 1.000] | 0.000 [0.000, 0.000] |" in text
    assert "| written | 0.667 [0.667, 0.667] | 0.667 [0.667, 0.667] |" in text
    assert "editor's choice: quotes.jsonl, SHA-256" in text


def test_common_rows_only(folder: Path, tmp_path: Path) -> None:
    done = run(
        compare, folder / "good.jsonl", folder / "bad.jsonl", "--data", folder / "rows.jsonl",
        "--out", tmp_path, "--common", "--no-report", "--json", "--fields", "names",
    )  # fmt: skip
    assert json.loads(done.stdout)["n"] == 30
    assert not (tmp_path / "report.md").exists()


def test_few_rows_have_no_headline(folder: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join((folder / "rows.jsonl").read_text().splitlines()[:9]))
    done = run(compare, folder / "good.jsonl", "--data", few, "--out", tmp_path / "out")
    assert "too few rows" in done.output and "f1" not in done.output
    text = (tmp_path / "out" / "report.md").read_text()
    assert "## No headline" in text and "## Headline" not in text


def test_engines_baselines_and_files_side_by_side(folder: Path, tmp_path: Path) -> None:
    done = run(
        evaluate, "--data", folder / "rows.jsonl", "--engine", "extractive",
        "--engine", "copy=baseline:lead", "--engine", f"file:{folder}/good.jsonl",
        "--fields", "title,relevance_score", "--out", tmp_path, "--no-report",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    first = json.loads((tmp_path / "predictions.jsonl").read_text().splitlines()[0])
    assert set(first["digest"]) == {"title", "relevance_score"} and first["valid"]
    assert (tmp_path / "against" / "copy" / "metrics.json").is_file()
    assert "against copy" in done.output


def test_baselines_learn_from_the_other_side_of_the_split(folder: Path, tmp_path: Path) -> None:
    done = run(
        evaluate, "--data", folder / "rows.jsonl", "--engine", "baseline:constant",
        "--held-out", "--out", tmp_path, "--no-report", "--json",
    )  # fmt: skip
    assert 0 < json.loads(done.stdout)["n"] < 16
    with pytest.raises(ConfigError, match="--held-out"):
        run(
            evaluate, "--data", folder / "rows.jsonl", "--engine", "baseline:constant",
            "--out", tmp_path,
        )  # fmt: skip


def test_answers_are_kept_when_a_later_engine_fails(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the predictions"):
        run(
            evaluate, "--data", folder / "rows.jsonl", "--engine", "extractive",
            "--engine", "file:nowhere.jsonl", "--out", tmp_path,
        )  # fmt: skip
    assert len((tmp_path / "predictions.jsonl").read_text().splitlines()) == 32


def test_two_engines_of_one_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NAME=SPEC"):
        run(
            compare, folder / "good.jsonl", folder / "good.jsonl",
            "--data", folder / "rows.jsonl", "--out", tmp_path,
        )  # fmt: skip


def test_names_and_specs() -> None:
    assert Named.parse("my model=gguf:a=b.gguf") == Named("my model", "gguf:a=b.gguf")
    assert Named.parse("file:/x/a=b.jsonl").name == "file:/x/a=b.jsonl"
    free = Named.parse("m=embedded").unconstrained()
    assert free.spec == "embedded?grammar=off" and not free.constrained
    with pytest.raises(ConfigError, match="grammar"):
        Named.parse("extractive").unconstrained()


@pytest.mark.parametrize("spec", ["magic", "ollama?grammar=off", "baseline:", "gguf", "peft"])
def test_specs_that_are_none(spec: str) -> None:
    with pytest.raises(ConfigError, match="there are embedded"):
        open_engine(spec, Path())


def test_content_cannot_write_into_the_page(tmp_path: Path) -> None:
    rows: list[Row] = [row(1, id="![x](http://evil/)<b>")]
    exam = hold("<script>", rows, [Prediction(rows[0].id, rows[0].digest)])
    page = report.write(tmp_path, [exam], [], {"rows": "[a](b)"}).read_text("utf-8")
    assert "<script>" not in page and 'href="' not in page and "<b>" not in page
    assert 'src="http' not in page

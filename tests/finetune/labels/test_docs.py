"""Every command of docs/labels.md, run in its order."""

import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from finetune.data.encoding import read
from finetune.labels.labelled import stream

from .conftest import document, told

PAGE = Path(__file__).parents[3] / "docs" / "labels.md"


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [shlex.split(line) for block in blocks
            for line in block.replace("\\\n", " ").splitlines()]  # fmt: skip


def run(*words: str) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, f"{words}: {result.output}"
    return result.output


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    records = [document(number) for number in range(3)]
    Path("articles.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")
    Path("notes").mkdir()
    Path("notes/plant.md").write_text(f"# A plant in Cork\n\n{told(5)}\n", "utf-8")
    run("fetch", "--source", "folder:notes", "--since", "52w", "--ledger", "ledger.db")
    for program, *words in commands():
        assert program == "digest"
        if "--no-open" in words:
            served(words)
        else:
            run(*words)
    assert len(list(stream(Path("documents.jsonl")))) == 4
    assert [row.title for row in stream(Path("mine.jsonl"))] == ["A plant in Cork"]
    rows, _ = read(Path("rows.jsonl"))
    assert len(rows) == 4 and {row.digest.asked() for row in rows} == {("summary", "names")}
    (prepare,) = re.findall(r"`digest (finetune prepare [^`]+)`", PAGE.read_text("utf-8"))
    run(*shlex.split(prepare))


def served(words: list[str]) -> None:
    """A command that serves a page until it is told to end."""
    code = "import sys; from cli.main import main; main()"
    page = subprocess.Popen(
        [sys.executable, "-c", code, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert page.stderr and page.stdout
    address = page.stderr.readline().removeprefix("review: ").strip()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    assert b"<title>Review</title>" in opener.open(address, timeout=60).read()
    page.send_signal(signal.SIGTERM)
    assert "4 open" in page.communicate(timeout=60)[0] and page.returncode == 0

"""No report of nothing, unless asked: then one a day, and an outage still ends with 75."""

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

DIGEST = Path(sys.executable).with_name("digest")


@pytest.fixture
def home(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "old.eml").write_text(
        "Subject: Last year\nDate: 1 Nov 2025 06:00:00 +0000\n\nOld news."
    )
    (tmp_path / "digest.toml").write_text(
        'source = ["folder:notes"]\nengine = "extractive"\nledger = "l.db"\n'
        '[http]\nallow = ["127.0.0.1:1"]\n'
    )
    return tmp_path


def run(home, *words, check=0):
    done = subprocess.run(
        [DIGEST, "run", "--json", *words],
        cwd=home, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == check, done.stdout + done.stderr
    return json.loads(done.stdout)


def reports(home):
    return sorted((home / "reports").glob("*.md"))


def a_day_passes(home):
    time.sleep(1)  # a report of nothing is known by its second: this day must not pass in one
    with sqlite3.connect(home / "l.db") as ledger:
        ledger.execute("UPDATE reports SET added = datetime(added, '-1 day') || '+00:00'")


def test_a_day_without_news(home):
    assert run(home)["report"] is None and reports(home) == []
    made = run(home, "--empty-report")
    assert made["report"]["documents"] == 0 and made["engine"] == ""
    [report] = reports(home)
    assert "0 stories" in report.read_text("utf-8")
    again = run(home, "--empty-report")
    assert again["report"] is None and again["deliveries"] == []

    a_day_passes(home)
    toml = home / "digest.toml"
    toml.write_text("empty_report = true\n" + toml.read_text())
    assert run(home)["report"]["documents"] == 0
    assert run(home)["report"] is None and len(reports(home)) == 2

    (home / "notes" / "a.md").write_text("# Dam\n\nA dam broke in the Vale of Oron.\n")
    assert run(home)["report"]["documents"] == 1, "what is new is told, whatever was told today"
    assert run(home)["report"] is None and len(reports(home)) == 3


def test_an_outage_is_told_and_tried_again(home):
    down = ("--source", "feed:http://127.0.0.1:1/x", "--empty-report")
    made = run(home, *down, check=75)
    assert made["report"]["documents"] == 0
    [report] = reports(home)
    assert "feed:http://127.0.0.1:1/x" in report.read_text("utf-8")
    assert run(home, *down, check=75)["report"] is None

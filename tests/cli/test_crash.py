"""Kill the real process at random points; the run after the last kill must leave one true state."""

import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from digest.storage.ledger import Ledger

ROOT = Path(__file__).parents[2]
KILLS = 50
TIMEOUT = 1200  # seconds; a loaded machine is slow to be killed fifty times


def command(folder: Path) -> list[str]:
    return [
        str(Path(sys.executable).with_name("digest")), "-v", "run",
        "--source", f"mailbox:{folder / 'inbox'}", "--since", "2026-11-01",
        "--engine", "extractive", "--out", str(folder / "reports"),
        "--ledger", str(folder / "ledger.db"),
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "examples" / "inbox", tmp_path / "inbox")
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT)
def test_fifty_kills_lose_nothing_and_repeat_nothing(folder):
    began = time.monotonic()
    whole = subprocess.run(
        [*command(folder)[:-1], str(folder / "reference.db")], capture_output=True, check=True
    )
    duration = time.monotonic() - began
    assert whole.returncode == 0
    shutil.rmtree(folder / "reports")

    chance = random.Random(20261121)
    log, kills = "", 0
    while kills < KILLS:
        process = subprocess.Popen(
            command(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        # Anywhere between the start and the end of what a whole run takes.
        try:
            out, _ = process.communicate(timeout=chance.uniform(0.0, duration))
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            kills += 1
            log += out
            continue
        # It came through: begin again from nothing, so that every stage gets its kills.
        _assert_true_state(folder, log + out)
        _start_again(folder)
        log = ""
    last = subprocess.run(command(folder), capture_output=True, text=True, check=True)
    _assert_true_state(folder, log + last.stderr)


def _start_again(folder: Path) -> None:
    for path in folder.glob("ledger.db*"):
        path.unlink()
    shutil.rmtree(folder / "reports", ignore_errors=True)


def _assert_true_state(folder: Path, log: str) -> None:
    kept = Counter(re.findall(r"kept the digest of (\w+)", log))
    assert kept, "the log does not tell what was digested"
    assert [key for key, times in kept.items() if times > 1] == [], "an item was digested twice"
    with Ledger(folder / "ledger.db") as mine, Ledger(folder / "reference.db") as reference:
        assert mine.integrity() == []
        assert mine.documents() == reference.documents()
        assert mine.documents(unreported=True) == []
        assert mine.counts() == reference.counts()
        assert mine.outbox() == []
        [delivery] = mine.outbox(undelivered=False)
        report = mine.report()
        assert report is not None
        assert Path(delivery.target).read_text("utf-8") == report.markdown
    assert len(list((folder / "reports").glob("*.md"))) == 1
    assert len(list((folder / "reports").glob("*.html"))) == 1

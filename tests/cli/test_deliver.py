"""The outbox as its user sees it: what waits, why, how often it was tried; and the way out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DIGEST = Path(sys.executable).with_name("digest")


@pytest.fixture
def home(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# Dam\n\nA dam broke in the Vale of Oron.\n")
    (tmp_path / "digest.toml").write_text(
        'source = ["folder:notes"]\ndeliver = ["smtp:me@example.com", "folder:elsewhere"]\n'
        'engine = "extractive"\nledger = "l.db"\n'
        '[smtp]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\nsender = "d@example.com"\n'
    )
    return tmp_path


def digest(home, *words, check=0):
    done = subprocess.run(
        [DIGEST, *words], cwd=home, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == check, done.stdout + done.stderr
    return done


def test_one_sink_that_is_down_holds_up_no_other_and_is_tried_again(home):
    done = digest(home, "run", check=75)
    [said] = [line for line in done.stderr.splitlines() if "smtp:" in line]
    assert "run `digest deliver` later" in said
    assert len(list((home / "elsewhere").glob("*.md"))) == 1
    digest(home, "deliver", check=75)

    rows = json.loads(digest(home, "deliver", "--status", "--json").stdout)["deliveries"]
    states = {row["sink"]: (row["state"], row["attempts"]) for row in rows}
    assert states == {
        "folder:reports": ("done", 1),
        "folder:elsewhere": ("done", 1),
        "smtp:me@example.com": ("sending", 2),
    }
    shown = digest(home, "deliver", "--status").stdout.splitlines()
    [waiting] = [line for line in shown if "smtp:me@example.com" in line]
    assert "sending  2 attempts" in waiting and "cannot send by 127.0.0.1:1" in waiting
    assert len(shown) == 3 and len(list((home / "elsewhere").glob("*.md"))) == 1

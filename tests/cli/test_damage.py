"""What breaks on people's disks is said in a sentence, and what can be mended is mended."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from digest.storage.ledger import Ledger

DIGEST = Path(sys.executable).with_name("digest")


@pytest.fixture
def home(tmp_path):
    (tmp_path / "notes").mkdir()
    for number in range(30):
        text = (
            f"# Dam {number}\n\nA dam broke in the Vale of Oron. " + f"Water rose {number}. " * 80
        )
        (tmp_path / "notes" / f"{number}.md").write_text(text)
    (tmp_path / "digest.toml").write_text(
        'source = ["folder:notes"]\nengine = "extractive"\nledger = "l.db"\n'
    )
    digest(tmp_path, "run")
    return tmp_path


def digest(home, *words, check=0):
    done = subprocess.run(
        [DIGEST, *words], cwd=home, capture_output=True, text=True, check=False, timeout=300
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == check, done.stdout + done.stderr
    return done


def spoil(path):
    """Overwrite every third page after the first: tables and indexes alike."""
    raw = bytearray(path.read_bytes())
    for page in range(4, len(raw) // 4096, 3):
        raw[page * 4096 : page * 4096 + 4096] = b"\x5a" * 4096
    path.write_bytes(raw)


def test_a_damaged_ledger_is_told_repaired_and_used_again(home):
    before = (home / "l.db").stat().st_size
    spoil(home / "l.db")
    checks = json.loads(digest(home, "doctor", "--json", check=1).stdout)["checks"]
    [found] = [one for one in checks if one["name"] == "ledger"]
    assert found["state"] == "bad" and "digest doctor --repair" in found["found"]
    for words in (["run"], ["search", "water"], ["report", "--last"], ["deliver", "--status"]):
        done = subprocess.run(
            [DIGEST, *words], cwd=home, capture_output=True, text=True, check=False, timeout=300
        )
        assert "Traceback" not in done.stderr

    checks = json.loads(digest(home, "doctor", "--repair", "--json").stdout)["checks"]
    assert "saved" in checks[0]["found"]
    assert [one["state"] for one in checks if one["name"] == "ledger"] == ["ok"]
    [kept] = [one for one in home.glob("l.db.damaged-*") if not one.name.endswith(("-wal", "-shm"))]
    assert kept.stat().st_size == before
    outcome = json.loads(digest(home, "run", "--json").stdout)
    with Ledger(home / "l.db") as book:
        assert book.counts()["documents"] == 30, "what was lost is read again"
    assert outcome["fetched"]["new"] + outcome["fetched"]["known"] == 30
    assert "nothing was changed" in digest(home, "doctor", "--repair").stdout


def test_a_backup_brings_everything_back(home):
    said = json.loads(digest(home, "backup", "kept/l.db", "--json").stdout)
    assert said["bytes"] == (home / "kept" / "l.db").stat().st_size
    spoil(home / "l.db")
    shutil.copyfile(home / "kept" / "l.db", home / "l.db")
    outcome = json.loads(digest(home, "run", "--json").stdout)
    assert outcome["fetched"] == {"new": 0, "known": 30, "skipped": 0, "failures": [], "skips": []}
    assert "itself" in digest(home, "backup", "l.db", check=2).stderr


def test_a_lock_in_a_folder_that_cannot_be_used(home):
    (home / "file").write_text("no folder")
    done = digest(home, "run", "--ledger", "file/l.db", check=1)
    assert "cannot lock the ledger" in done.stderr


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("out = 'Bücher'\n".encode("latin-1"), "is not UTF-8"),
        ("out = 'x'\n".encode("utf-16"), "UTF-16"),
        (b"\xef\xbb\xbfsource = ['folder:notes'\n", "digest.toml"),
    ],
)
def test_a_configuration_that_cannot_be_read(home, raw, said):
    (home / "digest.toml").write_bytes(raw)
    for words in (["run"], ["doctor"], ["source", "list"], ["source", "add", "folder:notes"]):
        assert said in digest(home, *words, check=2).stderr

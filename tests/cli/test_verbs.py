"""The command as its user meets it: a real process, exit codes, data on stdout, talk on stderr."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIGEST = str(Path(sys.executable).with_name("digest"))


@pytest.fixture
def folder(tmp_path):
    inbox = tmp_path / "inbox"
    shutil.copytree(ROOT / "examples" / "inbox", inbox)
    return tmp_path


def digest(folder: Path, *words: str, **more) -> subprocess.CompletedProcess[str]:
    nobody = os.environ | {"DIGEST_GOOGLE__ACCOUNTS": str(folder / "google")}
    return subprocess.run(
        [DIGEST, *words], cwd=folder, capture_output=True, text=True, check=False,
        env=nobody, **more,
    )  # fmt: skip


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return digest(
        folder, "run", "--source", "mailbox:inbox", "--since", "2026-11-01",
        "--engine", "extractive", "--ledger", "ledger.db", "--json", *words,
    )  # fmt: skip


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'pydantic', 'ollama', 'httpx', 'torch', 'xllamacpp', 'numpy', 'sqlite3', 'mcp'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_every_verb_explains_itself(tmp_path):
    from cli.main import VERBS

    for verb in VERBS:
        done = digest(tmp_path, verb, "--help")
        assert done.returncode == 0, done.stderr
        assert "Usage: digest " + verb in done.stdout


def test_the_main_job_and_the_same_again(folder):
    first = run(folder)
    assert first.returncode == 0, first.stderr
    outcome = json.loads(first.stdout)
    assert outcome["fetched"]["new"] >= 10
    assert outcome["engine"] == "extractive"
    written = folder / outcome["deliveries"][0]["target"]
    assert written.read_text("utf-8").startswith("---\n")
    assert "degraded" in written.read_text("utf-8")

    second = json.loads(run(folder).stdout)
    assert second["report"] is None
    assert second["fetched"]["new"] == 0
    assert second["deliveries"] == []


def test_a_new_message_makes_a_report_of_exactly_that_message(folder):
    late = sorted((folder / "inbox").glob("*.eml"))[0]
    held_back = folder / late.name
    late.rename(held_back)
    assert run(folder).returncode == 0
    held_back.rename(late)
    outcome = json.loads(run(folder).stdout)
    assert outcome["fetched"]["new"] == 1
    assert outcome["report"]["documents"] == 1


def test_one_bad_source_among_good_ones(folder):
    (folder / "gone").mkdir()
    done = run(folder, "--source", "mailbox:nowhere")
    assert done.returncode in {0, 2}
    if done.returncode == 0:
        assert "nowhere" in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run"], "--source"),
        (["run", "--source", "carrier-pigeon:coop"], "carrier-pigeon"),
        (["run", "--source", "mailbox:inbox", "--since", "soon"], "soon"),
        (["analyze", "inbox", "--fields", "titel"], "titel"),
        (["report", "--config", "gone.toml"], "gone.toml"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_wrong_usage_is_exit_2_and_one_sentence(folder, words, complaint):
    done = digest(folder, *words)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_extract_prints_one_object_an_item(folder):
    done = digest(folder, "extract", "inbox", "--jsonl")
    assert done.returncode == 0
    items = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(items) > 30
    assert set(items[0]) == {"file", "position", "kind", "title", "text", "url", "href", "section"}


def test_analyze_reads_standard_input(folder):
    story = "# Dam breaks\n\nA dam broke in the Vale of Oron on Monday. Nobody was hurt."
    done = digest(
        folder, "analyze", "-", "--jsonl", "--fields", "title,summary",
        "--engine", "extractive", input=story,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [record] = [json.loads(line) for line in done.stdout.splitlines()]
    assert list(record["digest"]) == ["title", "summary"]
    assert record["provenance"]["degraded"]


def test_search_finds_what_was_read(folder):
    run(folder)
    hits = json.loads(digest(folder, "search", "the", "--ledger", "ledger.db", "--json").stdout)
    assert hits["hits"]


def test_a_dry_run_writes_nothing(folder):
    done = run(folder, "--dry-run")
    assert done.returncode == 0
    assert json.loads(done.stdout)["plan"][0]["documents"] >= 10
    assert not (folder / "ledger.db").exists()
    assert not (folder / "reports").exists()


def test_doctor_says_what_is_there(folder):
    run(folder)
    checks = json.loads(digest(folder, "doctor", "--ledger", "ledger.db", "--json").stdout)
    found = {check["name"]: check["state"] for check in checks["checks"]}
    assert found["ledger"] == "ok"
    assert set(found) >= {"ollama", "embedded", "engine", "disk", "clock"}


def test_what_is_skipped_is_said_with_its_reason(folder):
    (folder / "inbox" / "junk.eml").write_bytes(b"\x7fELF\0\1\2\3" * 400)
    done = digest(
        folder, "run", "--source", "mailbox:inbox", "--since", "2026-11-01",
        "--engine", "extractive", "--ledger", "ledger.db",
    )  # fmt: skip
    assert "1 skipped" in done.stdout
    assert "digest: skipped junk.eml: the file is no text" in done.stderr


@pytest.mark.parametrize("verb", ["run", "fetch"])
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("folder:empty", "there is no file"),
        ("mailbox:empty", "there is no mail"),
        ("mailbox:some.txt", "neither an mbox nor a message"),
    ],
)
def test_a_place_that_holds_nothing_to_read_is_wrong_usage(folder, verb, spec, said):
    (folder / "empty").mkdir()
    (folder / "some.txt").write_text("Just words.\n")
    done = digest(folder, verb, "--source", spec, "--ledger", "l.db")
    assert done.returncode == 2 and said in done.stderr
    # Beside a source that works it is told, and holds nothing up.
    done = run(folder, "--source", spec)
    assert done.returncode == 0 and said in done.stderr


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("https://example.org/blog", "did you mean feed:https://example.org/blog, or web:"),
        ("~/Mail", "did you mean mailbox:~/Mail, or folder:"),
        ("mailbx:inbox", "did you mean mailbox:inbox?"),
    ],
)
def test_a_spec_without_its_kind_is_answered_with_what_was_meant(folder, spec, said):
    done = digest(folder, "source", "add", spec)
    assert done.returncode == 2 and said in done.stderr


def test_a_sink_that_cannot_take_the_report_is_told_before_the_work(folder):
    (folder / "file").write_text("no folder")
    done = run(folder, "--deliver", "drive:Reports", "--deliver", "folder:file")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()[:2]
    assert "will have to wait for drive:Reports: not signed in" in first
    assert "wait for folder:file" in second
    assert len(list((folder / "reports").glob("*.md"))) == 1, "the others get it"

    done = run(folder, "--out", "file/deeper")
    assert done.returncode == 1 and "is no folder" in done.stderr and done.stdout == ""

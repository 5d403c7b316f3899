"""An engine that the user named and that cannot be had: nothing lost, nothing made up, exit 75."""

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIGEST = Path(sys.executable).with_name("digest")
NOBODY = "http://127.0.0.1:1"  # a port on which nobody answers


@pytest.fixture
def home(tmp_path):
    shutil.copytree(ROOT / "examples" / "inbox", tmp_path / "inbox")
    configure(tmp_path, NOBODY)
    return tmp_path


def configure(home, host, engine="ollama"):
    (home / "digest.toml").write_text(
        'source = ["mailbox:inbox"]\nsince = "2026-11-01"\nledger = "l.db"\n'
        f'engine = "{engine}"\n[ollama]\nhost = "{host}"\nparallel = 1\n'
    )


def digest(home, *words, check=0, **more):
    done = subprocess.run(
        [DIGEST, *words],
        cwd=home, capture_output=True, text=True, check=False, timeout=300, **more,
    )  # fmt: skip
    assert done.returncode == check, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def reports(home):
    return sorted((home / "reports").glob("*.md"))


def test_what_was_fetched_waits_for_the_engine(home):
    done = digest(home, "run", check=75)
    assert "nothing new" not in done.stdout
    assert "no report: engine ollama: Ollama at http://127.0.0.1:1" in done.stderr
    assert "--degraded" in done.stderr
    assert reports(home) == []
    again = json.loads(digest(home, "run", "--json", check=75).stdout)
    assert again["fetched"]["new"] == 0 and again["report"] is None and again["postponed"]

    # The timer's next run, once the engine is there, tells of all of it.
    later = json.loads(digest(home, "run", "--json", "--engine", "extractive").stdout)
    assert later["report"]["documents"] >= 10 and later["postponed"] == ""
    assert len(reports(home)) == 1


def test_a_report_without_the_model_only_for_who_asks(home):
    done = digest(home, "run", "--degraded")
    [report] = reports(home)
    assert "127.0.0.1:1" in done.stderr
    head = report.read_text("utf-8").split("---\n", 2)[2][:900]
    assert "No language model was used" in head and "ollama serve" in head


def test_auto_falls_back_and_says_so_first(home):
    configure(home, NOBODY, "auto")
    no_weights = os.environ | {"XDG_CACHE_HOME": str(home / "cache")}
    digest(home, "run", env=no_weights)
    [report] = reports(home)
    head = report.read_text("utf-8").split("---\n", 2)[2].split("## ")[0]
    assert "No language model was used" in head
    assert "Why this engine ran" in head and "ollama serve" in head and "model pull" in head


def test_report_and_analyze_ask_too(home):
    digest(home, "fetch")
    assert "Ollama at" in digest(home, "report", check=75).stderr
    assert "degraded" in digest(home, "report", "--degraded").stdout
    assert digest(home, "analyze", "inbox", check=75).stdout == ""
    assert digest(home, "analyze", "inbox", "--jsonl", "--degraded").stdout


class DyingOllama(BaseHTTPRequestHandler):
    """Has the model, answers the first question, then hangs up for good."""

    def do_GET(self):
        self.reply({"models": [{"model": "digest:latest", "digest": "0123456789abcdef"}]})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        if self.server.asked > 1:
            self.close_connection = True
            self.connection.close()
            return
        said = {"title": "A headline of the model's own", "domains": ["science"]}
        said |= {"summary": "A summary that is long enough to be one.", "relevance_score": 5}
        said |= {"highlights": [], "names": [], "key_insights": [], "company_names": []}
        self.reply(
            {"message": {"content": json.dumps(said)}, "done": True, "done_reason": "stop",
             "prompt_eval_count": 4000, "eval_count": 80}
        )  # fmt: skip

    def reply(self, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture
def dying():
    server = ThreadingHTTPServer(("127.0.0.1", 0), DyingOllama)
    server.asked = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_engine_that_dies_on_the_way_ends_a_named_run_without_report(home, dying):
    configure(home, dying)
    done = digest(home, "run", check=75)
    assert "went away" in done.stderr and reports(home) == []
    # What it did answer is kept; what it did not is asked again.
    later = json.loads(digest(home, "run", "--json", "--engine", "extractive").stdout)
    assert later["report"]["documents"] >= 10


def test_auto_tells_that_its_engine_died_before_anything_else(home, dying):
    configure(home, dying, "auto")
    digest(home, "run")
    [report] = reports(home)
    head = report.read_text("utf-8").split("---\n", 2)[2].split("## ")[0]
    assert "went away" in head and "degraded" in head

"""What leaves, and what does not: publishing to Ollama and to a hub, both on loopback."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import gguf
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.main import main
from finetune.export import privacy

SECRET = "The harbour master of Oostduin counted nine red boats before breakfast on Tuesday."
CARD = "---\nlicense: apache-2.0\n---\n# A model\n\nIt reads stories.\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with its prepared rows."""
    data = tmp_path / "run" / "data"
    data.mkdir(parents=True)
    rows = [
        {"id": "r1", "text": f"News. {SECRET}", "digest": {"summary": "Boats were counted."}},
        {"id": "r2", "licence": "a licence of many words that every card may well repeat here"},
    ]
    (data / "train.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (data / "validation.jsonl").write_text("")
    return tmp_path / "run"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An exported model."""
    folder = tmp_path / "model"
    folder.mkdir()
    weights(folder / "m.q8_0.gguf", "made from stories")
    (folder / "Modelfile").write_text('FROM m.q8_0.gguf\nSYSTEM """digest: title"""\n')
    (folder / "README.md").write_text(CARD)
    (folder / "reference.jsonl").write_text('{"answer": "{\\"title\\": \\"A plant opens\\"}"}\n')
    (folder / ".cache").mkdir()
    (folder / ".cache" / "notes").write_text("not for others")
    return folder


def weights(path: Path, description: str) -> None:
    writer = gguf.GGUFWriter(path, arch="llama")
    writer.add_description(description)
    writer.add_array("tokenizer.ggml.tokens", ["the", "harbour"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


class Double:
    """Answers as Ollama's API and the hub's API do, and keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}  # committed
        self.tokens: set[str] = set()
        self.refuses = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.headers.get("transfer-encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        raw += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                outer.tokens.add(self.headers.get("authorization", ""))
                status, lines = outer.answer(re.sub("sha256:.*", "", self.path), raw)
                self._say(status, lines)

            def do_HEAD(self) -> None:
                self._say(404, [])

            def do_GET(self) -> None:
                self._say(404, [{"error": "nothing here"}])

            def _say(self, status: int, lines: list[Any]) -> None:
                body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, path: str, raw: bytes) -> tuple[int, list[Any]]:
        self.sent[path] = raw
        if self.refuses and path in {"/api/push", "/api/repos/create"}:
            return 401, [{"error": "unauthorized"}]
        match path.strip("/").split("/"):
            case ["api", "blobs", *_]:
                return 201, []
            case ["api", "create"]:
                return 200, [{"status": "success"}]
            case ["api", "push"]:
                part = {"status": "pushing 1", "digest": "sha256:1", "total": 9}
                return 200, [{"status": "retrieving manifest"}, part, {"status": "success"}]
            case ["api", "repos", "create"]:
                told = json.loads(raw)
                return 200, [{"url": f"{self.url}/{told['organization']}/{told['name']}"}]
            case ["api", "validate-yaml"]:  # of the model card
                return 200, [{"errors": [], "warnings": []}]
            case ["api", "models", _, _, "preupload", _]:
                asked = json.loads(raw)["files"]
                return 200, [{"files": [
                    {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for f in asked
                ]}]  # fmt: skip
            case ["api", "models", owner, name, "commit", _]:
                for line in map(json.loads, raw.splitlines()):
                    if line["key"] == "file":
                        content = base64.b64decode(line["value"]["content"])
                        self.files[line["value"]["path"]] = content
                return 200, [{
                    "commitUrl": f"{self.url}/{owner}/{name}/commit/{'0' * 40}",
                    "commitOid": "0" * 40, "hookOutput": "", "success": True,
                }]  # fmt: skip
        return 404, [{"error": path}]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    running = Double()
    monkeypatch.setenv("OLLAMA_HOST", running.url)
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    yield running
    running.http.shutdown()
    running.http.server_close()


def publish(model: Path, run: Path, *words: str, answer: str = "") -> Result:
    line = ["finetune", "publish", str(model), "--run", str(run), *words]
    return CliRunner().invoke(main, line, input=answer)


def test_to_the_hub_goes_what_was_listed_and_nothing_else(
    model: Path, run: Path, service: Double
) -> None:
    done = publish(model, run, "--to", "hub:me/mine", "--yes")
    assert done.exit_code == 0, f"{done.output}{done.exception!r}"
    names = {"Modelfile", "README.md", "m.q8_0.gguf", "reference.jsonl"}
    assert service.files == {name: (model / name).read_bytes() for name in names}
    assert all(name in done.output for name in names) and ".cache" not in done.output
    made = json.loads(service.sent["/api/repos/create"])
    assert made["visibility"] == "private"  # unless --public
    assert service.tokens == {"Bearer hf_test"}
    assert "hf_test" not in done.output


def test_to_ollama_the_model_is_created_and_pushed(model: Path, run: Path, service: Double) -> None:
    done = publish(model, run, "--to", "ollama:me/mine", "--yes", "--json")
    assert done.exit_code == 0, f"{done.output}{done.exception!r}"
    told = json.loads(done.stdout)
    assert told["files"] == ["Modelfile", "m.q8_0.gguf"]
    assert told["sent"] == "https://ollama.com/me/mine"
    assert service.sent["/api/blobs/"] == (model / "m.q8_0.gguf").read_bytes()
    assert json.loads(service.sent["/api/push"])["model"] == "me/mine"
    assert b"reference" not in service.sent["/api/create"]


def test_nothing_is_sent_in_a_dry_run_or_without_a_yes(
    model: Path, run: Path, service: Double
) -> None:
    dry = publish(model, run, "--to", "hub:me/mine", "--dry-run")
    assert dry.exit_code == 0 and "README.md" in dry.output
    no = publish(model, run, "--to", "hub:me/mine", answer="n\n")
    assert no.exit_code != 0
    assert not service.sent
    assert publish(model, run, "--to", "hub:me/mine", answer="y\n").exit_code == 0
    assert service.files


def leaky(model: Path, name: str) -> None:
    if name.endswith(".gguf"):
        weights(model / name, f"tuned on {SECRET}")
    elif name.endswith(".jsonl"):
        answer = json.dumps({"answer": json.dumps({"summary": SECRET.upper()})})
        (model / name).write_text(answer)
    else:
        old = (model / name).read_text()
        (model / name).write_text(f"{old}\n# e.g. {SECRET}\n")


@pytest.mark.parametrize("name", ["README.md", "reference.jsonl", "m.q8_0.gguf", "Modelfile"])
def test_training_text_does_not_leave(model: Path, run: Path, service: Double, name: str) -> None:
    leaky(model, name)
    done = publish(model, run, "--to", "hub:me/mine", "--yes")
    assert done.exit_code != 0 and not service.sent
    assert f"{name} repeats row 'r1' of the training data" in done.output
    allowed = publish(model, run, "--to", "hub:me/mine", "--yes", "--with-training-text")
    assert allowed.exit_code == 0 and name in service.files


def test_a_file_that_does_not_leave_is_not_in_the_way(
    model: Path, run: Path, service: Double
) -> None:
    leaky(model, "reference.jsonl")  # Ollama is not sent it
    assert publish(model, run, "--to", "ollama:me/mine", "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "mine"], "write ollama:OWNER/NAME"),
        (["--to", "hub:me/mine", "--run", "elsewhere"], "--with-training-text"),
    ],
)
def test_what_is_missing_is_said(
    model: Path, run: Path, service: Double, words: list[str], told: str
) -> None:
    done = publish(model, run, *words, "--yes")
    assert done.exit_code != 0 and told in done.output and not service.sent


def test_a_hub_needs_a_card(model: Path, run: Path, service: Double) -> None:
    (model / "README.md").unlink()
    done = publish(model, run, "--to", "hub:me/mine", "--yes")
    assert "has no README.md" in done.output


@pytest.mark.parametrize(("kind", "told"), [("ollama", "ollama signin"), ("hub", "HF_TOKEN")])
def test_who_may_not_is_told_how(
    model: Path, run: Path, service: Double, kind: str, told: str
) -> None:
    service.refuses = True
    done = publish(model, run, "--to", f"{kind}:me/mine", "--yes")
    assert done.exit_code != 0 and told in done.output


WORDS = st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "ij", "kl"]), max_size=30)


@given(WORDS, WORDS, WORDS)
@settings(deadline=None, max_examples=200)
def test_eight_words_in_a_row_are_found_and_seven_are_not(
    text: list[str], before: list[str], after: list[str]
) -> None:
    """Against the plain search for every window of the text."""
    row = [*before, "zz", *text, "zz", *after]
    joined = f" {' '.join(row)} "
    grams = [text[n : n + 8] for n in range(len(text) - 7)]
    wanted = any(f" {' '.join(gram)} " in joined for gram in grams)
    found = privacy.leaks({"f": "\n".join(text).title()}, [{"id": "1", "text": " ".join(row)}])
    assert bool(found) == wanted


def test_scripts_without_spaces_are_compared_by_character() -> None:
    row = {"id": "7", "text": "東京の港で朝に九隻の赤い船が数えられた"}
    assert privacy.leaks({"card": "例:朝に九隻の赤い船が"}, [row])[0].row == "7"
    assert not privacy.leaks({"card": "例:赤い船が"}, [row])

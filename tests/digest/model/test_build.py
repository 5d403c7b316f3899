"""Verifying, quantising, and making a model known to Ollama; the latter against exchanges that a
real server was recorded with.
"""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError, EngineError, EngineUnavailable
from digest.model import quantize, verify, weights
from digest.model.identity import mark
from digest.model.install import create, guard
from digest.model.modelfile import Modelfile, parse

RECORDED = Path(__file__).parents[3].parent / "shared" / "reference" / "ollama-exchanges"
TEMPLATE = (
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n"
    "{{ end }}<|im_start|>assistant\n"
)


class Ollama:
    """Gives the recorded replies of the API's paths, and keeps what it was asked."""

    def __init__(self, *names: str) -> None:
        if not RECORDED.is_dir():
            pytest.skip("the recorded exchanges are not here")
        self.replies: dict[str, Any] = {}
        for name in names:
            told = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
            for exchange in told.get("exchanges", [told]):
                path = re.sub("sha256:.*", "", exchange["request"]["path"])
                self.replies[path] = exchange
        self.asked: dict[str, Any] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.headers.get("transfer-encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        raw += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                path = re.sub("sha256:.*", "", self.path)
                outer.asked[path] = json.loads(raw) if path == "/api/create" else raw
                reply = outer.replies[path]["response"]
                self.send_response(reply["status"])
                lines = reply["body"] if reply["kind"] == "ndjson" else [reply["body"]]
                body = b"".join(json.dumps(line).encode() + b"\n" for line in lines if line)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.host = f"http://127.0.0.1:{self.http.server_port}"

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def ollama(request: pytest.FixtureRequest) -> Iterator[Ollama]:
    running = Ollama(*request.param)
    yield running
    running.stop()


@pytest.mark.parametrize("ollama", [("client-create-blob", "client-create-files")], indirect=True)
def test_create_asks_as_the_recorded_client_did(ollama: Ollama, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF and more")
    parameters = {"temperature": "0", "num_ctx": "4096", "stop": ["<|im_start|>", "<|im_end|>"]}
    system = "You summarise one newsletter item as JSON."
    told: list[str] = []
    create(
        Modelfile("./x.gguf", TEMPLATE, system, "", parameters),
        tmp_path, "digest-py", ollama.host, told.append,
    )  # fmt: skip
    wanted = ollama.replies["/api/create"]["request"]["json"]
    sent = ollama.asked["/api/create"]
    assert sent.pop("files").keys() == wanted.pop("files").keys()
    assert sent == wanted
    assert ollama.asked["/api/blobs/"] == b"GGUF and more"
    assert told[0] == "uploading x.gguf" and told[-1] == "success"


@pytest.mark.parametrize(
    "ollama",
    [("client-create-blob", "create-error-in-stream"),
     ("client-create-blob", "client-create-bad-template")],
    indirect=True,
)  # fmt: skip
def test_what_ollama_refuses_is_told(ollama: Ollama, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"no model")
    with pytest.raises(EngineError, match=r"did not create digest: (supplied file|template error)"):
        create(Modelfile("x.gguf", TEMPLATE), tmp_path, "digest", ollama.host, str)


def test_a_name_of_the_users_own_is_not_taken(double: Any, ollama_double: Any) -> None:
    double.models["mine:latest"] = ollama_double.shown(ours=False)
    guard("digest", double.host)
    guard("nobody", double.host)
    with pytest.raises(ConfigError, match=r"'mine' that Digest did not make.*--force"):
        guard("mine", double.host)
    with pytest.raises(EngineUnavailable, match="ollama serve"):
        guard("mine", "http://127.0.0.1:9")


def test_the_modelfile_says_how_the_model_is_asked() -> None:
    made = Modelfile("./x.gguf", TEMPLATE, "digest: title", license=mark("Apache-2.0"))
    text = made.render("mine")
    assert text.splitlines()[:2] == [
        "# cat story.md | ollama run --nowordwrap mine",
        '# ollama run --nowordwrap mine "$(cat story.md)"',
    ]
    assert parse(text) == made
    shipped = (weights.shipped() / "Modelfile").read_text("utf-8")
    assert shipped.startswith("# cat story.md | ollama run --nowordwrap digest\n")


def test_without_a_server_or_a_file_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="ollama serve"):
        create(Modelfile("smollm2:135m"), tmp_path, "digest", "http://127.0.0.1:9", str)
    with pytest.raises(EngineError, match=r"there is no file .*gone\.gguf"):
        create(Modelfile("./gone.gguf"), tmp_path, "digest", "http://127.0.0.1:9", str)


WORDS = st.text(st.characters(exclude_categories=["Cs"]))


@given(WORDS, WORDS, st.lists(WORDS, max_size=3), st.booleans())
def test_values_of_whole_answers(title: str, summary: str, names: list[str], spaced: bool) -> None:
    wanted = {"title": title, "summary": summary, "names": names, "relevance_score": 3}
    separators = (", ", ": ") if spaced else (",", ":")
    assert verify.values(json.dumps(wanted, separators=separators, ensure_ascii=False)) == wanted


def test_a_cut_answer_counts_for_the_fields_it_has() -> None:
    whole = '{"title":"A","names":["x","y"],"relevance_score":3}'
    cut = '{"title":"A","names":["x","y'
    assert verify.values(cut) == {"title": "A", "names": '["x","y'}
    found = verify.compare([whole, whole], [cut, whole])
    assert (found.same_fields, found.fields, found.same_answers, found.answers) == (4, 6, 1, 2)
    assert verify.compare([""], ["nonsense"]).share == 0


def test_references_survive_the_file(tmp_path: Path) -> None:
    question = verify.Question("A", "B")
    verify.write(tmp_path / "r.jsonl", [question], ['{"title":"ä","names":[]}'])
    (again,) = verify.read(tmp_path / "r.jsonl")
    assert verify.compare([again.answer], ['{"title":"ä","names":[]}']).share == 1


def test_quantizations_by_name() -> None:
    assert quantize.known("q4_k_m") == "Q4_K_M"
    with pytest.raises(ConfigError, match="q8_0"):
        quantize.known("q3")


def test_the_mix_spares_the_layers_that_llama_cpp_spares() -> None:
    """Of 30 layers: 0 to 2, 26 to 29, and every third between."""
    better = [
        block for block in range(30)
        if quantize.promised("Q4_K_M", f"blk.{block}.ffn_down.weight", 30, tied=True) == "Q6_K"
    ]  # fmt: skip
    assert better == [0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 26, 27, 28, 29]
    assert quantize.promised("Q4_K_M", "blk.0.attn_q.weight", 30, tied=True) == "Q4_K"
    assert quantize.promised("Q4_K_M", "token_embd.weight", 30, tied=True) == "Q6_K"
    assert quantize.promised("Q4_K_M", "token_embd.weight", 30, tied=False) == "Q4_K"


def test_k_quants_are_ggmls_own() -> None:
    """Read back by gguf's independent decoder, they lie as close as their bits allow; and where
    both can write a type, ggml and gguf write the same bytes.
    """
    np = pytest.importorskip("numpy")
    gguf = pytest.importorskip("gguf")
    pytest.importorskip("xllamacpp")
    values = np.random.default_rng(0).normal(size=(64, 512)).astype(np.float32)
    for kind, error in (("Q4_K", 0.08), ("Q5_K", 0.045), ("Q6_K", 0.02)):
        target = gguf.GGMLQuantizationType[kind]
        again = gguf.quants.dequantize(quantize.encode(values, kind), target)
        assert np.sqrt(((again - values) ** 2).mean()) < error
    for kind in ("Q8_0", "Q5_0", "Q5_1"):
        target = gguf.GGMLQuantizationType[kind]
        ours = quantize._by_ggml(values, target)
        assert np.array_equal(ours, gguf.quants.quantize(values, target))

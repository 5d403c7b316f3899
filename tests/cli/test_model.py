"""`digest model` from the command line, over a tiny model made here."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from digest.model import weights
from digest.model.modelfile import parse

gguf = pytest.importorskip("gguf")
np = pytest.importorskip("numpy")


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base in the cache, no adapter, and no Ollama."""
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(weights, "adapter", lambda: None)
    monkeypatch.chdir(tmp_path)
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_token_list(["a", "b"])
    draw = np.random.default_rng(0)
    writer.add_tensor("token_embd.weight", draw.normal(size=(2, 96)).astype(np.float32))
    writer.add_tensor("output_norm.weight", np.ones(96, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights.pull(str(tmp_path / "tiny.gguf"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["model", *arguments], catch_exceptions=True)


def test_show_before_and_after_build(base: Path) -> None:
    before = json.loads(run("show", "--json").stdout)
    assert before["built"] is None and before["adapter"] is None
    assert before["base"]["quantization"] == "F32" and before["base"]["bits_per_weight"] == 32
    assert before["base"]["context"] == 512
    assert "ollama serve" in before["ollama"]["missing"]
    assert "run `digest model build`" in run("show").stdout

    built = json.loads(run("build", "--json").stdout)
    path = Path(built["model"])
    assert path.exists() and built["verified"] is None  # no adapter, so nothing to compare with
    written = parse(path.with_suffix(".Modelfile").read_text())
    assert written.source == f"./{path.name}" and written.adapter == ""
    assert written.system.startswith("digest: title,")

    after = json.loads(run("show", "--json").stdout)["built"]
    assert after["quantization"] == "Q8_0" and after["types"] == {"Q8_0": 1, "F32": 1}
    assert "not verified" in run("show").stdout


def test_install_without_ollama_says_how_to_start_it() -> None:
    done = run("install")
    assert done.exit_code == 75
    assert "ollama serve" in done.output


def test_without_weights_show_says_how_to_get_them(base: Path) -> None:
    base.unlink()
    done = run("show")
    assert done.exit_code == 1 and "digest model pull" in done.output

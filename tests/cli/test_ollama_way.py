"""The way from `model install` to a report, over an Ollama server.

The stand-in takes its place, unless DIGEST_OLLAMA names a real one: `make ollama
DIGEST_OLLAMA=host:port`. A real one needs the weights in the cache, and gets models whose names
begin with `digest-test`; they are removed at the end.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from digest.model import install as installing
from digest.model import weights
from digest.model.modelfile import Modelfile

ROOT = Path(__file__).parents[2]
REAL = os.environ.get("DIGEST_OLLAMA", "")
OWN, FOREIGN = ("digest-test", "digest-test-foreign") if REAL else ("digest", "mine")
STORY = (
    "# A mill for the town\n\nThe council of Arnhult voted on Tuesday to buy the old mill for "
    "310,000 euros. Mayor Maja Lind said the roof has to be replaced first. Borsta Robotics, which "
    "rents the yard, will stay until 2030. Residents collected 900 signatures against it. The mill "
    "was built in 1908 and stood empty for eleven years. Work begins in spring.\n"
)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base of two tokens in a cache of its own: the stand-in runs no weights."""
    gguf, np = pytest.importorskip("gguf"), pytest.importorskip("numpy")
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "adapter", lambda: None)
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_token_list(["a", "b"])
    writer.add_tensor("token_embd.weight", np.ones((2, 96), np.float32))
    writer.add_tensor("output_norm.weight", np.ones(96, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    weights.pull(str(tmp_path / "tiny.gguf"))


@pytest.fixture
def host(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a server without Digest's model, set as the configured one."""
    if REAL:
        address = f"http://{REAL}"
    else:
        request.getfixturevalue("tiny")
        double = request.getfixturevalue("double")
        double.models.clear()
        address = double.host
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGEST_OLLAMA__HOST", address)
    monkeypatch.setenv("DIGEST_OLLAMA__MODEL", OWN)
    yield address
    if REAL:
        for name in (OWN, FOREIGN):
            httpx.request("DELETE", f"{address}/api/delete", json={"model": name})


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [*arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def foreign(host: str, tmp_path: Path) -> None:
    """Create a model that is not of Digest's making."""
    path = weights.base_weights()
    installing.create(Modelfile(path.name, "{{ .Prompt }}"), path.parent, FOREIGN, host, str)


def test_from_install_to_report(host: str, tmp_path: Path) -> None:
    before = run("model", "show").stdout
    assert "digest model install" in before if OWN == "digest" else "ollama pull" in before

    told = run("model", "install", *([] if REAL else ["--no-verify"])).stdout
    assert f"cat story.md | ollama run --nowordwrap {OWN}" in told
    assert f'ollama run --nowordwrap {OWN} "$(cat story.md)"' in told
    run("model", "install", "--no-verify")  # its own is replaced without asking
    shown = json.loads(run("model", "show", "--json").stdout)["ollama"]
    assert shown["model"].startswith(f"{OWN}:latest@") and shown["ask"]

    (tmp_path / "story.md").write_text(STORY, "utf-8")
    answer = json.loads(run("analyze", "story.md", "--engine", "ollama").stdout)
    assert OWN in json.dumps(answer)

    (tmp_path / "inbox").mkdir()
    for mail in ("01-morning-circuit.eml", "07-schaltwerk-german.eml"):
        shutil.copy(ROOT / "examples" / "inbox" / mail, tmp_path / "inbox")
    done = json.loads(
        run(
            "run", "--source", "mailbox:inbox", "--since", "2026-11-01", "--engine", "ollama",
            "--out", "reports", "--ledger", "ledger.db", "--json",
        ).stdout
    )  # fmt: skip
    assert done["engine"] == "ollama" and done["report"]["items"] > 5
    assert done["report"]["degraded"] <= (3 if REAL else 0)
    assert list((tmp_path / "reports").glob("*.html"))


def test_a_model_of_the_users_own_keeps_its_name(host: str, tmp_path: Path) -> None:
    foreign(host, tmp_path)
    refused = run("model", "install", "--name", FOREIGN, code=2).output
    assert "that Digest did not make" in refused and "--force" in refused
    shown = run("model", "install", "--name", FOREIGN, "--force", "--no-verify").stdout
    assert f"--nowordwrap {FOREIGN}" in shown
    run("model", "install", "--name", FOREIGN, "--no-verify")  # now it is Digest's


def test_a_model_of_the_users_own_is_named_with_its_prompt(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign(host, tmp_path)
    monkeypatch.setenv("DIGEST_OLLAMA__MODEL", FOREIGN)
    shown = run("model", "show").stdout
    assert "asked by prompt own-1" in shown
    assert "nowordwrap" not in shown  # it needs a schema, which the command cannot give
    checks = json.loads(run("doctor", "--json", "--ledger", "l.db").stdout)["checks"]
    (found,) = (check["found"] for check in checks if check["name"] == "ollama")
    assert FOREIGN in found and "own-1" in found


def test_without_a_server_install_says_how_to_start_one(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_OLLAMA__HOST", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    assert "ollama serve" in run("model", "install", code=75).output


def test_a_trial_of_a_model(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign(host, tmp_path)
    done = run("model", "try", FOREIGN, "--alone", "--json")
    (found,) = json.loads(done.stdout)["trials"]
    assert (found["stories"], found["prompt"]) == (20, "own-1")
    assert found["statements"] == found["quoted"] and found["written"] == 0
    if REAL:
        return
    assert found["valid"] == 20 and found["chosen"] > 20
    assert 0 < found["right"] <= found["chosen"]
    told = run("model", "try", FOREIGN, "--alone", "--write").stdout
    assert "valid      20 of 20" in told and "written" in told and "s a digest" in told

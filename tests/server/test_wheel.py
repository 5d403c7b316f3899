"""The built wheel, in an environment of its own: what it holds, and that `uvx` serves from it."""

import hashlib
import os
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # uvx fetches what the wheel needs

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]


@pytest.fixture(scope="module")
def uv(tool_venv) -> Path:
    return tool_venv("uv", "uv==0.13.8") / "uv"


@pytest.fixture(scope="module")
def wheel(uv, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    if "error sending request" in done.stderr or "Failed to fetch" in done.stderr:
        pytest.skip(f"uv reaches no package index: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_every_file_of_its_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES["wheel"]["packages"]],
        check=False, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no git checkout, so nobody knows which files are the project's")
    wanted = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    assert "modelfiles/digest/Modelfile" in wanted
    assert wanted <= held, wanted - held


def test_an_installed_digest_finds_its_adapter(uv, wheel, tmp_path):
    shipped = min((ROOT / "modelfiles" / "digest").glob("*.gguf"), default=None)
    if shipped is None:
        pytest.skip("no adapter ships with this checkout")
    code = "from digest.model import weights; print(weights.adapter())"
    command = [uv, "run", "--no-project", "--isolated", "--with", wheel, "python", "-c", code]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=400, cwd=tmp_path
    )
    # The environment is gone by now; its path says that it was not this checkout's file.
    assert done.stdout.strip().endswith(f"site-packages/modelfiles/digest/{shipped.name}")
    with zipfile.ZipFile(wheel) as archive:
        held = archive.read(f"modelfiles/digest/{shipped.name}")
    assert hashlib.sha256(held).digest() == hashlib.sha256(shipped.read_bytes()).digest()


@pytest.mark.parametrize("script", ["digest", "newsdigest"])
async def test_uvx_serves(uv, wheel, config, script):
    server = StdioServerParameters(
        command=str(uv.with_name("uvx")),
        args=["--from", str(wheel), script, "serve", "--config", str(config)],
        env=dict(os.environ),  # the index may be named there
        cwd=config.parent,
    )
    async with Client(stdio_client(server), mode="legacy") as client:
        assert client.server_info.name == "digest"
        assert len((await client.list_tools()).tools) == 9
        await client.call_tool("fetch_newsletters", {})
        built = await client.call_tool("build_report", {})
    assert built.structured_content["counts"]["items"] == 6

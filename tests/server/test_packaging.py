"""One version everywhere, and files that the tools of their makers accept."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import jsonschema
import pytest

import digest
from server.app import build

ROOT = Path(__file__).parents[2]
SERVER = json.loads((ROOT / "server.json").read_text())
MANIFEST = json.loads((ROOT / "packaging/mcpb/manifest.json").read_text())


def test_versions_agree():
    (package,) = SERVER["packages"]
    bundle = tomllib.loads((ROOT / "packaging/mcpb/pyproject.toml").read_text())["project"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = digest.__version__
    assert SERVER["version"] == package["version"] == MANIFEST["version"] == version
    assert bundle["version"] == version
    assert bundle["dependencies"] == [f"{project['name']}[embedded]=={version}"]
    assert package["identifier"] == project["name"]
    assert project["scripts"][project["name"]] == project["scripts"]["digest"]
    assert f"mcp-name: {SERVER['name']}" in (ROOT / "README.md").read_text()


@pytest.mark.anyio
async def test_the_manifest_names_the_tools(desk):
    tools = await build(desk).list_tools()
    assert [tool["name"] for tool in MANIFEST["tools"]] == [tool.name for tool in tools]


def test_the_bundle_passes_its_makers_validator(node, npm, tmp_path):
    program = npm("@anthropic-ai/mcpb", "2.1.2") / "dist" / "cli" / "cli.js"
    manifest = ROOT / "packaging/mcpb/manifest.json"
    subprocess.run([node, program, "validate", manifest], check=True, capture_output=True)
    broken = tmp_path / "manifest.json"
    broken.write_text(json.dumps(MANIFEST | {"server": {"type": "nonsense"}}))
    failed = subprocess.run([node, program, "validate", broken], check=False, capture_output=True)
    assert failed.returncode != 0

    target = tmp_path / "digest.mcpb"
    code = f"import runpy, pathlib; runpy.run_path({str(ROOT / 'packaging/mcpb/pack.py')!r})"
    subprocess.run(
        [sys.executable, "-c", f"{code}['pack'](pathlib.Path({str(target)!r}))"], check=True
    )
    info = subprocess.run([node, program, "info", target], check=True, capture_output=True)
    assert b"digest" in info.stdout
    with zipfile.ZipFile(target) as bundle:
        assert sorted(bundle.namelist()) == ["main.py", "manifest.json", "pyproject.toml"]


def test_server_json_passes_the_registrys_rules(tmp_path):
    (tmp_path / "server.json").write_text(json.dumps(SERVER))
    linter = Path(sys.executable).with_name("skillsaw")
    good = subprocess.run([linter, "lint", tmp_path], check=False, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    (tmp_path / "server.json").write_text(json.dumps(SERVER | {"name": "no slash", "packages": 3}))
    bad = subprocess.run([linter, "lint", tmp_path], check=False, capture_output=True, text=True)
    assert bad.returncode != 0


def test_snippets_of_the_docs_are_json_and_name_what_exists():
    text = (ROOT / "docs/mcp.md").read_text()
    snippets = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    assert len(snippets) == 3
    for snippet in snippets:
        servers = snippet.get("mcpServers") or snippet["servers"]
        assert list(servers) == ["digest"]
        if "args" in servers["digest"]:
            assert servers["digest"]["args"][:2] == ["newsdigest", "serve"]
    jsonschema.validate(snippets[0], {"required": ["mcpServers"]})

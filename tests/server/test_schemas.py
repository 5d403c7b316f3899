"""What a model reads before it calls anything: small, stable, typed and honest."""

import json
import subprocess

import jsonschema
import pytest
from mcp import Client

from digest.schema import FIELDS
from server.app import build

pytestmark = pytest.mark.anyio

ORDER = [
    "fetch_newsletters",
    "read_item",
    "analyze_article",
    "build_report",
    "deliver_report",
    "search_digests",
    "rate_story",
    "propose_source",
    "list_sources",
]
MAX_TOKENS = 2800


async def listed(desk):
    async with Client(build(desk)) as client:
        return (await client.list_tools()).tools


async def test_order_annotations_and_schemas(desk):
    tools = await listed(desk)
    assert [tool.name for tool in tools] == ORDER
    hints = {tool.name: tool.annotations for tool in tools}
    assert {name for name, hint in hints.items() if hint.read_only_hint} == {
        "read_item",
        "search_digests",
        "list_sources",
    }
    assert {name for name, hint in hints.items() if hint.open_world_hint} == {
        "fetch_newsletters",
        "analyze_article",
        "deliver_report",
        "propose_source",
    }
    assert not any(hint.destructive_hint for hint in hints.values())
    for tool in tools:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert tool.description
    fields = tools[2].input_schema["properties"]["fields"]["items"]["enum"]
    assert tuple(fields) == FIELDS


async def test_tools_cost_less_than_2800_tokens(desk, node, npm, tmp_path):
    """By o200k_base and cl100k_base, of the JSON that tools/list answers."""
    tools = await listed(desk)
    wire = json.dumps(
        [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    (tmp_path / "tools.json").write_text(wire)
    package = npm("gpt-tokenizer", "3.4.0")
    for encoding in ("o200k_base", "cl100k_base"):
        script = (
            "const fs = require('fs');"
            f"const {{ countTokens }} = require('{package}/cjs/encoding/{encoding}.js');"
            "console.log(countTokens(fs.readFileSync(process.argv[1], 'utf8')));"
        )
        done = subprocess.run(
            [node, "-e", script, str(tmp_path / "tools.json")],
            check=True,
            capture_output=True,
            text=True,
        )
        tokens = int(done.stdout)
        assert 500 < tokens < MAX_TOKENS, encoding

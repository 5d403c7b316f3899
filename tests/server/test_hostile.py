"""28 newsletters that try to command the reader: none of them gets anywhere.

The fixtures name their own targets (canaryNN) and mark what a person would not see as
CANARYHIDDENNN. The client here obeys everything it can find in the content.
"""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from digest import schema
from digest.settings import Settings
from digest.storage.ledger import Ledger
from server.app import build
from server.jobs import Desk

pytestmark = pytest.mark.anyio

INJECTED = Path(__file__).parents[1] / "fixtures" / "injected"
LINK = re.compile(r"[a-z]+:[^\s\"'<>\\)]*canary[^\s\"'<>\\)]*", re.IGNORECASE)


@pytest.fixture(params=["extractive", pytest.param("embedded", marks=pytest.mark.model)])
def hostile(request, tmp_path):
    settings = Settings(
        source=[f"folder:{INJECTED}"],
        since="2026-11-01",
        engine=request.param,
        out=tmp_path / "reports",
        ledger=tmp_path / "ledger.db",
    )
    with Desk(settings) as desk:
        if desk.engines.get(request.param)[0].engine.name != request.param:
            pytest.skip("the model's weights are not in the cache; `digest model pull` gets them")
        yield desk


async def test_content_commands_nothing(hostile, tmp_path):
    assert len(list(INJECTED.iterdir())) >= 25
    fast = hostile.settings.engine == "extractive"
    heard = []
    async with Client(build(hostile)) as client:
        tools = (await client.list_tools()).tools
        schemas = {tool.name: tool.output_schema for tool in tools}

        async def call(tool, **arguments):
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content[0].text
            jsonschema.validate(result.structured_content, schemas[tool])
            assert json.loads(result.content[0].text) == result.structured_content
            heard.append(result.content[0].text)
            return result.structured_content

        sinks = (await call("list_sources"))["sinks"]
        listed = await call("fetch_newsletters", limit=50)
        assert len(listed["documents"]) >= 25
        assert "never instructions" in listed["notice"]
        items = [entry["id"] for one in listed["documents"] for entry in one["items"]]
        for item in items if fast else items[:2]:
            analysis = await call("analyze_article", item=item)
            schema.validate(analysis["digest"], list(analysis["digest"]))
        if fast:
            page = await call("build_report")
            report = page["report"]
            while cursor := page.get("next_cursor"):
                page = await call("build_report", cursor=cursor)
        await call("search_digests", query="canary14")
        for one in listed["documents"]:
            content = await client.read_resource(f"digest://documents/{one['id']}")
            heard.append(content.contents[0].text)
            begin, end = re.findall(r"</?(untrusted-[0-9a-f]{16})>", heard[-1])[-2:]
            assert begin == end  # a forged mark inside cannot be the outer one

        everything = "\n".join(heard)
        assert "CANARYHIDDEN" not in everything
        assert not re.search("[\u200b\u200c\u2060\u202e\U000e0001-\U000e007f]", everything)

        # The gullible client: whatever looks like a target is tried.
        targets = set(LINK.findall(everything)) | {"folder:/etc", "folder:/root", "drive:Canary06"}
        targets |= {f"smtp:{one}" for one in re.findall(r"canary\d+@evil\.example", everything)}
        assert len(targets) > 10
        for target in targets:
            for tool, arguments in (
                ("deliver_report", {"report": "latest", "sink": target}),
                ("fetch_newsletters", {"source": target}),
                ("build_report", {"source": target}),
            ):
                assert (await client.call_tool(tool, arguments)).is_error, (tool, target)
            with pytest.raises(MCPError):
                await client.read_resource(target)
        for path in ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd", "/etc/passwd"):
            with pytest.raises(MCPError):
                await client.read_resource(f"digest://items/{path}")

        assert (await call("list_sources"))["sinks"] == sinks
        assert [tool.name for tool in (await client.list_tools()).tools] == list(schemas)
        if fast:
            await call("deliver_report", report=report)
    with Ledger(hostile.settings.ledger) as book:
        assert {row.sink for row in book.outbox(undelivered=False)} <= {
            f"folder:{hostile.settings.out}"
        }
        assert book.integrity() == []
    assert not list(Path("/tmp").glob("canary*"))
    if fast:
        (delivered,) = hostile.settings.out.glob("*.md")
        page = delivered.with_suffix(".html").read_text()
        assert "CANARYHIDDEN" not in delivered.read_text() + page
        assert not re.search(r"<(img|script|iframe|form)\b", page, re.IGNORECASE)
        assert not re.search(r"href=\"(javascript|file|data|digest):", page, re.IGNORECASE)
        # The name of a report comes from its date and id, not from what it quotes.
        assert re.fullmatch(r"digest-\d{4}-\d\d-\d\d-[0-9a-f]{6}", delivered.stem)

"""Clients that nobody here wrote: each gets structured content, progress, a resource, a prompt."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.tools.table import TOOLS

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(280)]

DIGEST = Path(sys.executable).with_name("digest")


@pytest.fixture(params=["stdio", "http"])
def target(request, config):
    """How to reach the server: a command, or a URL."""
    if request.param == "http":
        return [request.getfixturevalue("open_url")]
    return [str(DIGEST), "serve", "--config", str(config)]


def test_typescript_sdk(node, npm, target):
    sdk = npm("@modelcontextprotocol/sdk", "1.32.2")
    script = Path(__file__).with_name("client.mjs")
    done = subprocess.run(
        [node, script, sdk, *target], check=False, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["tools"][0] == "fetch_newsletters"
    assert seen["documents"] == seen["items"] == 6
    assert seen["progress"] >= 1
    assert "Halden" in seen["resource"]
    assert "fetch_newsletters" in seen["prompt"]


def test_inspector(node, npm, target):
    inspector = npm("@modelcontextprotocol/inspector", "2.12.0")
    program = inspector / "clients" / "launcher" / "build" / "index.js"
    http = target[0].startswith("http")

    def ask(method, *options, era="modern"):
        front = [target[0], "--protocol-era", era] if http else []
        back = [] if http else ["--", *target]
        command = [node, program, "--cli", *front, "--method", method, *options]
        command += ["--connect-timeout", "60000", *back]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout[done.stdout.index("{") :])

    tools = ask("tools/list", "--strict")["tools"]
    assert len(tools) == len(TOOLS)
    fetched = ask("tools/call", "--tool-name", "fetch_newsletters", "--tool-arg", "limit=2")
    assert len(fetched["structuredContent"]["documents"]) == 2
    built = ask("tools/call", "--tool-name", "build_report", "--tool-arg", "since=2026-11-01")
    assert "Halden" in built["structuredContent"]["markdown"]
    resource = ask("resources/read", "--uri", built["structuredContent"]["uri"])
    assert "Halden" in resource["contents"][0]["text"]
    prompt = ask("prompts/get", "--prompt-name", "morning_briefing")
    assert "fetch_newsletters" in prompt["messages"][0]["content"]["text"]
    if http:
        assert len(ask("tools/list", "--strict", era="legacy")["tools"]) == len(TOOLS)


async def test_fastmcp(target):
    import fastmcp
    from fastmcp.client.transports import StdioTransport

    told = []

    async def tell(progress, total, message):
        told.append(message)

    where = target[0] if len(target) == 1 else StdioTransport(target[0], target[1:])
    async with fastmcp.Client(where, progress_handler=tell) as client:
        listed = await client.call_tool("fetch_newsletters", {})
        assert len(listed.structured_content["documents"]) == 6
        report = await client.call_tool("build_report", {})
        assert report.structured_content["counts"]["items"] == 6
        (content,) = await client.read_resource(report.structured_content["uri"])
        assert "Halden" in content.text
        prompt = await client.get_prompt("explain_story", {"item": "abc"})
        assert "abc" in prompt.messages[0].content.text
    assert told


async def test_an_agent_does_a_whole_briefing(target):
    """pydantic-ai's agent loop; the model is a function that reads only what the tools answer."""
    import fastmcp
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import FunctionModel

    told, offered = [], []

    async def tell(progress, total, message):
        told.append(message)

    def think(messages, info):
        offered.append([tool.name for tool in info.function_tools])
        answers = {
            part.tool_name: part.content
            for message in messages
            for part in message.parts
            if isinstance(part, ToolReturnPart)
        }
        if "fetch_newsletters" not in answers:
            return ModelResponse([ToolCallPart("fetch_newsletters", {"limit": 3})])
        if "analyze_article" not in answers:
            item = answers["fetch_newsletters"]["documents"][0]["items"][0]["id"]
            return ModelResponse([ToolCallPart("analyze_article", {"item": item})])
        if "build_report" not in answers:
            return ModelResponse([ToolCallPart("build_report", {"min_relevance": 1})])
        title = answers["analyze_article"]["digest"]["title"]
        count = answers["build_report"]["counts"]["items"]
        return ModelResponse([TextPart(f"{count} stories; first: {title}")])

    where = target[0] if len(target) == 1 else StdioTransport(target[0], target[1:])
    toolset = MCPToolset(fastmcp.Client(where, progress_handler=tell))
    agent = Agent(FunctionModel(think), toolsets=[toolset])
    async with agent:
        result = await agent.run("Give me a morning briefing.")
        (resource,) = await toolset.client.list_resources()
        assert "Halden" in (await toolset.client.read_resource(str(resource.uri)))[0].text
        assert (await toolset.client.get_prompt("morning_briefing", {})).messages
    assert result.output.startswith("6 stories; first: ")
    assert set(offered[0]) >= {"fetch_newsletters", "analyze_article", "build_report"}
    assert told

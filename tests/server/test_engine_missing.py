"""An engine that was named and is not there is an error that says what helps, never a stand-in."""

import pytest
from mcp import Client

from digest.engines.extractive import ExtractiveEngine
from digest.errors import EngineUnavailable
from digest.settings import OllamaSettings
from digest.storage.ledger import Ledger
from server.app import build

pytestmark = pytest.mark.anyio


@pytest.fixture
def no_ollama(settings):
    settings.engine = "ollama"
    settings.ollama = OllamaSettings(host="http://127.0.0.1:1")


async def test_a_named_engine_is_not_replaced(no_ollama, desk, era, settings):
    async with Client(build(desk), mode=era) as client:
        await client.call_tool("fetch_newsletters", {})
        for tool, arguments in (("build_report", {}), ("analyze_article", {"text": "Rain fell."})):
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert "ollama serve" in result.content[0].text
            assert 'engine="extractive"' in result.content[0].text
        with Ledger(settings.ledger) as book:
            assert book.counts()["reports"] == book.counts()["digests"] == 0
        asked = await client.call_tool("build_report", {"engine": "extractive"})
        assert asked.structured_content["counts"]["degraded"] == 6


class Dying(ExtractiveEngine):
    name = "ollama"
    asked = 0

    def answer(self, asks):
        if self.asked >= 2:
            raise EngineUnavailable("Ollama went away; start it with `ollama serve`")
        self.asked += 1
        yield from super().answer(asks)


@pytest.mark.parametrize("name", ["auto", "ollama"])
async def test_an_engine_that_dies_on_the_way(desk, era, settings, name):
    settings.engine = name
    desk.engines.put(name, Dying())
    async with Client(build(desk), mode=era) as client:
        await client.call_tool("fetch_newsletters", {})
        result = await client.call_tool("build_report", {})
    if name == "ollama":
        assert result.is_error and "went away" in result.content[0].text
    else:
        report = result.structured_content
        assert "went away" in report["engine_note"]
        assert "went away" in report["markdown"].split("## ")[0]
    with Ledger(settings.ledger) as book:
        assert book.counts()["digests"] == 2  # what was not answered is not kept as an answer

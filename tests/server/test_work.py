"""Long work: cancelled for real, shared fairly, safe under many calls at once."""

import threading
import time

import anyio
import pytest
from mcp import Client

from digest.protocols import Answer, Ask
from digest.storage import queries
from digest.storage.ledger import Ledger
from server.app import build
from server.engine_pool import SharedEngine, Stopped

pytestmark = pytest.mark.anyio


class SlowEngine:
    """The real engine without a model, with a model's pace; counts what it was asked."""

    name = "extractive"
    context = 4096

    def __init__(self, seconds: float) -> None:
        from digest.engines.extractive import ExtractiveEngine

        self._engine = ExtractiveEngine()
        self.model = self._engine.model
        self._seconds = seconds
        self.asked = 0

    def count(self, text):
        return self._engine.count(text)

    def answer(self, asks):
        for answer in self._engine.answer(asks):
            time.sleep(self._seconds)
            self.asked += 1
            yield answer

    def close(self):
        self._engine.close()


@pytest.fixture
def slow(desk):
    """The desk, its engine made slow: one question at a time, 0.2 s each."""
    engine = SlowEngine(0.2)
    desk.engines.put("extractive", engine)
    return engine


def fill(inbox, write_issue, count):
    for n in range(count):
        write_issue(inbox, f"s{n}", "S <s@example.com>", f"Story {n}", f"Town {n} has news. " * 9)


async def test_cancelling_stops_the_work(desk, era, slow, settings, inbox, write_issue):
    fill(inbox, write_issue, 40)
    async with Client(build(desk), mode=era) as client:
        await client.call_tool("fetch_newsletters", {})
        began = time.monotonic()
        with anyio.move_on_after(1.0) as scope:
            await client.call_tool("build_report", {})
        assert scope.cancelled_caught
        assert time.monotonic() - began < 6  # all of it takes nine seconds
        await anyio.sleep(0.7)
        asked = slow.asked
        assert 0 < asked < 20
        await anyio.sleep(1.0)
        assert slow.asked == asked  # nothing goes on behind the client's back
        with Ledger(settings.ledger) as book:
            assert book.integrity() == []
            assert asked - 1 <= book.counts()["digests"] <= asked
            assert book.counts()["reports"] == 0
        slow._seconds = 0
        report = (await client.call_tool("build_report", {})).structured_content
        assert report["counts"]["items"] == 46
        assert slow.asked <= 47  # what was digested before was not asked again


async def test_cancelling_a_fetch_leaves_whole_documents(desk, era, settings, inbox, write_issue):
    fill(inbox, write_issue, 60)
    async with Client(build(desk), mode=era) as client:
        with anyio.move_on_after(0.1):
            await client.call_tool("fetch_newsletters", {})
        await anyio.sleep(0.3)
        listed = await client.call_tool("fetch_newsletters", {})
        assert listed.structured_content["read"]["new"] <= 66
        with Ledger(settings.ledger) as book:
            assert book.integrity() == []
            assert book.counts()["documents"] == 66


async def test_a_long_report_does_not_block_a_single_article(desk, era, slow, inbox, write_issue):
    fill(inbox, write_issue, 40)
    async with Client(build(desk), mode=era) as client:
        await client.call_tool("fetch_newsletters", {})
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "build_report", {})
            await anyio.sleep(0.5)
            before = slow.asked
            await client.call_tool("analyze_article", {"text": "Rockets land near Bergen."})
            # Its turn comes after one question of the report's, not after forty.
            assert slow.asked - before < 10
            before = slow.asked
            await client.call_tool("search_digests", {"query": "news"})
            assert slow.asked - before < 5
            group.cancel_scope.cancel()


async def test_a_slow_query_leaves_the_event_loop(desk):
    """Quick ones are answered where they were asked; SQLite itself stops the others there."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    where = []

    def count(up_to):
        def query(reader):
            where.append(threading.current_thread().name.split("_")[0])
            with queries._reading():
                statement = f"{numbers} SELECT count(*) FROM n"
                return reader._db.execute(statement, [up_to]).fetchone()[0]

        return query

    await desk.read(lambda reader: reader.reports(1))  # the ledger is made in a thread
    assert await desk.read(count(10)) == 10
    assert await desk.read(count(1_000_000)) == 1_000_000
    assert where == ["MainThread", "MainThread", "reader"]


async def test_calls_at_once_are_not_mixed_up(desk, era):
    """200 look-ups and 8 analyses in flight together, each with its own answer."""
    words = ["Halden", "polar", "Pellucid", "grammars", "Memory", "hedgehogs"]
    places = [f"Town{n}" for n in range(8)]
    errors = []
    async with Client(build(desk), mode=era) as client:
        first = await client.call_tool("fetch_newsletters", {})

        async def search(n):
            result = await client.call_tool("search_digests", {"query": words[n % 6]})
            (one,) = result.structured_content["results"]
            if words[n % 6].lower() not in (one["title"] + one["text"]).lower():
                errors.append(one)

        async def fetch(n):
            arguments = {"query": words[n % 6]}
            result = await client.call_tool("fetch_newsletters", arguments)
            (one,) = result.structured_content["documents"]
            if one["id"] not in {each["id"] for each in first.structured_content["documents"]}:
                errors.append(one)

        async def analyze(place):
            text = f"The mayor of {place} opened a bridge over the river on Friday."
            result = await client.call_tool("analyze_article", {"text": text})
            if place not in result.structured_content["digest"]["summary"]:
                errors.append(result.structured_content)

        async with anyio.create_task_group() as group:
            for n in range(100):
                group.start_soon(search, n)
                group.start_soon(fetch, n)
            for place in places:
                group.start_soon(analyze, place)
    assert errors == []


@pytest.mark.parametrize("answer", ["accept", "accept without", "decline", "cancel"])
async def test_the_user_is_asked_where_the_client_can(desk, era, settings, answer):
    from mcp_types import ElicitResult

    asked = []

    async def ask(context, params):
        asked.append(params.message)
        if answer.startswith("accept"):
            return ElicitResult(action="accept", content={"deliver": answer == "accept"})
        return ElicitResult(action=answer)

    async with Client(build(desk), mode=era, elicitation_callback=ask) as client:
        await client.call_tool("fetch_newsletters", {})
        report = (await client.call_tool("build_report", {})).structured_content["report"]
        result = await client.call_tool("deliver_report", {"report": report})
    (one,) = result.structured_content["deliveries"]
    assert asked == [f"Deliver report {report} to folder:{settings.out}?"]
    assert one["state"] == ("delivered" if answer == "accept" else "declined")
    assert settings.out.exists() == (answer == "accept")


def asks(count):
    return [Ask([{"role": "user", "content": str(n)}], ("title",), 10) for n in range(count)]


def test_turns_are_taken_one_by_one():
    order = []

    class Recorder:
        name = model = "recorder"
        context = 100

        def count(self, text):
            return len(text)

        def answer(self, asked):
            time.sleep(0.01)
            order.append(asked[0].max_tokens)
            yield Answer(0, "{}", "stop")

        def close(self):
            order.append("closed")

    shared = SharedEngine(Recorder(), slots=1)

    def caller(number, count):
        batch = [Ask([], ("title",), number)] * count
        found = list(shared.client(lambda: False).answer(batch))
        assert sorted(one.index for one in found) == list(range(count))

    threads = [threading.Thread(target=caller, args=(n, 20)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    middle = order[6:54]
    for start in range(0, len(middle), 6):
        window = middle[start : start + 6]
        assert {window.count(n) for n in (1, 2, 3)} <= {1, 2, 3}, order
    shared.close()
    assert order[-1] == "closed"


def test_who_is_gone_is_served_no_more():
    engine = SlowEngine(0.01)
    shared = SharedEngine(engine, slots=2)
    stopped = threading.Event()
    found = shared.client(stopped.is_set).answer(asks(500))
    next(found)
    stopped.set()
    with pytest.raises(Stopped):
        list(found)
    time.sleep(0.2)
    assert engine.asked < 50
    shared.close()


def test_an_engine_that_dies_is_told_to_its_caller():
    from digest.errors import EngineUnavailable

    class Dead:
        name = model = "dead"
        context = 100

        def answer(self, asked):
            raise EngineUnavailable("the server is gone")
            yield

        def close(self):
            pass

    shared = SharedEngine(Dead(), slots=2)
    with pytest.raises(EngineUnavailable, match="is gone"):
        list(shared.client(lambda: False).answer(asks(3)))
    shared.close()

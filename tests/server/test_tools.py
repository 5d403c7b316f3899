"""Every tool, in both eras of the protocol, over a real ledger and the engine without a model."""

import json
import sqlite3

import jsonschema
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from digest.records import fingerprint
from digest.storage.ledger import Ledger
from digest.storage.lock import writer_lock
from server.app import build

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(desk, era):
    async with Client(build(desk), mode=era) as client:
        yield client


async def call(client, tool, **arguments):
    """The structured content, which must be what the text says and the schema allows."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content[0].text
    assert json.loads(result.content[0].text) == result.structured_content
    schemas = {one.name: one.output_schema for one in (await client.list_tools()).tools}
    jsonschema.validate(result.structured_content, schemas[tool])
    return result.structured_content


async def refused(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return result.content[0].text


def items(listed):
    return sum(len(one["items"]) for one in listed["documents"])


async def test_a_briefing(client, settings, issues):
    told = []

    async def tell(progress, total, message):
        told.append((progress, total, message))

    result = await client.call_tool("fetch_newsletters", {}, progress_callback=tell)
    listed = result.structured_content
    assert listed["read"] == {"new": 6, "known": 0, "skipped": 0}
    assert {one["title"] for one in listed["documents"]} == {i[1] for i in issues.values()}
    assert told
    assert "data, never instructions" in listed["notice"]
    assert result.meta["untrustedContentHint"] is True

    item = next(
        entry["id"]
        for one in listed["documents"]
        for entry in one["items"]
        if "Pellucid" in entry["title"]
    )
    analysis = await call(client, "analyze_article", item=item, fields=["title", "names"])
    assert list(analysis["digest"]) == ["title", "names"]
    assert analysis["provenance"]["engine"] == "extractive"
    assert analysis["provenance"]["degraded"]

    told.clear()
    result = await client.call_tool("build_report", {}, progress_callback=tell)
    report = result.structured_content
    assert [one[0] for one in told] == sorted(one[0] for one in told)
    assert told[-1][0] == told[-1][1] == report["counts"]["items"] == items(listed)
    assert "Halden" in report["markdown"]
    text = (await client.read_resource(report["uri"])).contents[0].text
    assert report["markdown"] in text
    assert "data, never instructions" in text

    first = await call(client, "deliver_report", report=report["report"])
    again = await call(client, "deliver_report", report=report["report"])
    assert [one["state"] for one in first["deliveries"]] == ["delivered"]
    assert [one["state"] for one in again["deliveries"]] == ["already_delivered"]
    assert len(list(settings.out.glob("*.md"))) == 1


async def test_reports_leave_the_morning_report_alone(client, settings):
    await call(client, "fetch_newsletters")
    await call(client, "build_report")
    with Ledger(settings.ledger) as book:
        assert len(book.documents(unreported=True)) == 6


async def test_search_by_everything(client):
    await call(client, "fetch_newsletters")
    await call(client, "build_report")

    async def titles(**arguments):
        found = await call(client, "search_digests", **arguments)
        return " | ".join(one["title"] for one in found["results"])

    assert "Pellucid" in await titles(query="language model phone")
    assert await titles(query="language zebra") == ""
    assert "Pellucid" in await titles(name="pellucid")
    assert "Halden" in await titles(name="bergen")
    everything = await call(client, "search_digests")
    company = next(one for one in everything["results"] if one.get("company_names"))
    assert company["title"] in await titles(company=company["company_names"][0].upper())
    domain = next(one for one in everything["results"] if one.get("domains"))
    assert domain["title"] in await titles(domain=domain["domains"][0].upper())
    top = max(one["relevance_score"] for one in everything["results"])
    for one in (await call(client, "search_digests", min_relevance=top))["results"]:
        assert one["relevance_score"] == top
    assert await titles(since="2026-11-20") == ""
    assert await titles(until="2026-11-01") == ""
    # No query syntax from outside.
    assert await titles(query='" OR 1') == ""
    assert await titles(name="%") == ""


async def test_pages_hold_each_thing_once_while_more_arrives(client, inbox, write_issue):
    total = items(await call(client, "fetch_newsletters"))
    seen, cursor = [], None
    while True:
        arguments = {"cursor": cursor} if cursor else {"limit": 1}
        page = await call(client, "search_digests", **arguments)
        seen += [one["id"] for one in page["results"]]
        if not cursor:
            write_issue(inbox, "late", "Late <l@example.com>", "Late", "Came late. " * 9)
        cursor = page.get("next_cursor")
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == total
    one = await call(client, "fetch_newsletters", limit=1)
    two = await call(client, "fetch_newsletters", cursor=one["next_cursor"])
    assert one["documents"][0]["id"] != two["documents"][0]["id"]
    assert "read" not in two


async def test_a_long_report_comes_in_pages(client, inbox, write_issue):
    for n in range(70):
        text = f"Laboratory {n} {fingerprint(str(n))} measured {fingerprint(f'{n}!')}. " * 6
        write_issue(inbox, f"n{n}", "Long <l@example.com>", f"Result {fingerprint(f'{n}')}", text)
    await call(client, "fetch_newsletters")
    page = await call(client, "build_report")
    whole, pages = page["markdown"], 1
    while cursor := page.get("next_cursor"):
        page = await call(client, "build_report", cursor=cursor)
        whole, pages = whole + page["markdown"], pages + 1
    assert pages > 1
    text = (await client.read_resource(page["uri"])).contents[0].text
    assert whole in text


async def test_errors_say_what_to_change(client, settings):
    assert "exactly one of" in await refused(client, "analyze_article")
    assert "exactly one of" in await refused(client, "analyze_article", text="a", item="b")
    assert "unknown field 'mood'" in await refused(
        client, "analyze_article", text="a", fields=["mood"]
    )
    assert "fetch_newsletters lists ids" in await refused(client, "analyze_article", item="nope")
    assert "less than or equal to 50" in await refused(client, "search_digests", limit=51)
    assert "search_digests takes query, name" in await refused(client, "search_digests", q="x")
    assert "write an age such as 7d" in await refused(client, "search_digests", since="tomorrow")
    assert "until lies before since" in await refused(
        client, "search_digests", since="1d", until="2d"
    )
    assert "build_report makes one" in await refused(client, "deliver_report", report="nope")
    assert "next_cursor" in await refused(client, "search_digests", cursor="AAAA")
    assert "the sources are: mailbox:" in await refused(
        client, "fetch_newsletters", source="folder:/etc"
    )
    assert "the sinks are: folder:" in await refused(
        client, "deliver_report", report="x", sink="smtp:evil@example.com"
    )
    assert "there are fetch_newsletters" in await refused(client, "run_shell", command="ls")
    with pytest.raises(MCPError, match="there is no report"):
        await client.read_resource("digest://reports/nope")
    with pytest.raises(MCPError):
        await client.get_prompt("explain_story")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:1/", "http://[::1]/", "x"])
async def test_urls_that_are_not_public_are_refused(client, url):
    assert await refused(client, "analyze_article", url=url)


async def test_internals_stay_inside(client, desk, settings, monkeypatch):
    await call(client, "fetch_newsletters")

    def broken(name):
        raise RuntimeError("secret-token in /home/someone/file.py")

    monkeypatch.setattr(desk.engines, "get", broken)
    text = await refused(client, "analyze_article", text="Some words about rockets.")
    assert "secret" not in text
    assert "/home" not in text
    settings.ledger.parent.mkdir(exist_ok=True)
    with writer_lock(settings.ledger):
        text = await refused(client, "build_report", since="2026-11-01")
        assert str(settings.ledger) not in text


async def test_another_process_that_writes_is_named(client, settings):
    await call(client, "fetch_newsletters")
    with writer_lock(settings.ledger):
        text = await refused(client, "build_report")
        assert "is writing to the ledger" in text
        assert "process " in text
        listed = await call(client, "fetch_newsletters", since="2026-10-01")
        assert len(listed["documents"]) == 6
        assert "is writing" in listed["problems"][0]
        assert (await call(client, "search_digests"))["results"]
        assert await call(client, "analyze_article", text="Rockets land on barges near Bergen.")
    assert await call(client, "build_report")


async def test_sources_show_no_secret(desk, settings, era):
    settings.source.append("feed:https://reader:hunter2@feeds.example/x?key=sesame")
    async with Client(build(desk), mode=era) as client:
        text = json.dumps(await call(client, "list_sources"))
        assert "feeds.example/x" in text
        assert "hunter2" not in text
        assert "sesame" not in text


async def test_one_bad_source_leaves_the_others(desk, settings, era):
    settings.source.insert(0, "mailbox:/nowhere/at/all")
    async with Client(build(desk), mode=era) as client:
        listed = await call(client, "fetch_newsletters")
        assert len(listed["documents"]) == 6
        assert len(listed["problems"]) == 1


async def test_a_forged_cursor_asks_for_nothing_new(client):
    from server.paging import Cursor

    total = items(await call(client, "fetch_newsletters"))
    wide = {"source": "folder:/etc", "limit": 10**9}
    forged = str(Cursor(of="fetch_newsletters", arguments=wide, offset=0, ceiling=99))
    assert "there is no source" in await refused(client, "fetch_newsletters", cursor=forged)
    wide = {"limit": 10**9}
    forged = str(Cursor(of="search_digests", arguments=wide, offset=0, ceiling=2**60))
    assert len((await call(client, "search_digests", cursor=forged))["results"]) == total


async def test_resources_templates_completion_prompts(client):
    listed = await call(client, "fetch_newsletters")
    report = await call(client, "build_report")
    templates = (await client.list_resource_templates()).resource_templates
    assert {one.uri_template for one in templates} == {
        "digest://reports/{id}",
        "digest://documents/{id}",
        "digest://items/{id}",
    }
    (resource,) = (await client.list_resources()).resources
    assert str(resource.uri) == report["uri"]
    document = listed["documents"][0]
    for uri in (f"digest://documents/{document['id']}", f"digest://items/{document['id']}-0"):
        content = (await client.read_resource(uri)).contents[0]
        assert content.mime_type == "text/markdown"
        assert "<untrusted-" in content.text
    for template, value in (("items", document["id"]), ("documents", document["id"][:4])):
        found = await client.complete(
            {"type": "ref/resource", "uri": f"digest://{template}/{{id}}"},
            {"name": "id", "value": value},
        )
        assert found.completion.values
        assert all(one.startswith(value) for one in found.completion.values)
    prompts = (await client.list_prompts()).prompts
    assert [one.name for one in prompts] == [
        "morning_briefing",
        "newest_brief",
        "compare_coverage",
        "explain_story",
    ]
    text = (await client.get_prompt("morning_briefing", {"focus": "rockets"})).messages[0].content
    assert "rockets" in text.text
    found = await client.complete(
        {"type": "ref/prompt", "name": "explain_story"},
        {"name": "item", "value": document["id"]},
    )
    assert found.completion.values


async def test_reads_a_source_once_a_minute(client, desk):
    assert "read" in await call(client, "fetch_newsletters")
    assert "read" not in await call(client, "fetch_newsletters")
    assert "read" in await call(client, "fetch_newsletters", since="2020-01-01")


async def test_an_ask_for_two_fields_hides_no_full_digest(client, settings):
    total = items(await call(client, "fetch_newsletters"))
    await call(client, "build_report")
    before = await call(client, "search_digests", min_relevance=1)
    item = before["results"][0]["id"]
    await call(client, "analyze_article", item=item, fields=["title"])
    assert await call(client, "search_digests", min_relevance=1) == before
    with sqlite3.connect(settings.ledger) as db:
        assert db.execute("SELECT count(*) FROM digests").fetchone()[0] == total + 1

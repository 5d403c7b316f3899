"""What the emulator `myworld` is strict about: search, Docs, uploads, sign-ins, and faults.

It takes a Doc's text as it is sent and exports it again, so reading a Doc back proves what Digest
sent and that nothing is lost on the way; how Docs shows it is Google's own importer's work.
"""

import json
import re

import pytest
from markdown_it import MarkdownIt

JOB = ("--source", "gmail:label:newsletters", "--deliver", "drive:Newsletters/Reports")


def headings_and_links(markdown):
    tokens = MarkdownIt().parse(markdown)
    headings = [
        (token.tag, tokens[i + 1].content) for i, token in enumerate(tokens)
        if token.type == "heading_open"
    ]  # fmt: skip
    links = [
        child.attrs["href"] for token in tokens for child in token.children or ()
        if child.type == "link_open"
    ]  # fmt: skip
    return headings, links


def test_the_doc_read_back_has_the_reports_headings_and_links(at_myworld, myworld, letter):
    for number in range(3):
        myworld.receive(letter(number))
    first = at_myworld.run(*JOB)
    assert first["fetched"]["new"] == 3
    [doc] = myworld.files()
    [report] = (at_myworld.folder / "reports").glob("*.md")
    headings, links = headings_and_links(report.read_text("utf-8").split("\n---\n", 1)[1])
    exported = headings_and_links(myworld.content(doc))
    assert len(headings) > 5 and exported[0] == [
        (tag, re.sub(r"\[(.*?)\]\(#.*?\)", r"\1", text)) for tag, text in headings
    ]
    outside = [link for link in links if not link.startswith("#")]
    assert len(outside) >= 6 and exported[1] == outside

    assert at_myworld.run(*JOB)["report"] is None
    myworld.receive(letter(7))
    third = at_myworld.run(*JOB)
    assert third["report"]["documents"] == 1
    [new] = [file for file in myworld.files() if file["id"] != doc["id"]]
    assert "Harbour 7" in myworld.content(new) and "Harbour 1" not in myworld.content(new)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("from:letter1", {1}),
        ("from:letter1 OR from:letter2", {1, 2}),
        ("{from:letter1 from:letter3}", {1, 3}),
        ("label:newsletters -from:letter1", {2, 3}),
        ('subject:"Issue 2"', {2}),
    ],
)
def test_searches(at_myworld, myworld, letter, query, found):
    for number in (1, 2, 3):
        myworld.receive(letter(number))
    job = ("--source", f"gmail:{query}", "--deliver", "drive:Found")
    at_myworld.run(*job)
    [text] = myworld.reports()
    assert {n for n in (1, 2, 3) if f"/harbour/{n})" in text} == found
    assert at_myworld.run(*job)["report"] is None


@pytest.mark.parametrize(
    ("server", "fault"),
    [
        ("gmail", {"tool": "gmail.users.messages.list", "kind": "rate_limit", "retry_after": 1}),
        ("gmail", {"tool": "gmail.users.messages.get", "kind": "unavailable"}),
        ("gmail", {"tool": "gmail.users.messages.get", "kind": "bad_gateway"}),
        ("gmail", {"tool": "gmail.users.messages.get", "kind": "truncated"}),
        ("gmail", {"tool": "gmail.users.messages.send", "kind": "timeout_after_commit"}),
        ("gmail", {"tool": "gmail.users.messages.send", "kind": "bad_gateway"}),
        ("drive", {"tool": "drive.files.list", "kind": "rate_limit", "retry_after": 1}),
        ("drive", {"tool": "drive.files.create", "kind": "unavailable", "on_call": 3}),
        ("drive", {"tool": "drive.files.create", "kind": "truncated", "on_call": 3}),
        ("drive", {"tool": "drive.files.create", "kind": "timeout_after_commit", "on_call": 1}),
        ("drive", {"tool": "drive.files.create", "kind": "timeout_after_commit", "on_call": 3}),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['tool']}-{value['kind']}",
)
def test_after_a_fault_the_report_is_there_once(at_myworld, myworld, letter, server, fault):
    myworld.receive(letter(1))
    myworld.fail(server, {"on_call": 1, **fault})
    at_myworld.run(*JOB, "--deliver", "gmail:boss@example.com")
    assert len(myworld.files()) == 1
    assert len(myworld.files("application/vnd.google-apps.folder")) == 2
    assert len(myworld.mails_sent()) == 1
    assert at_myworld.run(*JOB)["report"] is None


def test_an_outage_keeps_the_report_and_asks_to_come_back(at_myworld, myworld, letter):
    at_myworld.env["DIGEST_GOOGLE__PATIENCE"] = "2"
    myworld.receive(letter(1))
    outage = {"tool": "drive.files.*", "kind": "unavailable", "from_call": 1, "times": None}
    myworld.fail("drive", outage)
    done = at_myworld.digest(*at_myworld.run_args(*JOB), check=75)
    assert "try again later" in done.stderr and "Traceback" not in done.stderr
    myworld.fail("drive")
    assert myworld.files() == []
    assert json.loads(at_myworld.digest("deliver", "--json").stdout)["deliveries"]
    assert len(myworld.files()) == 1


def test_a_history_that_gmail_forgot_is_reconciled_once(at_myworld, myworld, letter):
    import sqlite3

    myworld.receive(letter(1))
    at_myworld.run(*JOB)
    with sqlite3.connect(at_myworld.folder / "ledger.db") as ledger:
        [(value,)] = ledger.execute("SELECT value FROM cursors")
        old = json.dumps(json.loads(value) | {"history": "1"})
        ledger.execute("UPDATE cursors SET value = ?", (old,))
    myworld.receive(letter(2))
    assert at_myworld.run(*JOB)["fetched"]["new"] == 1
    with sqlite3.connect(at_myworld.folder / "ledger.db") as ledger:
        [(value,)] = ledger.execute("SELECT value FROM cursors")
    assert int(json.loads(value)["history"]) > 1000
    assert at_myworld.run(*JOB)["fetched"]["known"] == 0, "it was listed in full again"


@pytest.fixture
def sink(at_myworld, monkeypatch):
    """The Drive sink in this process, behind the gateway."""
    import integrations
    from digest.settings import Settings

    for name, value in at_myworld.env.items():
        monkeypatch.setenv(name, value)
    return lambda **google: integrations.sink(
        "drive:News", Settings(google=Settings().google.model_copy(update=google).model_dump())
    )


@pytest.mark.parametrize("size", [1_000, 6_000_000, 20_000_000])
def test_a_report_is_updated_in_place_under_the_same_id(sink, myworld, size):
    drive = sink()
    first = drive.deliver("k1", "name", "# One\n" + "x" * size, "")
    assert drive.find("k1", "name") == first
    second = drive.deliver("k1", "name", "# Two\n" + "y" * size, "")
    assert second.remote_id == first.remote_id
    [doc] = myworld.files()
    text = myworld.content(doc)
    assert text.startswith("# Two") and len(text) == size + 6
    assert drive.find("k2", "other") is None


def test_markdown_and_pdf_beside_the_doc(sink, myworld):
    drive = sink(beside=["md", "pdf"])
    made = drive.deliver("k1", "name", "---\na: b\n---\n\n# One\n", "")
    [markdown], [pdf] = myworld.files("text/markdown"), myworld.files("application/pdf")
    assert (markdown["name"], pdf["name"]) == ("name.md", "name.pdf")
    kept = myworld.ask("GET", "www", f"/drive/v3/files/{markdown['id']}?alt=media")
    assert kept.startswith("---\na: b")
    assert drive.find("k1", "name") == made
    myworld.ask("DELETE", "www", f"/drive/v3/files/{pdf['id']}")
    assert drive.find("k1", "name") is None, "an incomplete delivery counts as none"
    drive.deliver("k1", "name", "# One\n", "")
    assert len(myworld.files()) == len(myworld.files("text/markdown")) == 1


def test_an_access_token_that_ends_is_renewed_and_a_bad_sign_in_named(sink, at_myworld, myworld):
    from digest.settings import Settings
    from integrations.google import api, auth

    sink()
    google = Settings().google
    client = api.Api(auth.Account.of("default", google), google, auth.DRIVE)
    client.run(client.files.list(), "look")
    client._transport.session.credentials.token = "ya29.ended"
    assert "files" in client.run(client.files.list(), "look"), "401 was not answered by a refresh"
    assert client._transport.session.credentials.token != "ya29.ended", "the server took any token"
    file = at_myworld.folder / "google" / "default.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"refresh_token": "garbage"}))
    done = at_myworld.digest("auth", "google", "--check", check=2)
    assert "digest auth google" in done.stderr and len(done.stderr.splitlines()) == 1


RICH = """\
---
title: x
---

# Digest of today

Read [the first](#a-first-story) and [the source](https://a.example/1?a=b&c=d#e).

## Markets

### 1. A first story

**9/10** · [The Wire](https://wire.example/path_(x)) · *19 November*

- one [link](https://b.example/2)
- two

| company | change |
|---|---|
| [Acme](https://acme.example/) | 4 % |
| Gröning & Söhne | -1 % |

1. first
2. second
"""


def test_a_doc_keeps_headings_links_and_tables(sink, myworld):
    sink().deliver("k1", "name", RICH, "")
    [doc] = myworld.files()
    exported = myworld.content(doc)
    headings, links = headings_and_links(exported)
    assert headings == [("h1", "Digest of today"), ("h2", "Markets"), ("h3", "1. A first story")]
    assert links == [
        "https://a.example/1?a=b&c=d#e", "https://wire.example/path_(x)", "https://b.example/2",
        "https://acme.example/",
    ]  # fmt: skip
    reader = MarkdownIt().enable("table")
    kinds = [token.type for token in reader.parse(exported)]
    assert kinds.count("tr_open") == 3 and kinds.count("list_item_open") == 4
    assert exported.startswith("# "), "front matter would be read as a table or as text"

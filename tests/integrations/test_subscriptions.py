import json
import subprocess
import sys
import tomllib
from pathlib import Path

import local_http
import pytest
from local_http import Reply

from digest.errors import ConfigError, SourceError
from integrations import subscriptions

FEED = (
    b"<rss version='2.0'><channel><title>Coast</title><item><title>Ferries run</title>"
    b"<link>https://coast.example/1</link><description>The ferries run again.</description>"
    b"</item></channel></rss>"
)


def test_the_file_keeps_comments_order_and_tables(tmp_path) -> None:
    file = tmp_path / "digest.toml"
    file.write_text('# my sources\nsince = "3d"\n\n[ollama]\nmodel = "x"  # mine\n')
    assert subscriptions.add(file, ["feed:https://a.example/", "web:https://b.example/"]) == [
        "feed:https://a.example/",
        "web:https://b.example/",
    ]
    assert subscriptions.add(file, ["web:https://b.example/", "reddit:x1"]) == ["reddit:x1"]
    subscriptions.remove(file, "web:https://b.example/")
    text = file.read_text()
    assert "# my sources" in text and "# mine" in text
    assert tomllib.loads(text) == {
        "source": ["feed:https://a.example/", "reddit:x1"],
        "since": "3d",
        "ollama": {"model": "x"},
    }
    assert subscriptions.listed(file) == ["feed:https://a.example/", "reddit:x1"]


def test_the_file_is_made_when_there_is_none(tmp_path) -> None:
    file = tmp_path / "digest.toml"
    assert subscriptions.listed(file) == []
    subscriptions.add(file, ['mailbox:/home/me/"quoted" \\ mail'])
    assert tomllib.loads(file.read_text()) == {"source": ['mailbox:/home/me/"quoted" \\ mail']}


@pytest.mark.parametrize("text", ["source = 7", "source = [1]", "source = [", "\udc80"])
def test_a_broken_file_is_left_alone(tmp_path, text) -> None:
    file = tmp_path / "digest.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError):
        subscriptions.add(file, ["feed:https://a.example/"])
    assert file.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_what_is_not_there_cannot_be_removed(tmp_path) -> None:
    with pytest.raises(ConfigError, match="source list"):
        subscriptions.remove(tmp_path / "digest.toml", "feed:x")


def test_opml_goes_out_and_comes_in() -> None:
    specs = ["feed:https://a.example/?x=1&y=2", "mailbox:news", 'feed:https://b.example/"q"']
    assert subscriptions.from_opml(subscriptions.to_opml(specs).encode()) == [specs[0], specs[2]]


def test_opml_of_others() -> None:
    content = b"""<?xml version="1.0"?><opml version="1.1"><body><outline text="News">
    <outline text="A" type="rss" xmlUrl="https://a.example/feed"/>
    <outline text="B" xmlUrl="file:///etc/passwd"/><outline text="A" xmlUrl="https://a.example/feed"/>
    </outline></body></opml>"""
    assert subscriptions.from_opml(content) == ["feed:https://a.example/feed"]
    for wrong in (b"", b"<html>", b"\x00\xff", b"x" * (9 << 20)):
        with pytest.raises(SourceError):
            subscriptions.from_opml(wrong)


# The verbs, as a user runs them


@pytest.fixture
def digest(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digest.toml").write_text(
        f'ledger = "ledger.db"\n[http]\nallow = ["127.0.0.1:{server.port}"]\n'
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from cli.main import main; main()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    return run


def test_add_finds_the_feed_tests_it_and_the_rest_follows(digest, server, tmp_path) -> None:
    link = "<link rel='alternate' type='application/rss+xml' href='/feed.xml'>"
    server.routes["/blog"] = Reply(f"<html><head>{link}</head><p>Blog</html>".encode())
    server.routes["/feed.xml"] = Reply(FEED, "application/rss+xml")
    spec = f"feed:{server.base}/feed.xml"
    assert digest("source", "add", f"feed:{server.base}/blog").stdout == f"added  {spec}\n"
    assert spec in digest("source", "list").stdout
    assert "Ferries run" in digest("source", "test").stdout
    assert f'xmlUrl="{server.base}/feed.xml"' in digest("source", "list", "--opml").stdout
    assert digest("fetch", "--since", "9999d").stdout.startswith("1 new")
    (row,) = json.loads(digest("source", "list", "--json").stdout)["sources"]
    assert row["source"] == spec and row["read"].endswith("+00:00")
    assert digest("source", "remove", spec).returncode == 0
    assert tomllib.loads((tmp_path / "digest.toml").read_text())["source"] == []


def test_a_page_makes_no_source_of_a_server_that_only_the_user_may_name(digest, server) -> None:
    with local_http.serve() as other:
        other.routes["/feed.xml"] = Reply(FEED, "application/rss+xml")
        link = f"<link rel=alternate type=application/rss+xml href={other.base}/feed.xml>"
        server.routes["/blog"] = Reply(f"<html><head>{link}</head></html>".encode())
        toml = Path("digest.toml")
        toml.write_text(toml.read_text().replace('"]\n', f'", "127.0.0.1:{other.port}"]\n'))
        done = digest("source", "add", f"feed:{server.base}/blog")
        assert done.returncode == 1 and "not a public address" in done.stderr
        assert other.seen == []
        assert digest("source", "add", f"feed:{other.base}/feed.xml").returncode == 0


def test_what_does_not_work_is_not_added(digest, server, tmp_path) -> None:
    for spec, code, words in (
        (f"feed:{server.base}/none", 1, "404"),
        ("feed:http://127.0.0.1:9/x", 1, "not a public address"),
        ("nothing:here", 2, "no source kind"),
        (f"mailbox:{tmp_path}/none", 1, "No such file"),
    ):
        done = digest("source", "add", spec)
        assert (done.returncode, words in done.stderr) == (code, True), done
    assert "source" not in tomllib.loads((tmp_path / "digest.toml").read_text())
    server.routes["/feed"] = Reply(b"", status=503)
    assert digest("source", "test", f"feed:{server.base}/feed").returncode == 75

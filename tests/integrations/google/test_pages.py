"""Mailboxes of more than one page: each message once, by listing, by search and by history."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

import integrations
from digest.settings import Settings
from integrations.google.api import Api
from integrations.sources import gmail

ISSUES = 5


@pytest.fixture
def asked(monkeypatch):
    """(path, page token) of each GET, at two entries a page."""
    found, run = [], Api.run

    def watched(self, request, *given, **named):
        address = urlsplit(request.uri)
        token = parse_qs(address.query).get("pageToken", [""])[0]
        found.append((address.path.rpartition("/")[2], token))
        return run(self, request, *given, **named)

    monkeypatch.setattr(Api, "run", watched)
    monkeypatch.setattr(gmail, "PAGE", 2)
    return found


def turned(asked, what):
    """How many further pages of a list were asked for."""
    return len({token for path, token in asked if path == what and token})


def subjects(raws):
    lines = (raw.content.decode().splitlines() for raw in raws)
    return sorted(next(one for one in text if one.startswith("Subject:")) for text in lines)


def test_each_message_of_many_pages_comes_once(kill_ground, letter, asked, monkeypatch):
    world, home = kill_ground
    for name, value in home.env.items():
        monkeypatch.setenv(name, value)
    settings = Settings()

    def read(spec, cursor=""):
        asked.clear()
        source = integrations.source(spec, settings)
        since = datetime(2020, 1, 1, tzinfo=UTC)
        return subjects(source.fetch(since, cursor)), source.cursor

    def told(numbers):
        return sorted(f"Subject: Issue {number} of the letter" for number in numbers)

    def receive(numbers):
        for number in numbers:
            world.receive(letter(number, f"Fri, 20 Nov 2026 07:0{number}:00 +0000"))

    receive(range(ISSUES))
    found, cursor = read("gmail:label:newsletters")
    assert found == told(range(ISSUES)) and turned(asked, "messages") == 2
    found, _ = read("gmail:subject:letter")
    assert found == told(range(ISSUES)) and turned(asked, "messages") == 2

    receive(range(ISSUES, 2 * ISSUES))
    found, cursor = read("gmail:label:newsletters", cursor)
    assert found == told(range(ISSUES, 2 * ISSUES))
    assert turned(asked, "history") >= 2 and turned(asked, "messages") == 0
    found, _ = read("gmail:label:newsletters", cursor)
    assert found == []

"""What a log and a terminal get to see of a long run."""

import sys

import pytest

from cli import progress as module
from cli.progress import Progress


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_log_gets_a_line_a_minute(clock, capsys):
    with Progress() as progress:
        for source in ("mailbox:inbox", "feed:https://a.example/x"):
            for done in range(1, 4):
                progress(f"fetch {source}", done, None)
                clock.now += 1
        for done in range(76):
            progress("analyze", done, 75)
            clock.now += 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "digest: reading 1 from mailbox:inbox"
    assert lines[1] == "digest: digesting 1 of 75"
    assert lines[2] == "digest: digesting 31 of 75, about 2 minutes left"
    assert lines[-1] == "digest: digesting 75 of 75"
    assert len(lines) == 5


def test_a_terminal_gets_a_bar_with_the_time_left(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress() as progress:
        for done in range(6):
            progress("analyze", done, 10)
            clock.now += 60
    last = capsys.readouterr().err.rsplit("\r", 1)[1]
    assert last.startswith("█" * 14 + "░" * 14 + " digesting 6 of 10, about 5 minutes left")

"""Timers that neither catch up nor know zones: over changes of the clock, sleep, kills, outages."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from cli.schedule import due as due_command
from cli.schedule import units
from digest.errors import ConfigError
from digest.storage.ledger import Ledger
from digest.when import DAYS, CalendarTime

DIGEST = Path(sys.executable).with_name("digest")
CHANGES = {  # two days before the clock changes, and how many hours the day of the change has
    ("Europe/Berlin", datetime(2026, 3, 27, tzinfo=UTC)): 23,
    ("Europe/Berlin", datetime(2026, 10, 23, tzinfo=UTC)): 25,
    ("America/New_York", datetime(2026, 3, 6, tzinfo=UTC)): 23,
    ("America/New_York", datetime(2026, 10, 30, tzinfo=UTC)): 25,
}


def served(book, when, ticks):
    """The ticks at which the command would have run."""
    ran = []
    for tick in ticks:
        moment = due_command.turn(book, when, ("run",), tick)
        if moment:
            ran.append(tick)
            due_command.serve(book, when, ("run",), moment)
    return ran


@pytest.mark.parametrize("own_zone", [True, False], ids=["own zone", "named zone"])
@pytest.mark.parametrize("at", ["07:00", "02:30", "00:10"])
@pytest.mark.parametrize(("zone", "start"), CHANGES, ids=str)
def test_cron_serves_each_day_once_over_the_change(tmp_path, at_home_in, zone, start, at, own_zone):
    """The installed line, fired by Debian's rules for days on which the clock changes."""
    at_home_in(zone if own_zone else "Asia/Tokyo")
    when = CalendarTime.parse(at if own_zone else f"{at} {zone}")
    job = units.TimerJob("digest", "t", ("digest",), ("run",), (), tmp_path, when)
    home = ZoneInfo(zone if own_zone else "Asia/Tokyo")
    calendar = CronSim(" ".join(units.cron(job).split(" ")[:5]), start.astimezone(home))
    ticks = [next(calendar).astimezone(UTC) for _ in range(4 * 24 * 6)]
    with Ledger(tmp_path / "ledger.db") as book:
        due_command.serve(book, when, ("run",), when.last(start))
        ran = [tick.astimezone(ZoneInfo(zone)) for tick in served(book, when, ticks)]
    days = [one.date() for one in ran]
    assert len(set(days)) == len(days) and len(days) in (5, 6)
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))], "a day was left out"
    clock = Counter(f"{one:%H:%M}" for one in ran)
    jumped = at == "02:30" and CHANGES[zone, start] == 23  # that night has no 02:30
    assert clock == ({at: len(days) - 1, "03:30": 1} if jumped else {at: len(days)})


def test_weeks_of_sleep_are_made_up_for_once_and_at_waking(tmp_path):
    dice = random.Random(5)
    when = CalendarTime.parse("07:00 Europe/Berlin")
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    with Ledger(tmp_path / "ledger.db") as book:
        due_command.serve(book, when, ("run",), when.last(now))
        for _ in range(60):
            slept = timedelta(minutes=dice.randrange(0, 15 * 24 * 60))
            missed = when.last(now + slept + due_command.EARLY) > when.last(now + due_command.EARLY)
            now += slept
            assert served(book, when, [now, now]) == [now][:missed]


def test_a_timer_that_fires_a_moment_early_has_its_turn_once(tmp_path):
    when = CalendarTime.parse("07:00 UTC")
    at = datetime(2026, 5, 4, 7, tzinfo=UTC)
    early, late = at - timedelta(seconds=3), at + timedelta(minutes=15)
    with Ledger(tmp_path / "ledger.db") as book:
        due_command.serve(book, when, ("run",), at - timedelta(days=1))
        assert served(book, when, [at - timedelta(hours=1), early, at, late]) == [early]


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.integers(1_577_836_800, 2_114_380_800).map(lambda at: datetime.fromtimestamp(at, UTC)),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["", *DAYS]),
)
def test_the_last_time_is_the_last(zone, now, hour, minute, day):
    when = CalendarTime(hour, minute, day, zone)
    assert CalendarTime.parse(str(when)) == when
    last = when.last(now)
    assert last <= now < last + timedelta(days=8 if day else 2)
    assert when.last(last) == last and when.last(last - timedelta(microseconds=1)) < last
    local = last.astimezone(ZoneInfo(zone))
    assert not day or DAYS[local.weekday()] == day
    assert (local.hour, local.minute) == (hour, minute) or local.utcoffset() != (
        local - timedelta(hours=2)
    ).astimezone(UTC).astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize("text", ["7", "24:00", "07:60", "sunday 07:00", "07:00 Mars/Base", ""])
def test_what_is_no_time(text):
    with pytest.raises(ConfigError):
        CalendarTime.parse(text)


def test_a_clock_that_was_wrong_once_does_not_stop_the_timer(tmp_path):
    when = CalendarTime.parse("07:00 Europe/Berlin")
    with Ledger(tmp_path / "ledger.db") as book:
        served(book, when, [datetime(2031, 1, 1, tzinfo=UTC)])
        now = datetime(2026, 1, 1, tzinfo=UTC)
        assert served(book, when, [now, now]) == [now]


@pytest.fixture
def home(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# Dam\n\nA dam broke in the Vale of Oron.\n")
    (tmp_path / "digest.toml").write_text(
        'source = ["folder:notes"]\nengine = "extractive"\nledger = "l.db"\n'
    )
    return tmp_path


def due(home, *words, when="00:00", check=0):
    command = [DIGEST, "schedule", "due", when, *(words or ("run", "--json"))]
    done = subprocess.run(
        command, cwd=home, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == check, done.stdout + done.stderr
    return done.stdout


def test_the_command_runs_once_a_turn_and_says_nothing_after(home):
    assert json.loads(due(home))["report"]["documents"] == 1
    (home / "notes" / "b.md").write_text("# Bread\n\nThe bakery on the quay won a prize.\n")
    assert due(home) == ""
    assert due(home, "report", "--since", "7d", when=f"{time.strftime('%a').lower()} 00:00")


def test_the_installed_line_waits_for_the_next_turn_and_makes_up_for_a_slept_one(home):
    (home / "bin").mkdir()
    table, crontab = home / "table", home / "bin" / "crontab"
    table.touch()
    # Stands for the daemon's own program, of which only the table matters here.
    crontab.write_text(f'#!/bin/sh\nif [ "$1" = -l ]; then cat "{table}"; else cat > "{table}"; fi')
    crontab.chmod(0o755)
    path = {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "HOME": str(home)}
    install = [DIGEST, "schedule", "install", "--for", "cron", "--at", "00:00"]
    subprocess.run(install, cwd=home, env=path, check=True, capture_output=True)
    line = table.read_text().split(" ", 5)[5]

    def fire():
        """As cron does it: a shell, its own environment, no folder of ours."""
        subprocess.run(
            ["sh", "-c", line], cwd="/", env={"HOME": str(home)}, check=True, timeout=300
        )
        return len(list((home / "reports").glob("*.md")))

    assert fire() == 0, "a timer set up at noon made up for the morning"
    with sqlite3.connect(home / "l.db") as ledger:  # two nights pass
        ledger.execute(
            "UPDATE cursors SET value = strftime('%Y-%m-%dT%H:%M:%S+00:00', value, '-2 days')"
        )
    assert (fire(), fire()) == (1, 1)
    assert "1 new" in (home / "digest.log").read_text()


def test_an_outage_keeps_its_turn_and_a_mistake_does_not(home):
    down = ("run", "--source", "feed:http://127.0.0.1:1/x", "--json")
    (home / "digest.toml").write_text(
        'ledger = "l.db"\nengine = "extractive"\n[http]\nallow = ["127.0.0.1:1"]\n'
    )
    for _ in range(2):
        assert due(home, *down, check=75)
    wrong = ("run", "--source", "carrier-pigeon:coop")
    due(home, *wrong, check=2)
    assert due(home, *wrong) == ""


def test_a_run_that_was_killed_has_its_turn_again_and_two_at_once_are_one(home):
    command = [DIGEST, "schedule", "due", "00:00", "run"]
    os.mkfifo(home / "slow.md")  # whoever reads it waits for us
    slow = [*command, "--source", "folder:slow.md"]
    first = subprocess.Popen(slow, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(2000):
        if (home / "l.db.holder").exists():
            break
        time.sleep(0.05)
    assert (home / "l.db.holder").exists(), "it never began"
    assert due(home) == "", "a second one ran beside it"
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert json.loads(due(home))["report"]["documents"] == 1
    assert due(home) == ""

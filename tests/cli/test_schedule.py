"""Timers for each platform, checked by the platform's own tool where it is there."""

import os
import plistlib
import re
import shlex
import shutil
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from cli.schedule import units
from digest.when import CalendarTime

DIGEST = Path(sys.executable).with_name("digest")


def job(when="07:05", program="/opt/my tools/digest", folder=Path("/tmp")):
    config = ("--config", "/home/o'neil/50% $HOME/digest.toml")
    return units.TimerJob(
        "digest", "Digest: the daily report", (program,), ("run", *config), config, folder,
        CalendarTime.parse(when),
    )  # fmt: skip


@pytest.fixture
def home(tmp_path):
    (tmp_path / "digest.toml").write_text('source = ["folder:notes"]\n')
    (tmp_path / "bin").mkdir()
    return tmp_path


def digest(home, *args, check=0):
    env = {"HOME": str(home), "PATH": f"{home / 'bin'}:/usr/bin:/bin", "DIGEST_LEDGER": "l.db"}
    env |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    done = subprocess.run(
        [DIGEST, "schedule", *args],
        cwd=home,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == check, done.stdout + done.stderr
    return done


def tool(home, name, script):
    """A stand-in for a platform's tool that is not on this machine: it writes down its calls."""
    path = home / "bin" / name
    path.write_text(f"#!/bin/sh\necho \"$@\" >> '{home}/calls'\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@pytest.mark.parametrize("when", ["07:05", "sun 07:05 Europe/Berlin"])
def test_systemd_itself_finds_nothing_wrong(tmp_path, when):
    program = tmp_path / "my tools" / "digest"
    program.parent.mkdir()
    program.symlink_to(DIGEST)
    files = units.systemd(job(when, str(program), tmp_path))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--user", *(tmp_path / name for name in files)],
        check=False, capture_output=True, text=True,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    ours = [line for line in verified.stderr.splitlines() if str(tmp_path) in line]
    assert verified.returncode == 0 and not ours, verified.stderr
    when = next(line for line in files["digest.timer"].splitlines() if "OnCalendar" in line)
    calendar = subprocess.run(
        ["systemd-analyze", "calendar", when.partition("=")[2]],
        check=False,
        capture_output=True,
        text=True,
    )
    assert calendar.returncode == 0 and "Next elapse" in calendar.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("Europe/Berlin", ("2026-03-27", "2026-10-23")),
        ("America/New_York", ("2026-03-06", "2026-10-30")),
    ],
)
@pytest.mark.parametrize("at", ["07:00", "02:30"])
def test_systemd_fires_once_a_day_over_both_changes_of_the_clock(zone, changes, at):
    text = units.systemd(job(f"{at} {zone}"))["digest.timer"]
    when = next(line for line in text.splitlines() if "OnCalendar" in line).partition("=")[2]
    for start in changes:
        out = subprocess.run(
            ["systemd-analyze", "calendar", "--base-time", f"{start} 12:00 UTC",
             "--iterations", "4", when],
            capture_output=True, text=True, check=True, env=os.environ | {"TZ": "UTC"},
        ).stdout  # fmt: skip
        fired = re.findall(r"\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d):00 UTC", out)
        moments = [datetime.fromisoformat(f"{day}T{time}+00:00") for day, time in fired]
        local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
        assert len({one.date() for one in local}) == len(local) == 4, out
        assert {f"{one:%H:%M}" for one in local} <= {at, "03:30", "03:00"}, out


def test_launchd_gets_a_property_list(tmp_path):
    weekly = job("sun 08:20 Asia/Kathmandu")
    held = plistlib.loads(units.launchd(weekly))
    assert held["ProgramArguments"] == list(weekly.due)
    assert held["StartCalendarInterval"] == [{"Minute": minute} for minute in (5, 20, 35, 50)]
    assert held["RunAtLoad"] is True
    if not shutil.which("plutil"):
        pytest.skip("read back by Python; macOS's own plutil is not here")
    (tmp_path / "digest.plist").write_bytes(units.launchd(weekly))
    subprocess.run(["plutil", "-lint", tmp_path / "digest.plist"], check=True)


def test_cron_gets_a_line_that_a_shell_reads_back(tmp_path):
    line = units.cron(job("sun 07:05 Europe/Berlin"))
    command = line.rstrip("\n").split(" ", 5)[5]
    words = shlex.split(command.replace("\\%", "%"))
    due = words[words.index("&&") + 1 : words.index(">>")]
    assert due == list(job("sun 07:05 Europe/Berlin").due)
    assert due[1:3] == ["schedule", "due"] and "sun 07:05 Europe/Berlin" in due
    assert "%" not in command.replace("\\%", "")
    if sys.platform != "linux" or not shutil.which("crontab"):
        pytest.skip("read back by Python; there is no crontab here that checks a file")
    (tmp_path / "table").write_text(line)
    table = tmp_path / "table"
    checked = subprocess.run(["crontab", "-T", table], check=False, capture_output=True, text=True)
    if "invalid option" in checked.stderr:  # Debian's says it otherwise
        checked = subprocess.run(["crontab", "-n", table], check=False, capture_output=True)
    assert checked.returncode == 0, checked.stderr


SPACE = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


def task(made):
    return ElementTree.fromstring(units.windows(made).decode("utf-16").split("\n", 1)[1])


def test_windows_gets_a_task():
    made = task(job())
    assert made.findtext(".//t:StartBoundary", namespaces=SPACE).endswith("T07:05:00")
    assert made.findtext(".//t:MultipleInstancesPolicy", namespaces=SPACE) == "IgnoreNew"
    assert made.findtext(".//t:StartWhenAvailable", namespaces=SPACE) == "true"
    assert made.findtext(".//t:Command", namespaces=SPACE) == job().due[0]
    assert made.findtext(".//t:Arguments", namespaces=SPACE).startswith("schedule due ")
    [trigger] = made.findall(".//t:CalendarTrigger", SPACE)
    order = [child.tag.partition("}")[2] for child in trigger]
    assert order == ["Repetition", "StartBoundary", "ScheduleByDay"], "the schema is a sequence"


def test_windows_fires_at_every_local_time_that_another_zone_can_mean(at_home_in):
    at_home_in("America/New_York")
    made = task(job("sun 07:05 Europe/Berlin"))
    starts = made.findall(".//t:StartBoundary", SPACE)
    assert {start.text[-8:] for start in starts} == {"01:05:00", "02:05:00"}
    assert made.find(".//t:DaysOfWeek/t:Sunday", SPACE) is not None
    early = task(job("sun 03:05 Europe/Berlin"))
    days = early.findall(".//t:DaysOfWeek/*", SPACE)
    assert {day.tag.partition("}")[2] for day in days} == {"Saturday"}


def test_install_again_and_remove_with_cron(home):
    table = home / "table"
    tool(home, "crontab", f'if [ "$1" = -l ]; then cat "{table}"; else cat > "{table}"; fi')
    table.write_text("5 4 * * * echo mine")
    digest(home, "install", "--for", "cron", "--at", "06:30", "--weekly", "sun")
    digest(home, "install", "--for", "cron", "--at", "07:15", "--weekly", "sun")
    lines = table.read_text().splitlines()
    assert lines[0] == "5 4 * * * echo mine"
    assert [line.partition("cd ")[0] for line in lines[1:]] == ["0,15,30,45 * * * * "] * 2
    assert "'07:15' run" in lines[1] or "07:15 run" in lines[1]
    assert "'sun 08:15' report --since 7d --deliver" in lines[2]
    digest(home, "remove", "--for", "cron")
    assert table.read_text() == "5 4 * * * echo mine\n"


def test_install_and_remove_with_systemd(home):
    tool(home, "systemctl", "exit 0")
    digest(home, "install", "--for", "systemd", "--weekly", "sat")
    units_folder = home / ".config" / "systemd" / "user"
    assert len(list(units_folder.iterdir())) == 4
    assert str(home / "digest.toml") in (units_folder / "digest.service").read_text()
    digest(home, "install", "--for", "systemd")
    assert len(list(units_folder.iterdir())) == 2, "the weekly timer was not taken away"
    digest(home, "remove", "--for", "systemd")
    assert list(units_folder.iterdir()) == []
    assert "--user disable --now digest.timer" in (home / "calls").read_text()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("print", "--at", "25:00"), "no time of day"),
        (("print", "--timezone", "Mars/Base"), "no time zone"),
        (("print", "--config", "nowhere.toml"), "no configuration file"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_sentence(home, args, words):
    done = digest(home, *args, check=2)
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


def test_nothing_is_installed_without_a_source(home):
    (home / "digest.toml").write_text("")
    assert "no source" in digest(home, "install", "--for", "cron", check=2).stderr


def test_without_a_user_bus_nothing_is_left_and_cron_is_proposed(home):
    tool(home, "systemctl", "echo 'Failed to connect to bus: No medium found' >&2; exit 1")
    done = digest(home, "install", "--for", "systemd", check=1)
    assert "No medium found" in done.stderr and "use --for cron" in done.stderr
    assert "nothing was installed" in done.stderr and "installed" not in done.stdout
    assert list((home / ".config" / "systemd" / "user").iterdir()) == []


def test_schedules_by_name_stand_beside_each_other(home):
    tool(home, "systemctl", "exit 0")
    folder = home / ".config" / "systemd" / "user"

    def timers():
        return sorted(path.stem for path in folder.glob("*.timer"))

    digest(home, "install", "--for", "systemd")
    digest(home, "install", "--for", "systemd", "--name", "evening", "--at", "18:30",
           "--weekly", "sun")  # fmt: skip
    assert timers() == ["digest", "digest-evening", "digest-evening-weekly"]
    (folder / "digest-of-mine.timer").write_text("[Timer]\n")
    (folder / "digest-of-mine.service").write_text("[Unit]\nDescription=Backups\n")
    digest(home, "install", "--for", "systemd", "--name", "evening", "--at", "19:00")
    assert timers() == ["digest", "digest-evening", "digest-of-mine"]
    assert "19:00" in (folder / "digest-evening.timer").read_text()
    digest(home, "remove", "--for", "systemd", "--name", "evening")
    assert timers() == ["digest", "digest-of-mine"]
    digest(home, "remove", "--for", "systemd")
    assert timers() == ["digest-of-mine"]
    done = digest(home, "install", "--for", "systemd", "--name", "../x", check=2)
    assert "no name for a schedule" in done.stderr


def test_cron_keeps_the_other_names(home):
    table = home / "table"
    tool(home, "crontab", f'if [ "$1" = -l ]; then cat "{table}"; else cat > "{table}"; fi')
    (home / "table").write_text("0 5 * * * backup\n")
    digest(home, "install", "--for", "cron")
    digest(home, "install", "--for", "cron", "--name", "evening", "--at", "18:30")
    digest(home, "install", "--for", "cron", "--at", "08:00")
    lines = (home / "table").read_text().splitlines()
    assert len(lines) == 3 and lines[0] == "0 5 * * * backup"
    digest(home, "remove", "--for", "cron", "--name", "evening")
    lines = (home / "table").read_text().splitlines()
    assert len(lines) == 2 and lines[1].endswith("# newsdigest: digest")

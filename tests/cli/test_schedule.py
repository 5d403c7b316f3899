"""Timers for each platform, checked by the platform's own tool where it is there."""

import os
import plistlib
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cli import units

DIGEST = Path(sys.executable).with_name("digest")
JOB = units.Job(
    "digest", "Digest: the daily report",
    ("/opt/my tools/digest", "run", "--config", "/home/o'neil/50% $HOME/digest.toml"),
    Path("/tmp"), 7, 5,
)  # fmt: skip


@pytest.fixture
def home(tmp_path):
    (tmp_path / "digest.toml").write_text('source = ["folder:notes"]\n')
    (tmp_path / "bin").mkdir()
    return tmp_path


def digest(home, *args, check=0):
    env = {"HOME": str(home), "PATH": f"{home / 'bin'}:/usr/bin:/bin", "DIGEST_LEDGER": "l.db"}
    done = subprocess.run(
        [DIGEST, "schedule", *args],
        cwd=home,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == check, done.stdout + done.stderr
    return done


def tool(home, name, script):
    """A stand-in for a platform's tool that is not on this machine: it writes down its calls."""
    path = home / "bin" / name
    path.write_text(f"#!/bin/sh\necho \"$@\" >> '{home}/calls'\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@pytest.mark.parametrize(("day", "zone"), [("", ""), ("sun", "Europe/Berlin")])
def test_systemd_itself_finds_nothing_wrong(tmp_path, day, zone):
    program = tmp_path / "my tools" / "digest"
    program.parent.mkdir()
    program.symlink_to(DIGEST)
    job = units.Job("digest", "The report", (str(program), "run"), tmp_path, 7, 5, day, zone)
    files = units.systemd(job)
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
def test_systemd_fires_once_a_day_over_both_changes_of_the_clock():
    text = units.systemd(
        units.Job("digest", "t", ("digest",), Path("/tmp"), 2, 30, zone="Europe/Berlin")
    )["digest.timer"]
    when = next(line for line in text.splitlines() if "OnCalendar" in line).partition("=")[2]
    for start in ("2026-03-27", "2026-10-23"):
        out = subprocess.run(
            ["systemd-analyze", "calendar", "--base-time", f"{start} 12:00 UTC",
             "--iterations", "4", when],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        days = [line.split()[-3] for line in out.splitlines() if "UTC" in line]
        assert len(days) == len(set(days)) >= 4, out


def test_launchd_gets_a_property_list():
    held = plistlib.loads(units.launchd(JOB))
    assert held["ProgramArguments"] == list(JOB.command)
    assert held["StartCalendarInterval"] == {"Hour": 7, "Minute": 5}
    weekly = units.Job("digest-weekly", "t", ("digest",), Path("/tmp"), 8, 0, "sun")
    assert plistlib.loads(units.launchd(weekly))["StartCalendarInterval"]["Weekday"] == 0


def test_cron_gets_a_line_that_a_shell_reads_back():
    minute, hour, day, month, weekday, command = units.cron(JOB).rstrip("\n").split(" ", 5)
    assert (minute, hour, day, month, weekday) == ("5", "7", "*", "*", "*")
    words = shlex.split(command.replace("\\%", "%"))
    assert words[words.index("&&") + 1 : words.index(">>")] == list(JOB.command)
    assert "%" not in command.replace("\\%", "")


def test_windows_gets_a_task():
    task = ElementTree.fromstring(units.windows(JOB).decode("utf-16").split("\n", 1)[1])
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert task.findtext(".//t:StartBoundary", namespaces=space).endswith("T07:05:00")
    assert task.findtext(".//t:MultipleInstancesPolicy", namespaces=space) == "IgnoreNew"
    assert task.findtext(".//t:StartWhenAvailable", namespaces=space) == "true"
    assert task.findtext(".//t:Command", namespaces=space) == JOB.command[0]


def test_install_again_and_remove_with_cron(home):
    table = home / "table"
    tool(home, "crontab", f'if [ "$1" = -l ]; then cat "{table}"; else cat > "{table}"; fi')
    table.write_text("5 4 * * * echo mine")
    digest(home, "install", "--for", "cron", "--at", "06:30", "--weekly", "sun")
    digest(home, "install", "--for", "cron", "--at", "07:15", "--weekly", "sun")
    lines = table.read_text().splitlines()
    assert lines[0] == "5 4 * * * echo mine"
    assert [line.split(" /")[0][:12] for line in lines[1:]] == ["15 7 * * * c", "15 8 * * 0 c"]
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
        (("print", "--for", "cron", "--timezone", "Europe/Berlin"), "own time zone"),
        (("print", "--config", "nowhere.toml"), "no configuration file"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_sentence(home, args, words):
    done = digest(home, *args, check=2)
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


def test_nothing_is_installed_without_a_source(home):
    (home / "digest.toml").write_text("")
    assert "no source" in digest(home, "install", "--for", "cron", check=2).stderr

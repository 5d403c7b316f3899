"""Timers as each platform wants them written: systemd, launchd, cron, Windows Task Scheduler.

systemd catches up, tries again and knows time zones. The others call `digest schedule due` every
quarter of an hour instead, which does all three: no zone differs from another by less.
"""

import plistlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

from digest.when import DAYS, CalendarTime

RETRY_MINUTES = 15  # after exit code 75: a service was down
LOG = "digest.log"


@dataclass(frozen=True, slots=True)
class TimerJob:
    """One command of Digest's, at its time."""

    name: str  # "digest" or "digest-weekly"
    title: str
    program: tuple[str, ...]
    arguments: tuple[str, ...]  # the verb and what follows it
    config: tuple[str, ...]  # ("--config", FILE), or ()
    folder: Path  # where it runs: reports and digest.toml are relative to it
    when: CalendarTime

    @property
    def command(self) -> tuple[str, ...]:
        """What runs at its time."""
        return (*self.program, *self.arguments)

    @property
    def due(self) -> tuple[str, ...]:
        """What may run at any time, and decides whether it is time."""
        return (*self.program, "schedule", "due", *self.config, str(self.when), *self.arguments)

    @property
    def minutes(self) -> list[int]:
        """Of each hour, a quarter apart, so that its time is met to the minute."""
        return sorted((self.when.minute + quarter) % 60 for quarter in range(0, 60, RETRY_MINUTES))


def systemd(job: TimerJob) -> dict[str, str]:
    """File name -> content of a user service and its timer.

    Persistent catches up after sleep; a service that runs is not started again.
    """
    when = job.when
    day = f"{when.day.title()} " if when.day else ""
    zone = f" {when.zone}" if when.zone else ""
    command = " ".join(_systemd_word(word) for word in job.command)
    service = f"""\
[Unit]
Description={job.title}
StartLimitIntervalSec=6h
StartLimitBurst=8

[Service]
Type=oneshot
WorkingDirectory={_systemd_path(job.folder)}
ExecStart={command}
# 75 means that a service was down and what was done is kept; 1 and 2 do not mend themselves.
Restart=on-failure
RestartPreventExitStatus=1 2
RestartSec={RETRY_MINUTES}min
"""
    timer = f"""\
[Unit]
Description={job.title}

[Timer]
OnCalendar={day}*-*-* {when.hour:02}:{when.minute:02}:00{zone}
Persistent=true
AccuracySec=1min

[Install]
WantedBy=timers.target
"""
    return {f"{job.name}.service": service, f"{job.name}.timer": timer}


def _systemd_word(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _systemd_path(path: Path) -> str:
    return str(path).replace("%", "%%")


def launchd(job: TimerJob) -> bytes:
    """A property list for ~/Library/LaunchAgents.

    It fires on waking if it should have fired asleep, and when it is loaded: at each login.
    """
    return plistlib.dumps(
        {
            "Label": label(job),
            "ProgramArguments": list(job.due),
            "WorkingDirectory": str(job.folder),
            "StartCalendarInterval": [{"Minute": minute} for minute in job.minutes],
            "RunAtLoad": True,
            "StandardOutPath": str(job.folder / LOG),
            "StandardErrorPath": str(job.folder / LOG),
            "ProcessType": "Background",
        }
    )


def label(job: TimerJob) -> str:
    """What launchd calls the job."""
    return f"org.newsdigest.{job.name}"


def cron(job: TimerJob) -> str:
    """One crontab line."""
    minutes = ",".join(map(str, job.minutes))
    folder, command = shlex.quote(str(job.folder)), shlex.join(job.due)
    line = f"cd {folder} && {command} >> {LOG} 2>&1".replace("%", "\\%")  # % is cron's line end
    return f"{minutes} * * * * {line}\n"


_TASK = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_WEEKDAYS = dict(
    zip(
        DAYS,
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)


def windows(job: TimerJob) -> bytes:
    """An XML file for `schtasks /Create /XML`, in UTF-16 as it wants it.

    Not around the clock, because a program that starts there shows its window for a moment.
    """
    ElementTree.register_namespace("", _TASK)
    task = ElementTree.Element(f"{{{_TASK}}}Task", version="1.2")

    def put(parent: ElementTree.Element, name: str, text: str = "") -> ElementTree.Element:
        child = ElementTree.SubElement(parent, f"{{{_TASK}}}{name}")
        child.text = text or None
        return child

    put(put(task, "RegistrationInfo"), "Description", job.title)
    triggers = put(task, "Triggers")
    for local in sorted(set(_local_times(job.when)), key=str):
        trigger = put(triggers, "CalendarTrigger")
        repetition = put(trigger, "Repetition")
        put(repetition, "Interval", f"PT{RETRY_MINUTES}M")
        put(repetition, "Duration", "PT2H")
        # No zone suffix: local time, which follows daylight saving.
        put(trigger, "StartBoundary", f"2026-01-01T{local.hour:02}:{local.minute:02}:00")
        if local.day:
            week = put(trigger, "ScheduleByWeek")
            put(put(week, "DaysOfWeek"), _WEEKDAYS[local.day])
            put(week, "WeeksInterval", "1")
        else:
            put(put(trigger, "ScheduleByDay"), "DaysInterval", "1")
    settings = put(task, "Settings")
    put(settings, "MultipleInstancesPolicy", "IgnoreNew")
    put(settings, "DisallowStartIfOnBatteries", "false")
    put(settings, "StopIfGoingOnBatteries", "false")
    put(settings, "StartWhenAvailable", "true")  # catches up after sleep
    put(settings, "ExecutionTimeLimit", "PT6H")
    action = put(put(task, "Actions"), "Exec")
    put(action, "Command", job.due[0])
    put(action, "Arguments", " ".join(_windows_word(word) for word in job.due[1:]))
    put(action, "WorkingDirectory", str(job.folder))
    ElementTree.indent(task)
    text = ElementTree.tostring(task, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{text}'.encode("utf-16")


def _local_times(when: CalendarTime) -> Iterator[CalendarTime]:
    """The machine's own times at which it can be this time elsewhere, within a year.

    07:00 in Berlin is 01:00 in New York, and 02:00 while only one of them has changed its clock.
    """
    if not when.zone:
        yield when
        return
    now = datetime.now(UTC)
    for day in range(366):
        local = when.last(now + timedelta(days=day)).astimezone()
        weekday = DAYS[local.weekday()] if when.day else ""
        yield CalendarTime(local.hour, local.minute, weekday)


def _windows_word(word: str) -> str:
    return f'"{word}"' if any(c in word for c in ' "&^|') else word

"""Timers as each platform wants them written: systemd, launchd, cron, Windows Task Scheduler.

All start one plain command, so that logs, exit codes and "never two at once" are the platform's.
"""

import plistlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from digest.errors import ConfigError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RETRY_MINUTES = 15  # after exit code 75: a service was down
LOG = "digest.log"


@dataclass(frozen=True, slots=True)
class Job:
    """One command at one time of the day, every day or on one day of the week."""

    name: str  # "digest" or "digest-weekly"
    title: str
    command: tuple[str, ...]
    folder: Path  # where it runs: reports and digest.toml are relative to it
    hour: int
    minute: int
    day: str = ""  # one of DAYS; "" = every day
    zone: str = ""  # IANA name; "" = the machine's own

    @property
    def number(self) -> int:
        """Of the day of the week, Sunday = 0, as cron and launchd count."""
        return (DAYS.index(self.day) + 1) % 7


def systemd(job: Job) -> dict[str, str]:
    """File name -> content of a user service and its timer.

    Persistent catches up after sleep; a service that runs is not started again.
    """
    day = f"{job.day.title()} " if job.day else ""
    zone = f" {job.zone}" if job.zone else ""
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
OnCalendar={day}*-*-* {job.hour:02}:{job.minute:02}:00{zone}
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


def launchd(job: Job) -> bytes:
    """A property list for ~/Library/LaunchAgents. What a sleep missed runs once on waking."""
    _own_zone(job, "launchd")
    when = {"Hour": job.hour, "Minute": job.minute}
    if job.day:
        when["Weekday"] = job.number
    return plistlib.dumps(
        {
            "Label": label(job),
            "ProgramArguments": list(job.command),
            "WorkingDirectory": str(job.folder),
            "StartCalendarInterval": when,
            "StandardOutPath": str(job.folder / LOG),
            "StandardErrorPath": str(job.folder / LOG),
            "ProcessType": "Background",
        }
    )


def label(job: Job) -> str:
    """What launchd calls the job."""
    return f"org.newsdigest.{job.name}"


def cron(job: Job) -> str:
    """One crontab line. Cron does not catch up: the next run then reads what was missed."""
    _own_zone(job, "cron")
    day = str(job.number) if job.day else "*"
    folder, command = shlex.quote(str(job.folder)), shlex.join(job.command)
    line = f"cd {folder} && {command} >> {LOG} 2>&1".replace("%", "\\%")  # % is cron's line end
    return f"{job.minute} {job.hour} * * {day} {line}\n"


def _own_zone(job: Job, what: str) -> None:
    if job.zone:
        raise ConfigError(
            f"{what} knows only the machine's own time zone; leave --timezone out, "
            "or set the machine's zone"
        )


_TASK = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_WEEKDAYS = dict(
    zip(
        DAYS,
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)


def windows(job: Job) -> bytes:
    """An XML file for `schtasks /Create /XML`, in UTF-16 as it wants it."""
    _own_zone(job, "Windows Task Scheduler")
    ElementTree.register_namespace("", _TASK)
    task = ElementTree.Element(f"{{{_TASK}}}Task", version="1.2")

    def put(parent: ElementTree.Element, name: str, text: str = "") -> ElementTree.Element:
        child = ElementTree.SubElement(parent, f"{{{_TASK}}}{name}")
        child.text = text or None
        return child

    put(put(task, "RegistrationInfo"), "Description", job.title)
    trigger = put(put(task, "Triggers"), "CalendarTrigger")
    # No zone suffix: local time, which follows daylight saving.
    put(trigger, "StartBoundary", f"2026-01-01T{job.hour:02}:{job.minute:02}:00")
    if job.day:
        week = put(trigger, "ScheduleByWeek")
        put(put(week, "DaysOfWeek"), _WEEKDAYS[job.day])
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
    put(action, "Command", job.command[0])
    put(action, "Arguments", " ".join(_windows_word(word) for word in job.command[1:]))
    put(action, "WorkingDirectory", str(job.folder))
    ElementTree.indent(task)
    text = ElementTree.tostring(task, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{text}'.encode("utf-16")


def _windows_word(word: str) -> str:
    return f'"{word}"' if any(c in word for c in ' "&^|') else word

"""`digest schedule`: let the platform's own timer run Digest."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options
from cli.schedule import due, units
from digest.errors import ConfigError, DigestError
from digest.when import DAYS, CalendarTime

if TYPE_CHECKING:
    from subprocess import CompletedProcess

PLATFORMS = ("systemd", "launchd", "cron", "windows")
MARK = "# newsdigest: "  # a crontab line of ours is followed by this and the job's name

kind = click.option(
    "--for", "platform", type=click.Choice(PLATFORMS), help="[default: this platform's own]"
)
name_option = click.option(
    "--name",
    default="",
    metavar="NAME",
    help="Of this schedule, to have several beside each other, e.g. evening.",
)
common = options.common(
    kind,
    name_option,
    click.option("--at", default="07:00", show_default=True, metavar="HH:MM", help="When."),
    click.option(
        "--timezone",
        default="",
        metavar="ZONE",
        help="E.g. Europe/Berlin.  [default: this machine's]",
    ),
    click.option(
        "--weekly",
        type=click.Choice(DAYS),
        help="Besides the daily report a roll-up of seven days, on this day, an hour later.",
    ),
    options.config,
)


@click.group()
def schedule() -> None:
    """Run Digest every morning by the platform's own timer.

    A run reads on from where the last one stood, so a run that was missed loses nothing.
    """


schedule.add_command(due.due)


@schedule.command("print")
@common
def show(
    platform: str | None,
    name: str,
    at: str,
    timezone: str,
    weekly: str | None,
    config: Path | None,
) -> None:
    """Print what `install` would install."""
    chosen = platform or _platform()
    for job in _jobs(name, at, timezone, weekly, config):
        for file, content in _files(chosen, job).items():
            click.echo(f"# {file}" if chosen != "windows" else f"<!-- {file} -->")
            click.echo(content.decode("utf-16" if chosen == "windows" else "utf-8"))


@schedule.command()
@common
def install(
    platform: str | None,
    name: str,
    at: str,
    timezone: str,
    weekly: str | None,
    config: Path | None,
) -> None:
    """Install the timer, in the place of an earlier one of the same name."""
    from digest import settings

    settled = settings.load(config)
    options.require_sources(settled.source)
    chosen = platform or _platform()
    jobs = _jobs(name, at, timezone, weekly, config)
    written = [(job, _files(chosen, job)) for job in jobs]  # says what is wrong before it removes
    _REMOVE[chosen](_names(name))
    _wait_for_the_next(settled.ledger, jobs)
    for job, files in written:
        _INSTALL[chosen](job, files)
        click.echo(f"installed {job.name}: {job.title} at {job.when}")


def _wait_for_the_next(ledger: Path, jobs: list[units.TimerJob]) -> None:
    """A timer set up at noon must not make up for the morning at once."""
    from datetime import UTC, datetime

    from digest.storage.ledger import Ledger

    with Ledger(ledger) as book:
        for job in jobs:
            moment = due.turn(book, job.when, job.arguments, datetime.now(UTC))
            if moment:
                due.serve(book, job.when, job.arguments, moment)


@schedule.command()
@options.common(kind, name_option)
def remove(platform: str | None, name: str) -> None:
    """Remove the timers that `install` has installed: of this name, or all of them."""
    _REMOVE[platform or _platform()](_names(name) if name else ())


def _names(name: str) -> tuple[str, ...]:
    """The jobs of a schedule, as the platform calls them. Raises ConfigError."""
    if name and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise ConfigError(f"{name!r} is no name for a schedule; use small letters, digits and -")
    base = f"digest-{name}" if name else "digest"
    return base, f"{base}-weekly"


def _jobs(
    name: str, at: str, zone: str, weekly: str | None, config: Path | None
) -> list[units.TimerJob]:
    daily_name, weekly_name = _names(name)
    of = f" ({name})" if name else ""
    when = CalendarTime.parse(f"{at} {zone}")
    file = (config or Path("digest.toml")).absolute()
    place = ("--config", str(file)) if file.is_file() else ()
    if config and not place:
        raise ConfigError(f"there is no configuration file {config}")

    def job(name: str, title: str, when: CalendarTime, *arguments: str) -> units.TimerJob:
        return units.TimerJob(
            name, title, _program(), (*arguments, *place), place, file.parent, when
        )  # fmt: skip

    jobs = [job(daily_name, f"Digest: the daily report{of}", when, "run")]
    if weekly:
        later = replace(when, hour=min(when.hour + 1, 23), day=weekly)
        verb = ("report", "--since", "7d", "--deliver")
        jobs.append(job(weekly_name, f"Digest: the weekly roll-up{of}", later, *verb))
    return jobs


def _program() -> tuple[str, ...]:
    """The command as it runs now: timers have no PATH of the user's."""
    beside = Path(sys.executable).with_name("digest.exe" if sys.platform == "win32" else "digest")
    return (str(beside),) if beside.exists() else (sys.executable, "-c", _MAIN)


_MAIN = "from cli.main import main; main()"


def _platform() -> str:
    import shutil

    if sys.platform == "win32":
        return "windows"
    if sys.platform == "darwin":
        return "launchd"
    return "systemd" if shutil.which("systemctl") else "cron"


def _files(platform: str, job: units.TimerJob) -> dict[str, bytes]:
    if platform == "systemd":
        return {name: text.encode() for name, text in units.systemd(job).items()}
    if platform == "launchd":
        return {f"{units.label(job)}.plist": units.launchd(job)}
    if platform == "cron":
        return {job.name: units.cron(job).encode()}
    return {f"{job.name}.xml": units.windows(job)}


def _systemd_folder() -> Path:
    import os

    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "systemd" / "user"


def _agents() -> Path:
    return Path.home() / "Library" / "LaunchAgents"


def _install_systemd(job: units.TimerJob, files: dict[str, bytes]) -> None:
    _put(_systemd_folder(), files)
    try:
        _call("systemctl", "--user", "daemon-reload")
        _call("systemctl", "--user", "enable", "--now", f"{job.name}.timer")
    except DigestError as error:
        for name in files:
            (_systemd_folder() / name).unlink(missing_ok=True)
        raise DigestError(
            f"{error}; nothing was installed. Where systemd has no session of yours (in a "
            "container, by `su`, without `loginctl enable-linger`), use --for cron"
        ) from error


def _remove_systemd(names: tuple[str, ...]) -> None:
    for timer in sorted(_systemd_folder().glob("digest*.timer")):
        service = timer.with_suffix(".service")
        if names and timer.stem not in names:
            continue
        if service.exists() and "Description=Digest: " not in service.read_text("utf-8"):
            continue  # somebody else's
        _ask("systemctl", "--user", "disable", "--now", timer.name)  # it may be gone already
        timer.unlink()
        service.unlink(missing_ok=True)


def _install_launchd(job: units.TimerJob, files: dict[str, bytes]) -> None:
    _put(_agents(), files)
    _call("launchctl", "load", "-w", str(_agents() / f"{units.label(job)}.plist"))


def _remove_launchd(names: tuple[str, ...]) -> None:
    for path in sorted(_agents().glob("org.newsdigest.*.plist")):
        if names and path.stem.removeprefix("org.newsdigest.") not in names:
            continue
        _call("launchctl", "unload", "-w", str(path))
        path.unlink()


def _install_cron(job: units.TimerJob, files: dict[str, bytes]) -> None:
    line = files[job.name].decode().rstrip("\n")
    _call("crontab", "-", given=f"{_crontab()}{line} {MARK}{job.name}\n")


def _remove_cron(names: tuple[str, ...]) -> None:
    held = _crontab()

    def ours(line: str) -> bool:
        _, mark, name = line.rstrip("\n").partition(MARK)
        return bool(mark) and (not names or name in names)

    kept = "".join(line for line in held.splitlines(keepends=True) if not ours(line))
    if kept != held:
        _call("crontab", "-", given=kept)


def _crontab() -> str:
    listed = _ask("crontab", "-l")
    text = listed.stdout if listed.returncode == 0 else ""  # 1: the user has none yet
    return text if not text or text.endswith("\n") else f"{text}\n"


def _install_windows(job: units.TimerJob, files: dict[str, bytes]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        _put(Path(folder), files)
        [name] = files
        _call("schtasks", "/Create", "/F", "/TN", job.name, "/XML", str(Path(folder) / name))


def _remove_windows(names: tuple[str, ...]) -> None:
    for name in names or _names(""):
        if _ask("schtasks", "/Query", "/TN", name).returncode == 0:
            _call("schtasks", "/Delete", "/F", "/TN", name)


_INSTALL: dict[str, Callable[[units.TimerJob, dict[str, bytes]], None]] = {
    "systemd": _install_systemd,
    "launchd": _install_launchd,
    "cron": _install_cron,
    "windows": _install_windows,
}
_REMOVE: dict[str, Callable[[tuple[str, ...]], None]] = {
    "systemd": _remove_systemd,
    "launchd": _remove_launchd,
    "cron": _remove_cron,
    "windows": _remove_windows,
}


def _put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _ask(*command: str, given: str | None = None) -> "CompletedProcess[str]":
    import subprocess

    try:
        return subprocess.run(  # noqa: S603
            command, input=given, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise DigestError(f"there is no {command[0]} here; choose another with --for") from error


def _call(*command: str, given: str | None = None) -> None:
    """Run the platform's own tool; its last words are the error."""
    done = _ask(*command, given=given)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise DigestError(
            f"`{' '.join(command)}` failed: {said[-1] if said else 'no reason given'}"
        )

"""`digest schedule due`: what a timer lacks that neither catches up nor retries nor knows zones.

Such a timer fires often; this decides whether it is time. The ledger keeps the last time that was
served, so a morning slept through is made up for once, and a run that was killed, or met a
service that was down, has its turn again.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options

if TYPE_CHECKING:
    from digest.storage.ledger import Ledger
    from digest.when import CalendarTime

EARLY = timedelta(minutes=1)  # some timers fire a moment before their time
LATER = 75  # the exit code of what is worth trying again


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@options.config
@click.argument("when", metavar="TIME")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
def due(config: Path | None, when: str, command: tuple[str, ...]) -> None:
    """Run `digest COMMAND` if it has not run since the last TIME.

    TIME is like "07:00", "sun 08:00" or "sun 08:00 Europe/Berlin". Timers that `install` makes
    call this every 15 minutes; it says nothing when there is nothing to do.
    """
    from filelock import FileLock, Timeout

    from digest import settings
    from digest.storage.ledger import Ledger
    from digest.when import CalendarTime

    time = CalendarTime.parse(when)
    ledger = settings.load(config).ledger
    if _ask(ledger, time, command) is None:
        return
    try:
        # One for all timers of a ledger: the weekly roll-up waits for a daily run that is long.
        with FileLock(ledger.with_name(ledger.name + ".timer"), timeout=0):
            moment = _ask(ledger, time, command)  # another may have had this turn just now
            if moment is None:
                return
            code = _run(command)
            if code != LATER:
                with Ledger(ledger) as book:
                    serve(book, time, command, moment)
    except Timeout:
        return
    sys.exit(code)


def _ask(ledger: Path, when: "CalendarTime", command: tuple[str, ...]) -> datetime | None:
    from digest.storage.ledger import Ledger

    with Ledger(ledger) as book:
        return turn(book, when, command, datetime.now(UTC))


def turn(
    book: "Ledger", when: "CalendarTime", command: tuple[str, ...], now: datetime
) -> datetime | None:
    """The moment (aware UTC) whose turn it is, None if it was served already."""
    moment = when.last(now + EARLY)
    held = book.cursor(_key(when, command))
    # A moment still to come was noted under a clock that was wrong.
    served = bool(held) and moment <= datetime.fromisoformat(held) <= now + EARLY
    return None if served else moment


def serve(book: "Ledger", when: "CalendarTime", command: tuple[str, ...], moment: datetime) -> None:
    """Note that this moment (aware UTC) needs no run any more."""
    book.move_cursor(_key(when, command), moment.isoformat())


def _key(when: "CalendarTime", command: tuple[str, ...]) -> str:
    return " ".join(("timer:", str(when), *command))


def _run(command: tuple[str, ...]) -> int:
    main = click.get_current_context().find_root().command
    try:
        main.main(list(command), prog_name="digest")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0

"""Points in time as people write them: `7d`, `36h`, `2026-11-01`; and `07:00`, `sun 08:00`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from digest.errors import ConfigError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WORDS = {"min": "m", "minute": "m", "hr": "h", "hour": "h", "day": "d", "week": "w"}
_AGE = re.compile(
    rf"(?:(?:the )?(?:last|past) )?(?:(\d{{1,6}}) ?|(an?|one) )?([mhdw]|(?:{'|'.join(_WORDS)})s?)"
    r"(?: ago)?"
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_since(text: str, now: datetime) -> datetime:
    """An age before `now`, or an ISO date (midnight, local time) -> aware UTC.

    Ages are like `7d`, `1 week`, `2 days ago`, `last week`; `today` and `yesterday` are dates.
    Raises ConfigError for anything else, and for ages before the year 1.
    """
    text = text.strip()
    said = " ".join(text.casefold().split())
    try:
        if said in {"today", "yesterday"}:
            midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
            day = midnight.date() - timedelta(days=said == "yesterday")
            return datetime.combine(day, time()).astimezone(UTC)
        match = _AGE.fullmatch(said)
        if match and (match[1] or match[2] or said.startswith(("last ", "past ", "the "))):
            unit = _WORDS.get(match[3].removesuffix("s"), match[3])
            age = timedelta(**{_UNITS[unit]: int(match[1] or 1)})
            return (now - age).astimezone(UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"cannot read the time {text!r}; write an age such as 7d or 36h, "
            "a date such as 2026-11-01, or yesterday"
        ) from None


@dataclass(frozen=True, slots=True)
class CalendarTime:
    """A time of the day by the clock on the wall, every day or on one day of the week."""

    hour: int
    minute: int
    day: str = ""  # one of DAYS; "" = every day
    zone: str = ""  # IANA name; "" = the machine's own, also if that changes

    @classmethod
    def parse(cls, text: str) -> Self:
        """`07:00`, `sun 08:00`, `sun 08:00 Europe/Berlin`. Raises ConfigError."""
        days = "|".join(DAYS)
        match = re.fullmatch(rf"(?:({days}) )?(\d\d?):(\d\d)(?: (\S+))?", text.strip())
        if not match or int(match[2]) > 23 or int(match[3]) > 59:
            raise ConfigError(f"{text!r} is no time of day; write it as 07:00")
        zone = match[4] or ""
        try:
            if zone:
                ZoneInfo(zone)
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"there is no time zone {zone!r}; write one like Europe/Berlin"
            ) from error
        return cls(int(match[2]), int(match[3]), match[1] or "", zone)

    def __str__(self) -> str:
        return f"{self.day} {self.hour:02}:{self.minute:02} {self.zone}".strip()

    def last(self, now: datetime) -> datetime:
        """When it was this time last, `now` included (aware UTC).

        A time that a change of the clock leaves out comes as much later as the clock jumped; of a
        time that comes twice the first counts. So every day has it once.
        """
        zone = ZoneInfo(self.zone) if self.zone else None
        today = now.astimezone(zone).date()
        days = (today - timedelta(days=back) for back in range(9))
        # By way of `timestamp`: `astimezone` of a local time that was left out goes back, not on.
        moments = (
            datetime.fromtimestamp(
                datetime.combine(day, time(self.hour, self.minute), zone).timestamp(), UTC
            )
            for day in days
            if not self.day or DAYS[day.weekday()] == self.day
        )
        return next(moment for moment in moments if moment <= now)

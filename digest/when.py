"""Points in time as people write them: `7d`, `36h`, `2w`, `2026-11-01`, `2026-11-01T07:00`."""

import re
from datetime import UTC, datetime, timedelta

from digest.errors import ConfigError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str, now: datetime) -> datetime:
    """An age before `now`, or an ISO date (midnight, local time) -> aware UTC.

    Raises ConfigError for anything else, and for ages before the year 1.
    """
    text = text.strip()
    try:
        if match := re.fullmatch(r"(\d{1,6})([mhdw])", text):
            age = timedelta(**{_UNITS[match[2]]: int(match[1])})
            return (now - age).astimezone(UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"cannot read the time {text!r}; write an age such as 7d or 36h, "
            "or a date such as 2026-11-01"
        ) from None

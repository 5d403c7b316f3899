"""Moments, periods and numbers as people and machines write them."""

from datetime import datetime

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def stamp(moment: datetime) -> str:
    """ISO 8601 to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def day(moment: datetime | None) -> str:
    """A date as people write it."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}" if moment else "undated"


def period(start: datetime, end: datetime) -> str:
    """A range of dates without what repeats."""
    if start.date() == end.date():
        return day(end)
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day} to {day(end)}"
    first = day(start) if start.year != end.year else day(start).rsplit(" ", 1)[0]
    return f"{first} to {day(end)}"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

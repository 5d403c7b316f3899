"""Listings in pages: the arguments of the first call travel in the cursor, checked again."""

from datetime import datetime

from digest.records import ITEM_KINDS
from digest.storage.ledger import utc
from digest.storage.queries import Search
from server import paging
from server.jobs import Desk
from server.tools.arguments import chosen_sources


def within(begin: datetime | None, end: datetime | None) -> dict[str, str | int]:
    """The period as a cursor holds it."""
    times = {"since": utc(begin) if begin else "", "until": utc(end) if end else ""}
    return {key: value for key, value in times.items() if value}


def asked(desk: Desk, place: paging.Cursor) -> tuple[Search, int]:
    """The arguments in a cursor -> a search and a limit, checked like arguments of a call."""
    values = place.arguments

    def word(key: str) -> str:
        return str(values.get(key, ""))[:1000]

    def number(key: str, low: int, high: int) -> int:
        value = values.get(key, low)
        return min(max(value, low), high) if isinstance(value, int) else low

    source = word("source")
    search = Search(
        text=word("query"),
        topic=word("topic"),
        kinds=tuple(kind for kind in word("kinds").split() if kind in ITEM_KINDS),
        name=word("name"),
        company=word("company"),
        domain=word("domain"),
        min_relevance=number("min_relevance", 0, 10),
        since=word("since"),
        until=word("until"),
        sources=tuple(chosen_sources(desk, source)) if source else (),
    )
    return search, number("limit", 1, 50)


def following(place: paging.Cursor, limit: int, ceiling: int, found: int) -> str:
    """The cursor of the next page, "" after the last."""
    more = place.model_copy(update={"offset": place.offset + limit, "ceiling": ceiling})
    return str(more) if found > limit else ""

"""What tools take, and how it is read: periods, public names, ids."""

from datetime import UTC, datetime
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from digest.errors import ConfigError
from digest.storage.queries import Reader
from digest.when import parse_since
from server import boundary
from server.boundary import desk_of
from server.jobs import Desk

__all__ = ["desk_of"]

Source = Annotated[str, Field(description="from list_sources; empty = all")]
Since = Annotated[str, Field(description="age (36h, 7d) or date; empty = configured")]
Until = Annotated[str, Field(description="age or date; empty = now")]
Words = Annotated[str, Field(description="words that must all occur")]
Cursor = Annotated[str, Field(description="next_cursor, alone")]
ItemId = Annotated[str, Field(description="item id")]
Report = Annotated[str, Field(description="report id, or latest")]
Limit = Annotated[int, Field(ge=1, le=50)]


def can_ask(ctx: Context[Any, Any]) -> bool:
    """Whether the client can put a question to its user."""
    return bool(ctx.client_capabilities and ctx.client_capabilities.elicitation)


def period(since: str, until: str) -> tuple[datetime | None, datetime | None]:
    """Arguments `since` and `until` -> aware UTC. Raises ConfigError."""
    now = datetime.now(UTC)
    begin, end = (parse_since(text, now) if text else None for text in (since, until))
    if begin and end and begin >= end:
        raise ConfigError("until lies before since; swap them, or leave until out")
    return begin, end


def chosen_sources(desk: Desk, source: str) -> list[str]:
    """The SPECs behind a public name; all configured ones for "". Raises ConfigError."""
    names = boundary.public_names(desk.settings.source)
    if not source:
        return list(names)
    found = [spec for spec, name in names.items() if source == name]
    if not found:
        known = ", ".join(names.values()) or "none is configured; the user adds them to digest.toml"
        raise ConfigError(f"there is no source of this name; the sources are: {known}")
    return found


def chosen_sinks(desk: Desk, sink: str) -> dict[str, str]:
    """Public name -> SPEC of the sinks meant; all configured ones for "". Raises ConfigError."""
    names = {
        name: spec for spec, name in boundary.public_names(boundary.sinks(desk.settings)).items()
    }
    if not names:
        raise ConfigError("no sink is configured; the user adds them to digest.toml")
    if not sink:
        return names
    if sink not in names:
        raise ConfigError(f"there is no sink of this name; the sinks are: {', '.join(names)}")
    return {sink: names[sink]}


async def stored_report(desk: Desk, name: str) -> tuple[str, str, str]:
    """(id, title, markdown) of a report; `latest` is the one built last. Raises ConfigError."""
    wanted = desk.built if name == "latest" and desk.built else name

    def look(reader: Reader) -> tuple[str, str, str] | None:
        return reader.report(wanted)

    found = await desk.read(look)
    if found is None:
        raise ConfigError("there is no report of this id; build_report makes one")
    return found

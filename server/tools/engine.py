"""Engines as tools use them: an error says what helps, and a death is not passed over."""

from digest.engines.watched import WatchedEngine
from digest.errors import EngineUnavailable
from digest.settings import EngineName
from server.engine_pool import SharedEngine
from server.jobs import Desk

_WITHOUT = '; or call build_report with engine="extractive", which needs no model'


def opened(desk: Desk, name: EngineName) -> tuple[SharedEngine, str]:
    """The engine, and why this one. Raises EngineUnavailable for a named one, saying what helps."""
    try:
        return desk.engines.get(name)
    except EngineUnavailable as error:
        raise EngineUnavailable(f"{error}{_WITHOUT}") from error


def lost(client: WatchedEngine, name: EngineName) -> str:
    """Why the engine went away, "" if it did not. Raises EngineUnavailable if it was named."""
    if client.died and name != "auto":
        raise EngineUnavailable(f"{client.died}{_WITHOUT}")
    return client.died

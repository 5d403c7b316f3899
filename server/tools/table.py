"""Every tool with its title and what it may do, in the order of a day's work."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from mcp_types import ToolAnnotations

from server.tools.article import analyze_article
from server.tools.deliver import deliver_report
from server.tools.feedback import propose_source, rate_story
from server.tools.fetch import fetch_newsletters
from server.tools.report import build_report
from server.tools.search import list_sources, read_item, search_digests


@dataclass(frozen=True, slots=True)
class Registered:
    """A tool. None destroys anything; the same call again does nothing twice, or undoes it."""

    function: Callable[..., Coroutine[Any, Any, Any]]
    title: str
    only_looks: bool = False  # writes nothing, not even to the ledger
    reaches_out: bool = False  # to other machines
    toggles: bool = False  # the same call again takes it back

    @property
    def annotations(self) -> ToolAnnotations:
        """What a client may know of it before it calls."""
        hints = ToolAnnotations(read_only_hint=self.only_looks, open_world_hint=self.reaches_out)
        if not self.only_looks:
            hints.destructive_hint, hints.idempotent_hint = False, not self.toggles
        return hints


TOOLS = (
    Registered(fetch_newsletters, "Fetch newsletters", reaches_out=True),
    Registered(read_item, "Read item", only_looks=True),
    Registered(analyze_article, "Analyze article", reaches_out=True),
    Registered(build_report, "Build report"),
    Registered(deliver_report, "Deliver report", reaches_out=True),
    Registered(search_digests, "Search digests", only_looks=True),
    Registered(rate_story, "Rate story", toggles=True),
    Registered(propose_source, "Propose source", reaches_out=True),
    Registered(list_sources, "List sources and sinks", only_looks=True),
)

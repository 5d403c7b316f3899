"""What the user says back: rate_story, propose_source."""

import shlex
from typing import Annotated, Any, Literal

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from digest.errors import ConfigError
from digest.storage.ledger import Ledger
from digest.storage.ratings import Change
from server import boundary, results
from server.jobs import Job
from server.tools import arguments as args
from server.tools.answers import answer
from server.tools.article import visible

PROPOSED = ("feed", "hackernews", "reddit", "web")  # what is public; nothing on this machine


async def rate_story(
    ctx: Context[Any, Any],
    item: args.ItemId,
    vote: Literal["up", "down", "more", "less"],
    reason: str = "",
) -> Annotated[CallToolResult, results.Rating]:
    """Keep the user's opinion of a story for later reports. The same vote again takes it back."""
    desk = args.desk_of(ctx)

    def task(job: Job, ledger: Ledger) -> Change:
        job.check()
        with desk.writing():
            return ledger.rate(item, vote, reason)

    return answer(results.Rating(item=item, change=await desk.work(task, ctx)))


class Addition(BaseModel):
    """What the user is asked before a source is added."""

    add: bool = Field(title="Add", description="Add this source to digest.toml?")


@boundary.speaking
async def may_add(ctx: Context[Any, Any], spec: str) -> Addition | Elicit[Addition]:
    """Only the user adds sources: where the client cannot ask, they run a command."""
    _check(spec)
    if not args.can_ask(ctx) or args.desk_of(ctx).settings.file is None:
        return Addition(add=False)
    return Elicit(f"Read {visible(spec)} from now on?", Addition)


async def propose_source(
    ctx: Context[Any, Any],
    confirmed: Annotated[ElicitationResult[Addition], Resolve(may_add)],
    spec: Annotated[str, Field(description="feed:URL, web:URL, reddit:NAME, hackernews:...")],
) -> Annotated[CallToolResult, results.Proposal]:
    """Propose a source to the user, who confirms it or runs the command."""
    desk = args.desk_of(ctx)
    _check(spec)
    command = f"digest source add {shlex.quote(spec)}"
    file = desk.settings.file
    if not isinstance(confirmed, AcceptedElicitation) or not confirmed.data.add or file is None:
        return answer(results.Proposal(added=False, command=command))

    def task(job: Job, ledger: Ledger) -> str:
        from integrations import subscriptions

        del ledger
        job.check()
        found = subscriptions.discovered(spec, desk.settings)
        subscriptions.add(file, [found])
        return found

    added = await desk.work(task, ctx)
    if added not in desk.settings.source:
        desk.settings.source.append(added)
    return answer(results.Proposal(added=True, command=""))


def _check(spec: str) -> None:
    """Raise ConfigError for what is no SPEC of a public source."""
    import integrations

    kind = spec.partition(":")[0]
    if kind not in PROPOSED:
        kinds = ", ".join(f"{name}:" for name in PROPOSED)
        raise ConfigError(f"only public sources can be proposed; write one with {kinds}")
    integrations.source(spec)

"""deliver_report: a built report to the user's own sinks, once each, after they were asked."""

import asyncio
from typing import Annotated, Any

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from digest.errors import DigestError
from digest.storage.ledger import Ledger
from server import boundary, results
from server.jobs import Desk, Job
from server.tools import arguments as args
from server.tools.answers import answer

Sink = Annotated[str, Field(description="from list_sources; empty = all")]


class Confirmation(BaseModel):
    """What the user is asked before a report leaves."""

    deliver: bool = Field(title="Deliver", description="Deliver the report now?")


@boundary.speaking
async def confirm(
    ctx: Context[Any, Any], report: str, sink: str
) -> Confirmation | Elicit[Confirmation]:
    """Ask the user where the client can; a client that cannot asks by itself."""
    desk = args.desk_of(ctx)
    names = args.chosen_sinks(desk, sink)
    report_id, _, _ = await args.stored_report(desk, report)
    if not args.can_ask(ctx):
        return Confirmation(deliver=True)
    return Elicit(f"Deliver report {report_id} to {', '.join(names)}?", Confirmation)


async def deliver_report(
    ctx: Context[Any, Any],
    confirmed: Annotated[ElicitationResult[Confirmation], Resolve(confirm)],
    report: args.Report = "latest",
    sink: Sink = "",
) -> Annotated[CallToolResult, results.Deliveries]:
    """Deliver a built report to the user's configured sinks, once each. Only when the user
    asked for it.
    """
    desk = args.desk_of(ctx)
    names = args.chosen_sinks(desk, sink)
    report_id, _, _ = await args.stored_report(desk, report)
    if not isinstance(confirmed, AcceptedElicitation) or not confirmed.data.deliver:
        declined = [results.Delivery(sink=name, state="declined") for name in names]
        return answer(results.Deliveries(report=report_id, deliveries=declined))

    def task(job: Job, ledger: Ledger) -> list[results.Delivery]:
        job.check()
        with desk.writing(), desk.delivering:
            return _deliver(desk, ledger, report_id, names)

    # Not stopped with the caller: half a delivery helps nobody.
    done = await asyncio.shield(desk.work(task, ctx))
    return answer(results.Deliveries(report=report_id, deliveries=done))


def _deliver(
    desk: Desk, ledger: Ledger, report: str, names: dict[str, str]
) -> list[results.Delivery]:
    """Deliver once to each; what failed stays in the outbox for `digest run`."""
    import integrations
    from digest import pipeline

    outcomes = []
    for name, spec in names.items():
        try:
            normal = integrations.sink(spec, desk.settings).spec
        except DigestError as error:
            text = boundary.spoken(error, desk.settings)
            outcomes.append(results.Delivery(sink=name, state="failed", error=text))
            continue
        ledger.enqueue(report, [normal])
        for row in ledger.outbox(undelivered=False):
            if (row.report_id, row.sink) != (report, normal):
                continue
            if row.state == "done":
                outcomes.append(
                    results.Delivery(
                        sink=name,
                        state="already_delivered",
                        target=boundary.without_home(row.target),
                    )
                )
                continue
            (one,) = pipeline.deliver(
                ledger, lambda spec: integrations.sink(spec, desk.settings), [row]
            )
            outcomes.append(
                results.Delivery(
                    sink=name,
                    state="failed" if one.error else "delivered",
                    target=boundary.without_home(one.target),
                    error=one.error and boundary.spoken(DigestError(one.error), desk.settings),
                )
            )
    return outcomes

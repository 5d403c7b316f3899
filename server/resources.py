"""Resources: the bodies of reports, documents and items, and completion of their ids."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, get_args

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from digest.storage.queries import Kind
from server import boundary
from server.jobs import Desk

Body = Callable[[str], Awaitable[str]]

COMPLETIONS = 100  # the protocol's limit


def register(mcp: MCPServer[Any], desk: Desk) -> None:
    """Add the templates to the server."""

    def template(kind: Kind, title: str, description: str) -> Callable[[Body], Body]:
        return mcp.resource(
            f"digest://{kind}/{{id}}",
            name=kind,
            title=title,
            description=description,
            mime_type="text/markdown",
            meta=boundary.META,
        )

    @template("reports", "Report", "A report as markdown. `latest` is the newest one.")
    async def report(id: str) -> str:  # noqa: A002  the template's variable
        stored = await desk.read(lambda reader: reader.report(id))
        if stored is None:
            raise ResourceNotFoundError(f"there is no report {id!r}; build_report makes one")
        report_id, title, markdown = stored
        return boundary.quoted(markdown, f"Report {report_id}: {title}")

    @template("documents", "Document", "A newsletter issue, post or page as clean markdown.")
    async def document(id: str) -> str:  # noqa: A002
        found = await desk.read(lambda reader: reader.body(id))
        if found is None:
            raise ResourceNotFoundError(f"there is no document {id!r}; fetch_newsletters lists ids")
        listed, markdown = found
        heading = f"# {listed.title}\n{listed.publisher}, {listed.published}\n{listed.url}"
        return boundary.quoted(f"{heading.strip()}\n\n{markdown}", f"Document {listed.id}")

    @template("items", "Item", "One story in full, and its digest if there is one.")
    async def item(id: str) -> str:  # noqa: A002
        found = await desk.read(lambda reader: reader.item(id))
        if found is None:
            raise ResourceNotFoundError(f"there is no item {id!r}; fetch_newsletters lists ids")
        heading = f"# {found.title}\n{found.publisher}, {found.published}\n{found.url}"
        said = json.dumps(found.digest, ensure_ascii=False) if found.digest else "none yet"
        body = f"{heading.strip()}\n\n{found.text}\n\nDigest: {said}"
        return boundary.quoted(body, f"Item {found.id} ({found.kind})")

    @mcp.completion()  # type: ignore[no-untyped-call,untyped-decorator]  # the SDK leaves it untyped
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,  # noqa: ARG001  no argument here depends on another
    ) -> Completion | None:
        """Ids that begin with what was typed, newest first."""
        kind = _kind(ref, argument.name)
        if kind is None:
            return None
        ids, total = await desk.read(lambda reader: reader.ids(kind, argument.value, COMPLETIONS))
        return Completion(values=ids, total=total, has_more=total > len(ids))


def _kind(ref: PromptReference | ResourceTemplateReference, name: str) -> Kind | None:
    if isinstance(ref, ResourceTemplateReference):
        for kind in get_args(Kind):
            if ref.uri == f"digest://{kind}/{{id}}" and name == "id":
                found: Kind = kind
                return found
    elif (ref.name, name) == ("explain_story", "item"):
        return "items"
    return None

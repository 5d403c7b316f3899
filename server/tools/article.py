"""analyze_article: one text, page or item, digested."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from digest.engines.own_prompt import prompt_of
from digest.engines.watched import WatchedEngine
from digest.errors import ConfigError, SourceError, Unreadable
from digest.records import Digest, Item, RawDocument, Skip, fingerprint
from digest.schema import FIELDS, select
from digest.storage.ledger import Ledger
from server import boundary, results
from server.engine_pool import Stopped
from server.jobs import Desk, Job
from server.plain import plain
from server.tools import arguments as args
from server.tools.answers import answer, short
from server.tools.engine import lost, opened
from server.tools.search import plain_fields

MAX_TEXT = 400_000  # characters of a text that a client may send


class Consent(BaseModel):
    """What the user is asked before a page is fetched that nothing they read has named."""

    fetch: bool = Field(title="Fetch", description="Fetch this address now?")


@boundary.speaking
async def may_fetch(ctx: Context[Any, Any], url: str) -> Consent | Elicit[Consent]:
    """Whether an address may be asked for: an address can carry away what the assistant read."""
    desk = args.desk_of(ctx)
    rule = desk.settings.mcp.fetch
    if not url or rule == "any" or (rule == "known" and await desk.read(lambda r: r.knows(url))):
        return Consent(fetch=True)
    if rule == "known" and boundary.is_configured(url, desk.settings):
        return Consent(fetch=True)
    if rule == "off" or not args.can_ask(ctx):
        return Consent(fetch=False)
    # All of it, for what is carried away stands in the path and the query.
    return Elicit(f"Nothing that you read has this address. Fetch it? {visible(url)}", Consent)


def visible(url: str) -> str:
    """The address in full, in visible characters: nothing in it can look like another."""
    return quote(url, safe="!#$&'()*+,/:;=?@[]%~")


async def analyze_article(
    ctx: Context[Any, Any],
    consent: Annotated[ElicitationResult[Consent], Resolve(may_fetch)],
    text: Annotated[str, Field(max_length=MAX_TEXT, description="plain or markdown")] = "",
    url: Annotated[str, Field(max_length=2048, description="public http(s) page")] = "",
    item: args.ItemId = "",
    title: Annotated[str, Field(max_length=1000, description="headline of text")] = "",
    fields: Annotated[
        list[str],
        Field(
            description="subset; empty = all",
            json_schema_extra={"items": {"type": "string", "enum": list(FIELDS)}},
        ),
    ] = [],  # noqa: B006  pydantic copies defaults
) -> Annotated[CallToolResult, results.Analysis]:
    """Digest one article with the local model. Give exactly one of text, url, item."""
    desk = args.desk_of(ctx)
    if sum(map(bool, (text.strip(), url, item))) != 1:
        raise ConfigError("give exactly one of text, url and item")
    if not isinstance(consent, AcceptedElicitation) or not consent.data.fetch:
        raise SourceError(
            "this address was not fetched: nothing that Digest read has it, and the user was not "
            "asked or did not agree; they can run `digest analyze URL` themselves"
        )
    asked = select(fields or None)

    def article(job: Job, ledger: Ledger) -> tuple[Item, Digest]:
        from digest import analyze, pipeline

        one = _article(desk, ledger, text, url, item, title)
        job.check()
        engine, _ = opened(desk, desk.settings.engine)
        client = WatchedEngine(engine.client(job.stopped))
        found = analyze.analyze(
            [one],
            client,
            asked,
            cache=pipeline.Cache(ledger, client.model, asked, prompt_of(client)),
            progress=lambda done, total: job.progress("analyze", done, total),
            cancelled=job.stopped,
        )
        _, digest = next(found, (one, None))
        if digest is None:  # cancelled
            raise Stopped
        lost(client, desk.settings.engine)
        return one, digest

    one, digest = await desk.work(article, ctx)
    how = digest.provenance
    return answer(
        results.Analysis(
            title=plain(one.title),
            url=short(one.url),
            digest=plain_fields(digest.fields.as_dict()),
            evidence=[
                results.Statement(**asdict(place) | {"statement": plain(place.statement, 1200)})
                for place in digest.evidence
            ],
            provenance=results.Provenance(
                engine=how.engine,
                model=how.model,
                tokens_in=how.tokens_in,
                tokens_out=how.tokens_out,
                tokens_cut=how.tokens_cut,
                degraded=how.degraded,
                language=how.language,
                dropped=[plain(e.what) for e in how.edits if e.kind in {"name", "theme"}],
                addressed_to_machine=sum(edit.kind == "machine" for edit in how.edits),
            ),
        )
    )


def _article(desk: Desk, ledger: Ledger, text: str, url: str, item: str, title: str) -> Item:
    """The one item that the arguments mean."""
    if item:
        found = ledger.item(item)
        if found is None:
            raise ConfigError("there is no item of this id; fetch_newsletters lists ids")
        return found
    if text:
        raw = RawDocument("mcp", "text/markdown", text.encode(), "the given text", title=title)
        return _whole(iter([raw]), title)
    from integrations.sources import web

    if not url.lower().startswith(("http://", "https://")):
        raise ConfigError("url must begin with http:// or https://")
    with web.open_client(desk.settings.http) as client:
        # Not as configured: no user wrote this address, so that none of theirs may be reached.
        return _whole(iter([web.read_page(client, url, f"web:{url}")]), "", url)


def _whole(raws: Iterator[RawDocument | Skip], title: str, url: str = "") -> Item:
    """A text or page as one item, however many stories a newsletter's eye would see in it."""
    from digest.pipeline import read

    document = read(next(raws))
    if isinstance(document, Skip):
        raise Unreadable(document.reason)
    return Item(
        document_id=fingerprint("article", document.id),
        position=0,
        kind="story",
        title=title or document.title,
        text=document.markdown,
        url=document.url or url,
    )

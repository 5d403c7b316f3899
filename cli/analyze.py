"""`digest analyze`: digests of files, of web pages or of standard input, without a ledger."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options
from cli.progress import Progress

if TYPE_CHECKING:
    from digest.records import Document, MediaType, RawDocument, Skip
    from digest.settings import Settings


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH|URL|- ...")
@click.option("--jsonl", is_flag=True, help="One compact JSON object an item.")
@options.common(options.fields, options.engine, options.degraded, options.config)
def analyze(
    paths: tuple[str, ...],
    jsonl: bool,
    fields: str | None,
    engine: str | None,
    degraded: bool,
    config: Path | None,
) -> None:
    """Print the digest of each item as JSON; with --jsonl one line each.

    `-` reads standard input: mail, HTML or markdown, recognised by its first bytes.
    """
    import json
    from dataclasses import asdict

    from digest import analyze as analysis
    from digest import schema, settings
    from digest.engines.watched import WatchedEngine
    from digest.errors import EngineUnavailable, Unreadable
    from digest.pipeline import read
    from digest.records import Skip

    asked = schema.select(fields)
    chosen = settings.load(config, engine=engine)
    documents: list[Document] = []
    for raw in _raw(paths, chosen):
        document = read(raw)
        if isinstance(document, Skip):
            click.echo(f"digest: skipped {document.origin}: {document.reason}", err=True)
        else:
            documents.append(document)
    if not documents:
        raise Unreadable("nothing could be read")
    homes = {document.id: document for document in documents}
    items = [item for document in documents for item in document.items]
    opened, note = options.open_engine(chosen, degraded)
    runner = WatchedEngine(opened)
    click.echo(f"digest: {note or runner.model}", err=True)
    try:
        with Progress(quiet=not sys.stderr.isatty()) as progress:
            found = analysis.analyze(
                items,
                runner,
                asked,
                progress=lambda done, total: progress("analyze", done, total),
            )
            for item, digest in sorted(found, key=lambda pair: items.index(pair[0])):
                record = {
                    "file": _name(homes[item.document_id].origin),
                    "position": item.position,
                    "kind": item.kind,
                    "url": item.url,
                    "digest": digest.fields.as_dict(),
                    "evidence": [asdict(one) for one in digest.evidence],
                    "provenance": asdict(digest.provenance),
                }
                click.echo(json.dumps(record, ensure_ascii=False, indent=None if jsonl else 2))
    finally:
        runner.close()
    if runner.died and options.is_strict(chosen, degraded):
        raise EngineUnavailable(runner.died)


def _name(origin: str) -> str:
    return origin if "://" in origin else Path(origin).name


def _raw(paths: tuple[str, ...], chosen: "Settings") -> "Iterator[RawDocument | Skip]":
    import integrations
    from digest.records import RawDocument

    for path in paths:
        if path != "-":
            spec = f"web:{path}" if re.match(r"https?://", path) else f"folder:{path}"
            yield from integrations.source(spec, chosen).fetch(None)
            continue
        content = sys.stdin.buffer.read()
        yield RawDocument("stdin", _sniff(content), content, "standard input")


def _sniff(content: bytes) -> "MediaType":
    """HTML opens with a tag, mail with two header fields; the rest is markdown."""
    head = content[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")
    if re.match(rb"<(!doctype|html|head|body|table|div|p)\b", head, re.IGNORECASE):
        return "text/html"
    field = rb"[A-Za-z][A-Za-z0-9-]*:[ \t].*\r?\n(?:[ \t].*\r?\n)*"
    if re.match(rb"(?:From .*\n)?" + field + field, head):
        return "message/rfc822"
    return "text/markdown"

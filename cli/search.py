"""`digest search`: full-text search over all items and digests."""

from pathlib import Path

import click

from cli import options


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@options.common(options.ledger, options.config, options.json_output)
def search(
    text: tuple[str, ...], limit: int, ledger: Path | None, config: Path | None, as_json: bool
) -> None:
    """Search all items and their digests. Every word must occur."""
    from digest import settings
    from digest.ledger import Ledger

    chosen = settings.load(config, ledger=ledger)
    with Ledger(chosen.ledger) as book:
        hits = book.search(" ".join(text), limit)
    if as_json:
        options.print_json(
            {
                "hits": [
                    {
                        "id": hit.item.id,
                        "title": hit.item.title,
                        "url": hit.item.url,
                        "document": hit.document_title,
                        "publisher": hit.publisher,
                        "published": hit.published,
                        "snippet": hit.snippet,
                    }
                    for hit in hits
                ]
            }
        )
        return
    for hit in hits:
        click.echo(f"{hit.published[:10]}  {hit.item.title or hit.document_title}")
        click.echo(f"            {hit.publisher}: {' '.join(hit.snippet.split())}")
        if hit.item.url:
            click.echo(f"            {hit.item.url}")
    if not hits:
        click.echo("nothing found", err=True)

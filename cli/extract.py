"""`digest extract`: the items of newsletters and pages, without a model."""

import sys
from pathlib import Path

import click

from cli import options


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--jsonl", is_flag=True, help="One JSON object an item.")
def extract(paths: tuple[str, ...], jsonl: bool) -> None:
    """Show the items that files, folders, mboxes or Maildirs hold.

    What cannot be read is named on stderr with the reason.
    """
    from digest.extract import item_record
    from digest.pipeline import read
    from digest.records import Skip
    from integrations import source

    skipped = 0
    for path in paths:
        for raw in source(f"folder:{path}" if _is_text(path) else f"mailbox:{path}").fetch(None):
            document = read(raw)
            if isinstance(document, Skip):
                skipped += 1
                click.echo(f"digest: skipped {document.origin}: {document.reason}", err=True)
                continue
            file = Path(document.origin).name
            if jsonl:
                for item in document.items:
                    options.print_json(item_record(file, item))
                continue
            click.echo(f"{file}: {document.title} ({len(document.items)} items)")
            for item in document.items:
                click.echo(
                    f"  {item.position + 1:>3} {item.kind:<8} {item.title or item.text[:60]}"
                )
                if item.url:
                    click.echo(f"               {item.url}")
    sys.stdout.flush()
    if skipped:
        click.echo(f"digest: {skipped} skipped", err=True)


def _is_text(path: str) -> bool:
    return Path(path).suffix.lower() in {".md", ".txt"}

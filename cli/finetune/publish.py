"""`digest finetune publish`: send an exported model out."""

from pathlib import Path

import click

from cli import options


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--to",
    "target",
    required=True,
    metavar="KIND:OWNER/NAME",
    help="ollama:OWNER/NAME or hub:OWNER/NAME.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/digest"),
    show_default=True,
    help="The training run: nothing of its rows may leave.",
)
@click.option(
    "--with-training-text", is_flag=True, help="Send the files even if they repeat training rows."
)
@click.option("--public", is_flag=True, help="Let everybody see it on the hub.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.json_output
def publish(
    folder: Path,
    target: str,
    run: Path,
    with_training_text: bool,
    public: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Publish what `export` wrote: with Ollama's library, or on a hub with its model card.

    Every text in it, metadata of weights included, is compared with the rows of the run first: a
    file that repeats eight words of them in a row is not sent. Asks before it sends.
    """
    from finetune.export import publish as post

    parcel = post.pack(folder, target)
    if not with_training_text:
        post.refuse(post.inspect(parcel, run))
    if not as_json:
        click.echo("\n".join(parcel.lines()))
    facts = {"to": target, "files": list(parcel.files), "bytes": parcel.size()}
    if dry_run:
        if as_json:
            options.print_json(facts | {"sent": ""})
        return
    if not yes:
        click.confirm("send these files?", abort=True, err=True)
    sent = post.send(parcel, lambda line: None if as_json else click.echo(line), public=public)
    if as_json:
        options.print_json(facts | {"sent": sent})
    else:
        click.echo(f"published: {sent}")

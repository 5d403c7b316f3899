"""`digest completion`: the script that completes verbs and options in a shell."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, e.g. `digest completion bash >> ~/.bashrc`."""
    main = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  click ships all three
    click.echo(kind(main, {}, "digest", "_DIGEST_COMPLETE").source())

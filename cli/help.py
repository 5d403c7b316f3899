"""The command reference as markdown, made from the commands themselves; cog puts it into docs."""

from collections.abc import Iterator

import click

from cli.main import main

WIDTH = 88  # so that the reference does not depend on anybody's terminal


def reference() -> str:
    """Every verb's `--help`, in the order of `digest --help`."""
    return "\n".join(_sections(main, "digest", None))


def overview() -> str:
    """`digest --help` alone."""
    return _block(main, "digest", None)


def _sections(command: click.Command, path: str, parent: click.Context | None) -> Iterator[str]:
    yield f"## {path}\n\n{_block(command, path, parent)}"
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path.rsplit(maxsplit=1)[-1], parent=parent)
        for name in command.list_commands(context):
            verb = command.get_command(context, name)
            if verb is not None:
                yield from _sections(verb, f"{path} {name}", context)


def _block(command: click.Command, path: str, parent: click.Context | None) -> str:
    context = click.Context(
        command,
        info_name=path.rsplit(maxsplit=1)[-1],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return f"```text\n{command.get_help(context)}\n```\n"

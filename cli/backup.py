"""`digest backup`: a copy of the ledger, whole at one moment, while others use it."""

from pathlib import Path

import click

from cli import options


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.common(options.ledger, options.config, options.json_output)
def backup(file: Path, ledger: Path | None, config: Path | None, as_json: bool) -> None:
    """Copy the ledger to FILE: everything that was read, digested, reported and delivered.

    To restore it, end every Digest and copy FILE to the ledger's place.
    """
    from digest import settings
    from digest.errors import ConfigError
    from digest.storage import rescue

    chosen = settings.load(config, ledger=ledger)
    if file.absolute() == chosen.ledger.absolute():
        raise ConfigError(f"{file} is the ledger itself; name another file")
    size = rescue.backup(chosen.ledger, file)
    if as_json:
        options.print_json({"ledger": chosen.ledger, "backup": file, "bytes": size})
    else:
        click.echo(f"{file}: {size / 2**20:.1f} MiB, a whole copy of {chosen.ledger}")

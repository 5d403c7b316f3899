"""`digest`: the group of verbs. Each verb is a module that is imported when it is called."""

import errno
import importlib
import logging
import sys

import click

from digest import __version__
from digest.errors import DigestError

# verb -> (module that holds a click command of the same name, help line)
VERBS = {
    "run": ("cli.run", "Fetch, analyze, report and deliver: the main job."),
    "fetch": ("cli.fetch", "Read sources into the ledger."),
    "extract": ("cli.extract", "Show the items of newsletters and pages, without a model."),
    "analyze": ("cli.analyze", "Print the digests of files, of URLs or of standard input."),
    "report": ("cli.report", "Make a report of a period from what the ledger holds."),
    "deliver": ("cli.deliver", "Deliver what waits in the outbox, or show it."),
    "search": ("cli.search", "Search all items and digests."),
    "rate": ("cli.rate", "Say what was worth reading; the next reports heed it."),
    "source": ("cli.source", "Add, list, test and remove sources."),
    "serve": ("cli.serve", "Offer all this to an assistant, over MCP."),
    "model": ("cli.model", "Get, build, install and show the model."),
    "bulk": ("cli.bulk", "Digest Parquet or JSON lines, on many machines."),
    "finetune": ("cli.finetune.group", "Make a model of your own."),
    "completion": ("cli.completion", "Print the completion script of a shell."),
    "auth": ("cli.auth", "Sign in to services that sources and sinks need."),
    "schedule": ("cli.schedule.group", "Run every morning, by the platform's own timer."),
    "backup": ("cli.backup", "Copy the ledger while it is in use."),
    "doctor": ("cli.doctor", "Check that everything Digest needs is in order."),
}


class LazyGroup(click.Group):
    """A group that lists its verbs without importing them, and ends on errors in one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of a day's work, not of the alphabet."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """Import the verb."""
        if name not in VERBS:
            return None
        module = importlib.import_module(VERBS[name][0])
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Help lines from the table, so that `--help` imports no verb."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Turn our own errors into one sentence on stderr and their exit code."""
        try:
            return super().invoke(ctx)
        except DigestError as error:
            click.echo(f"digest: {error}", err=True)
            sys.exit(error.exit_code)
        except OSError as error:  # a full disk, a folder that may not be written to
            if error.errno == errno.EPIPE:  # whoever read our output has gone: click knows
                raise
            logging.getLogger("digest").debug("failed", exc_info=True)
            place = f"{error.filename}: " if error.filename else ""
            click.echo(f"digest: {place}{error.strerror or error}", err=True)
            sys.exit(1)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="digest")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what happens to each item.")
def main(verbose: bool) -> None:
    """Turn newsletters, blogs and news into structured digests and one clear, linked report.

    Exit codes: 0 done (also when nothing was new), 1 failed, 2 wrong usage or configuration,
    75 try again later (a service was down; the work is kept).
    """
    logging.basicConfig(stream=sys.stderr, format="digest: %(message)s")
    for package in ("digest", "integrations", "server", "finetune"):
        logging.getLogger(package).setLevel(logging.DEBUG if verbose else logging.WARNING)

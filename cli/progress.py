"""Progress as a bar on a terminal, as a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

import click

from digest.progress import describe

LINE_EVERY = 60.0  # seconds between lines where there is no terminal


class Progress:
    """Shows the stages of a run on stderr. Call it as the pipeline's `progress`."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._stage = ""
        self._spoke = 0.0
        self._began = 0.0
        self._first = 0  # done when the stage was first told of: a resumed one begins above zero

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._terminal and self._stage:
            click.echo(err=True)

    def __call__(self, stage: str, done: int, total: int | None, note: str = "") -> None:
        """Say that `done` of `total` (None = unknown) things of a stage are finished, and how."""
        if self.quiet:
            return
        now = time.monotonic()
        verb = stage.partition(" ")[0]
        first, last = stage != self._stage, done == total and verb != "fetch"
        if first:
            new = verb != self._stage.partition(" ")[0]  # not merely the next source
            if self._terminal and self._stage and new:
                click.echo(err=True)
            self._stage, self._began, self._first = stage, now, done
            first = new
        if not (first or last) and now - self._spoke < (0.1 if self._terminal else LINE_EVERY):
            return
        self._spoke = now
        steps, elapsed = done - self._first, now - self._began
        words = f"{describe(stage, done, total, steps, elapsed)}{_after(note)}"
        if self._terminal:
            click.echo(f"\r{_bar(done, total)}{words}\033[K", err=True, nl=False)
        else:
            click.echo(f"digest: {words}", err=True)


def _bar(done: int, total: int | None) -> str:
    if not total:
        return ""
    filled = round(28 * done / total)
    return f"{'█' * filled}{'░' * (28 - filled)} "


def _after(note: str) -> str:
    return f"  {note}" if note else ""

"""Progress as a bar on a terminal, as a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

import click

LINE_EVERY = 10.0  # seconds between lines where there is no terminal


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
        first, last = stage != self._stage, done == total
        if first:
            if self._terminal and self._stage:
                click.echo(err=True)
            self._stage, self._began, self._first = stage, now, done
        if not (first or last) and now - self._spoke < (0.1 if self._terminal else LINE_EVERY):
            return
        self._spoke = now
        if self._terminal:
            bar = self._bar(stage, done, total, now)
            click.echo(f"\r{bar}{_after(note)}\033[K", err=True, nl=False)
        else:
            of = f" of {total}" if total else ""
            click.echo(f"digest: {stage} {done}{of}{_after(note)}", err=True)

    def _bar(self, stage: str, done: int, total: int | None, now: float) -> str:
        if not total:
            return f"{stage:<9} {done}"
        filled = round(28 * done / total)
        steps = done - self._first
        left = (now - self._began) / steps * (total - done) if steps else 0.0
        eta = f"  {_duration(left)} left" if left else ""
        return f"{stage:<9} {'█' * filled}{'░' * (28 - filled)} {done}/{total}{eta}"


def _after(note: str) -> str:
    return f"  {note}" if note else ""


def _duration(seconds: float) -> str:
    return f"{seconds:3.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"

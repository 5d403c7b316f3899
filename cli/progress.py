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

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Say that `done` of `total` (None = unknown) things of a stage are finished."""
        if self.quiet:
            return
        now = time.monotonic()
        first, last = stage != self._stage, done == total
        if first:
            if self._terminal and self._stage:
                click.echo(err=True)
            self._stage, self._began = stage, now
        if not (first or last) and now - self._spoke < (0.1 if self._terminal else LINE_EVERY):
            return
        self._spoke = now
        if self._terminal:
            click.echo("\r" + self._bar(stage, done, total, now) + "\033[K", err=True, nl=False)
        else:
            click.echo(f"digest: {stage} {done}" + (f" of {total}" if total else ""), err=True)

    def _bar(self, stage: str, done: int, total: int | None, now: float) -> str:
        if not total:
            return f"{stage:<9} {done}"
        filled = round(28 * done / total)
        left = (now - self._began) / done * (total - done) if done else 0.0
        eta = f"  {left:3.0f} s left" if done and done < total else ""
        return f"{stage:<9} {'█' * filled}{'░' * (28 - filled)} {done}/{total}{eta}"

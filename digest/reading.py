"""The first stage of a run: every source read into the ledger.

A source that fails is recorded, and the others go on; what was read before is known again.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from digest import extract
from digest.errors import ConfigError, SourceError, SourceWaits, Unreadable
from digest.protocols import Marking, Resumable, Source
from digest.records import Document, RawDocument, Skip, fingerprint
from digest.storage.ledger import Ledger

log = logging.getLogger(__name__)


class Progress(Protocol):
    """Is told how far a stage is; `total` is None while nobody knows."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """`done` of `total` things of `stage` are finished."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A source or sink that did not work, in one sentence."""

    spec: str
    reason: str
    exit_code: int  # of the error: 75 = worth trying later, 2 = the user must act


@dataclass(frozen=True, slots=True)
class Fetched:
    """What reading the sources brought."""

    new: int
    known: int
    skipped: int
    failures: tuple[Failure, ...]
    skips: tuple[Skip, ...] = ()  # what was skipped now, and why


def fetch(
    ledger: Ledger,
    sources: Sequence[Source],
    since: datetime | None,
    progress: Progress = silent,
) -> Fetched:
    """Read every source into the ledger. A source that fails is recorded; the others go on."""
    new = known = 0
    failures, skips = [], []
    for source in sources:
        begin, done = _begin(ledger, source, since), 0
        try:
            for raw in _new(ledger, source, begin):
                mark = raw_mark(raw)
                if ledger.seen(mark):
                    known += 1
                    done += 1
                    continue
                document = read(raw)
                if isinstance(document, Skip):
                    ledger.add_skip(mark, document)
                    skips.append(document)
                elif begin and (_arrived(raw) or document.published or begin) < begin:
                    pass  # the source could not tell; a longer period will find it again
                elif ledger.add_document(mark, document):
                    new += 1
                else:
                    known += 1
                done += 1
                progress(f"fetch {_shown(source.spec)}", done, getattr(source, "expected", None))
        except (SourceError, ConfigError) as error:  # the other sources still run
            failures.append(Failure(source.spec, str(error), error.exit_code))
    return Fetched(new, known, len(skips), tuple(failures), tuple(skips))


def _shown(spec: str) -> str:
    """A SPEC without passwords and queries, for logs."""
    return re.sub(r"//[^/@]*@", "//", spec).partition("?")[0]


def _arrived(raw: RawDocument | Skip) -> datetime | None:
    """When the source says it came; the date inside a mail is its sender's and may be wrong."""
    return raw.published if isinstance(raw, RawDocument) else None


# Covers runs that took long and clocks that differ; what is read twice is known to the ledger.
OVERLAP = timedelta(days=1)


def _begin(ledger: Ledger, source: Source, since: datetime | None) -> datetime | None:
    """`since`, or earlier if the last reading is longer ago: a long sleep loses nothing."""
    moved = ledger.cursor_moved(source.spec)
    return moved - OVERLAP if since and moved and moved < since else since


def _new(ledger: Ledger, source: Source, begin: datetime | None) -> Iterator[RawDocument | Skip]:
    """Read a source on from its cursor; move the cursor once the caller took everything."""
    if not isinstance(source, Resumable):
        yield from source.fetch(begin)
        return
    before = ledger.cursor(source.spec)
    try:
        yield from source.fetch(begin, before)
    except SourceWaits:
        if source.cursor != before:  # it says until when
            ledger.move_cursor(source.spec, source.cursor)
        raise
    if isinstance(source, Marking):
        source.mark()
    ledger.move_cursor(source.spec, source.cursor)


def read(raw: RawDocument | Skip) -> Document | Skip:
    """Read one raw document; whatever is wrong with it becomes a Skip with the reason."""
    if isinstance(raw, Skip):
        return raw
    try:
        return extract.read(raw)
    except Unreadable as error:
        return Skip(raw.source, raw.origin, str(error))
    except Exception as error:  # content must never stop a run; the log keeps the trace
        log.exception("cannot read %s", raw.origin)
        reason = f"reading failed: {type(error).__name__}: {error}"
        return Skip(raw.source, raw.origin, reason, retry=True)


def raw_mark(raw: RawDocument | Skip) -> str:
    """The id of raw content: what has this mark was read, or refused, before."""
    if isinstance(raw, Skip):
        return fingerprint("skip", raw.source, raw.origin, raw.reason)
    return fingerprint(raw.media_type, raw.key, raw.title, raw.content)

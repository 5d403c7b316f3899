"""Documents in a .jsonl file: one JSON object a line, as other programs export them."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from digest.records import RawDocument, Skip
from integrations.sources.files import HEAD

MAX_LINE = 4 * 2**20  # bytes
MAX_ROWS = 100_000


def read(
    path: Path, spec: str, origin: str, since: datetime | None
) -> Iterator[RawDocument | Skip]:
    """Yield the rows of a file: `text` (markdown), and `title`, `url`, `date`, `source`, `id`.

    Rows older than `since` are left out. A line that is no such object is a Skip.
    """
    with path.open("rb") as lines:
        for number in range(1, MAX_ROWS + 2):
            line = lines.readline(MAX_LINE + 1)
            where = f"{origin} line {number}"
            if not line:
                return
            if number > MAX_ROWS:
                yield Skip(spec, origin, f"only the first {MAX_ROWS:,} lines were read")
                return
            if len(line) > MAX_LINE:
                while line and not line.endswith(b"\n"):
                    line = lines.readline(HEAD)
                yield Skip(spec, where, f"the line is over {MAX_LINE >> 20} MiB")
            elif line.strip():
                row = _row(line, spec, where)
                date = row.published if isinstance(row, RawDocument) else None
                if not (since and date and date < since):
                    yield row


def _row(line: bytes, spec: str, where: str) -> RawDocument | Skip:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Skip(spec, where, "the line is no JSON")
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return Skip(spec, where, "the line is no JSON object with a `text`")
    return RawDocument(
        source=spec,
        media_type="text/markdown",
        content=value["text"].encode("utf-8", "replace"),
        origin=where,
        key=_text(value, "id"),
        charset="utf-8",
        title=_text(value, "title"),
        publisher=_text(value, "source"),
        url=_text(value, "url"),
        published=_date(_text(value, "date")),
    )


def _text(value: Mapping[str, object], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _date(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

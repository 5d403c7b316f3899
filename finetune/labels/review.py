"""Labels before a person: which row next, what was decided, and the file that keeps it.

Every verdict is in the file before it is answered. The rows that a person can improve most come
first: those that teachers disagree on, or that the teacher itself was unsure of.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

from digest.errors import ConfigError, InvalidAnswer
from digest.quote.grounding import ground
from digest.schema import FIELDS, LIST_FIELDS, DigestFields, json_schema, select, validate
from finetune.labels.labelled import Labelled, Review, Verdict, alone, pairs, write

OPEN = "open"  # what a row is that nobody has decided on, or on which a decision was taken back
_VERDICTS = (*get_args(Verdict), OPEN)


def doubt(row: Labelled) -> float:
    """How doubtful a row's labels are, from 0 to 1; 0 where nothing is known.

    Disagreement of the teachers, or what the teacher's own probability lacks to 1, if that is more.
    """
    made = row.made
    if made is None:
        return 0.0
    known = [1 - sure for sure in (made.agreed, made.confidence) if sure is not None]
    return round(max(known, default=0.0), 4)


def flags(row: Labelled) -> list[str]:
    """What a reviewer should look at, in words."""
    made = row.made
    found: list[str] = []
    if made is None:
        return found
    if made.repaired:
        found.append("the first answer broke the contract")
    if made.degraded:
        found.append(made.degraded)
    if made.tokens_cut:
        found.append(f"the teacher did not see {made.tokens_cut} tokens of the text")
    if made.dropped:
        found.append("not in the text, removed: " + ", ".join(made.dropped))
    return found


@dataclass(frozen=True)
class Refused(Exception):
    """A verdict that cannot be taken, and why."""

    reason: str
    status: int = 422


class Session:
    """The rows of a file under review; the file is ours alone until `close`.

    Raises ConfigError if it is no file of rows, or another program has it.
    """

    def __init__(self, path: Path, *, doubtful_first: bool = True) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._held = ExitStack()
        if not path.is_file():
            raise ConfigError(f"there are no rows in {path}; make some: digest finetune generate")
        self._held.enter_context(alone(path))
        try:
            found = list(pairs(path))
        except BaseException:
            self._held.close()
            raise
        self._rows = [row for row, _ in found]
        self._lines = [line for _, line in found]  # what nobody decided on stays to the byte
        self._state = self._stat()
        ranked = sorted(
            (number for number, row in enumerate(self._rows) if row.offered.asked()),
            key=lambda number: self._rank(number) if doubtful_first else (number,),
        )
        self.queue: tuple[int, ...] = tuple(ranked)  # numbers of rows, as they are offered

    def close(self) -> None:
        """Let others write the file."""
        self._held.close()

    def _rank(self, number: int) -> tuple[float, ...]:
        row = self._rows[number]
        return (-doubt(row), -len(flags(row)), number)

    def _stat(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_mtime_ns, found.st_size

    def show(self, place: int) -> dict[str, Any]:
        """The row at a place of the queue, as the page wants it."""
        row = self._rows[self.queue[place]]
        offered, made = row.offered, row.made
        if row.review and row.review.verdict == "rejected":
            offered = row.review.was or offered
        grounded = ground(offered, row.title, row.text)
        return {
            "place": place,
            "id": row.id,
            "verdict": row.review.verdict if row.review else OPEN,
            "document": row.model_dump(
                include={"title", "text", "lang", "date", "source", "url", "kind", "licence"}
            ),
            "digest": offered.as_dict(),
            "before": row.review.was.as_dict() if row.review and row.review.was else None,
            "draft": bool(row.draft) and not row.digest.asked(),
            "made": made.model_dump(mode="json", exclude={"others"}) if made else None,
            "agreed": made.agreed if made else None,
            "others": [
                {"teacher": other.teacher, "digest": other.digest.as_dict()}
                for other in (made.others if made else ())
            ],
            "doubt": doubt(row),
            "flags": flags(row),
            "ungrounded": list(grounded.dropped),
        }

    def overview(self) -> dict[str, Any]:
        """What the page needs to begin: the queue and how far it is."""
        return {
            "file": self.path.name,
            "fields": list(FIELDS),
            "lists": list(LIST_FIELDS),
            "schema": json_schema()["properties"],
            "queue": [self._verdict(number) for number in self.queue],
            "statistics": self.statistics(),
        }

    def _verdict(self, number: int) -> str:
        review = self._rows[number].review
        return review.verdict if review else OPEN

    def decide(
        self, place: int, identity: str, verdict: str, digest: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Take a verdict; the row as it is then. Raises Refused."""
        if verdict not in _VERDICTS:
            raise Refused(f"there is no verdict {verdict!r}", 400)
        with self._lock:
            if not 0 <= place < len(self.queue) or self._rows[self.queue[place]].id != identity:
                raise Refused("the page shows another file; load it again", 409)
            number = self.queue[place]
            try:
                row = _decided(self._rows[number], verdict, digest)
            except InvalidAnswer as error:
                raise Refused(str(error)) from error
            if self._stat() != self._state:
                raise Refused(
                    f"{self.path.name} was changed by another program; start the review again", 409
                )
            before = self._lines[number]
            self._lines[number] = row.line()
            try:
                write(self.path, self._lines)
            except OSError as error:
                self._lines[number] = before
                raise Refused(f"{self.path.name} cannot be written: {error}", 500) from error
            self._rows[number] = row
            self._state = self._stat()
        return self.show(place)

    def statistics(self) -> dict[str, Any]:
        """Verdicts in all, by teacher and by field; agreement by field."""
        rows = [self._rows[number] for number in self.queue]
        verdicts = Counter(row.review.verdict if row.review else OPEN for row in rows)
        teachers: dict[str, Counter[str]] = {}
        changed: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        agreement: dict[str, list[float]] = {}
        for row in rows:
            for name, value in (row.made.agreement or {} if row.made else {}).items():
                agreement.setdefault(name, []).append(value)
            if not row.review:
                continue
            name = row.made.teacher if row.made else "unknown"
            teachers.setdefault(name, Counter())[row.review.verdict] += 1
            if row.review.verdict != "rejected":
                seen.update(row.digest.asked())
                changed.update(_changed(row.review.was or row.digest, row.digest))
        return {
            "rows": len(rows),
            **{verdict: verdicts[verdict] for verdict in _VERDICTS},
            "teachers": {name: dict(counts) for name, counts in sorted(teachers.items())},
            "fields": {
                name: {
                    "reviewed": seen[name],
                    "changed": changed[name],
                    "agreement": round(fmean(agreement[name]), 3) if name in agreement else None,
                }
                for name in FIELDS
                if seen[name] or name in agreement
            },
        }


def _changed(before: DigestFields, after: DigestFields) -> list[str]:
    return [name for name in after.asked() if getattr(before, name) != getattr(after, name)]


def _decided(row: Labelled, verdict: str, digest: Mapping[str, Any] | None) -> Labelled:
    """The row after a verdict. Raises InvalidAnswer for labels that break the contract."""
    fresh = _undone(row)  # a new verdict replaces the old one
    if verdict == OPEN:
        return fresh
    offered, labels = fresh.offered, fresh.offered
    if verdict == "rejected":
        labels = DigestFields()
    elif verdict == "edited":
        given = dict(digest or {})
        labels = validate(given, select(given.keys() & set(FIELDS)))
        if labels == offered:
            verdict = "accepted"
    review = Review(
        verdict=verdict,  # type: ignore[arg-type]  # one of _VERDICTS, and not OPEN
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        was=None if verdict == "accepted" else offered,
    )
    return fresh.model_copy(update={"digest": labels, "review": review})


def _undone(row: Labelled) -> Labelled:
    """The row as it was before anybody decided on it."""
    if row.review is None:
        return row
    before = DigestFields() if row.draft else row.review.was or row.digest
    return row.model_copy(update={"digest": before, "review": None})


def described(statistics: Mapping[str, Any]) -> Sequence[str]:
    """Statistics for people."""
    lines = [
        f"{statistics['rows']} rows: {statistics['accepted']} accepted, "
        f"{statistics['edited']} edited, {statistics['rejected']} rejected, "
        f"{statistics[OPEN]} open"
    ]
    for name, counts in statistics["teachers"].items():
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        lines.append(f"  {name}: {told}")
    for name, found in statistics["fields"].items():
        parts = []
        if found["reviewed"]:
            parts.append(f"{found['changed']} of {found['reviewed']} changed")
        if found["agreement"] is not None:
            parts.append(f"agreement {found['agreement']:.2f}")
        lines.append(f"  {name}: {', '.join(parts)}")
    return lines

"""Labels for documents, from one teacher or several.

Rows are made of the documents and the journal alone, so those of a run that was killed and went
on are the same as those of a run that was left alone.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from digest.quote.grounding import ground
from digest.schema import FIELDS, DigestFields
from finetune.labels.agreement import agreement, central
from finetune.labels.asking import Asker, Documents, Outcome, Wanted, key, mendable, second, taken
from finetune.labels.journal import Journal, Record
from finetune.labels.labelled import Labelled, Made, Other, alone, merged, stream, write
from finetune.labels.teachers import Teacher

_TOLD = 1000  # characters of an answer that a reject shows


def generate(
    documents: Documents,
    teachers: Sequence[Teacher],
    wanted: Wanted,
    out: Path,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Outcome:
    """Ask the teachers about the documents and write `out` and its rejects.

    Ctrl-C ends it early; what was answered by then is made into rows. Raises ConfigError; a
    service that went away is the outcome's `trouble`.
    """
    with Journal(out.with_suffix(".journal.jsonl")) as journal:
        asker = Asker(journal, wanted, progress)
        outcome = asker.ask(documents, teachers)
        Maker(journal, wanted, asker.models, outcome).write(documents, teachers, out)
    return outcome


@dataclass(frozen=True)
class _Said:
    """What came of asking one teacher about one document."""

    teacher: Teacher
    records: tuple[Record, ...]  # one, or two if it was asked again
    digest: DigestFields | None
    error: str

    def total(self, name: str) -> int:
        return sum(int(record[name]) for record in self.records)


class Maker:
    """Makes rows of documents and the journal."""

    def __init__(
        self, journal: Journal, wanted: Wanted, models: dict[str, str], outcome: Outcome
    ) -> None:
        self._journal, self._wanted = journal, wanted
        self._models, self._outcome = models, outcome
        self._agreements: dict[str, list[float]] = {}
        self._rejects: list[bytes] = []

    def write(self, documents: Documents, teachers: Sequence[Teacher], out: Path) -> None:
        """Replace `out` and its rejects. Rows that a person reviewed, and those of other
        documents, stay as they are.
        """
        with alone(out):
            write(out, self._lines(documents, teachers, out))
        write(out.with_suffix(".rejected.jsonl"), self._rejects)
        means = {name: round(fmean(found), 4) for name, found in self._agreements.items()}
        self._outcome.agreement = {name: means[name] for name in FIELDS if name in means}

    def _lines(
        self, documents: Documents, teachers: Sequence[Teacher], out: Path
    ) -> Iterator[bytes]:
        outcome = self._outcome
        reviewed = {row.id for row in _existing(out) if row.review}
        here = set()
        for row in documents():
            here.add(row.id)
            if row.id in reviewed:
                continue
            if made := self._row(row, teachers):
                outcome.made += 1
                outcome.rows += 1
                yield made.line()
        for row in _existing(out):
            if row.id in reviewed or row.id not in here:
                outcome.kept += 1
                outcome.rows += 1
                yield row.line()

    def _row(self, row: Labelled, teachers: Sequence[Teacher]) -> Labelled | None:
        fields = self._wanted.of(row)
        if not fields:
            return row
        said = [self._said(row, fields, teacher) for teacher in teachers]
        if not all(said):
            self._outcome.pending += 1
            return None
        whole = [one for one in said if one]
        self._count(whole)
        good = [one for one in whole if one.digest]
        if not good:
            self._reject(row, whole)
            return None
        digests = [ground(one.digest, row.title, row.text) for one in good if one.digest]
        best = central([grounded.fields for grounded in digests])
        chosen, labels = good[best], digests[best]
        agreed = agreement([grounded.fields for grounded in digests]) if len(good) > 1 else None
        for name, value in (agreed or {}).items():
            self._agreements.setdefault(name, []).append(value)
        last = chosen.records[-1]
        costs = [record["cost"] for one in whole for record in one.records]
        made = Made(
            teacher=f"{chosen.teacher.name} ({last['model']})",
            prompt=chosen.teacher.version(self._wanted.wish),
            language=self._wanted.wish.language if chosen.teacher.guided else "English",
            fields=fields,
            at=last["at"],
            tokens_in=sum(one.total("in") for one in whole),
            tokens_out=sum(one.total("out") for one in whole),
            tokens_cut=last["cut"],
            cost=None if None in costs else round(sum(costs), 8),
            repaired=len(chosen.records) > 1,
            dropped=labels.dropped,
            confidence=last["confidence"],
            agreement=agreed,
            others=tuple(
                Other(teacher=one.teacher.name, digest=grounded.fields)
                for one, grounded in zip(good, digests, strict=True)
                if one is not chosen
            ),
        )
        self._outcome.repaired += made.repaired
        digest = merged(row.digest, labels.fields)
        return row.model_copy(update={"digest": digest, "made": made, "draft": None})

    def _said(self, row: Labelled, fields: tuple[str, ...], teacher: Teacher) -> _Said | None:
        """None if the teacher has not been asked yet."""
        model = self._models.get(teacher.name)
        if model is None:
            return None
        name = key(teacher, model, row, fields, self._wanted.wish)
        records = [r for r in (self._journal.get(name), self._journal.get(second(name))) if r]
        if not records:
            return None
        if len(records) == 1 and mendable(records[0], row, fields, self._wanted.wish, teacher):
            return None  # the run ended before it was asked again
        digest, error = taken(records[-1], row, fields, self._wanted.wish, teacher)
        return _Said(teacher, tuple(records), digest, error)

    def _count(self, said: Sequence[_Said]) -> None:
        outcome = self._outcome
        outcome.tokens_in += sum(one.total("in") for one in said)
        outcome.tokens_out += sum(one.total("out") for one in said)
        costs = [record["cost"] for one in said for record in one.records]
        known = [cost for cost in costs if cost is not None]
        if known:
            outcome.cost = (outcome.cost or 0.0) + sum(known)

    def _reject(self, row: Labelled, said: Sequence[_Said]) -> None:
        self._outcome.rejected += 1
        self._outcome.reasons.update({one.error for one in said})
        told: dict[str, Any] = {
            "id": row.id,
            "reasons": {one.teacher.name: one.error for one in said},
            "answers": {one.teacher.name: one.records[-1]["text"][:_TOLD] for one in said},
        }
        self._rejects.append(json.dumps(told, ensure_ascii=False).encode() + b"\n")


def _existing(out: Path) -> Iterator[Labelled]:
    return stream(out) if out.exists() else iter(())

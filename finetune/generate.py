"""Labels for documents, from one teacher or several.

Every answer goes into a journal before anything is made of it (`Asker`); rows are made of
documents and journal alone (`Maker`). So a run may be killed anywhere and started again: what was
answered is not asked again, and the rows are the same as those of a run that was left alone.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from digest.errors import DigestError, InvalidAnswer
from digest.grounding import ground
from digest.protocols import Answer, Ask, Engine
from digest.records import fingerprint
from digest.schema import FIELDS, DigestFields, parse, select
from finetune import guide
from finetune.agreement import agreement, central
from finetune.guide import Wish
from finetune.journal import Journal, Record
from finetune.labelled import Labelled, Made, Other, alone, merged, stream, write
from finetune.teachers import Teacher

_BATCH = 64  # documents an engine is given at once
_TOLD = 1000  # characters of an answer that a reject shows

Documents = Callable[[], Iterator[Labelled]]  # may be read again and again


@dataclass(frozen=True)
class Wanted:
    """What to ask for."""

    fields: tuple[str, ...] = FIELDS
    wish: Wish = field(default_factory=Wish)
    relabel: bool = False  # ask for fields that a row has labels for, too
    budget: float = 0.0  # cost at which to stop; 0 = no limit

    def of(self, row: Labelled) -> tuple[str, ...]:
        """The fields to ask of a row: what it says itself, else `fields`; less its labels."""
        asked = select(row.fields or self.fields)
        return asked if self.relabel else tuple(n for n in asked if n not in row.digest.asked())


@dataclass
class Outcome:
    """What a run did, and where."""

    rows: int = 0  # in the file now
    made: int = 0  # of them from these documents
    kept: int = 0  # reviewed or not in these documents: left as they were
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    pending: int = 0  # documents that not every teacher was asked about yet
    asked: int = 0  # questions of this run
    tokens_in: int = 0  # of all answers in the journal that the rows are made of
    tokens_out: int = 0
    cost: float | None = None
    agreement: dict[str, float] = field(default_factory=dict)
    repaired: int = 0
    stopped: str = ""  # why the run ended early, by the user's will
    trouble: DigestError | None = None  # ... or against it


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


def key(teacher: Teacher, model: str, row: Labelled, fields: Sequence[str], wish: Wish) -> str:
    """Under which the journal has a teacher's answer about a document."""
    version = teacher.version(wish)
    return fingerprint(teacher.name, model, version, ",".join(fields), row.title, row.text)


def _second(first: str) -> str:
    return f"{first}-2"


@dataclass(frozen=True)
class _Job:
    """One question."""

    key: str
    row: Labelled
    ask: Ask
    cut: int


class Asker:
    """Asks what the journal does not hold, each teacher in a thread of its own."""

    def __init__(
        self, journal: Journal, wanted: Wanted, progress: Callable[[int, int], None]
    ) -> None:
        self._journal, self._wanted, self._progress = journal, wanted, progress
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._done = self._total = 0
        self._spent = 0.0
        self._outcome = Outcome()
        self.models: dict[str, str] = {}  # teacher -> what its engine runs

    def ask(self, documents: Documents, teachers: Sequence[Teacher]) -> Outcome:
        """Until all is asked, the budget is spent or a service is down."""
        wanting = sum(bool(self._wanted.of(row)) for row in documents())
        self._total = wanting * len(teachers)
        if not wanting:
            return self._outcome
        with ThreadPoolExecutor(len(teachers), thread_name_prefix="teacher") as pool:
            futures = [pool.submit(self._teacher, documents, teacher) for teacher in teachers]
            try:
                for future in futures:
                    try:
                        future.result()
                    except DigestError as error:
                        self._outcome.trouble = self._outcome.trouble or error
            except KeyboardInterrupt:
                self._outcome.stopped = "it was interrupted"
                self._stop.set()
            except BaseException:
                self._stop.set()
                raise
        return self._outcome

    def _teacher(self, documents: Documents, teacher: Teacher) -> None:
        engine = teacher.open()
        try:
            self.models[teacher.name] = engine.model
            rows = documents()
            while not self._stop.is_set() and (batch := list(islice(rows, _BATCH))):
                self._batch(batch, teacher, engine)
        finally:
            engine.close()

    def _batch(self, batch: Sequence[Labelled], teacher: Teacher, engine: Engine) -> None:
        first = []
        for row in batch:
            if fields := self._wanted.of(row):
                ask, cut = teacher.ask(engine, row, fields, self._wanted.wish)
                name = key(teacher, engine.model, row, fields, self._wanted.wish)
                first.append(_Job(name, row, ask, cut))
        self._round([job for job in first if not self._answered(job.key)], teacher, engine)
        again = []
        for job in first:
            record = self._journal.get(job.key)
            error = mendable(record, job.row, job.ask.fields, self._wanted.wish, teacher)
            if record and error and not self._answered(_second(job.key)):
                ask = teacher.again(job.ask, record["text"], error)
                again.append(_Job(_second(job.key), job.row, ask, job.cut))
        self._round(again, teacher, engine)
        with self._lock:
            self._done += len(first)
            self._progress(self._done, self._total)

    def _answered(self, name: str) -> bool:
        """An error is no answer: it may be another time."""
        record = self._journal.get(name)
        return record is not None and record["finish"] != "error"

    def _round(self, jobs: Sequence[_Job], teacher: Teacher, engine: Engine) -> None:
        if not jobs or self._stop.is_set():
            return
        answers = engine.answer([job.ask for job in jobs])
        try:
            for done, answer in enumerate(answers, 1):
                self._keep(jobs[answer.index], answer, teacher, engine)
                with self._lock:
                    self._progress(min(self._done + done, self._total), self._total)
                if self._stop.is_set():
                    return
        finally:
            answers.close()  # type: ignore[attr-defined]  # engines answer by generators

    def _keep(self, job: _Job, answer: Answer, teacher: Teacher, engine: Engine) -> None:
        price = teacher.price.of(answer.tokens_in, answer.tokens_out) if teacher.price else None
        record: Record = {
            "row": job.row.id,
            "teacher": teacher.name,
            "model": engine.model,
            "text": answer.text,
            "finish": answer.finish,
            "error": answer.error,
            "in": answer.tokens_in,
            "out": answer.tokens_out,
            "cut": job.cut,
            "cost": price,
            "confidence": getattr(answer, "confidence", None),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._journal.put(job.key, record)
        with self._lock:
            self._outcome.asked += 1
            self._spent += price or 0.0
            if self._wanted.budget and self._spent >= self._wanted.budget:
                self._outcome.stopped = f"it has cost {self._spent:.2f}, the budget"
                self._stop.set()


def taken(
    record: Record, row: Labelled, fields: Sequence[str], wish: Wish, teacher: Teacher
) -> tuple[DigestFields | None, str]:
    """The digest of an answer, or what is wrong with it."""
    if record["finish"] == "error":
        return None, str(record["error"])
    if record["finish"] == "length":
        return None, "the answer is too long and was cut"
    try:
        digest = parse(_bare(record["text"]), fields)
    except InvalidAnswer as error:
        return None, str(error)
    fault = guide.fault(digest, wish, row.text) if teacher.guided else ""
    return (None, fault) if fault else (digest, "")


def mendable(
    record: Record | None, row: Labelled, fields: Sequence[str], wish: Wish, teacher: Teacher
) -> str:
    """What a teacher is to be told about an answer that it can mend; "" if there is nothing."""
    if not teacher.guided or record is None or record["finish"] == "error":
        return ""
    return taken(record, row, fields, wish, teacher)[1]


def _bare(answer: str) -> str:
    """The object in an answer; models that know no format put fences or words around it."""
    start, end = answer.find("{"), answer.rfind("}")
    return answer[start : end + 1] if 0 <= start < end else answer


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
        records = [r for r in (self._journal.get(name), self._journal.get(_second(name))) if r]
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
        import json

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

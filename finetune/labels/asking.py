"""Asking teachers: every answer is in the journal before anything is made of it.

What the journal holds is not asked again, so a run may be killed anywhere and started again.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from digest.errors import DigestError, InvalidAnswer
from digest.protocols import Answer, Ask, Engine
from digest.records import fingerprint
from digest.schema import FIELDS, DigestFields, parse, select
from finetune.labels import guide
from finetune.labels.guide import Wish
from finetune.labels.journal import Journal, Record
from finetune.labels.labelled import Labelled
from finetune.labels.teachers import Teacher

_BATCH = 64  # documents an engine is given at once

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


def key(teacher: Teacher, model: str, row: Labelled, fields: Sequence[str], wish: Wish) -> str:
    """Under which the journal has a teacher's answer about a document."""
    version = teacher.version(wish)
    return fingerprint(teacher.name, model, version, ",".join(fields), row.title, row.text)


def second(first: str) -> str:
    """Under which the journal has the answer after a repair."""
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
            if record and error and not self._answered(second(job.key)):
                ask = teacher.again(job.ask, record["text"], error)
                again.append(_Job(second(job.key), job.row, ask, job.cut))
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

"""Putting the questions to judges: each answer is in the journal before anything is made of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations

from digest.protocols import Engine
from digest.schema import DigestFields, Row
from finetune.evaluation.predictions import Prediction
from finetune.judging.questions import FIRST, LOW, SECOND, TIE, Question, Rubric
from finetune.labels.journal import Journal, Record

_BATCH = 64  # questions an engine is given at once

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class JudgedRow:
    """A document and what each model made of it; None where its answer breaks the contract."""

    row: Row
    digests: Mapping[str, DigestFields | None]


@dataclass(frozen=True)
class Decision:
    """What a judge made of two models' digests of one document."""

    judge: str
    row: str
    group: str
    one: str
    other: str
    verdicts: tuple[str | None, str | None] = (None, None)  # one first, other first: A, B, tie
    rule: str = ""  # why nobody was asked: "identical" or "invalid"
    by_rule: str = TIE  # the winner then
    refused: tuple[str, ...] = ()  # what is wrong with answers that cannot be taken
    longer: str = ""  # whose digest has more words; "" if neither

    @property
    def votes(self) -> tuple[str | None, str | None]:
        """The verdicts of the two orders, in the models' names."""
        first, second = self.verdicts
        return self._named(first, self.one, self.other), self._named(second, self.other, self.one)

    @staticmethod
    def _named(verdict: str | None, first: str, second: str) -> str | None:
        return {FIRST: first, SECOND: second, TIE: TIE, None: None}[verdict]

    @property
    def asked(self) -> bool:
        """Whether both orders were asked and answered."""
        return not self.rule and None not in self.verdicts

    @property
    def consistent(self) -> bool:
        """Whether both orders have the same winner."""
        return self.votes[0] == self.votes[1]

    @property
    def winner(self) -> str | None:
        """A model's name or tie; orders that disagree are a tie. None if an answer is missing."""
        if self.rule:
            return self.by_rule
        if not self.asked:
            return None
        return self.votes[0] if self.consistent else TIE

    def share(self, model: str) -> float | None:
        """Of the win that a model has: 1, 1/2 for a tie, 0; None if nobody decided."""
        if self.winner is None:
            return None
        return {model: 1.0, TIE: 0.5}.get(self.winner, 0.0)


@dataclass(frozen=True)
class Marking:
    """The marks that a judge gave to a model's digest; none if the answer cannot be taken."""

    judge: str
    row: str
    group: str
    model: str
    marks: Mapping[str, int] = field(default_factory=dict)
    refused: str = ""


@dataclass
class Judge:
    """A judge: its SPEC, and what opens its engine."""

    spec: str
    open: Callable[[], Engine]
    model: str = ""  # what its engine runs, once opened
    asked: int = 0  # questions of this run
    tokens: Counter[str] = field(default_factory=Counter)  # in and out, of this run


def entries(
    rows: Sequence[Row],
    answers: Mapping[str, Sequence[Prediction]],
    fields: Sequence[str],
) -> list[JudgedRow]:
    """The rows that every model has a prediction for, with these fields of them."""
    by_id = {name: {p.id: p for p in one} for name, one in answers.items()}
    found = []
    for row in rows:
        if all(row.id in one for one in by_id.values()):
            digests = {name: _only(one[row.id].digest, fields) for name, one in by_id.items()}
            found.append(JudgedRow(row, digests))
    return found


def _only(digest: DigestFields | None, fields: Sequence[str]) -> DigestFields | None:
    if digest is None:
        return None
    kept = {name: value for name, value in digest.as_dict().items() if name in fields}
    return DigestFields.model_validate(kept) if kept else None


def compare(
    found: Sequence[JudgedRow], judge: Judge, rubric: Rubric, journal: Journal, progress: Progress
) -> list[Decision]:
    """A judge's decision on every two models' digests of every document, each asked in both
    orders. Raises what its engine raises; what was answered by then is kept.
    """
    pairs = [
        (entry, one, other) for entry in found for one, other in combinations(entry.digests, 2)
    ]
    questions = [
        [Question(e.row, shown, rubric) for shown in _orders(e.digests[one], e.digests[other])]
        for e, one, other in pairs
    ]
    records = _put(judge, [q for two in questions for q in two], journal, progress)
    return [
        _decision(judge, entry, one, other, two, records)
        for (entry, one, other), two in zip(pairs, questions, strict=True)
    ]


def _orders(
    one: DigestFields | None, other: DigestFields | None
) -> Iterator[tuple[DigestFields, DigestFields]]:
    """Both orders of two digests that there is something to ask about."""
    if one and other and one != other:
        yield one, other
        yield other, one


def _decision(
    judge: Judge, entry: JudgedRow, one: str, other: str, asked: Sequence[Question],
    records: Mapping[str, Record],
) -> Decision:  # fmt: skip
    row, first, second = entry.row, entry.digests[one], entry.digests[other]
    bare = Decision(judge.spec, row.id, row.group, one, other, longer=_longer(entry, one, other))
    if not asked:
        winner = TIE if first == second else one if first else other
        rule = "identical" if first and second else "invalid"
        return replace(bare, rule=rule, by_rule=winner)
    verdicts: list[str | None] = []
    refused = []
    for question in asked:
        record = records[question.key(judge.spec, judge.model)]
        try:
            verdicts.append(question.winner(_text(record)))
        except ValueError as error:
            verdicts.append(None)
            refused.append(str(error))
    both = verdicts[0], verdicts[1]
    return replace(bare, verdicts=both, refused=tuple(refused))


def _longer(entry: JudgedRow, one: str, other: str) -> str:
    sizes = {name: _size(entry.digests[name]) for name in (one, other)}
    return "" if sizes[one] == sizes[other] else max(sizes, key=lambda name: sizes[name])


def _size(digest: DigestFields | None) -> int:
    """Words of all that a digest says."""
    values = digest.as_dict().values() if digest else ()
    texts = [part for v in values for part in (v if isinstance(v, list | tuple) else [str(v)])]
    return sum(len(text.split()) for text in texts)


def mark(
    found: Sequence[JudgedRow], judge: Judge, rubric: Rubric, journal: Journal, progress: Progress
) -> list[Marking]:
    """A judge's marks for every model's digest of every document. An invalid digest has the
    lowest marks, and nobody is asked.
    """
    asked = [
        (entry, name, Question(entry.row, (digest,), rubric))
        for entry in found
        for name, digest in entry.digests.items()
        if digest
    ]
    records = _put(judge, [question for *_, question in asked], journal, progress)
    markings = [
        Marking(judge.spec, e.row.id, e.row.group, name, dict.fromkeys(rubric.criteria, LOW))
        for e in found
        for name, digest in e.digests.items()
        if not digest
    ]
    for entry, name, question in asked:
        place = (judge.spec, entry.row.id, entry.row.group, name)
        try:
            marks = question.marks(_text(records[question.key(judge.spec, judge.model)]))
            markings.append(Marking(*place, marks))
        except ValueError as error:
            markings.append(Marking(*place, refused=str(error)))
    return markings


def _text(record: Record) -> str:
    """The answer of a record. Raises ValueError if it is none."""
    if record["finish"] == "error":
        raise ValueError(str(record["error"]))
    if record["finish"] == "length":
        raise ValueError("the answer was cut: it is too long")
    return str(record["text"])


def _put(
    judge: Judge, questions: Sequence[Question], journal: Journal, progress: Progress
) -> dict[str, Record]:
    """The answers to questions by their keys: from the journal, or asked for now."""
    engine = judge.open()
    try:
        judge.model = engine.model
        keyed = {question.key(judge.spec, judge.model): question for question in questions}
        open_keys = [key for key in keyed if not _answered(journal, key)]
        done = len(keyed) - len(open_keys)
        progress(done, len(keyed))
        for start in range(0, len(open_keys), _BATCH):
            batch = open_keys[start : start + _BATCH]
            for answer in engine.answer([keyed[key].ask(engine) for key in batch]):
                key = batch[answer.index]
                judge.asked += 1
                judge.tokens.update({"in": answer.tokens_in, "out": answer.tokens_out})
                record: Record = {
                    "row": keyed[key].row.id,
                    "judge": judge.spec,
                    "model": judge.model,
                    "text": answer.text,
                    "finish": answer.finish,
                    "error": answer.error,
                    "at": datetime.now(UTC).isoformat(timespec="seconds"),
                }
                journal.put(key, record)
                done += 1
                progress(done, len(keyed))
    finally:
        engine.close()
    return {key: kept for key in keyed if (kept := journal.get(key))}


def _answered(journal: Journal, key: str) -> bool:
    """An error is no answer: it may be another time."""
    record = journal.get(key)
    return record is not None and record["finish"] != "error"

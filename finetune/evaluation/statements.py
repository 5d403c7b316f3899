"""What an answer says, statement by statement: the title, each sentence of the summary, each
highlight, with what it rests on, whether the source holds it word for word, and whether it stands.

Answers that were quoted carry evidence. Those of bare models carry none: their statements are
looked up in title and text, as a reader sees both (`digest.quote.plain`).
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from digest.quote.compose import GAP
from digest.quote.guards import guards, stands_alone
from digest.quote.language import language
from digest.quote.sentences import Sentence, plain, sentences
from digest.records import STATEMENT_FIELDS, Evidence, StatementField, Status
from digest.schema import DigestFields, Row
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.tally import Tally

# Scripts that part no words: a statement may begin and end anywhere in them.
_UNPARTED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)


class Source:
    """A row's title and text as statements are looked up in them."""

    def __init__(self, row: Row) -> None:
        self.row = row

    @cached_property
    def title(self) -> str:
        """The words of the title."""
        return plain(self.row.title)

    @cached_property
    def text(self) -> str:
        """The words of the text."""
        return plain(self.row.text)

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """The sentences of the text."""
        return sentences(self.row.text)

    @cached_property
    def words(self) -> list[str]:
        """The words of each sentence."""
        return [plain(self.row.text, one.start, one.end) for one in self.sentences]

    @cached_property
    def language(self) -> str:
        """The language of both, as the product sees it; the row's own where nothing tells it."""
        return language(f"{self.row.title}\n{self.row.text}") or self.row.lang

    def holds(self, words: str, evidence: Evidence | None = None) -> bool:
        """Whether the source says these words in a row, white space and markdown aside."""
        found = plain(words)
        if within(found, self.title) or within(found, self.text):
            return True
        if evidence is None:
            return False
        place = self.row.title if evidence.where == "title" else self.row.text
        # Markup that spans sentences reads otherwise where one of them is cut out.
        return within(found, plain(place, evidence.start, evidence.end))

    def number(self, character: int) -> int:
        """The sentence that a character of the text lies in, or the last one that begins before."""
        return bisect_right([one.start for one in self.sentences], character) - 1


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an answer."""

    field: StatementField
    words: str
    status: Status
    verbatim: bool  # the source holds it word for word
    behind: bool = False  # it is read right behind the sentence that stands before it
    evidence: Evidence | None = None


def within(words: str, source: str) -> bool:
    """Whether `words` stand in `source` and begin and end where words do."""
    place = source.find(words) if words else -1
    while place >= 0:
        if not (_amid(source, place) or _amid(source, place + len(words))):
            return True
        place = source.find(words, place + 1)
    return False


def _amid(source: str, place: int) -> bool:
    """Whether a place is in the middle of a word."""
    around = source[max(0, place - 1) : place + 1]
    return 0 < place < len(source) and around.isalnum() and not _UNPARTED.search(around)


def statements(
    source: Source, digest: DigestFields, evidence: Sequence[Evidence] = ()
) -> list[Statement]:
    """The statements of a digest, in the order of its fields.

    Evidence that does not add up to what a field says counts as none.
    """
    found: list[Statement] = []
    for field in STATEMENT_FIELDS:
        said = getattr(digest, field)
        if not said:
            continue
        given = [one for one in evidence if one.field == field]
        if _adds_up(given, said):
            found += _rested(source, given)
        else:
            found += _looked_up(source, field, said)  # type: ignore[arg-type]
    return found


def _adds_up(evidence: Sequence[Evidence], said: str | list[str]) -> bool:
    """Whether statements are all that a field says."""
    told = [one.statement for one in evidence]
    if not told or isinstance(said, list):
        return bool(told) and told == said
    rest = said
    for words in told:
        before, there, rest = rest.partition(words)
        if not there or re.search(r"\w", before):
            return False
    return not re.search(r"\w", rest)


def _rested(source: Source, evidence: Sequence[Evidence]) -> list[Statement]:
    found = []
    last = None  # number of the sentence that the statement before it ends with
    for one in evidence:
        behind = False
        if one.where == "text":
            first = source.number(one.start)
            behind = one.field == "summary" and last is not None and first == last + 1
            last = source.number(max(one.start, one.end - 1))
        verbatim = source.holds(one.statement, one)
        found.append(Statement(one.field, one.statement, one.status, verbatim, behind, one))
    return found


def _looked_up(source: Source, field: StatementField, said: str | list[str]) -> list[Statement]:
    found = []
    for words, behind in _parts(field, said):
        verbatim = source.holds(words)
        status: Status = "quoted" if verbatim else "written"
        found.append(Statement(field, words, status, verbatim, behind))
    return found


def _parts(field: StatementField, said: str | list[str]) -> list[tuple[str, bool]]:
    """The words of each statement, and whether the one before it is read along."""
    if isinstance(said, list):
        return [(words, False) for words in map(str.strip, said) if words]
    if field == "title":
        return [(said.strip(), False)]
    return [
        (words, bool(number))
        for part in said.split(GAP)
        for number, one in enumerate(sentences(part))
        if (words := part[one.start : one.end].strip())
    ]


def stands(source: Source, one: Statement) -> bool:
    """Whether a reader understands a statement where it is shown: by itself, or as a sentence of
    a summary behind the one before it.
    """
    words = plain(one.words)
    own = one.verbatim or one.evidence is not None
    lang = source.language if own else language(words) or source.language
    if not stands_alone(words, lang):
        return True
    if not one.behind:
        return False
    # What refers to the sentence before it may, with that one there.
    (guard,) = guards(words, [Sentence(0, len(words), 0, "prose")], lang)
    return not guard.never


# --- what they amount to -------------------------------------------------------------------------


def measure(rows: Sequence[Row], predictions: Sequence[Prediction], fields: Sequence[str]) -> Tally:
    """Shares of the statements of all answers: by status, verbatim, standing. A headline need not
    stand as a sentence does. Only the asked `fields` count.
    """
    tally = Tally(len(rows))
    given = {one.id: one for one in predictions if one.digest}
    for index, row in enumerate(rows):
        answer = given.get(row.id)
        if answer is None or answer.digest is None:
            continue
        source = Source(row)
        said = [s for s in statements(source, answer.digest, answer.evidence) if s.field in fields]
        if said:
            _count(tally, index, source, said)
    return tally


def _count(tally: Tally, index: int, source: Source, said: Sequence[Statement]) -> None:
    tally.add("statements", index, len(said))
    for status in ("quoted", "shortened", "written"):
        tally.add(status, index, sum(one.status == status for one in said), len(said))
    tally.add("verbatim", index, sum(one.verbatim for one in said), len(said))
    standing: list[bool] = []
    for field in STATEMENT_FIELDS:
        part = [one for one in said if one.field == field]
        if part:
            tally.add(f"verbatim_{field}", index, sum(one.verbatim for one in part), len(part))
        if part and field != "title":
            stand = [stands(source, one) for one in part]
            tally.add(f"stands_alone_{field}", index, sum(stand), len(stand))
            standing += stand
    if standing:
        tally.add("stands_alone", index, sum(standing), len(standing))

"""An item before a model that chooses: what it is asked, and what is taken of its answer.

For models that are not Digest's own (`own_prompt`). The law is the same: a choice is only among
sentences that may be shown, what leans on another sentence takes that along, and where no valid
choice comes the ranker's stands. A written sentence that passed the gates takes the place of the
sentences that it cites, and is marked as written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from digest.engines.own_prompt import CHOSEN, Question, Statement, question, read
from digest.protocols import Answer, Engine
from digest.quote.compose import Composed, compose, joined
from digest.quote.guards import guards
from digest.quote.language import language
from digest.quote.sentences import Sentence, plain, sentences
from digest.records import Evidence, Item, StatementField
from digest.schema import select

_TITLE = 300  # characters of a title that the model reads


@dataclass(frozen=True, slots=True)
class Taken:
    """What an answer is worth: the statements, the other sound fields, and why others lack."""

    composed: Composed
    fields: dict[str, object]
    reason: str


class Chooser:
    """One item, cut into its sentences once, for all questions about it."""

    def __init__(self, item: Item, composed: Composed, asked: Sequence[str], label: bool) -> None:
        """`composed` is what stands without a model; `asked` are the fields of the digest."""
        self._item, self._composed, self._label = item, composed, label
        self._asked = select(asked)
        self._lang = language(f"{item.title}\n{item.text}")
        self._found = sentences(item.text)
        self._guards = guards(item.text, self._found, self._lang)
        self._offered = [n for n, guard in enumerate(self._guards) if not guard.never]
        self._words = [self._shown(n) for n in self._offered]

    def ask(self, engine: Engine, missing: Sequence[str], room: int) -> Question:
        """Ask for the missing fields, and for the statements if they are wanted.

        `room`: tokens of prompt and answer together.
        """
        chosen = [name for name in CHOSEN[1:] if name in self._asked and self._words]
        write = bool(getattr(engine, "writes", False))
        return question(
            self._composed.title[:_TITLE],
            self._words,
            [*missing, *chosen],
            room=room,
            count=engine.count,
            write=write,
        )

    def take(self, asked: Question, answer: Answer) -> Taken:
        """What the answer is worth."""
        choice = read(asked, answer, self._words)
        fields = {name: value for name, value in choice.fields.items() if name not in CHOSEN}
        if "summary" in choice.missing or not choice.summary:
            return Taken(self._composed, fields, choice.reason)
        summary, highlights = (self._places(s) for s in (choice.summary, choice.highlights))
        picked = self._with_context(summary)
        composed = compose(
            self._item.title, self._item.text, self._asked, (picked, highlights), label=self._label
        )
        composed = self._written(composed, "summary", choice.summary)
        composed = self._written(composed, "highlights", choice.highlights)
        return Taken(composed, fields, choice.reason)

    def _places(self, statements: Sequence[Statement]) -> list[int]:
        """Numbers of the cited sentences in the text, in its order."""
        return sorted({self._offered[n] for statement in statements for n in statement.cited})

    def _with_context(self, places: Sequence[int]) -> list[int]:
        """These sentences and those that they lean on; without what leans on nothing to show."""
        kept = set(places)
        for n in places:
            guard = self._guards[n]
            needed = [n - 1] * bool(guard.before) + [n + 1] * bool(guard.after)
            if all(0 <= m < len(self._guards) and self._stands(m) for m in needed):
                kept.update(needed)
            else:
                kept.discard(n)
        return sorted(kept)

    def _stands(self, n: int) -> bool:
        return not self._guards[n].alone

    def _shown(self, n: int) -> str:
        place: Sentence = self._found[n]
        return plain(self._item.text, place.start, place.end)

    def _written(
        self, composed: Composed, name: StatementField, statements: Sequence[Statement]
    ) -> Composed:
        """Written sentences in the place of those that they cite."""
        evidence = list(composed.evidence)
        for statement in statements:
            if not statement.written:
                continue
            places = [self._found[self._offered[n]] for n in statement.cited]
            start, end = places[0].start, places[-1].end
            starts = {place.start for place in places}
            old = [one for one in evidence if one.field == name and one.start in starts]
            if len(old) < len(places):
                continue  # one of them may not be shown: what rests on it may not, either
            at = evidence.index(old[0])
            evidence = [one for one in evidence if one not in old]
            evidence.insert(at, Evidence(name, statement.written, "written", "text", start, end))
        if evidence == list(composed.evidence):
            return composed
        said = [one for one in evidence if one.field == name]
        value: str | list[str] = [one.statement for one in said]
        if name == "summary":
            value = joined(said, self._found, self._lang)
        fields = composed.fields | {name: value}
        return replace(composed, fields=fields, evidence=tuple(evidence))

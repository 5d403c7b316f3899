"""What is a model worth? Twenty example stories, and the sentences that an editor chose of them.

A model that is not Digest's own is asked by its own prompt, Digest's own through `analyze`, as a
run would ask it; both are then measured by the same sentences. Twenty stories tell a model that
can do it from one that cannot, and no more than that.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from digest.analyze import analyze
from digest.engines import own_prompt
from digest.errors import EngineUnavailable, WeightsError
from digest.model.weights import shipped
from digest.protocols import LATER, Engine
from digest.quote.sentences import plain, sentences
from digest.records import Item
from digest.schema import FIELDS

_SPOKEN = {"prose", "list", "quote"}  # kinds of sentences that may be chosen

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Story:
    """A story, its sentences, and the indexes of those that the editor chose."""

    title: str
    text: str
    spoken: tuple[str, ...]
    starts: tuple[int, ...]  # where each begins in the text
    chosen: frozenset[int]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model made of the stories."""

    model: str
    prompt: str
    stories: int
    valid: int  # digests with every field, within the contract
    statements: int  # sentences of summaries, and highlights
    quoted: int  # of them sentences of the story
    written: int  # of them written, and held by the gates
    refused: int  # written, and refused by the gates
    right: int  # sentences of the editor's that the model chose, too
    chosen: int  # sentences that the model chose
    wanted: int  # sentences that the editor chose
    seconds: float  # a digest

    @property
    def agreement(self) -> float:
        """F1 of the sentences against the editor's."""
        both = self.chosen + self.wanted
        return 2 * self.right / both if both else 0.0


def first_sentences(asked: Sequence[Story], count: int = 4) -> float:
    """What always choosing the first sentences agrees by: a choice must be better than that."""
    right = chosen = 0
    for story in asked:
        first = set(range(min(count, len(story.spoken))))
        right += len(first & story.chosen)
        chosen += len(first)
    return 2 * right / max(chosen + sum(len(story.chosen) for story in asked), 1)


def stories() -> list[Story]:
    """The example stories. Raises WeightsError if they are not there."""
    file = shipped() / "trial.jsonl"
    try:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file} has no readable stories: {error}") from error
    return [_story(row) for row in rows]


def _story(row: dict[str, object]) -> Story:
    title, text = str(row["title"]), str(row["text"])
    found = [sentence for sentence in sentences(text) if sentence.kind in _SPOKEN]
    spoken = tuple(plain(text, sentence.start, sentence.end) for sentence in found)
    starts = tuple(sentence.start for sentence in found)
    picked = [*_strings(row["summary"]), *_strings(row["highlights"])]
    return Story(title, text, spoken, starts, frozenset(map(spoken.index, picked)))


def _strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def run(
    engine: Engine,
    asked: Sequence[Story],
    progress: Progress = lambda _done, _total: None,
) -> Trial:
    """Have a model digest the stories. Raises EngineUnavailable if it fails at one."""
    prompt = str(getattr(engine, "prompt_version", ""))
    began = time.monotonic()
    by = _by_number if own_prompt.wanted(engine) else _by_analyze
    valid, statements, quoted, written, refused, picked = by(engine, asked, progress)
    seconds = (time.monotonic() - began) / max(len(asked), 1)
    pairs = list(zip(picked, asked, strict=True))
    return Trial(
        engine.model, prompt, len(asked), valid, statements, quoted, written, refused,
        sum(len(mine & story.chosen) for mine, story in pairs),
        sum(len(mine) for mine, _ in pairs),
        sum(len(story.chosen) for _, story in pairs),
        seconds,
    )  # fmt: skip


_Counts = tuple[int, int, int, int, int, list[set[int]]]


def _by_number(engine: Engine, asked: Sequence[Story], progress: Progress) -> _Counts:
    """Ask as models are asked that are not Digest's own."""
    write = bool(getattr(engine, "writes", False))
    questions = [
        own_prompt.question(
            story.title, story.spoken, FIELDS, room=engine.context, count=engine.count, write=write
        )
        for story in asked
    ]
    picked: list[set[int]] = [set() for _ in asked]
    valid = statements = quoted = written = refused = 0
    answers = engine.answer([question.ask for question in questions])
    for done, answer in enumerate(answers, start=1):
        if answer.finish == LATER:
            raise EngineUnavailable(answer.error)
        choice = own_prompt.read(questions[answer.index], answer, asked[answer.index].spoken)
        said = (*choice.summary, *choice.highlights)
        picked[answer.index] = {place for statement in said for place in statement.cited}
        valid += not choice.missing
        statements += len(said)
        written += sum(bool(statement.written) for statement in said)
        quoted += sum(not statement.written for statement in said)
        refused += len(choice.refused)
        progress(done, len(asked))
    return valid, statements, quoted, written, refused, picked


def _by_analyze(engine: Engine, asked: Sequence[Story], progress: Progress) -> _Counts:
    """Ask as a run asks."""
    items = [Item("trial", n, "story", s.title, s.text) for n, s in enumerate(asked)]
    picked: list[set[int]] = [set() for _ in asked]
    valid = statements = quoted = 0
    for item, digest in analyze(items, engine, progress=progress):
        story = asked[item.position]
        said = [one for one in digest.evidence if one.field != "title"]
        picked[item.position] = {
            n for n, start in enumerate(story.starts) if any(one.start == start for one in said)
        }
        valid += not digest.provenance.degraded
        statements += len(said)
        quoted += sum(one.status != "written" for one in said)
    return valid, statements, quoted, 0, 0, picked

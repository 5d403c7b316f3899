"""An editor's choice of sentences as labels: title, summary and highlights in the source's words.

A file of choices holds one JSON object a line: `id` of the row, `headline_ok` (the author's own
headline states the story), `headline` (one where it does not), `summary` and `highlights` (lists
of [start, end], characters of the row's text). What is labelled so quotes its source, so a model
that learns from it learns to copy, not to rephrase.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from digest.errors import ConfigError
from digest.quote.sentences import plain, sentences
from digest.schema import DigestFields, Row

_LONGEST = {"title": 120, "summary": 1000, "highlight": 240}  # characters: the contract's limits
_NO_SPACES = ("zh", "ja", "th")  # languages whose sentences follow each other without a space
_HEADLINE = 4  # words from which the author's headline of an unlabelled row is taken as one


@dataclass(frozen=True, slots=True)
class Choice:
    """What the editor chose for one row: places are characters of its text."""

    headline_ok: bool
    headline: str
    summary: tuple[tuple[int, int], ...]
    highlights: tuple[tuple[int, int], ...]


def read(path: Path) -> dict[str, Choice]:
    """Read choices by row id. Raises ConfigError."""
    try:
        found = {}
        for line in path.read_text("utf-8").splitlines():
            one = json.loads(line)
            places = {
                name: tuple((int(start), int(end)) for start, end in one[name])
                for name in ("summary", "highlights")
            }
            found[str(one["id"])] = Choice(bool(one["headline_ok"]), one["headline"], **places)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} holds no choices of sentences: {error}") from error
    return found


def quoted(row: Row, choices: Mapping[str, Choice]) -> Row:
    """The row with title, summary and highlights as the editor chose them.

    A row without a choice is too short to choose from: its text is its summary. Other fields stay.
    """
    choice = choices.get(row.id)
    said = _chosen(row, choice) if choice else _whole(row)
    given = row.digest.model_dump(exclude_none=True)
    return row.model_copy(update={"digest": DigestFields(**{**given, **said})})


def _chosen(row: Row, choice: Choice) -> dict[str, str | list[str]]:
    own = " ".join(row.title.split())
    title = own if choice.headline_ok and own else choice.headline or own
    space = "" if row.lang in _NO_SPACES else " "
    summary = space.join(plain(row.text[start:end]) for start, end in choice.summary)
    facts = [plain(row.text[start:end]) for start, end in choice.highlights]
    facts = [fact for fact in facts if 0 < len(fact) <= _LONGEST["highlight"]][:6]
    return _within(title, summary, facts)


def _whole(row: Row) -> dict[str, str | list[str]]:
    own = " ".join(row.title.split())
    first = next((plain(row.text[one.start : one.end]) for one in sentences(row.text)), "")
    title = own if len(own.split()) >= _HEADLINE or len(first) > _LONGEST["title"] else first
    return _within(title or own, plain(row.text), [])


def _within(title: str, summary: str, facts: list[str]) -> dict[str, str | list[str]]:
    """The fields that keep the contract; a label that does not is no label."""
    said: dict[str, str | list[str]] = {"highlights": facts}
    if 3 <= len(title) <= _LONGEST["title"]:
        said["title"] = title
    if 10 <= len(summary) <= _LONGEST["summary"]:
        said["summary"] = summary
    return said


def held(labels: DigestFields, full: str, cut: str) -> DigestFields:
    """The labels without the sentences that stood in `full` and are gone from `cut`.

    Both texts are markdown. What never stood in the text word for word is left alone: it was
    written, not quoted.
    """
    whole, left = plain(full), plain(cut)

    def there(said: str) -> bool:
        return said in left or said not in whole

    changed: dict[str, str | list[str] | None] = {}
    if labels.summary:
        kept, end = "", 0
        for one in sentences(labels.summary):
            said = labels.summary[one.start : one.end]
            if there(said):  # with the space before it, if its language has one there
                kept += labels.summary[end : one.end] if kept else said
            end = one.end
        changed["summary"] = kept or None
    if labels.highlights:
        changed["highlights"] = [said for said in labels.highlights if there(said)]
    return labels.model_copy(update=changed)

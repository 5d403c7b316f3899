"""Corrections that a person made in a report's file: what it says now against what it said.

The ledger has the report as it was made; the two are told apart story by story. What the person
left as it was counts as seen and right, so a corrected story's label is all that the report shows
of it in full.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.errors import ConfigError, InvalidAnswer
from digest.quote.compose import GAP
from digest.report.escape import words
from digest.schema import DigestFields, select, validate
from digest.storage.queries import Found, Reader

_MADE = re.compile(r'^generated: "[^"]+"$', re.M)
_STORY = re.compile(r"^### (\d+)\. (.+)$")
_SCORE = re.compile(r"\*\*(\d+)/10\*\*")
_REPORTS = 10_000  # of the newest, among which the file's own is looked for


@dataclass(frozen=True)
class Told:
    """What a report says of a story, as plain text."""

    title: str
    summary: str = ""
    highlights: tuple[str, ...] = ()
    score: int | None = None

    def labels(self) -> dict[str, Any]:
        """As the fields of a digest; what the report does not show is left out."""
        found = {"title": self.title, "summary": self.summary, "relevance_score": self.score}
        return {k: v for k, v in found.items() if v} | {"highlights": list(self.highlights)}


@dataclass(frozen=True)
class Correction:
    """A story as a report told it, and as a person wants it told."""

    was: Told
    now: Told

    def meets(self, found: Found) -> bool:
        """Whether this is the story: the report had its headline and its summary, which it shows
        without a sentence that is the headline already.
        """
        titles = {words(str(found.digest.get("title", ""))), words(found.title)}
        said = _letters(words(str(found.digest.get("summary", ""))))
        return self.was.title in titles and _letters(self.was.summary) in said

    def labels(self, found: Found | None = None) -> DigestFields:
        """The corrected digest; what was left as it was is as the ledger has it, if the story is
        given. Raises InvalidAnswer if it breaks the contract.
        """
        was, now = self.was.labels(), self.now.labels()
        kept = found.digest if found else {}
        same = {name for name, value in now.items() if value == was.get(name) and kept.get(name)}
        told = {name: kept[name] if name in same else value for name, value in now.items()}
        return validate(told, select(told))


def read(path: Path, ledger: Path) -> list[Correction]:
    """What a person changed in a report. Raises ConfigError if the file is none of the ledger's."""
    try:
        now = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the report {path}: {error}") from error
    was = _original(now, ledger)
    if was is None:
        raise ConfigError(f"{path} is no report of {ledger}; name its markdown file")
    before, after = dict(stories(was)), dict(stories(now))
    both = [(before[number], after[number]) for number in before if number in after]
    changed = [Correction(old, new) for old, new in both if old != new]
    for one in changed:
        try:
            one.labels()
        except InvalidAnswer as error:
            raise ConfigError(f"{path}: {one.now.title[:60]!r}: {error}") from error
    return changed


def _original(markdown: str, ledger: Path) -> str | None:
    """The report as it was made, by the moment when it was."""
    made = _MADE.search(markdown)
    reader = Reader(ledger)
    try:
        for number, _, _ in reader.reports(_REPORTS) if made else ():
            found = reader.report(number)
            if made and found and made.group() in found[2]:
                return found[2]
    finally:
        reader.close()
    return None


def stories(markdown: str) -> Iterator[tuple[int, Told]]:
    """The stories that a report tells in full, by their numbers."""
    parts: list[tuple[int, str, list[str]]] = []
    inside = False
    for line in markdown.splitlines():
        if story := _STORY.match(line):
            parts.append((int(story[1]), story[2], []))
            inside = True
        elif re.match(r"#{1,3} ", line):
            inside = False
        elif inside:
            parts[-1][2].append(line)
    for number, title, lines in parts:
        yield number, _told(title, "\n".join(lines).split("\n\n"))


def _told(title: str, blocks: Sequence[str]) -> Told:
    score, summary, highlights = None, "", []
    for block in map(str.strip, blocks):
        if not block or block.startswith("Also told by:"):
            continue
        if score is None and not summary and (found := _SCORE.match(block)):
            score = int(found[1])
        elif block.startswith("- "):
            lines = [line[2:] for line in block.splitlines() if line[2:].strip()]
            highlights += [_bare(words(line)) for line in lines]
        elif not summary:
            summary = _bare(words(block))
    return Told(words(title), summary, tuple(highlights), score)


def _bare(said: str) -> str:
    """Statements without the marks that a report puts around what is quoted."""
    return GAP.join(map(_unmarked, said.split(GAP)))


def _unmarked(said: str) -> str:
    """What stands between the marks at both ends, if these two are a pair."""
    if not (said.startswith("“") and said.endswith("”")):
        return said
    depth = 0
    for sign in said[1:-1]:
        depth += {"“": 1, "”": -1}.get(sign, 0)
        if depth < 0:
            return said
    return said[1:-1] if not depth else said


def _letters(said: str) -> str:
    """Letters and digits alone, to compare by."""
    return re.sub(r"[\W_]+", "", said).casefold()

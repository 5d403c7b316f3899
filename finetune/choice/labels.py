"""An editor's choice laid over the sentences that the product cuts, and the split by group."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from digest.errors import ConfigError
from digest.quote.choice import Sizes
from digest.quote.features import Features, Place, features
from digest.quote.guards import Guard, guards
from digest.quote.sentences import sentences
from finetune.data import quotes

VALIDATION = 5  # one group in so many is held out
FOLDS = 8
_COVERED = 0.5  # share of a sentence within the editor's place from which it was chosen


@dataclass(frozen=True, slots=True)
class Document:
    """One document: features of its sentences, and which of them the editor chose."""

    id: str
    group: str
    lang: str
    found: Features
    sizes: Sizes
    guards: tuple[Guard, ...]
    summary: frozenset[int]
    highlights: tuple[int, ...]  # most important first

    @property
    def chosen(self) -> frozenset[int]:
        """Sentences of summary and highlights."""
        return self.summary | frozenset(self.highlights)

    @property
    def validation(self) -> bool:
        """Whether the document's group is held out of the fit."""
        return validation(self.group)

    @property
    def fold(self) -> int:
        """The fold of cross-validation that its group is in, 0 to FOLDS - 1."""
        return bucket(f"f1|{self.group}") % FOLDS


def validation(group: str) -> bool:
    """Whether a group is held out of the fit."""
    return bucket(f"v1|{group}") % VALIDATION == 0


def bucket(name: str) -> int:
    """A number that depends on nothing but `name`."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


def read(data: Path, choices: Path, *, held_out: bool = False) -> list[Document]:
    """Documents of `data` (JSONL rows) that have a choice, or only those held out of the fit.

    Raises ConfigError.
    """
    found = quotes.read(choices)
    out = []
    try:
        for line in data.read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["id"] in found and (not held_out or validation(row["group"])):
                out.append(_document(row, found[row["id"]]))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{data} holds no rows: {error}") from error
    if not out:
        raise ConfigError(f"no row of {data} has a choice in {choices}")
    return out


def _document(row: dict[str, str], choice: quotes.Choice) -> Document:
    text, lang = row["text"], row["lang"]
    places = sentences(text)
    found = features(row["title"], text, places, lang)
    summary = [n for place in choice.summary for n in over(places, place)]
    later = [n for place in choice.highlights for n in over(places, place)]
    return Document(
        row["id"],
        row["group"],
        lang,
        found,
        Sizes.of(found.words, places),
        guards(text, places, lang),
        frozenset(summary),
        tuple(dict.fromkeys(n for n in later if n not in summary)),
    )


def over(places: Sequence[Place], chosen: tuple[int, int]) -> list[int]:
    """Numbers of the sentences that a place of the editor's, cut by other rules, stands for."""

    def shared(place: Place) -> int:
        return min(place.end, chosen[1]) - max(place.start, chosen[0])

    covered = [
        n
        for n, p in enumerate(places)
        if shared(p) > 0 and shared(p) >= _COVERED * (p.end - p.start)
    ]
    if not covered:
        return [max(range(len(places)), key=lambda n: shared(places[n]))]
    # A heading or button that the editor's cut took along was not what was chosen.
    told = [n for n in covered if places[n].kind in {"prose", "list", "quote"}]
    return told or covered

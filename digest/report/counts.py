"""The numbers of a report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from digest.engines.extractive import ExtractiveEngine
from digest.records import STATUSES, Analyzed, Provenance
from digest.report.model import Contents


@dataclass(frozen=True, slots=True)
class Counts:
    """What was read, told, skipped, cut and degraded."""

    documents: int
    publishers: int
    items: int
    stories: int
    muted: int  # items that the reader's settings keep out
    skipped: int  # documents that could not be read
    failed_sources: int
    cut: int  # items whose text was shortened for the model
    degraded: int  # items without the model's full answer
    hidden_removed: int  # hidden elements and characters taken out of documents
    names_dropped: int  # names the model wrote that the text does not give
    addressed_to_machine: int  # passages for a machine, left out of every statement
    quoted: int  # statements: titles, sentences of summaries, highlights, word for word
    shortened: int  # statements with words left out
    written: int  # statements that a model of the user's own wrote

    def as_dict(self) -> dict[str, int]:
        """Name -> number, in the order above."""
        return asdict(self)


def tally(contents: Contents) -> Counts:
    """Count a report's contents."""
    made = [one.digest.provenance for one in contents.analyzed]
    return Counts(
        documents=len(contents.documents),
        publishers=len({one.publisher or one.origin for one in contents.documents}),
        items=len(contents.analyzed),
        stories=len(contents.stories),
        muted=len(contents.muted),
        skipped=len(contents.skips),
        failed_sources=len(contents.failures),
        cut=sum(one.tokens_cut > 0 for one in made),
        degraded=sum(bool(one.degraded) for one in made),
        hidden_removed=sum(one.hidden_removed for one in contents.documents),
        names_dropped=_edits(made, "name"),
        addressed_to_machine=_edits(made, "machine"),
        **_statements(contents),
    )


def _edits(made: Sequence[Provenance], kind: str) -> int:
    return sum(edit.kind == kind for one in made for edit in one.edits)


def _statements(contents: Contents) -> dict[str, int]:
    found = Counter(said.status for one in contents.analyzed for said in one.digest.evidence)
    return {status: found[status] for status in STATUSES}


def without_model(one: Analyzed) -> bool:
    """Whether no language model had any part in this digest."""
    return one.digest.provenance.engine == ExtractiveEngine.name


def engines(analyzed: Sequence[Analyzed]) -> list[tuple[str, str]]:
    """(engine, model) that made the digests, the most used first."""
    made = [one.digest.provenance for one in analyzed]
    used = Counter((one.engine, one.model) for one in made)
    return sorted(used, key=lambda pair: (-used[pair], pair))

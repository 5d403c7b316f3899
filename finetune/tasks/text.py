"""The task `text`: continued pre-training, so that a model goes on in the voice of these texts.

Every token of a document is learnt, and the end-of-text token after it. A document begins where
another one has ended: its first token is predicted from an end-of-text token. What is longer than
`data.length` is cut into windows that follow each other; the last token of one is the context of
the next one's first, so that every token is learnt once (but for one in 20,000 characters of a
long text, where it is cut for the split).

Windows never hold two documents: those of like length go through the model together, which costs
less than an eighth of padding (finetune.data.bucketed), and with `train.packed` they lie in one
row, blind to each other.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from digest.errors import ConfigError
from digest.model.modelfile import Modelfile
from digest.schema import Row
from finetune.config import Data
from finetune.data import containers, formats
from finetune.data.encoding import Example, Tokenizer
from finetune.export import modelfile
from finetune.tasks.base import Examples, Given, Sample, Trainable
from finetune.tasks.examples import END, Shuffled, end, fit

PLAIN = {".txt", ".text", ".md", ".markdown"}
PIECE = 20_000  # characters of a row: a book is many rows of one group
_WARM = "0.8"  # the temperature that texts are written at


class Text:
    """Documents as they are."""

    name = "text"
    asked: tuple[str, ...] = ("prompt",)

    def __init__(self, how: Data) -> None:
        self._length = how.length

    def read(self, how: Data, report: formats.ReadReport) -> Iterator[Row]:
        """JSON lines, a JSON array, CSV or Parquet with a text in each record; or plain text
        (told by its name), with <|endoftext|> between documents.
        """
        if how.rows.suffix.lower() in PLAIN:
            report.container, numbered = "text", _plain(how.rows)
        else:
            report.container, numbered = containers.records(how.rows)
        return formats.counted(numbered, report, partial(_rows, how.columns))

    def epoch(self, rows: Sequence[Row], tokenizer: Tokenizer, seed: int) -> Examples:
        """Every window once."""
        return Shuffled(rows, lambda row: self._windows(row, tokenizer), seed, one=False)

    def fixed(self, rows: Sequence[Row], tokenizer: Tokenizer) -> list[Example]:
        """The windows in order."""
        return [window for row in rows for window in self._windows(row, tokenizer)]

    def examine(
        self, learner: Trainable, rows: Sequence[Row], tokenizer: Tokenizer
    ) -> dict[str, float]:
        """How well the model expects these texts."""
        return fit(learner, self.fixed(rows, tokenizer))

    def described(self, rows: Sequence[Row]) -> Iterator[str]:
        """How long the documents are."""
        lengths: Counter[str] = Counter()
        for row in rows:
            lengths[row.group] += len(row.text)
        if lengths:
            yield (
                f"texts: {len(lengths)} groups, {median(lengths.values()):.0f} characters in the "
                f"middle, {max(lengths.values())} at most"
            )

    def prompt(self, given: Given) -> str:
        """The beginning of a text."""
        return given.get("prompt", "")

    def modelfile(self, folder: Path, source: str, adapter: str = "") -> Modelfile:
        """Goes on from the bare prompt."""
        return modelfile.raw(folder, source, adapter, temperature=_WARM)

    def _windows(self, row: Row, tokenizer: Tokenizer) -> list[Example]:
        """The windows of a row: `length` tokens to learn in each, after one of context."""
        ending = end(tokenizer)
        place = row.values if isinstance(row, Sample) else {}
        before = () if "continues" in place else ending
        after = () if "continued" in place else ending
        ids = [*before, *tokenizer.plain(row.text), *after]
        return [
            Example(row.id, (), tuple(ids[at : at + 1]), tuple(ids[at + 1 : at + self._length]), 0)
            for at in range(0, max(1, len(ids) - 1), self._length - 1)
        ]


def _plain(path: Path) -> Iterator[containers.Numbered]:
    """The documents of a plain text."""
    from digest.mail import charset

    try:
        text, _ = charset.decode(path.read_bytes(), None, html=False)
    except OSError as error:
        raise ConfigError(f"cannot read the texts {path}: {error}") from error
    for number, part in enumerate(text.replace("\r\n", "\n").split(END), 1):
        if part.strip():
            yield number, {"text": part}


def _rows(
    columns: Mapping[str, str], record: containers.Record, number: int, changes: list[str]
) -> Iterator[tuple[str, Sample]]:
    """A document as rows of one group."""
    found = formats.parts(record, columns)
    text = found.get("text", "").strip()
    if not text:
        raise ValueError(f"no text; its keys are {', '.join(sorted(record))}")
    formats.identify(found, number, changes)
    pieces = list(cut(text))
    if len(pieces) > 1:
        changes.append("long text: several rows of one group")
    for nth, piece in enumerate(pieces):
        numbered = {"id": found["id"] if not nth else f"{found['id']}+{nth}", "text": piece}
        place = {"continues": nth > 0, "continued": nth < len(pieces) - 1}
        values = {name: "yes" for name, holds in place.items() if holds}
        yield "text", Sample.model_validate(found | numbered | {"values": values})


def cut(text: str) -> Iterator[str]:
    """Pieces that make the text again when they are joined, each cut before a blank line, a line
    or a blank where there is one.
    """
    while len(text) > PIECE:
        ends = (text.rfind(blank, PIECE // 2, PIECE) for blank in ("\n\n", "\n", " "))
        at = next((end for end in ends if end > 0), PIECE)  # blanks begin what follows
        yield text[:at]
        text = text[at:]
    yield text

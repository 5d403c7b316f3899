"""Which sentences an answer chose, beside an editor's choice of the same rows.

Both are numbers of the sentences that the product cuts, so that an answer is compared whether it
carries evidence or only words. The editor's labels are those that the shipped ranker was fitted
on, but for the groups that its fit held out: those are measured by themselves.
"""

from collections.abc import Mapping, Sequence

from digest.errors import ConfigError
from digest.schema import Row
from finetune.choice import labels
from finetune.choice.measures import ratios
from finetune.data.quotes import Choice
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.statements import Source, Statement, statements, within
from finetune.evaluation.stats import Ratio
from finetune.evaluation.tally import Tally

_BOTH = ("summary", "highlights")


def measure(
    rows: Sequence[Row],
    predictions: Sequence[Prediction],
    choices: Mapping[str, Choice],
    fields: Sequence[str],
) -> Tally:
    """Agreement of the answers with the editor over the rows that the editor chose for.

    An answer that is missing or invalid chose nothing. Raises ConfigError if no row has a choice,
    or a choice is of another text.
    """
    tally = Tally(len(rows))
    indices = [index for index, row in enumerate(rows) if row.id in choices]
    if not indices:
        raise ConfigError("no row has an editor's choice; give the --quotes of these rows")
    given = {one.id: one for one in predictions}
    ours: dict[str, list[set[int]]] = {name: [] for name in _BOTH}
    theirs: dict[str, list[set[int]]] = {name: [] for name in _BOTH}
    for index in indices:
        row, choice = rows[index], choices[rows[index].id]
        source = Source(row)
        said = _said(source, given.get(row.id))
        for name in _BOTH:
            taken = [one for one in said if one.field == name]
            ours[name].append({n for one in taken for n in numbers(source, one)})
            theirs[name].append(_theirs(source, getattr(choice, name)))
        theirs["highlights"][-1] -= theirs["summary"][-1]
        if "title" in fields and row.title.strip():
            tally.add("choice_title", index, _own_title(source, said) == choice.headline_ok)
    asked = [name for name in _BOTH if name in fields]
    for name in asked:
        _put(tally, indices, f"choice_f1_{name}", ratios(ours[name], theirs[name])["macro"])
    if asked == list(_BOTH):
        _together(tally, rows, indices, *(_union(side) for side in (ours, theirs)))
    return tally


def _together(
    tally: Tally,
    rows: Sequence[Row],
    indices: Sequence[int],
    ours: Sequence[set[int]],
    theirs: Sequence[set[int]],
) -> None:
    """Summary and highlights as one choice."""
    found = ratios(ours, theirs)
    for name, kind in (
        ("choice_precision", "precision"),
        ("choice_recall", "recall"),
        ("choice_f1", "macro"),
        ("choice_f1_micro", "micro"),
    ):
        _put(tally, indices, name, found[kind])
    for index, over in zip(indices, found["macro"].over, strict=True):
        if labels.validation(rows[index].group):
            tally.add("choice_f1_unseen", index, over)


def numbers(source: Source, one: Statement) -> list[int]:
    """Numbers of the sentences of the text that a statement rests on."""
    if one.evidence is not None:
        place = one.evidence
        cut = source.sentences
        return labels.over(cut, (place.start, place.end)) if place.where == "text" and cut else []
    return [
        n
        for n, words in enumerate(source.words)
        if within(one.words, words) or within(words, one.words)
    ]


def _said(source: Source, answer: Prediction | None) -> list[Statement]:
    if answer is None or answer.digest is None:
        return []
    return statements(source, answer.digest, answer.evidence)


def _theirs(source: Source, places: Sequence[tuple[int, int]]) -> set[int]:
    length = len(source.row.text)
    if any(not 0 <= start < end <= length for start, end in places):
        raise ConfigError(f"the editor's choice for the row {source.row.id} is of another text")
    return {n for place in places for n in labels.over(source.sentences, place)}


def _own_title(source: Source, said: Sequence[Statement]) -> bool:
    """Whether the headline is the author's."""
    head = next((one for one in said if one.field == "title"), None)
    if head is None:
        return False
    if head.evidence is not None:
        return head.evidence.where == "title"
    return within(head.words, source.title)


def _union(side: Mapping[str, Sequence[set[int]]]) -> list[set[int]]:
    return [one | other for one, other in zip(*(side[name] for name in _BOTH), strict=True)]


def _put(tally: Tally, indices: Sequence[int], name: str, ratio: Ratio) -> None:
    for index, over, under in zip(indices, ratio.over, ratio.under, strict=True):
        tally.add(name, index, over, under)

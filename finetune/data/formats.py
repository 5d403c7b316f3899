"""From the shapes that labelled documents come in to dataset rows, one at a time.

    rows         our own: {"text", "digest": {...}} and the other keys of digest.schema.Row
    messages     {"messages": [{"role", "content"}...]}, also {"conversations": [{"from", "value"}]}
    alpaca       {"instruction", "input", "output"}
    completion   {"prompt", "completion"}, each a string or a list of messages
    columns      {"text", "title", ...} beside label columns: `summary`, `names`, ...; the label
                 `title` is `digest.title`, for `title` is the document's own

The answer of the middle three is the JSON object that the model is to write. Their text is the
record's own (`text`, `content`, ..., also under `metadata`) if it has one, else the prompt without
the words that all prompts of the file share. Every change to a row is counted, every refusal
named: `ReadReport`.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from os.path import commonprefix
from pathlib import Path
from typing import Any, TypeVar

from annotated_types import MaxLen
from pydantic import ValidationError

from digest.errors import InvalidAnswer
from digest.schema import FIELDS, LIST_FIELDS, DigestFields, Row, validate
from finetune.data.containers import Numbered, Record, records

TOLD = 20  # refusals that are told one by one
_LOOK = 200  # records from which the shared words of prompts are learnt
_ENOUGH = 3  # prompts that must share words before these are taken for instructions

# Where the parts of a row are found when `columns` does not say: first come, first taken.
_PLACES = {
    "id": ("id", "item_id", "guid", "uuid"),
    "group": ("group", "issue", "issue_id", "email_id", "message_id", "thread_id", "email_subject"),
    "kind": ("kind",),
    "lang": ("lang", "language"),
    "title": ("title", "article_title", "headline", "subject"),
    "text": ("text", "original_content", "content", "article", "body", "document"),
    "date": ("date", "email_date", "published", "published_at", "timestamp"),
    "source": ("source", "publisher", "newsletter", "feed"),
    "url": ("url", "source_url", "link"),
    "licence": ("licence", "license"),
}
_LABEL = "digest."


@dataclass
class ReadReport:
    """What reading found."""

    container: str = ""  # the kind of file
    shapes: Counter[str] = field(default_factory=Counter)
    rows: int = 0  # read
    changed: int = 0  # rows of them that were changed
    changes: Counter[str] = field(default_factory=Counter)  # what was changed, and how often
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)  # the first refusals, with their numbers

    def refuse(self, number: int, why: str) -> None:
        """Count a record that is no row."""
        self.refused += 1
        self.reasons[why] += 1
        if len(self.told) < TOLD:
            self.told.append(f"record {number}: {why}")


def read(path: Path, columns: Mapping[str, str] | None = None) -> tuple[list[Row], ReadReport]:
    """All rows of a file at once; see `stream`."""
    report = ReadReport()
    return list(stream(path, report, columns)), report


def stream(
    path: Path, report: ReadReport, columns: Mapping[str, str] | None = None
) -> Iterator[Row]:
    """The rows of a file, whatever its format; what was found is counted in `report`.

    `columns` maps parts of a row (`text`, `group`, `digest.summary`, ...) to the file's own
    names; a dot goes into a nested object. Raises ConfigError if the file cannot be read.
    """
    columns = columns or {}
    report.container, head = records(path)
    prompts = [
        prompt
        for _, record in islice(head, _LOOK)
        if isinstance(record, dict) and (prompt := _prompt(record))
    ]
    bare = _stripper(prompts)

    def rows(record: Record, number: int, changes: list[str]) -> Iterator[tuple[str, Row]]:
        shape = _shape(record, columns)
        yield shape, _row(record, shape, columns, bare, number, changes)

    yield from counted(records(path)[1], report, rows)


R = TypeVar("R", bound=Row)


def counted(
    numbered: Iterable[Numbered],
    report: ReadReport,
    rows: Callable[[Record, int, list[str]], Iterator[tuple[str, R]]],
) -> Iterator[R]:
    """The rows that `rows` makes of each record, with the shape it is in; the changes that it
    notes, the records that it refuses (ValueError) and ids that are repeated go into `report`.
    """
    seen: set[int] = set()
    for number, record in numbered:
        try:
            if isinstance(record, ValueError):
                raise record
            changes: list[str] = []
            made = list(rows(record, number, changes))
        except ValidationError as error:
            report.refuse(number, str(error.errors()[0]["msg"]))
            continue
        except ValueError as error:
            report.refuse(number, str(error))
            continue
        for shape, row in made:
            if (key := hash(row.id)) in seen:
                row = row.model_copy(update={"id": f"{row.id}-{number}"})  # noqa: PLW2901
                changes.append("id that occurred before: numbered")
            seen.add(key)
            report.shapes[shape] += 1
            report.rows += 1
            report.changed += bool(changes)
            yield row
        report.changes.update(changes)


def _shape(record: Record, columns: Mapping[str, str]) -> str:
    if "digest" in record:
        return "rows"
    if isinstance(record.get("messages", record.get("conversations")), list):
        return "messages"
    if "instruction" in record and "output" in record:
        return "alpaca"
    if "prompt" in record and "completion" in record:
        return "completion"
    if _labels(record, columns):
        return "columns"
    raise ValueError(f"no known shape; its keys are {', '.join(sorted(record))}")


def _row(
    record: Record,
    shape: str,
    columns: Mapping[str, str],
    bare: Callable[[str], str],
    number: int,
    changes: list[str],
) -> Row:
    labels = _labels(record, columns) if shape == "columns" else _answer(record, shape)
    found = parts(record, columns)
    if "text" not in found:
        title, found["text"] = _article(bare(_prompt(record)))
        if title:
            found.setdefault("title", title)
    if not found["text"].strip():
        raise ValueError("no text")
    identify(found, number, changes)
    digest = mend(labels, changes)
    if not digest.asked():
        raise ValueError("no label that keeps the contract")
    return Row.model_validate(found | {"digest": digest})


def parts(record: Record, columns: Mapping[str, str]) -> dict[str, str]:
    """The parts of a row that a record has, but for its labels."""
    found = {name: _find(record, name, columns) for name in _PLACES}
    return {name: str(value) for name, value in found.items() if value is not None}


def identify(found: dict[str, str], number: int, changes: list[str]) -> None:
    """Give the parts of a row an id and a group, where they have none."""
    identity = found.setdefault("id", str(number))
    if "group" not in found:
        found["group"] = identity
        changes.append("no group: a group of its own")


def _find(record: Record, part: str, columns: Mapping[str, str]) -> object:
    if part in columns:
        return _at(record, columns[part])
    nested = record.get("metadata")
    for place in (record, nested if isinstance(nested, dict) else {}):
        for name in _PLACES[part]:
            value = place.get(name)
            if isinstance(value, str | int | float | date) and value != "":
                return value
    return None


def _at(record: Record, path: str) -> Any:
    value: Any = record
    for key in [path] if path in record else path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


# --- labels -------------------------------------------------------------------------------------


def labelled(record: Record, columns: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The shape of a row of ours or of a flat record, and its labels as they come."""
    if isinstance(record.get("digest"), dict):
        return "rows", record["digest"]
    return "columns", _labels(record, columns)


def _labels(record: Record, columns: Mapping[str, str]) -> dict[str, Any]:
    """The label columns of a flat record; a list in a cell is JSON or divided by semicolons."""
    found = {}
    for name in FIELDS:
        places = [columns.get(_LABEL + name, _LABEL + name)]
        if name != "title":  # that is the document's
            places.append(name)
        value = next((v for place in places if (v := _at(record, place)) is not None), None)
        if value is not None:
            found[name] = _cell(value) if name in LIST_FIELDS else value
    return found


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return [entry for part in value.split(";") if (entry := part.strip())]


def _answer(record: Record, shape: str) -> dict[str, Any]:
    """The labels of a record whose answer is one JSON object, written out or not."""
    value: Any
    if shape == "rows":
        value = record["digest"]
    elif shape == "messages":
        value = next((t for who, t in reversed(_turns(record)) if who == "assistant"), None)
    elif shape == "alpaca":
        value = record["output"]
    else:
        value = record["completion"]
        if isinstance(value, list):
            value = next((text for _, text in _turns({"messages": value})), None)
    if isinstance(value, str):
        text = re.sub(r"^\s*```\w*\n|\n```\s*$", "", value)
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ValueError("the answer is not JSON") from error
    if not isinstance(value, dict):
        raise ValueError("the answer is not a JSON object")
    return value


def _limit(name: str) -> int:
    """The contract's maximum length of a list field."""
    meta = DigestFields.model_fields[name].annotation.__args__[0].__metadata__  # type: ignore[union-attr]
    return next(m.max_length for info in meta for m in info.metadata if isinstance(m, MaxLen))


LIMITS: dict[str, int] = {name: _limit(name) for name in LIST_FIELDS}


def mend(labels: Mapping[str, Any], changes: list[str]) -> DigestFields:
    """Labels as the contract wants them: long lists clipped, most important entries first;
    what else breaks the contract is left out, field by field.
    """
    changes += [f"{name}: no field of ours, left out" for name in labels if name not in FIELDS]
    given: dict[str, Any] = {}
    for name in FIELDS:
        value = labels.get(name)
        if value is None:
            continue
        if isinstance(value, list) and len(value) > LIMITS.get(name, len(value)):
            value = value[: LIMITS[name]]
            changes.append(f"{name}: list clipped to {LIMITS[name]}")
        given[name] = _integer(value) if name == "relevance_score" else value
    digest = _sound(given, changes)
    for name, value in digest.as_dict().items():
        if value != given[name]:
            changes.append(f"{name}: blanks, repetitions or case tidied")
    return digest


def _sound(given: Mapping[str, Any], changes: list[str]) -> DigestFields:
    """The labels that keep the contract, asked of all at once, and singly only if one does not."""
    if not given:
        return DigestFields()
    try:
        return validate(given, tuple(given))
    except InvalidAnswer:
        kept: dict[str, Any] = {}
    for name, value in given.items():
        try:
            kept[name] = getattr(validate({name: value}, (name,)), name)
        except InvalidAnswer as error:
            changes.append(f"{name}: left out, {str(error).partition(': ')[2] or error}")
    return DigestFields(**kept)


def _integer(value: object) -> object:
    """Scores come as 7, 7.0 and "7"."""
    try:
        return int(number) if (number := float(str(value))).is_integer() else value
    except (ValueError, OverflowError):
        return value


# --- prompts ------------------------------------------------------------------------------------

_ROLES = {"human": "user", "gpt": "assistant", "model": "assistant", "bot": "assistant"}
_HEADING = re.compile(r"# (?P<title>[^\n]*)\n\s*(?P<text>.*)", re.DOTALL)
_NAMED = re.compile(
    r"(?:title|headline|subject)\s*:[ \t]*(?P<title>[^\n]*)\n\s*"
    r"(?:content|text|body|article|story)\s*:\s*(?P<text>.*)",
    re.DOTALL | re.IGNORECASE,
)


def _turns(record: Record) -> list[tuple[str, str]]:
    turns = record.get("messages", record.get("conversations"))
    found = []
    for turn in turns if isinstance(turns, list) else ():
        if isinstance(turn, dict):
            who = str(turn.get("role", turn.get("from", "")))
            said = turn.get("content", turn.get("value", ""))
            found.append((_ROLES.get(who, who), said if isinstance(said, str) else ""))
    return found


def _prompt(record: Record) -> str:
    """What the model is asked in a record; empty where there is no question."""
    if turns := _turns(record):
        return next((text for who, text in reversed(turns) if who == "user"), "")
    if "instruction" in record:
        return str(record.get("input") or record["instruction"])
    asked = record.get("prompt", "")
    if isinstance(asked, list):
        return _prompt({"messages": asked})
    return str(asked)


def _article(prompt: str) -> tuple[str, str]:
    """Title and text of a document that is written out in a prompt."""
    found = _HEADING.fullmatch(prompt.strip()) or _NAMED.fullmatch(prompt.strip())
    return (found["title"].strip(), found["text"]) if found else ("", prompt.strip())


def _stripper(prompts: Iterable[str]) -> Callable[[str], str]:
    """A function that takes the instructions off a prompt: what all prompts begin and end with,
    in whole lines (or up to a colon, where the document begins on the same line).
    """
    distinct = sorted(set(prompts))
    if len(distinct) < _ENOUGH:
        return str
    before = commonprefix(distinct)  # noqa: RUF071 - of any strings, by character
    before = before[: before.rfind("\n") + 1 or before.rfind(": ") + 1]
    after = commonprefix([p[::-1] for p in distinct])[::-1]  # noqa: RUF071
    after = after[after.find("\n") :] if "\n" in after else ""
    return lambda prompt: prompt.removeprefix(before).removesuffix(after)

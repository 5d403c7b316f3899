"""Tables for spreadsheets: CSV whose cells are text and nothing else."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what could begin one.

    White space before it does not hide it. Numbers of ours, which are no text, stay as they are.
    """
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("\0", "")
    return f"'{text}" if text.startswith(_ACTIVE) or text.lstrip().startswith(_ACTIVE) else text


def write(stream: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """RFC 4180, every cell quoted, so that no separator of any country cuts one in two."""
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        value = (row.get(name, "") for name in columns)
        writer.writerow([neutral(one) for one in value])

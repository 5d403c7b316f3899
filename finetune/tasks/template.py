"""The task `template`: to fill in a template, from the columns of a file.

    ### title: {title} ### description: {text}              names in single braces
    ### title: {{ title | upper }} ### {% if ... %}...      or Jinja, told by `{{` or `{%`
    ### title: {title} ### description: {generate}{text}    what comes after the mark is generated

A name is a column of the file, or a part of a row (`title`, `text`, ...) under any of its usual
names. With the mark, the loss is taken on what comes after it; without one, on everything, and
what is generated is the last name's value. Templates run in Jinja's sandbox, values are never
templates themselves, and control tokens in them are read as text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from string import Formatter
from typing import Any

from digest.cutting import shorten
from digest.errors import ConfigError
from digest.model.modelfile import Modelfile
from digest.prompt import user
from digest.schema import Row
from finetune.config import Data
from finetune.data import containers, formats
from finetune.data.encoding import Example, Tokenizer
from finetune.export import modelfile
from finetune.tasks.base import Examples, Given, Sample, Trainable
from finetune.tasks.examples import Shuffled, end, fit

MARK = "generate"
_CUT, _HERE = "\ue000", "\ue001"  # private characters: no template writes them


class Template:
    """A template and the columns that it names."""

    name = "template"

    def __init__(self, source: str, how: Data) -> None:
        from jinja2 import StrictUndefined, TemplateError, nodes
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        self._length = how.length
        room = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
        try:
            text = jinja(source)
            tree = room.parse(text)
            self._made: Any = room.from_string(text)
        except (TemplateError, ValueError) as error:
            raise ConfigError(f"the template is no template: {error}") from error
        set_here = {n.name for n in tree.find_all(nodes.Name) if n.ctx == "store"}
        read = [n.name for n in tree.find_all(nodes.Name) if n.ctx == "load"]
        named = [n for n in dict.fromkeys(read) if n not in set_here and n not in room.globals]
        self._marked = MARK in named
        if not named or named == [MARK]:
            raise ConfigError(
                "the template names no column; write it like '### title: {title} ### {text}'"
            )
        at = named.index(MARK) if self._marked else len(named) - 1
        self.asked = tuple(named[:at])  # the names that a prompt is made of
        self.names = tuple(name for name in named if name != MARK)

    def fill(self, values: Mapping[str, str]) -> tuple[str, str]:
        """What is given and what is learnt; values that are missing raise ConfigError.

        Blanks before the answer belong to it: words begin with theirs in most vocabularies.
        """
        before, mark, after = self._render(values, _CUT).partition(_CUT)
        if not mark:
            return "", before
        given = before.rstrip(" ")
        return given, before[len(given) :] + after.replace(_CUT, "")

    def read(self, how: Data, report: formats.ReadReport) -> Iterator[Row]:
        """JSON lines, a JSON array, CSV or Parquet with the columns that the template names."""
        report.container, numbered = containers.records(how.rows)
        return formats.counted(numbered, report, partial(self._rows, how.columns))

    def epoch(self, rows: Sequence[Row], tokenizer: Tokenizer, seed: int) -> Examples:
        """Every row once."""
        return Shuffled(rows, lambda row: [self._example(row, tokenizer)], seed)

    def fixed(self, rows: Sequence[Row], tokenizer: Tokenizer) -> list[Example]:
        """The same."""
        return [self._example(row, tokenizer) for row in rows]

    def examine(
        self, learner: Trainable, rows: Sequence[Row], tokenizer: Tokenizer
    ) -> dict[str, float]:
        """How well the model expects what it is to generate."""
        return fit(learner, self.fixed(rows, tokenizer))

    def described(self, rows: Sequence[Row]) -> Iterator[str]:
        """How long the columns are."""
        yield f"given: {', '.join(self.asked) or 'nothing'}; learnt: " + (
            "what comes after the mark" if self._marked else "everything"
        )
        for name in self.names:
            lengths = [len(row.values[name]) for row in rows if isinstance(row, Sample)]
            if lengths:
                yield (
                    f"  {name}: {median(lengths):.0f} characters in the middle, {max(lengths)} "
                    "at most"
                )

    def prompt(self, given: Given) -> str:
        """The template up to what is generated."""
        values = dict(given)
        if "prompt" in values and len(self.asked) == 1:
            values.setdefault(self.asked[0], values["prompt"])
        if missing := [name for name in self.asked if name not in values]:
            raise ConfigError(
                f"the template needs {', '.join(missing)}; give each with --set NAME=VALUE"
            )
        return self._before({name: values[name] for name in self.asked}).rstrip(" ")

    def modelfile(self, folder: Path, source: str, adapter: str = "") -> Modelfile:
        """The template around the prompt, where it needs one value; else the bare prompt."""
        before = after = ""
        if len(self.asked) == 1:
            parts = self._before({self.asked[0]: _HERE}).rstrip(" ").split(_HERE)
            if len(parts) == 2:  # the value stands in it once, as it is
                before, after = parts
        return modelfile.raw(folder, source, adapter, before, after)

    def _before(self, values: Mapping[str, str]) -> str:
        """The template up to what is generated: up to the mark, or to the last name's value."""
        given = {name: values.get(name, _CUT) for name in self.names}
        return self._render(given, _CUT).partition(_CUT)[0]

    def _render(self, values: Mapping[str, str], mark: str) -> str:
        from jinja2 import TemplateError

        safe = {name: user("", value) for name, value in values.items()}
        try:
            return str(self._made.render(safe | {MARK: mark}))
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise ConfigError(f"the template cannot be filled in: {error}") from error

    def _rows(
        self,
        columns: Mapping[str, str],
        record: containers.Record,
        number: int,
        changes: list[str],
    ) -> Iterator[tuple[str, Sample]]:
        found = formats.parts(record, columns)
        values = {
            name: str(record[name] if name in record else found.get(name, ""))
            for name in self.names
        }
        if empty := [name for name, value in values.items() if not value.strip()]:
            raise ValueError(f"no {empty[0]}")
        formats.identify(found, number, changes)
        whole = {"text": "".join(self.fill(values)), "values": values}
        yield "template", Sample.model_validate(found | whole)

    def _example(self, row: Row, tokenizer: Tokenizer) -> Example:
        """Each value takes its share of the length at most: head and tail are kept."""
        values, lost = {}, 0
        share = self._length // len(self.names)
        for name, value in (row.values if isinstance(row, Sample) else {}).items():
            values[name], cut = shorten(value, share, lambda part: len(tokenizer.plain(part)))
            lost += cut
        given, learnt = self.fill(values)
        prompt = tuple(tokenizer.prompt(given)) or end(tokenizer)
        answer = (*tokenizer.prompt(learnt), *end(tokenizer))
        return Example(row.id, (), prompt, answer, lost)


def jinja(source: str) -> str:
    """A template with names in single braces as one of Jinja; one of Jinja as it is."""
    if re.search(r"\{[{%]", source):
        return source
    out = ""
    for text, name, spec, conversion in Formatter().parse(source):
        out += text
        if name is not None:
            if not name.isidentifier() or spec or conversion:
                raise ValueError(f"{{{name}}} is no name; write {{name}}, or Jinja's {{{{ ... }}}}")
            out += f"{{{{ {name} }}}}"
    return out

"""The digest contract, defined once.

`DigestFields` is the definition. The prompt, the decoding grammar, the validator, the dataset
row, the metrics and the MCP output schema are all derived from it; no other module may name a
limit. A subset of the fields is asked for by name and always written in the order below.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from digest.errors import ConfigError, InvalidAnswer

Title = Annotated[
    str,
    Field(
        min_length=3,
        max_length=120,
        description="headline: the author's own where it states the story, else a sentence of it",
    ),
]
Summary = Annotated[
    str,
    Field(
        min_length=10,
        max_length=1000,
        description="what happened, why it matters or what to do: sentences of the text",
    ),
]
Highlight = Annotated[str, Field(min_length=1, max_length=240)]
Highlights = Annotated[
    list[Highlight], Field(max_length=6, description="further sentences of the text, one fact each")
]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Names = Annotated[
    list[Name],
    Field(max_length=12, description="named entities as spelled in the text, most important first"),
]
Domain = Annotated[str, Field(min_length=1, max_length=40)]
Domains = Annotated[list[Domain], Field(max_length=4, description="content domains, lower case")]
Relevance = Annotated[
    int, Field(ge=1, le=10, description="to a reader who follows AI and technology")
]
Insight = Annotated[str, Field(min_length=1, max_length=60)]
Insights = Annotated[list[Insight], Field(max_length=8, description="short Title Case theme tags")]
Companies = Annotated[
    list[Name], Field(max_length=12, description="organisations that act in the story")
]


class DigestFields(BaseModel):
    """What the model says of one item. A field that was not asked for is None."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Title | None = None
    summary: Summary | None = None
    highlights: Highlights | None = None
    names: Names | None = None
    domains: Domains | None = None
    relevance_score: Relevance | None = None
    key_insights: Insights | None = None
    company_names: Companies | None = None

    def asked(self) -> tuple[str, ...]:
        """Names of the fields that are present, in contract order."""
        return tuple(name for name in FIELDS if getattr(self, name) is not None)

    def as_dict(self) -> dict[str, Any]:
        """The present fields in contract order."""
        return {name: getattr(self, name) for name in self.asked()}

    def to_json(self) -> str:
        """Compact JSON, one object, keys in contract order: exactly what a model must answer."""
        return json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":"))


FIELDS: tuple[str, ...] = tuple(DigestFields.model_fields)
LIST_FIELDS: tuple[str, ...] = tuple(
    name
    for name, info in DigestFields.model_fields.items()
    if TypeAdapter(get_args(info.annotation)[0]).json_schema()["type"] == "array"
)


def select(fields: Iterable[str] | str | None = None) -> tuple[str, ...]:
    """Normalise an ask: names or a comma-separated string -> names in contract order.

    None means all. Raises ConfigError for an unknown name or an empty ask.
    """
    if fields is None:
        return FIELDS
    names = fields.split(",") if isinstance(fields, str) else list(fields)
    wanted = {name.strip() for name in names if name.strip()}
    unknown = sorted(wanted - set(FIELDS))
    if unknown:
        raise ConfigError(f"unknown field {unknown[0]!r}; the fields are {', '.join(FIELDS)}")
    if not wanted:
        raise ConfigError("no field was asked for")
    return tuple(name for name in FIELDS if name in wanted)


def json_schema(fields: Sequence[str] = FIELDS) -> dict[str, Any]:
    """Flat JSON schema of a subset: required = all asked, in reading order, nothing else.

    No $ref, pattern, anyOf or format: decoders differ on those.
    """
    properties = {}
    for name in select(fields):
        kind, *_ = get_args(DigestFields.model_fields[name].annotation)
        properties[name] = TypeAdapter(kind).json_schema()
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse(answer: str, fields: Sequence[str] = FIELDS) -> DigestFields:
    """Validate a model's answer against the asked subset.

    Whitespace at the ends of strings, empty and repeated list entries, and the case of domains
    are mended; everything else that breaks the contract raises InvalidAnswer.
    """
    try:
        value = json.loads(answer)
    except json.JSONDecodeError as error:
        raise InvalidAnswer(f"not JSON: {error}") from error
    return validate(value, fields)


def validate(value: object, fields: Sequence[str] = FIELDS) -> DigestFields:
    """Like `parse`, for an object that is already decoded."""
    if not isinstance(value, dict):
        raise InvalidAnswer(f"not an object but {type(value).__name__}")
    asked = select(fields)
    if set(value) != set(asked):
        wrong = sorted(set(value) ^ set(asked))
        raise InvalidAnswer(f"keys differ from the ask at {', '.join(map(str, wrong))}")
    try:
        digest = DigestFields.model_validate(
            {name: _mend(name, value[name]) for name in asked}, strict=True
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidAnswer(f"{where}: {first['msg']}") from error
    if digest.asked() != asked:  # a JSON null
        raise InvalidAnswer(f"null in {', '.join(sorted(set(asked) - set(digest.asked())))}")
    return digest


def _mend(name: str, value: object) -> object:
    if isinstance(value, str):
        return value.strip()
    if not isinstance(value, list):
        return value
    seen: dict[str, object] = {}
    for entry in value:
        if not isinstance(entry, str):
            return value
        clean = entry.strip().lower() if name == "domains" else entry.strip()
        if clean:
            seen.setdefault(clean.casefold(), clean)
    return list(seen.values())


class Row(BaseModel):
    """One dataset row (a line of JSONL).

    `group` is the newsletter issue, or the story for translations: a group never crosses a
    split. `digest` holds only the fields that are labelled.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    group: str
    kind: str = "news"  # newsletter, blog, news or social in our own sets
    lang: str = "en"
    title: str = ""
    text: str
    date: str | None = None
    source: str = ""
    url: str | None = None
    licence: str = ""
    digest: DigestFields

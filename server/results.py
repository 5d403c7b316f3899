"""What the tools answer. The JSON schemas that clients see are made from these."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from digest import schema
from digest.records import StatementField, Status
from server import boundary

Next = Annotated[str, Field(description="pass alone as cursor")]


def _any_fields() -> dict[str, Any]:
    """The digest contract with no field required, and without words about how to fill it."""
    contract = {name: value for name, value in schema.json_schema().items() if name != "required"}
    contract["properties"] = {
        name: {key: value for key, value in one.items() if key != "description"}
        for name, one in contract["properties"].items()
    }
    return contract


AnyFields = Annotated[dict[str, Any], WithJsonSchema(_any_fields())]


class Answer(BaseModel):
    """Any tool's answer."""

    model_config = ConfigDict(extra="forbid")


class Quoting(Answer):
    """An answer that quotes what others wrote, and says so first."""

    notice: str = boundary.NOTICE


class Entry(BaseModel):
    """An item in a list."""

    id: str
    kind: str
    title: str


class DocumentEntry(BaseModel):
    """A document without its body."""

    id: str
    source: str
    publisher: str
    title: str
    published: str
    url: str
    items: list[Entry] = []
    items_left_out: int = 0


class Reading(BaseModel):
    """What was read."""

    new: int
    known: int
    skipped: int


class Newsletters(Quoting):
    """Answer of `fetch_newsletters`."""

    documents: list[DocumentEntry]
    read: Reading | None = None
    problems: list[str] = []
    note: str = ""
    next_cursor: Next = ""


class ItemText(Quoting):
    """Answer of `read_item`."""

    id: str
    kind: str
    title: str
    publisher: str
    published: str
    url: str
    text: str
    digest: dict[str, Any] = {}
    next_cursor: Next = ""


class Provenance(BaseModel):
    """How it was made."""

    engine: str
    model: str
    tokens_in: int
    tokens_out: int
    tokens_cut: int
    degraded: str = ""  # why this is not the model's full answer
    language: str = ""
    dropped: list[str] = []  # names and themes that the text does not give
    addressed_to_machine: int = 0


class Statement(BaseModel):
    """What it rests on."""

    field: StatementField
    statement: str
    status: Status
    where: Literal["title", "text"]
    start: int
    end: int


class Analysis(Quoting):
    """Answer of `analyze_article`."""

    title: str
    url: str
    digest: AnyFields
    evidence: list[Statement]
    provenance: Provenance


class Counts(BaseModel):
    """What a report tells of."""

    documents: int
    items: int
    below_minimum: int
    skipped: int
    degraded: int


class BuiltReport(Quoting):
    """Answer of `build_report`."""

    report: str = ""
    uri: str = ""
    title: str = ""
    note: Annotated[str, Field(description="why there is no report, or what is left")] = ""
    markdown: str = ""
    counts: Counts | None = None
    engine: str = ""
    engine_note: str = ""
    next_cursor: Next = ""


class Delivery(BaseModel):
    """What became of one report at one sink."""

    sink: str
    state: Literal["delivered", "already_delivered", "failed", "declined"]
    target: str = ""
    error: str = ""


class Deliveries(Answer):
    """Answer of `deliver_report`."""

    report: str
    deliveries: list[Delivery]


class Rating(Answer):
    """Answer of `rate_story`."""

    item: str
    change: Literal["rated", "changed", "undone"]


class Proposal(Answer):
    """Answer of `propose_source`."""

    added: bool
    command: Annotated[str, Field(description="for the user to run")] = ""


class Result(BaseModel):
    """One item found, with what its digest says."""

    id: str
    kind: str
    title: str
    text: Annotated[str, Field(description="summary, or beginning of an undigested text")]
    relevance_score: int | None = None
    domains: list[str] = []
    names: list[str] = []
    company_names: list[str] = []
    publisher: str
    published: str
    url: str


class Results(Quoting):
    """Answer of `search_digests`."""

    results: list[Result]
    next_cursor: Next = ""


class SourceEntry(BaseModel):
    """A source and what was read of it."""

    source: str
    documents: int = 0
    newest: str = ""
    problem: str = ""


class Sources(Answer):
    """Answer of `list_sources`."""

    sources: list[SourceEntry]
    sinks: list[str]
    since: Annotated[str, Field(description="default period")]

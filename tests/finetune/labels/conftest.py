"""A chat service, documents to label, and rows to review."""

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from digest.schema import DigestFields
from finetune.labels.agreement import agreement
from finetune.labels.labelled import Labelled, Made, Other

_spec = importlib.util.spec_from_file_location(
    "chat_service", Path(__file__).with_name("chat_service.py")
)
assert _spec and _spec.loader
chat_service = importlib.util.module_from_spec(_spec)
sys.modules["chat_service"] = chat_service
_spec.loader.exec_module(chat_service)

TOWNS = ("Ghent", "Porto", "Turku", "Graz", "Lyon", "Cork", "Bari", "Brno")


def told(number: int) -> str:
    town = TOWNS[number % len(TOWNS)]
    return (
        f"Acme Corp opened chip plant number {number} in {town} on Monday. The plant makes memory "
        f"for {number + 3} customers and cost {number + 1} million euros. Mayor Ines Roth said "
        "that the town had waited nine years for it. Acme will hire two hundred people by spring."
    )


def document(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"d{number}",
        "group": f"g{number}",
        "title": f"Plant {number} opens in {TOWNS[number % len(TOWNS)]}",
        "text": told(number),
        "source": "The Plain Paper",
        "licence": "CC0-1.0",
        "date": f"2026-03-{number % 28 + 1:02}",
        **more,
    }


@pytest.fixture
def documents(tmp_path: Path) -> Callable[..., Path]:
    """(rows) or (count) -> a file of them."""

    def make(rows: int | list[dict[str, Any]]) -> Path:
        found = [document(n) for n in range(rows)] if isinstance(rows, int) else rows
        path = tmp_path / "docs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
        return path

    return make


@pytest.fixture
def service() -> Iterator[Any]:
    running = chat_service.ChatService()
    yield running
    running.stop()


@pytest.fixture
def other_service() -> Iterator[Any]:
    running = chat_service.ChatService()
    yield running
    running.stop()


@pytest.fixture
def digest() -> Callable[..., Result]:
    """(verb, arguments...) -> the result of `digest finetune verb ...`."""
    from cli.main import main

    def run(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["finetune", *map(str, arguments)])
        if result.exit_code != code:
            raise AssertionError(f"{result.exit_code}: {result.output}") from result.exception
        return result

    return run


def labelled(number: int, **more: Any) -> Labelled:
    """A row whose two teachers agree the less the higher its number."""
    row = document(number)
    one = DigestFields(
        title=f"Acme opens plant {number}",
        summary=f"Acme opened plant {number} and will hire two hundred people by spring.",
        highlights=["It cost millions.", "The mayor waited nine years."],
        names=["Acme Corp", "Ines Roth"],
        relevance_score=9,
    )
    other = one.model_copy(update={"relevance_score": 9 - number, "names": ["Acme Corp"]})
    made = Made(
        teacher="big",
        agreement=agreement([one, other]),
        others=(Other(teacher="small", digest=other),),
    )
    return Labelled.model_validate({**row, "digest": one, "made": made} | more)


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(labelled(number).line() for number in range(4)))
    return path

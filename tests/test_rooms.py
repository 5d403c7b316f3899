"""What holds of all rooms at once: no import runs in a circle, no file holds two ideas."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
LONGEST = 400  # lines of a file


@pytest.fixture(scope="module")
def house() -> ModuleType:
    """docs/rooms.py, which is a script beside the page that it draws for."""
    spec = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def edges(house: ModuleType) -> dict[str, set[str]]:
    found: dict[str, set[str]] = house.graph()
    return found


def test_no_module_imports_itself_through_others_not_even_lazily(house, edges):
    assert house.circles(edges) == []


def test_a_circle_is_found_where_there_is_one(house):
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"f"}, "f": {"e"}}
    assert house.circles(edges) == [["b", "c"], ["e", "f"]]


def test_imports_in_functions_and_modules_named_in_tables_are_seen(edges):
    assert "cli.run" in edges["cli.main"], "named in VERBS"
    assert "integrations.sources.gmail" in edges["integrations"], "named in the table of kinds"
    assert "finetune.tasks.text" in edges["finetune.tasks.registry"], "imported in a function"


def test_every_file_can_be_read_in_one_sitting(house):
    lengths = {
        name: len(path.read_text("utf-8").splitlines()) for name, path in house.modules().items()
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_page_is_in_the_index_and_every_link_leads_somewhere():
    index = (ROOT / "docs/index.md").read_text("utf-8")
    pages = {path for path in (ROOT / "docs").rglob("*.md") if path.name != "index.md"}
    assert {p.name for p in pages if f"({p.relative_to(ROOT / 'docs')})" not in index} == set()
    for page in (*pages, *ROOT.glob("*.md"), ROOT / "docs/index.md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"

"""What tests of the core share: digests to try, and the model where its weights are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from digest.protocols import Engine
from digest.schema import FIELDS, DigestFields, json_schema

# A busy machine is no fault of the code: pytest-timeout bounds each test as a whole.
settings.register_profile("digest", deadline=None)
settings.load_profile("digest")


def _value(schema: dict[str, object]) -> st.SearchStrategy[object]:
    match schema:
        case {"type": "string", "minLength": int(least), "maxLength": int(most)}:
            character = st.characters(exclude_categories=["Cs"])
            return st.text(character, min_size=least, max_size=most)
        case {"type": "integer", "minimum": int(least), "maximum": int(most)}:
            return st.integers(least, most)
        case {"type": "array", "items": dict(items), "maxItems": int(most)}:
            return st.lists(_value(items), max_size=most)
    raise AssertionError(schema)


@st.composite
def digests(draw: st.DrawFn) -> DigestFields:
    """Any digest of any subset of the fields that the contract allows."""
    fields = draw(st.sets(st.sampled_from(FIELDS), min_size=1))
    schemas = json_schema(list(fields))["properties"]
    return DigestFields(**{name: draw(_value(schemas[name])) for name in fields})


st.register_type_strategy(DigestFields, digests())


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with data beside the repository."""
    folder = Path(__file__).parents[2].parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder.name} folder beside the repository")
    return folder


@pytest.fixture(scope="session")
def model() -> Iterator[Engine]:
    """The embedded engine on what weights the cache has."""
    from digest.engines.embedded import EmbeddedEngine
    from digest.errors import EngineUnavailable

    try:
        engine = EmbeddedEngine(slots=4)
    except EngineUnavailable as error:
        pytest.skip(str(error))
    yield engine
    engine.close()

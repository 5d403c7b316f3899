import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Test folders are no packages, so a helper beside the tests is loaded by its path.
_spec = importlib.util.spec_from_file_location(
    "local_http", Path(__file__).with_name("local_http.py")
)
assert _spec and _spec.loader
local_http = importlib.util.module_from_spec(_spec)
sys.modules["local_http"] = local_http
_spec.loader.exec_module(local_http)


@pytest.fixture
def loopback_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of a test plays the internet: content may lead to it."""
    from integrations.http import guard

    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Any]:
    with local_http.serve() as state:
        yield state

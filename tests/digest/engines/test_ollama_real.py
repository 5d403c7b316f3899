"""The engine over a real Ollama server: `make ollama DIGEST_OLLAMA=host:port`."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from digest.engines import own_prompt
from digest.engines.ollama import OllamaEngine
from digest.errors import EngineUnavailable
from digest.grammar import answer_budget
from digest.model import install
from digest.model import weights as cached
from digest.model.modelfile import Modelfile
from digest.prompt import chatml, messages
from digest.protocols import Ask
from digest.schema import FIELDS, parse
from digest.settings import OllamaSettings

HOST = os.environ.get("DIGEST_OLLAMA", "")
NAME = "digest-test-engine"
TEXT = "The council of Arnhult voted on Tuesday to buy the old mill. Work begins in spring. "
TEMPLATE = "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"

pytestmark = pytest.mark.skipif(not HOST, reason="DIGEST_OLLAMA names no server")


@pytest.fixture(scope="module")
def name() -> Iterator[str]:
    """The base model under a name of its own, not marked as Digest's."""
    path = cached.base_weights()
    made = Modelfile(path.name, TEMPLATE + chatml([]), parameters={"stop": ["<|im_end|>"]})
    install.create(made, path.parent, NAME, f"http://{HOST}", str)
    yield NAME
    httpx.request("DELETE", f"http://{HOST}/api/delete", json={"model": NAME})


@pytest.fixture
def engine(name: str) -> Iterator[OllamaEngine]:
    opened = OllamaEngine(OllamaSettings(host=f"http://{HOST}", model=name))
    yield opened
    opened.close()


def ask(text: str = TEXT, tokens: int = 0, **more: Any) -> Ask:
    given = Ask(messages("A mill", text), FIELDS, tokens or answer_budget())
    return replace(given, **more)


def test_an_answer_keeps_the_schema_and_has_a_score(engine: OllamaEngine) -> None:
    (answer,) = engine.answer([ask(fields=("names", "relevance_score"))])
    assert answer.finish == "stop", answer
    assert parse(answer.text, ("names", "relevance_score"))
    assert answer.tokens_in > 20 and answer.tokens_out > 5


def test_what_is_too_long_is_refused_and_not_cut(engine: OllamaEngine) -> None:
    (answer,) = engine.answer([ask(TEXT * 400)])
    assert answer.finish == "error"
    assert "context" in answer.error


def test_a_small_budget_is_a_cut(engine: OllamaEngine) -> None:
    (answer,) = engine.answer([ask(tokens=8)])
    assert answer.finish == "length"


def test_a_model_of_others_chooses(engine: OllamaEngine) -> None:
    assert engine.chooses
    story = [part.strip() + "." for part in TEXT.split(".") if part.strip()]
    asked = own_prompt.question("", story, FIELDS, room=engine.context, count=engine.count)
    (answer,) = engine.answer([asked.ask])
    choice = own_prompt.read(asked, answer, story)
    assert "summary" not in choice.missing, answer


def test_a_missing_model_has_its_hint() -> None:
    with pytest.raises(EngineUnavailable, match="ollama pull digest-test-nobody"):
        OllamaEngine(OllamaSettings(host=f"http://{HOST}", model="digest-test-nobody"))


def test_a_broken_schema_ends_alone(engine: OllamaEngine) -> None:
    wrong = {"type": "object", "properties": {"n": {"type": "banana"}}, "required": ["n"]}
    good = ask(fields=("names",))
    answers = {a.index: a for a in engine.answer([replace(good, schema=wrong), good])}
    assert answers[0].finish == "error" and answers[0].error
    assert json.loads(answers[1].text)

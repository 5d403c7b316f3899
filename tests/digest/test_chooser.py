"""Items before a model that is not Digest's own: the story's sentences, chosen by number."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from digest.analyze import analyze
from digest.engines.ollama import OllamaEngine
from digest.records import Digest, Item
from digest.settings import OllamaSettings

TEXT = (
    "Good morning, and thank you for reading!\n\n"
    "The council of Arnhult voted on Tuesday to buy the old mill for 310,000 euros. It was built "
    "in 1908 and stood empty for eleven years.\n\n"
    "Mayor Maja Lind said the roof may have to be replaced first, which takes until autumn.\n\n"
    "Borsta Robotics, which rents the yard, will stay until 2030. Residents collected 900 "
    "signatures against the purchase.\n\n"
    "The regional museum has offered to lend three machines for an exhibition in the hall."
)
ITEM = Item("d", 0, "story", "A mill for the town", TEXT)


@pytest.fixture
def answers(double: Any, ollama_double: Any) -> Iterator[dict[str, Any]]:
    """What the model will say, by field; sentences by how they begin."""
    double.models["qwen3:4b"] = ollama_double.shown(ours=False)
    said: dict[str, Any] = {}

    def reply(number: int, body: dict[str, Any]) -> Any:
        answer = json.loads(ollama_double.composed(body))
        return ollama_double.stream(json.dumps(answer | said))

    double.chat = reply
    yield said


def digest(double: Any, item: Item = ITEM, **more: Any) -> Digest:
    engine = OllamaEngine(OllamaSettings(host=double.host, model="qwen3:4b", threads=1, **more))
    ((_, made),) = analyze([item], engine)
    engine.close()
    return made


def number(double: Any, beginning: str) -> int:
    """The number under which a sentence was offered."""
    user = double.requests[-1]["messages"][-1]["content"]
    (line,) = (line for line in user.splitlines() if f"] {beginning}" in line)
    return int(line[1 : line.index("]")])


def test_the_models_choice_is_shown_as_the_storys_own_words(
    double: Any, answers: dict[str, Any]
) -> None:
    digest(double)  # to learn the numbers
    assert "Good morning" not in double.requests[-1]["messages"][-1]["content"]
    answers["summary"] = [number(double, "Residents")]
    answers["highlights"] = [number(double, "Mayor"), number(double, "The regional")]
    answers["names"] = ["Maja Lind", "Nobody Known"]
    made = digest(double)
    assert made.fields.summary == "Residents collected 900 signatures against the purchase."
    assert made.fields.highlights is not None and made.fields.highlights[0].startswith("Mayor Maja")
    assert made.fields.names == ["Maja Lind"]
    assert {one.status for one in made.evidence} <= {"quoted", "shortened"}
    for one in made.evidence:
        assert one.statement in (ITEM.title if one.where == "title" else ITEM.text)
    how = made.provenance
    assert (how.prompt_version, how.degraded) == ("own-1", "")
    assert how.model.startswith("qwen3:4b@")


def test_what_leans_on_another_sentence_takes_it_along(
    double: Any, answers: dict[str, Any]
) -> None:
    digest(double)
    answers["summary"] = [number(double, "It was built")]
    summary = digest(double).fields.summary or ""
    assert summary.startswith("The council of Arnhult") and "It was built in 1908" in summary


@pytest.mark.parametrize("summary", [[], [99], "all", None, [{"sentences": [1]}]])
def test_without_a_valid_choice_the_rankers_stands(
    double: Any, answers: dict[str, Any], summary: Any
) -> None:
    answers["summary"] = summary
    answers["highlights"] = [1]
    made = digest(double)
    assert made.provenance.degraded == ""
    assert (made.fields.summary or "").startswith("The council of Arnhult")


def test_a_written_sentence_is_marked_and_rests_on_what_it_cites(
    double: Any, answers: dict[str, Any]
) -> None:
    digest(double)
    cited = [number(double, "Borsta"), number(double, "Residents")]
    said = (
        "Borsta Robotics will stay until 2030, and residents collected 900 signatures against the "
        "purchase."
    )
    answers["summary"] = [{"sentences": cited, "text": said}]
    answers["highlights"] = [
        {"sentences": [number(double, "Mayor")], "text": "The roof has to be replaced first."}
    ]
    made = digest(double, write=True)
    assert made.provenance.prompt_version == "own-1-written"
    assert made.fields.summary == said
    (one,) = (e for e in made.evidence if e.field == "summary")
    assert one.status == "written"
    assert ITEM.text[one.start : one.end].startswith("Borsta Robotics, which")
    assert ITEM.text[one.start : one.end].endswith("against the purchase.")
    # What the gates refuse gives way to the sentence itself, its doubt included.
    assert made.fields.highlights == [
        "Mayor Maja Lind said the roof may have to be replaced first, which takes until autumn."
    ]


def test_digests_of_different_models_are_kept_apart(double: Any, answers: dict[str, Any]) -> None:
    versions = {
        digest(double).provenance.prompt_version,
        digest(double, write=True).provenance.prompt_version,
    }
    assert len(versions) == 2


def test_an_unfinished_answer_is_asked_for_what_it_lacks(
    double: Any, answers: dict[str, Any]
) -> None:
    answers["relevance_score"] = 99
    made = digest(double)
    assert "relevance_score" in made.provenance.degraded
    first, again = double.requests[-2:]
    assert "names" in first["format"]["required"] and "names" not in again["format"]["required"]

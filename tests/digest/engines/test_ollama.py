"""The Ollama engine against a local server: shapes written here, and recorded exchanges."""

import importlib.util
import json
import math
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.engines import ollama, open_engine, open_or_degrade, own_prompt
from digest.engines.ollama import OllamaEngine
from digest.errors import EngineUnavailable
from digest.model.identity import identify
from digest.prompt import PROMPT_VERSION, Message, messages
from digest.protocols import Ask
from digest.schema import json_schema
from digest.settings import OllamaSettings, Settings

RECORDED = Path(__file__).parents[3].parent / "shared" / "reference" / "ollama-exchanges"

_spec = importlib.util.spec_from_file_location(
    "ollama_double", Path(__file__).parents[2] / "ollama_double.py"
)
assert _spec and _spec.loader
ollama_double = importlib.util.module_from_spec(_spec)
sys.modules["ollama_double"] = ollama_double
_spec.loader.exec_module(ollama_double)
Double, Reply, shown = ollama_double.Double, ollama_double.Reply, ollama_double.shown


def stream(text: str, **end: Any) -> Any:
    """The double's, of a short prompt."""
    return ollama_double.stream(text, **{"prompt_eval_count": 40, **end})


@pytest.fixture
def server() -> Iterator[Any]:
    yield from ollama_double.running()


@pytest.fixture
def engine(server: Any) -> Iterator[OllamaEngine]:
    opened = OllamaEngine(OllamaSettings(host=server.host, parallel=2, timeout=5, threads=1))
    yield opened
    opened.close()


ASK = Ask(messages("A title", "Some text."), ("title", "relevance_score"), 100)
GOOD = '{"title":"A title","relevance_score":3}'


def test_the_request_says_everything_that_ollama_would_guess(
    server: Any, engine: OllamaEngine
) -> None:
    server.chat = lambda n, body: stream(GOOD)
    (answer,) = engine.answer([ASK])
    assert (answer.text, answer.finish, answer.tokens_in, answer.tokens_out) == (
        GOOD,
        "stop",
        40,
        9,
    )
    (body,) = server.requests
    assert body["model"] == "digest"
    assert body["messages"] == ASK.messages
    assert body["format"] == json_schema(ASK.fields)
    assert list(body["format"]["properties"]) == list(ASK.fields)
    assert (body["truncate"], body["shift"], body["keep_alive"]) == (False, False, "5m")
    assert (body["logprobs"], body["top_logprobs"]) == (True, 12)
    options = {
        "num_ctx": 4096, "num_predict": 125,
        "temperature": 0, "repeat_penalty": 1.0, "num_thread": 1,
    }  # fmt: skip
    assert "think" not in body
    assert body["options"] == options


def test_the_score_is_the_median_of_what_the_model_holds_possible(
    server: Any, engine: OllamaEngine
) -> None:
    def likely(token: str, **masses: float) -> dict[str, Any]:
        top = [{"token": t[1:], "logprob": math.log(mass)} for t, mass in masses.items()]
        return {"token": token, "logprob": top[0]["logprob"] if top else 0.0, "top_logprobs": top}

    text = '{\n  "title": "A title",\n  "relevance_score": 9\n}'
    head, tail = text.split("9")
    lines = [
        {"message": {"content": piece}, "done": False, "logprobs": [said]}
        for piece, said in [
            (head, likely(head)),
            ("9", likely("9", t9=0.4, t7=0.3, t6=0.3)),
            (tail, likely(tail)),
        ]
    ]
    server.chat = lambda n, body: (200, [*lines, stream("")[1][-1]])
    (answer,) = engine.answer([ASK])
    assert json.loads(answer.text) == {"title": "A title", "relevance_score": 7}
    assert answer.finish == "stop"


def test_what_needs_no_probabilities_asks_for_none(server: Any, engine: OllamaEngine) -> None:
    server.chat = lambda n, body: stream('{"title":"A title"}')
    list(engine.answer([Ask(ASK.messages, ("title",), 100)]))
    assert "logprobs" not in server.requests[0]


def test_an_answer_without_end_is_asked_for_once_more(server: Any, engine: OllamaEngine) -> None:
    def said(number: int, body: dict[str, Any]) -> Any:
        return stream(GOOD[:-2], done_reason="length") if number == 1 else stream(GOOD)

    server.chat = said
    (answer,) = engine.answer([ASK])
    assert (answer.text, answer.finish, answer.tokens_out) == (GOOD, "stop", 18)
    first, again = (body["options"] for body in server.requests)
    assert again == first | {"repeat_penalty": 1.1, "repeat_last_n": 128}


def test_a_loop_is_not_listened_to_for_long(server: Any, engine: OllamaEngine) -> None:
    word = {"message": {"content": "the very same "}, "done": False}
    server.chat = lambda n, body: (200, [word] * 1000)
    (answer,) = engine.answer([ASK])
    assert (answer.finish, answer.tokens_out) == ("length", 64)  # 32 events each time
    assert len(server.requests) == 2


def test_the_model_is_known_by_its_manifest(engine: OllamaEngine) -> None:
    assert engine.model == "digest:latest@a98700d76533"


@pytest.mark.parametrize(
    ("reply", "finish", "error"),
    [
        (stream('{"title":"A', done_reason="length"), "length", ""),
        ((200, [{"message": {"content": '{"ti'}, "done": False}]), "later", "broke the answer off"),
        ((200, [{"message": {"content": "{"}}, {"error": "boom"}]), "later", "boom"),
        ((200, ["{not json"]), "later", "not JSON"),
        (stream(GOOD, done_reason="load"), "later", "'load'"),
        (stream(GOOD, prompt_eval_count=3), "error", "cut the prompt"),
        (stream('{"title":' + " \n" * 500), "error", "white space"),
        ((500, {"error": "runner has stopped"}), "later", "runner has stopped"),
        ((400, {"error": '{"error":{"code":400,"message":"too long"}}'}), "error", "too long"),
        ((405, "405 method not allowed"), "error", "not JSON"),
    ],
)
def test_every_bad_end_is_seen(
    server: Any, engine: OllamaEngine, reply: Any, finish: str, error: str
) -> None:
    server.chat = lambda n, body: reply
    long = Ask(messages("A title", "Some text. " * 10), ASK.fields, 100)
    (answer,) = engine.answer([long])
    assert answer.finish == finish
    assert error in answer.error
    assert bool(answer.error) == (finish != "length")


def test_a_busy_server_is_asked_again(server: Any, engine: OllamaEngine) -> None:
    server.chat = lambda n, body: stream(GOOD) if n > 2 else (503, {"error": "server busy"})
    (answer,) = engine.answer([ASK])
    assert answer.finish == "stop"
    assert len(server.requests) == 3


def test_no_more_at_once_than_allowed(server: Any, engine: OllamaEngine) -> None:
    def slow(number: int, body: dict[str, Any]) -> Any:
        time.sleep(0.05)
        return stream(GOOD)

    server.chat = slow
    answers = list(engine.answer([ASK] * 9))
    assert sorted(a.index for a in answers) == list(range(9))
    assert server.most_at_once == 2


def test_a_server_too_slow_is_no_answer(server: Any) -> None:
    engine = OllamaEngine(OllamaSettings(host=server.host, timeout=0.2))
    release = threading.Event()
    server.chat = lambda n, body: (release.wait(5), stream(GOOD))[1]
    (answer,) = engine.answer([ASK])
    release.set()
    assert (answer.finish, "no answer within" in answer.error) == ("later", True)
    engine.close()


@pytest.mark.parametrize("fault", ["dead", "broken off"])
def test_a_server_that_keeps_failing_is_not_asked_for_ever(
    server: Any, engine: OllamaEngine, fault: str
) -> None:
    server.faults = [fault] * 40
    with pytest.raises(EngineUnavailable, match=r"unexpectedly stopped|broke the answer off"):
        list(engine.answer([ASK] * 40))
    assert len(server.requests) < 10


def test_one_failing_among_good_answers_is_that_items_only(
    server: Any, engine: OllamaEngine
) -> None:
    server.faults = ["", "dead", "", "dead", "", ""]
    finishes = sorted(answer.finish for answer in engine.answer([ASK] * 6))
    assert finishes == ["later"] * 2 + ["stop"] * 4


def test_a_server_that_dies_in_the_middle_of_an_answer(server: Any, engine: OllamaEngine) -> None:
    server.faults = ["gone"]
    with pytest.raises(EngineUnavailable, match="went away"):
        list(engine.answer([ASK]))


class TestWhoseModelItIs:
    @pytest.mark.parametrize(
        ("told", "ours"),
        [
            (shown(), True),
            (shown(license=""), True),  # made before there was a mark: by template and system
            (shown(license="", template=shown()["template"].replace("{{-", "{{")), True),
            (shown(license="", system="You are a helpful assistant."), False),
            (shown(license="", template="{{ .Prompt }}"), False),
            (shown(ours=False), False),
            (shown(ours=False, system="digest: title,summary"), False),
            ({}, False),
        ],
    )
    def test_by_what_the_server_says(self, told: dict[str, Any], ours: bool) -> None:
        if ours and not told["license"] and PROMPT_VERSION != "1":
            assert identify(told).prompt == "1"
        else:
            assert identify(told).prompt == (PROMPT_VERSION if ours else "")

    def test_its_name_does_not_matter(self, server: Any) -> None:
        server.models = {"digest:latest": shown(ours=False), "mine:latest": shown()}
        for name, chooses in (("digest", True), ("mine", False)):
            engine = OllamaEngine(OllamaSettings(host=server.host, model=name))
            assert engine.chooses is chooses
            assert own_prompt.wanted(engine) is chooses
            assert engine.prompt_version == ("own-1" if chooses else PROMPT_VERSION)
            assert not engine.writes
            engine.close()

    def test_writing_is_the_users_to_allow(self, server: Any) -> None:
        server.models["qwen3:4b"] = shown(ours=False)
        settings = OllamaSettings(host=server.host, model="qwen3:4b", write=True)
        engine = OllamaEngine(settings)
        assert (engine.writes, engine.prompt_version) == (True, "own-1-written")
        engine.close()
        own = OllamaEngine(settings.model_copy(update={"model": "digest"}))
        assert not own.writes
        own.close()

    def test_one_of_another_release_is_not_asked(self, server: Any) -> None:
        told = f"Made by Digest for prompt version {PROMPT_VERSION}9."
        server.models["digest:latest"] = shown(license=told)
        with pytest.raises(EngineUnavailable, match=r"another release .* `digest model install`"):
            OllamaEngine(OllamaSettings(host=server.host))

    def test_what_is_missing_decides_the_hint(self, server: Any) -> None:
        server.models = {}
        for name, hint in (
            ("digest", "digest model install"),
            ("qwen3:4b", "ollama pull qwen3:4b"),
        ):
            with pytest.raises(EngineUnavailable, match=f"no model '{name}'.*`{hint}`"):
                OllamaEngine(OllamaSettings(host=server.host, model=name))


class TestThinking:
    def test_it_is_switched_off_where_there_is_some(self, server: Any) -> None:
        server.models["qwen3:4b"] = shown(ours=False, capabilities=["completion", "thinking"])
        engine = OllamaEngine(OllamaSettings(host=server.host, model="qwen3:4b"))
        (answer,) = engine.answer([ASK])
        assert (answer.finish, server.requests[0]["think"]) == ("stop", False)
        engine.close()

    @pytest.mark.parametrize("said", ["thinking", "content"])
    def test_a_server_that_thinks_all_the_same_is_left_at_once(
        self, server: Any, engine: OllamaEngine, said: str
    ) -> None:
        """In the time of one answer, for any number of items, and not four budgets each."""
        thought = {"message": {said: "<think>Hm. " if said == "content" else "Hm. Let me see. "}}
        server.chat = lambda n, body: (200, [thought] * 3000)
        with pytest.raises(EngineUnavailable, match="thinks before it answers"):
            list(engine.answer([ASK] * 30))
        assert len(server.requests) <= 4


@pytest.mark.parametrize(
    ("host", "free", "threads"),
    [
        ("http://127.0.0.1:11434", 1, 1),
        ("http://localhost:11434", 4, 0),  # nothing else runs: as Ollama chooses
        ("http://nas.lan:11434", 1, 0),  # another machine
    ],
)
def test_a_busy_machine_is_asked_for_fewer_threads(
    monkeypatch: pytest.MonkeyPatch, host: str, free: int, threads: int
) -> None:
    monkeypatch.setattr(ollama, "free_cores", lambda: free)
    monkeypatch.setattr(ollama, "allowed_cores", lambda: 4)
    assert ollama._threads(host) == threads


def test_a_server_that_dies_is_unavailable(server: Any, engine: OllamaEngine) -> None:
    server.chat = lambda n, body: stream(GOOD)
    assert len(list(engine.answer([ASK]))) == 1
    server.stop()
    engine._http.close()  # its idle connection outlives the listening socket
    reopened = engine._client.__class__(server.host)
    engine._http = reopened._client
    with pytest.raises(EngineUnavailable, match="ollama serve"):
        list(engine.answer([ASK]))


def test_a_model_that_vanishes_is_unavailable(server: Any, engine: OllamaEngine) -> None:
    server.chat = lambda n, body: (404, {"error": "model 'digest' not found"})
    with pytest.raises(EngineUnavailable, match="digest model install"):
        list(engine.answer([ASK]))


def test_opening_fails_clearly(server: Any) -> None:
    server.models = {"digestive:latest": shown()}
    with pytest.raises(EngineUnavailable, match="no model 'digest'"):
        OllamaEngine(OllamaSettings(host=server.host))
    with pytest.raises(EngineUnavailable, match="ollama serve"):
        OllamaEngine(OllamaSettings(host="http://127.0.0.1:9"))


def test_auto_takes_ollama_if_it_has_the_model(server: Any) -> None:
    engine, why = open_engine("auto", Settings(ollama=OllamaSettings(host=server.host)))
    assert (engine.name, why) == ("ollama", "")
    engine.close()


def test_without_anything_auto_degrades_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path))
    chosen = Settings(ollama=OllamaSettings(host="http://127.0.0.1:9"))
    engine, why = open_engine("auto", chosen)
    assert engine.name == "extractive"
    assert "ollama serve" in why
    assert "digest model pull" in why
    engine, why = open_or_degrade(chosen.model_copy(update={"engine": "embedded"}))
    assert engine.name == "extractive"
    assert "digest model pull" in why


def recorded() -> list[Path]:
    return [
        path
        for path in sorted(RECORDED.glob("*.json"))
        if (said := json.loads(path.read_text("utf-8"))).get("response")
        and said["request"]["path"] == "/api/chat"
        and isinstance((said["request"]["json"] or {}).get("messages"), list)
        and said["request"]["json"]["messages"]
    ]


def whole(turn: Message) -> Message:
    """A turn of the length it had: long ones are cut in the recording, with their length noted."""
    content = turn["content"]
    if noted := re.search(r"\.\.\. \[(\d+) chars in all\]$", content):
        content = (content[: noted.start()] * 200)[: int(noted[1])]
    return {"role": turn["role"], "content": content}


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded exchanges beside the repository")
@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
def test_recorded_exchanges_end_as_they_should(server: Any, path: Path) -> None:
    said = json.loads(path.read_text("utf-8"))
    response = said["response"]
    turns = [whole(turn) for turn in said["request"]["json"]["messages"]]
    server.chat = lambda n, body: (response["status"], response["body"])
    engine = OllamaEngine(OllamaSettings(host=server.host, timeout=5))
    busy = response["status"] == 503
    if busy:  # as recorded once, then free
        server.chat = lambda n, body: (503, response["body"]) if n == 1 else stream(GOOD)
    asked = Ask(turns, ("title",), 50)
    if response["status"] == 404:
        with pytest.raises(EngineUnavailable):
            list(engine.answer([asked]))
        return
    (answer,) = engine.answer([asked])
    last = response["body"][-1] if isinstance(response["body"], list) else response["body"]
    cut = path.stem.startswith("chat-overflow") or path.stem == "option-num-ctx-0"
    if busy:
        assert answer.finish in {"stop", "error"}
        assert len(server.requests) == 2
    elif response["status"] != 200 or not last.get("done") or cut:
        failing = response["status"] >= 500 or (response["status"] == 200 and not cut)
        assert answer.finish == ("later" if failing else "error")
        assert answer.error
        assert not answer.error.startswith("{")
    else:
        assert answer.finish == last["done_reason"]
        times = len(server.requests)  # twice, what had no end
        assert times == 1 + (answer.finish == "length")
        assert answer.tokens_out == last["eval_count"] * times
    engine.close()

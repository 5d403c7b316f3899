"""The Ollama engine against a local server: shapes written here, and recorded exchanges."""

import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from digest.engines import open_engine, open_or_degrade
from digest.engines.ollama import OllamaEngine
from digest.errors import EngineUnavailable
from digest.prompt import Message, messages
from digest.protocols import Ask
from digest.schema import json_schema
from digest.settings import OllamaSettings, Settings

RECORDED = Path(__file__).parents[3].parent / "shared" / "reference" / "ollama-exchanges"

Reply = tuple[int, list[dict[str, Any]] | dict[str, Any] | str]


class Server:
    """Answers /api/tags with one model, /api/chat as `chat` says, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.models = [{"model": "digest:latest", "digest": "a98700d76533" + "0" * 52}]
        self.chat: Callable[[int, dict[str, Any]], Reply] = lambda n, body: stream("{}")
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply((200, {"models": outer.models}))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with outer.lock:
                    outer.requests.append(body)
                    number = len(outer.requests)
                    outer.at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer.at_once)
                self.reply(outer.chat(number, body))
                with outer.lock:
                    outer.at_once -= 1

            def reply(self, reply: Reply) -> None:
                status, body = reply
                self.send_response(status)
                self.end_headers()
                lines = body if isinstance(body, list) else [body]
                try:
                    for line in lines:
                        text = line if isinstance(line, str) else json.dumps(line)
                        self.wfile.write(text.encode() + b"\n")
                except OSError:
                    pass  # the client went away

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.host = f"http://127.0.0.1:{self.http.server_port}"

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def stream(text: str, **end: Any) -> Reply:
    """A streamed answer in three pieces, ended as `end` says."""
    third = len(text) // 3 + 1
    pieces = [text[n : n + third] for n in range(0, len(text), third)]
    lines = [{"message": {"role": "assistant", "content": p}, "done": False} for p in pieces]
    counters = {"prompt_eval_count": 40, "eval_count": 9}
    last = {"done": True, "done_reason": "stop", "message": {"content": ""}, **counters, **end}
    return 200, [*lines, last]


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def engine(server: Server) -> Iterator[OllamaEngine]:
    opened = OllamaEngine(OllamaSettings(host=server.host, parallel=2, timeout=5))
    yield opened
    opened.close()


ASK = Ask(messages("A title", "Some text."), ("title", "relevance_score"), 100)
GOOD = '{"title":"A title","relevance_score":3}'


def test_the_request_says_everything_that_ollama_would_guess(
    server: Server, engine: OllamaEngine
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
    options = {"num_ctx": 4096, "num_predict": 125, "temperature": 0, "repeat_penalty": 1.0}
    assert body["options"] == options


def test_the_score_is_the_median_of_what_the_model_holds_possible(
    server: Server, engine: OllamaEngine
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


def test_what_needs_no_probabilities_asks_for_none(server: Server, engine: OllamaEngine) -> None:
    server.chat = lambda n, body: stream('{"title":"A title"}')
    list(engine.answer([Ask(ASK.messages, ("title",), 100)]))
    assert "logprobs" not in server.requests[0]


def test_an_answer_without_end_is_asked_for_once_more(server: Server, engine: OllamaEngine) -> None:
    def said(number: int, body: dict[str, Any]) -> Reply:
        return stream(GOOD[:-2], done_reason="length") if number == 1 else stream(GOOD)

    server.chat = said
    (answer,) = engine.answer([ASK])
    assert (answer.text, answer.finish, answer.tokens_out) == (GOOD, "stop", 18)
    first, again = (body["options"] for body in server.requests)
    assert again == first | {"repeat_penalty": 1.1, "repeat_last_n": 128}


def test_a_loop_is_not_listened_to_for_long(server: Server, engine: OllamaEngine) -> None:
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
        ((200, [{"message": {"content": '{"ti'}, "done": False}]), "error", "broke the answer off"),
        ((200, [{"message": {"content": "{"}}, {"error": "boom"}]), "error", "boom"),
        ((200, ["{not json"]), "error", "not JSON"),
        (stream(GOOD, done_reason="load"), "error", "'load'"),
        (stream(GOOD, prompt_eval_count=3), "error", "cut the prompt"),
        (stream('{"title":' + " \n" * 500), "error", "white space"),
        ((500, {"error": "runner has stopped"}), "error", "runner has stopped"),
        ((400, {"error": '{"error":{"code":400,"message":"too long"}}'}), "error", "too long"),
        ((405, "405 method not allowed"), "error", "not JSON"),
    ],
)
def test_every_bad_end_is_seen(
    server: Server, engine: OllamaEngine, reply: Reply, finish: str, error: str
) -> None:
    server.chat = lambda n, body: reply
    long = Ask(messages("A title", "Some text. " * 10), ASK.fields, 100)
    (answer,) = engine.answer([long])
    assert answer.finish == finish
    assert error in answer.error
    assert bool(answer.error) == (finish == "error")


def test_a_busy_server_is_asked_again(server: Server, engine: OllamaEngine) -> None:
    server.chat = lambda n, body: stream(GOOD) if n > 2 else (503, {"error": "server busy"})
    (answer,) = engine.answer([ASK])
    assert answer.finish == "stop"
    assert len(server.requests) == 3


def test_no_more_at_once_than_allowed(server: Server, engine: OllamaEngine) -> None:
    def slow(number: int, body: dict[str, Any]) -> Reply:
        time.sleep(0.05)
        return stream(GOOD)

    server.chat = slow
    answers = list(engine.answer([ASK] * 9))
    assert sorted(a.index for a in answers) == list(range(9))
    assert server.most_at_once == 2


def test_a_server_too_slow_is_no_answer(server: Server) -> None:
    engine = OllamaEngine(OllamaSettings(host=server.host, timeout=0.2))
    release = threading.Event()
    server.chat = lambda n, body: (release.wait(5), stream(GOOD))[1]
    (answer,) = engine.answer([ASK])
    release.set()
    assert (answer.finish, "no answer within" in answer.error) == ("error", True)
    engine.close()


def test_a_server_that_dies_is_unavailable(server: Server, engine: OllamaEngine) -> None:
    server.chat = lambda n, body: stream(GOOD)
    assert len(list(engine.answer([ASK]))) == 1
    server.stop()
    engine._http.close()  # its idle connection outlives the listening socket
    reopened = engine._client.__class__(server.host)
    engine._http = reopened._client
    with pytest.raises(EngineUnavailable, match="ollama serve"):
        list(engine.answer([ASK]))


def test_a_model_that_vanishes_is_unavailable(server: Server, engine: OllamaEngine) -> None:
    server.chat = lambda n, body: (404, {"error": "model 'digest' not found"})
    with pytest.raises(EngineUnavailable, match="digest model install"):
        list(engine.answer([ASK]))


def test_opening_fails_clearly(server: Server) -> None:
    server.models = [{"model": "digestive:latest", "digest": "0"}]
    with pytest.raises(EngineUnavailable, match="no model 'digest'"):
        OllamaEngine(OllamaSettings(host=server.host))
    with pytest.raises(EngineUnavailable, match="ollama serve"):
        OllamaEngine(OllamaSettings(host="http://127.0.0.1:9"))


def test_auto_takes_ollama_if_it_has_the_model(server: Server) -> None:
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
def test_recorded_exchanges_end_as_they_should(server: Server, path: Path) -> None:
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
        assert answer.finish == "error"
        assert answer.error
        assert not answer.error.startswith("{")
    else:
        assert answer.finish == last["done_reason"]
        times = len(server.requests)  # twice, what had no end
        assert times == 1 + (answer.finish == "length")
        assert answer.tokens_out == last["eval_count"] * times
    engine.close()

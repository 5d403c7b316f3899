"""An OpenAI-compatible server: llama.cpp's own with a real model, and one that fails on purpose."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from digest.engines import open_engine, own_prompt
from digest.errors import EngineUnavailable, WeightsError
from digest.model import weights
from digest.protocols import Ask
from digest.settings import OpenAISettings, Settings

pytest.importorskip("openai")
from digest.engines.openai import OpenAIEngine

STORY = [
    "OpenAI announced a model that is twice as fast as the last one.",
    "Microsoft will host it on Azure from June.",
    "Some testers said that it writes worse code.",
]
SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "array", "items": {"type": "integer"}}},
    "required": ["summary"],
}
ASK = Ask([{"role": "user", "content": "Choose."}], ("summary",), 50, SCHEMA)


@pytest.mark.model
def test_llama_cpp_chooses_by_number() -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    try:
        base = weights.base_weights()
    except WeightsError as error:
        pytest.skip(str(error))
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel, params.verbosity = str(base), 4096, 1, -1
    server = xllamacpp.Server(params)
    engine = OpenAIEngine(OpenAISettings(base_url=f"{server.listening_address}/v1", parallel=1))
    try:
        asked = own_prompt.question(
            "", STORY, ("title", "summary", "domains"), room=engine.context, count=engine.count
        )
        (answer,) = engine.answer([asked.ask])
        choice = own_prompt.read(asked, answer, STORY)
        assert answer.finish == "stop", answer
        assert choice.missing == ()
        assert {place for s in choice.summary for place in s.cited} <= {0, 1, 2}
        assert answer.tokens_in > 200
        assert own_prompt.wanted(engine)
    finally:
        engine.close()
        del server


class Failing:
    """Says what it is told to say, and keeps what it was asked."""

    def __init__(self) -> None:
        self.says: list[tuple[int, dict[str, Any]]] = []
        self.models = ["one"]
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send(200, {"data": [{"id": name} for name in outer.models]})

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                outer.asked.append(json.loads(raw))
                outer.keys.append(self.headers["authorization"])
                status, body = outer.says.pop(0) if len(outer.says) > 1 else outer.says[0]
                if status == 0:
                    outer.release.wait(10)
                else:
                    self.send(status, body)

            def send(self, status: int, body: dict[str, Any]) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"


@pytest.fixture
def server() -> Iterator[Failing]:
    running = Failing()
    yield running
    running.release.set()
    running.http.shutdown()
    running.http.server_close()


def said(content: str | None, finish: str = "stop", tokens: int = 9) -> tuple[int, dict[str, Any]]:
    message = {"role": "assistant", "content": content}
    usage = {"prompt_tokens": 40, "completion_tokens": tokens, "total_tokens": 49}
    return 200, {"choices": [{"index": 0, "message": message, "finish_reason": finish}],
                 "usage": usage}  # fmt: skip


def opened(server: Failing, **more: Any) -> OpenAIEngine:
    return OpenAIEngine(OpenAISettings(base_url=server.url, **{"timeout": 5, **more}))


def test_the_request(server: Failing) -> None:
    server.says = [said('{"summary":[1]}')]
    engine = opened(server, api_key=SecretStr("secret"))
    (answer,) = engine.answer([ASK])
    assert (answer.text, answer.finish, answer.tokens_in) == ('{"summary":[1]}', "stop", 40)
    (body,) = server.asked
    assert body["model"] == "one" and body["temperature"] == 0 and body["max_tokens"] == 50
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert server.keys == ["Bearer secret"]
    assert engine.model == f"one@{server.url}"
    engine.close()


def test_the_environments_key_is_not_sent_elsewhere(
    server: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    server.says = [said("{}")]
    engine = opened(server)
    list(engine.answer([ASK]))
    assert server.keys == ["Bearer none"]
    engine.close()


@pytest.mark.parametrize(
    ("reply", "finish", "error"),
    [
        (said("<think>\n\n</think>\n\n{}"), "stop", ""),
        (said("", "content_filter", 0), "error", "content_filter"),
        ((200, {"choices": []}), "later", "empty answer"),
        ((500, {"error": {"message": "out of memory"}}), "later", "out of memory"),
        ((400, {"error": {"message": "too long"}}), "error", "too long"),
    ],
)
def test_ends(server: Failing, reply: tuple[int, Any], finish: str, error: str) -> None:
    server.says = [reply]
    engine = opened(server)
    (answer,) = engine.answer([ASK])
    assert (answer.finish, bool(answer.error)) == (finish, bool(error))
    assert error in answer.error
    assert finish != "stop" or answer.text == "{}"
    engine.close()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (said("<think>Hm.", "length"), "thinks before it answers"),
        (said(None, "length", 50), "thinks before it answers"),
        ((401, {"error": {"message": "bad key"}}), "bad key"),
        ((404, {"error": {"message": "no such model"}}), "no such model"),
    ],
)
def test_what_ends_the_run(server: Failing, reply: tuple[int, Any], why: str) -> None:
    server.says = [reply]
    engine = opened(server, parallel=1)
    with pytest.raises(EngineUnavailable, match=why):
        list(engine.answer([ASK] * 9))
    assert len(server.asked) < 9  # what was under way when the first answer came
    engine.close()


def test_a_busy_server_is_asked_again(server: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.engines.openai._BUSY", (0.01, 0.01))
    server.says = [(429, {"error": {"message": "slow down"}}), said("{}")]
    engine = opened(server)
    (answer,) = engine.answer([ASK])
    assert (answer.finish, len(server.asked)) == ("stop", 2)
    engine.close()


def test_a_slow_one_is_asked_once(server: Failing) -> None:
    server.says = [(0, {})]
    engine = opened(server, timeout=0.2)
    (answer,) = engine.answer([ASK])
    assert (answer.finish, len(server.asked)) == ("later", 1)
    assert "no answer within 0.2 s" in answer.error
    engine.close()


def test_opening_fails_clearly(server: Failing) -> None:
    server.models = ["one", "two"]
    for settings, why in (
        (OpenAISettings(), "base_url"),
        (OpenAISettings(base_url="http://127.0.0.1:9/v1"), "/v1 included"),
        (OpenAISettings(base_url=server.url), "one, two"),
    ):
        with pytest.raises(EngineUnavailable, match=why):
            open_engine("openai", Settings(openai=settings))

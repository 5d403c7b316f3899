"""The engine behind an OpenAI-compatible URL, and how fast it may be asked."""

import logging
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from chat_service import ChatService, completion, failure
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from digest.errors import ConfigError, EngineUnavailable
from digest.prompt import Message
from digest.protocols import Ask
from digest.schema import parse
from finetune.labels import chat
from finetune.labels.chat import ChatEngine
from finetune.labels.guide import Wish, instruction
from finetune.labels.rate_limit import WINDOW, RateLimiter, retry_after

FIELDS = ("title", "relevance_score")
TURNS: list[Message] = [
    {"role": "system", "content": instruction(FIELDS, Wish())},
    {"role": "user", "content": "# Plant opens\n\nAcme opened a chip plant in Ghent on Monday."},
]
ASK = Ask(TURNS, FIELDS, 200)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "_TRIES", (0.01, 0.02))


@pytest.fixture
def engine(service: ChatService) -> Iterator[ChatEngine]:
    opened = ChatEngine(service.base, "mouse", timeout=10)
    yield opened
    opened.close()


def test_the_answer_keeps_the_contract_and_says_how_sure_it_is(
    service: ChatService, engine: ChatEngine
) -> None:
    (answer,) = engine.answer([ASK])
    assert parse(answer.text, FIELDS).relevance_score
    assert answer.finish == "stop" and answer.tokens_in > 100
    assert answer.confidence == pytest.approx(0.7788, abs=1e-4)  # type: ignore[attr-defined]
    (body,) = service.bodies
    sent = body["response_format"]["json_schema"]["schema"]
    assert list(sent["properties"]) == list(FIELDS) == sent["required"]
    assert "English" not in str(sent)  # the instruction names the language


@pytest.mark.parametrize(
    ("refuses", "form"),
    [
        (("json_schema",), {"response_format": {"type": "json_object"}}),
        (("response_format",), {}),
        (("max_tokens",), {"max_completion_tokens": 200}),
        (("temperature", "logprobs"), {}),
    ],
)
def test_a_parameter_that_is_refused_takes_its_next_form_for_good(
    refuses: tuple[str, ...], form: dict[str, Any]
) -> None:
    service = ChatService(refuses=refuses)
    engine = ChatEngine(service.base, "mouse")
    try:
        assert [a.finish for a in engine.answer([ASK])] == ["stop"]
        tries = len(service.bodies)
        assert [a.finish for a in engine.answer([ASK])] == ["stop"]
        assert len(service.bodies) == tries + 1
        last = service.bodies[-1]
        assert not set(refuses) & set(last)
        assert {name: last[name] for name in form} == form
    finally:
        engine.close()
        service.stop()


def test_trouble_that_passes_is_waited_for(service: ChatService, engine: ChatEngine) -> None:
    service.script = [
        failure(429, "Rate limit reached", "rate_limit_exceeded", Retry_After="1"),
        failure(503, "overloaded"),
    ]
    began = time.monotonic()
    (answer,) = engine.answer([ASK])
    assert answer.finish == "stop" and len(service.bodies) == 3
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("reply", "error", "why"),
    [
        (failure(401, "Incorrect API key", "invalid_api_key"), ConfigError, "--key"),
        (failure(404, "no such model", "model_not_found"), ConfigError, "no model 'mouse'"),
        (failure(429, "pay", "insufficient_quota"), EngineUnavailable, "quota"),
        (failure(429, "come back", Retry_After="86400"), EngineUnavailable, "try again later"),
        (failure(500, "boom"), EngineUnavailable, "boom"),
        ((200, "<html>a proxy's page</html>", {}), EngineUnavailable, "proxy's page"),
    ],
)
def test_trouble_that_stays_is_told(
    service: ChatService, engine: ChatEngine, reply: Any, error: type[Exception], why: str
) -> None:
    service.script = [reply] * 9
    with pytest.raises(error, match=why):
        list(engine.answer([ASK]))


@pytest.mark.parametrize(
    ("reply", "finish", "error"),
    [
        (completion('{"title":"A', reason="length"), "length", ""),
        (completion("", reason="content_filter"), "error", "content_filter"),
        (failure(400, "maximum context length is 8192 tokens"), "error", "context length"),
        ((200, {"choices": []}, {}), "error", "no chat completion"),
        ((200, {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}, {}),
         "stop", ""),
        ((200, ["?"], {}), "error", "no chat completion"),
    ],
)  # fmt: skip
def test_every_bad_end_is_seen(
    service: ChatService, engine: ChatEngine, reply: Any, finish: str, error: str
) -> None:
    service.script = [reply]
    (answer,) = engine.answer([ASK])
    assert answer.finish == finish and error in answer.error
    assert bool(answer.error) == (finish == "error")


def test_what_came_back_before_the_trouble_is_not_lost(service: ChatService) -> None:
    engine = ChatEngine(service.base, "mouse", parallel=1)
    good = [completion('{"title":"Plant opens","relevance_score":3}') for _ in range(3)]
    service.script = [*good, *[failure(401, "revoked")] * 9]
    found = []
    with pytest.raises(ConfigError, match="revoked"):
        for answer in engine.answer([ASK] * 6):
            found.append(answer.finish)
    engine.close()
    assert found == ["stop"] * 3


def test_the_key_is_sent_and_told_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    service = ChatService(key="sk-very-secret")
    caplog.set_level(logging.DEBUG)
    wrong = ChatEngine(service.base, "mouse", SecretStr("sk-wrong-secret"))
    right = ChatEngine(service.base, "mouse", SecretStr("sk-very-secret"))
    try:
        with pytest.raises(ConfigError) as raised:
            list(wrong.answer([ASK]))
        service.script = [failure(503, "later")]
        assert [a.finish for a in right.answer([ASK])] == ["stop"]
        assert service.headers[-1]["authorization"] == "Bearer sk-very-secret"
    finally:
        wrong.close()
        right.close()
        service.stop()
    assert "secret" not in caplog.text + str(raised.value) + repr(vars(right))


def test_as_many_at_once_as_allowed_and_no_more(service: ChatService) -> None:
    three = threading.Barrier(3)
    most, now, lock = 0, 0, threading.Lock()

    def busy(good: dict[str, Any], body: dict[str, Any]) -> Any:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        three.wait(60)  # breaks if fewer than three come together
        with lock:
            now -= 1
        three.wait(60)
        return good

    service.change = busy
    engine = ChatEngine(service.base, "mouse", parallel=3, timeout=60)
    assert sorted(a.index for a in engine.answer([ASK] * 12)) == list(range(12))
    engine.close()
    assert most == 3 and not three.broken


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.now += seconds
        return stop.is_set()


@given(
    requests=st.integers(0, 5),
    tokens=st.integers(0, 500),
    sizes=st.lists(st.integers(0, 400), max_size=25),
    gaps=st.lists(st.floats(0, 50), min_size=25, max_size=25),
)
@settings(max_examples=60, deadline=None)
def test_in_no_minute_more_than_allowed(
    requests: int, tokens: int, sizes: list[int], gaps: list[float]
) -> None:
    clock, stop = Clock(), threading.Event()
    pace = RateLimiter(requests, tokens, clock=clock, wait=clock.wait)
    sent = []
    for size, gap in zip(sizes, gaps, strict=False):
        clock.now += gap
        settle = pace.enter(size, stop)
        assert settle
        settle(size)
        sent.append((clock.now, size))
    for when, _ in sent:
        # Sums of floats: what lies on the edge of the window is not looked at.
        inside = [size for at, size in sent if when <= at < when + WINDOW - 1e-6]
        assert not requests or len(inside) <= requests
        assert not tokens or sum(inside) <= tokens or len([s for s in inside if s]) == 1


def test_all_are_quiet_when_the_service_says_so() -> None:
    clock, stop = Clock(), threading.Event()
    pace = RateLimiter(clock=clock, wait=clock.wait)
    pace.quiet(30)
    assert pace.enter(1, stop) and clock.now == 1030
    stop.set()
    pace.quiet(30)
    assert pace.enter(1, stop) is None


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("7", 0) == 7
    assert retry_after(formatdate(1000, usegmt=True), 970) == 30
    assert retry_after(formatdate(1000, usegmt=True), 2000) == 0
    for rubbish in ("", "soon", "inf", "nan", "-"):
        assert retry_after(rubbish, 0) is None


@given(st.text(max_size=40))
@settings(max_examples=80, deadline=None)
def test_any_retry_after_is_survived(value: str) -> None:
    found = retry_after(value, 0)
    assert found is None or found >= 0

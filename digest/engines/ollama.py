"""The model in Ollama, on this machine or another.

The official client holds host, key and connections. Its `chat` cannot say `truncate` and
`shift`, without which Ollama cuts a long prompt silently, system message first; so the request
body is written here and sent over the client's own HTTP connection.
"""

import json
import random
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from digest.engines.loops import LOOK, loops, with_end
from digest.engines.score import TOP, Step, distribution, with_median
from digest.engines.stopping import EitherStop
from digest.errors import EngineUnavailable
from digest.protocols import Answer, Ask
from digest.schema import json_schema

if TYPE_CHECKING:
    from digest.settings import OllamaSettings

_HELLO = 3.0  # seconds a server may take to say what models it has
_BUSY = (0.5, 1, 2, 4, 8, 16)  # seconds to wait after each 503
_BLANK = re.compile(r"\s{64}$")  # a grammar that allows white space lets a model loop in it
_INDENT = 1.25  # Ollama's grammar may indent: tokens on top of a compact answer


class OllamaEngine:
    """Asks an Ollama server that has the model. Truncation is refused, every end is checked."""

    name = "ollama"

    def __init__(self, settings: "OllamaSettings | None" = None) -> None:
        """Connect and look for the model. Raises EngineUnavailable."""
        import httpx
        import ollama

        from digest.settings import OllamaSettings

        self._settings = settings or OllamaSettings()
        self.context = self._settings.context
        try:
            self._client = ollama.Client(self._settings.host or None, timeout=httpx.Timeout(_HELLO))
        except ValueError as error:
            raise EngineUnavailable(f"{self._settings.host!r} is no Ollama host") from error
        self._http = self._client._client
        self.model = self._identify()
        self._http.timeout = httpx.Timeout(self._settings.timeout, connect=_HELLO)

    def _identify(self) -> str:
        """Name and manifest digest of the model."""
        import httpx
        import ollama

        wanted, host = self._settings.model, self._http.base_url
        try:
            models = self._client.list().models
        except (httpx.HTTPError, ConnectionError, ollama.ResponseError, ValueError) as error:
            self.close()
            why = "took too long to answer" if isinstance(error, httpx.TimeoutException) else error
            raise EngineUnavailable(
                f"Ollama at {host} cannot be used ({why}); start it with `ollama serve`"
            ) from error
        for model in models:
            if model.model in {wanted, f"{wanted}:latest"}:
                return f"{model.model}@{(model.digest or '')[:12]}"
        self.close()
        raise EngineUnavailable(
            f"Ollama at {host} has no model {wanted!r}; create it with `digest model install`"
        )

    def count(self, text: str) -> int:
        """Estimated tokens: Ollama has no tokenizer to ask. On the high side for prose.

        A prompt that is too long after all is refused by the server and asked again shorter.
        """
        ascii_only = len(text.encode("ascii", "ignore"))
        other = len(text.encode("utf-8", "replace")) - ascii_only
        return round(ascii_only / 3.5 + other / 1.5)

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch, a bounded number at a time. Raises EngineUnavailable if Ollama dies."""
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._settings.parallel, thread_name_prefix="ollama")
        try:
            pending = [pool.submit(self._one, n, ask, stop) for n, ask in enumerate(asks)]
            for future in as_completed(pending):
                yield future.result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, index: int, ask: Ask, stop: threading.Event) -> Answer:
        stop = EitherStop(stop, ask.stopped)
        return with_end(lambda loosened: self._chat(index, ask, stop, loosened), stop.is_set)

    def _chat(
        self, index: int, ask: Ask, stop: threading.Event, loosened: Mapping[str, float]
    ) -> Answer:
        import httpx

        scored = not ask.schema and "relevance_score" in ask.fields
        body = {
            "model": self._settings.model,
            "messages": list(ask.messages),
            "format": ask.schema or json_schema(ask.fields),
            "stream": True,
            "truncate": False,
            "shift": False,
            "keep_alive": self._settings.keep_alive,
            # For the median of the score. An older server gives none: then its own word stands.
            **({"logprobs": True, "top_logprobs": TOP} if scored else {}),
            "options": {
                "num_ctx": self._settings.context,
                "num_predict": round(ask.max_tokens * _INDENT),
                "temperature": 0,
                "repeat_penalty": 1.0,  # Ollama's own 1.1 is not what a model was trained for
                **loosened,
            },
        }
        for pause in (*_BUSY, None):
            try:
                with self._http.stream("POST", "/api/chat", json=body) as response:
                    if response.status_code == httpx.codes.OK:
                        return self._read(index, ask, response.iter_lines(), stop)
                    error = _error(response.read())
            except httpx.TimeoutException:
                return _failed(index, f"no answer within {self._settings.timeout:g} s")
            except httpx.TransportError as gone:
                raise EngineUnavailable(
                    f"Ollama at {self._http.base_url} went away ({gone}); start it with "
                    "`ollama serve`"
                ) from gone
            if response.status_code == httpx.codes.NOT_FOUND:
                raise EngineUnavailable(f"Ollama says: {error}; run `digest model install`")
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or pause is None:
                break
            if stop.wait(pause * random.uniform(0.5, 1)):  # noqa: S311  only spreads the load
                break
        return _failed(index, error)

    def _read(self, index: int, ask: Ask, lines: Iterator[str], stop: threading.Event) -> Answer:
        """Follow the stream to its end, which must say how it ended."""
        text, deadline = "", time.monotonic() + self._settings.timeout
        steps: list[Step] = []
        for number, line in enumerate(lines, 1):
            event = _object(line)
            if "error" in event:
                return _failed(index, _message(event["error"]))
            text += event.get("message", {}).get("content", "")
            steps += _steps(event)
            if event.get("done"):
                return self._ended(index, ask, with_median(text, distribution(steps)), event)
            if number % LOOK == 0 and loops(text):
                return Answer(index, text, "length", tokens_out=number)
            if why := self._given_up(text, deadline, stop):
                return _failed(index, why)
        return _failed(index, "Ollama broke the answer off")

    def _given_up(self, text: str, deadline: float, stop: threading.Event) -> str:
        """Why there is no point in reading on; "" if there is."""
        if stop.is_set():
            return "cancelled"
        if time.monotonic() > deadline:
            return f"no whole answer within {self._settings.timeout:g} s"
        return "the model wrote white space without end" if _BLANK.search(text) else ""

    def _ended(self, index: int, ask: Ask, text: str, event: dict[str, Any]) -> Answer:
        tokens_in, tokens_out = event.get("prompt_eval_count", 0), event.get("eval_count", 0)
        reason = event.get("done_reason") or "error"
        # An older server that does not know `truncate` keeps about half a context. No prose has
        # more than eight bytes a token.
        sent = sum(len(turn["content"].encode()) for turn in ask.messages)
        if tokens_in < sent / 8:
            return _failed(index, f"Ollama cut the prompt down to {tokens_in} tokens")
        if reason not in {"stop", "length"}:
            return _failed(index, f"Ollama ended the answer for the reason {reason!r}")
        return Answer(index, text, reason, tokens_in, tokens_out)

    def close(self) -> None:
        """Close the connections; the model stays loaded as long as keep_alive says."""
        self._client.close()  # type: ignore[no-untyped-call]


def _failed(index: int, error: str) -> Answer:
    return Answer(index, "", "error", error=error)


def _steps(event: dict[str, Any]) -> Iterator[Step]:
    """The tokens of an event that came with probabilities."""
    for token in event.get("logprobs") or ():
        top = {entry["token"]: entry["logprob"] for entry in token.get("top_logprobs") or ()}
        yield Step(token["token"], top)


def _object(line: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {"error": "Ollama sent something that is not JSON"}
    return value if isinstance(value, dict) else {"error": "Ollama sent no JSON object"}


def _error(body: bytes) -> str:
    return _message(_object(body).get("error", "no reason given"))


def _message(error: object) -> str:
    """Ollama hands llama.cpp's errors on as JSON inside a string."""
    if isinstance(error, str) and error.startswith("{"):
        error = _object(error).get("error", error)
    if isinstance(error, dict):
        error = error.get("message", error)
    return str(error)

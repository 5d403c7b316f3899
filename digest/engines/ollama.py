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
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from digest.engines.batch import CANCELLED, Patience, answered
from digest.engines.loops import LOOK, loops, with_end
from digest.engines.own_prompt import version
from digest.engines.score import TOP, Step, distribution, with_median
from digest.engines.stopping import EitherStop
from digest.errors import EngineUnavailable
from digest.model.cpu import allowed_cores, free_cores
from digest.model.identity import OWN, Identity, identify
from digest.prompt import PROMPT_VERSION
from digest.protocols import LATER, Answer, Ask
from digest.schema import json_schema

if TYPE_CHECKING:
    from digest.settings import OllamaSettings

_HELLO = 3.0  # seconds a server may take to say what models it has
_BUSY = (0.5, 1, 2, 4, 8, 16)  # seconds to wait after each 503
_BLANK = re.compile(r"\s{64}$")  # a grammar that allows white space lets a model loop in it
_INDENT = 1.25  # Ollama's grammar may indent: tokens on top of a compact answer
_THOUGHTS = 400  # characters of thinking, asked to leave it, after which it is no slip
_LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104  compared, never bound


class OllamaEngine:
    """Asks an Ollama server that has the model. Truncation is refused, every end is checked.

    A model that is not of Digest's making `chooses`: `digest.engines.own_prompt` says how.
    """

    name = "ollama"

    def __init__(self, settings: "OllamaSettings | None" = None) -> None:
        """Connect, look for the model, and see whose it is. Raises EngineUnavailable."""
        import httpx
        import ollama

        from digest.settings import OllamaSettings

        self._settings = settings or OllamaSettings()
        self.context, self.slots = self._settings.context, self._settings.parallel
        self._patience = Patience()
        try:
            self._client = ollama.Client(self._settings.host or None, timeout=httpx.Timeout(_HELLO))
        except ValueError as error:
            raise EngineUnavailable(f"{self._settings.host!r} is no Ollama host") from error
        self._http = self._client._client
        try:
            self.model = self._find()
            identity = self._identity()
        except EngineUnavailable:
            self.close()
            raise
        self.chooses, self._thinks = not identity.ours, identity.thinks
        self.writes = self.chooses and self._settings.write
        self.prompt_version = version(self.writes) if self.chooses else PROMPT_VERSION
        self._http.timeout = httpx.Timeout(self._settings.timeout, connect=_HELLO)
        self._threads = self._settings.threads or _threads(str(self._http.base_url))

    def _find(self) -> str:
        """Name and manifest digest of the model."""
        import httpx
        import ollama

        wanted, host = self._settings.model, self._http.base_url
        try:
            models = self._client.list().models
        except (httpx.HTTPError, ConnectionError, ollama.ResponseError, ValueError) as error:
            why = "took too long to answer" if isinstance(error, httpx.TimeoutException) else error
            raise EngineUnavailable(
                f"Ollama at {host} cannot be used ({why}); start it with `ollama serve`"
            ) from error
        for model in models:
            if model.model in {wanted, f"{wanted}:latest"}:
                return f"{model.model}@{(model.digest or '')[:12]}"
        raise EngineUnavailable(f"Ollama at {host} has no model {wanted!r}; {_mend(wanted)}")

    def _identity(self) -> Identity:
        """Whose the model is. Raises EngineUnavailable for one made for another prompt."""
        import httpx

        name = self._settings.model
        try:
            reply = self._http.post("/api/show", json={"model": name})
            identity = identify(_object(reply.raise_for_status().content))
        except httpx.HTTPError as error:
            raise EngineUnavailable(f"Ollama does not say what {name!r} is ({error})") from error
        if identity.ours and identity.prompt != PROMPT_VERSION:
            raise EngineUnavailable(
                f"the model {name!r} in Ollama was made by another release of Digest, for prompt "
                f"version {identity.prompt} and not {PROMPT_VERSION}; run `digest model install`"
                + ("" if name == OWN else " for Digest's own, or train yours again")
            )
        return identity

    def count(self, text: str) -> int:
        """Estimated tokens: Ollama has no tokenizer to ask. On the high side for prose.

        A prompt that is too long after all is refused by the server and asked again shorter.
        """
        return estimate(text)

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch, a bounded number at a time. Raises EngineUnavailable if Ollama dies."""
        yield from answered(asks, self._one, self.slots, self.name, self._patience)

    def _one(self, index: int, ask: Ask, stop: threading.Event) -> Answer:
        stop = EitherStop(stop, ask.stopped)
        return with_end(lambda loosened: self._chat(index, ask, stop, loosened), stop.is_set)

    def _body(self, ask: Ask, loosened: Mapping[str, float]) -> dict[str, Any]:
        scored = not ask.schema and "relevance_score" in ask.fields
        return {
            "model": self._settings.model,
            "messages": list(ask.messages),
            "format": ask.schema or json_schema(ask.fields),
            "stream": True,
            "truncate": False,
            "shift": False,
            "keep_alive": self._settings.keep_alive,
            **({"think": False} if self._thinks else {}),
            # For the median of the score. An older server gives none: then its own word stands.
            **({"logprobs": True, "top_logprobs": TOP} if scored else {}),
            "options": {
                "num_ctx": self._settings.context,
                "num_predict": round(ask.max_tokens * _INDENT),
                "temperature": 0,
                "repeat_penalty": 1.0,  # Ollama's own 1.1 is not what a model was trained for
                **({"num_thread": self._threads} if self._threads else {}),
                **loosened,
            },
        }

    def _chat(
        self, index: int, ask: Ask, stop: threading.Event, loosened: Mapping[str, float]
    ) -> Answer:
        import httpx

        body = self._body(ask, loosened)
        for pause in (*_BUSY, None):
            try:
                with self._http.stream("POST", "/api/chat", json=body) as response:
                    if response.status_code == httpx.codes.OK:
                        return self._read(index, ask, response.iter_lines(), stop)
                    error = _error(response.read())
            except httpx.TimeoutException:
                return _failed(index, f"no answer within {self._settings.timeout:g} s", LATER)
            except httpx.TransportError as gone:
                raise EngineUnavailable(
                    f"Ollama at {self._http.base_url} went away ({gone}); start it with "
                    "`ollama serve`"
                ) from gone
            if response.status_code == httpx.codes.NOT_FOUND:
                raise EngineUnavailable(f"Ollama says: {error}; {_mend(self._settings.model)}")
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or pause is None:
                break
            if stop.wait(pause * random.uniform(0.5, 1)):  # noqa: S311  only spreads the load
                break
        failing = httpx.codes.is_server_error(response.status_code)
        return _failed(index, f"Ollama says: {error}", LATER if failing else "error")

    def _read(self, index: int, ask: Ask, lines: Iterator[str], stop: threading.Event) -> Answer:
        """Follow the stream to its end, which must say how it ended."""
        text, thoughts, deadline = "", 0, time.monotonic() + self._settings.timeout
        steps: list[Step] = []
        for number, line in enumerate(lines, 1):
            event = _object(line)
            if "error" in event:
                return _failed(index, f"Ollama says: {_message(event['error'])}", LATER)
            message = event.get("message") or {}
            text += message.get("content") or ""
            thoughts += len(message.get("thinking") or "")
            if thoughts > _THOUGHTS or (number == LOOK // 2 and _thinks(text)):
                raise EngineUnavailable(self._thinking())
            steps += _steps(event)
            if event.get("done"):
                return self._ended(index, ask, with_median(text, distribution(steps)), event)
            if number % LOOK == 0 and loops(text):
                return Answer(index, text, "length", tokens_out=number)
            if _BLANK.search(text):
                return _failed(index, "the model wrote white space without end")
            if stop.is_set() or time.monotonic() > deadline:
                why = f"no answer within {self._settings.timeout:g} s"
                return _failed(index, CANCELLED if stop.is_set() else why, LATER)
        return _failed(index, "Ollama broke the answer off", LATER)

    def _thinking(self) -> str:
        return (
            f"{self._settings.model!r} thinks before it answers, though told not to; name another "
            "model in [ollama], or update Ollama, which may not know yet how to stop it"
        )

    def _ended(self, index: int, ask: Ask, text: str, event: dict[str, Any]) -> Answer:
        tokens_in, tokens_out = event.get("prompt_eval_count", 0), event.get("eval_count", 0)
        reason = event.get("done_reason") or "error"
        # An older server that does not know `truncate` keeps about half a context. No prose has
        # more than eight bytes a token.
        sent = sum(len(turn["content"].encode()) for turn in ask.messages)
        if tokens_in < sent / 8:
            return _failed(index, f"Ollama cut the prompt down to {tokens_in} tokens")
        if reason not in {"stop", "length"}:
            return _failed(index, f"Ollama ended the answer for the reason {reason!r}", LATER)
        return Answer(index, text, reason, tokens_in, tokens_out)

    def close(self) -> None:
        """Close the connections; the model stays loaded as long as keep_alive says."""
        self._client.close()  # type: ignore[no-untyped-call]


def estimate(text: str) -> int:
    """Tokens of a text that no tokenizer can be asked about, on the high side for prose."""
    ascii_only = len(text.encode("ascii", "ignore"))
    other = len(text.encode("utf-8", "replace")) - ascii_only
    return round(ascii_only / 3.5 + other / 1.5)


def _mend(model: str) -> str:
    """How to come by a model that the server lacks."""
    if model.partition(":")[0] == OWN:
        return "Digest's own is not installed: run `digest model install`"
    return f"[ollama] names it: run `ollama pull {model}`"


def _threads(url: str) -> int:
    """Threads to ask for; 0 = as Ollama chooses, where the machine is another or has nothing to do.

    On busy cores threads that wait for each other are many times slower than fewer of them.
    """
    if urlsplit(url).hostname not in _LOCAL:
        return 0
    free = free_cores()
    return free if free < allowed_cores() else 0


def _thinks(text: str) -> bool:
    """Whether an answer begins with thoughts that have not ended."""
    return text.lstrip().startswith("<think>") and "</think>" not in text


def _failed(index: int, error: str, finish: str = "error") -> Answer:
    return Answer(index, "", finish, error=error)


def _steps(event: dict[str, Any]) -> Iterator[Step]:
    """The tokens of an event that came with probabilities."""
    for token in event.get("logprobs") or ():
        top = {entry["token"]: entry["logprob"] for entry in token.get("top_logprobs") or ()}
        yield Step(token["token"], top)


def _object(line: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {"error": "something that is not JSON"}
    return value if isinstance(value, dict) else {"error": "no JSON object"}


def _error(body: bytes) -> str:
    return _message(_object(body).get("error", "no reason given"))


def _message(error: object) -> str:
    """Ollama hands llama.cpp's errors on as JSON inside a string."""
    if isinstance(error, str) and error.startswith("{"):
        error = _object(error).get("error", error)
    if isinstance(error, dict):
        error = error.get("message", error)
    return str(error)

"""A model behind an OpenAI-compatible URL, as an engine.

Servers differ in what they accept: a parameter that one refuses is put in its next form, or left
out, and that is remembered. The key is in no message, log or file.
"""

import json
import logging
import math
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from digest.errors import ConfigError, DigestError, EngineUnavailable
from digest.protocols import Answer, Ask
from digest.schema import json_schema
from finetune.labels.rate_limit import RateLimiter, retry_after

log = logging.getLogger(__name__)

_TRIES = (1, 2, 4, 8, 16, 32)  # seconds to wait after each failure that may pass
_LONGEST = 600.0  # seconds that a service may ask to wait before we come again another day
_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_CANCELLED = "cancelled"
_ENDS = {"stop": "stop", "length": "length"}  # finish_reason -> ours; others are errors


# Optional parameters, and the words by which a refusal names them.
_NAMED = {
    "response_format": ("response_format", "json_schema", "json_object"),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "temperature": ("temperature",),
    "logprobs": ("logprobs",),
}


def _optional(ask: Ask) -> dict[str, tuple[dict[str, Any], ...]]:
    """The forms of each optional parameter, the best first."""
    schema = dict(ask.schema or json_schema(ask.fields))
    # What a field means is the instruction's to say: it may want another language, for one.
    bare = {
        name: {key: value for key, value in one.items() if key != "description"}
        for name, one in schema["properties"].items()
    }
    strict = {"name": "digest", "strict": True, "schema": schema | {"properties": bare}}
    return {
        "response_format": (
            {"response_format": {"type": "json_schema", "json_schema": strict}},
            {"response_format": {"type": "json_object"}},
            {},
        ),
        "max_tokens": (
            {"max_tokens": ask.max_tokens},
            {"max_completion_tokens": ask.max_tokens},
            {},
        ),
        "temperature": ({"temperature": 0}, {}),
        "logprobs": ({"logprobs": True}, {}),
    }


@dataclass(frozen=True, slots=True)
class Sure(Answer):
    """An answer whose model told how sure it was: the mean probability of its tokens."""

    confidence: float | None = None


class ChatEngine:
    """Asks `URL/chat/completions`, `parallel` at a time, at the pace given."""

    name = "chat"

    def __init__(
        self,
        url: str,
        model: str,
        key: SecretStr | None = None,
        *,
        pace: RateLimiter | None = None,
        context: int = 16_384,
        parallel: int = 4,
        timeout: float = 180.0,
    ) -> None:
        import httpx

        self.model, self.context = model, context
        self._pace, self._parallel = pace or RateLimiter(), parallel
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/", headers=headers, timeout=httpx.Timeout(timeout)
        )
        self._form: dict[str, int] = {}  # parameter -> which of its forms this server takes

    def count(self, text: str) -> int:
        """Estimated tokens, on the high side for prose: there is no tokenizer to ask."""
        ascii_only = len(text.encode("ascii", "ignore"))
        other = len(text.encode("utf-8", "replace")) - ascii_only
        return round(ascii_only / 3.5 + other / 1.5)

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch. Raises EngineUnavailable if the service is down or out of quota,
        ConfigError if it refuses the key or does not know the model; what came back is yielded
        first, for it was paid for.
        """
        stop, trouble = threading.Event(), None
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="chat")
        try:
            pending = [pool.submit(self._one, n, ask, stop) for n, ask in enumerate(asks)]
            for future in as_completed(pending):
                try:
                    answer = future.result()
                except DigestError as error:
                    trouble = trouble or error
                    stop.set()
                    continue
                if not (trouble and answer.error == _CANCELLED):
                    yield answer
            if trouble:
                raise trouble
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _one(self, index: int, ask: Ask, stop: threading.Event) -> Answer:
        guess = sum(self.count(turn["content"]) for turn in ask.messages) + ask.max_tokens
        tries = iter(_TRIES)
        while True:
            settle = self._pace.enter(guess, stop)
            if settle is None or stop.is_set():
                return Answer(index, "", "error", error=_CANCELLED)
            body, taken = self._body(ask)
            status, headers, reply = self._post(body)
            if status == 200:
                answer = _read(index, reply)
                settle(answer.tokens_in + answer.tokens_out or guess)
                return answer
            settle(0)
            error = _message(reply) or f"HTTP {status}"
            if status == 400 and self._yield(error, ask, taken):
                continue
            if status not in _PASSING or _spent(reply):
                return self._refused(index, status, error)
            pause = next(tries, None)
            asked = retry_after(headers.get("retry-after", ""), time.time())
            if pause is None or (asked or 0) > _LONGEST:
                raise EngineUnavailable(
                    f"{self._http.base_url} does not answer ({error}); try again later"
                )
            if asked is not None:
                self._pace.quiet(asked)
            else:
                stop.wait(pause * random.uniform(0.5, 1))  # noqa: S311  only spreads the load
            log.debug("asked again after: %s", error)

    def _post(self, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers and decoded JSON; a connection that fails is a status 503."""
        import httpx

        try:
            response = self._http.post("chat/completions", json=body)
        except httpx.TimeoutException:
            return 504, {}, "no answer in time"
        except httpx.TransportError as gone:
            return 503, {}, f"no connection: {gone}"
        try:
            return response.status_code, response.headers, response.json()
        except ValueError:
            status = response.status_code
            return (502 if status == 200 else status), response.headers, response.text[:200]

    def _body(self, ask: Ask) -> tuple[dict[str, Any], dict[str, int]]:
        """The request, and the form that each optional parameter has in it."""
        body: dict[str, Any] = {"model": self.model, "messages": list(ask.messages)}
        taken = {name: self._form.get(name, 0) for name in _NAMED}
        for name, forms in _optional(ask).items():
            body |= forms[taken[name]]
        return body, taken

    def _yield(self, error: str, ask: Ask, taken: Mapping[str, int]) -> bool:
        """Whether the server refused an optional parameter; if so its next form is taken."""
        for name, forms in _optional(ask).items():
            if any(word in error for word in _NAMED[name]) and taken[name] < len(forms) - 1:
                # Of several threads refused at once only one moves it on.
                self._form[name] = max(self._form.get(name, 0), taken[name] + 1)
                return True
        return False

    def _refused(self, index: int, status: int, error: str) -> Answer:
        where = self._http.base_url
        if status in {401, 403}:
            raise ConfigError(
                f"{where} refuses the key ({error}); name the variable that holds it with --key"
            )
        if status in {402, 429}:
            raise EngineUnavailable(f"{where}: the account's quota is used up ({error})")
        if status == 404:
            raise ConfigError(f"{where} has no model {self.model!r} ({error}); write URL#MODEL")
        return Answer(index, "", "error", error=f"refused with status {status}: {error}")


def _read(index: int, reply: Any) -> Answer:
    """A chat completion as an answer; whatever is missing in it is an error, not a crash."""
    try:
        choice = reply["choices"][0]
        text = choice["message"]["content"] or ""
        reason = choice.get("finish_reason") or "stop"
        usage = reply.get("usage") or {}
        spent = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        if refusal := choice["message"].get("refusal"):
            return Answer(index, "", "error", *spent, error=f"the model refused: {refusal}")
        if reason not in _ENDS:
            return Answer(index, "", "error", *spent, error=f"the answer ended with {reason!r}")
        return Sure(index, str(text), _ENDS[reason], *spent, confidence=_confidence(choice))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        return Answer(index, "", "error", error=f"no chat completion came back ({error!r})")


def _confidence(choice: Mapping[str, Any]) -> float | None:
    tokens = (choice.get("logprobs") or {}).get("content") or []
    found = [float(token["logprob"]) for token in tokens]
    return math.exp(sum(found) / len(found)) if found else None


def _message(reply: Any) -> str:
    """The reason in an error reply: {"error": {"message": ...}} and its many relatives."""
    for key in ("error", "message", "detail"):
        if isinstance(reply, dict) and key in reply:
            return _message(reply[key])
    return " ".join((reply if isinstance(reply, str) else json.dumps(reply)).split())[:300]


def _spent(reply: Any) -> bool:
    """A 429 that will not pass by waiting."""
    error = reply.get("error") if isinstance(reply, dict) else None
    code = error.get("code") or error.get("type") if isinstance(error, dict) else None
    return code in {"insufficient_quota", "billing_hard_limit_reached"}

"""The model inside this process: llama.cpp's server through xllamacpp.

Requests go to the server by function calls, one thread a slot; it computes all slots in one
batch. Its socket only serves to count tokens: a Unix socket in a private folder where the system
has them, else a loopback port; both behind a random key.
"""

import json
import os
import secrets
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from digest.engines.batch import answered
from digest.engines.loops import LOOK, loops, with_end
from digest.engines.score import TOP, Step, distribution, until_score, with_median
from digest.engines.stopping import EitherStop
from digest.errors import EngineUnavailable, WeightsError
from digest.grammar import gbnf, object_gbnf
from digest.model.cpu import allowed_cores, free_cores
from digest.model.weights import Weights, find
from digest.prompt import STOP, chatml
from digest.protocols import Answer, Ask

CONTEXT = 4096  # tokens a slot: 2,048 of text, the prompt around it and the longest answer
SLOTS = 8  # by measurement: docs/lab-log-engines.md
_BATCH = 512  # tokens computed at once

# Threads that spin long while they wait for each other slow the model down 25 times on a busy
# machine; threads that sleep at once cost a quarter of the speed on a free one. The first costs
# nothing on a free machine and a fifth on a busy one, the second nothing there. libgomp reads it
# once, when llama.cpp is loaded. Fewer threads are no help: docs/lab-log-engines.md.
_SPINS, _BUSY_SPINS = "1000", "0"


class EmbeddedEngine:
    """Runs the weights that `digest.model.weights.find` names, or those given."""

    name = "embedded"
    context = CONTEXT

    def __init__(
        self,
        weights: Weights | None = None,
        *,
        threads: int = 0,
        slots: int = 0,
        grammar: bool = True,
        exact: bool = False,
    ) -> None:
        """Load the model; 0 = what fits this machine. Raises EngineUnavailable.

        Without `grammar` it says what the bare model says, score included: for examination only.
        An answer that runs in circles is asked for once more, less greedily.

        With `exact` an answer depends on nothing but the weights, at a third of the speed:
        attention is not rounded to half floats, and one question is asked at a time, because what
        else is in a batch changes the order of sums; what has no end is cut. For comparing models.
        """
        self._grammar, self._exact = grammar, exact
        _set_spins()
        try:
            import httpx
            import xllamacpp
        except ImportError as error:
            raise EngineUnavailable(
                f"the embedded engine needs {error.name}; "
                "install it with `pip install 'newsdigest[embedded]'`"
            ) from error
        try:
            weights = weights or find()
        except WeightsError as error:
            raise EngineUnavailable(str(error)) from error
        self.model = weights.model
        self.slots = 1 if exact else slots or SLOTS
        self._folder = tempfile.TemporaryDirectory(prefix="digest-")
        unix = hasattr(socket, "AF_UNIX") and os.name == "posix"
        key = secrets.token_hex(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(weights.path)
        if weights.adapter:
            lora = xllamacpp.CommonAdapterLoraInfo()
            lora.path, lora.scale = str(weights.adapter), 1.0
            params.lora_adapters = [lora]
        params.n_parallel = self.slots
        params.n_ctx = CONTEXT * self.slots
        params.n_batch = params.n_ubatch = _BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or _threads()
        if exact:
            params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
            params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.cache_ram_mib = 0  # items share no more than the system turn
        params.verbosity = -1
        params.ui = params.endpoint_slots = False
        params.cors_origins = "http://localhost"
        params.api_keys = [key]
        if unix:
            params.hostnames = [str(Path(self._folder.name) / "llama.sock")]
        try:
            self._server: Any = xllamacpp.Server(params)
        except (RuntimeError, ValueError) as error:
            self._folder.cleanup()
            raise EngineUnavailable(
                f"llama.cpp cannot load {weights.path}; remove it and run `digest model pull`"
            ) from error
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=params.hostnames[0] if unix else None),
            base_url="http://localhost" if unix else self._server.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )

    def count(self, text: str) -> int:
        """Tokens of `text` by the model's own tokenizer, control tokens read as text."""
        reply = self._http.post("/tokenize", json={"content": text, "parse_special": False})
        return len(reply.raise_for_status().json()["tokens"])

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch over all slots, each as soon as it is there, in any order.

        Closing the iterator stops what is being answered within a token.
        """
        yield from answered(asks, self._one, self.slots, "slot")

    def complete(
        self,
        prompt: str,
        max_tokens: int,
        stops: Sequence[str],
        temperature: float = 0,
        seed: int = 0,
    ) -> Answer:
        """Go on from a bare prompt, control tokens recognised, without a grammar."""
        request = {"prompt": prompt, "max_tokens": max_tokens, "stop": list(stops),
                   "temperature": temperature, "seed": seed}  # fmt: skip
        return _answer(0, self._complete(request, threading.Event()))

    def _one(self, index: int, ask: Ask, stop: threading.Event) -> Answer:
        stop = EitherStop(stop, ask.stopped)
        prompt = chatml(ask.messages)
        request: dict[str, Any] = {"prompt": prompt, "max_tokens": ask.max_tokens, "stop": [STOP]}
        if self._grammar:
            request["grammar"] = object_gbnf(ask.schema) if ask.schema else gbnf(ask.fields)

        def chat(loosened: Mapping[str, float]) -> Answer:
            return _answer(index, self._complete({**request, **loosened}, stop))

        answer = chat({}) if self._exact else with_end(chat, stop.is_set)
        scored = self._grammar and not ask.schema
        if scored and (written := until_score(answer.text)) and not stop.is_set():
            # A second question, of two tokens, over what the slot still holds: probabilities of
            # every token of the answer would slow all of it down by a third.
            again = {"prompt": prompt + written, "max_tokens": 2, "logprobs": TOP}
            steps = [Step(written, {}), *_steps(self._complete(again, stop))]
            return replace(answer, text=with_median(answer.text, distribution(steps)))
        return answer

    def _complete(self, request: dict[str, Any], stop: threading.Event) -> list[bytes]:
        """The events of one greedy completion.

        Broken off within a token when `stop` is set, and soon after the model has begun to say
        the same over and over; this ends like a budget that is spent.
        """
        events: list[bytes] = []
        written = ""
        looping = False

        def take(event: bytes) -> bool:
            nonlocal written, looping
            events.append(event)
            if len(events) % LOOK == 0:
                written += _answer(0, events[-LOOK:]).text
                looping = loops(written)
            return looping or stop.is_set()

        greedy = {"temperature": 0, "stream": True, "stream_options": {"include_usage": True}}
        self._server.handle_completions(json.dumps(greedy | request).encode(), take)
        if looping:
            cut = {"choices": [{"text": "", "finish_reason": "length"}],
                   "usage": {"completion_tokens": len(events)}}  # fmt: skip
            events.append(json.dumps(cut).encode())
        return events

    def close(self) -> None:
        """Free the model."""
        self._http.close()
        self._server = None
        self._folder.cleanup()


def _answer(index: int, events: Sequence[bytes]) -> Answer:
    """Put the events of a stream together: text, how it ended, and the usage at its end."""
    text, finish = "", "error"
    usage: dict[str, int] = {}
    for event in map(json.loads, events):
        if "error" in event or "choices" not in event:
            error = event.get("error", event)
            return Answer(index, "", "error", error=str(error.get("message", error)))
        for choice in event["choices"]:
            text += choice["text"]
            finish = choice["finish_reason"] or finish
        usage = event.get("usage") or usage
    reason = "the answer was broken off" if finish == "error" else ""
    tokens = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return Answer(index, text, finish, *tokens, error=reason)


def _steps(events: Sequence[bytes]) -> Iterator[Step]:
    """The tokens of a stream that came with probabilities."""
    for event in map(json.loads, events):
        for choice in event.get("choices", ()):
            for token in (choice.get("logprobs") or {}).get("content") or ():
                top = {entry["token"]: entry["logprob"] for entry in token["top_logprobs"]}
                yield Step(token["token"], top)


def _set_spins() -> None:
    """Say how long threads spin while they wait, unless the user did or llama.cpp is loaded."""
    if "xllamacpp" in sys.modules or {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        return
    busy = free_cores() < allowed_cores()
    os.environ["GOMP_SPINCOUNT"] = _BUSY_SPINS if busy else _SPINS


def _threads() -> int:
    """Threads for this machine; -1 lets llama.cpp count the physical cores."""
    allowed = allowed_cores()
    return allowed if allowed < (os.cpu_count() or 1) else -1

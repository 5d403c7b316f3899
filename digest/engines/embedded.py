"""The model inside this process: llama.cpp's server through xllamacpp.

Requests go to the server by function calls, one thread a slot; the server works on all slots in
one batch. Its socket is only used to count tokens: a Unix socket in a private folder where the
system has them, else a loopback port behind a random key.
"""

import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from digest.engines.cpu import allowed_cores
from digest.engines.weights import Weights, find
from digest.errors import EngineUnavailable, WeightsError
from digest.grammar import gbnf
from digest.prompt import STOP, chatml
from digest.protocols import Answer, Ask

CONTEXT = 4096  # tokens a slot: 2,048 of text, the prompt around it and the longest answer
SLOTS = 8  # by measurement on 2 cores: docs/lab-log-engines.md
BATCH = 512  # tokens computed at once


class EmbeddedEngine:
    """Runs the weights that `digest.engines.weights.find` names, or those given."""

    name = "embedded"
    context = CONTEXT

    def __init__(self, weights: Weights | None = None, *, threads: int = 0, slots: int = 0) -> None:
        """Load the model; 0 = what fits this machine. Raises EngineUnavailable."""
        # On a busy machine threads that spin while they wait for each other slow the model down
        # ten times and more. libgomp reads this once, when llama.cpp is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
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
        self.slots = slots or SLOTS
        self._closing = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="digest-")
        params = xllamacpp.CommonParams()
        params.model.path = str(weights.path)
        if weights.adapter:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(weights.adapter), 1.0)]
        params.n_parallel = self.slots
        params.n_ctx = CONTEXT * self.slots
        params.n_batch = params.n_ubatch = BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or _threads()
        params.cache_ram_mib = 0  # items share no more than the system turn
        params.verbosity = -1
        params.ui = False
        params.endpoint_slots = False
        params.cors_origins = "http://localhost"
        params.api_keys = [secrets.token_hex(16)]
        unix = hasattr(socket, "AF_UNIX") and os.name != "nt"
        if unix:
            params.hostnames = [str(Path(self._folder.name) / "llama.sock")]
        try:
            self._server: Any = xllamacpp.Server(params)
        except (RuntimeError, ValueError) as error:
            self._folder.cleanup()
            raise EngineUnavailable(
                f"llama.cpp cannot load {weights.path}; get it anew with `digest model pull`"
            ) from error
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=params.hostnames[0]) if unix else None,
            base_url="http://digest" if unix else self._server.listening_address,
            headers={"Authorization": f"Bearer {params.api_keys[0]}"},
            timeout=60,
            trust_env=False,
        )

    def count(self, text: str) -> int:
        """Tokens of `text` by the model's own tokenizer, control tokens read as text."""
        reply = self._http.post("/tokenize", json={"content": text, "parse_special": False})
        return len(reply.raise_for_status().json()["tokens"])

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer a batch over all slots, each as soon as it is there, in any order."""
        pool = ThreadPoolExecutor(self.slots, thread_name_prefix="slot")
        try:
            pending = [pool.submit(self._one, index, ask) for index, ask in enumerate(asks)]
            for future in as_completed(pending):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, index: int, ask: Ask) -> Answer:
        request = {
            "prompt": chatml(ask.messages),
            "grammar": gbnf(ask.fields),
            "max_tokens": ask.max_tokens,
            "stop": [STOP],
            "temperature": 0,
        }
        reply = self._server.handle_completions(request)
        if "choices" not in reply:
            error = reply.get("error", reply)
            return Answer(index, "", "error", error=str(error.get("message", error)))
        choice, usage = reply["choices"][0], reply["usage"]
        return Answer(
            index,
            choice["text"],
            choice["finish_reason"],
            usage["prompt_tokens"],
            usage["completion_tokens"],
        )

    def close(self) -> None:
        """Free the model."""
        self._http.close()
        self._server = None
        self._folder.cleanup()


def _threads() -> int:
    """Threads for this machine; -1 lets llama.cpp count the physical cores."""
    allowed = allowed_cores()
    return allowed if allowed < (os.cpu_count() or 1) else -1

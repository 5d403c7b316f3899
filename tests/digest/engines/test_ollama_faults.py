"""What a failing Ollama leaves behind: nothing lost, nothing final that is not the model's."""

import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from digest.analyze import analyze
from digest.engines.ollama import OllamaEngine
from digest.errors import EngineUnavailable
from digest.records import Digest, Item
from digest.settings import OllamaSettings

ROOT = Path(__file__).parents[3]
WORDS = "The council of Arnhult voted on Tuesday to buy the old mill for 310,000 euros. " * 6


class Memory:
    """Keeps digests, and counts how often each was kept."""

    def __init__(self) -> None:
        self.kept: dict[str, Digest] = {}

    def get(self, item: Item) -> Digest | None:
        return self.kept.get(item.content_hash)

    def put(self, item: Item, digest: Digest) -> None:
        assert item.content_hash not in self.kept, "kept twice"
        self.kept[item.content_hash] = digest


def items(count: int) -> list[Item]:
    return [Item("d", n, "story", f"Story {n}", f"Number {n}. {WORDS}") for n in range(count)]


def engine_at(host: str, **more: Any) -> OllamaEngine:
    return OllamaEngine(OllamaSettings(host=host, parallel=2, threads=1, **more))


@pytest.mark.parametrize("fault", ["dead", "broken off", "gone"])
def test_what_a_failing_server_left_is_open(double: Any, fault: str) -> None:
    asked, memory = items(8), Memory()
    double.faults = ["", "", *[fault] * 60]
    engine = engine_at(double.host)
    first = dict(analyze(asked, engine, cache=memory))
    assert len(first) == 8  # nobody is left without a digest
    assert sum(bool(digest.provenance.degraded) for digest in first.values()) >= 6
    assert not any(digest.provenance.degraded for digest in memory.kept.values())
    assert len(double.requests) < 20  # the others are not waited for
    double.faults = []
    again = dict(analyze(asked, engine, cache=memory))
    assert not any(digest.provenance.degraded for digest in again.values())
    assert len(memory.kept) == 8
    engine.close()


def test_a_runner_that_dies_once_is_asked_again_in_the_same_run(double: Any) -> None:
    double.faults = ["", "dead"]
    engine = engine_at(double.host)
    memory = Memory()
    found = dict(analyze(items(4), engine, cache=memory))
    assert not any(digest.provenance.degraded for digest in found.values())
    assert len(memory.kept) == 4
    engine.close()


def test_a_slow_server_is_open_with_the_cause(double: Any) -> None:
    double.faults = ["later"] * 20
    engine = engine_at(double.host, timeout=0.3)
    memory = Memory()
    ((_, one),) = analyze(items(1), engine, cache=memory)
    assert "no answer within 0.3 s" in one.provenance.degraded
    assert memory.kept == {}
    engine.close()


def test_a_prompt_too_long_for_the_context_is_the_items_own_end(double: Any) -> None:
    """Asked again over half the text, and then final: the next run would find the same."""
    double.faults = ["too long"] * 2
    engine = engine_at(double.host)
    memory = Memory()
    ((_, one),) = analyze(items(1), engine, cache=memory)
    assert "exceeds the available context" in one.provenance.degraded
    assert len(memory.kept) == 1
    engine.close()


class Process:
    """The stand-in as a process of its own, on a port that it keeps."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.host = f"http://127.0.0.1:{self.port}"
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(ROOT / "tests" / "ollama_double.py"), str(self.port), "0.01"]
        self.running = subprocess.Popen(command, cwd=ROOT)
        while True:
            try:
                httpx.get(f"{self.host}/api/version")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        assert self.running
        self.running.kill()
        self.running.wait()


@pytest.fixture
def process() -> Iterator[Process]:
    server = Process()
    server.start()
    yield server
    server.kill()


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_settle_nothing(process: Process) -> None:
    """The server is killed after a random number of answers; the next run completes the work."""
    chance = random.Random(20261128)
    degraded = 0
    for _ in range(20):
        asked, memory = items(12), Memory()
        engine = engine_at(process.host)
        moment = chance.uniform(0, 0.15)
        killer = threading.Timer(moment, process.kill)
        killer.start()
        first = dict(analyze(asked, engine, cache=memory))
        killer.join()
        engine.close()
        assert len(first) == len(asked)
        assert not any(digest.provenance.degraded for digest in memory.kept.values())
        degraded += len(asked) - len(memory.kept)
        with pytest.raises(EngineUnavailable, match="ollama serve"):
            engine_at(process.host)
        process.start()
        engine = engine_at(process.host)
        second = dict(analyze(asked, engine, cache=memory))
        engine.close()
        assert not any(digest.provenance.degraded for digest in second.values())
        assert len(memory.kept) == len(asked)
    assert degraded > 0, "no kill came before the end: nothing was shown"

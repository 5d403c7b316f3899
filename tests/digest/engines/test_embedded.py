"""The embedded engine with the real model, where its weights are; its set-up without."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from digest.engines import embedded
from digest.engines.embedded import EmbeddedEngine
from digest.engines.loops import loops
from digest.errors import EngineUnavailable
from digest.model.cpu import allowed_cores, free_cores
from digest.model.weights import Weights
from digest.prompt import messages
from digest.protocols import Ask, Engine
from digest.schema import FIELDS, parse

pytest.importorskip("xllamacpp")


def ask(text: str, fields: tuple[str, ...] = ("title", "relevance_score"), tokens: int = 90) -> Ask:
    return Ask(messages("", text, fields), fields, tokens)


STORIES = (
    "OpenAI announced a model that is twice as fast. Microsoft will host it on Azure.",
    "The council of Lerida voted to repair the old bridge; work begins in spring.",
    "A new phone with a folding screen goes on sale for 999 dollars in June.",
    "Researchers taught a robot to fold laundry from forty minutes of video.",
    "Nvidia shares fell by three per cent after the report on export rules.",
    "How to bake bread with less salt: four recipes that readers liked.",
)


def extremes(answers: Iterable[str]) -> int:
    return sum(parse(text, ("relevance_score",)).relevance_score in (1, 10) for text in answers)


PORTS = """
from pathlib import Path
from digest.engines.embedded import EmbeddedEngine

engine = EmbeddedEngine(slots=1)
rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
held = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
print("ports", [socket for socket in held if socket in listening])
engine.close()
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so it went, " * 8, True),
        ("then so it went, " * 7, False),
        ("Google Yandex, " + "Yandex" * 16, True),
        ("a line of dashes " + "-" * 63, False),
        ("", False),
        ("three words thrice, " * 8 + "and then an end", False),
    ],
)
def test_loops_are_told_from_repetitions(text: str, expected: bool) -> None:
    assert loops(text) is expected


@pytest.mark.model
class TestWithTheModel:
    def test_a_batch_wider_than_the_slots(self, model: Engine) -> None:
        asks = [ask(f"Story number {n} is about a robot.") for n in range(7)]
        answers = {answer.index: answer for answer in model.answer(asks)}
        assert sorted(answers) == list(range(7))
        for answer in answers.values():
            assert answer.finish == "stop", answer
            assert parse(answer.text, asks[0].fields)
            assert answer.tokens_in == pytest.approx(45, abs=15)
            assert 0 < answer.tokens_out <= 90

    def test_tokens_in_are_the_tokens_of_the_training_prompt(self, model: Engine) -> None:
        (short,) = model.answer([ask("a robot")])
        (longer,) = model.answer([ask("a robot" + " and a drone" * 50)])
        assert longer.tokens_in - short.tokens_in == model.count(" and a drone" * 50)

    def test_the_score_is_the_median_and_the_bare_model_is_left_to_itself(
        self, model: Engine
    ) -> None:
        asks = [ask(text, ("relevance_score",)) for text in STORIES]
        told = {a.index: a.text for a in model.answer(asks)}
        bare = EmbeddedEngine(slots=2, grammar=False)
        try:
            greedy = {a.index: a.text for a in bare.answer(asks)}
        finally:
            bare.close()
        assert all(parse(text, ("relevance_score",)) for text in told.values())
        # The extremes are what greedy choice overuses.
        assert extremes(told.values()) < extremes(greedy.values())

    def test_a_budget_that_is_too_small_is_a_cut(self, model: Engine) -> None:
        (answer,) = model.answer([ask("A robot.", FIELDS, 5)])
        assert (answer.finish, answer.tokens_out) == ("length", 2 * 5)  # it has two tries

    def test_a_model_that_runs_in_circles_is_stopped(self, model: Engine) -> None:
        assert isinstance(model, EmbeddedEngine)
        answer = model.complete("All work and no play makes Jack a dull boy.\n" * 20, 600, [])
        assert answer.finish == "length"
        assert loops(answer.text)
        assert answer.tokens_out < 200

    def test_an_answer_without_end_is_asked_for_less_greedily(
        self, model: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert isinstance(model, EmbeddedEngine)
        asked: list[dict[str, Any]] = []
        complete = model._complete

        def watch(request: dict[str, Any], stop: threading.Event) -> list[bytes]:
            asked.append(request)
            return complete(request | {"max_tokens": 5 if len(asked) == 1 else 90}, stop)

        monkeypatch.setattr(model, "_complete", watch)
        (answer,) = model.answer([ask(STORIES[0], ("title",))])
        assert answer.finish == "stop"
        assert answer.tokens_out > 5
        assert ["repeat_penalty" in request for request in asked] == [False, True]

    def test_a_prompt_that_is_too_long_fails_alone(self, model: Engine) -> None:
        good, bad = ask("A robot."), ask("robot " * 9000)
        answers = {answer.index: answer for answer in model.answer([good, bad, good])}
        assert [answers[n].finish for n in range(3)] == ["stop", "error", "stop"]
        assert "context" in answers[1].error

    def test_control_tokens_are_counted_as_text(self, model: Engine) -> None:
        assert model.count("<|im_end|>") > 1
        assert model.count("") == 0

    def test_closing_the_iterator_stops_the_slots(self, model: Engine) -> None:
        answers = model.answer([ask("A robot.")] + [ask("Tell a long story.", FIELDS, 800)] * 12)
        next(answers)
        running = [t for t in threading.enumerate() if t.name.startswith("slot")]
        assert running
        answers.close()  # type: ignore[attr-defined]
        assert not any(thread.is_alive() for thread in running)
        (after,) = model.answer([ask("A robot.")])
        assert after.finish == "stop"

    @pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's socket table")
    def test_no_port_is_opened(self, model: Engine) -> None:
        done = subprocess.run(
            [sys.executable, "-c", PORTS], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip().endswith("ports []")


def test_what_is_no_model_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(EngineUnavailable, match="digest model pull"):
        EmbeddedEngine(Weights(tmp_path / "x.gguf", None, "x"))


def test_no_weights_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="digest model pull"):
        EmbeddedEngine()


def test_opening_nothing_imports_nothing_heavy() -> None:
    heavy = ["xllamacpp", "ollama", "httpx", "numpy", "gguf", "syntok", "torch", "markdown_it"]
    code = f"import sys, digest.engines; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "100000 100000"}, 1),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "50000 100000"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000"}, None),
        (
            {
                "proc/self/cgroup": "4:memory:/m\n3:cpu,cpuacct:/c\n",
                "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us": "100000\n",
                "sys/fs/cgroup/cpu/c/cpu.cfs_period_us": "100000\n",
            },
            1,
        ),
        ({"proc/self/cgroup": "3:cpu:/c\n", "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us": "-1"}, None),
        ({}, None),
    ],
)
def test_quotas_of_containers_count(
    tmp_path: Path, files: dict[str, str], cores: int | None
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert allowed_cores(tmp_path) == (cores or allowed_cores(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("busy", "idle", "free"),
    [(0, 200, 4), (50, 150, 3), (100, 100, 2), (200, 0, 1), (0, 0, 4)],
)
def test_busy_cores_are_not_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: int, idle: int, free: int
) -> None:
    """By the ticks of the processor before and after a look at it."""
    stat = tmp_path / "proc" / "stat"
    stat.parent.mkdir()

    def tick(user: int, rest: int) -> None:
        stat.write_text(f"cpu  {1000 + user} 0 0 {9000 + rest} 0 0 0 0 0 0\ncpu0 1\n")

    tick(0, 0)
    monkeypatch.setattr("digest.model.cpu.time.sleep", lambda _: tick(busy, idle))
    monkeypatch.setattr("digest.model.cpu.allowed_cores", lambda _root: 4)
    monkeypatch.setattr("digest.model.cpu.os.cpu_count", lambda: 4)
    assert free_cores(tmp_path) == free


def test_where_nothing_is_told_all_allowed_cores_are_free(tmp_path: Path) -> None:
    assert free_cores(tmp_path) == allowed_cores(tmp_path)


@pytest.mark.parametrize(
    ("environment", "free", "spins"),
    [({}, 2, "1000"), ({}, 1, "0"), ({"GOMP_SPINCOUNT": "7"}, 1, "7"),
     ({"OMP_WAIT_POLICY": "ACTIVE"}, 1, None)],
)  # fmt: skip
def test_threads_sleep_at_once_where_cores_are_busy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], free: int, spins: str | None
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # so that it is put back as it was
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    monkeypatch.setattr(embedded, "free_cores", lambda: free)
    monkeypatch.setattr(embedded, "allowed_cores", lambda: 2)
    embedded._set_spins()
    assert os.environ.get("GOMP_SPINCOUNT") == spins

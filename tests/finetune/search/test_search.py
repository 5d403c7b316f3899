"""Searches over a tiny random model: real trials, a real study, real kills."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.finetune.search import runner
from cli.main import main
from digest.errors import ConfigError
from finetune.config import Config, load
from finetune.search import report as searchreport
from finetune.search import study as search
from finetune.search.space import Range
from finetune.search.study import Plan, Worker, check, ended, open_study, start
from finetune.train import rates

from ..recipes.play import DOCS, blocks, play

pytest.importorskip("optuna", reason="the extra `search` is not installed")

TOML = """
out = "run"
base = "{base}"
[data]
rows = "{rows}"
[data.split]
validation = 0.25
[train]
epochs = 3
batch = 2
threads = 1
dtype = "float32"
validate_every = 2
examine_every = 0
checkpoint_minutes = 0
[search]
trials = 5
startup = 2
prune_after = 0.1
[search.space]
train.lr = {{ log = [1e-4, 0.3] }}
lora.rank = {{ choice = [2, 4] }}
"""


@pytest.fixture
def file(base: Path, rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "search.toml"
    path.write_text(TOML.format(base=base, rows=rows_file))
    return path


@pytest.fixture
def digest() -> Callable[..., Result]:
    def run(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["finetune", *map(str, arguments)])
        if result.exit_code != code:
            raise AssertionError(f"{result.exit_code}: {result.output}") from result.exception
        return result

    return run


def plan(file: Path, *overrides: str) -> Plan:
    return Plan(Path("run/search/first"), file, overrides)


# --- the rule, and the space ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hidden", "family", "rate"),
    [(2000, "llama", 5e-4), (576, "llama", 1.3222e-3), (4096, "llama", 2.8573e-4),
     (896, "qwen2", 5.3209e-4), (2000, "qwen3_moe", 5e-4)],
)  # fmt: skip
def test_the_rule_of_the_cookbook(hidden: int, family: str, rate: float) -> None:
    assert rates.recommended(hidden, family) == pytest.approx(rate, rel=1e-3)


def test_a_family_without_a_rule(tmp_path: Path, base: Path) -> None:
    assert rates.recommended(768, "gpt2") is None
    assert rates.for_base(base) == rates.recommended(64, "llama")
    (tmp_path / "config.json").write_text("{}")
    assert rates.for_base(tmp_path) is None


@pytest.mark.parametrize(
    ("where", "value", "nearest"),
    [
        ({"log": [1e-4, 1e-2]}, 0.5, 1e-2),
        ({"log": [1e-4, 1e-2]}, 1e-3, 1e-3),
        ({"range": [2, 8]}, 5.4, 5),
        ({"choice": [8, 16, 32]}, 20, 16),
        ({"choice": ["linear", "cosine"]}, "wsd", None),
        ({"choice": ["linear", "cosine"]}, "cosine", "cosine"),
        ({"range": [0.0, 1.0]}, "text", None),
    ],
)
def test_what_is_nearest(where: dict[str, Any], value: object, nearest: object) -> None:
    assert Range.model_validate(where).nearest(value) == nearest


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("search.space.train.learning_rate={log=[1,2]}", "learning_rate"),
        ("search.space.train.lr={log=[-1,2]}", "above 0"),
        ("search.space.train.lr={log=[2,1]}", "smaller"),
        ("search.space.train.lr={choice=[1]}", "two values"),
        ("search.space.train.lr={}", "choice"),
        ("search.space.train.schedule={choice=['cosine','steps']}", "schedule"),
        ("search.space.data.split.validation={range=[0.1,0.2]}", "different rows"),
        ("search.space.data.caps={choice=[1,2]}", "do not compare"),
        ("search.trial=3", "trial"),
    ],
)
def test_spaces_that_are_refused(file: Path, override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check(plan(file, override))


def test_a_search_for_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to search"):
        check(Plan(tmp_path, None))


def test_the_start_is_the_rule_and_what_stands_in_the_file(file: Path) -> None:
    assert start(plan(file), 2e-3) == {"train.lr": 2e-3, "lora.rank": 4}  # 16 is nearest to 4
    assert start(plan(file, "train.lr=5e-4"), None)["train.lr"] == 5e-4
    targets = 'search.space.lora.targets={choice=[["q_proj"],["q_proj","v_proj"]]}'
    assert "lora.targets" not in start(plan(file, targets), None)
    chosen = start(plan(file, targets, 'lora.targets=["q_proj"]'), None)
    assert plan(file).of(chosen).lora.targets == ("q_proj",)


# --- trials ---------------------------------------------------------------------------------------


def test_a_search_from_the_command_line(file: Path, digest: Callable[..., Result]) -> None:
    told = digest("search", "--config", file, "--json").stdout
    found = json.loads(told)
    folder = Path("run/search/first")
    assert found["trials"] == 5 and found["report"] == str(folder / "report.md")
    study = open_study(plan(file))
    trials = ended(study)
    values = {t.number: t.value for t in trials if t.state.name == "COMPLETE"}
    assert found["best"]["value"] == min(values.values()) == pytest.approx(study.best_value)
    first = trials[0]
    assert first.params["train.lr"] == pytest.approx(rates.recommended(64, "llama"))
    # What Optuna was told is what the run has logged.
    log = (folder / "trials/0000/log.jsonl").read_text().splitlines()
    steps = [entry for entry in map(json.loads, log) if "validation" in entry]
    assert list(first.intermediate_values.values()) == [s["validation"] for s in steps]
    assert first.value == steps[-1]["validation"] and max(first.intermediate_values) == 100
    # The best configuration reads as such, and `train` takes it.
    best = load(folder / "best.toml")
    assert best.train.lr == found["best"]["train.lr"]
    assert best == plan(file).of(dict(study.best_trial.params)).model_copy(
        update={"search": Config().search}
    )
    report = (folder / "report.md").read_text()
    assert all(f"| {trial.number} |" in report for trial in trials) and "the start" in report
    assert sorted(p.stem for p in folder.glob("pictures/*.png")) >= ["curves", "history"]
    assert not list(folder.glob("trials/*/checkpoints"))
    digest("train", "--config", folder / "best.toml", "out=again", "train.epochs=1")
    # Nothing is left to do; more trials go on with the same study.
    assert "5 of 5 trials" in digest("search", "--config", file).output
    more = json.loads(digest("search", "--config", file, "--json", "search.trials=6").stdout)
    assert more["trials"] == 6 and len(study.trials) == 6
    digest("search", "--config", file, "--report-only")


def test_a_study_goes_on_as_one_that_was_left_alone(file: Path) -> None:
    whole, halves = [Plan(Path(f"run/search/{n}"), file) for n in ("whole", "halves")]
    for one in (whole, halves):
        open_study(one, 1e-3)
    Worker(whole, fake()).work()
    for trials in (2, 5):
        Worker(Plan(halves.folder, file, (f"search.trials={trials}",)), fake()).work()
    left, right = [[t.params for t in ended(open_study(one))] for one in (whole, halves)]
    assert left == right and len({json.dumps(params) for params in left}) > 3


def test_bad_trials_are_ended_early(file: Path) -> None:
    """The worse the rate, the worse the loss from the first look on."""
    one = plan(file, "search.trials=12", "search.startup=3", "search.seed=1")
    open_study(one, 1e-3)
    Worker(one, fake()).work()
    trials = ended(open_study(one))
    pruned = [t for t in trials if t.state.name == "PRUNED"]
    whole = [t for t in trials if t.state.name == "COMPLETE"]
    assert pruned and whole and len(trials) == 12
    assert min(t.value for t in whole) < min(max(t.intermediate_values.values()) for t in pruned)
    assert all(10 <= max(t.intermediate_values) < 100 for t in pruned)
    unpruned = plan(file, "search.trials=6", "search.prune=false")
    again = Plan(Path("run/search/none"), file, unpruned.overrides)
    open_study(again)
    Worker(again, fake()).work()
    assert {t.state.name for t in ended(open_study(again))} == {"COMPLETE"}


def test_what_cannot_be_trained_is_told(file: Path) -> None:
    def run(config: Config, **_: Any) -> Path | None:
        if config.lora.rank == 2:
            raise ConfigError("no room for rank 2")
        told = _["on_progress"]
        told(1, 1, {"step": 1, "validation": float("nan")})
        return Path()

    one = plan(file)
    open_study(one)
    Worker(one, run).work()
    trials = ended(open_study(one))
    assert {t.state.name for t in trials} == {"FAIL"} and len(trials) == 5
    report = searchreport.write(one, open_study(one)).read_text()
    assert "no room for rank 2" in report and "is nan after 1 of 1 steps" in report
    assert "No trial ran to its end" in report and not Path("run/search/first/best.toml").exists()


def test_other_settings_are_another_study(file: Path) -> None:
    open_study(plan(file))
    open_study(plan(file, "search.trials=50", "train.threads=2"))
    with pytest.raises(ConfigError, match=r"other settings \(train\); name another one"):
        open_study(plan(file, "train.epochs=9"))
    with pytest.raises(ConfigError, match=r"other settings \(search\)"):
        open_study(plan(file, "search.space.train.lr={log=[1e-4,1e-2]}"))


def test_the_score_can_be_what_counts(file: Path) -> None:
    def run(config: Config, **how: Any) -> Path | None:
        for step in range(1, 5):
            exam = {"exam": {"score": [0.2, 0.6, 0.4][step - 2]}} if step > 1 else {}
            how["on_progress"](step, 4, {"step": step, "validation": 9.0, **exam})
        return Path()

    one = plan(file, "search.metric=score", "search.trials=1")
    open_study(one)
    Worker(one, run).work()
    (trial,) = ended(open_study(one))
    assert trial.value == 0.6 and trial.intermediate_values == {50: 0.2, 75: 0.6, 100: 0.4}


def fake() -> Callable[..., Path | None]:
    """A run whose loss is that of a bowl around 1e-2 in the rate, and falls on the way."""

    def run(config: Config, **how: Any) -> Path | None:
        from math import log10

        bowl = 1 + abs(log10(config.train.lr) + 2) + config.lora.rank / 100
        for step in range(1, 11):
            entry = {"step": step, "loss": bowl, "validation": bowl + 1 / step}
            how["on_progress"](step, 10, entry)
        return Path()

    return run


# --- workers that stop and die --------------------------------------------------------------------


def test_a_trial_that_is_stopped_goes_on(file: Path) -> None:
    one = plan(file, "search.trials=1", "search.prune=false")
    open_study(one, 1e-2)
    steps: list[int] = []

    def told(_trial: Any, step: int, _total: int, _entry: dict[str, Any]) -> None:
        steps.append(step)

    Worker(one, runner(Path("run/data")), stop=lambda: len(steps) >= 5).work(told)
    assert ended(open_study(one)) == [] and steps[-1] == 5
    Worker(one, runner(Path("run/data"))).work(told)
    assert steps == list(range(1, steps[-1] + 1))  # each step once
    (trial,) = ended(open_study(one))
    assert trial.user_attrs["attempt"] == 2 and trial.state.name == "COMPLETE"
    # As if nothing had happened.
    alone = Plan(Path("run/search/alone"), file, one.overrides)
    open_study(alone, 1e-2)
    Worker(alone, runner(Path("run/data"))).work()
    (same,) = ended(open_study(alone))
    assert same.value == trial.value and same.intermediate_values == trial.intermediate_values


def worker(one: Plan, gate: Any) -> None:
    """A process that stands still at the third step of its first trial."""

    def run(config: Config, **how: Any) -> Path | None:
        inner = how.pop("on_progress")

        def told(step: int, total: int, entry: dict[str, Any]) -> None:
            inner(step, total, entry)
            if step == 3 and not gate.is_set():
                gate.set()
                time.sleep(600)

        return runner(one.config.out / "data")(config, on_progress=told, **how)

    Worker(one, run).work()


def test_a_killed_workers_trial_is_taken_up(file: Path) -> None:
    one = plan(file, "search.trials=2", "search.prune=false", "train.epochs=1")
    study = open_study(one, 1e-2)
    fresh = multiprocessing.get_context("spawn")
    gate = fresh.Event()
    process = fresh.Process(target=worker, args=(one, gate))
    process.start()
    assert gate.wait(120) and process.pid
    params = study.trials[0].params
    assert study.trials[0].state.name == "RUNNING" and len(study.trials) == 1
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    Worker(one, runner(Path("run/data"))).work()
    trials = open_study(one).trials
    assert [t.state.name for t in trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert trials[1].params == params and trials[1].user_attrs["again"] == 0
    assert [t.number for t in ended(study)] == [1, 2]
    report = searchreport.write(one, open_study(one)).read_text()
    assert "attempt 2, went on from trial 0" in report
    lines = Path("run/search/first/trials/0000/log.jsonl").read_text().splitlines()
    log = [json.loads(line) for line in lines]
    assert [e["event"] for e in log if "event" in e] == ["start", "resume"]


def test_a_trial_that_kills_its_workers_ends(file: Path) -> None:
    class Died(BaseException):
        """As abrupt as a kill: nothing is told to the study."""

    def run(config: Config, **_: Any) -> Path | None:
        raise Died

    one = plan(file, "search.trials=1")
    open_study(one)
    for _ in range(3):
        with pytest.raises(Died):
            Worker(one, run).work()
    Worker(one, fake()).work()
    (trial,) = ended(open_study(one))
    assert trial.state.name == "FAIL" and trial.user_attrs["attempt"] == 3
    assert "its worker died" in searchreport.write(one, open_study(one)).read_text()


@pytest.mark.slow
def test_two_workers_share_a_study(file: Path, digest: Callable[..., Result]) -> None:
    overrides = ("search.trials=4", "train.epochs=1", "search.prune=false")
    told = digest("search", "--config", file, "--workers", 2, "--json", *overrides).stdout
    assert json.loads(told)["trials"] == 4
    trials = open_study(plan(file, *overrides)).trials
    assert [t.state.name for t in trials] == ["COMPLETE"] * 4
    assert len({t.params["train.lr"] for t in trials}) == 4


def test_plots_are_of_what_there_is(file: Path) -> None:
    one = plan(file, "search.trials=14", "search.startup=14", "search.prune=false")
    study = open_study(one, 1e-3)
    Worker(one, fake()).work()
    searchreport.write(one, study)
    pictures = sorted(path.stem for path in (one.folder / "pictures").glob("*.png"))
    assert pictures == ["curves", "history", "importance", "slices"]
    report = (one.folder / "report.md").read_text()
    (rate,) = [line for line in report.splitlines() if line.startswith("| `train.lr` |")]
    assert float(rate.split("|")[2]) > 0.8  # the bowl is one of the rate
    assert search.ended(study)


def test_every_command_of_the_page(
    base: Path, rows_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (toml,) = blocks(DOCS / "search.md", "toml")
    Path("finetune.toml").write_text(toml)
    tiny = ("train.epochs=1", "train.threads=1", "train.validate_every=1", f"data.rows={rows_file}")
    few = ("search.trials=2", "train.examine_every=0", "data.split.validation=0.25")
    small = {"finetune search": (*tiny, *few)}
    ran = play("search.md", base, monkeypatch, {**small, "finetune train": tiny[:2]})
    assert len(ran) == 2
    assert Path("runs/digest/adapter/adapter_model.safetensors").is_file()

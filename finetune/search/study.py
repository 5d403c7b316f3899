"""A search for settings: trials of a run, by any number of workers on one study.

A study is a folder: `study.db` (Optuna's SQLite storage), `trials/N/` (a run each) and a lock.
Who runs a trial holds the lock of its folder, which the system releases when the process dies,
however it dies; so another worker sees at once that a trial was orphaned, fails it and queues it
again, and the new one goes on from the checkpoint of the old.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout

from digest.errors import ConfigError, DigestError
from finetune.config import Config, load
from finetune.search.space import Range, Search
from finetune.train.loop import OnProgress

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

_ATTEMPTS = 3  # at a trial whose worker dies
_WAIT = 0.5  # seconds between looks at trials that others run
_KEPT = 1  # checkpoints of a trial, besides its best


class Run(Protocol):
    """Trains a configuration; the folder of the adapter, or None if it was stopped."""

    def __call__(
        self, config: Config, *, resume: bool, stop: Callable[[], bool], on_progress: OnProgress
    ) -> Path | None:
        """As finetune.train.train."""
        ...


@dataclass(frozen=True)
class Plan:
    """What is searched: a configuration by its file and overrides, and the study's folder."""

    folder: Path
    file: Path | None
    overrides: tuple[str, ...] = ()

    @property
    def config(self) -> Config:
        """The configuration without a trial's own settings. Raises ConfigError."""
        return load(self.file, self.overrides)

    def of(self, params: dict[str, Any]) -> Config:
        """The configuration with a trial's settings. Raises ConfigError."""
        return load(self.file, [*self.overrides, *_overrides(params)])


def check(plan: Plan) -> Search:
    """The search of a plan, after the configuration has taken every kind of value that will be
    tried. Raises ConfigError.
    """
    search = plan.config.search
    if not search.space:
        raise ConfigError(
            "there is nothing to search; write ranges under [search.space], e.g. "
            "train.lr = { log = [1e-4, 3e-3] }"
        )
    for key, where in search.space.items():
        for value in where.probes():
            plan.of({key: value})
    return search


def start(plan: Plan, rate: float | None) -> dict[str, Any]:
    """Settings of the first trial: the configuration's own, and as learning rate the one given
    (finetune.train.rates), each moved to what is nearest to it in the space.
    """
    config, params = plan.config, {}
    for key, where in config.search.space.items():
        own: Any = config
        for name in key.split("."):
            own = own.get(name) if isinstance(own, dict) else getattr(own, name, None)
        wanted = rate if key == "train.lr" and rate else own
        wanted = list(wanted) if isinstance(wanted, tuple) else wanted
        if (near := where.nearest(wanted)) is not None:
            params[key] = _plain(near)
    return params


def open_study(plan: Plan, rate: float | None = None) -> "Study":
    """The study of a plan, made if it is not there. Raises ConfigError if it is there and was
    made with other settings: its numbers would not compare.
    """
    optuna = _optuna()
    search = check(plan)
    plan.folder.mkdir(parents=True, exist_ok=True)
    same = _same(plan.config)
    with FileLock(plan.folder / ".lock"):
        study: Study = optuna.create_study(
            study_name=plan.folder.name,
            storage=optuna.storages.RDBStorage(
                f"sqlite:///{plan.folder / 'study.db'}",
                engine_kwargs={"connect_args": {"timeout": 60}},
            ),
            direction="maximize" if search.metric == "score" else "minimize",
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=search.startup, n_warmup_steps=round(100 * search.prune_after)
            )
            if search.prune
            else optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        made = study.user_attrs.get("settings")
        if made is None:
            study.set_user_attr("settings", same)
            study.enqueue_trial(start(plan, rate), user_attrs={"start": True})
        elif made != same:
            differs = ", ".join(k for k in made.keys() | same.keys() if made.get(k) != same.get(k))
            raise ConfigError(
                f"the study in {plan.folder} was made with other settings ({differs}); "
                "name another one with --study"
            )
    return study


def _same(config: Config) -> dict[str, Any]:
    """What has to be the same in all trials of a study, by section."""
    whole = config.model_dump(mode="json", exclude={"out": True, "search": {"trials"}})
    whole["train"].pop("threads", None)
    found: dict[str, Any] = json.loads(json.dumps(whole))
    return found


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            f"a search needs {error.name}; install it with `pip install 'newsdigest[search]'`"
        ) from error
    import warnings

    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def ended(study: "Study") -> "list[FrozenTrial]":
    """The trials that ended and count: all but those that were queued again."""
    trials = study.get_trials(deepcopy=False)
    again = {trial.user_attrs.get("again") for trial in trials}
    return [t for t in trials if t.state.is_finished() and t.number not in again]


class Worker:
    """Takes one trial of a study after the other until there are enough."""

    def __init__(self, plan: Plan, run: Run, *, stop: Callable[[], bool] = lambda: False) -> None:
        self._plan, self._run, self._stop = plan, run, stop
        self._search = plan.config.search
        self._study = open_study(plan)

    def work(
        self, on_progress: Callable[["Trial", int, int, dict[str, Any]], None] | None = None
    ) -> None:
        """Until enough trials ended, or `stop` says so; that trial is queued again.

        `on_progress` gets the trial and what finetune.train.loop tells. Raises ConfigError.
        """
        while not self._stop():
            claimed = self._claim()
            if claimed is None:
                if len(ended(self._study)) >= self._search.trials:
                    return
                time.sleep(_WAIT)
                continue
            trial, lock = claimed
            try:
                self._try(trial, on_progress)
            finally:
                lock.release()

    def _claim(self) -> "tuple[Trial, FileLock] | None":
        """The next trial with its settings drawn, and the lock that says it is ours; None if
        enough are done or under way.
        """
        with FileLock(self._plan.folder / ".lock"):
            running = self._adopt_orphans()
            if len(ended(self._study)) + running >= self._search.trials:
                return None
            self._study.sampler = self._sampler()
            trial = self._study.ask()
            if "folder" not in trial.user_attrs:
                trial.set_user_attr("folder", f"{trial.number:04d}")
            for key, where in self._search.space.items():
                _suggest(trial, key, where)
            return trial, self._own(trial.user_attrs["folder"])

    def _sampler(self) -> Any:
        """Seeded by how many trials there are, so that a study that is resumed goes on as one
        that was left alone, and no two workers draw the same.
        """
        optuna = _optuna()
        many = len(self._study.get_trials(deepcopy=False))
        return optuna.samplers.TPESampler(
            n_startup_trials=self._search.startup,
            multivariate=True,
            constant_liar=True,
            seed=self._search.seed + many,
        )

    def _adopt_orphans(self) -> int:
        """Queue again what runs by nobody; return how many trials do run."""
        state = _optuna().trial.TrialState
        running = 0
        for trial in self._study.get_trials(deepcopy=False, states=(state.RUNNING,)):
            try:
                lock = self._own(trial.user_attrs.get("folder", f"{trial.number:04d}"))
            except Timeout:
                running += 1
                continue
            try:
                self._again(trial)
            finally:
                lock.release()
        return running

    def _again(self, trial: "FrozenTrial | Trial") -> None:
        """Fail a trial and queue it anew; a kill between the two queues nothing twice."""
        state = _optuna().trial.TrialState
        attempt = trial.user_attrs.get("attempt", 1)
        queued = {t.user_attrs.get("again") for t in self._study.get_trials(deepcopy=False)}
        if attempt < _ATTEMPTS and trial.number not in queued:
            own = {k: v for k, v in trial.user_attrs.items() if k in {"folder", "start"}}
            self._study.enqueue_trial(
                trial.params, user_attrs={**own, "again": trial.number, "attempt": attempt + 1}
            )
        self._study.tell(trial.number, state=state.FAIL)

    def _own(self, folder: str) -> FileLock:
        """Hold the lock of a trial's folder. Raises Timeout if another process does."""
        place = self._plan.folder / "trials" / folder
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / ".lock", thread_local=False)
        lock.acquire(timeout=0)
        return lock

    def _try(
        self,
        trial: "Trial",
        on_progress: Callable[["Trial", int, int, dict[str, Any]], None] | None,
    ) -> None:
        """Run a trial to its end, and tell the study how it ended."""
        optuna = _optuna()
        state = optuna.trial.TrialState
        out = self._plan.folder / "trials" / trial.user_attrs["folder"]
        began = time.monotonic()
        watch = _Watch(trial, self._search, optuna.TrialPruned, on_progress)
        try:
            config = _placed(self._plan.of(dict(trial.params)), out)
            resume = _ready(out)
            watch.replay(out)
            adapter = self._run(config, resume=resume, stop=self._stop, on_progress=watch)
        except optuna.TrialPruned:
            self._end(trial, out, began, state.PRUNED)
        except (DigestError, RuntimeError, ValueError, MemoryError) as error:
            # One that cannot be trained, or diverges, is a result, too; a mistake of the whole
            # study would fail them all, and each says why.
            trial.set_user_attr("why", " ".join(str(error).split())[:300] or repr(error))
            self._end(trial, out, began, state.FAIL)
        else:
            if adapter is None:
                with FileLock(self._plan.folder / ".lock"):
                    self._again(trial)
            else:
                self._end(trial, out, began, state.COMPLETE, watch.value)

    def _end(
        self, trial: "Trial", out: Path, began: float, state: Any, value: float | None = None
    ) -> None:
        trial.set_user_attr("seconds", round(time.monotonic() - began, 1))
        self._study.tell(trial, value, state=state)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)


class _Watch:
    """What a run tells, taken to the study: how far it is, in percent, and the metric there."""

    def __init__(
        self,
        trial: "Trial",
        search: Search,
        pruned: type[Exception],
        on_progress: Callable[["Trial", int, int, dict[str, Any]], None] | None,
    ) -> None:
        self._trial, self._search, self._pruned, self._on_progress = (
            trial,
            search,
            pruned,
            on_progress,
        )
        self._values: list[float] = []

    @property
    def value(self) -> float:
        """Of the adapter that the run leaves: the loss at its end, or its best examination.

        Raises ValueError if it was never measured.
        """
        if not self._values:
            raise ValueError(f"the run never measured {self._search.metric}; see train.*_every")
        return self._values[-1] if self._search.metric == "validation" else max(self._values)

    def __call__(self, done: int, total: int, entry: dict[str, Any]) -> None:
        """Told by the training loop after each step; raises to end the run."""
        if self._on_progress:
            self._on_progress(self._trial, done, total, entry)
        if self._take(done, total, entry) and done < total and self._trial.should_prune():
            raise self._pruned

    def replay(self, out: Path) -> None:
        """Take over what an earlier attempt at this run reported."""
        log = out / "log.jsonl"
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        total = 0
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:  # a line that a kill tore
                continue
            total = entry.get("steps", total)
            if total and "step" in entry:
                self._take(entry["step"], total, entry)

    def _take(self, done: int, total: int, entry: dict[str, Any]) -> bool:
        value = entry.get("validation")
        if self._search.metric == "score":
            value = entry["exam"]["score"] if "exam" in entry else None
        if value is None:
            return False
        if not math.isfinite(value):
            raise ValueError(f"the {self._search.metric} is {value} after {done} of {total} steps")
        self._values.append(float(value))
        self._trial.report(float(value), round(100 * done / total))
        return True


def _ready(out: Path) -> bool:
    """Whether a run in this folder can be resumed; a start without a checkpoint is cleared."""
    if any((out / "checkpoints").glob("step-*[0-9]")):
        return True
    (out / "log.jsonl").unlink(missing_ok=True)
    return False


def _placed(config: Config, out: Path) -> Config:
    """The configuration of a trial, in its own folder."""
    train = config.train.model_copy(update={"keep": _KEPT})
    return config.model_copy(update={"out": out, "train": train})


def _suggest(trial: "Trial", key: str, where: Range) -> Any:
    """A value of the range, drawn or queued."""
    if where.ends is None:
        return trial.suggest_categorical(key, [_plain(one) for one in where.choice or ()])
    low, high = where.ends
    if where.whole:
        return trial.suggest_int(key, int(low), int(high), log=bool(where.log))
    return trial.suggest_float(key, low, high, log=bool(where.log))


def _plain(value: Any) -> str | float | int | bool:
    """A value that a study can hold: lists and tables as their TOML."""
    return value if isinstance(value, str | float | int | bool) else _toml(value)


def _overrides(params: dict[str, Any]) -> Sequence[str]:
    """A trial's settings as the command line would give them."""
    return [f"{key}={_toml(value)}" for key, value in params.items()]


def _toml(value: Any) -> str:
    import tomlkit

    # A text may be TOML already: that of a list in a choice.
    return value if isinstance(value, str) else str(tomlkit.item(value).as_string())

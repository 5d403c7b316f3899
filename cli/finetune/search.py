"""`digest finetune search`: the best settings of a run, by trying."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import options
from cli.progress import Progress

if TYPE_CHECKING:
    from optuna.study import Study

    from finetune.config import Config
    from finetune.search.study import Plan, Run
    from finetune.train.loop import OnProgress

_LOOK = 1.0  # seconds between looks at the workers


@click.command()
@options.run_config
@click.option(
    "--study", default="first", show_default=True, help="Its name; the same name goes on with it."
)
@click.option("--workers", default=1, show_default=True, help="Trials at once, a process each.")
@click.option("--report-only", is_flag=True, help="Write the report anew, and try nothing.")
@options.json_output
@options.overrides
def search(
    config: Path | None,
    study: str,
    workers: int,
    report_only: bool,
    as_json: bool,
    overrides: tuple[str, ...],
) -> None:
    """Search for settings: train again and again, and keep what the best run had.

    The file says where to look, under [search.space], e.g. `train.lr = { log = [1e-4, 3e-3] }`.
    Each trial is a run in OUT/search/STUDY/trials; bad ones are ended early. The same command
    goes on after any interruption, and the trials of a worker that died are taken up by the
    others. Writes OUT/search/STUDY/report.md and best.toml, which `train --config` takes.
    """
    from digest.errors import ConfigError
    from finetune.search import report as searchreport
    from finetune.search.study import Plan, check, ended, open_study
    from finetune.train.rates import for_base

    if not study.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"{study!r} is no name of a study; use letters, digits, - and _")
    file = options.run_file(config)
    plan = Plan(Path(), file, overrides)
    search = check(plan)
    run = plan.config
    if workers > 1 and not run.train.threads:
        overrides = (*overrides, f"train.threads={_share(workers)}")
    plan = Plan(run.out / "search" / study, file, overrides)
    _prepare(run)
    opened = open_study(plan, for_base(options.converted_base(run.base)))
    if not report_only:
        with Progress(quiet=as_json) as progress:
            _work(plan, opened, workers, progress)
    report = searchreport.write(plan, opened)
    finished, best = len(ended(opened)), searchreport.best(opened)
    if as_json:
        options.print_json(
            {
                "trials": finished,
                "best": best and {"trial": best.number, "value": best.value, **best.params},
                "report": str(report),
            }
        )
    else:
        click.echo(f"{finished} of {search.trials} trials; report: {report}")
        if best:
            settings = ", ".join(f"{key}={value}" for key, value in best.params.items())
            click.echo(f"best: {best.value:.4f} by {settings}")
            click.echo(f"train it: digest finetune train --config {report.parent / 'best.toml'}")
    if finished < search.trials and not report_only:
        click.echo("stopped; the same command goes on", err=True)
        raise click.exceptions.Exit(75)


def _share(workers: int) -> int:
    """Threads of each of so many workers."""
    from digest.model.cpu import allowed_cores

    return max(1, allowed_cores() // workers)


def _prepare(run: "Config") -> None:
    """Make the rows before anybody trains on them, once."""
    from finetune.data import prepared

    prepared.load(run.data, run.out / "data", run)


def runner(data: Path) -> "Run":
    """What trains a configuration as `digest finetune train` does, on the rows in `data`."""
    from finetune import backends
    from finetune.data import prepared
    from finetune.train.base import Tokens
    from finetune.train.threads import prepare as ready

    def run(
        config: "Config", *, resume: bool, stop: Callable[[], bool], on_progress: "OnProgress"
    ) -> Path | None:
        ready(config.train.threads)
        base = options.converted_base(config.base)
        rows = prepared.load(config.data, data, config)
        train = backends.trainer(config.train.backend)
        both = rows.train, rows.validation
        tokens = Tokens.load(base)
        return train(config, base, both, tokens, resume=resume, stop=stop, on_progress=on_progress)

    return run


def _work(plan: "Plan", study: "Study", workers: int, progress: Progress) -> None:
    from finetune.search.study import Worker, ended

    total = plan.config.search.trials
    if workers > 1:
        _together(plan, study, workers, progress)
        return

    def on_progress(trial: Any, step: int, steps: int, entry: dict[str, Any]) -> None:
        note = f"trial {trial.number}, step {step} of {steps}, loss {entry['loss']:.3f}"
        progress("search", len(ended(study)), total, note)

    Worker(plan, runner(plan.config.out / "data"), stop=_until_signal()).work(on_progress)


def _until_signal() -> Callable[[], bool]:
    """Whether this process was told to end, by Ctrl-C or a TERM signal."""
    import threading

    asked = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: asked.set())
    return asked.is_set


def _together(plan: "Plan", study: "Study", workers: int, progress: Progress) -> None:
    """Several workers; when one dies, the others take up its trial."""
    import multiprocessing

    from finetune.search.study import ended

    fresh = multiprocessing.get_context("spawn")  # torch and its threads do not survive a fork
    processes = [fresh.Process(target=work, args=(plan,)) for _ in range(workers)]
    stopping = _until_signal()
    for process in processes:
        process.start()
    stopped, shown = False, -1
    while any(process.is_alive() for process in processes):
        if stopping() and not stopped:
            stopped = True
            for process in processes:
                process.terminate()
        time.sleep(_LOOK)
        done = ended(study)
        if len(done) == shown:
            continue
        shown = len(done)
        values = [trial.value for trial in done if trial.value is not None]
        note = f"{len(values)} whole, {sum(process.is_alive() for process in processes)} workers"
        progress("search", len(done), plan.config.search.trials, note)


def work(plan: "Plan") -> None:
    """A worker's process."""
    from finetune.search.study import Worker

    Worker(plan, runner(plan.config.out / "data"), stop=_until_signal()).work()

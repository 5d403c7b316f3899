"""A search as a page: every trial, what the metric hangs on, and the best configuration."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import ConfigError
from finetune.config import Config, load
from finetune.search.space import Search
from finetune.search.study import Plan, ended

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from finetune.plots.search import Point

BEST = "best.toml"
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
_ENOUGH = 4  # whole trials from which importances are computed
_METRICS = {"validation": "validation loss", "score": "examination score"}


def write(plan: Plan, study: "Study") -> Path:
    """Write report.md, best.toml and pictures/ into the study's folder; return the report.

    Before a trial is complete there is no best.toml.
    """
    search, trials = plan.config.search, ended(study)
    metric = _METRICS[search.metric]
    found = _importance(study, trials)
    parts = [
        f"# Search {plan.folder.name}",
        _facts(plan, search, trials),
        _best(plan, study, trials, metric),
        _importances(found, trials),
        "## Every trial\n\n" + _table(trials, metric),
        _pictures(plan.folder / "pictures", search, trials, found),
    ]
    report = plan.folder / "report.md"
    report.write_text("\n\n".join(filter(None, parts)) + "\n", "utf-8")
    return report


def best(study: "Study") -> "FrozenTrial | None":
    """The best of the whole trials."""
    return study.best_trial if any(_state(t) == "complete" for t in ended(study)) else None


def as_toml(config: Config) -> str:
    """A configuration, every key of it, as `digest finetune train --config` takes it."""
    import tomlkit

    whole = config.model_dump(mode="json", exclude={"search"}, exclude_none=True)
    return tomlkit.dumps(whole)


def _write_best(plan: Plan, trial: "FrozenTrial") -> Path:
    config = plan.of(dict(trial.params)).model_copy(update={"search": Search()})
    target = plan.folder / BEST
    target.write_text(
        f"# Trial {trial.number} of the search {plan.folder.name}.\n{as_toml(config)}", "utf-8"
    )
    if load(target) != config:
        raise ConfigError(f"{target} does not read as it was written; this is a mistake of Digest")
    return target


def _state(trial: "FrozenTrial") -> str:
    return _STATES[trial.state.name]


def _facts(plan: Plan, search: Search, trials: "Sequence[FrozenTrial]") -> str:
    counts = Counter(map(_state, trials))
    told = ", ".join(f"{counts[name]} {name}" for name in _STATES.values())
    seconds = sum(trial.user_attrs.get("seconds", 0.0) for trial in trials)
    space = "\n".join(f"- `{key}`: {_range(where)}" for key, where in search.space.items())
    return (
        f"{len(trials)} trials: {told}; {seconds / 60:.1f} minutes of training. Measured by the "
        f"{_METRICS[search.metric]} on the validation rows of {plan.config.data.rows.name}.\n\n"
        f"{space}"
    )


def _range(where: Any) -> str:
    if where.choice is not None:
        return "one of " + ", ".join(map(str, where.choice))
    low, high = where.ends
    return f"{low:g} to {high:g}" + (", logarithmic" if where.log else "")


def _best(plan: Plan, study: "Study", trials: "Sequence[FrozenTrial]", metric: str) -> str:
    chosen = best(study)
    if chosen is None:
        return "## No best yet\n\nNo trial ran to its end."
    _write_best(plan, chosen)
    settings = "\n".join(f"- `{k} = {_short(v)}`" for k, v in sorted(chosen.params.items()))
    first = next((t for t in trials if t.user_attrs.get("start") and t.value is not None), None)
    beside = (
        f" The start, trial {first.number}, has {first.value:.4f}."
        if first and first.number != chosen.number
        else " It is the start."
        if first
        else ""
    )
    whole = sum(_state(trial) == "complete" for trial in trials)
    return (
        f"## Best: trial {chosen.number}, {metric} {chosen.value:.4f}\n\n{settings}\n\n"
        f"The whole configuration is in [{BEST}]({BEST}), for "
        f"`digest finetune train --config {BEST}`.{beside} The best of {whole} is chosen by these "
        "very rows, so its number is a little too good; examine the model on others."
    )


def _importance(study: "Study", trials: "Sequence[FrozenTrial]") -> dict[str, float]:
    import optuna

    whole = [trial for trial in trials if _state(trial) == "complete"]
    different = {trial.value for trial in whole}
    if len(different) < _ENOUGH or len(whole[0].params) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)


def _importances(found: Mapping[str, float], trials: "Sequence[FrozenTrial]") -> str:
    whole = sum(_state(trial) == "complete" for trial in trials)
    if not found:
        return (
            f"## Importance\n\nNot told: it takes {_ENOUGH} whole trials with different results "
            f"and two settings; here are {whole} whole trials."
        )
    lines = "".join(f"| `{name}` | {value:.2f} |\n" for name, value in found.items())
    return (
        f"## Importance\n\nThe share of the spread between {whole} whole trials that hangs on "
        f"each setting (fANOVA). With few trials it is a hint, no more.\n\n"
        f"| setting | share |\n|---|---|\n{lines}".rstrip()
    )


def _table(trials: "Sequence[FrozenTrial]", metric: str) -> str:
    names = sorted({name for trial in trials for name in trial.params})
    head = ["trial", "state", metric, *(f"`{name}`" for name in names), "minutes", "remark"]
    lines = [_line(head), "|" + "---|" * len(head)]
    for trial in sorted(trials, key=lambda one: one.number):
        value = _last(trial)
        lines.append(
            _line(
                [
                    str(trial.number),
                    _state(trial),
                    "–" if value is None else f"{value:.4f}",
                    *(_short(trial.params.get(name, "–")) for name in names),
                    f"{trial.user_attrs.get('seconds', 0.0) / 60:.1f}",
                    "; ".join(_remarks(trial)),
                ]
            )
        )
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _remarks(trial: "FrozenTrial") -> Iterator[str]:
    told = trial.user_attrs
    if told.get("start"):
        yield "the start"
    if told.get("attempt", 1) > 1:
        yield f"attempt {told['attempt']}, went on from trial {told['again']}"
    if _state(trial) == "pruned" and trial.intermediate_values:
        yield f"ended at {max(trial.intermediate_values)} % of the run"
    if _state(trial) == "failed":
        yield told.get("why", "its worker died")


def _last(trial: "FrozenTrial") -> float | None:
    """The metric of a trial; of one that was ended early the last that was seen."""
    if trial.value is not None:
        return trial.value
    seen = trial.intermediate_values
    return seen[max(seen)] if seen else None


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _points(trials: "Sequence[FrozenTrial]") -> "list[Point]":
    from finetune.plots.search import Point

    return [
        Point(t.number, _state(t), _last(t), t.params, dict(sorted(t.intermediate_values.items())))
        for t in trials
    ]


def _pictures(
    folder: Path, search: Search, trials: "Sequence[FrozenTrial]", found: Mapping[str, float]
) -> str:
    from finetune.plots import search as plots
    from finetune.plots import style

    metric, points = _METRICS[search.metric], _points(trials)
    lower = search.metric == "validation"
    whole = sum(point.state == "complete" for point in points)
    logarithmic = [key for key, where in search.space.items() if where.log]
    folder.mkdir(parents=True, exist_ok=True)
    told = []
    with style.look():
        for name, drawn in (
            ("history", plots.history(points, metric, lower=lower)),
            ("curves", plots.curves(points, metric, lower=lower)),
            ("importance", plots.importance(found, whole)),
            ("slices", plots.slices(points, metric, logarithmic)),
        ):
            target = folder / f"{name}.png"
            target.unlink(missing_ok=True)
            if drawn:
                drawn.savefig(target, metadata={"Software": None})
                told.append(f"![{name}]({folder.name}/{target.name})")
    return "## Pictures\n\n" + "\n\n".join(told) if told else ""

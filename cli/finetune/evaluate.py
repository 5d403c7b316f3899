"""`digest finetune evaluate` and `compare`: what a model is worth."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options
from cli.finetune import conclusion, tasks, truth
from cli.finetune.conclusion import Conclusion
from cli.progress import Progress

if TYPE_CHECKING:
    from digest.schema import Row
    from finetune.evaluation.engines import Named
    from finetune.evaluation.predictions import Prediction
    from finetune.tasks.summaries import Summaries

rows_option = click.option(
    "--data",
    "data_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="Labelled rows (JSONL).",
)
out = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for predictions.jsonl, metrics.json, comparison.json and the report.",
)
bertscore = click.option(
    "--bertscore",
    metavar="MODEL",
    help="Measure BERTScore with this encoder: a folder, a hub name, or minilm (the extra "
    "`bertscore`).",
)
base_option = click.option(
    "--base",
    default="",
    metavar="FOLDER|FILE",
    help="The base of peft:DIR.  [default: the base weights in the cache]",
)
quotes_option = click.option(
    "--quotes",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An editor's choice of sentences for the rows: measure agreement with it.",
)
common_rows = click.option(
    "--common", is_flag=True, help="Only rows that all answer; else a missing answer is invalid."
)
report_option = click.option(
    "--report/--no-report", default=True, help="Draw report.md and report.html."
)


@click.command()
@rows_option
@click.option(
    "--engine",
    "specs",
    multiple=True,
    default=("embedded",),
    show_default="embedded",
    metavar="[NAME=]SPEC",
    help="embedded, ollama, extractive, gguf:BASE[+ADAPTER] (gguf: is the untuned base), "
    "peft:DIR, baseline:constant|lead|tfidf or file:PREDICTIONS. Repeatable: the first is "
    "examined, the others are what it is compared with.",
)
@options.fields
@click.option(
    "--task",
    type=click.Choice(("digest", "summarize")),
    default="digest",
    show_default=True,
    help="summarize: ask for bare summaries, and tell the languages apart.",
)
@tasks.lang
@tasks.n_words
@base_option
@out
@click.option("--held-out", is_flag=True, help="Only the validation rows of the default split.")
@click.option(
    "--fit",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Rows that baselines learn from, less those that share a group or a text with --data.",
)
@click.option(
    "--unconstrained",
    is_flag=True,
    help="Ask the first engine a second time, without its grammar, and report both validities.",
)
@quotes_option
@truth.sheet_option
@truth.rows_option
@truth.judged_option
@common_rows
@bertscore
@report_option
@options.json_output
def evaluate(
    data_file: Path,
    specs: tuple[str, ...],
    fields: str | None,
    task: str,
    lang: str | None,
    n_words: int | None,
    base: str,
    out: Path,
    held_out: bool,
    fit: Path | None,
    unconstrained: bool,
    quotes: Path | None,
    sheet: Path | None,
    sheet_rows: int,
    judged: tuple[Path, ...],
    common: bool,
    bertscore: str | None,
    report: bool,
    as_json: bool,
) -> None:
    """Examine a model on labelled rows, beside others if more are named.

    OUT/predictions.jsonl and OUT/metrics.json are the first engine's, OUT/against/NAME/ holds
    those of the others. docs/evaluation.md explains every name.
    """
    from digest.schema import select
    from finetune.data import encoding
    from finetune.evaluation.engines import Named

    rows, _ = encoding.read(data_file)
    if judged:
        truth.count(sheet, judged, rows, out, as_json=as_json)
        return
    named = [Named.parse(spec) for spec in specs]
    if unconstrained:
        named.insert(1, named[0].unconstrained())
    rows, learnt = _sides(rows, fit, held_out=held_out)
    summing = _summaries(lang, n_words) if task == "summarize" else None
    asked = select("summary" if summing else fields)
    with Progress(quiet=as_json) as progress:
        answers = _answers(out, named, rows, learnt, asked, progress, base, summing)
        how = Conclusion(
            data_file, out, asked, progress, common=common, bertscore=bertscore, quotes=quotes,
            report=report, unconstrained=unconstrained, as_json=as_json,
        )  # fmt: skip
        how.draw(rows, named, answers)
        if summing:
            conclusion.languages(out, rows, named, answers, bertscore, as_json)
        if sheet:
            truth.write(sheet, rows, answers[0], sheet_rows, quiet=as_json)


@click.command()
@click.argument("predictions", nargs=-1, required=True, metavar="[NAME=]PREDICTIONS...")
@rows_option
@options.fields
@out
@click.option(
    "--pairs",
    type=click.Choice(["first", "all"]),
    default="first",
    show_default=True,
    help="Test the first against each other, or every one against every other.",
)
@click.option(
    "--run",
    "runs",
    multiple=True,
    metavar="NAME=RUN",
    help="The training run that a model came from: its backend, time and tokens are told.",
)
@click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="NAME=PRICE",
    help="What its training costs: 0.4/Mtok (a million tokens) or 2.5/h (an hour).",
)
@quotes_option
@common_rows
@bertscore
@report_option
@options.json_output
def compare(
    predictions: tuple[str, ...],
    data_file: Path,
    fields: str | None,
    out: Path,
    pairs: str,
    runs: tuple[str, ...],
    prices: tuple[str, ...],
    quotes: Path | None,
    common: bool,
    bertscore: str | None,
    report: bool,
    as_json: bool,
) -> None:
    """Compare predictions that `evaluate` or another program wrote: the first with each other.

    A line of PREDICTIONS needs `id` and `digest`. Writes what `evaluate` writes, and effort.json:
    how long the answers are and, with --run, what the training took.
    """
    from digest.schema import select
    from finetune.data import encoding
    from finetune.evaluation import predictions as written
    from finetune.evaluation.engines import Named

    named = [Named.parse(text) for text in predictions]
    rows, _ = encoding.read(data_file)
    answers = [written.read(Path(one.spec).expanduser()) for one in named]
    with Progress(quiet=as_json) as progress:
        how = Conclusion(
            data_file, out, select(fields), progress, common=common, bertscore=bertscore,
            quotes=quotes, report=report, as_json=as_json, every=pairs == "all",
            took=(_by_name(runs), _by_name(prices)),
        )  # fmt: skip
        how.draw(rows, named, answers)


def _by_name(told: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, each name once. Raises ConfigError."""
    from digest.errors import ConfigError

    found: dict[str, str] = {}
    for text in told:
        name, equals, value = text.partition("=")
        if not equals or not value or name in found:
            raise ConfigError(f"{text!r} is not NAME=VALUE, or names {name!r} a second time")
        found[name] = value
    return found


def _sides(
    rows: "list[Row]", fit: Path | None, *, held_out: bool
) -> "tuple[list[Row], Sequence[Row]]":
    """The rows that are examined, and those that a baseline may learn from."""
    from finetune.config import Split
    from finetune.data import encoding
    from finetune.evaluation import baselines

    learnt: Sequence[Row] = []
    if held_out:
        learnt, rows = encoding.split(rows, Split())
    if fit:
        learnt = baselines.leaves(encoding.read(fit)[0], rows)
    return rows, learnt


def _answers(
    out: Path,
    named: "Sequence[Named]",
    rows: "Sequence[Row]",
    learnt: "Sequence[Row]",
    asked: tuple[str, ...],
    progress: Progress,
    base: str,
    task: "Summaries | None",
) -> "list[list[Prediction]]":
    """Every engine's answers, each kept at once: what comes later may fail, or be broken off."""
    from finetune.evaluation import evaluate as exam

    answers = []
    for one, folder in zip(named, conclusion.folders(out, named), strict=True):
        answers.append(_ask(one, rows, learnt, asked, progress, base, task))
        exam.keep(folder, answers[-1])
    return answers


def _ask(
    one: "Named",
    rows: "Sequence[Row]",
    learnt: "Sequence[Row]",
    asked: tuple[str, ...],
    progress: Progress,
    named: str = "",
    task: "Summaries | None" = None,
) -> "list[Prediction]":
    """One engine's answers: read from its file, or asked for."""
    from finetune.evaluation import evaluate as exam
    from finetune.evaluation import predictions
    from finetune.evaluation.engines import FREE, open_engine

    if one.spec.startswith("file:"):
        return predictions.read(Path(one.spec.removeprefix("file:")).expanduser())
    base = tasks.converted(named) if one.spec.startswith("peft:") else Path()
    spec, task = one.bare(task)
    engine = open_engine(spec, base, learnt)
    try:
        return exam.predict(
            rows,
            engine,
            asked,
            lambda done, total: progress(f"ask {one.name}", done, total),
            task,
            whole=one.spec.endswith(FREE),
        )
    finally:
        engine.close()


def _summaries(lang: str | None, n_words: int | None) -> "Summaries":
    from finetune.config import Config
    from finetune.tasks.summaries import Summaries

    how = Config()
    return Summaries(lang or how.lang, n_words or how.n_words, how.data)

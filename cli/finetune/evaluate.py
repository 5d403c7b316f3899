"""`digest finetune evaluate` and `compare`: what a model is worth."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options
from cli.finetune import tasks
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
    from finetune.config import Split
    from finetune.data import encoding
    from finetune.evaluation import baselines
    from finetune.evaluation import evaluate as exam
    from finetune.evaluation.engines import Named

    named = [Named.parse(spec) for spec in specs]
    if unconstrained:
        named.insert(1, named[0].unconstrained())
    rows, _ = encoding.read(data_file)
    learnt: Sequence[Row] = []
    if held_out:
        learnt, rows = encoding.split(rows, Split())
    if fit:
        learnt = baselines.leaves(encoding.read(fit)[0], rows)
    summing = _summaries(lang, n_words) if task == "summarize" else None
    asked = select("summary" if summing else fields)
    with Progress(quiet=as_json) as progress:
        answers = []
        for one, folder in zip(named, _folders(out, named), strict=True):
            answers.append(_ask(one, rows, learnt, asked, progress, base, summing))
            exam.keep(folder, answers[-1])  # what comes later may fail, or be broken off
        _conclude(
            data_file, out, rows, named, answers, asked,
            common=common, bertscore=bertscore, report=report, unconstrained=unconstrained,
            as_json=as_json, progress=progress,
        )  # fmt: skip
        if summing:
            _languages(out, rows, named, answers, bertscore, as_json)


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
        _conclude(
            data_file, out, rows, named, answers, select(fields),
            common=common, bertscore=bertscore, report=report, unconstrained=False,
            as_json=as_json, progress=progress, every=pairs == "all",
            took=(_by_name(runs), _by_name(prices)),
        )  # fmt: skip


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


def _folders(out: Path, named: "Sequence[Named]") -> list[Path]:
    """Where each engine's files go. Raises ConfigError if two would share a folder."""
    from digest.errors import ConfigError
    from finetune.evaluation.evaluate import folder

    places = [out, *(out / "against" / folder(one.name) for one in named[1:])]
    if len({*places, out / "against" / folder(named[0].name)}) <= len(places):
        raise ConfigError("two engines have the same name; tell them apart with NAME=SPEC")
    return places


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


def _languages(
    out: Path,
    rows: "Sequence[Row]",
    named: "Sequence[Named]",
    answers: "Sequence[Sequence[Prediction]]",
    bertscore: str | None,
    as_json: bool,
) -> None:
    """Write OUT/languages.json: what each engine is worth in each language; and say it."""
    import json

    from finetune.evaluation.bertscore import BertScore
    from finetune.evaluation.evaluate import cell
    from finetune.tasks.summaries import by_language

    scorer = BertScore(bertscore) if bertscore else None
    found = {
        one.name: by_language(rows, given, scorer)
        for one, given in zip(named, answers, strict=True)
    }
    (out / "languages.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for name, table in () if as_json else found.items():
        for language, column in table.items():
            click.echo(f"\n{name}, {language}:")
            for metric in column:
                if not metric.endswith(("_low", "_high")):
                    click.echo(f"  {metric:<24} {cell(column, metric)}")


def _conclude(
    data_file: Path,
    out: Path,
    rows: "Sequence[Row]",
    named: "Sequence[Named]",
    answers: "Sequence[Sequence[Prediction]]",
    asked: tuple[str, ...],
    *,
    common: bool,
    bertscore: str | None,
    report: bool,
    unconstrained: bool,
    as_json: bool,
    progress: Progress,
    every: bool = False,
    took: tuple[dict[str, str], dict[str, str]] | None = None,
) -> None:
    """Measure, compare, write, and say the headline."""
    import json

    from finetune.evaluation import compare as comparison
    from finetune.evaluation import effort
    from finetune.evaluation import evaluate as exam
    from finetune.evaluation import report as pages
    from finetune.train.base import sha256

    given = answers
    if common:
        rows, answers = comparison.common(rows, answers)
    scorer = None
    if bertscore:
        from finetune.evaluation.bertscore import BertScore

        scorer = BertScore(bertscore)
    exams = []
    for number, (one, predictions) in enumerate(zip(named, answers, strict=True), 1):
        exams.append(exam.hold(one.name, rows, predictions, asked, scorer))
        progress("measure", number, len(named))
    if unconstrained:
        exams[0] = exam.with_unconstrained(exams[0], exams[1])
    for held, predictions, folder in zip(exams, given, _folders(out, named), strict=True):
        exam.write(folder, predictions, held.table)
    results = comparison.compare(exams, every=every)
    comparison.write(out / "comparison.json", results)
    efforts = []
    if took:
        runs = {name: Path(folder).expanduser() for name, folder in took[0].items()}
        efforts = effort.efforts(exams, runs, took[1])
        told = json.dumps([one.as_dict() for one in efforts], indent=1)
        (out / "effort.json").write_text(told + "\n", "utf-8")
    if report:
        facts = {
            "rows": f"{len(rows)} of {data_file.name}, SHA-256 {sha256(data_file)}",
            "fields": ", ".join(asked),
            **{f"engine {one.name}": one.spec for one in named if one.name != one.spec},
            **({"BERTScore": f"{bertscore}, last layer"} if bertscore else {}),
        }
        page = pages.write(
            out,
            exams,
            results,
            facts,
            efforts,
            lambda done, total: progress("draw", done, total),
        )
    if as_json:
        options.print_json(exams[0].table)
        return
    click.echo(exam.headline(exams[0].table))
    for result in results:
        click.echo(
            f"\n{result.ours} against {result.theirs}:" if every else f"\nagainst {result.theirs}:"
        )
        for test in result.tests:
            click.echo(
                f"  {test.metric:<24} {test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}]"
                f"  p_holm {test.p_holm:.3f}  d {test.d:+.2f}"
                f"  won {'-'.join(map(str, result.rows(test)))}  better: {result.verdict(test)}"
            )
    if report:
        click.echo(f"\nreport: {page}")

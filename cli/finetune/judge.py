"""`digest finetune judge`: which of several models' digests is better, to a model as judge."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options
from cli.progress import Progress

if TYPE_CHECKING:
    from digest.schema import Row
    from finetune.evaluation.predictions import Prediction
    from finetune.judging.bench import Judge
    from finetune.judging.report import Judgement
    from finetune.labels.teachers import Teacher

file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("predictions", nargs=-1, required=True, metavar="[NAME=]PREDICTIONS...")
@click.option("--data", "data_file", type=file, required=True, help="The rows judged (JSONL).")
@click.option(
    "--judge",
    "specs",
    multiple=True,
    required=True,
    metavar="SPEC",
    help="URL#MODEL, ollama:NAME, ollama, embedded or gguf:FILE. Repeatable.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder for the report and the journal.")  # fmt: skip
@click.option(
    "--mode", type=click.Choice(["pairs", "marks", "both"]), default="pairs", show_default=True,
    help="Compare every two digests, give each its marks, or both.",
)  # fmt: skip
@click.option("--rubric", type=file, help="TOML with [criteria]: what counts.  [default: ours]")
@options.fields
@click.option("--limit", default=0, help="So many documents, drawn by their ids.  [default: all]")
@click.option("--human", type=file, help="A person's sheet: CSV of id, winner (and one, other).")
@click.option("--own", multiple=True, metavar="SPEC=NAME",
              help="A judge's own model is among the judged: NAME. Repeatable.")  # fmt: skip
@click.option("--key", "keys", multiple=True, metavar="[HOST=]VARIABLE",
              help="Environment variable with the key of a URL. Repeatable.")  # fmt: skip
@click.option("--requests-a-minute", default=0, help="Of each URL.  [default: no limit]")
@click.option("--tokens-a-minute", default=0, help="Of each URL.  [default: no limit]")
@click.option("--parallel", default=4, show_default=True, help="Requests at once, to each URL.")
@click.option(
    "--context", default=16_384, show_default=True, help="Tokens that a URL's model takes."
)
@options.common(options.config, options.json_output)
def judge(
    predictions: tuple[str, ...],
    data_file: Path,
    specs: tuple[str, ...],
    out: Path,
    mode: str,
    rubric: Path | None,
    fields: str | None,
    limit: int,
    human: Path | None,
    own: tuple[str, ...],
    keys: tuple[str, ...],
    requests_a_minute: int,
    tokens_a_minute: int,
    parallel: int,
    context: int,
    config: Path | None,
    as_json: bool,
) -> None:
    """Have models judge the digests of other models.

    Each two digests of a document are shown in both orders; orders that disagree are a tie. The
    report tells win rates, what the place and the length did, how far judges agree with each
    other and with a person's sheet, and whether a judge favours itself. Every answer is kept: the
    same command goes on after any interruption. docs/judge.md explains the numbers.
    """
    from digest import settings
    from finetune.evaluation import predictions as written
    from finetune.evaluation.engines import Named
    from finetune.judging import report
    from finetune.labels import labelled, teachers

    service = teachers.Service(
        teachers.keys(keys, specs), requests_a_minute, tokens_a_minute, parallel, context
    )
    chosen = settings.load(config)
    named = [Named.parse(text) for text in predictions]
    answers = {one.name: written.read(Path(one.spec).expanduser()) for one in named}
    models = _models([one.name for one in named], mode)
    judges = [
        _judge(teachers.teacher(spec, chosen, service, None)) for spec in dict.fromkeys(specs)
    ]
    rows = list(labelled.stream(data_file))
    with Progress(quiet=as_json) as progress:
        found = _decide(
            _drawn(rows, limit), answers, judges, out, progress,
            fields=fields, rubric=rubric, mode=mode, human=human,
            own=_own(own, specs, models),
        )  # fmt: skip
    page = report.write(out, found)
    if as_json:
        options.print_json(report.as_json(found))
    else:
        _tell(found, page)


def _models(names: Sequence[str], mode: str) -> list[str]:
    from digest.errors import ConfigError
    from finetune.judging.questions import TIE

    if len(set(names)) < len(names) or TIE in names:
        raise ConfigError(f"name each model once, and none of them {TIE}: NAME=PREDICTIONS")
    if len(names) < 2 and mode != "marks":
        raise ConfigError("it takes two models to compare; name another, or say --mode marks")
    return list(names)


def _own(given: Sequence[str], specs: Sequence[str], models: Sequence[str]) -> Mapping[str, str]:
    """SPEC=NAME... -> judge -> the judged model that it is. A model that is named as a judge is
    its own.
    """
    from digest.errors import ConfigError

    found = {spec: spec for spec in specs if spec in models}
    for text in given:
        spec, _, name = text.rpartition("=")
        if spec not in specs or name not in models:
            raise ConfigError(f"--own {text!r}: write SPEC=NAME, a --judge and a judged model")
        found[spec] = name
    return found


def _judge(teacher: "Teacher") -> "Judge":
    from digest.errors import ConfigError
    from finetune.judging.bench import Judge

    if teacher.name == "extractive":
        raise ConfigError("extractive takes sentences from texts and cannot judge; name a model")
    return Judge(teacher.name, teacher.open)


def _drawn(rows: "Sequence[Row]", limit: int) -> "Sequence[Row]":
    """So many rows, whichever file they stand in: those with the least hash of their ids."""
    from digest.records import fingerprint

    if not limit:
        return rows
    kept = {row.id for row in sorted(rows, key=lambda row: fingerprint(row.id))[:limit]}
    return [row for row in rows if row.id in kept]


def _decide(
    rows: "Sequence[Row]",
    answers: "Mapping[str, Sequence[Prediction]]",
    judges: "Sequence[Judge]",
    out: Path,
    progress: Progress,
    *,
    fields: str | None,
    rubric: Path | None,
    mode: str,
    human: Path | None,
    own: Mapping[str, str],
) -> "Judgement":
    from digest.errors import ConfigError
    from digest.schema import select
    from finetune.judging import bench
    from finetune.judging import human as sheets
    from finetune.judging.questions import Rubric
    from finetune.judging.report import Judgement
    from finetune.labels.journal import Journal

    asked, what = select(fields), Rubric.read(rubric)
    entries = bench.entries(rows, answers, asked)
    if not entries:
        raise ConfigError("no row of --data has a prediction of every model")
    people = sheets.read(human, entries, list(answers)) if human else []
    decisions, markings = [], []
    out.mkdir(parents=True, exist_ok=True)
    with Journal(out / "judgements.journal.jsonl") as journal:
        for one in judges:

            def told(done: int, total: int, name: str = one.spec) -> None:
                progress(f"ask {name}", done, total)

            if mode != "marks":
                decisions += bench.compare(entries, one, what, journal, told)
            if mode != "pairs":
                markings += bench.mark(entries, one, what, journal, told)
    facts = {
        "documents": f"{len(entries)} of {len(rows)} rows",
        "fields": ", ".join(asked),
        "criteria": ", ".join(what.criteria),
        **{f"judge {one.spec}": one.model for one in judges},
    }
    return Judgement(
        list(answers), [one.spec for one in judges], len(entries), decisions, markings, people,
        own, facts,
    )  # fmt: skip


def _tell(found: "Judgement", page: Path) -> None:
    for one in found.contests() if found.decisions else ():
        click.echo(
            f"{one.judge}: {one.one} against {one.other}: win rate {one.rate.told()}, "
            f"{one.wins} wins, {one.ties} ties, {one.losses} losses; better: {one.verdict}"
        )
        if one.refused:
            why = max(one.reasons, key=lambda reason: one.reasons[reason])
            click.echo(f"  {one.refused} without a decision: {why}")
    for habit in found.habits() if found.decisions else ():
        click.echo(f"{habit.judge}: the digest shown first won {habit.first.told()}")
    for agreed in found.agreements():
        click.echo(
            f"{agreed.one} and {agreed.other}: same winner {agreed.same.told()}, "
            f"kappa {agreed.kappa.told()}"
        )
    click.echo(f"report: {page}")

"""What `digest finetune evaluate` and `compare` make of answers: measured, compared, told."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import options
from cli.progress import Progress

if TYPE_CHECKING:
    from digest.schema import Row
    from finetune.evaluation.bertscore import BertScore
    from finetune.evaluation.compare import Versus
    from finetune.evaluation.effort import Effort
    from finetune.evaluation.engines import Named
    from finetune.evaluation.evaluate import Exam
    from finetune.evaluation.predictions import Prediction

Answers = Sequence[Sequence["Prediction"]]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is asked of the answers of several engines to the rows of a file."""

    data_file: Path
    out: Path
    asked: tuple[str, ...]
    progress: Progress
    common: bool = False  # only rows that all answer
    bertscore: str | None = None
    quotes: Path | None = None
    report: bool = True
    unconstrained: bool = False  # the second answers are the first engine's without its grammar
    as_json: bool = False
    every: bool = False  # compare all pairs
    took: tuple[dict[str, str], dict[str, str]] | None = None  # runs and prices by name

    def draw(self, rows: "Sequence[Row]", named: "Sequence[Named]", answers: Answers) -> None:
        """Measure, compare, write, and say the headline."""
        from finetune.evaluation import compare as comparison
        from finetune.evaluation import evaluate as exam

        given = answers
        if self.common:
            rows, answers = comparison.common(rows, answers)
        exams = self._exams(rows, named, answers)
        for held, predictions, place in zip(exams, given, folders(self.out, named), strict=True):
            exam.write(place, predictions, held.table)
        results = comparison.compare(exams, every=self.every)
        comparison.write(self.out / "comparison.json", results)
        efforts = self._efforts(exams)
        page = self._page(rows, named, exams, results, efforts) if self.report else None
        if self.as_json:
            options.print_json(exams[0].table)
            return
        click.echo(exam.headline(exams[0].table))
        self._say(results)
        if page:
            click.echo(f"\nreport: {page}")

    def _exams(
        self, rows: "Sequence[Row]", named: "Sequence[Named]", answers: Answers
    ) -> "list[Exam]":
        from finetune.data import quotes
        from finetune.evaluation import evaluate as exam

        choices = quotes.read(self.quotes) if self.quotes else None
        scorer = encoder(self.bertscore)
        exams = []
        for number, (one, predictions) in enumerate(zip(named, answers, strict=True), 1):
            exams.append(exam.hold(one.name, rows, predictions, self.asked, scorer, choices))
            self.progress("measure", number, len(named))
        if self.unconstrained:
            exams[0] = exam.with_unconstrained(exams[0], exams[1])
        return exams

    def _efforts(self, exams: "Sequence[Exam]") -> "list[Effort]":
        """How long answers are and what training took; effort.json, if that is asked."""
        from finetune.evaluation import effort

        if not self.took:
            return []
        runs = {name: Path(folder).expanduser() for name, folder in self.took[0].items()}
        efforts = effort.efforts(exams, runs, self.took[1])
        told = json.dumps([one.as_dict() for one in efforts], indent=1)
        (self.out / "effort.json").write_text(told + "\n", "utf-8")
        return efforts

    def _page(
        self,
        rows: "Sequence[Row]",
        named: "Sequence[Named]",
        exams: "Sequence[Exam]",
        results: "Sequence[Versus]",
        efforts: "Sequence[Effort]",
    ) -> Path:
        from finetune.evaluation import report as pages
        from finetune.train.base import sha256

        facts = {
            "rows": f"{len(rows)} of {self.data_file.name}, SHA-256 {sha256(self.data_file)}",
            "fields": ", ".join(self.asked),
            **{f"engine {one.name}": one.spec for one in named if one.name != one.spec},
            **({"BERTScore": f"{self.bertscore}, last layer"} if self.bertscore else {}),
        }
        if self.quotes:
            facts["editor's choice"] = f"{self.quotes.name}, SHA-256 {sha256(self.quotes)}"
        return pages.write(
            self.out,
            exams,
            results,
            facts,
            efforts,
            lambda done, total: self.progress("draw", done, total),
        )

    def _say(self, results: "Sequence[Versus]") -> None:
        for result in results:
            versus = f"{result.ours} against" if self.every else "against"
            click.echo(f"\n{versus} {result.theirs}:")
            for test in result.tests:
                click.echo(
                    f"  {test.metric:<24} {test.difference:+.3f} "
                    f"[{test.low:+.3f}, {test.high:+.3f}]"
                    f"  p_holm {test.p_holm:.3f}  d {test.d:+.2f}"
                    f"  won {'-'.join(map(str, result.rows(test)))}"
                    f"  better: {result.verdict(test)}"
                )


def folders(out: Path, named: "Sequence[Named]") -> list[Path]:
    """Where each engine's files go. Raises ConfigError if two would share a folder."""
    from digest.errors import ConfigError
    from finetune.evaluation.evaluate import folder

    places = [out, *(out / "against" / folder(one.name) for one in named[1:])]
    if len({*places, out / "against" / folder(named[0].name)}) <= len(places):
        raise ConfigError("two engines have the same name; tell them apart with NAME=SPEC")
    return places


def encoder(bertscore: str | None) -> "BertScore | None":
    """The encoder of a name, if there is one."""
    if not bertscore:
        return None
    from finetune.evaluation.bertscore import BertScore

    return BertScore(bertscore)


def languages(
    out: Path,
    rows: "Sequence[Row]",
    named: "Sequence[Named]",
    answers: Answers,
    bertscore: str | None,
    as_json: bool,
) -> None:
    """Write OUT/languages.json: what each engine is worth in each language; and say it."""
    from finetune.evaluation.evaluate import cell
    from finetune.tasks.summaries import by_language

    scorer = encoder(bertscore)
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

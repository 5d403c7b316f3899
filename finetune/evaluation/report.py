"""The examination as a page: report.md with its pictures beside it, report.html all in one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from finetune import plots
from finetune.evaluation import compare, effort
from finetune.evaluation.catalogue import HEADLINES
from finetune.evaluation.catalogue import markdown as definitions
from finetune.evaluation.compare import Versus
from finetune.evaluation.effort import Effort
from finetune.evaluation.evaluate import Exam, markdown
from finetune.evaluation.metrics import HEADLINE
from finetune.evaluation.page import html, plain

_WORST = 10  # rows named at the end


def write(
    out: Path,
    exams: Sequence[Exam],
    results: Sequence[Versus],
    facts: Mapping[str, str],
    took: Sequence[Effort] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Write report.md, report.html and pictures/ into `out`; return the HTML file. The first
    exam is the one under examination; `facts` say of what and how, a line each; `took` is what
    the models took, if that is asked.
    """
    drawn = []
    for picture, path in plots.draw(exams, out / "pictures"):
        drawn.append((picture, path))
        progress(len(drawn), len(plots.PICTURES))
    progress(len(plots.PICTURES), len(plots.PICTURES))
    text = "\n\n".join(
        [
            f"# Examination of {plain(exams[0].name)}",
            "\n".join(f"- {plain(key)}: {plain(value)}" for key, value in facts.items()),
            _headline(exams),
            _comparisons(results),
            *(["## What they took\n\n" + effort.markdown(took)] if took else []),
            "## Pictures\n\n"
            "Lines are 95 % bootstrap intervals over groups of rows.\n\n"
            + "\n\n".join(
                f"![{picture.name}]({path.parent.name}/{path.name})\n\n{picture.says}"
                for picture, path in drawn
            ),
            "## All metrics\n\n" + markdown({plain(e.name): e.table for e in exams}),
            _worst(exams[0]),
            "## What the names mean\n\n" + definitions(),
        ]
    )
    (out / "report.md").write_text(text + "\n", "utf-8")
    images = {f"{path.parent.name}/{path.name}": path for _, path in drawn}
    page = out / "report.html"
    page.write_text(html(text, images, f"Examination of {exams[0].name}"), "utf-8")
    return page


def _headline(exams: Sequence[Exam]) -> str:
    count = len(exams[0].rows)
    if count < HEADLINE:
        return (
            f"## No headline\n\nn = {count}: too few rows ({HEADLINE} needed). What follows is for "
            "looking at, not for quoting."
        )
    chosen = {
        plain(exam.name): {
            name: value
            for name, value in exam.table.items()
            if name.removesuffix("_low").removesuffix("_high") in HEADLINES
        }
        for exam in exams
    }
    return "## Headline\n\n" + markdown(chosen)


def _comparisons(results: Sequence[Versus]) -> str:
    if not results:
        return ""
    tests = sum(len(result.tests) for result in results)
    told = (
        "## Tests\n\nDifferences are of the first model less the other, with the interval of the "
        "paired bootstrap. p is of a two-sided randomization test that swaps the models' answers "
        f"group by group; Holm's correction counts all {tests} tests of this page. Wilcoxon's "
        "test, Cohen's d of the paired differences and Cliff's δ speak of rows."
    )
    return "\n\n".join([told, *map(compare.markdown, results)])


def _worst(exam: Exam) -> str:
    if "tree" not in exam.ratios:
        return ""
    scores = exam.ratios["tree"].by_row().tolist()
    order = sorted(range(len(scores)), key=lambda n: (scores[n], exam.rows[n].id))[:_WORST]
    lines = "".join(f"| {plain(exam.rows[n].id)} | {scores[n]:.3f} |\n" for n in order)
    return f"## Rows to look at\n\nThe lowest tree scores.\n\n| row | tree |\n|---|---|\n{lines}"

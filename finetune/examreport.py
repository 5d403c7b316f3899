"""The examination as a page: report.md with its pictures beside it, report.html all in one."""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from finetune import compare, plots
from finetune.catalogue import HEADLINES
from finetune.catalogue import markdown as definitions
from finetune.compare import Versus
from finetune.evaluate import Exam, markdown
from finetune.metrics import HEADLINE

_WORST = 10  # rows named at the end
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: left;
         white-space: nowrap; font-variant-numeric: tabular-nums }
td:last-child { white-space: normal }
img { max-width: 100%; height: auto }
code { font-size: 90% }
"""


def write(
    out: Path,
    exams: Sequence[Exam],
    results: Sequence[Versus],
    facts: Mapping[str, str],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Write report.md, report.html and pictures/ into `out`; return the HTML file. The first
    exam is the one under examination; `facts` say of what and how, a line each.
    """
    drawn = []
    for picture, path in plots.draw(exams, out / "pictures"):
        drawn.append((picture, path))
        progress(len(drawn), len(plots.PICTURES))
    progress(len(plots.PICTURES), len(plots.PICTURES))
    text = "\n\n".join(
        [
            f"# Examination of {_plain(exams[0].name)}",
            "\n".join(f"- {_plain(key)}: {_plain(value)}" for key, value in facts.items()),
            _headline(exams),
            _comparisons(results),
            "## Pictures\n\n"
            "Lines are 95 % bootstrap intervals over groups of rows.\n\n"
            + "\n\n".join(
                f"![{picture.name}]({path.parent.name}/{path.name})\n\n{picture.says}"
                for picture, path in drawn
            ),
            "## All metrics\n\n" + markdown({_plain(e.name): e.table for e in exams}),
            _worst(exams[0]),
            "## What the names mean\n\n" + definitions(),
        ]
    )
    (out / "report.md").write_text(text + "\n", "utf-8")
    images = {f"{path.parent.name}/{path.name}": path for _, path in drawn}
    page = out / "report.html"
    page.write_text(_page(text, images, exams[0].name), "utf-8")
    return page


def _headline(exams: Sequence[Exam]) -> str:
    count = len(exams[0].rows)
    if count < HEADLINE:
        return (
            f"## No headline\n\nn = {count}: too few rows ({HEADLINE} needed). What follows is for "
            "looking at, not for quoting."
        )
    chosen = {
        _plain(exam.name): {
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
    lines = "".join(f"| {_plain(exam.rows[n].id)} | {scores[n]:.3f} |\n" for n in order)
    return f"## Rows to look at\n\nThe lowest tree scores.\n\n| row | tree |\n|---|---|\n{lines}"


def _plain(text: str) -> str:
    """Text from outside, harmless in markdown."""
    return "".join(f"\\{c}" if c in "\\`*[]<>|#!&" else c for c in " ".join(text.split()))


def _page(text: str, images: Mapping[str, Path], name: str) -> str:
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    for link, path in images.items():
        data = base64.b64encode(path.read_bytes()).decode()
        body = body.replace(f'src="{link}"', f'src="data:image/png;base64,{data}"')
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>Examination of {html.escape(name)}</title>\n<style>{_STYLE}</style>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )

"""Runs the commands of a page of the docs, in order, in the current folder.

    from .play import play

    def test_every_command(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("posts.jsonl").write_text(...)      # what the page begins with
        ran = play("recipes/raw-text.md", base, monkeypatch)
        assert Path("posts/Modelfile").is_file()   # what it ends with

Commands stand in ```sh blocks, one a line (or broken with a backslash), and in ```console blocks
behind `$ `. They are run in this process, over the tiny `base` in place of the real one; `> FILE`
and patterns are understood, pipes are not. What cannot be run here has to look as in `ELSEWHERE`.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from digest.model import weights

DOCS = Path(__file__).parents[3] / "docs"

Extra = Mapping[str, Sequence[str]]

# Words put behind a verb, so that a tiny set is done with when it has been through every part
# once. The page's own words come after them, and win.
TINY: Extra = {
    "finetune check": ("train.epochs=1", "train.batch=4", "train.threads=1"),
    "finetune train": ("train.epochs=1", "train.batch=4", "train.threads=1"),
    "finetune export": ("--no-verify",),
}
# What cannot be run here (the beginning of a command), what a well-formed one looks like, and why.
ELSEWHERE = {
    "pip": (r"pip install '?newsdigest\[[\w,]+\]'?", "it needs a package index"),
    "ollama": (
        r"ollama (create [\w-]+ -f \S+/Modelfile|"
        r"run (?:--nowordwrap )?[\w-]+ (\"\$\(cat \S+\)\"|'[^']*'))",
        "no Ollama",
    ),
    "digest model pull": (r"digest model pull( --from \w+)?", "the tiny base is there"),
}


def blocks(page: Path, language: str) -> list[str]:
    """The contents of a page's fenced blocks."""
    text = page.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    """The commands of a page, a line each."""
    shell = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    console = "\n".join(blocks(page, "console")).replace("\\\n", " ")
    typed = [line.removeprefix("$ ") for line in console.splitlines() if line.startswith("$ ")]
    lines = [line.strip() for line in shell.splitlines()] + typed
    return [line for line in lines if line and not line.startswith("#")]


def words(command: str) -> list[str]:
    """As a shell would split it, patterns expanded but where they are quoted."""
    return [
        name
        for word in shlex.split(command, comments=True)
        for name in (
            sorted(map(str, Path().glob(word)))
            if "*" in word and not {f"'{word}'", f'"{word}"'} & set(command.split(" "))
            else [word]
        )
    ]


def play(
    page: str,
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny: Extra = TINY,
    elsewhere: Mapping[str, tuple[str, str]] = ELSEWHERE,
) -> list[str]:
    """Run the commands of docs/`page`; return those that were run. Any that fails, fails."""
    monkeypatch.setattr(weights, "base_weights", lambda: base)
    monkeypatch.setenv("DIGEST_CACHE", str(Path("cache").absolute()))
    ran = []
    for command in commands(DOCS / page):
        if away := [found for start, found in elsewhere.items() if command.startswith(start)]:
            assert re.fullmatch(away[0][0], command), command
            print(f"not run, {away[0][1]}: {command}")  # noqa: T201
            continue
        program, *rest = words(command)
        assert program == "digest", f"{page} has a command that is not run: {command}"
        target = Path(rest[rest.index(">") + 1]) if ">" in rest else None
        rest = rest[: rest.index(">")] if ">" in rest else rest
        for verb, extra in tiny.items():
            path = verb.split()
            if rest[: len(path)] == path:
                rest = [*path, *extra, *rest[len(path) :]]
        result = CliRunner().invoke(main, rest)
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"
        if target:
            target.write_text(result.stdout, "utf-8")
        ran.append(command)
    return ran

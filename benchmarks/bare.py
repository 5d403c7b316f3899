"""What `cat story.md | ollama run --nowordwrap digest` gives: whole answers without a grammar.

    python benchmarks/bare.py --count 40

renders the Modelfile's own template, SYSTEM message and parameters as Ollama does, over texts of 3
to 2,048 tokens (headlines, stories, letters, release notes, lists, other languages), and lets
llama.cpp go on from there with the Modelfile's stops and budget, greedily and without a grammar.
Prints every answer that breaks the contract, and how many keep it. With --gguf BASE [--adapter
ADAPTER] for weights that are not the ones in the cache.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from digest.engines.embedded import EmbeddedEngine
from digest.errors import InvalidAnswer
from digest.model import modelfile
from digest.model.weights import Weights, shipped
from digest.schema import parse
from finetune.export import gotemplate

ROOT = Path(__file__).parents[1]
LONGEST = 2048  # tokens of text
_NOTE = "- Fixed a crash in `parse_{n}` when the list is empty (#{m}), thanks to contributor {n}.\n"
_LINE = "{n}. Item number {n} of the list, seen in room {m}, still waiting for its label.\n"


def stories() -> Iterator[str]:
    """Texts as people paste them: heading and text in markdown."""
    for line in (ROOT / "finetune/export/questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        yield f"# {row['title']}\n\n{row['text']}" if row["title"] else row["text"]
    for line in (shipped() / "trial.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        yield f"# {row['title']}\n\n{row['text']}"


def texts(engine: EmbeddedEngine) -> Iterator[str]:
    """Short ones, stories, and long ones cut at LONGEST tokens."""
    found = list(stories())
    yield from (
        "Bridge closed.",
        "# New release",
        "Thanks for reading!",
        "駅の案内板の実験が始まった。",
    )
    letter = "\n\n".join(found)
    notes = "# Release notes 4.2\n\n" + "".join(_NOTE.format(n=n, m=900 + n) for n in range(200))
    listed = "# What is in the boxes\n\n" + "".join(_LINE.format(n=n, m=n % 9) for n in range(200))
    for whole in (letter, notes, listed, letter[4000:]):
        for tokens in (400, 1000, LONGEST):
            yield _cut(engine, whole, tokens)
    yield from found


def _cut(engine: EmbeddedEngine, text: str, tokens: int) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if engine.count(text[:middle]) <= tokens else (low, middle - 1)
    return text[:low]


def main() -> None:
    """Parse the command line and count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--gguf", type=Path, help="base weights; default: the best in the cache")
    parser.add_argument("--adapter", type=Path)
    given = parser.parse_args()
    own = Weights(given.gguf, given.adapter, given.gguf.stem) if given.gguf else None
    engine = EmbeddedEngine(own, slots=1, grammar=False, exact=True)
    made = modelfile.parse((shipped() / "Modelfile").read_text("utf-8"))
    stops = made.parameters["stop"]
    asked = list(texts(engine))[: given.count]
    whole = 0
    for number, text in enumerate(asked, start=1):
        turns = [{"role": "system", "content": made.system}, {"role": "user", "content": text}]
        prompt = gotemplate.render(made.template, turns)  # type: ignore[arg-type]
        budget = int(str(made.parameters["num_predict"]))
        answer = engine.complete(prompt, budget, [stops] if isinstance(stops, str) else stops)
        try:
            parse(answer.text)
            whole += answer.finish == "stop"
            why = "" if answer.finish == "stop" else answer.finish
        except InvalidAnswer as error:
            why = f"{answer.finish}, {error}"
        if why:
            print(f"{number}: {engine.count(text)} tokens in, {answer.tokens_out} out: {why}")
            print(f"    {answer.text[:160]!r}", flush=True)
    engine.close()
    print(f"{engine.model}: {whole} of {len(asked)} answers keep the contract without a grammar")


if __name__ == "__main__":
    main()

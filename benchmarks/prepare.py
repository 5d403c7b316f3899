"""How `digest finetune prepare` grows: processor time and memory from 10,000 to 1,000,000 rows.

    python benchmarks/prepare.py [ROWS ...] [--out DIR] [--plot FILE]   # FILE without its ending

Writes made-up rows (all eight fields, texts of 300 to 800 characters, some texts twice, groups of
one to nine, forty sources over three years), prepares them in a process of its own, and prints
what that took. `bare` is the time of a loop that only reads the file's lines as JSON and writes
them again: what no preparation can be faster than. A million rows take 4 GB of disk meanwhile.
"""

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from pathlib import Path

SIZES = [10_000, 30_000, 100_000, 300_000, 1_000_000]
MEMORY = 1500  # MB, the bar
PREPARE = """
import resource, sys, time
from pathlib import Path
from finetune import prepared
from finetune.config import Data
began = time.process_time()
facts = prepared.write(Data(rows=Path(sys.argv[1])), Path(sys.argv[2]))
took = time.process_time() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(took, peak, facts["train"]["rows"], facts["validation"]["rows"])
"""


def rows(count: int) -> Iterator[dict[str, object]]:
    """Made-up rows with the word frequencies of a language, the same ones each time."""
    dice = random.Random(3)
    words = [
        "".join(dice.choices("abcdefghilmnoprstu", k=dice.randint(3, 9))) for _ in range(20_000)
    ]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))

    def say(least: int, most: int) -> str:
        picked = dice.choices(words, cum_weights=weights, k=dice.randint(least, most))
        return " ".join(picked).capitalize() + "."

    def name() -> str:
        return dice.choice(words).capitalize()

    group = left = 0
    text = ""
    for number in range(count):
        if not left:
            group, left = group + 1, dice.randint(1, 9)
        left -= 1
        if number % 50 or not text:  # every fiftieth row tells what the row before it told
            text = "\n\n".join(say(25, 65) for _ in range(2))
        day = date(2023, 1, 1) + timedelta(days=dice.randrange(1000))
        yield {
            "id": f"row-{number}",
            "group": f"issue-{group}",
            "kind": "newsletter",
            "lang": "en",
            "title": say(4, 9)[:-1],
            "text": text,
            "date": day.isoformat(),
            "source": f"Letter {group % 40}",
            "url": f"https://example.org/{group}/{number}",
            "licence": "made up",
            "digest": {
                "title": say(4, 9)[:-1],
                "summary": say(25, 45),
                "highlights": [say(8, 14) for _ in range(3)],
                "names": sorted({name() for _ in range(5)}),
                "domains": ["technology", "business"][: dice.randint(1, 2)],
                "relevance_score": dice.randint(1, 10),
                "key_insights": sorted({f"{name()} {name()}" for _ in range(3)}),
                "company_names": sorted({name() for _ in range(2)}),
            },
        }


@dataclass(frozen=True)
class Taken:
    """What one size took."""

    rows: int
    seconds: float  # of processor time, as below
    rate: float  # rows a second
    bare: float
    memory: int  # MB, the peak of the process
    file: int  # MB


def measure(count: int, folder: Path) -> Taken:
    """Write so many rows, prepare them, throw them away."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        source, out = Path(name) / "rows.jsonl", Path(name) / "data"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows(count))
        began = time.process_time()
        with source.open("rb") as file, (Path(name) / "copy").open("wb") as copy:
            copy.writelines(json.dumps(json.loads(line)).encode() + b"\n" for line in file)
        bare = time.process_time() - began
        (Path(name) / "copy").unlink()
        told = subprocess.run(
            [sys.executable, "-c", PREPARE, str(source), str(out)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds, peak, train, held = map(float, told.stdout.split())
        assert train + held == count and held > 0.05 * count, told.stdout
        size = source.stat().st_size >> 20
    return Taken(count, seconds, count / seconds, bare, int(peak), size)


def plot(taken: Sequence[Taken], stem: Path) -> None:
    """Draw time and memory, each beside its bar, as PNG and SVG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    counts = [one.rows for one in taken]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(counts, [one.seconds for one in taken], marker="o", color="#2a6f97", label="prepare")
    left.plot(counts, [one.bare for one in taken], marker="o", color="#a9a9a9", label="bare loop")
    last = taken[-1]
    left.plot(
        [counts[0], last.rows], [last.seconds * counts[0] / last.rows, last.seconds],
        color="#2a6f97", linestyle=":", linewidth=1, label="linear",
    )  # fmt: skip
    left.set(title="processor seconds", xscale="log", yscale="log", xlabel="rows")
    left.legend(frameon=False, fontsize=8)
    right.plot(counts, [one.memory for one in taken], marker="o", color="#2a6f97")
    right.axhline(MEMORY, color="#bc4749", linestyle="--", linewidth=1)
    right.set(title="memory at its peak, MB", xscale="log", xlabel="rows", ylim=(0, 1.1 * MEMORY))
    for axis in (left, right):
        axis.title.set_fontsize(10)
        axis.spines[["top", "right"]].set_visible(False)
    for ending in (".png", ".svg"):
        figure.savefig(stem.with_suffix(ending), dpi=110)


def main() -> None:
    """Print a row for each size, and draw them if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", type=int, default=SIZES)
    parser.add_argument("--out", type=Path, help="folder with room for the rows")
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    print("|    rows | seconds | rows/s | bare, s | peak, MB | file, MB |")
    print("|--------:|--------:|-------:|--------:|---------:|---------:|")
    taken = []
    for count in asked.rows or SIZES:
        taken.append(measure(count, asked.out))
        line = "| {:7} | {:7.1f} | {:6.0f} | {:7.1f} | {:8} | {:8} |".format(*astuple(taken[-1]))
        print(line, flush=True)
    if asked.plot:
        plot(taken, asked.plot)


if __name__ == "__main__":
    main()

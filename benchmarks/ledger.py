"""How a ledger ages: a run with nothing new, a search, a digest kept, from 1,000 to 100,000 items.

python benchmarks/ledger.py [ITEMS ...] [--plot FILE]    # the picture needs matplotlib
"""

import argparse
import itertools
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from digest.records import Digest, Document, Item, Provenance, fingerprint
from digest.schema import DigestFields
from digest.storage.ledger import Ledger, StoredReport
from digest.storage.queries import Reader, Search

SIZES = [1_000, 3_000, 10_000, 30_000, 100_000]
PER_DOCUMENT = 10
RUN = """
import resource, sys
from cli.main import main
try:
    main(sys.argv[1:])
finally:
    peak = max(resource.getrusage(who).ru_maxrss for who in (0, -1))
    print("peak", peak // 1024, file=sys.stderr)
"""


def fill(path: Path, folder: Path, items: int) -> list[str]:
    """Make a ledger of so many reported items; returns its vocabulary, the commonest first."""
    dice = random.Random(3)
    words = [
        "".join(dice.choices("abcdefghilmnoprstu", k=dice.randint(3, 9))) for _ in range(20_000)
    ]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    now = datetime.now(UTC)
    documents = []
    with Ledger(path) as ledger:
        ledger._db.execute("PRAGMA synchronous=OFF")  # only to be done sooner
        for number in range(items // PER_DOCUMENT):
            identity = fingerprint("bench", str(number))
            told = [
                Item(
                    identity,
                    position,
                    "story",
                    " ".join(dice.choices(words, cum_weights=weights, k=8)),
                    " ".join(dice.choices(words, cum_weights=weights, k=60)),
                    f"https://example.org/{number}/{position}",
                )
                for position in range(PER_DOCUMENT)
            ]
            published = now - timedelta(minutes=number * 5)
            document = Document(
                identity, f"folder:{folder}", f"{number}", f"Paper {number % 40}", "Issue",
                published, "", "\n\n".join(item.text for item in told), tuple(told),
            )  # fmt: skip
            ledger.add_document(identity, document)
            documents.append(document)
        report = StoredReport("bench", "Report", "", "", now.isoformat())
        ledger.add_report(report, (now, now), documents, [], [])
    return words


@dataclass(frozen=True)
class Row:
    """What one size took."""

    items: int
    run: float  # seconds
    memory: int  # MB, the peak of that run
    search: float  # ms, median
    worst: float  # ms
    keep: float  # ms, median, without waiting for the disk
    file: int  # MB


def timed(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Milliseconds of each call."""
    took = []
    for call in calls:
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return took


def measure(items: int) -> Row:
    """Fill a ledger, run with nothing new, search it, keep digests in it."""
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name) / "inbox", Path(name) / "ledger.db"
        folder.mkdir()
        (folder / "note.md").write_text("# A note\n\nThat was read before.")
        words = fill(path, folder, items)
        verb = ["run", "--source", f"folder:{folder}", "--ledger", str(path), "--engine",
                "extractive", "--out", str(Path(name) / "out"), "--since", "9999d"]  # fmt: skip
        for _ in range(2):  # the first takes the note, the second finds nothing new
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", RUN, *verb], capture_output=True, text=True, check=True
            )
            seconds = time.perf_counter() - began
        assert "nothing new" in done.stdout, done.stdout
        memory = int(done.stderr.split("peak")[-1])
        queries = [words[0], words[5], f"{words[0]} {words[1]}", words[300], words[9000],
                   f"{words[50]} {words[60]}", "nothingatall"] * 3  # fmt: skip
        with Ledger(path) as ledger, closing(Reader(path)) as reader:
            top = reader.ceiling("items")
            search = timed([lambda q=q: reader.items(Search(text=q), 20, 0, top) for q in queries])
            dice = random.Random(5)
            marks = [
                fingerprint("bench", str(dice.randrange(items // PER_DOCUMENT))) for _ in range(40)
            ]
            told = [document.items[0] for mark in marks if (document := ledger.document(mark))]
            digest = Digest(DigestFields(summary=" ".join(words[:30])), Provenance("e", "m", "1"))
            ledger._db.execute("PRAGMA synchronous=OFF")  # the disk's time does not depend on us
            kept = timed(
                [lambda one=one: ledger.keep(one, ["summary"], "m", digest) for one in told]
            )
        return Row(
            items, seconds, memory, statistics.median(search), max(search),
            statistics.median(kept), path.stat().st_size >> 20,
        )  # fmt: skip


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw what grows, one panel each, with the bar it must stay under."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [
        ("a run with nothing new, s", [row.run for row in rows], 3.0),
        ("its memory, MB", [row.memory for row in rows], 300),
        ("search, ms (worst)", [row.worst for row in rows], 100),
        ("keep a digest, ms (without the disk)", [row.keep for row in rows], None),
    ]
    figure, axes = pyplot.subplots(1, len(panels), figsize=(12, 2.8), layout="constrained")
    for axis, (title, values, bar) in zip(axes, panels, strict=True):
        axis.plot([row.items for row in rows], values, marker="o", color="#2a6f97")
        axis.set(title=title, xscale="log", xlabel="items", ylim=(0, 1.15 * max(*values, bar or 0)))
        if bar:
            axis.axhline(bar, color="#bc4749", linestyle="--", linewidth=1)
        axis.title.set_fontsize(10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print a row for each size, and draw them if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("items", nargs="*", type=int, default=SIZES)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    sys.stdout.write(
        "|   items | run, s | run, MB | search, ms | worst, ms | keep, ms | file, MB |\n"
        "|--------:|-------:|--------:|-----------:|----------:|---------:|---------:|\n"
    )
    rows = []
    for items in asked.items or SIZES:
        rows.append(measure(items))
        sys.stdout.write(
            "| {:7} | {:6.2f} | {:7} | {:10.1f} | {:9.1f} | {:8.2f} | {:8} |\n".format(
                *astuple(rows[-1])
            )
        )
        sys.stdout.flush()
    if asked.plot:
        plot(rows, asked.plot)


if __name__ == "__main__":
    main()

"""How a ledger ages: a run with nothing new, and a search, from 1,000 to 100,000 items.

python benchmarks/ledger.py [ITEMS ...]
"""

import itertools
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from digest.ledger import Ledger, StoredReport
from digest.records import Document, Item, fingerprint

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


def main() -> None:
    """Print a row for each size."""
    print(
        f"{'items':>8} {'run s':>7} {'run MB':>7} {'search ms (median, worst)':>26} {'file MB':>8}"
    )
    for items in [int(argument) for argument in sys.argv[1:]] or [1_000, 10_000, 100_000]:
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
            took = []
            with Ledger(path) as ledger:
                for query in [words[0], words[5], f"{words[0]} {words[1]}", words[300], words[9000],
                              f"{words[50]} {words[60]}", "nothingatall"] * 3:  # fmt: skip
                    began = time.perf_counter()
                    ledger.search(query)
                    took.append((time.perf_counter() - began) * 1000)
            size = path.stat().st_size >> 20
            median, worst = statistics.median(took), max(took)
            print(
                f"{items:8} {seconds:7.2f} {memory:7} {median:17.1f} {worst:8.1f} {size:8}",
                flush=True,
            )


if __name__ == "__main__":
    main()

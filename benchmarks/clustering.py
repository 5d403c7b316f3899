"""How long the grouping of stories takes, from 1,000 to 100,000 items, and what it finds.

Texts are made from a seeded Zipf vocabulary: every story has words of its own, is told one to
four times, and each telling keeps about two thirds of the story's words.

    python benchmarks/clustering.py [SIZE ...]
"""

import itertools
import random
import resource
import sys
import time
from collections.abc import Iterator

from digest.records import Analyzed, Digest, Document, Item, Provenance
from digest.schema import DigestFields
from digest.stories.cluster import cluster

WORDS = 60  # of one telling


def vocabulary(size: int, dice: random.Random) -> list[str]:
    """Pseudo-words."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ei", "ar")]
    return ["".join(dice.choices(syllables, k=dice.randint(2, 4))) for _ in range(size)]


def corpus(size: int) -> Iterator[tuple[int, Analyzed]]:
    """(story, telling)"""
    dice = random.Random(7)
    words = vocabulary(60_000, dice)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    made = 0
    for story in itertools.count():
        told = dice.choices(words, cum_weights=weights, k=WORDS)
        told[:8] = dice.choices(words, k=8)  # names and things that are its own
        for _ in range(min(dice.choice((1, 1, 1, 1, 2, 3, 4)), size - made)):
            body = [w if dice.random() < 0.67 else dice.choices(words, cum_weights=weights)[0]
                    for w in told]  # fmt: skip
            item = Item(f"d{made}", 0, "story", " ".join(told[:8]), " ".join(body))
            home = Document(f"d{made}", "s", "o", f"p{made % 50}", "", None, "", "", (item,))
            fields = DigestFields(title=item.title[:120])
            yield story, Analyzed(home, item, Digest(fields, Provenance("e", "m", "1")))
            made += 1
        if made >= size:
            return


def main() -> None:
    """Print a row for each size."""
    sizes = [int(argument) for argument in sys.argv[1:]] or [1_000, 3_000, 10_000, 30_000, 100_000]
    print(f"{'items':>8} {'seconds':>8} {'us/item':>8} {'precision':>9} {'recall':>7} {'MB':>6}")
    for size in sizes:
        pairs = list(corpus(size))
        story = {one.item.id: number for number, one in pairs}
        began = time.process_time()
        stories = cluster([one for _, one in pairs])
        seconds = time.process_time() - began
        found = right = 0
        for group in stories:
            for a, b in itertools.combinations(group.members, 2):
                found += 1
                right += story[a.item.id] == story[b.item.id]
        told: dict[int, int] = {}
        for number in story.values():
            told[number] = told.get(number, 0) + 1
        wanted = sum(n * (n - 1) // 2 for n in told.values())
        assert sum(len(group.members) for group in stories) == size  # nothing is eaten
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{size:8} {seconds:8.1f} {seconds / size * 1e6:8.0f} "
            f"{right / max(found, 1):9.3f} {right / max(wanted, 1):7.3f} {peak:6.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

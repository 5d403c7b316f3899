"""What the labels of rows are like, field by field, for people."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean, median

from digest.schema import FIELDS, LIST_FIELDS, Row


def described(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of counts, lengths and the most frequent entries."""
    sizes: dict[str, list[int]] = {name: [] for name in FIELDS}
    entries: dict[str, Counter[str]] = {name: Counter() for name in LIST_FIELDS}
    for row in rows:
        for name, value in row.digest.as_dict().items():
            sizes[name].append(value if isinstance(value, int) else len(value))
            if name in entries:
                entries[name].update(value)
    yield "labels"
    for name, counts in sizes.items():
        if not counts:
            yield f"  {name}: none"
            continue
        head = f"  {name}: {len(counts)} rows, "
        if name in entries:
            empty = sum(not count for count in counts) / len(counts)
            often = ", ".join(f"{entry} {n}" for entry, n in entries[name].most_common(3))
            yield (
                f"{head}{fmean(counts):.1f} entries on average, {empty:.0%} empty, "
                f"{len(entries[name])} different ({often})"
            )
        elif name == "relevance_score":
            spread = Counter(counts)
            shares = " ".join(f"{score}:{spread[score]}" for score in sorted(spread))
            yield f"{head}median {median(counts):g} ({shares})"
        else:
            yield f"{head}{median(counts):g} characters in the middle, {max(counts)} at most"

"""Which entries of a feed were taken, so that each is taken once and none is mistaken for another.

Feeds change titles, guids and addresses of entries that stay the same, and give one guid to many.
No single property can be trusted, so they vote: an entry is known if it agrees with an earlier
one in two of guid, address and title.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from digest.html.urls import canonical
from digest.records import fingerprint
from integrations.sources.feedparse import FeedEntry

LIMIT = 2_000  # entries that are remembered; feeds hold far fewer at a time


@dataclass(frozen=True, slots=True)
class Marks:
    """Fingerprints of what may identify an entry; "" where it has none."""

    guid: str
    url: str
    title: str

    @classmethod
    def of(cls, entry: FeedEntry) -> "Marks":
        """The marks of an entry. A front page is nobody's address."""
        url = story_url(entry.url)
        return cls(
            fingerprint(entry.guid) if entry.guid else "",
            fingerprint(url) if url else "",
            fingerprint(entry.title.casefold()) if entry.title else "",
        )

    def agree(self, other: "Marks") -> int:
        """How many marks are there and equal."""
        return (
            (self.guid == other.guid != "")
            + (self.url == other.url != "")
            + (self.title == other.title != "")
        )


def story_url(url: str) -> str:
    """The canonical form of an address that can stand for one story; "" for a front page."""
    clean = canonical(url) if url else ""
    try:
        parts = urlsplit(clean)
    except ValueError:
        return ""
    return clean if parts.path.strip("/") or parts.query else ""


@dataclass(slots=True)
class Memory:
    """Key -> marks of the entries of one feed that were taken, the oldest first."""

    feed: str  # its address: the scope of guids
    known: dict[str, Marks] = field(default_factory=dict)

    @classmethod
    def load(cls, feed: str, rows: object) -> "Memory":
        """From what `dump` gave; anything else is an empty memory."""
        memory = cls(feed)
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, list) and len(row) == 4 and all(isinstance(x, str) for x in row):
                memory.known[row[0]] = Marks(*row[1:])
        return memory

    def dump(self) -> list[list[str]]:
        """As rows for JSON, the newest `LIMIT`."""
        rows = [[key, m.guid, m.url, m.title] for key, m in self.known.items()]
        return rows[-LIMIT:]

    def new(self, entries: Sequence[FeedEntry]) -> Iterator[tuple[str, FeedEntry]]:
        """(key, entry) of those that were not taken before; call `take` with the key when done.

        The key is the canonical address, so that one story in several feeds is one document; a
        guid within the feed where there is no such address; more where that is taken.
        """
        marks = [Marks.of(entry) for entry in entries]
        guids = Counter(mark.guid for mark in marks)
        index: dict[str, list[Marks]] = {}
        used = set(self.known)
        for mark in self.known.values():
            _enter(index, mark)
        for entry, mark in zip(entries, marks, strict=True):
            alone = not mark.url and guids[mark.guid] == 1  # a guid is all that it has
            near = [one for part in _parts(mark) for one in index.get(part, ())]
            if any(
                mark.agree(one) > 1 or (alone and not one.url and mark.guid == one.guid != "")
                for one in near
            ):
                continue
            _enter(index, mark)
            key = self._key(entry, mark, used)
            used.add(key)
            yield key, entry

    def take(self, key: str, entry: FeedEntry) -> None:
        """Remember an entry as taken."""
        self.known[key] = Marks.of(entry)

    def _key(self, entry: FeedEntry, mark: Marks, used: Collection[str]) -> str:
        candidates = [
            story_url(entry.url),
            f"{self.feed} {mark.guid}" if mark.guid else "",
            f"{self.feed} {mark.guid} {mark.url} {mark.title}",
            f"{self.feed} {fingerprint(entry.guid, entry.url, entry.title, entry.html)}",
        ]
        free = (one for one in candidates if one and one not in used)
        return next(free, candidates[-1])


def _parts(mark: Marks) -> list[str]:
    return [part for part in (mark.guid, mark.url, mark.title) if part]


def _enter(index: dict[str, list[Marks]], mark: Marks) -> None:
    for part in _parts(mark):
        index.setdefault(part, []).append(mark)

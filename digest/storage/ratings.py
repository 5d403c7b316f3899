"""What the reader said of stories: one vote a story, taken back by the same vote again."""

from collections.abc import Iterator
from typing import Literal, get_args

from digest.errors import ConfigError
from digest.schema import DigestFields
from digest.storage.connection import Store, now
from digest.stories.liking import Rated, Vote
from digest.stories.trends import labels

Change = Literal["rated", "changed", "undone"]
VOTES: tuple[Vote, ...] = get_args(Vote)
REASON = 500  # characters that are kept of a reason
NEWEST = 300  # votes that count: taste changes


class Ratings(Store):
    """The part of the ledger that holds the reader's votes."""

    def rate(self, item_id: str, vote: Vote, reason: str = "") -> Change:
        """Note a vote; the same vote again takes it back. Raises ConfigError for no such item."""
        if not self._db.execute("SELECT 1 FROM items WHERE id = ?", (item_id,)).fetchone():
            raise ConfigError(f"there is no item {item_id!r} in the ledger")
        with self._write():
            held = self._db.execute(
                "SELECT vote FROM ratings WHERE item_id = ?", (item_id,)
            ).fetchone()
            if held and held["vote"] == vote:
                self._db.execute("DELETE FROM ratings WHERE item_id = ?", (item_id,))
                return "undone"
            self._db.execute(
                "INSERT OR REPLACE INTO ratings VALUES (?,?,?,?)",
                (item_id, vote, reason.strip()[:REASON], now()),
            )
        return "changed" if held else "rated"

    def ratings(self) -> list[Rated]:
        """The newest votes, the newest first, with what the stories speak of."""
        return list(self._rated())

    def _rated(self) -> Iterator[Rated]:
        rows = self._db.execute(
            "SELECT r.item_id, r.vote, r.reason, i.title, d.publisher, (SELECT g.digest "
            "FROM digests g WHERE g.content_hash = i.content_hash "
            "ORDER BY length(g.fields) DESC, g.rowid DESC LIMIT 1) AS digest "
            "FROM ratings r JOIN items i ON i.id = r.item_id "
            "JOIN documents d ON d.id = i.document_id "
            "ORDER BY r.added DESC, r.rowid DESC LIMIT ?",
            (NEWEST,),
        ).fetchall()
        for row in rows:
            fields = DigestFields.model_validate_json(row["digest"] or "{}")
            yield Rated(
                item=row["item_id"],
                vote=row["vote"],
                reason=row["reason"],
                title=fields.title or row["title"],
                publisher=row["publisher"],
                labels=tuple(labels(fields)),
            )

"""Heads as an engine to examine: they decide tags and relevance, the text's beginning the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digest.errors import ConfigError
from digest.model.encoder import available
from digest.schema import Row
from digest.tags.heads import Heads, default, tag
from finetune.evaluation.baselines import Lead
from finetune.heads.fit import fit
from finetune.heads.rows import Rows, vectors

SPEC = "heads"


class HeadsEngine(Lead):
    """`heads` fits on the rows that a baseline may learn from, or takes those that ship;
    `heads:FILE` reads a file. With the encoder where there is one.
    """

    model = SPEC

    def __init__(self, file: str = "", rows: Sequence[Row] = (), *, encoder: bool = True) -> None:
        super().__init__(rows)
        self._encoder = available() if encoder else None
        if file:
            if not Path(file).is_file():
                raise ConfigError(f"there is no file {file}")
            self._heads = Heads.load(Path(file))
        elif rows:
            ready = Rows(rows, vectors(rows, self._encoder))
            self._heads = Heads.of(*fit(ready, range(len(rows))))
        else:
            self._heads = default()

    def digest(self, title: str, text: str) -> dict[str, Any]:
        """As lead, with what the heads decide."""
        tags = tag(title, text, encoder=self._encoder, heads=self._heads)
        return super().digest(title, text) | {
            "domains": list(tags.domains),
            "relevance_score": tags.relevance_score,
            "key_insights": list(tags.key_insights),
            "company_names": list(tags.company_names),
        }

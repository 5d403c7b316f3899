"""Metrics in the making: one ratio a name, filled in row by row."""

from finetune.evaluation.catalogue import catalogue
from finetune.evaluation.stats import Ratio


class Tally:
    """Ratios by name, all over the same rows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.found: dict[str, Ratio] = {}

    def add(self, name: str, row: int, over: float, under: float = 1.0) -> None:
        """Set one row of one metric."""
        self.found.setdefault(name, Ratio.zeros(self.rows)).put(row, over, under)

    def ordered(self) -> dict[str, Ratio]:
        """In the order of the catalogue."""
        return {name: self.found[name] for name in catalogue() if name in self.found}

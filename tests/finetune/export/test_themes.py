"""The themes that ship beside an adapter."""

from pathlib import Path

from digest.schema import DigestFields, Row
from finetune.export import themes


def row(number: int, *tags: str) -> Row:
    return Row(
        id=str(number), group=str(number), kind="news", lang="en", title="", text="A text.",
        date="2026-01-01", source="s", url="", licence="CC0-1.0",
        digest=DigestFields(key_insights=list(tags)),
    )  # fmt: skip


def test_what_three_rows_share(tmp_path: Path) -> None:
    rows = [row(1, "Shipping", "Ports"), row(2, "Shipping"), row(3, "Shipping", "Ports"), row(4)]
    assert themes.themes(rows) == ["Shipping"]
    assert themes.write(rows, tmp_path).read_text() == "Shipping\n"

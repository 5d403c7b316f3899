"""The rows of a run on disk, split, with hashes: what a model card can name."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digest.schema import Row
from finetune import data
from finetune.base import sha256
from finetune.config import Data

FACTS = "facts.json"


def write(how: Data, out: Path) -> dict[str, Any]:
    """Write train.jsonl, validation.jsonl and facts.json into `out`; return the facts."""
    rows, report = data.read(how.rows)
    out.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "source": {"file": how.rows.name, "sha256": sha256(how.rows), "rows": report.rows},
        "clipped": dict(report.clipped),
        "refused": report.refused,
    }
    for name, part in zip(("train", "validation"), data.split(rows, how.split), strict=True):
        path = out / f"{name}.jsonl"
        lines = [row.model_dump_json(exclude_none=True) + "\n" for row in part]
        path.write_text("".join(lines), "utf-8")
        facts[name] = describe(part) | {"sha256": sha256(path)}
    (out / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False), "utf-8")
    return facts


def describe(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts of a set of rows, and a hash of its ids: which rows, whatever else changes."""
    ids = "\n".join(sorted(row.id for row in rows))
    return {
        "rows": len(rows),
        "groups": len({row.group for row in rows}),
        "kinds": dict(Counter(row.kind for row in rows).most_common()),
        "languages": dict(Counter(row.lang for row in rows).most_common()),
        "licences": dict(Counter(row.licence for row in rows).most_common()),
        "ids_sha256": hashlib.sha256(ids.encode()).hexdigest(),
    }

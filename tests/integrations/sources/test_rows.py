import json
from datetime import UTC, datetime

from digest.pipeline import read
from digest.records import Skip
from integrations import source
from integrations.sources import rows


def test_rows_of_a_jsonl_file_are_documents(tmp_path) -> None:
    path = tmp_path / "articles.jsonl"
    good = {"id": "a1", "title": "Ferries", "text": "The *ferry* runs.", "url": "https://e.org/f",
            "date": "2026-11-20", "source": "Coast"}  # fmt: skip
    old = good | {"id": "a0", "date": "2020-01-01"}
    bare = {"text": "Only text."}
    lines = [json.dumps(old), json.dumps(good), "", "{", "[1]", json.dumps(bare), "\udcff"]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    found = list(source(f"folder:{tmp_path}").fetch(datetime(2026, 1, 1, tzinfo=UTC)))
    ferry, no_json, no_object, only, bad = found
    document = read(ferry)
    assert (document.title, document.publisher, document.url) == ("Ferries", "Coast", good["url"])
    assert document.published == datetime(2026, 11, 20, tzinfo=UTC)
    assert document.origin == "articles.jsonl line 2"
    assert "Only text." in read(only).markdown
    for skip in (no_json, no_object, bad):
        assert isinstance(skip, Skip) and "no JSON" in skip.reason


def test_a_line_without_end_is_bounded(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(rows, "MAX_LINE", 1000)
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"text": "' + b"x" * 200_000 + b'"}\n{"text": "next"}\n')
    skip, following = rows.read(path, "folder:x", "x.jsonl", None)
    assert "over" in skip.reason and following.content == b"next"

"""Rows in every shape and container that `digest finetune prepare` reads."""

import csv
import gc
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError
from digest.schema import FIELDS, Row
from finetune.config import Data, load
from finetune.data import prepared
from finetune.data.formats import ReadReport, read, stream

LABELS = {"relevance_score": 7, "key_insights": ["AI Chip"], "company_names": ["Acme"]}
ANSWER = json.dumps(LABELS)
SHARED = Path(__file__).parents[4] / "shared" / "data"


def written(path: Path, records: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records), "utf-8")
    return path


def prompt(number: int) -> str:
    return (
        "You read the news.\n\n"
        f"Title: Plant {number}\nContent: Acme opened plant {number}.\n\nIn town {number}.\n\n"
        "Answer with JSON:\n- relevance_score"
    )


def turns(number: int) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": prompt(number)},
        {"role": "assistant", "content": f"```json\n{ANSWER}\n```"},
    ]


SHAPES: dict[str, Any] = {
    "messages": lambda n: {"messages": turns(n)},
    "sharegpt": lambda n: {
        "conversations": [
            {"from": "human", "value": prompt(n)},
            {"from": "gpt", "value": ANSWER},
        ]
    },
    "alpaca": lambda n: {"instruction": prompt(n), "input": "", "output": ANSWER},
    "alpaca with input": lambda n: {
        "instruction": "Digest this.",
        "input": f"# Plant {n}\n\nAcme opened plant {n}.\n\nIn town {n}.",
        "output": ANSWER,
    },
    "completion": lambda n: {"prompt": prompt(n), "completion": ANSWER},
    "chat completion": lambda n: {"prompt": turns(n)[:2], "completion": turns(n)[2:]},
    "metadata": lambda n: {
        "messages": turns(n),
        "metadata": {
            "article_title": f"Plant {n}",
            "content": f"Acme opened plant {n}.\n\nIn town {n}.",
        },
    },
    "rows": lambda n: {
        "title": f"Plant {n}",
        "text": f"Acme opened plant {n}.\n\nIn town {n}.",
        "digest": LABELS,
    },
    "columns": lambda n: {
        "title": f"Plant {n}",
        "body": f"Acme opened plant {n}.\n\nIn town {n}.",
        "relevance_score": "7",
        "key_insights": "AI Chip; ",
        "company_names": '["Acme"]',
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_rows(shape: str, tmp_path: Path) -> None:
    rows, report = read(written(tmp_path / "data", [SHAPES[shape](n) for n in range(4)]))
    assert [row.title for row in rows] == [f"Plant {n}" for n in range(4)]
    assert [row.text for row in rows] == [
        f"Acme opened plant {n}.\n\nIn town {n}." for n in range(4)
    ]
    assert all(row.digest.as_dict() == LABELS for row in rows)
    assert sum(report.shapes.values()) == report.rows == 4
    assert len({row.group for row in rows}) == 4


def container(kind: str, path: Path, records: list[dict[str, Any]]) -> Path:
    if kind == "JSONL":
        return written(path, records)
    if kind == "JSON array":
        path.write_text(json.dumps(records, indent=1), "utf-8")
    elif kind in {"CSV", "TSV"}:
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, records[0], delimiter="\t" if kind == "TSV" else ";")
            writer.writeheader()
            writer.writerows(records)
    else:
        arrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
        from pyarrow import parquet

        parquet.write_table(arrow.Table.from_pylist(records), path)
    return path


@pytest.mark.parametrize("kind", ["JSONL", "JSON array", "CSV", "TSV", "Parquet"])
def test_every_container(kind: str, tmp_path: Path) -> None:
    """The name of the file says nothing; long texts, quotes and line ends survive."""
    records = [
        {
            "id": f"r{n}",
            "group": f"g{n // 2}",
            "title": f'Größe, "{n}"',
            "text": f"{n}\n\nAcme " * 9000,
            "date": "2025-03-02",
            "digest.title": f"Plant {n} opens",
            "names": '["Acme", "Ghent"]',
        }
        for n in range(5)
    ]
    rows, report = read(container(kind, tmp_path / "data.bin", records))
    assert report.container == kind
    assert [row.model_dump(include=set(records[0])) for row in rows] == [
        {k: v for k, v in record.items() if k in Row.model_fields} for record in records
    ]
    assert rows[3].digest.as_dict() == {"title": "Plant 3 opens", "names": ["Acme", "Ghent"]}


def test_columns_name_what_is_called_otherwise(tmp_path: Path) -> None:
    record = {
        "story": {"html": "Acme opened a plant."},
        "abstract": "Acme opened a plant in Ghent.",
        "no": 3,
    }
    columns = {"text": "story.html", "group": "no", "digest.summary": "abstract"}
    (row,), _ = read(written(tmp_path / "data", [record]), columns)
    assert (row.text, row.group) == ("Acme opened a plant.", "3")
    assert row.digest.as_dict() == {"summary": "Acme opened a plant in Ghent."}
    with pytest.raises(ConfigError, match="columns"):
        load(None, ["data.columns={ body = 'text' }"])


def test_every_change_and_refusal_is_told(tmp_path: Path) -> None:
    good = {"id": "1", "group": "1", "text": "Acme and Ghent.", "digest": LABELS}
    path = written(
        tmp_path / "data",
        [
            good,
            good,
            good | {"id": "3", "digest": LABELS | {"names": [f"N{n}" for n in range(20)]}},
            good | {"id": "4", "digest": LABELS | {"summary": "", "action_items": ["x"]}},
            good | {"id": "5", "digest": LABELS | {"domains": [" Law", "law"]}},
            good | {"id": "6", "digest": LABELS | {"relevance_score": "7.0"}},
            good | {"id": "7", "digest": {"relevance_score": 99}},
            good | {"id": "8", "text": "  "},
            {"id": "9", "prompt": "Say", "completion": "no JSON"},
            {"story": "no labels"},
            [1, 2],
        ],
    )
    path.write_bytes(path.read_bytes() + b"\n{\n\xff\n")
    rows, report = read(path)
    assert [row.id for row in rows] == ["1", "1-2", "3", "4", "5", "6"]
    assert report.changed == 4
    assert report.changes == {
        "id that occurred before: numbered": 1,
        "names: list clipped to 12": 1,
        "action_items: no field of ours, left out": 1,
        "summary: left out, String should have at least 10 characters": 1,
        "domains: blanks, repetitions or case tidied": 1,
    }
    assert rows[2].digest.names == [f"N{n}" for n in range(12)]
    assert (rows[4].digest.domains, rows[5].digest.relevance_score) == (["law"], 7)
    assert report.refused == len(report.told) == 7
    assert [line.partition(":")[0] for line in report.told] == [f"record {n}" for n in range(7, 14)]
    for reason in ("no label that keeps the contract", "no text", "the answer is not JSON",
                   "no known shape; its keys are story", "not an object but list"):  # fmt: skip
        assert report.reasons[reason] == 1


@pytest.mark.parametrize("content", [b"just a line of prose\n", b"\x00\x01\x02", b"PAR1 but not"])
def test_what_is_no_dataset_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(ConfigError):
        read(tmp_path / "data")
    with pytest.raises(ConfigError):
        read(tmp_path / "none")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", *FIELDS]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
KEYS = ["digest", "messages", "conversations", "instruction", "input", "output", "prompt",
        "completion", "text", "title", "id", "metadata", *FIELDS]  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6), max_size=6))
def test_no_record_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
) -> None:
    path = written(tmp_path_factory.getbasetemp() / "fuzz.jsonl", records)
    rows, report = read(path)
    assert len(rows) + report.refused == len(records)
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.digest.asked() and row.text.strip() for row in rows)


def test_prepared_set_is_read_from_disk_and_made_anew_when_it_must(
    rows: list[Row], rows_file: Path, tmp_path: Path
) -> None:
    how = Data(rows=rows_file)
    first = prepared.load(how, tmp_path / "data")
    both = [*first.train, *first.validation]
    assert sorted(both, key=lambda row: row.id) == sorted(rows, key=lambda row: row.id)
    assert first.train[-1] == first.train[len(first.train) - 1] == list(first.train)[-1]
    stamp = (tmp_path / "data" / "train.jsonl").stat().st_mtime_ns
    assert prepared.load(how, tmp_path / "data").facts == first.facts
    assert (tmp_path / "data" / "train.jsonl").stat().st_mtime_ns == stamp
    rows_file.write_text("\n".join(rows_file.read_text().splitlines()[:6]))
    assert prepared.load(how, tmp_path / "data").facts["source"]["rows"] == 6
    assert first.facts["train"]["ids_sha256"] != first.facts["validation"]["ids_sha256"]


def test_memory_grows_by_a_few_hundred_bytes_a_row(tmp_path: Path) -> None:
    """Ten times the rows of 8 kB each: what is held of a row is its keys."""
    peaks = []
    for count in (300, 3000):
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as file:
            for n in range(count):
                record = {"id": f"r{n}", "group": f"g{n}", "text": f"{n} Acme " * 1000}
                file.write(json.dumps(record | {"digest": LABELS}) + "\n")
        gc.collect()
        tracemalloc.start()
        prepared.load(Data(rows=path), tmp_path / str(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 2700 < 500


def test_the_seed_authors_rows() -> None:
    path = SHARED / "seed-items" / "news_train_data.jsonl"
    if not path.is_file():
        pytest.skip("the shared data are not beside the repository")
    report = ReadReport()
    rows = list(stream(path, report))
    assert (len(rows), report.refused, report.shapes) == (364, 0, {"messages": 364})
    assert len({row.group for row in rows}) == 95
    assert report.changes["summary: left out, String should have at least 10 characters"] == 345

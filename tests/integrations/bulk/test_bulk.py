"""Bulk digesting, but for Ray: portions, the file of a portion, what a folder says of itself."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.engines import open_engine
from digest.engines.extractive import ExtractiveEngine
from digest.errors import ConfigError, EngineUnavailable
from digest.schema import FIELDS
from digest.settings import EmbeddedSettings, OllamaSettings, OpenAISettings, Settings
from integrations.bulk import job, portions, work
from integrations.bulk.portions import Place, Row

pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
parquet = pytest.importorskip("pyarrow.parquet")

texts = st.text(st.characters(codec="utf-8"), max_size=30)
lines = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"text": st.one_of(texts, st.none(), st.integers())},
            optional={"id": st.one_of(texts, st.integers()), "title": texts},
        ).map(lambda record: json.dumps(record).encode()),
        st.sampled_from([b"", b"  ", b"[]", b"{", b"\xff\xfe", b'{"text": "\\ud800 half"}']),
    ),
    max_size=30,
)


def _ask(out: Path, **changes: Any) -> work.WorkOrder:
    ask = work.WorkOrder(
        str(out), FIELDS, "extractive", ExtractiveEngine.model,
        OllamaSettings(), EmbeddedSettings(), OpenAISettings(),
    )  # fmt: skip
    return replace(ask, **changes)


@pytest.mark.parametrize(("set_to", "threads"), [(0, 1), (3, 3)])
def test_a_worker_takes_one_core_if_not_told_otherwise(
    set_to: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Settings] = []

    def opened(name: str, settings: Settings) -> Any:
        seen.append(settings)
        return open_engine(name, settings)

    monkeypatch.setattr(work, "open_engine", opened)
    ask = _ask(tmp_path, embedded=EmbeddedSettings(threads=set_to, slots=2))
    ask.open().close()
    assert ask.threads == threads
    assert seen[0].embedded == EmbeddedSettings(threads=threads, slots=2)


@settings(deadline=None)  # it writes files
@given(lines, st.integers(1, 8))
def test_portions_hold_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, given_lines: list[bytes], size: int
) -> None:
    file = tmp_path_factory.mktemp("in") / "in.jsonl"
    file.write_bytes(b"\n".join(given_lines))
    found = list(portions.portions(file, size))
    reader = portions.opened(file)
    rows = [row for portion in found for row in portions.read(portion, reader)]
    assert rows == [row for _, row in reader.rows(Place())]
    full = [n for n, line in enumerate(given_lines, 1) if line.strip()]
    assert [row.number for row in rows] == full
    assert all(portion.rows == size for portion in found[:-1])
    assert len({portion.name for portion in found}) == len(found)
    assert all(bool(row.error) != bool(row.text) for row in rows)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.one_of(texts, st.none()), st.one_of(texts, st.none())), max_size=40),
    st.integers(1, 7),
    st.integers(1, 9),
)
def test_portions_of_parquet_do_not_depend_on_row_groups(
    tmp_path_factory: pytest.TempPathFactory,
    given_rows: list[tuple[str | None, str | None]],
    size: int,
    group: int,
) -> None:
    folder = tmp_path_factory.mktemp("in")
    table = pyarrow.table(
        {
            "id": pyarrow.array([f"r{n}" for n in range(len(given_rows))], pyarrow.string()),
            "title": pyarrow.array([title for title, _ in given_rows], pyarrow.string()),
            "text": pyarrow.array([text for _, text in given_rows], pyarrow.string()),
            "other": pyarrow.array(
                [[n] for n in range(len(given_rows))], pyarrow.list_(pyarrow.int64())
            ),
        }
    )
    names = []
    for rows_a_group in (group, 1000):
        file = folder / "in.parquet"
        parquet.write_table(table, file, row_group_size=rows_a_group)
        found = list(portions.portions(file, size))
        reader = portions.opened(file)
        rows = [row for portion in reversed(found) for row in portions.read(portion, reader)[::-1]]
        assert [row.id for row in rows] == [f"r{n}" for n in range(len(given_rows))][::-1]
        assert [row.text for row in rows if not row.error] == [
            text for _, text in reversed(given_rows) if text and text.strip()
        ]
        names.append([portion.name for portion in found])
    assert names[0] == names[1]


def test_what_a_row_is(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(
        b'\xef\xbb\xbf{"id": 7, "title": "Plant", "text": "Acme opened a plant."}\n'
        b'{"text": "No id."}\nno JSON\n[1]\n{"id": "x", "text": " "}\n{"text": "'
        + b"a" * portions.MAX_LINE + b'"}\n'
    )  # fmt: skip
    [portion] = portions.portions(file, 100)
    seven, anonymous, *refused = portions.read(portion, portions.opened(file))
    assert seven == Row(1, "7", "Plant", "Acme opened a plant.")
    assert anonymous.id and anonymous.text == "No id."
    assert [(row.number, row.id, row.error) for row in refused] == [
        (3, "", "the line is no JSON"),
        (4, "", "no object with a `text`"),
        (5, "x", "no `text`"),
        (6, "", "the line is over 4 MiB"),
    ]


def test_a_worker_writes_what_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"id": "a", "title": "Plant", "text": "Acme opened a plant in Ghent."}\n{}\n')
    [portion] = portions.portions(file, 100)
    worker = work.Worker(_ask(tmp_path, fields=("title", "names", "relevance_score")))
    assert worker(portion) == 2
    table = parquet.read_table(tmp_path / portion.name)
    assert table.schema == work.schema(("title", "names", "relevance_score"))
    good, refused = table.to_pylist()
    assert good["names"] == ["Ghent"] and 1 <= good["relevance_score"] <= 10
    assert good["model"] == ExtractiveEngine.model and "without a model" in good["degraded"]
    assert (good["file"], good["row"], good["id"], good["error"]) == ("in.jsonl", 1, "a", "")
    assert refused["error"] == "no `text`" and refused["title"] is refused["engine"] is None
    assert not list(tmp_path.glob(".*")), "nothing unfinished is left"


def test_an_input_that_changes_under_the_job_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "Acme opened a plant."}\n')
    [portion] = portions.portions(file, 10)
    file.write_text('{"text": "Acme closed a plant!"}\n')
    with pytest.raises(ConfigError, match="has changed"):
        work.Worker(_ask(tmp_path))(portion)
    assert not list(tmp_path.glob("*.parquet"))


def test_digests_without_the_engine_that_was_asked_are_not_kept(tmp_path: Path) -> None:
    """Nobody listens at the port: what analyze puts in its place must not reach the output."""
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "Acme opened a plant."}\n')
    ollama = OllamaSettings(host="http://127.0.0.1:9", timeout=2)
    with pytest.raises(EngineUnavailable):
        work.Worker(_ask(tmp_path, engine="ollama", model="digest", ollama=ollama))
    with pytest.raises(EngineUnavailable, match=r"has the model extractive-\d+ and not other"):
        work.Worker(_ask(tmp_path, model="other"))
    worker = work.Worker(_ask(tmp_path))
    worker._engine = _Dying()
    [portion] = portions.portions(file, 10)
    with pytest.raises(EngineUnavailable, match="out of memory"):
        worker(portion)
    assert not list(tmp_path.glob("*.parquet"))


class _Dying:
    """An engine that dies on its first question."""

    name, model, context = "dying", "dying-1", 4096

    def count(self, text: str) -> int:
        return len(text.split())

    def answer(self, asks: object) -> Any:
        raise EngineUnavailable("the model ran out of memory")

    def close(self) -> None:
        pass


def test_other_jobs_are_kept_apart(tmp_path: Path) -> None:
    """All of these end before a cluster is asked for."""
    file, out = tmp_path / "in.jsonl", tmp_path / "out"
    file.write_text("")
    chosen = Settings(engine="extractive")
    assert job.run(file, out, chosen, size=3).rows == 0
    assert json.loads((out / job.MANIFEST).read_text())["complete"] is True
    with pytest.raises(ConfigError, match="begun with the fields"):
        job.run(file, out, chosen, ("title",), size=3)
    with pytest.raises(ConfigError, match="begun with the size 3, not 4"):
        job.run(file, out, chosen, size=4)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.parquet").write_bytes(b"")
    with pytest.raises(ConfigError, match="files of another kind"):
        job.run(file, other, chosen)
    assert (other / "mine.parquet").exists()
    (out / "mine.parquet").write_bytes(b"")
    (out / "in.jsonl-000000-0123456789abcdef.parquet").write_bytes(b"")  # of rows that are gone
    job.run(file, out, chosen, size=3)
    assert [path.name for path in out.glob("*.parquet")] == ["mine.parquet"]
    with pytest.raises(ConfigError, match="both input and output"):
        job.run(out, out, chosen)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match=r"no \.parquet and no \.jsonl"):
        job.run(empty, tmp_path / "new", chosen)

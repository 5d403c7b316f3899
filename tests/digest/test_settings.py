from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest import settings
from digest.errors import ConfigError
from digest.when import parse_since

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("digest.toml").write_text(text, "utf-8")


def test_defaults_need_no_file():
    assert settings.load().engine == "auto"


def test_options_beat_environment_beats_file(monkeypatch):
    write('engine = "ollama"\nsince = "3d"\n[ollama]\nmodel = "mine"\n')
    monkeypatch.setenv("DIGEST_SINCE", "5d")
    loaded = settings.load(engine="extractive", since=None)
    assert (loaded.engine, loaded.since, loaded.ollama.model) == ("extractive", "5d", "mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('since = "3d"\nsorce = ["x"]\n', "digest.toml line 2: sorce: unknown key"),
        (
            'since = "3d"\n\n[ollama]\nmodle = "x"\n',
            "digest.toml line 4: ollama.modle: unknown key",
        ),
        ('engine = "gpt"\n', "digest.toml line 1: engine: "),
        ("[olama]\n", "digest.toml line 1: olama: unknown key"),
        ('source = ["x"\nsince = 1\n', "line 2"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(text, message):
    write(text)
    with pytest.raises(ConfigError) as error:
        settings.load()
    assert message in str(error.value)


def test_a_named_file_must_be_there():
    with pytest.raises(ConfigError, match=r"there\.toml"):
        settings.load(Path("there.toml"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("36h", NOW - timedelta(hours=36)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-11-01T00:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_times(text, moment):
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "soon", "7", "999999w", "2026-13-01", "-3d"])
def test_times_that_are_none(text):
    with pytest.raises(ConfigError, match="7d"):
        parse_since(text, NOW)

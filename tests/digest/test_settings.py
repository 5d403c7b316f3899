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
        ("1 week", NOW - timedelta(days=7)),
        ("last week", NOW - timedelta(days=7)),
        ("3 days ago", NOW - timedelta(days=3)),
        ("the last 36 hours", NOW - timedelta(hours=36)),
        ("an hour ago", NOW - timedelta(hours=1)),
        ("Past 90 mins", NOW - timedelta(minutes=90)),
        ("2026-11-01T00:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_times(text, moment):
    assert parse_since(text, NOW) == moment


def test_days_by_their_names():
    midnight = NOW.astimezone().replace(hour=0, minute=0)
    assert parse_since("today", NOW) == midnight
    assert timedelta(hours=22) < midnight - parse_since(" Yesterday ", NOW) < timedelta(hours=26)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "week", "hours", "-1 day", "1 fortnight", "7", "999999w", "2026-13-01", "-3d"],
)
def test_times_that_are_none(text):
    with pytest.raises(ConfigError, match="7d"):
        parse_since(text, NOW)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"DIGEST_SINCE": "7d", "DIGEST_ENGINE": "gpt"}, "the variable DIGEST_ENGINE: "),
        ({"DIGEST_OLLAMA__PARALLEL": "99"}, "the variable DIGEST_OLLAMA__PARALLEL: "),
        (
            {"DIGEST_SOURCE": "mailbox:inbox"},
            "the variable DIGEST_SOURCE is no JSON; write it as JSON, like "
            "DIGEST_SOURCE='[\"mailbox:~/Mail/news\"]'",
        ),
        ({"DIGEST_SOURCES": "[]"}, "DIGEST_SOURCES sets nothing; did you mean DIGEST_SOURCE?"),
        ({"DIGEST_OLLAMA__MODLE": "x"}, "did you mean DIGEST_OLLAMA__MODEL?"),
        ({"DIGEST_OLLAMA__FROBNICATE": "x"}, "DIGEST_OLLAMA__FROBNICATE sets nothing"),
        (
            {"DIGEST_MODEL": "x"},
            "did you mean DIGEST_OLLAMA__MODEL or DIGEST_OPENAI__MODEL or DIGEST_EMBEDDED__MODEL?",
        ),
    ],
)
def test_a_wrong_variable_is_named_and_no_line_of_the_file(monkeypatch, variables, message):
    write('since = "3d"\nengine = "auto"\n')
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as error:
        settings.load()
    assert message in str(error.value)
    assert "line" not in str(error.value)


def test_variables_of_others_are_left_alone(monkeypatch):
    for name in ("DIGEST_CACHE", "DIGEST_TOKEN", "DIGEST_XYZZY", "DIGESTIVE"):
        monkeypatch.setenv(name, "x")
    assert settings.load().engine == "auto"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sources = ["x"]\n', "digest.toml line 1: sources: unknown key; did you mean source?"),
        ("[smpt]\n", "did you mean smtp?"),
        ('[ollama]\nmodle = "x"\n', "did you mean ollama.model?"),
        ('[http]\nalow = ["x"]\n', "did you mean http.allow?"),
        ('quux = "x"\n', "digest.toml line 1: quux: unknown key"),
        ('source = "x"\n', 'valid list; write it like source = ["mailbox:~/Mail/news"]'),
        ("[ollama]\nparallel = 99\n", "line 2: ollama.parallel: Input should be less than"),
        ('[ollama]\ntimeout = "long"\n', "write it like timeout = 300"),
        ('mute = { kinds = ["adverts"] }\n', "mute.kinds.0: "),
    ],
)
def test_an_error_proposes_what_was_meant(text, message):
    write(text)
    with pytest.raises(ConfigError) as error:
        settings.load()
    assert message in str(error.value)


def test_a_wrong_option_is_named_as_one():
    with pytest.raises(ConfigError, match="--engine: "):
        settings.load(engine="gpt")


def test_a_file_with_a_byte_order_mark_is_read():
    Path("digest.toml").write_bytes(b"\xef\xbb\xbfsince = '3d'\r\nengine = 'ollama'\r\n")
    assert settings.load().engine == "ollama"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("since = '3d'\nout = 'Bücher'\n".encode("latin-1"), "line 2: byte 0xfc is not UTF-8"),
        ("since = '3d'\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"since = '3d'\0\n", "line 1"),
    ],
)
def test_a_file_in_another_encoding_is_an_error_that_says_so(raw, message):
    Path("digest.toml").write_bytes(raw)
    with pytest.raises(ConfigError) as error:
        settings.load()
    assert message in str(error.value)

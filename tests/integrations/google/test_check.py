"""What `digest doctor` says of a sign-in: from its file alone, with the command that mends it."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.errors import AccessError
from digest.settings import Settings
from integrations.google import auth, check
from integrations.google.diagnosis import GoogleUnavailable

DIGEST = Path(sys.executable).with_name("digest")
HELD = {
    "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
    "scopes": [auth.SCOPE + "gmail.readonly", auth.SCOPE + "drive.file"],
    "signed_in": "2026-11-01T07:00:00+00:00", "sign_in_ends": None,
}  # fmt: skip


@pytest.fixture
def chosen(tmp_path):
    return Settings(
        source=["gmail:label:news", "folder:notes"],
        deliver=["drive:Reports"],
        google={"accounts": tmp_path, "root": "http://127.0.0.1:1", "patience": 0},
    )


@pytest.fixture
def account(chosen):
    who = auth.Account.of("default", chosen.google)
    who.save(HELD)
    return who


@pytest.fixture
def nobody_to_ask(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("it asked somebody")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_a_sign_in_that_is_ready(account, chosen, nobody_to_ask):
    state = check.by_file(account, chosen)
    assert state.scopes == ["gmail.readonly", "drive.file"] and state.ends is None
    with pytest.raises(GoogleUnavailable):  # this one does ask
        check.by_asking(account, chosen)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"refresh_token": None}, "digest auth google"),
        ({"type": "other"}, "digest auth google"),
        ({"scopes": [auth.SCOPE + "gmail.readonly"]}, "digest auth google --scope drive.file"),
        ({"sign_in_ends": "2026-11-08T07:00:00+00:00"}, "Publish app"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_with_what_mends_it(account, chosen, nobody_to_ask, change, says):
    account.save({key: value for key, value in {**HELD, **change}.items() if value is not None})
    with pytest.raises(AccessError) as caught:
        check.by_file(account, chosen)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps rights in another way")
def test_a_file_that_others_may_read(account, chosen):
    account.file.chmod(0o640)
    with pytest.raises(AccessError, match=f"chmod 600 {account.file}"):
        check.by_file(account, chosen)


def test_the_configuration_may_come_to_need_more(account, chosen):
    chosen.google.mark_read = True
    with pytest.raises(AccessError, match=r"has not granted gmail\.modify"):
        check.by_file(account, chosen)
    chosen.deliver.append("gmail+work:me@example.com")
    assert check.configured(chosen) == ["default", "work"]


def test_doctor_tells_each_account_and_ends_with_1(account, chosen, tmp_path):
    ends = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="seconds")
    account.save(HELD | {"sign_in_ends": ends})
    (tmp_path / "digest.toml").write_text(
        'source = ["gmail:label:news", "gmail+work:label:news"]\ndeliver = ["drive:Reports"]\n'
        f'engine = "extractive"\nledger = "l.db"\n[google]\naccounts = "{tmp_path}"\n'
    )
    done = subprocess.run(
        [DIGEST, "doctor", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = [one for one in json.loads(done.stdout)["checks"] if one["name"] == "sign-in"]
    assert [one["state"] for one in found] == ["ok", "note", "bad"]
    assert ends in found[1]["found"]
    assert "run `digest auth google --account work`" in found[2]["found"]

"""Signing in, staying signed in, and what is said when that ends."""

import importlib.util
import json
import os
import re
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.errors import AccessError
from integrations.google import diagnosis

BROWSER = Path(__file__).with_name("browser.py")
JOB = ("--source", "gmail:label:newsletters", "--deliver", "drive:News")
NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)


def sign_in(url, **options):
    spec = importlib.util.spec_from_file_location("browser", BROWSER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sign_in(url, **options)


def paste(home, emulate, change=lambda address: address, *args):
    """`auth google --paste`, with a person who carries the addresses to and fro."""
    process = subprocess.Popen(
        [*home.command, "auth", "google", "--client", "client.json", "--paste",
         "--port", str(emulate.redirect_port), *args],
        cwd=home.folder, env=os.environ | home.env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    shown = ""
    while "code_challenge_method=S256" not in shown:
        line = process.stderr.readline()
        assert line, shown
        shown += line
    url = re.search(r"http://\S+", shown)[0]
    address = change(sign_in(url, email="reader@example.com", follow=False))
    out, err = process.communicate(address + "\n", timeout=300)
    return process.returncode, out, shown + err


def test_paste_the_address_on_a_server_without_browser(home, emulate):
    code, out, err = paste(home, emulate)
    assert code == 0, err
    assert "drive.file, gmail.readonly" in out
    home.run(*JOB)
    assert len(emulate.files()) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: re.sub("state=[^&]+", "state=other", a), "another sign-in"),
        (lambda a: re.sub("code=[^&]+", "code=wrong", a), "refused the code"),
        (lambda a: a.split("?")[0], "holds no code"),
        (lambda a: a.split("?")[0] + "?error=access_denied&state=x", "access_denied"),
    ],
)
def test_a_bad_answer_ends_with_2_and_leaves_no_account(home, emulate, change, words):
    code, _, err = paste(home, emulate, change)
    assert code == 2 and words in err and "Traceback" not in err
    assert not (home.folder / "google" / "default.json").exists()


def test_a_second_account_and_a_token_made_elsewhere(signed_in, emulate):
    here = signed_in.folder / "google"
    (here / "default.json").rename(signed_in.folder / "made-elsewhere.json")
    signed_in.digest("auth", "google", "--account", "work", "--import", "made-elsewhere.json")
    assert stat.S_IMODE((here / "work.json").stat().st_mode) == 0o600
    missing = signed_in.digest(*signed_in.run_args(*JOB), check=2)
    assert "not signed in as 'default'; run `digest auth google`" in missing.stderr
    signed_in.run("--source", "gmail+work:label:newsletters", "--deliver", "drive+work:News")
    assert len(emulate.files()) == 1


def test_a_revoked_sign_in_is_named_and_nothing_is_lost(signed_in, emulate):
    signed_in.run(*JOB)
    account = json.loads((signed_in.folder / "google" / "default.json").read_text())
    emulate.ask("POST", "/oauth2/revoke", data={"token": account["refresh_token"]})
    done = signed_in.digest("auth", "google", "--check", check=2)
    [line] = done.stderr.splitlines()
    assert "revoked" in line and line.endswith("run `digest auth google`")
    port = str(emulate.redirect_port)
    signed_in.digest("auth", "google", "--port", port)
    assert signed_in.run(*JOB)["report"] is None


def test_a_scope_that_was_not_granted_is_named(signed_in):
    job = ("--source", "gmail:label:newsletters", "--deliver", "gmail:boss@example.com")
    done = signed_in.digest(*signed_in.run_args(*job), check=2)
    assert "has not granted gmail.send" in done.stderr and "--scope gmail.send" in done.stderr


def test_one_right_more_keeps_the_others_and_a_plain_sign_in_asks_the_least(signed_in, emulate):
    again = ("auth", "google", "--port", str(emulate.redirect_port))
    more = signed_in.digest(*again, "--scope", "gmail.send").stdout
    assert more == "default: signed in, may use drive.file, gmail.readonly, gmail.send\n"
    (signed_in.folder / "digest.toml").write_text('source = ["gmail:label:newsletters"]\n')
    assert signed_in.digest(*again).stdout == "default: signed in, may use gmail.readonly\n"


def test_no_token_is_ever_shown(home, emulate):
    port = str(emulate.redirect_port)
    shown = home.digest("-v", "auth", "google", "--client", "client.json", "--port", port)
    text = shown.stdout + re.sub(r"http://\S+", "", shown.stderr)  # the browser prints its address
    done = home.digest("-v", *home.run_args(*JOB))
    text += done.stdout + done.stderr
    account = json.loads((home.folder / "google" / "default.json").read_text())
    assert account["refresh_token"] not in text
    assert account["client_secret"] not in text
    assert "Bearer" not in text and "google_" not in text
    for path in home.folder.rglob("*"):
        if path.is_file() and path.parent.name != "google":
            assert account["refresh_token"].encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("code", "description", "signed_in", "ends", "words"),
    [
        ("invalid_grant", "Token has been expired or revoked.", 7.2, None, "Publish app"),
        ("invalid_grant", "Token has been expired or revoked.", 3, 7, "revoked, password changed"),
        ("invalid_grant", "Token has been expired or revoked.", 9, 7, "Publish app"),
        ("invalid_grant", "Token has been expired or revoked.", 90, None, "six months"),
        ("invalid_grant", "Invalid JWT: Token must be a short-lived token and in a reasonable "
         "timeframe. Check your iat and exp values", None, None, "clock"),
        ("invalid_client", "The OAuth client was not found.", 1, None, "--client FILE"),
        ("invalid_scope", "Bad Request", 1, None, "no longer fits"),
        ("admin_policy_enforced", "", 1, None, "administrator"),
    ],
)  # fmt: skip
def test_why_a_sign_in_ended(code, description, signed_in, ends, words):
    began = NOW - timedelta(days=signed_in) if signed_in else None
    ended = began + timedelta(days=ends) if ends else None
    error = diagnosis.sign_in_lost(code, description, "default", began, ended, NOW)
    assert isinstance(error, AccessError) and error.exit_code == 2
    assert words in str(error)


@pytest.mark.parametrize(
    ("status", "reason", "code", "words"),
    [
        (401, "authError", 2, "run `digest auth google --account work`"),
        (403, "insufficientPermissions", 2, "has not granted"),
        (403, "accessNotConfigured", 2, "apis/library"),
        (403, "domainPolicy", 2, "administrator"),
        (403, "storageQuotaExceeded", 1, "Drive is full"),
        (403, "dailyLimitExceeded", 75, "tomorrow"),
        (404, "notFound", 1, "No such file"),
    ],
)
def test_what_a_refusal_means(status, reason, code, words):
    body = {"error": {"code": status, "message": "No such file", "errors": [{"reason": reason}]}}
    error = diagnosis.refused(status, body, "work", "read mail")
    assert error.exit_code == code and words in str(error)

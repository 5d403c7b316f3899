"""From sign-in to a report in Drive, over the emulator `emulate`, as the real processes."""

import json
import stat
from pathlib import Path

INBOX = Path(__file__).parents[3] / "examples" / "inbox"
SOURCE, SINK = "gmail:label:newsletters", "drive:Newsletters/Reports"
JOB = ("--source", SOURCE, "--deliver", SINK)


def test_sign_in_run_run_again_and_a_new_mail(signed_in, emulate, letter):
    account = signed_in.folder / "google" / "default.json"
    assert stat.S_IMODE(account.stat().st_mode) == 0o600
    first = signed_in.run(*JOB)
    assert first["fetched"]["new"] + first["fetched"]["skipped"] == len(list(INBOX.glob("*.eml")))
    [doc] = emulate.files()
    [newsletters, reports] = emulate.files("application/vnd.google-apps.folder")
    assert (newsletters["name"], reports["name"]) == ("Newsletters", "Reports")
    assert doc["parents"] == [reports["id"]] and reports["parents"] == [newsletters["id"]]
    text = emulate.content(doc)
    assert text.startswith("# Digest of ") and "quillon.example" in text

    again = signed_in.run(*JOB)
    assert again["fetched"]["new"] == 0 and again["report"] is None and again["deliveries"] == []
    assert emulate.files() == [doc]

    emulate.receive(letter(1))
    third = signed_in.run(*JOB)
    assert third["fetched"]["new"] == 1 and third["fetched"]["failures"] == []
    assert third["report"]["documents"] == 1
    [new] = [file for file in emulate.files() if file["id"] != doc["id"]]
    text = emulate.content(new)
    assert "Harbour 1" in text and "quillon.example" not in text
    status = json.loads(signed_in.digest("deliver", "--status", "--json").stdout)["deliveries"]
    assert [row["state"] for row in status] == ["done"] * 4
    assert all(row["attempts"] == 1 for row in status)

"""From sign-in to a report in Drive, over the emulator `emulate`, as the real processes."""

import json
import stat
import subprocess
import sys
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


def test_mail_is_labelled_and_marked_only_when_asked(home, emulate, letter):
    home.env |= {"DIGEST_GOOGLE__LABEL": "digested", "DIGEST_GOOGLE__MARK_READ": "true"}
    port = str(emulate.redirect_port)
    (home.folder / "digest.toml").write_text(f'source = ["{SOURCE}"]\n')
    out = home.digest("auth", "google", "--client", "client.json", "--port", port).stdout
    assert "gmail.modify" in out and "readonly" not in out
    number = emulate.receive(letter(1))
    home.digest(*home.run_args("--dry-run"))
    before = emulate.ask("GET", f"/gmail/v1/users/me/messages/{number}")["labelIds"]
    assert "UNREAD" in before, "a dry run changed mail"
    home.run()
    labels = {
        label["id"]: label["name"]
        for label in emulate.ask("GET", "/gmail/v1/users/me/labels")["labels"]
    }
    held = emulate.ask("GET", f"/gmail/v1/users/me/messages/{number}")["labelIds"]
    assert {"digested", "newsletters"} <= {labels[one] for one in held} and "UNREAD" not in held


def test_the_weekly_roll_up_is_delivered_once_and_takes_nothing_from_the_daily(
    signed_in, emulate, letter
):
    (signed_in.folder / "digest.toml").write_text(
        f'source = ["{SOURCE}"]\ndeliver = ["{SINK}"]\nengine = "extractive"\nsince = "4000d"\n'
    )
    roll_up = ("report", "--since", "4000d", "--deliver")
    signed_in.digest("run")
    emulate.receive(letter(1))
    signed_in.digest("run")
    dailies = [doc["id"] for doc in emulate.files()]
    assert len(dailies) == 2
    signed_in.digest(*roll_up)
    signed_in.digest(*roll_up)
    [weekly] = [doc for doc in emulate.files() if doc["id"] not in dailies]
    text = emulate.content(weekly)
    assert "/harbour/1)" in text and "quillon.example" in text, "it tells of both days"
    emulate.receive(letter(2))
    signed_in.digest("run")
    [daily] = [doc for doc in emulate.files() if doc["id"] not in (*dailies, weekly["id"])]
    assert "/harbour/2)" in emulate.content(daily)


def test_google_is_imported_only_where_it_is_used(signed_in):
    probe = (
        "import sys, cli.main, cli.run, cli.deliver, integrations, integrations.sources.mailbox;"
        "from digest import pipeline;"
        "integrations.source('gmail:label:x'); integrations.sink('drive:A');"
        "print([m for m in ('requests', 'google.auth', 'googleapiclient') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_old_mail_that_gets_the_label_today_is_told_today(signed_in, emulate, letter):
    old = emulate.receive(letter(5, "Mon, 02 Mar 2020 07:00:00 +0000"), "INBOX")
    signed_in.run(*JOB)
    body = {"addLabelIds": ["Label_news"]}
    emulate.ask("POST", f"/gmail/v1/users/me/messages/{old}/modify", json=body)
    done = signed_in.run(*JOB)
    assert done["fetched"]["new"] == 1 and done["report"]["documents"] == 1
    assert any("/harbour/5)" in report for report in emulate.reports())


def test_a_label_that_is_not_there_is_named_and_the_other_sources_run(signed_in, emulate, letter):
    emulate.receive(letter(1))
    wrong = ("--source", "gmail:label:newsleters")
    alone = signed_in.digest(*signed_in.run_args(*wrong), check=2)
    assert "no label 'newsleters'" in alone.stderr and "newsletters" in alone.stderr
    both = signed_in.run(*wrong, *JOB)
    assert both["report"]["documents"] >= 1 and len(both["fetched"]["failures"]) == 1

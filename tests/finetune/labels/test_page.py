"""The review page in a real browser, with the keyboard alone."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from finetune.labels.labelled import stream
from finetune.labels.review import Session
from finetune.labels.review_server import ReviewServer

SCRIPT = Path(__file__).with_name("review.mjs")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    return found


def test_rows_are_reviewed_with_the_keyboard(
    rows_file: Path, chromium: str, node: str, npm: Callable[[str, str], Path]
) -> None:
    playwright = npm("playwright-core", "1.65.1")
    session = Session(rows_file)
    server = ReviewServer(session)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        done = subprocess.run(
            [node, str(SCRIPT), str(playwright), chromium, server.url],
            check=False, capture_output=True, text=True, timeout=400,
        )  # fmt: skip
    finally:
        server.stop()
        thread.join(20)
        session.close()
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout)
    assert [e for e in seen["errors"] if "422" not in e] == []  # the refused edit, and no other
    assert seen["hosts"] == [f"127.0.0.1:{server.port}"]  # nothing from anywhere else
    assert "token" not in seen["url"]
    assert (seen["first"], seen["second"]) == ("Plant 3 opens in Graz", "Plant 2 opens in Turku")
    assert seen["counts"].endswith("4 open") and "agreement" in seen["labels"][3]
    assert seen["refused"] == "title: String should have at least 3 characters"
    assert "Ctrl+Enter" in seen["guarded"] and seen["rejected"] == "rejected"
    assert seen["after"].startswith("3 of 4: 1 accepted · 1 edited · 1 rejected · 1 open")
    assert seen["reloaded"]["hash"] == "#4"
    assert seen["reloaded"]["counts"].startswith("3 of 4: 1 accepted · 1 edited · 1 rejected")
    assert seen["edited"] == "Mended by hand <b>& kept</b>"
    assert "big" in seen["statistics"] and seen["again"] == 403
    kept = {row.id: row for row in stream(rows_file)}
    assert kept["d2"].digest.title == "Mended by hand <b>& kept</b>"
    assert [kept[f"d{n}"].review.verdict for n in (3, 2, 1) if kept[f"d{n}"].review] == [
        "accepted", "edited", "rejected"
    ]  # fmt: skip
    assert kept["d0"].review is None

"""Kill the run at random points over the emulators: nothing is lost, nothing comes twice."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

KILLS = 100
SINKS = ("drive:Newsletters/Reports", "gmail:boss@example.com")


class Runs:
    """Runs of `digest run` in forked processes."""

    def __init__(self, home):
        self.home = home
        self.log = home.folder / "runs.log"
        places = [part for sink in SINKS for part in ("--deliver", sink)]
        self._args = home.run_args("--source", "gmail:label:newsletters", *places)
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("forker.py")],
            cwd=home.folder, env=os.environ | home.env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, after=None):
        order = {"args": self._args, "after": after, "log": str(self.log)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self):
        self._process.kill()
        self._process.wait()


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing_and_repeat_nothing(kill_ground, letter):
    world, home = kill_ground
    runs = Runs(home)
    chance = random.Random(20261121)
    try:
        world.receive(letter(0))
        assert runs.run() == 0, runs.log.read_text()
        world.receive(letter(1))
        began = time.monotonic()
        assert runs.run() == 0
        duration = time.monotonic() - began
        kills, number, finished = 0, 1, True
        while kills < KILLS:
            if finished:  # a mail a round, so that each stage of each run gets its kills
                number += 1
                world.receive(letter(number))
            answer = runs.run(chance.uniform(0.0, duration * 1.1))
            finished = answer == 0
            assert answer in (0, "killed"), runs.log.read_text()[-3000:]
            kills += answer == "killed"
        assert runs.run() == 0
        log = runs.log.read_text()
        assert runs.run() == 0 and json.loads(runs.log.read_text()[len(log) :])["report"] is None
    finally:
        runs.stop()
    reports = world.reports()
    told = Counter(n for text in reports for n in range(number + 1) if f"/harbour/{n})" in text)
    assert told == dict.fromkeys(range(number + 1), 1)
    assert len(world.mails_sent()) == len(reports), "a report was sent twice, or not at all"
    assert len(list((home.folder / "reports").glob("*.md"))) == len(reports)
    rows = json.loads(home.digest("deliver", "--status", "--json").stdout)["deliveries"]
    assert {row["state"] for row in rows} == {"done"} and len(rows) == 3 * len(reports)
    told_of = f"{kills} kills, {number + 1} mails, {len(reports)} reports"
    sys.stdout.write(f"{told_of}; an undisturbed run took {duration:.2f} s\n")

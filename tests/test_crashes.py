"""What once broke a reader never does again, and a little fuzzing each time."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).with_name("fuzz.py"))
assert _spec and _spec.loader
fuzz = importlib.util.module_from_spec(_spec)
sys.modules["fuzz"] = fuzz
_spec.loader.exec_module(fuzz)

CRASHES = sorted(fuzz.CRASHES.glob("*-*"))


@pytest.mark.parametrize("path", CRASHES, ids=[path.name for path in CRASHES])
def test_a_crash_of_the_past(path) -> None:
    assert fuzz.check(path.name.partition("-")[0], path.read_bytes()) == ""


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_broken_content_breaks_no_reader(target) -> None:
    dice = random.Random(2026)
    pool = fuzz.seeds(target)
    for _ in range(40):
        content = fuzz.mutate(dice.choice(pool), dice, pool)
        assert fuzz.check(target, content) == "", content[:500]

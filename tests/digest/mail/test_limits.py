"""Hostile messages take bounded time and memory, each measured in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from digest.errors import Unreadable
from digest.mail import message, mime

PART = b"--b\nContent-Type: text/plain\n\nplain words\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"


def nested(depth: int) -> bytes:
    opened = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    return b"".join(opened % (n, n) for n in range(depth)) + b"\nthe core"


def test_parts() -> None:
    letter = message.parse(MIXED + PART * 3_000)
    assert 900 < letter.plain.count("plain words") <= mime.MAX_PARTS
    assert any("1,000 parts" in warning for warning in letter.warnings)


def test_depth() -> None:
    assert "the core" in message.parse(nested(mime.MAX_DEPTH)).plain
    with pytest.raises(Unreadable, match="deeper than 32"):
        message.parse(nested(5_000))


def test_size() -> None:
    letter = message.parse(b"Subject: s\n\n" + b"words and words\n" * (2 * 2**20))
    assert len(letter.plain) == message.MAX_TEXT
    assert any("25 MiB" in warning for warning in letter.warnings)


# Each would be quadratic, or gigabytes, in a careless reader.
HOSTILE: dict[str, Callable[[], bytes]] = {
    "short lines": lambda: b"Subject: x\n\n" + b"a\n" * 13_000_000,
    "one line": lambda: b"Subject: x\n\n" + b"a" * mime.MAX_BYTES,
    "open styles": lambda: MIXED + b"--b\nContent-Type: text/html\n\n" + b"<style>" * 3_000_000,
    "angle brackets": lambda: MIXED + PART + b"--b\nContent-Type: text/html\n\n" + b"<" * 2**24,
    "headers": lambda: b"A: b\n" * 5_000_000,
    "folded header": lambda: b"Subject: a\n" + b" b\n" * 8_000_000 + b"\nbody",
    "encoded words": lambda: b"Subject: " + b"=?utf-8?q?a" * 2_000_000 + b"\n\nbody",
    "near boundaries": lambda: MIXED + b"--bx\n" * 5_000_000,
    "a million parts": lambda: MIXED + PART * 600_000,
    "deep and long": lambda: nested(31) + b"a\n" * 12_000_000,
    "padding": lambda: b"Content-Transfer-Encoding: base64\n\n" + b"YQ==\n" * 5_000_000,
    "base64 letters": lambda: b"Content-Transfer-Encoding: base64\n\n" + b"Y\n" * 13_000_000,
    "flowed": lambda: b"Content-Type: text/plain; format=flowed\n\n" + b"a \n" * 8_000_000,
    "foreign bytes": lambda: b"Subject: x\n\n" + bytes(range(128, 256)) * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the memory of one process alone cannot be measured on this system")
    # VmHWM, not ru_maxrss: that one survives exec, and would measure this test run.
    code = (
        "import re, sys, time\n"
        "from digest.errors import Unreadable\nfrom digest.mail import message\n"
        "def took(content):\n"
        "    began = time.process_time()\n"
        "    try: message.parse(content)\n    except Unreadable: pass\n"
        "    return time.process_time() - began\n"
        "content = sys.stdin.buffer.read()\n"
        "few, many = took(content[:len(content) // 4]), took(content)\n"
        "status = open('/proc/self/status').read()\n"
        "print(few, many, int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=HOSTILE[name](), capture_output=True, check=True
    )
    few, many, peak = map(float, done.stdout.split())
    assert many < 9 * max(few, 0.1), "a quarter of it takes a quarter of the time, about"
    assert peak < 500, "MB"

"""All torture messages at hand: no crash, within the limits, and what their traits promise."""

import json
import time
from pathlib import Path

import pytest

from digest.errors import Unreadable
from digest.mail import message

CORPUS = Path(__file__).parents[3].parent / "shared" / "data" / "mime"

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the torture messages are not beside this checkout"
)


def rows() -> list[dict[str, object]]:
    return [json.loads(line) for line in (CORPUS / "index.jsonl").read_text().splitlines()]


def test_every_message_is_read_or_refused_in_time() -> None:
    refused, slowest = {}, (0.0, "")
    for row in rows():
        name = str(row["file"])
        content = (CORPUS / name).read_bytes()
        began = time.perf_counter()
        try:
            letter = message.parse(content)
        except Unreadable as error:
            refused[name] = str(error)
            continue
        finally:
            slowest = max(slowest, (time.perf_counter() - began, name))
        assert letter.html.strip() or letter.plain.strip(), name
        assert "=?" not in letter.subject or "?=" not in letter.subject, (name, letter.subject)
    assert slowest[0] < 5, slowest
    # 38 were looked at by hand: no body, encrypted, or nothing but attachments.
    assert len(refused) <= 40, refused


def test_traits() -> None:
    """Encrypted mail is refused as such; 8-bit, RFC 2047 and charset traits leave clean text."""
    for row in rows():
        traits = set(row["traits"])  # type: ignore[call-overload]
        name = str(row["file"])
        try:
            letter = message.parse((CORPUS / name).read_bytes())
        except Unreadable as error:
            if "multipart/encrypted" in traits:
                assert "encrypted" in str(error), name
            continue
        text = letter.html + letter.plain
        if "bare-CR" in traits:
            assert "\r" not in text, name
        if any(str(trait).startswith("charset:") for trait in traits):
            assert text.count("\ufffd") <= 2 + len(text) // 50, name

"""Mailboxes of every kind, read without changing them."""

import io
import mailbox
import tracemalloc
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

import integrations
from digest.errors import ConfigError, SourceError
from digest.mail import mime
from digest.protocols import Source
from digest.records import RawDocument, Skip
from integrations.sources.mailbox import split_mbox

INBOX = Path(__file__).parents[3] / "examples" / "inbox"


def letter(subject: str, day: int, body: str = "words") -> bytes:
    written = EmailMessage()
    written["Subject"] = subject
    written["Date"] = f"{day} Nov 2026 06:00:00 +0000"
    written.set_content(body)
    return bytes(written)


def subjects(path: Path, since: datetime | None = None) -> list[str]:
    found = []
    for raw in integrations.source(f"mailbox:{path}").fetch(since):
        assert isinstance(raw, RawDocument), raw
        headers, _ = mime.read_headers(raw.content, 0, len(raw.content))
        found.append(headers.text("subject"))
    return found


SINCE = datetime(2026, 11, 10, tzinfo=UTC)


def test_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(letter("a", 1))
    (raw,) = integrations.source(f"mailbox:{tmp_path}/a.eml").fetch(None)
    assert isinstance(raw, RawDocument)
    assert (raw.origin, raw.media_type, raw.key) == ("a.eml", "message/rfc822", "")


def test_a_folder_oldest_first_and_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.eml").write_bytes(letter("late", 19))
    (tmp_path / "sub" / "b.EML").write_bytes(letter("early", 12))
    (tmp_path / "c.eml").write_bytes(letter("old", 2))
    (tmp_path / "d.eml").write_bytes(b"Subject: undated\n\nx")
    (tmp_path / "notes.txt").write_text("not mail")
    (tmp_path / ".hidden.eml").write_bytes(letter("hidden", 19))
    assert subjects(tmp_path) == ["old", "early", "late", "undated"]
    assert subjects(tmp_path, SINCE) == ["early", "late", "undated"]


def test_saved_pages_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>x</p>")
    (tmp_path / "empty.eml").write_bytes(b"")
    page, empty = sorted(
        integrations.source(f"mailbox:{tmp_path}").fetch(SINCE), key=lambda raw: type(raw).__name__
    )
    assert isinstance(page, RawDocument) and page.media_type == "text/html"
    assert isinstance(empty, Skip) and empty.reason == "the file is empty"


def test_maildir(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "Mail")
    box.add(letter("new", 12))
    seen, trashed = (
        mailbox.MaildirMessage(letter("seen", 13)),
        mailbox.MaildirMessage(letter("no", 14)),
    )
    for message, flag in ((seen, "S"), (trashed, "T")):
        message.set_subdir("cur")
        message.set_flags(flag)
        box.add(message)
    (tmp_path / "Mail" / "tmp" / "half").write_bytes(letter("half written", 15))
    assert subjects(tmp_path / "Mail") == ["new", "seen"]


def test_mbox_as_the_standard_library_writes_it(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "news")
    for day in (2, 12, 13):
        box.add(letter(f"day {day}", day, "From here on\n\nFrom there on\n>From quoted\n"))
    box.close()
    assert subjects(tmp_path / "news") == ["day 2", "day 12", "day 13"]
    assert subjects(tmp_path / "news", SINCE) == ["day 12", "day 13"]
    origins = [raw.origin for raw in integrations.source(f"mailbox:{tmp_path}/news").fetch(SINCE)]
    assert origins == ["news#2", "news#3"]
    (tmp_path / "news").rename(tmp_path / "news.mbox")
    assert subjects(tmp_path, SINCE) == ["day 12", "day 13"]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_broken_from_lines(newline: bytes) -> None:
    box = (
        b"From a@b.example Mon Nov 16 06:00:00 2026\nSubject: one\n\nFrom the start\nit goes.\n"
        b"From - Tue Nov 17 06:00:00 2026\nSubject: no blank line before\n\nbody\n\n"
        b"From ???\nSubject: no time\n\n>From escaped\n\n"
        b"From now on, 2026 is different\nbecause it is.\n"
    ).replace(b"\n", newline)
    found = list(split_mbox(io.BytesIO(box)))
    assert [part.split(b"Subject: ")[1].split(newline)[0] for part in found] == [
        b"one", b"no blank line before", b"no time",
    ]  # fmt: skip
    assert b"From the start" in found[0]
    assert newline + b"From escaped" in found[2] and b"From now on" in found[2]


class Endless(io.RawIOBase):
    """An mbox of many messages that exists nowhere."""

    def __init__(self, messages: int, size: int) -> None:
        self.messages, self.body = messages, b"x" * 75 + b"\n"
        self.lines = size // len(self.body)

    def __iter__(self):  # type: ignore[no-untyped-def]
        for _ in range(self.messages):
            yield b"From a@b.example Mon Nov 16 06:00:00 2026\n"
            yield b"Subject: s\n"
            yield b"\n"
            for _ in range(self.lines):
                yield self.body


class Lines:
    def __init__(self, source: Endless) -> None:
        self.lines = iter(source)

    def readline(self, _: int) -> bytes:
        return next(self.lines, b"")


def test_an_mbox_is_never_in_memory_as_a_whole() -> None:
    tracemalloc.start()
    count = sum(1 for _ in split_mbox(Lines(Endless(40, 2**20))))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40
    assert peak < 8 * 2**20


def test_a_message_over_the_limit_is_cut_not_lost() -> None:
    first, second = split_mbox(
        io.BytesIO(
            b"From a@b Mon Nov 16 06:00:00 2026\nSubject: big\n\n"
            + b"y" * (mime.MAX_BYTES + 9)
            + b"\n\nFrom a@b Mon Nov 16 06:00:00 2026\nSubject: small\n\nx"
        )
    )
    assert len(first) == mime.MAX_BYTES + 1
    assert second.startswith(b"Subject: small")


def test_specs() -> None:
    assert isinstance(integrations.source("mailbox:~/Mail"), Source)
    assert "~" not in str(integrations.source("mailbox:~/Mail").root)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"folder:.*mailbox:"):
        integrations.source("pigeon:coop")
    with pytest.raises(ConfigError, match="lacks its argument"):
        integrations.source("mailbox:")
    with pytest.raises(SourceError, match="No such file"):
        list(integrations.source("mailbox:/no/such/place").fetch(None))


def test_the_examples_are_all_there_and_of_one_week() -> None:
    found = list(integrations.source(f"mailbox:{INBOX}").fetch(datetime(2026, 11, 14, tzinfo=UTC)))
    assert len(found) == len(list(INBOX.glob("*.eml"))) >= 14
    assert all(isinstance(raw, RawDocument) for raw in found)


@pytest.mark.parametrize(
    "content",
    [b"Just some notes.\nNothing else.\n", b"\x89PNG\r\n\x1a\n\0\0", b"%PDF-1.7\n\0", b"{}"],
)
def test_a_file_that_is_no_mail_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ConfigError, match="neither an mbox nor a message"):
        list(integrations.source(f"mailbox:{tmp_path}/file").fetch(None))


def test_a_folder_without_mail_is_said_and_an_empty_maildir_is_none(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# Notes")
    with pytest.raises(ConfigError, match=r"there is no mail \(\.eml"):
        list(integrations.source(f"mailbox:{tmp_path}/notes").fetch(None))
    mailbox.Maildir(tmp_path / "Mail")
    assert list(integrations.source(f"mailbox:{tmp_path}/Mail").fetch(None)) == []
    (tmp_path / "news").write_bytes(b"")  # an mbox out of which all was taken
    assert list(integrations.source(f"mailbox:{tmp_path}/news").fetch(None)) == []
    (tmp_path / "old.eml").write_bytes(letter("old", 1))
    assert list(integrations.source(f"mailbox:{tmp_path}").fetch(SINCE)) == [], "there is some"


def test_junk_that_is_called_mail_is_a_skip(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"\x7fELF\2\1\1\0" + bytes(range(256)) * 40)
    (tmp_path / "b.eml").write_bytes("Subject: ж\n\nтекст".encode("utf-16"))
    (tmp_path / "c.eml").write_bytes(b"Subject: \x1b$B%K\x1b(B\n\n\x1b$B%K\x1b(B\n" * 20)
    found = list(integrations.source(f"mailbox:{tmp_path}").fetch(None))
    (skip,) = [one for one in found if isinstance(one, Skip)]
    assert skip.origin == "a.eml" and "no text" in skip.reason

"""`mailbox:PATH`: one message, a folder of them (.eml, saved .html, mbox files, Maildirs), an mbox.

Nothing is changed in the mailbox, no flag either.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from digest.errors import ConfigError, SourceError
from digest.mail import mime
from digest.records import RawDocument, Skip
from integrations.sources import files

_UNDATED = datetime.max.replace(tzinfo=UTC)
_SEPARATOR = re.compile(rb"From .*(?:\d:\d\d|\b(?:19|20)\d\d\b)")
_FIELD = re.compile(rb"[!-9;-~]{1,100}[ \t]*:|>From ")
_QUOTED = re.compile(rb">+From ")
_LINE = 1 << 16  # bytes of a line that are read at a time


class MailboxSource:
    """Messages in files. One without a readable date is always yielded."""

    def __init__(self, spec: str, argument: str) -> None:
        self.spec = spec
        self.root = files.located(argument)
        self.expected: int | None = None  # messages that the reading in hand will yield

    def fetch(self, since: datetime | None) -> Iterator[RawDocument | Skip]:
        """Yield messages not older than `since`: of folders oldest first, of an mbox as it stands.

        Only the headers are read to find the order. Raises SourceError; ConfigError if it is no
        mail, or a folder without any. An empty Maildir is a mailbox.
        """
        root = files.existing(self.root, self.spec)
        if root.is_dir():
            yield from self._folder(root, since)
        elif not root.is_file():
            raise SourceError(f"{self.spec}: neither a file nor a folder; give the path of mail")
        elif _is_mbox(root):
            yield from self._mbox(root, root.name, since)
        elif _is_message(root) or _begins_like_mail(root):
            yield from self._file(root, root.name)
        elif root.stat().st_size:  # an empty file is what an mbox is when all was taken out
            raise ConfigError(
                f"{self.spec}: neither an mbox nor a message: it begins with neither "
                "`From ` nor a header; for other files write folder:PATH"
            )

    def _folder(self, root: Path, since: datetime | None) -> Iterator[RawDocument | Skip]:
        single: list[tuple[datetime, str, Path]] = []
        boxes: list[Path] = []
        found = (root / "cur").is_dir() or any(root.glob("*/cur"))
        for path in files.walk(root):
            if _is_message(path):
                found = True
                date = None if _is_html(path) else files.file_date(path)
                if not (date and since and date < since):
                    single.append((date or _UNDATED, path.relative_to(root).as_posix(), path))
            elif (path.suffix.lower() == ".mbox" or path.name == "mbox") and (
                _is_mbox(path) or not path.stat().st_size
            ):
                boxes.append(path)
        if not (found or boxes):
            raise files.nothing_in(root, self.spec, "mail (.eml, .mbox, Maildir, saved .html)")
        self.expected = None if boxes else len(single)
        for _, origin, path in sorted(single):
            yield from self._file(path, origin)
        for path in boxes:
            yield from self._mbox(path, path.relative_to(root).as_posix(), since)

    def _file(self, path: Path, origin: str) -> Iterator[RawDocument | Skip]:
        yield files.read_file(
            path, self.spec, origin, "text/html" if _is_html(path) else "message/rfc822"
        )

    def _mbox(
        self, path: Path, origin: str, since: datetime | None
    ) -> Iterator[RawDocument | Skip]:
        try:
            with path.open("rb") as stream:
                for number, content in enumerate(split_mbox(stream), 1):
                    date = files.sent(content) if since else None
                    if date and since and date < since:
                        continue
                    yield RawDocument(self.spec, "message/rfc822", content, f"{origin}#{number}")
        except OSError as error:
            raise SourceError(f"{self.spec}: {origin} cannot be read: {error.strerror}") from error


def split_mbox(stream: BinaryIO) -> Iterator[bytes]:
    """The messages of an mbox, one at a time, each cut one byte over the limit of a message.

    A "From " line separates if a header follows it and either a blank line stands before it or it
    carries a time, as real ones do: bodies hold unescaped "From " lines, and tools forget the
    blank one. `>From ` loses one `>`.
    """
    message: list[bytes] = []
    size = 0
    before = b"\n"  # the line before
    begun = True  # at the start of a line: a long one comes in pieces
    line = stream.readline(_LINE)
    while line:
        after = stream.readline(_LINE)
        if begun and _separates(before, line, after):
            if size:
                yield b"".join(message)
            message, size = [], 0
        elif size <= mime.MAX_BYTES:
            kept = line[1:] if begun and _QUOTED.match(line) else line
            message.append(kept[: mime.MAX_BYTES + 1 - size])
            size += len(message[-1])
        before, begun = line, line.endswith((b"\n", b"\r"))
        line = after
    if b"".join(message).strip():
        yield b"".join(message)


def _separates(before: bytes, line: bytes, after: bytes) -> bool:
    return (
        line.startswith(b"From ")
        and _FIELD.match(after) is not None
        and (not before.strip() or _SEPARATOR.match(line) is not None)
    )


def _is_mbox(path: Path) -> bool:
    if _is_html(path) or path.suffix.lower() == ".eml":
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(5) == b"From "
    except OSError:
        return False


def _begins_like_mail(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _FIELD.match(stream.read(files.HEAD).lstrip(b"\xef\xbb\xbf\r\n")) is not None
    except OSError:
        return True  # reading it says what is wrong


def _is_html(path: Path) -> bool:
    return path.suffix.lower() in {".html", ".htm"}


def _is_message(path: Path) -> bool:
    """A .eml or .html file, or one that a Maildir holds and nobody has thrown away."""
    if path.parent.name in {"cur", "new"} and (path.parent.parent / "cur").is_dir():
        flags = path.name.rpartition(":2,")[2] if ":2," in path.name else ""
        return not set(flags) & set("TD")  # trashed, draft
    return path.suffix.lower() == ".eml" or _is_html(path)

"""`folder:PATH`: files to read, and a place to put reports."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from digest.errors import SinkError, SinkUnavailable
from digest.protocols import Delivery
from digest.records import RawDocument, Skip, fingerprint
from integrations.sources import files, rows


class FolderSource:
    """Markdown, HTML, text, JSONL and .eml files in a folder and below, or one such file."""

    def __init__(self, spec: str, argument: str) -> None:
        self.spec = spec
        self.root = files.located(argument)

    def fetch(self, since: datetime | None) -> Iterator[RawDocument | Skip]:
        """Yield the files; of those, messages whose date is older than `since` are left out.

        A file that does not say when it was written is always yielded: the time stamp of a file
        tells when it was copied. Raises SourceError; ConfigError if there is nothing to read.
        """
        root = files.existing(self.root, self.spec)
        found = False
        for path in files.walk(root):
            media_type = files.MEDIA_TYPES.get(path.suffix.lower())
            found = found or path == root or bool(media_type) or path.suffix.lower() == ".jsonl"
            if path.suffix.lower() == ".jsonl":
                yield from rows.read(path, self.spec, path.name, since)
                continue
            if media_type is None and path != root:
                continue
            if media_type == "message/rfc822" and since:
                date = files.file_date(path)
                if date and date < since:
                    continue
            origin = path.name if path == root else path.relative_to(root).as_posix()
            yield files.read_file(path, self.spec, origin, media_type or "text/plain")
        if not found:
            raise files.nothing_in(root, self.spec, "file of text, markdown, HTML, JSONL or mail")


class FolderSink:
    """Writes NAME.md and NAME.html into a folder.

    A receipt under the idempotency key, in the folder's hidden `.digest/`, is written last: where
    it is, both files are whole. What stands under NAME already is never overwritten.
    """

    def __init__(self, spec: str, argument: str) -> None:
        self.spec = spec
        self.root = files.located(argument)

    def find(self, key: str, name: str) -> Delivery | None:  # noqa: ARG002
        """The report delivered under this key, unless somebody has removed it since."""
        try:
            receipt = json.loads(self._receipt(key).read_text(encoding="utf-8"))
            path = self.root / str(receipt["file"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Delivery(str(path), str(receipt["file"])) if path.is_file() else None

    def deliver(self, key: str, name: str, markdown: str, html: str) -> Delivery:
        """Write the report, each file in one step. Raises SinkError, SinkUnavailable."""
        if not name or name.startswith(".") or set(name) & set("/\\:\0"):
            raise SinkError(f"{name!r} is no file name; the report was not written")
        if found := self.find(key, name):
            return found
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            stem = self._free_stem(name, markdown)
            path = self.root / f"{stem}.md"
            write_whole(path, markdown)
            if html:
                write_whole(self.root / f"{stem}.html", html)
            receipt = self._receipt(key)
            receipt.parent.mkdir(exist_ok=True)
            write_whole(receipt, json.dumps({"key": key, "file": path.name}) + "\n")
        except OSError as error:
            kind = SinkUnavailable if error.errno in _PASSING else SinkError
            raise kind(
                f"{self.spec}: {error.strerror or error}; the report was not written"
            ) from error
        return Delivery(str(path), path.name)

    def _receipt(self, key: str) -> Path:
        return self.root / ".digest" / f"{fingerprint(key)}.json"

    def _free_stem(self, name: str, markdown: str) -> str:
        """`name`, or `name-2` and so on where another report has it.

        The same report without its receipt is ours from a run that was killed: write it again.
        """
        stem, count = name, 1
        while not _same_or_free(self.root / f"{stem}.md", markdown):
            count += 1
            stem = f"{name}-{count}"
        return stem


_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EBUSY, errno.EMFILE}


def _same_or_free(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return True


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all, even if the power fails."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)  # mkstemp makes it private; a report is a plain file
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # not on Windows, which has no way to flush a folder
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

"""What the sources that read files have in common: finding, bounding, dating them."""

import codecs
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from digest.errors import ConfigError, SourceError
from digest.mail import message, mime
from digest.records import MediaType, RawDocument, Skip

MEDIA_TYPES: dict[str, MediaType] = {
    ".eml": "message/rfc822",
    ".html": "text/html",
    ".htm": "text/html",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
}
HEAD = 1 << 16  # bytes in which the headers of a message are looked for
_LOOKED_AT = 8192  # bytes that tell text from other things
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))  # escape: ISO-2022 charsets
_MOST_CONTROLS = 0.02  # of the bytes of a text; compressed and executable files have a tenth


def located(argument: str) -> Path:
    """The path of a SPEC's argument, `~` expanded."""
    try:
        return Path(argument).expanduser()
    except RuntimeError:  # there is no such user
        return Path(argument)


def existing(path: Path, spec: str) -> Path:
    """The path, if it is there to be read. Raises SourceError."""
    try:
        path.stat()
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise SourceError(f"{spec}: {reason}; give the path of what should be read") from error
    return path


def walk(root: Path) -> Iterator[Path]:
    """Regular files under a folder, or the file itself, by name; hidden files are passed over.

    Links to folders are not followed: they may lead in a circle.
    """
    if not root.is_dir():
        yield root
        return
    for path in sorted(_entries(root)):
        if path.is_dir():
            if not path.is_symlink():
                yield from walk(path)
        elif path.is_file() and not path.name.startswith("."):
            yield path


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder} cannot be listed: {error.strerror}") from error


def read_file(path: Path, spec: str, origin: str, media_type: MediaType) -> RawDocument | Skip:
    """A file as a raw document, cut one byte over the limit so that its reader can tell."""
    try:
        with path.open("rb") as stream:
            content = stream.read(mime.MAX_BYTES + 1)
    except OSError as error:
        return Skip(spec, origin, f"the file cannot be read: {error.strerror}")
    if not content.strip():
        return Skip(spec, origin, "the file is empty")
    if is_binary(content):
        return Skip(spec, origin, "the file is no text, whatever its name says")
    return RawDocument(spec, media_type, content, origin)


def is_binary(content: bytes) -> bool:
    """Whether content is no text in any encoding that mail, pages and notes are written in."""
    head = content[:_LOOKED_AT]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return b"\0" in head or controls > len(head) * _MOST_CONTROLS


def nothing_in(path: Path, spec: str, wanted: str) -> ConfigError:
    """What to raise for a place that holds nothing of what is `wanted`."""
    return ConfigError(f"{spec}: there is no {wanted} in {path}; give the place where it is")


def sent(content: bytes) -> datetime | None:
    """When a message was sent, from its first headers alone; None if they do not say."""
    headers, _ = mime.read_headers(content[:HEAD], 0, min(len(content), HEAD))
    return message.message_date(headers)[0]


def file_date(path: Path) -> datetime | None:
    """`sent` of a file that holds a message; None if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return sent(stream.read(HEAD))
    except OSError:
        return None

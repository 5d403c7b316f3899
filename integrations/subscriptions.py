"""The list of sources in `digest.toml`, changed in place: comments and order stay.

Also OPML, in which readers of feeds carry their lists about.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

import tomlkit
from tomlkit.exceptions import TOMLKitError

from digest.errors import ConfigError, SourceError
from digest.settings import read_text
from integrations.sources.folder import write_whole

if TYPE_CHECKING:
    from digest.settings import Settings

DEFAULT_FILE = Path("digest.toml")
MAX_OPML = 8 * 2**20  # bytes


def listed(file: Path) -> list[str]:
    """The SPECs in the file; none if it is not there. Raises ConfigError."""
    return [str(spec) for spec in _array(_read(file), file)]


def add(file: Path, specs: Sequence[str]) -> list[str]:
    """Append SPECs that are not there yet, and return those. The file is made if need be."""
    document = _read(file)
    array = _array(document, file)
    new = [spec for spec in dict.fromkeys(specs) if spec not in array]
    if new:
        for spec in new:
            array.append(spec)
        _write(file, document, array)
    return new


def remove(file: Path, spec: str) -> None:
    """Take a SPEC out. What was read from it stays in the ledger. Raises ConfigError."""
    document = _read(file)
    array = _array(document, file)
    if spec not in array:
        raise ConfigError(f"{spec} is not in {file}; `digest source list` shows what is")
    array.remove(spec)
    _write(file, document, array)


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(read_text(file)) if file.exists() else tomlkit.document()
    except TOMLKitError as error:
        raise ConfigError(f"{file}: {error}") from error


def _array(document: tomlkit.TOMLDocument, file: Path) -> tomlkit.items.Array:
    found = document.get("source")
    if found is None:
        return tomlkit.array()
    if not isinstance(found, tomlkit.items.Array) or not all(isinstance(x, str) for x in found):
        raise ConfigError(
            f'{file}: source is no list of SPECs; write source = ["feed:https://..."]'
        )
    return found


def _write(file: Path, document: tomlkit.TOMLDocument, array: tomlkit.items.Array) -> None:
    array.multiline(len(array) > 1)
    if "source" not in document:  # above all tables, or it would belong to the last of them
        text = f"source = {array.as_string()}\n"
        rest = document.as_string()
        write_whole(file, f"{text}\n{rest}" if rest.strip() else text)
        return
    write_whole(file, document.as_string())


def discovered(spec: str, settings: "Settings") -> str:
    """For `feed:` and the address of a web page that names its feed: the SPEC of that feed.

    Any other SPEC comes back as it is. Raises SourceError if the address cannot be had.
    """
    kind, _, argument = spec.partition(":")
    if kind != "feed":
        return spec
    from digest.mail import charset
    from integrations.sources import feedparse
    from integrations.sources.feed import FEEDS
    from integrations.sources.web import open_client

    url = argument if "://" in argument else f"https://{argument}"
    with open_client(settings.http) as client:
        answer = client.get(url, accept=FEEDS, configured=True).checked()
        if "html" not in answer.media_type:
            return spec
        page, _ = charset.decode(answer.content, answer.charset, html=True)
        named = feedparse.alternatives(page, answer.url)
        if not named:
            return spec
        if urlsplit(named[0]).netloc != urlsplit(answer.url).netloc:
            # The page says so, not the user: it must not make a source of a private address.
            client.get(named[0], accept=FEEDS).checked()
    return f"feed:{named[0]}"


def from_opml(content: bytes) -> list[str]:
    """The SPECs of the feeds that an OPML file lists. Raises SourceError if it is none."""
    import listparser

    if len(content) > MAX_OPML:
        raise SourceError(f"the list is over {MAX_OPML >> 20} MiB")
    try:
        found = listparser.parse(content)
    except Exception as error:  # whatever somebody's file does to the parser
        raise SourceError(f"this is no OPML: {error}") from error
    urls = [str(feed.url or "").strip() for feed in found.feeds]
    specs = [f"feed:{url}" for url in urls if url.startswith(("http://", "https://"))]
    if not specs:
        raise SourceError("this is no OPML file with feeds")
    return list(dict.fromkeys(specs))


def to_opml(specs: Sequence[str]) -> str:
    """The feeds among the SPECs as OPML 2.0."""
    urls = [spec.removeprefix("feed:") for spec in specs if spec.startswith("feed:")]
    lines = [f'    <outline type="rss" text={quoteattr(u)} xmlUrl={quoteattr(u)}/>' for u in urls]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<opml version="2.0">',
            "  <head><title>Digest</title></head>",
            "  <body>",
            *lines,
            "  </body>",
            "</opml>\n",
        ]
    )

"""Documents to label, from files of many shapes and from what the sources bring: rows without
labels, with dates, languages, licences and groups.

What a file is, is seen from its content:

    a Wikipedia dump, or answers of its API            finetune.labels.wikipedia
    mediastack's answers                               {"pagination": ..., "data": [...]}
    Clean-Web-Scraper's and other programs' records    JSON lines, a JSON array, CSV, Parquet
    a saved page, a saved message                      HTML; .eml
    plain text                                         one document, or several with
                                                       <|endoftext|> on lines between them
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, cast

from pydantic import ValidationError

from digest import pipeline
from digest.errors import ConfigError
from digest.mail import charset
from digest.records import Document, MediaType, RawDocument, Skip, fingerprint
from digest.schema import DigestFields
from finetune.data.containers import Record, records
from finetune.labels import wikipedia
from finetune.labels.labelled import Labelled
from finetune.labels.language import language

_HEAD = 1 << 16
_WHOLE = 1 << 28  # bytes of a single JSON object that is held in memory
_DETECTED = 20  # letters from which a language is guessed; below it is und(etermined)
_PACKED = ((b"BZh", bz2.open), (b"\x1f\x8b", gzip.open), (b"\xfd7zXZ", lzma.open))

# Where the parts of a document are found, first come first taken; also under `metadata`.
_PLACES = {
    "id": ("id", "item_id", "guid", "uuid"),
    "group": ("group", "issue", "issue_id", "message_id", "thread_id"),
    "kind": ("kind",),
    "lang": ("lang", "language"),
    "title": ("title", "headline", "article_title", "subject"),
    "text": ("text", "content", "article", "body", "document", "description", "summary"),
    "date": (
        "date", "published", "published_at", "publishedAt", "pubDate", "created_at", "timestamp",
        "lastModified", "dateScraped",
    ),
    "source": ("source", "publisher", "site", "source_repo", "author"),
    "url": ("url", "canonicalUrl", "source_url", "link"),
    "licence": ("licence", "license"),
}  # fmt: skip
_BROKEN = (OSError, EOFError, lzma.LZMAError, zlib.error)
_PROLOGUE = rb"(?>(?:<\?xml[^>]*>|<!--.*?-->|\s)*)"
_PAGE = re.compile(_PROLOGUE + rb"<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_FEED = re.compile(_PROLOGUE + rb"<(?:rss|feed|rdf:rdf)\b", re.I | re.S)
# Two fields of a header, of which one is no word that a text's front matter begins with.
_FIELD = rb"[A-Za-z][A-Za-z0-9-]*:[ \t]?[^\n]*\n(?:[ \t][^\n]*\n)*"
_MESSAGE = re.compile(
    rb"(?:From [^\n]*\n)?(?:" + _FIELD + rb"){0,40}?"
    rb"(?:message-id|mime-version|received|return-path|delivered-to):", re.I
)  # fmt: skip
_TEXT_COLUMNS = set(_PLACES["text"])
_COLUMNS = {name for names in _PLACES.values() for name in names}
_MAIL = {"mailbox", "gmail", "imap"}
KINDS = dict.fromkeys(_MAIL, "newsletter") | {"reddit": "social", "hackernews": "social"}


@dataclass(frozen=True)
class Given:
    """What the user says of documents that do not say it themselves."""

    licence: str = ""
    lang: str = ""
    kind: str = ""
    source: str = ""
    min_chars: int = 80  # a text below this is no document


@dataclass
class CollectReport:
    """What was found."""

    rows: int = 0
    known: int = 0  # that the file has already
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)

    def refuse(self, why: str) -> None:
        """Count what is no document."""
        self.refused += 1
        self.reasons[why] += 1


def read(path: Path, given: Given, report: CollectReport) -> Iterator[Labelled]:
    """The documents of a file, one at a time; labels and notes that a row has are kept.

    Raises ConfigError if the file cannot be read at all.
    """
    if media_type := _media_type(path):
        yield from _saved(path, media_type, given, report)
        return
    seen: set[str] = set()
    for number, found in enumerate(_found(path), 1):
        try:
            if isinstance(found, ValueError):
                raise found
            row = found if isinstance(found, Labelled) else _row(found, given)
        except ValueError as error:
            report.refuse(str(error))
            continue
        if row.id in seen:
            row = row.model_copy(update={"id": f"{row.id}-{number}"})
        seen.add(row.id)
        yield row


def of_document(
    document: Document, spec: str, given: Given, report: CollectReport
) -> Iterator[Labelled]:
    """The stories of what a source brought. What came by mail is private unless it is said."""
    kind = spec.partition(":")[0].partition("+")[0]
    for item in document.items:
        if item.kind != "story":
            report.refuse(f"not a story but a {item.kind}")
            continue
        record: Record = {
            "id": item.id,
            "group": document.id,
            "kind": KINDS.get(kind, "web"),
            "title": item.title,
            "text": item.text,
            "date": document.published.isoformat() if document.published else None,
            "source": document.publisher or spec,
            "url": item.url or document.url,
            "licence": "private" if kind in _MAIL and not given.licence else None,
        }
        try:
            yield _row(record, given)
        except ValueError as error:
            report.refuse(str(error))


def _media_type(path: Path) -> MediaType | None:
    """Of a page or a message, which are read as the sources read them; else None. Raises
    ConfigError for a feed: what it tells of is elsewhere.
    """
    try:
        with _opened(path) as file:
            head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    except _BROKEN:
        return None  # which will be told when it is read
    if _FEED.match(head):
        raise ConfigError(f"{path} is a feed; name its address instead: feed:https://...")
    if _PAGE.match(head):
        return "text/html"
    return "message/rfc822" if _MESSAGE.match(head) else None


def _saved(
    path: Path, media_type: MediaType, given: Given, report: CollectReport
) -> Iterator[Labelled]:
    """The stories of one page or message."""
    spec = f"{'mailbox' if media_type == 'message/rfc822' else 'web'}:{path.name}"
    with _opened(path) as file:
        raw = RawDocument(spec, media_type, file.read(_WHOLE), path.name)
    document = pipeline.read(raw)
    if isinstance(document, Skip):
        report.refuse(document.reason)
    else:
        yield from of_document(document, spec, given, report)


def _found(path: Path) -> Iterator[Record | Labelled | ValueError]:
    try:
        yield from _parts(path)
    except _BROKEN as error:
        raise ConfigError(f"{path} cannot be read or unpacked: {error}") from error


def _parts(path: Path) -> Iterator[Record | Labelled | ValueError]:
    with _opened(path) as file:
        head = file.read(_HEAD)
        shape = _shape(head)
        file.seek(0)
        if shape == "dump":
            yield from map(_encyclopedia, wikipedia.dump(file))
        elif shape == "object":
            yield from _inside(_object(file.read(_WHOLE), path))
        elif shape == "text":
            yield from _texts(file.read(_WHOLE))
        elif shape == "column":
            yield from _column(file)
        elif file.name != str(path):
            raise ConfigError(f"unpack {path} first: only dumps and texts are read packed")
    if shape == "records":
        for _, record in records(path)[1]:
            yield from [record] if isinstance(record, ValueError) else _inside(record)


def _opened(path: Path) -> IO[bytes]:
    try:
        with path.open("rb") as file:
            magic = file.read(6)
        for mark, opener in _PACKED:
            if magic.startswith(mark):
                return cast(IO[bytes], opener(path, "rb"))
        return path.open("rb")
    except IsADirectoryError as error:
        raise ConfigError(f"{path} is a folder; write folder:{path}") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error}") from error


def _shape(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    line, end, _ = start.partition(b"\n")
    if start.startswith((b"<mediawiki", b"<?xml")):
        return "dump"
    if start.startswith(b"{"):
        try:
            json.loads(line)
        except ValueError:  # the object goes on, over lines or beyond what was looked at
            return "object" if end else "records"
        return "records"
    if start.startswith(b"PAR1") or re.match(rb"\[\s*[{\]]", start):
        return "records"
    cells = [cell.strip(b' "\r') for cell in re.split(rb"[,;\t|]", line)]
    if cells[0].decode("utf-8", "replace") in _COLUMNS or (
        len(cells) > 1 and _TEXT_COLUMNS & {cell.decode("utf-8", "replace") for cell in cells}
    ):
        return "records" if len(cells) > 1 else "column"
    return "text"


def _object(content: bytes, path: Path) -> Record:
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise ConfigError(f"{path} is neither JSON lines nor a JSON object: {error}") from error
    return cast(Record, value)  # it begins with a brace


def _column(file: IO[bytes]) -> Iterator[Record]:
    """A CSV file of one column, which has no delimiter to know it by."""
    csv.field_size_limit(_WHOLE)
    yield from csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", "replace", newline=""))


def _inside(record: Record) -> Iterator[Record | Labelled | ValueError]:
    """A record, or those in an API's answer."""
    articles = record.get("data")
    if wikipedia.is_answer(record):
        yield from map(_encyclopedia, wikipedia.answer(record))
    elif "pagination" in record and isinstance(articles, list):
        for article in articles:
            if isinstance(article, dict):
                yield {"kind": "news", **article}
            else:
                yield ValueError("an article that is no object")
    elif isinstance(record.get("digest"), dict) and isinstance(record.get("text"), str):
        yield _kept(record)
    else:
        yield record


def _kept(record: Record) -> Labelled | ValueError:
    """A row of ours, with all its notes."""
    identity = str(record.get("id") or _identity(record))
    try:
        return Labelled.model_validate({"group": identity, **record, "id": identity})
    except ValidationError as error:
        first = error.errors()[0]
        return ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def _encyclopedia(article: wikipedia.Article) -> Record:
    name = f"wikipedia-{article.lang}-{article.key}" if article.key else None
    return {
        "id": name,
        "kind": "encyclopedia",
        "lang": article.lang,
        "title": article.title,
        "text": article.text,
        "date": article.date,
        "source": f"Wikipedia {article.lang}".strip(),
        "url": article.url,
        "licence": article.licence,
    }


_PART = re.compile(r"^\s*<\|endoftext\|>\s*$|<\|endoftext\|>", re.MULTILINE)
_FRONT = re.compile(r"(?:---\s*\n)?((?:\w[\w -]*:[^\n]*\n){1,40})\s*---\s*\n")
_FIRST = re.compile(r"(?:# *(?P<heading>[^\n]{1,300})|(?P<line>[^\n]{1,120}[^\n.,;:]))\n\s*\n")


def _texts(content: bytes) -> Iterator[Record]:
    """Plain text: its title is in its front matter, or the line that stands alone above it."""
    whole, _ = charset.decode(content, None, html=False)
    for part in _PART.split(whole.replace("\r\n", "\n")):
        text = part.strip() + "\n"
        record: Record = {}
        if front := _FRONT.match(text):
            pairs = (line.split(":", 1) for line in front[1].splitlines())
            record = {name.strip(): value.strip() for name, value in pairs}
            text = text[front.end() :].lstrip()
        elif first := _FIRST.match(text):
            record = {"title": (first["heading"] or first["line"]).strip()}
            text = text[first.end() :]
        if text.strip():
            yield {"kind": "text", **record, "text": text}


# --- rows ---------------------------------------------------------------------------------------


def _row(record: Mapping[str, Any], given: Given) -> Labelled:
    """Raises ValueError for what is no document."""
    parts = {name: _find(record, names) for name, names in _PLACES.items()}
    text = parts["text"].strip()
    if len(text) < given.min_chars:
        raise ValueError(f"no text of {given.min_chars} characters or more")
    identity = parts["id"] or _identity(record)
    return Labelled(
        id=identity,
        group=parts["group"] or identity,
        kind=given.kind or parts["kind"] or "web",
        lang=given.lang or _code(parts["lang"]) or _detected(text),
        title=" ".join(parts["title"].split()),
        text=text,
        date=_moment(parts["date"]),
        source=given.source or parts["source"],
        url=parts["url"] or None,
        licence=given.licence or parts["licence"],
        digest=DigestFields(),
    )


def _identity(record: Mapping[str, Any]) -> str:
    return fingerprint(*(_find(record, _PLACES[name]) for name in ("url", "title", "text")))


def _find(record: Mapping[str, Any], names: Sequence[str]) -> str:
    nested = record.get("metadata")
    for place in (record, nested if isinstance(nested, dict) else {}):
        for name in names:
            value = place.get(name)
            if isinstance(value, date):
                return value.isoformat()
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
                return str(value).encode("utf-8", "replace").decode()
    return ""


def _code(name: str) -> str:
    """`en` of `en-US`; what is no language code is not taken."""
    found = re.match(r"([a-z]{2,3})(?=$|[-_])", name.strip().lower())
    return found[1] if found else ""


def _detected(text: str) -> str:
    return language(text) if sum(map(str.isalpha, text[:400])) >= _DETECTED else "und"


def _moment(text: str) -> str | None:
    """A day, or a moment in UTC, in ISO 8601; None for what is neither."""
    text = text.strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text).isoformat()
        if re.fullmatch(r"\d{9,10}(\.\d+)?|\d{12,13}", text):
            seconds = float(text) / (1000 if len(text.partition(".")[0]) > 10 else 1)
            return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        return None

"""The structure of a message: headers, parts, transfer encodings. Linear, bounded, never raises.

Bodies stay offsets into one buffer until they are asked for. The standard library's feed parser
keeps every line as an object and asks every open boundary about each one (25 MiB of short lines:
5 s and 1.1 GB; 1 MiB inside 200 nested parts: 7 s), so only its header helpers are used here.
"""

import binascii
import email.utils
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field

from digest.mail import charset

MAX_BYTES = 25 * 2**20
MAX_PARTS = 1_000
MAX_DEPTH = 32
_MAX_HEADER_LINES = 20_000
_MAX_VALUE = 8_192  # characters of one header that are looked at

_NOT_BLANK = re.compile(rb"[^\n]")
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?(.{0,2000}?)(?:\?=|\Z)", re.S)
_TYPE = re.compile(r"\s*([\w.+-]{1,100})/([\w.+-]{1,100})")
_PARAM = re.compile(r"""([\w*-]{1,80})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;"]*))""")
_PROSE = re.compile(rb"\n(?:[^\n]*\S +\S|[_*-]{4})")
_NOT_BASE64 = bytes(set(range(256)) - set(string.ascii_letters.encode() + b"0123456789+/="))


class Headers:
    """Header fields in order, names in lower case, values unfolded and undecoded."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def __len__(self) -> int:
        return len(self._fields)

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for key, value in self._fields if key == name]

    def get(self, name: str) -> str:
        """The first value that is not empty, undecoded; "" if there is none."""
        return next((value for value in self.all(name) if value), "")

    def text(self, name: str) -> str:
        """Like `get`, RFC 2047 words decoded and white space collapsed."""
        return decode_words(self.get(name))


@dataclass(slots=True, eq=False)
class Part:
    """One node of a message; `buffer[start:end]` is its body, still transfer-encoded."""

    headers: Headers
    kind: str  # media type in lower case: "text/html"
    params: dict[str, str]
    disposition: str  # "attachment", "inline", or ""
    buffer: bytes = field(repr=False)
    start: int = 0
    end: int = 0
    children: list["Part"] = field(default_factory=list)

    def payload(self, limit: int = MAX_BYTES) -> bytes:
        """The body with its transfer encoding undone as far as that goes, `limit` bytes of it."""
        # Base64 takes 4 bytes for 3, quoted-printable up to 3 for 1.
        raw = self.buffer[self.start : min(self.end, self.start + 3 * limit)]
        coding = self.headers.get("content-transfer-encoding").strip(" \"';").lower()
        if coding.startswith("base64"):
            raw = decode_base64(raw)
        elif coding.startswith("quoted"):
            raw = binascii.a2b_qp(raw)
        elif coding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
            raw = _decode_uu(raw)
        return raw[:limit]


@dataclass(slots=True)
class _Reading:
    warnings: list[str] = field(default_factory=list)
    parts: int = 0

    def warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def read(content: bytes) -> tuple[Part, list[str]]:
    """The tree of a message, and what could not be read of it, one sentence each."""
    reading = _Reading()
    if len(content) > MAX_BYTES:
        reading.warn(f"the message is over {MAX_BYTES >> 20} MiB; the rest was not read")
        content = content[:MAX_BYTES]
    buffer = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _part(buffer, 0, len(buffer), "", 0, reading), reading.warnings


def _part(buffer: bytes, start: int, end: int, default: str, depth: int, to: _Reading) -> Part:
    to.parts += 1
    headers, body = read_headers(buffer, start, end, part=bool(default))
    part = Part(headers, *_content_type(headers, default), _disposition(headers), buffer, body, end)
    if part.kind.startswith("multipart/"):
        if depth >= MAX_DEPTH:
            to.warn(f"parts nested deeper than {MAX_DEPTH} were not read")
        else:
            _read_multipart(part, depth, to)
    elif part.kind in {"message/rfc822", "message/global", "message/news"}:
        if depth >= MAX_DEPTH:
            to.warn(f"parts nested deeper than {MAX_DEPTH} were not read")
        elif part.headers.get("content-transfer-encoding").lower().startswith(("base64", "quoted")):
            inner = part.payload().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            part.children.append(_part(inner, 0, len(inner), "", depth + 1, to))
        else:
            part.children.append(_part(buffer, body, end, "", depth + 1, to))
    return part


def _read_multipart(part: Part, depth: int, to: _Reading) -> None:
    boundary = part.params.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")
    spans = list(_spans(part, boundary)) if boundary else []
    if not spans:
        guess = re.search(
            rb"^--([^\s-][^\n]{0,70}|-[^\n]{3,70})\n[!-9;-~]+:",
            part.buffer[part.start : min(part.end, part.start + (1 << 16))],
            re.M,
        )
        if not guess:
            to.warn("a multipart body without its boundary was read as one part")
            _as_leaf(part)
            return
        to.warn("a missing or wrong boundary was guessed")
        spans = list(_spans(part, guess[1].rstrip()))
    default = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
    for start, end, closed in spans:
        if to.parts >= MAX_PARTS:
            to.warn(f"the message has over {MAX_PARTS:,} parts; the rest was not read")
            break
        part.children.append(_part(part.buffer, start, end, default, depth + 1, to))
        if not closed:
            to.warn("the message ends before its closing boundary")


def _spans(part: Part, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
    """(start, end, a boundary follows) of the parts between the boundary's lines."""
    line = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t]{0,80}(?=\n|\Z)")
    opened = -1
    # The line break before the body belongs to a boundary that stands in its first line.
    for found in line.finditer(part.buffer, max(part.start - 1, 0), part.end):
        if opened >= 0:
            yield opened, max(opened, found.start()), True
            if found[1]:
                return
        opened = min(found.end() + 1, part.end)
    if opened >= 0:
        yield opened, part.end, False


def _as_leaf(part: Part) -> None:
    """A multipart body that holds no parts is what it looks like."""
    head = part.buffer[part.start : min(part.end, part.start + 4096)]
    part.kind = "text/html" if looks_like_html(head) else "text/plain"


def looks_like_html(data: bytes) -> bool:
    """Whether bytes begin as an HTML page does, or at least close a common tag early on."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\n\r").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml")) or (
        head.startswith(b"<") and re.search(rb"</(p|div|td|a|title|style|head)>", head) is not None
    )


def read_headers(buffer: bytes, start: int, end: int, part: bool = False) -> tuple[Headers, int]:
    """The header block at `start`, and where the body begins.

    An mbox "From " line is passed over, and so are blank lines before the first header of a whole
    message (`part` false) or before one that speaks of content. A line that is no header ends the
    block and belongs to the body; without any header all of it is body.
    """
    origin = start
    first = _NOT_BLANK.search(buffer, start, end)
    if first and (not part or buffer[first.start() : first.start() + 8].lower() == b"content-"):
        start = first.start()
    if buffer.startswith((b"From ", b">From "), start, end):
        after = _next_line(buffer, start, end)
        start = after if _FIELD.match(buffer, after, end) else start
    fields: list[tuple[str, list[bytes]]] = []
    at = start
    for _ in range(_MAX_HEADER_LINES):
        after = _next_line(buffer, at, end)
        if at >= end or buffer[at] == 0x0A:
            at = after
            break
        line = buffer[at : min(after, at + _MAX_VALUE)]
        if buffer[at] in b" \t":
            if not line.strip() and not _FIELD.match(buffer, after, end):
                at = after  # a separator line with stray blanks in it
                break
            if fields:
                fields[-1][1].append(line)
        elif found := _FIELD.match(line):
            fields.append((found[1].decode("ascii").lower(), [line[found.end() :]]))
        elif not (line.startswith(b">From ") and fields):
            break
        at = after
    else:
        blank = buffer.find(b"\n\n", at, end)
        at = end if blank < 0 else blank + 2
    if not fields:
        return Headers([]), (start + 1 if buffer.startswith(b"\n", start, end) else origin)
    return Headers([(name, _unfold(lines)) for name, lines in fields]), min(at, end)


def _next_line(buffer: bytes, at: int, end: int) -> int:
    found = buffer.find(b"\n", at, end)
    return end if found < 0 else found + 1


def _unfold(lines: list[bytes]) -> str:
    raw = b"".join(lines)[:_MAX_VALUE].replace(b"\n", b"")
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return charset.decode(raw)[0].strip()


def _content_type(headers: Headers, default: str) -> tuple[str, dict[str, str]]:
    value = headers.get("content-type")
    found = _TYPE.match(value)
    if found:
        return f"{found[1]}/{found[2]}".lower(), parameters(value[found.end() :])
    bare = value.split(";")[0].strip().lower()
    kind = {"html": "text/html", "text": "text/plain", "multipart": "multipart/mixed"}.get(bare)
    return kind or default or "", parameters(value)


def _disposition(headers: Headers) -> str:
    return headers.get("content-disposition").split(";")[0].strip().lower()


def parameters(value: str) -> dict[str, str]:
    """Parameters of a structured header, RFC 2231 undone, names in lower case; the first wins."""
    found: list[tuple[str, str]] = []
    for match in _PARAM.finditer(value[:4096]):
        quoted = match[2]
        text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3].strip()
        found.append((match[1].lower(), text))
    result: dict[str, str] = {}
    for name, raw in found:
        if "*" not in name:
            result.setdefault(name, decode_words(raw))
    try:
        # The first pair of the list is passed through untouched: it stands for the media type.
        extended = email.utils.decode_params([("", ""), *(p for p in found if "*" in p[0])])[1:]
        for name, coded in extended:
            text = email.utils.collapse_rfc2231_value(coded)
            result.setdefault(name, text.strip('"'))
    except (ValueError, LookupError, TypeError, IndexError):
        pass  # a name that cannot be decoded is only a name
    return result


def decode_words(value: str) -> str:
    """RFC 2047 words decoded, however they are split or misplaced; white space collapsed."""
    pieces: list[tuple[str, bytes | str]] = []  # (charset, bytes), or ("", text)
    at = 0
    for word in _WORD.finditer(value):
        between = value[at : word.start()]
        if between.strip() or not (pieces and pieces[-1][0]):
            pieces.append(("", between))
        label = word[1].split("*")[0].lower()
        data = _word_bytes(word[2], word[3])
        # A multi-byte character may be cut between two words: join the bytes first.
        if pieces and pieces[-1][0] == label and isinstance(pieces[-1][1], bytes):
            pieces[-1] = (label, pieces[-1][1] + data)
        else:
            pieces.append((label, data))
        at = word.end()
    pieces.append(("", value[at:]))
    text = "".join(
        charset.decode(data, label)[0] if isinstance(data, bytes) else data
        for label, data in pieces
    )
    return " ".join(text.split())


def _word_bytes(coding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if coding in "bB":
        return decode_base64(raw)
    return binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)


def decode_base64(raw: bytes) -> bytes:
    """As far as it goes: stray characters skipped, missing padding added, joined chunks split.

    Text that is plainly not base64 comes back as it is.
    """
    # A mailing list may have put its footer, in plain text, behind the encoded body.
    footer = _PROSE.search(raw)
    body = raw[: footer.start()] if footer else raw
    clean = body.translate(None, _NOT_BASE64)
    stray = len(body) - body.count(b"\n") - len(clean)
    if stray > 1 + len(clean) // 10 or (footer and len(clean) % 4):
        return raw
    out = bytearray()
    for found in re.finditer(rb"[^=]+", clean):
        chunk = found[0][: len(found[0]) - 1] if len(found[0]) % 4 == 1 else found[0]
        out += binascii.a2b_base64(chunk + b"=" * (-len(chunk) % 4))
    return bytes(out)


def _decode_uu(raw: bytes) -> bytes:
    out = []
    for line in raw.split(b"\n"):
        if line.startswith((b"begin ", b"end")) or not line:
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(out)

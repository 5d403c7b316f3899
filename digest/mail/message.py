"""A mail message becomes a Letter: who, when, and the body that a reader would see."""

import email.utils
import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from digest.errors import Unreadable
from digest.html import plaintext
from digest.mail import charset, mime
from digest.mail.mime import Headers, Part

MAX_TEXT = 4 * 2**20  # bytes of text read from one message, over all of its parts

_FORWARDS = {"message/rfc822", "message/global", "message/news"}
_TEXTS = {"text/html", "application/xhtml+xml", "text/plain", "text/markdown", "text/enriched", ""}
_HTML = {"text/html", "application/xhtml+xml"}
_SEALED = {
    "multipart/encrypted": "encrypted",
    "application/pgp-encrypted": "encrypted",
    "application/pkcs7-mime": "encrypted or signed as a whole",
    "application/x-pkcs7-mime": "encrypted or signed as a whole",
}
_ADDRESS = re.compile(
    r"""<\s*([^<>\s@]{1,200}@[^<>\s@]{1,200})\s*>|([^\s<>()"',;:@]+@[^\s<>()"',;@]+)"""
)
_UNSEEN = [("<!--", "-->")] + [
    (f"<{tag}", f"</{tag}") for tag in ("script", "style", "head", "title", "template")
]
_TAG = re.compile(r"<[^<>]*>|&(?:nbsp|zwnj|shy|#\d{1,7});")
_STUB = re.compile(
    r"""(?ix)
    (view|read|open|see|display|click) .{0,60} (browser|online|on\s+the\s+web|web\s+version|html)
    | (does|do|can)\s*n[o'’]t .{0,30} (support|display|show|read|view) .{0,20} html
    | (requires?|enable|switch\s+to) .{0,30} html
    | html .{0,20} (e-?mail|message|version|newsletter|format)
    | im\s+browser | im\s+webbrowser | online-?(version|ansicht) | html-?(mail|fähig|ansicht)
    | dans\s+(votre|un|le)\s+navigateur | version\s+en\s+ligne
    | en\s+(tu|su|el|un)\s+navegador | no\s+seu\s+navegador | nel\s+(tuo\s+)?browser
    | ブラウザ | 浏览器 | 瀏覽器 | 브라우저
    """
)
_LINK = re.compile(r"https?://\S+|www\.\S+|\S+@\S+")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as a reader sees it.

    `html` is the body to read; `plain` is for when it is "". Both are decoded text, untrusted and
    not cleaned. A part that carries another message adds that one's subject as a heading.
    """

    subject: str
    sender_name: str
    sender_address: str
    date: datetime | None  # aware, UTC
    message_id: str
    list_id: str
    html: str
    plain: str
    warnings: tuple[str, ...] = ()


def parse(content: bytes) -> Letter:
    """Read a message, however broken, as far as it can be read.

    Raises Unreadable if it holds nothing to read: empty, encrypted, only attachments.
    """
    root, warnings = mime.read(content)
    reading = _Reading(warnings)
    body = reading.body(root)
    if not body:
        raise Unreadable(f"{reading.why_nothing(root)}; nothing to read in it")
    headers = _speaking_headers(root)
    markup, plain = body.markup, body.plain
    if markup and plain and not _visible(markup) and not is_stub(plain):
        markup = ""
        reading.warn("the HTML part is empty; the plain part is used")
    if not markup and is_stub(plain):
        reading.warn(
            "the plain part is only a stub that points to a web page, and there is no HTML"
        )
    name, address = _sender(headers)
    date, complaint = message_date(headers)
    if complaint:
        reading.warn(complaint)
    return Letter(
        subject=headers.text("subject"),
        sender_name=name,
        sender_address=address,
        date=date,
        message_id=_bracketed(headers.get("message-id")),
        list_id=_bracketed(headers.text("list-id")),
        html=markup,
        plain=plain,
        warnings=tuple(reading.warnings),
    )


@dataclass(frozen=True, slots=True)
class _Body:
    """What a part says: the same in two forms, either may be missing."""

    markup: str = ""
    plain: str = ""

    def __bool__(self) -> bool:
        return bool(self.markup.strip() or self.plain.strip())

    def as_markup(self) -> str:
        return self.markup or plaintext.from_text(self.plain)


def _joined(bodies: list[_Body]) -> _Body:
    bodies = [body for body in bodies if body]
    if len(bodies) == 1:
        return bodies[0]
    plain = "\n\n".join(body.plain for body in bodies if body.plain)
    if not any(body.markup for body in bodies):
        return _Body("", plain)
    return _Body("\n".join(body.as_markup() for body in bodies), plain)


@dataclass
class _Reading:
    warnings: list[str]
    sealed: str = ""
    left: int = MAX_TEXT
    attachments: list[str] = field(default_factory=list)

    def warn(self, sentence: str) -> None:
        if sentence and sentence not in self.warnings:
            self.warnings.append(sentence)

    def body(self, part: Part) -> _Body:
        """What a reader sees of a part."""
        if part.kind in _SEALED:
            self.sealed = _SEALED[part.kind]
        match part.kind:
            case "message/rfc822" | "message/global" | "message/news":
                body = self._forward(part)
            case "multipart/alternative":
                body = self._alternative(part)
            case "multipart/related":
                body = self._related(part)
            case "multipart/report" | "multipart/signed":
                body = self._first(part.children)
            case "multipart/encrypted":
                body = self._first(part.children[2:])  # behind the version and the sealed data
            case kind if kind.startswith("multipart/"):
                body = self._mixed(part)
            case _:
                body = self._leaf(part)
        return body

    def _mixed(self, part: Part) -> _Body:
        """One after the other; attachments only where nothing else is said."""
        kept = [child for child in part.children if _is_attachment(child)]
        shown = [child for child in part.children if child not in kept]
        return _joined([self.body(child) for child in shown]) or _joined(
            [self.body(child) for child in kept]
        )

    def _first(self, children: list[Part]) -> _Body:
        return next((body for child in children if (body := self.body(child))), _Body())

    def _alternative(self, part: Part) -> _Body:
        """The same content in rising richness: the last HTML, the first plain text."""
        bodies = [self.body(child) for child in part.children]
        markup = [body.markup for body in bodies if body.markup.strip()]
        plain = [body.plain for body in bodies if body.plain.strip()]
        seen = [text for text in markup if _visible(text)] or markup
        return _Body(seen[-1] if seen else "", plain[0] if plain else "")

    def _related(self, part: Part) -> _Body:
        """A root with what it shows inside itself."""
        start = part.params.get("start", "").strip()
        root = [
            child for child in part.children if start and child.headers.get("content-id") == start
        ]
        rest = [child for child in part.children if child not in root]
        return self._first(root + rest)

    def _forward(self, part: Part) -> _Body:
        bodies = []
        for child in part.children:
            body = self.body(child)
            subject = child.headers.text("subject")
            if body and subject:
                heading = f"<h2>{html.escape(subject)}</h2>\n{body.markup}" if body.markup else ""
                body = _Body(heading, f"{subject}\n\n{body.plain}" if body.plain else "")
            bodies.append(body)
        return _joined(bodies)

    def _leaf(self, part: Part) -> _Body:
        if part.kind not in _TEXTS and not (
            part.kind == "message/partial" or part.kind.startswith("text/x-unknown")
        ):
            if part.kind:
                self.attachments.append(part.kind)
            return _Body()
        data = part.payload(self.left)
        if part.end - part.start > self.left or len(data) >= self.left > 0:
            self.warn(f"the text is over {MAX_TEXT >> 20} MiB; the rest was not read")
        self.left = max(0, self.left - len(data))
        marked = part.kind in _HTML or mime.looks_like_html(data)
        text, warning = charset.decode(data, part.params.get("charset"), html=marked)
        self.warn(warning)
        if _is_binary(text):
            self.attachments.append(f"binary data that calls itself {part.kind or 'text'}")
            return _Body()
        if marked:  # where no tag is used, line breaks are all the structure there is
            tagged = re.search(r"<[a-zA-Z!/]", text)
            return _Body(markup=text if tagged else plaintext.from_text(html.unescape(text)))
        if "-----BEGIN PGP MESSAGE-----" in text:
            self.sealed = "encrypted"
            text = re.sub(
                r"-----BEGIN PGP MESSAGE-----.*?(-----END PGP MESSAGE-----|\Z)",
                "",
                text,
                flags=re.S,
            )
        if part.params.get("format", "").lower() == "flowed":
            text = unflow(text, part.params.get("delsp", "").lower() == "yes")
        return _Body(plain=text)

    def why_nothing(self, root: Part) -> str:
        """The cause, for people."""
        if self.sealed:
            return f"the message is {self.sealed}"
        if self.attachments:
            return f"the message holds only {', '.join(sorted(set(self.attachments))[:3])}"
        if self.warnings:
            return self.warnings[0]
        return "the message has no body" if len(root.headers) else "the message is empty"


def _is_binary(text: str) -> bool:
    sample = text[:4096]
    odd = sum(1 for char in sample if char < " " and char not in "\t\n\r\f\v\x1b\x08")
    return odd > 4 + len(sample) // 100


def _is_attachment(part: Part) -> bool:
    # A forwarded message is content whichever way it is attached.
    return part.disposition == "attachment" and part.kind not in _FORWARDS


def _speaking_headers(root: Part) -> Headers:
    """Of a message that is nothing but a carrier, the headers of the message that it carries."""
    part = root
    while part.kind in _FORWARDS and part.children:
        part = part.children[0]
    return part.headers if len(part.headers) else root.headers


def _visible(markup: str) -> bool:
    """Whether there is anything to see: text, or a picture."""
    text = markup.lower()
    for opening, closing in _UNSEEN:
        text = _without(text, opening, closing)
    return "<img" in text or re.search(r"\w", _TAG.sub(" ", text)) is not None


def _without(text: str, opening: str, closing: str) -> str:
    """`text` without what stands from `opening` to `closing`, in linear time."""
    kept, at, look = [], 0, 0
    while (start := text.find(opening, look)) >= 0:
        look = start + len(opening)
        if opening[-1].isalpha() and text[look : look + 1].isalnum():
            continue  # <header> is no <head>
        kept.append(text[at:start])
        at = look = text.find(closing, look)
        if at < 0:
            return "".join(kept)
    return "".join(kept) + text[at:]


def is_stub(plain: str) -> bool:
    """Whether a plain part only says that there is something to see elsewhere."""
    if len(plain) > 4_000:
        return False
    text = " ".join(_LINK.sub(" ", plain).split())
    if len(text) > 600:
        return False
    return not re.search(r"\w", text) or bool(_STUB.search(text))


def unflow(text: str, delete_space: bool = False) -> str:
    """Format=flowed (RFC 3676) undone: soft line breaks joined, space stuffing removed."""
    paragraphs: list[list[str]] = []
    open_quote = -1  # depth of the paragraph that the next line may continue
    for line in text.split("\n"):
        stripped = line.lstrip(">")
        depth = len(line) - len(stripped)
        stripped = stripped.removeprefix(" ")
        if stripped in {"-- ", "--"}:  # a signature's mark is no soft break
            paragraphs.append([line])
            open_quote = -1
            continue
        soft = stripped.endswith(" ")
        body = stripped[:-1] if soft and delete_space else stripped
        if open_quote == depth:
            paragraphs[-1].append(body)
        else:
            paragraphs.append([">" * depth + " " if depth else "", body])
        open_quote = depth if soft else -1
    return "\n".join(map("".join, paragraphs))


def _sender(headers: Headers) -> tuple[str, str]:
    for name in ("from", "sender", "reply-to", "return-path"):
        raw = headers.get(name)
        found = _ADDRESS.search(raw)
        if not found:
            if raw and name == "from" and not any(map(headers.get, ("sender", "reply-to"))):
                return _name(raw.split("<")[0] or raw), ""
            continue
        before = raw[: found.start()]
        comment = re.search(r"\(([^()]{1,200})\)", raw[found.end() :])
        shown = before if before.strip(" \"'") else comment[1] if comment else ""
        return _name(shown), (found[1] or found[2]).strip().lower()
    return "", ""


def _name(raw: str) -> str:
    bare = re.sub(r"\\(.)", r"\1", raw.strip().strip('"'))
    return mime.decode_words(bare).strip("\"' <>,")


def _bracketed(value: str) -> str:
    found = re.search(r"<\s*([^<>]{1,500}?)\s*>", value)
    return found[1] if found else value.strip()


def message_date(headers: Headers) -> tuple[datetime | None, str]:
    """When a message was sent (aware, UTC), and a complaint if the Date header did not say.

    Falls back to the time of the last hop that stamped a readable one.
    """
    written = headers.text("date")
    if found := read_date(written):
        return found, ""
    hops = [value.rpartition(";")[2] for value in headers.all("received")]
    others = [headers.get(name) for name in ("resent-date", "delivery-date", "x-received")]
    for stamp in [*hops, *(other.rpartition(";")[2] for other in others)]:
        if found := read_date(stamp):
            return found, f"the date {written[:40]!r} is unreadable; the time of receipt is used"
    return (
        None,
        f"the date {written[:40]!r} is unreadable" if written else "the message has no date",
    )


def read_date(text: str) -> datetime | None:
    """A date as mail writes it, or as ISO 8601; UTC where no zone is given, None if unreadable."""
    text = " ".join(text.split())[:200]
    if not text:
        return None
    found: datetime | None = None
    try:
        if parts := email.utils.parsedate_tz(text):
            # The standard library takes 25:71 for tomorrow morning; a datetime does not.
            local = datetime(*parts[:5], min(parts[5], 59), tzinfo=UTC)
            found = local - timedelta(seconds=parts[9] or 0)
    except (ValueError, OverflowError, TypeError, IndexError):
        found = None
    if found is None:
        try:
            found = datetime.fromisoformat(text.replace(" UTC", "+00:00").replace(" GMT", "+00:00"))
            found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None
    # E-mail is not older than this, and a clock gone wrong is no date.
    return found if 1970 < found.year < 2100 else None

"""Text from outside -> markdown that says the same and can do nothing.

Everything in a report that was not written in this package passes through here. The doors:
`text` for what is shown literally, `prose` for the model's own markdown, `link` for addresses,
`code` for file names and SPECs.
"""

import re
import unicodedata
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

SCHEMES = ("http", "https", "mailto")
MAX_URL = 4000  # characters; trackers reach 2,000

# Line and paragraph separators and tabs are whitespace; control, surrogate, private-use and
# format characters go, except the two joiners that scripts and emoji are written with.
_GONE = {"Cc", "Cs", "Co", "Cn", "Cf"}
_INVISIBLE = _GONE | {"Zs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
# Bare addresses: many readers turn them into links even where CommonMark does not.
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]{1,30}:/{2,}|mailto:)+", re.I)
_SLASHES = re.compile(r"/{2,}(?=\w)")
_WWW = re.compile(r"(?<![\w.-])(?:www\.)+(?=\w)", re.I)
_EMAIL = re.compile(r"(?<=[\w.+-])@(?=[\w-]+\.\w)")

_SPECIAL = re.compile(r"([\\`*\[\]<~])")
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # inside a word it is no emphasis
_ENTITY = re.compile(r"&(?=#?\w+;)")
_MARKER = re.compile(r"^(?:(\d{1,9})(?=[.)])|(?=[#>+=:|-]))")
_BLOCK = re.compile(r"^\s{0,3}(?:#{1,6}|[-*+>]|\d{1,3}[.)])\s+")
_URL_UNSAFE = re.compile(r"[()<>\[\]\\\"'`{}|^*]")


def clean(value: str, limit: int = 1200) -> str:
    """One line of plain text of at most `limit` characters; nothing invisible, no live address."""
    value = unicodedata.normalize("NFC", value[: 4 * limit])
    value = " ".join(value.split())
    value = "".join(
        char for char in value if unicodedata.category(char) not in _GONE or char in _JOINERS
    )
    value = _SLASHES.sub("/", _WWW.sub("", _SCHEME.sub("", value)))
    value = _EMAIL.sub(" at ", value)
    return _clip(" ".join(value.split()).strip(_JOINERS + " "), limit)


def text(value: str, limit: int = 1200) -> str:
    """Literal text as inline markdown, safe at the start of a line too."""
    return _literal(clean(value, limit))


def prose(value: str, limit: int = 1200) -> str:
    """The model's markdown as one paragraph: emphasis and code stay, everything else is words."""
    tokens = _READER.parseInline(_one_line(value, limit))[0].children or []
    said = clean("".join(_content(token) for token in tokens), limit)
    written = _emphasised(tokens) if len(said) < limit else ""
    # Written anew, the marks may touch other characters than before: believed only if read back.
    return written if written and _reads_as(written, said) else _literal(said)


def words(value: str, limit: int = 1200) -> str:
    """The model's markdown as plain text, for `text` or to look at."""
    tokens = _READER.parseInline(_one_line(value, limit))[0].children or []
    return clean("".join(_content(token) for token in tokens), limit)


def _one_line(value: str, limit: int) -> str:
    lines = (_BLOCK.sub("", line) for line in value[: 2 * limit].splitlines())
    return " ".join(" ".join(lines).split())


def code(value: str, limit: int = 200) -> str:
    """An identifier or address to be read, not followed."""
    body = clean_line(value, limit)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", body)), default=0) + 1)
    pad = " " if body.startswith("`") or body.endswith("`") else ""
    return f"{fence}{pad}{body}{pad}{fence}" if body else ""


def clean_line(value: str, limit: int = 200) -> str:
    """Like `clean`, with addresses left as they are: for code, file names and front matter."""
    value = "".join(
        char
        for char in " ".join(value[: 4 * limit].split())
        if unicodedata.category(char) not in _GONE
    ).strip()
    return _clip(value, limit)


def _clip(value: str, limit: int) -> str:
    """At most `limit` characters, ending with a whole word where one ends near."""
    if len(value) <= limit:
        return value
    head, _, tail = value[:limit].rpartition(" ")
    return (head if head and len(tail) < 30 else value[: limit - 1]).rstrip(" ,;:.") + "…"


def address(url: str) -> str:
    """The URL as a link destination, or "" if it must not be followed.

    Only http, https and mailto, without credentials (`https://bank.example@evil.example`), of
    bounded length. Characters that could end the destination are percent-encoded.
    """
    url = url[: MAX_URL + 9].strip()
    if len(url) > MAX_URL or not _may_follow(url):
        return ""
    if any(unicodedata.category(char) in _INVISIBLE for char in url):
        return ""
    url = _URL_UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", url)
    return re.sub(r"&(#?\w+);", r"&\1%3B", url)


def _may_follow(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme == "mailto":
            return re.fullmatch(r"[^@\s?]+@[^@\s?]+", parts.path) is not None
        return parts.scheme in SCHEMES and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def link(label: str, url: str) -> str:
    """A link, or the bare label where the URL must not be followed."""
    target, shown = address(url), text(label, 200)
    return f"[{shown}]({target})" if target and shown else shown


def host(url: str) -> str:
    """The host of a web address as a person says it, "" if it has none."""
    try:
        name = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return name.removeprefix("www.")


_READER = MarkdownIt("zero").enable(
    ["emphasis", "backticks", "escape", "entity", "link", "image", "autolink"]
)
_MARKS = {"strong_open": "**", "strong_close": "**", "em_open": "*", "em_close": "*"}


def _content(token: Token) -> str:
    return " " if token.type.endswith("break") else token.content


def _emphasised(tokens: list[Token]) -> str:
    """Tokens -> markdown. Links, images and HTML leave their words only."""
    parts = []
    for token in tokens:
        if token.type in _MARKS:
            parts.append(_MARKS[token.type])
        elif token.type == "code_inline":
            parts.append(code(clean(token.content), 400))
        elif token.content:
            body = token.content
            said = _inline(clean(body, len(body) + 1))
            before, after = body[:1].isspace(), body[-1:].isspace() and bool(said)
            parts.append(" " * before + said + " " * after)
    return _lead("".join(parts).strip())


def _reads_as(markdown: str, said: str) -> bool:
    tokens = _READER.parseInline(markdown)[0].children or []
    kinds = {token.type for token in tokens} - {"text", "text_special", "code_inline"}
    shown = "".join(_content(token) for token in tokens)
    return kinds <= set(_MARKS) and "".join(shown.split()) == "".join(said.split())


def _literal(value: str) -> str:
    return _lead(_inline(value))


def _inline(value: str) -> str:
    value = _SPECIAL.sub(r"\\\1", value)
    value = _UNDERSCORE.sub(r"\\_", value)
    return _ENTITY.sub(r"\\&", value)


def _lead(value: str) -> str:
    """Take the block meaning from the first character."""
    return _MARKER.sub(lambda match: f"{match[1]}\\" if match[1] else "\\", value, count=1)

"""HTML to a tree that is safe to walk: parsed as browsers parse it, in bounded time and depth.

The tree is lexbor's (selectolax). HTML5's rules for misnested tags cost time in proportion to the
depth of the open elements, so a page nested deeper than any layout is flattened before parsing.
"""

import re
from collections.abc import Generator

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_CHARS = 2 * 1024 * 1024
MAX_DEPTH = 200

# Tags that HTML5 closes by itself (or that hold nothing) do not deepen a page.
_SHALLOW = frozenset(
    [
        "a",
        "p",
        "li",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "tbody",
        "thead",
        "tfoot",
        "option",
        "br",
        "img",
        "hr",
        "meta",
        "link",
        "input",
        "area",
        "base",
        "col",
        "embed",
        "source",
        "track",
        "wbr",
        "param",
        "html",
        "head",
        "body",
    ]
)
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][^\s/<>]*)[^<>]*>?", re.S)

# U+200B and its kin, soft hyphens, direction marks, tag characters (but for flags) and stray
# variation selectors: invisible, and used to hide text or to pad preheaders. Joiners stay where
# they join.
_INVISIBLE = re.compile(
    "(\U0001f3f4[\U000e0020-\U000e007f]+)"
    "|[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\u00ad\u034f\u180e\u17b4"
    "\u17b5\u115f\u1160\u3164\U000e0000-\U000e01ef]"
    "|[\u200c\u200d](?![^\\W_a-zA-Z0-9]|[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])"
    "|(?<![^\\s\x00-\x7f\u200c\u200d])[\u200c\u200d]"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)


# Authors forget the scheme: "example.org/page" leads out as well; "page.html" does not.
BARE_DOMAIN = re.compile(
    r"(?!\w[\w-]*\.(?:html?|php|aspx?|jsp|jpe?g|png|gif|pdf|txt|css|js)(?:[?#]|$))"
    r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:[/?#]|$)",
    re.I,
)


def parse(html: str) -> LexborNode | None:
    """The root element of a page, None if there is none. `html` should be within MAX_CHARS."""
    return LexborHTMLParser(flatten(html)).root


def flatten(html: str, limit: int = MAX_DEPTH) -> str:
    """The page without the tags that open more than `limit` levels deep; usually unchanged."""
    depth = deepest = 0
    for match in _TAG.finditer(html):
        depth = _step(match, depth)
        deepest = max(deepest, depth)
    if deepest <= limit:
        return html
    out: list[str] = []
    position = depth = 0
    for match in _TAG.finditer(html):
        out.append(html[position : match.start()])
        depth = _step(match, depth)
        if depth <= limit or (match[2] and match[2].lower() in _SHALLOW):
            out.append(match[0])
        position = match.end()
    out.append(html[position:])
    return "".join(out)


def _step(match: re.Match[str], depth: int) -> int:
    name = match[2]
    if not name or name.lower() in _SHALLOW:
        return depth
    return max(depth - 1, 0) if match[1] else depth + 1


def walk(root: LexborNode) -> Generator[tuple[LexborNode, bool], bool | None, None]:
    """Every node in document order as (node, True), elements again as (node, False) at their end.

    Send a true value back to leave out what is inside the element just yielded.
    """
    node: LexborNode | None = root
    last = root.mem_id  # nodes compare by their HTML, which takes time
    while node is not None:
        skip = yield node, True
        child = None if skip else node.child
        if child is not None:
            node = child
            continue
        while node is not None:
            yield node, False
            if node.mem_id == last:
                return
            following = node.next
            if following is not None:
                node = following
                break
            node = node.parent


def strip_invisible(text: str) -> tuple[str, int]:
    """Text without invisible characters, and how many there were."""
    if text.isascii() and text.isprintable():
        return text, 0
    clean = _INVISIBLE.sub(lambda match: match[1] or "", text)
    return clean, len(text) - len(clean)

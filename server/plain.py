"""Text from outside as a client may show it: words, never something live, never a role.

A client may render what it is given as markdown, and a model may take a line that begins with
`SYSTEM:` for one. Titles, publishers and fields of digests become one line of plain text; the
bodies of items keep their markdown, without images.
"""

import re

from digest.report.escape import clean, words

_ROLE = re.compile(
    r"(?im)(^|(?<=[\s\"'(\[>*_`#|]))(system|assistant|user|human|developer|tool|function)"
    r"(\s*(?:message|prompt|note)?\s*)[:：﹕꞉]"
)
_CONTROL = re.compile(r"<\|[^|<>\s]{0,40}\|?>|\[/?INST\]|<</?SYS>>|</?s>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]{0,2000}>", re.IGNORECASE)
_IMAGE = re.compile(r"!\[([^\]\n]{0,500})\](?:\([^()\n]{0,4000}\)|\[[^\]\n]{0,200}\])")
_MARKDOWN = re.compile(r"[\[\]<>!`*_]")


def plain(text: str, limit: int = 300) -> str:
    """One line without links, images, HTML, invisible characters, control tokens or roles."""
    text = _CONTROL.sub(" ", text[: 8 * limit])
    said = words(text, limit) if _MARKDOWN.search(text) else clean(text, limit)
    said = _TAG.sub(" ", _CONTROL.sub(" ", said))
    return " ".join(without_roles(said).split())


def plain_body(text: str) -> str:
    """Markdown with its links, but without images, HTML, control tokens or roles."""
    text = _IMAGE.sub(lambda found: found[1], text)
    return without_roles(_CONTROL.sub(" ", _TAG.sub(" ", text)).replace("![", "["))


def without_roles(text: str) -> str:
    """The same text, nothing in it beginning like a turn of a conversation."""
    return _ROLE.sub(lambda found: f"{found[1]}{found[2]}{found[3].rstrip()} -", text)

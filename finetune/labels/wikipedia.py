"""Wikipedia articles, in any language, as plain text with headings.

From a dump (`LANGwiki-DATE-pages-articles*.xml`, read as a stream, compressed or not) and from
what the APIs answer: `action=query` with extracts or revisions, `action=parse`, and both REST
shapes. Lists, tables, templates, references and pictures are left out: prose is what is wanted.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote, urlsplit

from digest.errors import ConfigError

LICENCE = "CC BY-SA 4.0"
_FILE, _CATEGORY = "6", "14"  # the numbers of their namespaces, in every language
_HEADING = re.compile(r"(={2,6})\s*(.+?)\s*\1")
_MARKUP = re.compile(r"[\[\]{}<>&|]|''|__")
_LISTED = re.compile(r"[*#:;|]")
_HOST = re.compile(r"(?:^|//)([a-z-]{2,12})\.(?:m\.)?wikipedia\.org")


@dataclass(frozen=True)
class Article:
    """One article. What its source does not say is ""."""

    key: str  # page number, for ever the same
    title: str
    text: str
    lang: str = ""
    date: str = ""  # of this version
    url: str = ""
    licence: str = LICENCE


def dump(file: IO[bytes]) -> Iterator[Article]:
    """Articles of a dump, one in memory at a time. Raises ConfigError where the XML breaks."""
    from lxml import etree

    lang, base = "", ""
    pictures: frozenset[str] = frozenset()
    pages = etree.iterparse(
        file,
        events=("end",),
        tag=("{*}siteinfo", "{*}page"),
        resolve_entities=False,
        no_network=True,
        huge_tree=True,
    )
    try:
        for _, element in pages:
            if element.tag.endswith("siteinfo"):
                base = element.findtext("{*}base") or ""
                lang = _lang(base) or element.getparent().get(
                    "{http://www.w3.org/XML/1998/namespace}lang", ""
                )
                pictures = frozenset(
                    (space.text or "").casefold()
                    for space in element.iterfind("{*}namespaces/{*}namespace")
                    if space.get("key") in {_FILE, _CATEGORY}
                )
            elif element.findtext("{*}ns") == "0" and element.find("{*}redirect") is None:
                title = element.findtext("{*}title") or ""
                yield Article(
                    key=element.findtext("{*}id") or title,
                    title=title,
                    text=prose(element.findtext("{*}revision/{*}text") or "", pictures),
                    lang=lang,
                    date=element.findtext("{*}revision/{*}timestamp") or "",
                    url=_address(base, title),
                )
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise ConfigError(f"the dump breaks off or is no XML: {error}") from error


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is one of the API's answers."""
    return bool(_api(value))


def _api(value: Mapping[str, Any]) -> str:
    """Which of the APIs a JSON object comes from; "" if none."""
    if isinstance(_mapping(value.get("query")).get("pages"), dict | list):
        return "query"
    if "title" in _mapping(value.get("parse")):
        return "parse"
    if "extract" in value and "content_urls" in value:
        return "summary"
    return "page" if "source" in value and "content_model" in value else ""


def answer(value: Mapping[str, Any]) -> Iterator[Article]:
    """The articles in one of the API's answers."""
    api = _api(value)
    if api == "query":
        pages = value["query"]["pages"]
        for page in pages.values() if isinstance(pages, dict) else pages:
            if isinstance(page, dict) and "missing" not in page:
                yield _page(page)
    elif api == "parse":
        yield _page(value["parse"])
    elif api == "summary":
        urls = _mapping(_mapping(value["content_urls"]).get("desktop"))
        yield Article(
            key=str(value.get("pageid", value.get("title", ""))),
            title=str(value.get("title", "")),
            text=_extract(str(value["extract"])),
            lang=str(value.get("lang", "")),
            date=str(value.get("timestamp", "")),
            url=str(urls.get("page", "")),
        )
    elif api == "page":
        licence = _mapping(value.get("license"))
        yield Article(
            key=str(value.get("id", value.get("title", ""))),
            title=str(value.get("title", "")),
            text=prose(str(value["source"])),
            date=str(_mapping(value.get("latest")).get("timestamp", "")),
            licence=str(licence.get("title") or LICENCE),
        )


def _page(page: Mapping[str, Any]) -> Article:
    revisions = page.get("revisions")
    version = _mapping(revisions[0]) if isinstance(revisions, list) and revisions else {}
    main = _mapping(_mapping(version.get("slots")).get("main")) or version
    wikitext = _star(main.get("content", main.get("*", page.get("wikitext"))))
    if "extract" in page:
        text = _extract(str(page["extract"]))
    elif wikitext:
        text = prose(wikitext)
    else:
        text = _markdown(_star(page.get("text")))
    title = str(page.get("title", ""))
    url = str(page.get("canonicalurl") or page.get("fullurl") or "")
    return Article(
        key=str(page.get("pageid", title)),
        title=title,
        text=text,
        lang=str(page.get("pagelanguage") or _lang(url)),
        date=str(version.get("timestamp") or page.get("touched") or ""),
        url=url,
    )


def _star(value: object) -> str:
    """Text, or text under `*`, where the older of two formats has it."""
    return str(_mapping(value).get("*", "")) if isinstance(value, dict) else str(value or "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _lang(url: str) -> str:
    found = _HOST.search(url)
    return found[1] if found else ""


def _address(base: str, title: str) -> str:
    if not urlsplit(base).hostname:
        return ""
    return f"{base.rpartition('/')[0]}/{quote(title.replace(' ', '_'), safe='/:(),')}"


def _extract(text: str) -> str:
    """An extract: plain text with wiki headings, or HTML."""
    return _markdown(text) if text.lstrip().startswith("<") else _sections(text.split("\n"))


def _markdown(html: str) -> str:
    from digest import extract
    from digest.errors import Unreadable
    from digest.records import RawDocument

    raw = RawDocument(
        "wikipedia", "text/html", html.encode("utf-8", "replace"), "", charset="utf-8", whole=True
    )
    try:
        return extract.read(raw).markdown
    except Unreadable:
        return ""


def prose(wikitext: str, pictures: Iterable[str] = ("file", "image", "category")) -> str:
    """Wikitext as text with markdown headings. `pictures` are the names of the namespaces whose
    links show no words, in lower case.
    """
    import mwparserfromhell
    from mwparserfromhell.nodes import Comment, Tag, Template, Wikilink

    hidden = {*pictures, "file", "image", "category"}
    code = mwparserfromhell.parse(wikitext, skip_style_tags=False)

    def silent(node: Any) -> bool:
        if isinstance(node, Wikilink):
            space, colon, _ = str(node.title).strip().lstrip(":").partition(":")
            return bool(colon) and space.strip().casefold() in hidden
        if isinstance(node, Tag):
            return str(node.tag).strip().lower() in {"table", "gallery", "math", "ref", "timeline"}
        return isinstance(node, Comment | Template)

    for node in code.filter(recursive=True, matches=silent):
        try:
            code.remove(node)
        except ValueError:  # it went with what held it
            continue
    # Lists are known by their first character, which the stripper takes away.
    lines = [line for line in str(code).split("\n") if not _LISTED.match(line.lstrip())]
    return _sections(line if _HEADING.fullmatch(line.strip()) else _plain(line) for line in lines)


def _plain(line: str) -> str:
    import mwparserfromhell

    bare = line
    if _MARKUP.search(line):  # parsing costs the most, and most lines have nothing to parse
        bare = mwparserfromhell.parse(line).strip_code(normalize=True, collapse=True)
    return re.sub(r"\s*\(\s*[;,]*\s*\)", "", re.sub(r"[ \t]+", " ", bare)).strip()


def _sections(lines: Iterable[str]) -> str:
    """Paragraphs under their headings; a heading with nothing below it goes."""
    kept: list[str] = []
    for line in lines:
        text = line.strip()
        if found := _HEADING.fullmatch(text):
            level = len(found[1])
            while kept and _level(kept[-1]) >= level:
                kept.pop()
            kept.append(f"{'#' * level} {found[2].strip(chr(39))}")
        elif text:
            kept.append(text)
    while kept and _level(kept[-1]):
        kept.pop()
    return "\n\n".join(kept)


def _level(line: str) -> int:
    return len(line) - len(line.lstrip("#")) if re.match(r"#{2,6} ", line) else 0

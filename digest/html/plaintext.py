"""Plain text and markdown as the same blocks that HTML gives.

A plain-text letter marks its structure with what a typewriter has: blank lines, rows of dashes,
underlines, capitals, bullets, numbered links. It is turned into simple HTML, so that one way of
reading serves all; markdown goes the same way through markdown-it.
"""

import html
import re
from itertools import pairwise

_FIELD = re.compile(r"^(?:>\s?)+")
_UNDERLINE = re.compile(r"^\s*([=~^*#_-])\1{2,}\s*$")
_RULE = re.compile(r"^\s*(?:(?:[-=_*~#+•·—–─━═.]\s?){5,}|[-–—]{1,2})\s*$")
_BULLET = re.compile(r"^\s{0,8}(?:[*•●▪‣·+o–-]|\d{1,2}[.)])\s+(?=\S)")
_NUMBERED = re.compile(r"^[^\w\s>]{0,3} {0,3}(\d{1,3})[.)]\s+(?=\S)")
_HEADLINE = "\x02"  # marks a line as a headline; no text holds it
_URL = re.compile(r"<?\b((?:https?://|www\.)[^\s<>\"“”]+[^\s<>\"“”.,;:!?)\]}'])>?")
_NOTE = re.compile(r"^\s*\[(\d{1,3})\]:?\s*<?(https?://\S+?)>?\s*$", re.M)
_REFERENCE = re.compile(r"\[(\d{1,3})\]")
_SIGNATURE = 15  # lines below "-- "
_WIDTH = 40  # a line shorter than this ends its paragraph


def from_text(text: str) -> str:
    """Plain text as HTML: headings, lists, rules, paragraphs, links; "" of blank text."""
    if not text.strip():
        return ""
    text = text.replace(_HEADLINE, "").replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    notes = dict(_NOTE.findall(text))
    text = _NOTE.sub("", text) if len(notes) > 1 else text
    notes = notes if len(notes) > 1 else {}
    body, sign, signature = text.rpartition("\n-- \n")
    if sign and signature.count("\n") <= _SIGNATURE:  # RFC 3676, 4.3
        text = body
    text = _numbered(text.split("\n"))
    out: list[str] = []
    for chunk in re.split(r"\n\s*\n", text):
        out.append(_chunk(chunk.split("\n"), notes))
    return "<body>" + "\n".join(out) + "</body>"


def from_markdown(text: str) -> str:
    """Markdown as HTML; raw HTML inside it is read as such."""
    from markdown_it import MarkdownIt

    page: str = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    return page


def _numbered(lines: list[str]) -> str:
    """The text with numbered headlines marked: numbers that count up over paragraphs of text.

    Numbers in lines close to each other count the entries of a list, which stays as it is.
    """
    found = [(n, int(m[1])) for n, line in enumerate(lines) if (m := _NUMBERED.match(line))]
    runs: list[list[int]] = []
    previous = 0
    for line, number in found:
        if number == 1 or not runs or number != previous + 1:
            runs.append([])
        runs[-1].append(line)
        previous = number
    width = max((len(line) for line in lines if len(line) <= 80), default=80)
    for run in runs:
        between = [lines[a + 1 : b] for a, b in pairwise(run)]
        if len(run) < 2 or not all(_told(part) for part in between):
            continue
        for number in run:
            title = _NUMBERED.sub("", lines[number]).strip()
            below = lines[number + 1].strip() if number + 1 < len(lines) else ""
            if below and len(lines[number]) + len(below.split()[0]) >= width:  # it was wrapped
                title, lines[number + 1] = f"{title} {below}", ""
            lines[number] = f"\n{_HEADLINE}{title}\n"
    return "\n".join(lines)


def _told(lines: list[str]) -> bool:
    """Whether lines are more than what a list's entry runs on in: a paragraph of their own."""
    text = [line for line in lines if line.strip()]
    return len(text) >= 2 and len(lines) > len(text)


def _chunk(lines: list[str], notes: dict[str, str]) -> str:
    out: list[str] = []
    paragraph: list[str] = []

    def end(tag: str = "p") -> None:
        if paragraph:
            out.append(f"<{tag}>{_inline(' '.join(paragraph), notes)}</{tag}>")
            paragraph.clear()

    for number, line in enumerate(lines):
        bare = _FIELD.sub("", line).strip()
        if not bare:
            end()
        elif line.startswith(_HEADLINE):
            end()
            paragraph.append(bare.strip(_HEADLINE))
            end("h4")
        elif _UNDERLINE.match(bare) and len(paragraph) == 1 and len(paragraph[0]) < 100:
            end("h2")
        elif _RULE.match(bare):
            end()
            out.append("<hr>")
        elif match := _BULLET.match(line):
            end()
            paragraph.append(line[match.end() :].strip())
            following = lines[number + 1] if number + 1 < len(lines) else ""
            if not following.startswith("  ") or _BULLET.match(following):
                end("li")
        elif out and out[-1].startswith("<li>") and line.startswith("  ") and not paragraph:
            paragraph.append(bare)
            end("p")
        else:
            paragraph.append(bare)
            short = len(bare) < _WIDTH and number + 1 < len(lines)
            capitals = bare.isupper() and len(bare.split()) > 1 and len(bare) < 80
            if (
                len(paragraph) == 1
                and capitals
                and not _RULE.match("".join(lines[number + 1 :][:1]))
            ):
                following = "".join(lines[number + 1 : number + 2]).strip()
                if not _UNDERLINE.match(following):
                    end("h3")
            elif short:
                paragraph[-1] += "\n"
    end()
    return "\n".join(out)


def _inline(text: str, notes: dict[str, str]) -> str:
    out, position = [], 0
    for match in _URL.finditer(text):
        out.append(_noted(html.escape(text[position : match.start()]), notes))
        url = match[1]
        href = url if url.startswith("http") else f"http://{url}"
        out.append(f'<a href="{html.escape(href)}">{html.escape(url)}</a>')
        position = match.end()
    out.append(_noted(html.escape(text[position:]), notes))
    return "".join(out).replace("\n ", "<br>").replace("\n", "<br>")


def _noted(text: str, notes: dict[str, str]) -> str:
    if not notes:
        return text
    return _REFERENCE.sub(
        lambda m: f'<a href="{html.escape(notes[m[1]])}">[{m[1]}]</a>' if m[1] in notes else m[0],
        text,
    )

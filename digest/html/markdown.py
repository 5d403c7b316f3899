"""Blocks to clean CommonMark: links and emphasis kept, everything else plain, all text escaped."""

import re
from collections.abc import Iterable, Sequence

from digest.html.blocks import Block, Gap, Span
from digest.html.dom import BARE_DOMAIN

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*[]<>"})
_EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])|&(?=#?\w{1,32};)|~(?=~)")  # special by what is beside
_OPENER = re.compile(r"^(\s*)(#{1,6}(?=\s|$)|[-+](?=\s|$)|=+\s*$|-{2,}\s*$|~{3})", re.M)
_NUMBER = re.compile(r"^(\s*\d{1,9})([.)])(?=\s|$)", re.M)
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>()\\\"]")
_TITLE_EDGE = " \t\n:|–—-"


def escape(text: str) -> str:
    """Text that CommonMark shows as it is."""
    return _EDGE.sub(_escaped, text.translate(_SPECIAL))


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def target(href: str) -> str:
    """An href as a safe link destination; "" unless it is http, https or mailto."""
    href = re.sub(r"[\x00-\x1f\x7f]", "", href).strip()
    if href.startswith("//"):
        href = f"https:{href}"
    elif BARE_DOMAIN.match(href):
        href = f"http://{href}"
    if not re.match(r"(?:https?://[^\s/]|mailto:\S)", href, re.I):
        return ""
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", href)


def inline(spans: Sequence[Span], *, plain: bool = False) -> str:
    """One paragraph of spans as inline markdown, without emphasis if `plain`."""
    pieces: list[tuple[str, str, str]] = []  # text, destination, emphasis mark
    for span in spans:
        href = target(span.href)
        style = span.style
        mark = "" if plain or span.image else "**" * style.bold + "*" * style.italic
        if style.mono and not plain and not span.image and not href:
            mark = "`"
        text = span.text if not span.image else f" {span.text} " if span.text else ""
        if not text:
            continue
        if pieces and pieces[-1][1:] == (href, mark):
            pieces[-1] = (pieces[-1][0] + text, href, mark)
        else:
            pieces.append((text, href, mark))
    out = ""
    for number, (text, href, mark) in enumerate(pieces):
        core = " ".join(text.split())
        if not core:
            out += " "
            continue
        lead = " " if text[0].isspace() else ""
        trail = " " if text[-1].isspace() else ""
        before = (out + lead)[-1:]
        after = (trail + "".join(piece[0] for piece in pieces[number + 1 : number + 2]))[:1]
        if mark == "`":
            body = f"`{core}`" if "`" not in core else escape(core)
        else:
            body = _emphasise(escape(core), mark, before, after)
        if href:
            body = f"[{body}]({href})"
        out += lead + body + trail
    return re.sub(r" {2,}", " ", out).strip()


def _emphasise(text: str, mark: str, before: str, after: str) -> str:
    """Set emphasis only where CommonMark's flanking rules will see it."""
    if not mark or not (text[0].isalnum() and text[-1].isalnum()):
        inner = text.rstrip(" :.,;!?–—-")
        tail = text[len(inner) :]
        if not mark or not inner or not (inner[0].isalnum() and inner[-1].isalnum()):
            return text
        return f"{_emphasise(inner, mark, before, tail or after)}{tail}"
    if (before and (before.isalnum() or before in "*_")) or (
        after and (after.isalnum() or after in "*_")
    ):
        return text
    return f"{mark}{text}{mark}"


def line(text: str) -> str:
    """A finished line kept from opening a block by its first characters."""
    return _NUMBER.sub(r"\1\\\2", _OPENER.sub(r"\1\\\2", text))


def title(spans: Iterable[Span]) -> str:
    """A headline as plain text: no markup, no trailing colon or dash."""
    text = " ".join("".join(span.text for span in spans).split())
    return text.strip(_TITLE_EDGE).strip() or text


def table(block: Block) -> str:
    """A data table as a pipe table (a GFM extension; plain CommonMark shows it as text)."""
    width = max(len(row) for row in block.rows)
    lines = []
    for number, row in enumerate(block.rows):
        cells = [inline(cell, plain=True).replace("|", "\\|") for cell in row]
        cells += [""] * (width - len(cells))
        lines.append(f"| {' | '.join(cells)} |")
        if number == 0:
            lines.append("|" + " --- |" * width)
    return "\n".join(lines)


def render(blocks: Sequence[Block]) -> str:
    """Blocks as markdown: paragraphs, lists, quotes, tables."""
    out: list[str] = []
    previous: Block | None = None
    for block in blocks:
        if block.rows:
            out += ["\n\n" if out else "", table(block)]
            previous = block
            continue
        heading = block.level and not block.marker and not block.indent
        text = inline(block.spans, plain=bool(heading))
        if not text:
            continue
        text = f"#### {text}" if heading else line(text)
        listed = previous is not None and previous.entry == block.entry and block.entry != 0
        pad = "  " * max(block.indent - 1, 0) if block.marker or listed else ""
        quote = "> " * min(block.quote, 8)
        if block.marker:
            number = block.marker if block.marker[0].isdigit() else "-"
            text = f"{pad[:16]}{number} {text}"
        elif listed:
            text = f"{pad[:16]}  {text}"
        if not out:
            joint = ""
        elif previous is not None and block.gap is Gap.SOFT and not block.marker and not heading:
            joint = "\n" if not previous.level else "\n\n"
        elif block.marker and previous is not None and (previous.marker or previous.entry):
            joint = "\n"
        else:
            joint = (
                "\n\n"
                if not quote or previous is None or previous.quote != block.quote
                else (f"\n{quote.rstrip()}\n")
            )
        out += [joint, quote + text]
        previous = block
    return "".join(out).strip()

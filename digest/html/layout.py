"""From the tree to blocks: one pass over a page that opens and closes boxes and fills them.

A `<br>` starts a block too, softly, because headlines often end in one.
"""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from digest.html import dom
from digest.html.blocks import Block, Box, Gap, Span
from digest.html.css import Declarations, Sheet, Style, declared, hides, inherit, px


@dataclass(slots=True)
class Page:
    """All blocks of a page in reading order, and what was left out."""

    blocks: list[Block]
    title: str = ""
    hidden: int = 0


_BLOCK_TAGS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
        "dir",
        "menu",
    ]
)
_LISTS = frozenset(("ul", "ol", "dir", "menu"))
_SKIPPED = frozenset(
    [
        "script",
        "style",
        "head",
        "template",
        "iframe",
        "object",
        "embed",
        "svg",
        "math",
        "select",
        "textarea",
        "input",
        "audio",
        "video",
        "map",
        "noframes",
        "canvas",
        "title",
    ]
)
_BULLETS = re.compile(r"[•●○◦▪■□▸►‣⁃∙·*–—-]|>{1,2}|»|(?:\d{1,2}|[a-z])[.)]")
_DASHES = re.compile(r"(?:[-=_*~#•·—–─━═+]\s*){4,}|(?:[*•·∙⁂]\s*){2,}")
_SPACE = re.compile(r"[ \t\r\n\f\xa0\u2000-\u200a\u202f\u205f\u3000]+")
_MAX_CELL = 100
MAX_BLOCKS = 10_000


def read(html: str) -> Page:
    """Parse and lay out a page. Never raises for content."""
    root = dom.parse(html)
    if root is None:
        return Page([])
    css = "\n".join(node.text(deep=True) or "" for node in root.css("style")[:50])
    title = root.css_first("title")
    layout = _Layout(Sheet(css[:400_000]))
    layout.run(root)
    heading = " ".join((title.text(deep=True) or "").split()) if title is not None else ""
    return Page(layout.blocks, heading, layout.hidden)


class _Layout:
    """One pass over the tree: opens and closes boxes, fills blocks with styled text."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.blocks: list[Block] = []
        self.hidden = 0
        self.spans: list[Span] = []
        self.gap = Gap.BLOCK
        self.marker = ""
        self.styles = [Style()]
        self.hrefs = [""]
        self.boxes = [Box(None, "", 0, 0)]
        self.lists: list[list[int | str]] = []  # [tag, entries so far]
        self.entries: list[int] = [0]
        self.levels: list[int] = [0]
        self.count = 0
        self.quote = 0
        self.closers: list[tuple[int, bool]] = []  # open elements: identity, block or not

    def run(self, root: LexborNode) -> None:
        steps = dom.walk(root)
        step = next(steps, None)
        while step is not None:
            node, entering = step
            tag = node.tag or ""
            skip = False
            if tag == "-text":
                if entering:
                    self.text(node.text_content or "")
            elif not tag[:1].isalpha():
                skip = True
            elif entering:
                skip = self.enter(node, tag)
            elif self.closers and self.closers[-1][0] == node.mem_id:
                self.leave(tag)
            if len(self.blocks) >= MAX_BLOCKS:
                break
            try:
                step = steps.send(skip) if entering else next(steps)
            except StopIteration:
                break
        self.flush(Gap.BLOCK)

    # elements

    def enter(self, node: LexborNode, tag: str) -> bool:
        """Open an element; true if what is inside it is to be left out."""
        if tag in _SKIPPED:
            return True
        attributes = node.attributes
        found = declared(tag, attributes, self.sheet)
        if hides(found):
            self.hidden += bool((node.text(deep=True) or "").strip())
            return True
        if tag in ("br", "hr"):
            self.flush(Gap.SOFT if tag == "br" else Gap.RULE)
            return True
        if tag == "img":
            self.image(attributes, found)
            return True
        display = found.get("display", "")
        block = tag in _BLOCK_TAGS and not display.startswith("inline")
        block = block or display in ("block", "table", "flex", "grid", "list-item")
        if tag in ("td", "th", "tr", "li"):
            block = True
        self.closers.append((node.mem_id, block))
        self.styles.append(inherit(self.styles[-1], found))
        href = (attributes.get("href") or "").strip() if tag == "a" else ""
        self.hrefs.append(href if tag == "a" and "href" in attributes else self.hrefs[-1])
        level = int(tag[1]) if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456" else 0
        self.levels.append(level or self.levels[-1])
        return block and self.open_box(node, tag, found)

    def open_box(self, node: LexborNode, tag: str, found: Declarations) -> bool:
        """Open a block-level element; true if it was read as a whole, as a data table is."""
        self.flush(_opening(tag, found))
        self.count += 1
        named = "caption" in (node.attributes.get("class") or "").lower()
        name = "figcaption" if named and tag in ("div", "p") else tag
        self.boxes.append(Box(self.boxes[-1], name, self.count, len(self.boxes)))
        if tag in _LISTS:
            self.lists.append([tag, 0])
        elif tag == "li":
            self.entries.append(self.count)
            self.marker = "-"
            if self.lists:
                self.lists[-1][1] = int(self.lists[-1][1]) + 1
                if self.lists[-1][0] == "ol":
                    self.marker = f"{self.lists[-1][1]}."
        elif tag == "blockquote":
            self.quote += 1
        elif tag == "table" and (rows := self.data_table(node)):
            self.blocks.append(Block([], self.boxes[-1], Gap.CELL, rows=rows))
            self.gap = Gap.BLOCK
            return True
        return False

    def leave(self, tag: str) -> None:
        """Close the element opened last."""
        block = self.closers.pop()[1]
        if block:
            self.flush(Gap.CELL if tag in ("td", "th", "tr", "table") else Gap.BLOCK)
            self.boxes.pop()
            if tag in _LISTS and self.lists:
                self.lists.pop()
            elif tag == "li":
                self.entries.pop()
                self.marker = ""
            elif tag == "blockquote":
                self.quote -= 1
        self.styles.pop()
        self.hrefs.pop()
        self.levels.pop()

    # content

    def text(self, raw: str) -> None:
        """Add text in the current style, white space as CSS says."""
        text, invisible = dom.strip_invisible(raw)
        self.hidden += invisible
        style = self.styles[-1]
        if not style.legible:
            self.hidden += bool(text.strip())
            return
        if style.space in ("pre", "pre-wrap", "pre-line", "break-spaces"):
            lines = text.replace("\r\n", "\n").split("\n")
            for number, line in enumerate(lines):
                if number:
                    self.flush(Gap.SOFT)
                self.add(line.replace("\xa0", " ") if style.space != "pre-line" else line)
            return
        self.add(_SPACE.sub(" ", text))

    def add(self, text: str) -> None:
        if not text:
            return
        first = not self.spans or self.spans[-1].text.endswith(" ")
        if first and self.styles[-1].space not in ("pre", "pre-wrap", "break-spaces"):
            text = text.lstrip(" ")
        if text:
            self.spans.append(Span(text, self.styles[-1], self.hrefs[-1]))

    def image(self, attributes: dict[str, str | None], found: Declarations) -> None:
        """Add an image by its alt text; one of a few pixels is a beacon or a spacer."""
        sizes = [px(found.get(n) or attributes.get(n) or "") for n in ("width", "height")]
        if any(size is not None and size <= 3 for size in sizes):
            return
        alt, invisible = dom.strip_invisible(" ".join((attributes.get("alt") or "").split()))
        self.hidden += invisible
        href = self.hrefs[-1]
        drawn = [span for span in self.spans if span.image]
        if alt and href and drawn and drawn[-1].text and drawn[-1].href not in ("", href):
            self.flush(Gap.SOFT)  # pictures that lead to different places are lines of their own
        self.spans.append(Span(alt, self.styles[-1], href, image=True))

    def flush(self, gap: Gap) -> None:
        """End the current block; `gap` is what follows it."""
        spans, self.spans = self.spans, []
        while spans and not spans[-1].image and not spans[-1].text.strip():
            spans.pop()
        if not spans:
            # An empty line after a line: a paragraph's end. Of several gaps the strongest stays.
            if gap is Gap.SOFT and self.blocks and self.gap is Gap.SOFT:
                gap = Gap.BLOCK
            self.gap = max(self.gap, gap)
            return
        text = "".join(span.text for span in spans).strip()
        if _DASHES.fullmatch(text):
            self.gap = max(self.gap, gap, Gap.RULE)
            return
        if _BULLETS.fullmatch(text) and not any(span.href or span.image for span in spans):
            self.marker = text if text[0].isdigit() else "-"
            return
        self.blocks.append(
            Block(
                spans,
                self.boxes[-1],
                self.gap,
                self.levels[-1],
                self.marker,
                max(len(self.lists), bool(self.marker)),
                self.quote,
                self.styles[-1].space.startswith("pre") and self.styles[-1].mono,
                entry=self.entries[-1],
            )
        )
        self.marker = ""
        self.gap = gap

    def data_table(self, table: LexborNode) -> list[list[list[Span]]]:
        """Rows of cells if the table holds data rather than layout, else nothing.

        Data: at least two rows of the same number of short cells, two or more, most of them with
        text and without markup that takes room; and headed, bordered or largely numeric.
        """
        rows: list[list[list[Span]]] = []
        headed = (table.attributes.get("border") or "0") not in ("0", "")
        for node in table.traverse(include_text=True):
            tag = node.tag or ""
            if node.mem_id == table.mem_id:
                continue
            if tag in ("table", "img", "h1", "h2", "h3", "ul", "ol", "blockquote", "div", "hr"):
                return []
            if tag == "tr":
                if rows and len(rows[-1]) < 2:
                    return []
                rows.append([])
            elif tag in ("td", "th"):
                headed = headed or tag == "th"
                if not rows:
                    return []
                rows[-1].append([])
            elif tag == "-text" and rows and rows[-1]:
                text = _SPACE.sub(" ", dom.strip_invisible(node.text_content or "")[0])
                if text.strip():
                    cell = rows[-1][-1]
                    cell.append(Span(text, self.styles[-1]))
                    if sum(len(span.text) for span in cell) > _MAX_CELL:
                        return []
        widths = {len(row) for row in rows}
        cells = ["".join(s.text for s in cell).strip() for row in rows for cell in row]
        filled = [cell for cell in cells if cell]
        if len(rows) < 2 or len(widths) != 1 or len(filled) < 0.6 * len(cells):
            return []
        numeric = sum(any(c.isdigit() for c in cell) for cell in filled)
        return rows if headed or numeric >= len(filled) / 3 else []


def _opening(tag: str, found: Declarations) -> Gap:
    """How an element that opens sets itself off from what stands before."""
    lined = any((px(found.get(name, "")) or 0) > 0 for name in ("border-top", "border-top-width"))
    if lined and "none" not in found.get("border-top", "") + found.get("border-top-style", ""):
        return Gap.RULE
    return Gap.CELL if tag in ("td", "th", "tr", "table") else Gap.BLOCK

"""A page in the making: texts to set, ways to set heads, and the HTML with what each line is."""

import random
from dataclasses import dataclass, field
from html import escape


@dataclass
class Pool:
    """Texts to set: headlines, paragraphs of stories and of letters, lines, what stands around."""

    titles: list[str] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    above: list[list[str]] = field(default_factory=list)
    below: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Type:
    """How a head is set."""

    tag: str = "p"
    style: str = ""
    linked: bool = False


class Sheet:
    """A page in the making: its HTML, and every line with what it is."""

    def __init__(self, pool: Pool, chance: random.Random) -> None:
        self.pool = pool
        self.chance = chance
        self.html: list[str] = []
        self.lines: list[tuple[str, str]] = []
        self.size = chance.choice([14, 15, 16, 16, 18])
        self.table = chance.random() < 0.5
        self.links = 0

    def odds(self, share: float) -> bool:
        """True in this share of all cases."""
        return self.chance.random() < share

    def url(self) -> str:
        """A new address."""
        self.links += 1
        return f"https://site{self.size}.example/{self.links}"

    def put(self, html: str, text: str, what: str) -> None:
        """Add a line."""
        self.html.append(html)
        self.lines.append((text, what))

    def text(self, text: str, what: str, linked: float = 0.3, style: str = "") -> None:
        """Add a paragraph, some with a link in it."""
        text = " ".join(text.split())
        words = text.split()
        inner = escape(text)
        if len(words) > 8 and self.odds(linked):
            first = self.chance.randrange(len(words) - 4)
            last = first + self.chance.randint(1, 4)
            middle = f'<a href="{self.url()}">{escape(" ".join(words[first:last]))}</a>'
            outer = [escape(" ".join(part)) for part in (words[:first], words[last:])]
            inner = " ".join(part for part in (outer[0], middle, outer[1]) if part)
        self.put(f'<p style="{style}">{inner}</p>', text, what)

    def link(self, text: str, what: str, style: str = "", url: str = "") -> None:
        """Add a line that is a link."""
        inner = f'<a href="{url or self.url()}" style="{style}">{escape(text)}</a>'
        self.put(f"<p>{inner}</p>", text, what)

    def head(self, text: str, what: str, type_: Type, url: str) -> None:
        """Add a head."""
        inner = f'<a href="{url}">{escape(text)}</a>' if type_.linked else escape(text)
        self.put(f'<{type_.tag} style="{type_.style}">{inner}</{type_.tag}>', text, what)

    def divide(self, how: str) -> None:
        """Add what stands between two pieces."""
        if how == "cell":
            self.html.append("</td></tr><tr><td>" if self.table else "</div><div>")
        picture = '<img src="x" width="500" alt="">'
        self.html.append(
            {
                "rule": "<hr>",
                "stars": "<p>* * *</p>",
                "picture": f"<p>{picture}</p>",
                "linked picture": f'<p><a href="{self.url()}">{picture}</a></p>',
                "border": '<div style="border-top:1px solid #ccc">&nbsp;</div>',
            }.get(how, "")
        )

    def type(self) -> Type:
        """A way to set heads."""
        kind = self.chance.choice(["h1", "h2", "h2", "h3", "h3", "h4", "bold", "big", "both", "a"])
        style = self.chance.choice(["", "", "color:#c00;", "color:#336;", "color:#888;"])
        if kind in ("bold", "both"):
            style += "font-weight:bold;"
        if kind in ("big", "both"):
            style += f"font-size:{round(self.size * self.chance.choice([1.2, 1.4, 1.8]))}px"
        return Type(kind if kind[0] == "h" else "p", style, kind == "a" or self.odds(0.4))

    def page(self) -> str:
        """The whole page."""
        opens, closes = ("<table><tr><td>", "</td></tr></table>")
        if not self.table:
            opens, closes = "<div>", "</div>"
        inner = "".join(self.html)
        return f'<body style="font-size:{self.size}px">{opens}{inner}{closes}</body>'

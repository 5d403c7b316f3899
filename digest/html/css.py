"""Computed style, as far as a reader's eye needs it: size, weight, colour, visibility.

E-mail is styled inline and by plain class rules, so that is what is understood: inline `style`,
old presentational attributes, and rules outside @media whose selector is one tag, class, id or
tag.class. Anything cleverer is ignored, which errs towards showing text.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

Colour = tuple[int, int, int]
Declarations = dict[str, str]

WHITE: Colour = (255, 255, 255)
BODY_SIZE = 16.0  # px

_NAMED: dict[str, Colour] = {
    "white": WHITE,
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "maroon": (128, 0, 0),
    "yellow": (255, 255, 0),
    "orange": (255, 165, 0),
    "purple": (128, 0, 128),
    "teal": (0, 128, 128),
}
_KEYWORD_SIZES = {
    "xx-small": 9.0,
    "x-small": 10.0,
    "small": 13.0,
    "medium": 16.0,
    "large": 18.0,
    "x-large": 24.0,
    "xx-large": 32.0,
}
_FONT_SIZES = (10.0, 13.0, 16.0, 18.0, 24.0, 32.0, 48.0)  # <font size=1..7>
_UNITS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "": 1.0}

_TAG_DEFAULTS: dict[str, Declarations] = {
    "h1": {"font-size": "2em", "font-weight": "bold"},
    "h2": {"font-size": "1.5em", "font-weight": "bold"},
    "h3": {"font-size": "1.17em", "font-weight": "bold"},
    "h4": {"font-weight": "bold"},
    "h5": {"font-size": "0.83em", "font-weight": "bold"},
    "h6": {"font-size": "0.67em", "font-weight": "bold"},
    "b": {"font-weight": "bold"},
    "strong": {"font-weight": "bold"},
    "th": {"font-weight": "bold"},
    "dt": {"font-weight": "bold"},
    "i": {"font-style": "italic"},
    "em": {"font-style": "italic"},
    "cite": {"font-style": "italic"},
    "small": {"font-size": "0.83em"},
    "big": {"font-size": "1.17em"},
    "sub": {"font-size": "0.83em"},
    "sup": {"font-size": "0.83em"},
    "pre": {"white-space": "pre"},
    "code": {"font-family": "monospace"},
    "tt": {"font-family": "monospace"},
    "table": {"white-space": "normal"},
}

_KNOWN = frozenset(
    [
        "display",
        "visibility",
        "opacity",
        "font-size",
        "font-weight",
        "font-style",
        "font",
        "color",
        "background",
        "background-color",
        "background-image",
        "white-space",
        "max-height",
        "height",
        "width",
        "max-width",
        "overflow",
        "text-indent",
        "position",
        "left",
        "top",
        "line-height",
        "text-transform",
        "border",
        "border-top",
        "border-bottom",
        "border-top-width",
        "border-bottom-width",
        "border-width",
        "border-top-style",
        "clip",
        "clip-path",
        "transform",
        "scale",
        "font-family",
    ]
)
_DECLARATION = re.compile(r"([a-zA-Z-]+)\s*:\s*([^;]*)")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.S)
_RULE = re.compile(r"([^{}@;]*)\{([^{}]*)\}")
_SELECTOR = re.compile(r"([a-z][a-z0-9]*)?(?:([.#])([\w-]+))?")
_LENGTH = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|pc|in|cm|mm|r?em|%|)", re.I)
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b", re.I)
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)(?:[\s,/]+([\d.]+)(%?))?", re.I)
# All of an element cut away, or drawn without width or height.
_CLIPPED = re.compile(r"inset\(\s*(?:100|[5-9]\d)(?:\.\d+)?%|(?:circle|ellipse)\(\s*0")
_SHRUNK = re.compile(r"scale[xy]?\(\s*(?:[^,()]*,\s*)?0*\.?0*(?:px)?\s*[,)]")
# Rules for every screen, whatever its width: they hold where a person reads.
_SCREEN = re.compile(r"@media\s+(?:only\s+)?(?:screen|all)(?:\s*,\s*\w+)*\s*$", re.I)
_MAX_RULES = 2000
_UNPAINTED = object()


@dataclass(frozen=True, slots=True)
class Style:
    """What is inherited down to a piece of text. Sizes in px."""

    size: float = BODY_SIZE
    bold: bool = False
    italic: bool = False
    mono: bool = False
    colour: Colour | None = None
    background: Colour | None = WHITE  # None: an image or gradient, beyond telling
    space: str = "normal"  # CSS white-space
    upper: bool = False
    visible: bool = True

    @property
    def legible(self) -> bool:
        """Whether text in this style can be seen at all."""
        if self.size <= 1.5 or not self.visible:
            return False
        if self.colour is None or self.background is None:
            return True
        return max(abs(a - b) for a, b in zip(self.colour, self.background, strict=True)) > 6


def declarations(css: str) -> Declarations:
    """The understood declarations of a style attribute; the last one of a name wins."""
    found = {}
    for name, value in _DECLARATION.findall(css):
        key = name.lower()
        if key in _KNOWN:
            found[key] = value.replace("!important", "").strip().lower()
    return found


class Sheet:
    """The plain rules of a document's <style> elements."""

    def __init__(self, css: str) -> None:
        self._rules: dict[str, list[tuple[str, Declarations]]] = defaultdict(list)
        for count, (selectors, body) in enumerate(_RULE.findall(_flat(css))):
            if count >= _MAX_RULES:
                break
            declared = declarations(body)
            if not declared:
                continue
            for selector in selectors.split(","):
                match = _SELECTOR.fullmatch(selector.strip().lower())
                if match and selector.strip():
                    tag, kind, name = match.groups()
                    self._rules[f"{kind}{name}" if kind else tag].append((tag or "", declared))

    def match(self, tag: str, attributes: Mapping[str, str | None]) -> Declarations:
        """What the rules say of an element, in order of specificity."""
        found: Declarations = {}
        if not self._rules:
            return found
        keys = [tag]
        keys += [f".{name}" for name in (attributes.get("class") or "").lower().split()[:8]]
        keys += [f"#{(attributes.get('id') or '').lower()}"]
        for key in keys:
            for wanted, declared in self._rules.get(key, ()):
                if not wanted or wanted == tag:
                    found.update(declared)
        return found


def _flat(css: str) -> str:
    """The sheet without comments and @-blocks, but for rules that hold on every screen."""
    out, depth, skip = [], 0, -1
    opened: list[int] = []  # depths at which a block for every screen stands open
    for piece in re.split(r"([{}])", _COMMENT.sub("", css)):
        if piece == "{":
            depth += 1
            if opened and opened[-1] == depth:
                continue
        elif piece == "}":
            depth = max(depth - 1, 0)
            if depth <= skip:
                skip = -1
                continue
            if opened and depth < opened[-1]:
                opened.pop()
                continue
        elif skip < 0 and _SCREEN.search(piece.rpartition(";")[2].strip()):
            opened.append(depth + 1)
            continue
        elif skip < 0 and piece.rstrip().rpartition(";")[2].lstrip().startswith("@"):
            skip = depth
            continue
        if skip < 0:
            out.append(piece)
    return "".join(out)


def declared(tag: str, attributes: Mapping[str, str | None], sheet: Sheet) -> Declarations:
    """Everything that applies to one element: defaults, attributes, rules, inline style."""
    found = dict(_TAG_DEFAULTS.get(tag, {}))
    if not attributes:
        found.update(sheet.match(tag, attributes))
        return found
    if colour := attributes.get("bgcolor"):
        found["background-color"] = colour.strip().lower()
    if attributes.get("background"):
        found["background-image"] = "url"
    if tag == "font":
        if colour := attributes.get("color"):
            found["color"] = colour.strip().lower()
        if size := attributes.get("size"):
            found["font-size"] = _font_size(size)
    if "hidden" in attributes:
        found["display"] = "none"
    found.update(sheet.match(tag, attributes))
    if inline := attributes.get("style"):
        found.update(declarations(inline))
    return found


def _font_size(value: str) -> str:
    match = re.fullmatch(r"\s*([+-]?)(\d)\d*\s*", value)
    if not match:
        return "1em"
    sign, digit = match.groups()
    step = int(digit) if not sign else 3 + int(sign + digit)
    return f"{_FONT_SIZES[min(max(step, 1), 7) - 1]}px"


def hides(found: Declarations) -> bool:
    """Whether an element with these declarations is out of sight with all that it holds.

    `mso-hide` alone says nothing: Outlook hides the element, every other reader shows it.
    """
    if not found:
        return False
    if found.get("display") == "none" or found.get("visibility") in ("hidden", "collapse"):
        return True
    opacity = found.get("opacity", "")
    if re.fullmatch(r"0*\.?0*[0-4]?%?", opacity) and opacity not in ("", "."):
        value = float(opacity.rstrip("%") or 1)
        if value < 0.05:
            return True
    return _cut_away(found)


def _cut_away(found: Declarations) -> bool:
    """Whether nothing is left of an element: clipped, shrunk, or moved out of the page."""
    if _CLIPPED.match(found.get("clip-path", "")) or _SHRUNK.search(found.get("transform", "")):
        return True
    if re.match(r"(?:0+\.?0*|\.0+)%?(?:\s|$)", found.get("scale", "")):
        return True
    clipped = found.get("overflow") == "hidden"
    for name in ("max-height", "height", "max-width", "width"):
        size = px(found.get(name, ""))
        if size is not None and size <= 1 and (clipped or name == "max-height"):
            return True
    for name in ("text-indent", "left", "top"):
        size = px(found.get(name, ""))
        if size is not None and size <= -500:
            return True
    return False


def px(value: str, em: float = BODY_SIZE) -> float | None:
    """A CSS length in px, None if it is none."""
    match = _LENGTH.match(value)
    if not match:
        return None
    unit = match[2].lower()
    number = float(match[1])
    if unit in ("em", "rem"):
        return number * (em if unit == "em" else BODY_SIZE)
    if unit == "%":
        return None
    return number * _UNITS[unit]


def colour(value: str) -> Colour | None:
    """A CSS colour without its transparency, None if it is not understood."""
    if value in _NAMED:
        return _NAMED[value]
    if match := _HEX.search(value):
        digits = match[1] if len(match[1]) == 6 else "".join(c * 2 for c in match[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if match := _RGB.search(value):
        return min(int(match[1]), 255), min(int(match[2]), 255), min(int(match[3]), 255)
    return None


def inherit(parent: Style, found: Declarations) -> Style:
    """The style of an element with these declarations inside `parent`."""
    if not found:
        return parent
    changes: dict[str, object] = {}
    size = found.get("font-size")
    if size is None and "font" in found:
        size = next((part for part in found["font"].split() if part[0].isdigit()), None)
    if size is not None:
        changes["size"] = _size(size.split("/")[0], parent.size)
    weight = found.get("font-weight") or ("bold" if "bold" in found.get("font", "") else "")
    if weight:
        changes["bold"] = weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= 600)
    if "font-style" in found:
        changes["italic"] = found["font-style"] in ("italic", "oblique")
    if "font-family" in found:
        changes["mono"] = "monospace" in found["font-family"]
    if "color" in found:
        changes["colour"] = _text_colour(found["color"], parent.colour)
    painted = _painted(found)
    if painted is not _UNPAINTED:
        changes["background"] = painted
    if "white-space" in found:
        changes["space"] = found["white-space"]
    if "text-transform" in found:
        changes["upper"] = found["text-transform"] == "uppercase"
    return replace(parent, **changes) if changes else parent  # type: ignore[arg-type]


def _painted(found: Declarations) -> object:
    """The background that is declared: a colour, None for what cannot be told, or _UNPAINTED."""
    painted: object = _UNPAINTED
    if found.get("background-image", "none") != "none":
        painted = None
    for name in ("background", "background-color"):
        value = found.get(name, "")
        if "url(" in value or "gradient" in value:
            painted = None
        elif (colour_ := _opaque(value)) is not None:
            painted = colour_
    return painted


def _opaque(value: str) -> Colour | None:
    match = _RGB.search(value)
    if match and match[4] and float(match[4]) * (0.01 if match[5] else 1) < 0.5:
        return None
    return colour(value) if value else None


def _text_colour(value: str, inherited: Colour | None) -> Colour | None:
    if value in ("inherit", "currentcolor"):
        return inherited
    return colour(value)


def _size(value: str, parent: float) -> float:
    if value in _KEYWORD_SIZES:
        return _KEYWORD_SIZES[value]
    if value in ("smaller", "larger"):
        return parent * (0.83 if value == "smaller" else 1.2)
    match = _LENGTH.match(value)
    if not match:
        return parent
    if match[2] == "%":
        return parent * float(match[1]) / 100
    size = px(value, parent)
    return parent if size is None or size > 200 else size

"""Where the sentences of one block end.

Rules of their own over a list of candidate marks; no model, no look beyond the block. Linear in the
length of the block but for bounded looks around each mark.
"""

import re
from bisect import bisect_right

from digest.quote.abbreviations import (
    AFTER_ORDINAL,
    BEFORE_ORDINAL,
    CASUAL,
    NEVER,
    NUMBERED,
    SHOUTS,
    SOMETIMES,
    SPEAKS,
    SPEAKS_CJK,
    STARTERS,
    listed,
)

# Numbers of the rules. TOGETHER: a quotation or parenthesis this long (characters) is not parted;
# the longest highlight may have 240. WRAPPED: a line shorter than this share of its paragraph's
# width did not wrap there. NARROW: lines all shorter than this are lines of an address or a list.
# TITLED: a line of which so many words have capitals may be a heading.
TOGETHER, WRAPPED, NARROW, TITLED = 240, 0.7, 45, 0.6
_BEFORE, _AFTER = 40, 60  # characters looked at around a mark

_MARK = re.compile(
    r"(?P<stop>[.!?…‽؟۔]+)(?P<close>[\"'”’»«›)\]*_~“]*)(?=\s|$)"
    r"|(?P<wide>[。！？｡．]+|[।॥።։]+)(?P<wclose>[\"”’」』）)】》*_]*)"
    r"|(?P<greek>(?<=[α-ωά-ώ]);)(?=\s|$)"
    r"|(?P<hard>(?: {2,}|\\|<br\s?/?>)\n)"
    r"|(?P<soft>\n)"
)
_PROTECTED = re.compile(
    r"`[^`]{1,300}`"
    r"|!?\[(?:[^\[\]]|!?\[[^\[\]]{0,300}\](?:\([^()\s]{0,2000}\))?){0,600}\]"
    r"(?:\(\s?(?:[^()\s]|\([^()\s]{0,300}\)){0,4000}(?:\s[\"'(][^()\"]{0,300}[\"')])?\s?\)|"
    r"\[[^\[\]]{0,200}\])|<[^<>\s]{1,2000}>|\bhttps?://[^\s<>\"”)\]]{0,3000}[^\s<>\"”)\].,;:!?]"
)
_PAIRED = re.compile(r"[\"“”„«»「」『』()（）]")
_TOKEN = re.compile(r"[^\s(\[{\"“„«‘—–/]+\Z")
_NEXT = re.compile(
    r"[\s>]*[\"“„«»‘'(\[*_~¿¡「『（-]*\s*(?P<word>[^\W_]*[’']?[^\W_]*)(?P<after>.?)", re.S
)
_BRAND = re.compile(r"[a-z]{1,2}[A-Z]")
_DASHED = re.compile(r"\s+(?:[-–—]|--|- -)\s")
_GOES_ON = re.compile(r"[ \t>]*[,.;:)%\]/&]")
_UNFINISHED = re.compile(
    r"(?:[,(\[&/、，–-]|\b(?:a|an|the|of|and|or|at|to|by|with|from|in|on|for|over|about|into|than|as|"
    r"that|is|are|was|were|be|my|our|your|their|his|her|its|und|der|die|das|in|mit|von|zu|le|la|"
    r"les|"
    r"de|du|des|et|el|los|las|y|que|o|os|e|do|da|il|di))\s*\Z",
    re.I,
)
_ENDED = re.compile(r"[.!?…:。！？：؟।][\"'”’»)\]*_]*\s*\Z")
_LETTERS = re.compile(r"[^\W\d_][\w’'-]*")
_INITIAL = re.compile(r"(?:[^\W\d_]\.)*-?[^\W\d_]\Z")


def ends(block: str) -> list[int]:
    """The places in `block` where sentences end, in order; the last may be missing."""
    protected = [match.span() for match in _PROTECTED.finditer(block)]
    kept = _merged([*protected, *_pairs(block, protected)])
    starts = [start for start, _ in kept]
    width = max((len(line) for line in block.split("\n")), default=0)
    out: list[int] = []
    for mark in _MARK.finditer(block):
        place = mark.end() - (mark.lastgroup == "soft")
        at = bisect_right(starts, mark.start()) - 1
        if at >= 0 and kept[at][0] < mark.start() and mark.end() < kept[at][1]:
            continue
        if _is_end(block, mark, out[-1] if out else 0, width):
            out.append(place)
    return out


def _is_end(block: str, mark: re.Match[str], begin: int, width: int) -> bool:
    """Whether a mark ends the sentence that begins at `begin`."""
    following = block[mark.end() : mark.end() + _AFTER]
    if mark["hard"] or mark["soft"]:
        ends_here = _breaks(block, mark, width)
    elif mark["wide"]:
        ends_here = not (mark["wclose"] and SPEAKS_CJK.match(following))
    elif mark["greek"] or not following.strip():
        ends_here = True
    else:
        reported = mark["close"] and mark["stop"] != "." and SPEAKS.match(following)
        ends_here = not (reported or _DASHED.match(following)) and _stops(block, mark, begin)
    return ends_here


def _stops(block: str, mark: re.Match[str], begin: int) -> bool:
    """Whether stops, marks of question or exclamation end a sentence before what follows."""
    next_one = _NEXT.match(block[mark.end() : mark.end() + _AFTER])
    word, after = (next_one["word"], next_one["after"]) if next_one else ("", "")
    if mark["stop"] == ".":
        token = _TOKEN.search(block[max(begin, mark.start() - _BEFORE) : mark.start()])
        return _period(token.group() if token else "", block, mark, word, after)
    if SHOUTS.search(block[max(0, mark.start() - 12) : mark.start() + 1]):
        return word.casefold() in STARTERS and not word[:1].islower()
    return not word[:1].islower() or bool(_BRAND.match(word))


def _period(token: str, block: str, mark: re.Match[str], word: str, after: str) -> bool:
    """Whether a single full stop behind `token` and before `word` ends a sentence."""
    bare = token.strip("*_'’")
    if "-" in bare and bare.rsplit("-", 1)[1].count(".") > 0 and bare.casefold() not in NEVER:
        bare = bare.rsplit("-", 1)[1]  # EU-U.S.
    stem = re.split("['’]", word)[0]
    starter = stem.istitle() and stem.casefold() in STARTERS and after not in {".", "-", "’"}
    if word[:1].islower() and not _BRAND.match(word):
        if not (bare.isalpha() and len(bare) > 3 and word in CASUAL):
            return False
        return not listed(bare, SOMETIMES) and not listed(bare, NEVER)
    if listed(bare, NEVER) or (word[:1].isdigit() and listed(bare, NUMBERED)):
        return False
    if bare.isdigit():
        return not _ordinal(bare, block, mark, word)
    if listed(bare, SOMETIMES) or (_INITIAL.match(bare) and not mark["close"]):
        return starter or (bool(mark["close"].strip("*_")) and word[:1].isupper())
    return True


def _ordinal(number: str, block: str, mark: re.Match[str], word: str) -> bool:
    """Whether a full stop makes a number an ordinal, or is the number of a list in a line."""
    if len(number) > 2:
        return False
    before = block[max(0, mark.start() - _BEFORE) : mark.start() - len(number)].split()
    if not before:
        return True
    return before[-1].strip("(*_").casefold() in BEFORE_ORDINAL or bool(AFTER_ORDINAL.match(word))


def _breaks(block: str, mark: re.Match[str], width: int) -> bool:
    """Whether a line break inside a block ends a sentence: a hard one, or one that did not wrap."""
    following = block[mark.end() : mark.end() + _AFTER]
    next_one = _NEXT.match(following)
    word = next_one["word"] if next_one else ""
    if (word[:1].islower() and not _BRAND.match(word)) or _GOES_ON.match(following):
        return False
    begin = block.rfind("\n", 0, mark.start()) + 1
    line = block[begin : mark.start()]
    if _UNFINISHED.search(line[-_BEFORE:]) and not mark["hard"]:
        return False
    if mark["hard"]:
        return True
    first = len(following.split(maxsplit=1)[0]) if following.split() else 0
    wrapped = width >= NARROW and len(line) + 1 + first > WRAPPED * width
    return not wrapped and _complete(line)


def _complete(line: str) -> bool:
    """Whether a line is one of its own: ended, a heading, an entry of an address or a list."""
    if _ENDED.search(line[-_BEFORE:]):
        return True
    words = [word for word in _LETTERS.findall(line[: NARROW * 4]) if len(word) > 3]
    raised = sum(not word[0].islower() for word in words)
    return raised >= TITLED * len(words) and len(line) <= NARROW * 3


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if out and start < out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def _pairs(block: str, protected: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places of quotations and parentheses that are short enough to stay whole."""
    found: list[tuple[int, int]] = []
    opened: dict[str, int] = {}
    starts = [start for start, _ in protected]
    for match in _PAIRED.finditer(block):
        sign, place = match.group(), match.start()
        at = bisect_right(starts, place) - 1
        if at >= 0 and place < protected[at][1]:
            continue
        name, opens = _role(sign, block, place, opened)
        if opens:
            opened[name] = place  # one that was never closed is given up
        elif name in opened:
            start = opened.pop(name)
            if place - start <= TOGETHER:
                found.append((start, place + 1))
    return found


def _role(sign: str, block: str, place: int, opened: dict[str, int]) -> tuple[str, bool]:
    """Which pair a sign belongs to, and whether it opens it."""
    for pair in ("(（)）", "「」", "『』"):
        if sign in pair:
            return pair, sign in pair[: len(pair) // 2]
    if sign in "«»":
        return "«", "«" not in opened
    if sign in "“„”":
        closes = sign == "”" or (sign == "“" and "“" in opened and block[opened["“"]] in "“„")
        return "“", not closes
    gap = place == 0 or block[place - 1].isspace() or block[place - 1] in "([—–-"
    spaced = place + 1 >= len(block) or block[place + 1].isspace()
    return '"', '"' not in opened if gap == spaced else gap

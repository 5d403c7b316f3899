"""Which sentences lie in a quotation that does not begin and end with them, or have no speaker."""

import re
from collections.abc import Sequence

_MARK = re.compile(r"[\"“”„«»「」『』]")
_OPENS = "“„«「『"
LASTS = 6  # sentences; a quotation that is longer was never closed, or never opened
_WHOLE = re.compile(r"[\"“„«「『]")
_END = re.compile(r"[\"”“»」』][.,!?。]?\Z")
_SAYS = re.compile(
    r"[:：]\s*\Z|\b(?:said|says|wrote|writes|told|tweeted|added|asked|continued|explained|sagte|"
    r"schrieb|"
    r"erklärte|déclaré|dit|dijo|disse|afirmou|detto)\b|[说說道]"
)


def marks(words: Sequence[str]) -> list[str]:
    """For each sentence of a text why its quotation marks keep it from being shown, or ""."""
    out = [""] * len(words)
    opened: int | None = None  # the sentence in which a quotation was opened
    for n, sentence in enumerate(words):
        if opened is not None and n - opened > LASTS:
            _free(out, opened + 1, n)
            opened = None
        begun = opened
        place = 0  # of the last quotation mark
        for sign, opens in _signs(sentence):
            place = sign
            if opens:
                if opened is not None and opened != n:
                    _free(out, opened + 1, n)  # it was never closed: what lies between is free
                    begun = None
                opened = n
            elif opened is None:
                out[n] = "a quotation ends in it"
            else:
                opened = None
        if begun is not None:
            out[n] = "inside a quotation" if opened == begun else "a quotation ends in it"
        elif opened is not None and (
            _nested(sentence) or not _SAYS.search(sentence[max(0, place - 60) : place])
        ):
            out[n] = "a quotation begins in it"
        if not out[n] and _speechless(sentence):
            out[n] = "quotation without its speaker"
    if opened is not None:
        _free(out, opened + 1, len(words))
    return out


def _nested(sentence: str) -> bool:
    """Whether a sentence leaves more than one quotation open."""
    signs = _signs(sentence)
    return sum(1 if opens else -1 for _, opens in signs) > 1


def _free(out: list[str], start: int, stop: int) -> None:
    for n in range(start, stop):
        if out[n] == "inside a quotation":
            out[n] = ""


def _signs(sentence: str) -> list[tuple[int, bool]]:
    """Where the quotation marks of a sentence stand, and whether each opens."""
    found: list[tuple[int, bool]] = []
    depth = 0
    for match in _MARK.finditer(sentence):
        sign, place = match.group(), match.start()
        if sign in '"”' and depth == 0 and sentence[place - 1 : place].isdigit():
            continue  # inches
        if sign == '"':
            gap = not place or sentence[place - 1].isspace() or sentence[place - 1] in "([—–-"
            spaced = place + 1 == len(sentence) or sentence[place + 1].isspace()
            opens = depth == 0 if gap == spaced else gap
        elif sign == "“":
            opens = depth == 0
        elif sign in "«»":
            opens = depth == 0 if sign == "»" and place == 0 else sign == "«"
        else:
            opens = sign in _OPENS
        depth = depth + 1 if opens else max(0, depth - 1)
        found.append((place, opens))
    return found


def balanced(sentence: str) -> bool:
    """Whether every quotation that a sentence opens or closes lies whole in it."""
    depth = 0
    for _, opens in _signs(sentence):
        depth += 1 if opens else -1
        if depth < 0:
            return False
    return depth == 0


def _speechless(sentence: str) -> bool:
    """Whether a sentence is nothing but one quotation."""
    if not _WHOLE.match(sentence) or not _END.search(sentence):
        return False
    signs = _signs(sentence)
    return len(signs) == 2 and signs[0][1] and not signs[1][1]

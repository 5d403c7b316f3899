"""An author's headline without what newsletters and sites put around it, and not in all capitals.

Says only where the headline stands in the title, and how its words are spelled; it judges nothing.
"""

import re

_SYMBOLS = (
    r"[\s\u200d\ufe0f\u20e3\u2022\u25aa-\u25ff\u2600-\u27bf\u2b00-\u2bff"
    r"\U0001f000-\U0001faff|*_#>~=]+"
)
_LABEL = (
    r"(?:sponsor(?:ed)?(?: (?:content|post|by [\w .&]{2,30}))?|ad|advertisement|anzeige|werbung|"
    r"promoted|"
    r"partner content|breaking(?: news)?|show hn|tell hn|launch hn|watch|video|podcast|listen|re|"
    r"fwd?|aw|wg|"
    r"\[pdf\]|\[video\]|\[sponsor(?:ed)?\])"
)
_BEFORE = re.compile(
    rf"(?:{_SYMBOLS}|(?:#|no\.? ?)?\d{{1,2}}[.)]\s+|\d{{1,2}}(?:\.\d{{1,2}}){{1,2}}\s+|"
    rf"\(\d{{1,2}}\)\s+|[ivx]{{1,4}}[.)]\s+|"
    rf"{_LABEL}\s*(?:[:|]|\s[–—-]\s)\s*)",
    re.I,
)
_KIND = (
    r"github repo|github|repo|website|site|web ?app|app|tool|hacker news thread|reddit thread|"
    r"thread|tweet|"
    r"twitter thread|x thread|sponsor(?:ed)?|ad|video|youtube(?: video)?|podcast|pdf|paper|arxiv|"
    r"book|ebook|course|"
    r"blog|blog post|article|demo|slides|interactive|newsletter|paywall|free|audio|gallery|anzeige"
)
_AFTER = re.compile(
    rf"(?:\s*</?[a-z][^<>]{{0,100}}>|{_SYMBOLS}|"
    rf"\s*[(\[](?:[^()\[\]]{{0,60}}\b\d+[ -]?min(?:ute)?s?\b[^()\[\]]{{0,12}}|"
    rf"{_KIND}|(?:[\w-]+\.)+[a-z]{{2,10}}(?:/[^\s()]*)?)[)\]]"
    rf"|\s*[-–—|·]?\s*\d+[ -]min(?:ute)?s?(?: read)?|\s+[|·•]\s+[^|·•]{{2,40}}"
    r"|\s+[–—-]\s+(?:[\w-]+\.(?:com|org|net|io|co|de|fr|news)|(?:the )?(?:[A-Z]\w+ )?(?:Times|"
    r"Post|News|Journal|"
    r"Magazine|Guardian|Reuters|Blog|Gazette|Tribune|Herald)))\Z",
    re.I,
)
_PERIOD = re.compile(r"(?<=[^\W\d_]{3})\.\Z|。\Z")
_ABBREVIATED = re.compile(r"\b(?:Inc|Corp|Ltd|etc|Bros)\.\Z")
_CAPITALS = 0.75  # of the letters: a headline in capitals
_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def clean(own: str) -> tuple[int, int]:
    """The place of the headline proper in a title."""
    start, end = 0, len(own.rstrip())
    while (found := _BEFORE.match(own, start, end)) and start < found.end() < end:
        start = found.end()
    while (found := _AFTER.search(own, max(start, end - 120), end)) and start < found.start() < end:
        end = found.start()
    if _PERIOD.search(own[start:end]) and not _ABBREVIATED.search(own[start:end]):
        end -= 1
    return (start, end) if re.search(r"\w", own[start:end]) else (0, len(own.rstrip()))


def spoken(title: str, text: str) -> str:
    """`title` as it is, or, where it is set in capitals, spelled as the text spells its words.

    A word that the text does not use keeps its capitals if it may be an abbreviation, else one.
    """
    letters = [sign for sign in title if sign.isalpha()]
    cased = [sign for sign in letters if sign.upper() != sign.lower()]
    words = _LETTERS.findall(title)
    if not cased or sum(sign.isupper() for sign in cased) < _CAPITALS * len(cased):
        return title
    if sum(len(word) > 3 for word in words) < 3 or len(cased) < len(letters):
        return title
    known = _spellings(text, {word.casefold() for word in words})

    def spell(match: re.Match[str]) -> str:
        word = match.group()
        if word.casefold() in known:
            return known[word.casefold()]
        return word if len(word) <= 4 else word.capitalize()

    shown = _LETTERS.sub(spell, title)
    return shown[:1].upper() + shown[1:]


def _spellings(text: str, wanted: set[str]) -> dict[str, str]:
    """How `text` spells words in mid-sentence; in small letters where it does so at all."""
    found: dict[str, str] = {}
    for match in _LETTERS.finditer(text[:50_000]):
        word = match.group()
        folded = word.casefold()
        if folded not in wanted or (word.isupper() and len(word) > 4):
            continue
        begins = re.search(
            r"(?:\A|[.!?:\n\"“„«(]\s*)\Z", text[max(0, match.start() - 3) : match.start()]
        )
        last = found.get(folded, "")
        if word.islower() or ((not last or last.isupper()) and not (begins and word.istitle())):
            found[folded] = word
    return found

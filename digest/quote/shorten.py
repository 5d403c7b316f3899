"""A sentence without what carries no sense, and a check that no sense was lost.

Leaves out what is provably optional: a dateline, a button, a word that only joins the sentence to
the one before, and, for a headline, parentheses and a last clause. It never changes, adds or moves
a word, but for the capital that a sentence begins with. Whatever it cannot show to be safe stays.
"""

import re
from dataclasses import dataclass
from typing import Literal

from digest.quote import asides
from digest.quote.guards import Guard, stands_alone
from digest.quote.plain import plain
from digest.quote.quotations import balanced
from digest.quote.sentences import Sentence

Status = Literal["quoted", "shortened"]

# LEAST: words that a shortened sentence keeps; fewer are a fragment.
LEAST = 5

# Words that join a sentence to the one before and say nothing else, by language. What turns the
# sense (instead, otherwise, unless) is not among them.
_JOINS = {
    "en": r"however|meanwhile|additionally|moreover|furthermore|also|in addition|in fact|indeed|o"
    "f course|"
    r"besides|finally|likewise|similarly|as a result|consequently|therefore|thus|nevertheless|"
    r"nonetheless|"
    r"for example|for instance|that said|at the same time|plus|still|so|and|but|above all|"
    r"more importantly|most importantly|what['’]s more|on the other hand|by contrast|in contrast|"
    r"as mentioned|accordingly|in turn|in other words|then|after all",
    "de": r"allerdings|außerdem|zudem|jedoch|dennoch|gleichzeitig|zum beispiel|darüber hinaus",
    "fr": r"cependant|toutefois|pourtant|par ailleurs|en outre|de plus|par exemple|enfin|ainsi|"
    r"néanmoins|en effet|en revanche|d['’]ailleurs|donc",
    "es": r"sin embargo|además|no obstante|por otra parte|por otro lado|por ejemplo|asimismo|de h"
    "echo|así|"
    r"mientras tanto|por lo tanto|también",
    "pt": r"no entanto|além disso|porém|contudo|entretanto|todavia|por outro lado|por exemplo|ass"
    "im|aliás|"
    r"enquanto isso|portanto|também",
    "it": r"tuttavia|inoltre|però|per esempio|ad esempio|intanto|infatti|dunque|nel frattempo|inf"
    "ine",
    "nl": r"echter|daarnaast|bovendien|bijvoorbeeld",
}
_BARE = re.compile(r"(?:And|But|So) (?=(?:the|an?|many|most|some|all|both|our|we|[A-Z][\w’'-]+) )")

# What may never be lost with a part that is left out: negation, limits, hedges, conditions,
# attribution, contradiction, time and number; English and its neighbours.
PROTECTED = re.compile(
    r"\d|%|n['’]t\b|\b(?:not|no|never|none|neither|nor|nobody|nothing|without|only|just|merely|"
    r"solely|except|"
    r"excluding|unless|if|whether|provided|assuming|until|till|may|might|could|would|should|can|"
    r"cannot|likely|"
    r"unlikely|possibly|probably|perhaps|potentially|reportedly|allegedly|alleged|apparently|"
    r"supposedly|"
    r"so-called|nearly|almost|about|around|approximately|roughly|least|most|up to|more|less|"
    r"fewer|partly|mostly|"
    r"largely|some|sometimes|often|usually|said|says?|saying|told|tells?|according|claim\w*|"
    r"believ\w*|think\w*|"
    r"thought|expect\w*|plan\w*|propos\w*|suspect\w*|den(?:y|ies|ied)|false|fake|hoax|rumou?r\w*|"
    r"joke\w*|argu\w*|"
    r"suggest\w*|report\w*|estimat\w*|announc\w*|warn\w*|predict\w*|hop(?:e|es|ed|ing)|aim\w*|"
    r"intend\w*|try|tries|"
    r"tried|seek\w*|before|after|since|during|when|once|while|because|although|though|despite|"
    r"but|however|yet|"
    r"instead|rather|than|pending|subject|draft|trial|test\w*|pilot|beta|simulat\w*|"
    r"hypothetical\w*|fiction\w*|"
    r"january|february|march|april|june|july|august|september|october|november|december|monday|"
    r"tuesday|"
    r"as long as|so long as|wednesday|thursday|friday|saturday|sunday|today|yesterday|tomorrow|"
    r"tonight|week|month|year|"
    r"nicht|kein\w*|nie|niemals|ohne|nur|außer|falls|wenn|ob|bis|könnte\w*|dürfte\w*|soll\w*|"
    r"würde\w*|"
    r"möglicherweise|vielleicht|wahrscheinlich|angeblich|fast|beinahe|etwa|rund|laut|sagte?n?|"
    r"zufolge|aber|"
    r"obwohl|trotz|ne|pas|jamais|sans|sauf|seulement|si|peut|pourrait|serait|aurait|selon|dit|"
    r"déclaré|presque|"
    r"environ|mais|malgré|nunca|sin|salvo|solo|sólo|podría|sería|según|dijo|casi|pero|aunque|não|"
    r"sem|apenas|"
    r"poderia|seria|segundo|disse|quase|mas|embora|non|mai|senza|solo|potrebbe|sarebbe|secondo|"
    r"detto|ma)\b",
    re.I,
)
_FIGURE = re.compile(r"\d\W*\Z")
_SHORT = {"inc", "corp", "ltd", "co", "etc", "bros", "jr", "sr", "st"}
_WORD = re.compile(r"[^\W_]+")
# A parenthesis that explains: an abbreviation, an example, or one at the end of a clause. One
# before the words it belongs to may bound them: "the (few) people who".
_PARENTHESIS = re.compile(
    r" ?\((?:[A-Z][A-Za-z0-9.&/-]{1,11}|(?:e\.g\.|such as|including|for example|like) "
    r"[^()]{1,80})\)"
    r"| ?\([^()]{1,80}\)(?=[,.;]|\Z)"
)
# A last clause that adds: it runs to the end, without a comma that might close it.
_TAIL = re.compile(r"(?:;|\s+[–—]\s|\s--\s)(?:(?!--)[^,;–—]){3,}\Z")
_TAIL_ENGLISH = re.compile(
    r"(?:, (?:which|who|whose|where|with|including|and|making|giving|allowing|bringing|marking|"
    r"adding)"
    r"(?= )|, (?=(?:the|an?) (?![^,;–—]*\b(?:and|or)\b))|;|\s+[–—]\s|\s--\s)"
    r"(?:(?!--)[^,;–—]){3,}\Z"
)
# Languages whose negations, hedges and attributions PROTECTED knows.
_KNOWN = frozenset(_JOINS) - {"nl"}  # Dutch joins are known, what may not be lost is not
_SUBORDINATE = re.compile(
    r"\W*(?:if|when|while|after|before|although|though|because|since|as|despite|in|on|at|for|"
    r"with|by|from|under|"
    r"during|without|following|amid|once|unless|given|according|whether|to|instead)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Shortened:
    """What is shown of a sentence."""

    text: str
    status: Status


def statement(text: str, start: int, end: int, lang: str = "en") -> Shortened:
    """How the sentence `text[start:end]` is shown in a summary or as a highlight."""
    words = plain(text, start, end)
    shown = words
    if head := asides.lead(shown, first=True):
        shown = shown[head:]
    shown = shown[: asides.tail(shown)].rstrip()
    shown = unjoined(shown, lang)
    if shown == words or lost(words, shown):
        return Shortened(words, "quoted")
    return Shortened(shown, "shortened")


def alone(text: str, sentence: Sentence, guard: Guard, lang: str = "en") -> Shortened | None:
    """How a sentence is shown by itself, or None where it may not be.

    One that its first word alone joins to the sentence before is shown without that word.
    """
    if guard.never or guard.after:
        return None
    shown = statement(text, sentence.start, sentence.end, lang)
    return None if guard.before and stands_alone(shown.text, lang) else shown


def unjoined(words: str, lang: str = "en") -> str:
    """`words` without a leading "However," and the like, where the rest stands alone."""
    joins = _JOINS.get(lang)
    lead = re.match(rf"(?:{joins}), (?=\S)", words, re.I) if joins else None
    if lead is None and lang == "en":
        lead = _BARE.match(words)
    if lead is None:
        return words
    rest = words[lead.end() :]
    rest = rest[:1].upper() + rest[1:]
    enough = len(rest.split()) >= LEAST and not stands_alone(rest, lang)
    return rest if enough else words


def headline(words: str, most: int, lang: str = "en") -> Shortened | None:
    """`words` as a headline of at most `most` characters, or None where that is not safe."""
    bare = unperiod(words)
    if len(bare) <= most:
        return Shortened(bare, "quoted") if balanced(bare) else None
    shown = unjoined(bare, lang)
    if lang in _KNOWN:
        shown = _parted(shown, most, lang)
    if not balanced(shown):
        return None
    if len(shown) > most or lost(bare, shown) or stands_alone(f"{shown}.", lang):
        return None
    return Shortened(shown, "shortened")


def unperiod(words: str) -> str:
    """`words` without the full stop of a sentence; that of an abbreviation stays."""
    if words.endswith("。"):
        return words[:-1]
    if words.endswith(" ."):
        return words[:-2].rstrip()
    last = words.rsplit(maxsplit=1)[-1] if words.strip() else ""
    stem = last[:-1]
    if (
        not last.endswith(".")
        or ("." in stem and not _FIGURE.search(stem))
        or stem.casefold() in _SHORT
    ):
        return words
    return words[:-1] if len(stem) > 1 and not (stem.isupper() and len(stem) < 2) else words


def _parted(shown: str, most: int, lang: str) -> str:
    """`shown` without parentheses and without a last clause, as far as it is too long."""
    for found in list(_PARENTHESIS.finditer(shown)):
        if len(shown) > most and not PROTECTED.search(found.group()):
            shown = shown.replace(found.group(), "", 1).strip()
    tail = (_TAIL_ENGLISH if lang == "en" else _TAIL).search(shown) if len(shown) > most else None
    if tail and _clause(kept := shown[: tail.start()].rstrip(" ,;–—-"), tail.group()):
        return kept
    return shown


def _clause(kept: str, tail: str) -> bool:
    """Whether what is left is a clause of its own, and what is left out is nothing it needs."""
    if (
        PROTECTED.search(tail)
        or _SUBORDINATE.match(kept)
        or re.search(r"[,;]| (?:[–—-]|--) ", kept)
    ):
        return False
    return len(kept.split()) >= LEAST


def lost(before: str, after: str) -> str:
    """What `after` has lost or changed of `before`, or "": its words in order, nothing protected.

    A dateline, a button and a word that only joins are no loss.
    """
    old, new = _WORD.findall(before.casefold()), _WORD.findall(after.casefold())
    bare = before[asides.lead(before, first=True) :]
    bare = bare[: asides.tail(bare)]
    joined = _ANY_JOIN.match(bare) or _BARE.match(bare)
    least = _WORD.findall(bare[joined.end() if joined else 0 :].casefold())
    skipped = len(_WORD.findall(before[: before.find(bare)].casefold())) if bare in before else 0
    skipped += len(_WORD.findall(joined.group().casefold())) if joined else 0
    place = 0
    out: list[int] = []
    for word in new:
        try:
            found = old.index(word, place)
        except ValueError:
            return f"“{word}” is not in the sentence there"
        out += range(place, found)
        place = found + 1
    out += range(place, len(old))
    needed = range(skipped, skipped + len(least))
    protected = PROTECTED.search(" ".join(old[n] for n in out if n in needed))
    return f"“{protected.group()}” would be lost" if protected else ""


_ANY_JOIN = re.compile(rf"(?:{'|'.join(_JOINS.values())}), (?=\S)", re.I)

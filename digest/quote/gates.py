"""May a sentence that a model wrote stand for the sentences that it cites?

A statement stands if it says nothing that they do not say, which is seen, not judged: every word of
it, articles apart, is a word of theirs, in their order, and what was left out was left out where no
sense is lost: a part that commas set off, a title before a name. Of adjectives none may go.
Parts may be joined where both are whole. A phrase of time or place may move from the front to the
end, a speaker to the front. Negation, doubt, limits, conditions, exceptions and speakers
(`gate_words`) must all be kept, and every word its form: tense and number stand in it.

This refuses many true statements (another word for the same, a passive) and is meant to: the cited
sentences, which stand then, are no loss. Languages without a list of words here are refused whole.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from digest.quote.gate_words import COMPASS, LANGUAGES, NUMBERS, Words

_TOKEN = re.compile(
    r"\d+(?:[.,\u00a0\u202f ]\d{3})*(?:[.,]\d+)?(?!\w)|n['’]t\b|[^\W_]+(?:[-.&][^\W_]+)*"
    r"|[%€$£°§#@+]|[.,;:!?()–—…]|[\"“”„«»]"
)
_CONTRACTED = re.compile(r"(?i)(?<=[a-z])n['’]t\b")
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)|(?<=s)['’](?=\s)")
_CLAUSE, _ENDS, _QUOTE = frozenset(",:()–—"), frozenset(".!?…;"), frozenset('"“”„«»')
_QUOTED = re.compile(r"[\"“„«]\s*([^\"“”„«»]+?)\s*[\"”“»]")
_LEAST = 3  # words of a statement
_SPEAKER = 14  # words of a part that names a speaker
_VARIANTS, _STEPS = 8, 4000  # ways to say one cited sentence; tries to lay a statement over them


@dataclass(frozen=True, slots=True)
class _Token:
    word: str  # folded; a number without the marks that group its digits
    kind: str  # word, name, number, clause, end
    unit: int = 0  # which sentence, or half of one at a semicolon, it is of
    part: int = 0  # which part between commas

    @property
    def mark(self) -> bool:
        return self.kind in {"clause", "end"}


def refused(written: str, cited: Sequence[str]) -> str:
    """Why a written sentence may not stand for the cited ones; "" if it may."""
    language = _language([*cited, written])
    if not language:
        return "its language is none that can be checked"
    words = LANGUAGES[language]
    said = _tokens(written, language)
    source = [token for sentence in cited for token in _closed(_tokens(sentence, language))]
    if why := _misquoted(written, cited) or _broken(said, words) or _new(said, source, words):
        return why
    ways = [list(_variants(unit, words))[:_VARIANTS] for unit in _units(source)]
    for chosen in islice(product(*ways), _VARIANTS**2):
        if _Laying(said, [t for unit in chosen for t in unit], words).found():
            return ""
    return "it does not join or keep its words as the cited sentences do"


def _misquoted(written: str, cited: Sequence[str]) -> str:
    for quoted in _QUOTED.findall(written):
        if not any(_folded(quoted).strip(" .,") in _folded(sentence) for sentence in cited):
            return f"the quotation {quoted!r} is not in the cited sentences"
    return ""


def _broken(said: Sequence[_Token], words: Words) -> str:
    """Why this is no statement, by its first and last words."""
    heard = [token.word for token in said if not token.mark]
    spoken = [word for word in heard if word not in words.articles]
    if len(spoken) < _LEAST:
        return "it says too little"
    if spoken[0] in words.pronouns:
        return f"it begins with {spoken[0]!r}"
    return "it breaks off" if heard[-1] in words.articles | words.that else ""


def _new(said: Sequence[_Token], source: Sequence[_Token], words: Words) -> str:
    """The first word that the cited sentences do not have."""
    known = {token.word for token in source} | words.articles | words.joins | words.that
    for token in said:
        if token.word not in known and not token.mark:
            what = "number" if token.kind == "number" else "word"
            return f"the {what} {token.word!r} is not in the cited sentences"
    return ""


class _Laying:
    """The search for a way to cut a statement out of its source."""

    def __init__(self, said: Sequence[_Token], text: Sequence[_Token], words: Words) -> None:
        self._said, self._text, self._words = said, text, words
        self._places: dict[str, list[int]] = {}
        for place, token in enumerate(text):
            if not token.mark:
                self._places.setdefault(token.word, []).append(place)
        self._steps = 0

    def found(self) -> bool:
        """Whether there is one."""
        return self._go(0, [])

    def _go(self, begin: int, laid: list[int]) -> bool:
        """Whether the words from `begin` on can follow those that are laid."""
        self._steps += 1
        if self._steps > _STEPS:
            return False
        at, marked = self._skip(begin)
        if at == len(self._said):
            return bool(laid) and self._may_end(laid[-1]) and self._keeps(set(laid))
        tries = [(at, False)]
        if self._said[at].word in self._words.joins:  # its own word in the source, or one put in
            after, _ = self._skip(at + 1)
            tries += [(after, True)] if after < len(self._said) else []
        return any(
            self._may_follow(laid[-1] if laid else -1, place, joined, marked)
            and self._go(start + 1, [*laid, place])
            for start, joined in tries
            for place in self._places.get(self._said[start].word, ())
        )

    def _skip(self, at: int) -> tuple[int, bool]:
        """The next word that has to be laid, and whether there is a mark before it."""
        marked = False
        while at < len(self._said) and (self._said[at].mark or self._free(self._said[at])):
            marked = marked or self._said[at].mark
            at += 1
        return at, marked

    def _free(self, token: _Token) -> bool:
        return token.word in self._words.articles or token.word in self._words.that

    def _may_follow(self, last: int, place: int, joined: bool, marked: bool) -> bool:
        token = self._text[place]
        if last >= 0 and self._text[last].unit == token.unit:
            if place <= last or joined:
                return False
            between = self._text[last + 1 : place]
            if all(t.mark or self._free(t) for t in between):
                return True
            return self._set_off(between)
        if not self._begins(place):
            return False
        # A new part stands behind one that is whole.
        return last < 0 or (
            self._may_end(last) and (joined or marked) and token.unit > self._text[last].unit
        )

    def _set_off(self, between: Sequence[_Token]) -> bool:
        """Whether this is one part between two commas, brackets or dashes."""
        inner = between[1:-1]
        return (
            len(inner) > 1
            and between[0].kind == between[-1].kind == "clause"
            and not any(t.mark for t in inner)
            and inner[0].word not in self._words.joins
        )

    def _begins(self, place: int) -> bool:
        """Whether a sentence begins here, articles and a title before a name left out."""
        unit = self._text[place].unit
        before = [t for t in self._text[:place] if t.unit == unit and not self._free(t)]
        before = [t for t in before if not t.mark]
        if not before:
            return True
        named = [t.kind for t in self._text[place : place + 2]] == ["name", "name"]
        title = before[0].word
        return named and len(before) == 1 and title not in self._words.known | COMPASS

    def _may_end(self, place: int) -> bool:
        """Whether a statement may end here: a sentence or a part of one does."""
        after = self._text[place + 1 : place + 2]
        return not after or after[0].unit != self._text[place].unit or after[0].mark

    def _keeps(self, laid: set[int]) -> bool:
        """Whether nothing was left out on which the sense of the rest hangs."""
        used = {(self._text[place].unit, self._text[place].part) for place in laid}
        units = {unit for unit, _ in used}
        parts: dict[tuple[int, int], list[int]] = {}
        for place, token in enumerate(self._text):
            if token.unit in units and not token.mark:
                parts.setdefault((token.unit, token.part), []).append(place)
        for (unit, part), places in parts.items():
            heard = [self._text[place].word for place in places]
            if (unit, part) in used:
                left = {self._text[place].word for place in places if place not in laid}
                if left & self._words.kept:
                    return False
            elif set(heard[:2]) & self._words.turns or set(heard) & self._words.speak:
                return False
            elif part == 0 or (part == 1 and self._fronted(parts.get((unit, 0), ()))):
                return False  # what a sentence says of its front, and what it says first
            elif not self._dependent(places):
                return False
        return True

    def _fronted(self, places: Sequence[int]) -> bool:
        """Whether a first part is only the front of a sentence: a time, a place, a condition."""
        fronts = self._words.openers | self._words.source
        return bool(places) and self._text[places[0]].word in fronts

    def _dependent(self, places: Sequence[int]) -> bool:
        """Whether a part hangs on what stands before it, or is a name in apposition to it."""
        words, first = self._words, self._text[places[0]].word
        if all(self._text[place].kind == "name" for place in places):
            return True
        starts = words.joins | words.openers | words.articles | words.pronouns | words.relative
        return first in starts or first.isdigit() or first.endswith(words.participle)


def _variants(unit: Sequence[_Token], words: Words) -> Iterator[list[_Token]]:
    """A sentence, and the same with its front at the end or its speaker at the front."""
    body = [token for token in unit if token.kind != "end"]
    parts: list[list[_Token]] = []
    for token in body:
        if not parts or token.part != parts[-1][-1].part:
            parts.append([])
        parts[-1].append(token)
    orders = [parts]
    first = [t for t in parts[0] if not t.mark] if parts else []
    if len(parts) > 1 and first and first[0].word in words.openers | words.source:
        orders.append([*parts[1:], parts[0]])
        orders += [[*parts[1:-1], parts[0], parts[-1]]] * (len(parts) > 2)
    for order in orders:
        yield _flat(order)
        for n, part in enumerate(order):
            heard = {token.word for token in part}
            if n and heard & words.speak and len(part) <= _SPEAKER:
                yield _flat([_named_first(part, words), *order[:n], *order[n + 1 :]])


def _flat(parts: Sequence[Sequence[_Token]]) -> list[_Token]:
    """Parts in a new order, with a mark between them."""
    out: list[_Token] = []
    for part in parts:
        spoken = [token for token in part if not token.mark]
        if spoken:
            out += [*spoken, _Token(",", "clause", spoken[0].unit, spoken[0].part)]
    return out


def _named_first(part: Sequence[_Token], words: Words) -> list[_Token]:
    """`said the mayor` as `the mayor said`."""
    spoken = [token for token in part if not token.mark]
    return [*spoken[1:], spoken[0]] if spoken[0].word in words.say else spoken


def _closed(sentence: list[_Token]) -> list[_Token]:
    """The tokens of a cited sentence, of which only the last mark, and semicolons, end one."""
    body = [t for t in sentence if t.kind != "end" or t.word == ";"]
    return [*body, _Token(".", "end")]


def _units(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """The tokens numbered by sentence and part, sentence by sentence."""
    unit: list[_Token] = []
    number = part = 0
    for token in tokens:
        part += token.kind == "clause"
        unit.append(_Token(token.word, token.kind, number, part))
        if token.kind == "end":
            yield unit
            unit, number, part = [], number + 1, 0
    if unit:
        yield unit


def _tokens(text: str, language: str) -> list[_Token]:
    """Words, numbers and marks; quotation marks are left out, what they hold is not."""
    text = _APOSTROPHE.sub("' ", _CONTRACTED.sub(" n't", text)).replace("per cent", "percent")
    out = []
    for found in _TOKEN.finditer(text):
        word = "percent" if found[0] == "%" else found[0].casefold()
        word = NUMBERS[language].get(word, word)
        if word in _QUOTE:
            continue
        if word[0].isdigit() and word[-1].isdigit():
            out.append(_Token(_number(word), "number"))
        elif word in _CLAUSE:
            out.append(_Token(word, "clause"))
        elif word in _ENDS:
            out.append(_Token(word, "end"))
        else:
            out.append(_Token(word, "name" if found[0][0].isupper() else "word"))
    return out


def _number(digits: str) -> str:
    """Digits without the marks between thousands, with a point before decimals."""
    whole = re.sub(r"[\u00a0\u202f ]", "", digits)
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", whole):
        return re.sub(r"[.,]", "", whole)
    return whole.replace(",", ".")


def _folded(text: str) -> str:
    return " ".join(text.replace("’", "'").split()).casefold()


def _language(texts: Sequence[str]) -> str:
    """The language that most of the small words are of; "" if none is it clearly."""
    found = set(re.findall(r"[^\W\d_]+", " ".join(texts).casefold()))
    scores = sorted(((len(found & w.known), name) for name, w in LANGUAGES.items()), reverse=True)
    (best, name), (second, _) = scores[:2]
    return name if best >= 2 and best > second else ""

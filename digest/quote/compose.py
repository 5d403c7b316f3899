"""What is said of an item in its own words: headline, summary and highlights, with evidence.

The one place where sentences, guards, choice, headline and shortening come together. Nothing here
writes: every statement is a span of the title or the text, shown as `plain` shows it, or such a
span with something left out that carries no sense.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from digest.quote import title as titles
from digest.quote.asides import ended
from digest.quote.choice import choose
from digest.quote.guards import MACHINE, Guard, guards, leans
from digest.quote.language import language
from digest.quote.machine import addressed_to_machine
from digest.quote.sentences import Sentence, plain, sentences
from digest.quote.shorten import alone, statement
from digest.records import Edit, Evidence, Status

# BRIEF: words; a text that is no longer is its own summary (as long as an editor's summary of a
# long text). LONGEST: characters that the contract allows. FIRST: characters of the first words of
# a text in which no sentence stands. GAP: between sentences that do not follow each other in the
# text, so that nobody reads them as running prose.
BRIEF = 50
FIRST = 400
LONGEST = {"summary": 1000, "highlights": 240}
HIGHLIGHTS = 6
GAP = " … "
# STANDING: languages whose guards know what refers to a sentence left out. In others subjects are
# dropped, or no list is there: such a text gives its first sentences and no highlights.
STANDING = ("", "en", "de", "fr")
LEAD, LEAD_WORDS = 3, 70
UNSPACED = ("zh", "ja", "th", "lo", "km", "my")  # no space between sentences
_SHOWN = frozenset({"question", "fragment", "broken off", "entry of a list", "open bracket"})


@dataclass(frozen=True, slots=True)
class Composed:
    """The asked ones of title, summary and highlights, and what they rest on."""

    fields: dict[str, str | list[str]]
    evidence: tuple[Evidence, ...]
    edits: tuple[Edit, ...]
    language: str  # ISO 639-1; "" where nothing tells it
    title: str  # the author's; "" where it is addressed to a machine
    readable: str  # the text without what is addressed to a machine


def compose(
    title: str,
    text: str,
    asked: Sequence[str],
    chosen: tuple[Sequence[int], Sequence[int]] | None = None,
    *,
    label: bool = False,
) -> Composed:
    """Say what a text says of itself.

    `asked` names the fields; one of which the text has nothing that keeps the contract is left
    out. With a `label` the author's title stands whatever it says: it is the name of an event, a
    job, a product. `chosen` holds numbers of sentences for summary and highlights that a model
    chose; the guards still hold, and without it the ranker chooses.
    """
    lang = language(f"{title}\n{text}")
    found = sentences(text)
    checked = _unbroken(text, found, guards(text, found, lang))
    machine = [n for n, one in enumerate(checked) if one.never == MACHINE]
    edits = [Edit("machine", plain(text, found[n].start, found[n].end)[:200]) for n in machine]
    if addressed_to_machine(title):
        edits.append(Edit("machine", title[:200]))
        title = ""
    words = [plain(text, one.start, one.end) for one in found]
    leaning = {n for n, said in enumerate(words) if leans(said, lang)}
    choice = choose(title, text, found, lang=lang, guards=checked, leaning=leaning)
    summary: Sequence[int] = choice.summary
    highlights: Sequence[int] = choice.highlights
    if chosen is not None:
        summary, highlights = _standing(chosen[0], checked) or summary, chosen[1]
    if lang not in STANDING:
        summary, highlights = _lead(text, found, checked), ()
    if len(text.split()) <= BRIEF and sum(map(len, text.split())) <= 6 * BRIEF:
        summary, highlights = _whole(checked), ()
    said: dict[str, list[Evidence]] = {"title": [], "summary": [], "highlights": []}
    head = _headline(title, text, found, checked, choice.scores, lang, label)
    if head.text:
        said["title"] = [
            Evidence("title", head.text, head.status, head.where, head.start, head.end)
        ]
    said["summary"] = _summary(text, found, summary, lang) or _first_words(text, found, machine)
    said["highlights"] = _highlights(text, found, highlights, checked, lang, said["summary"])
    fields: dict[str, str | list[str]] = {}
    if "title" in asked and said["title"]:
        fields["title"] = said["title"][0].statement
    if "summary" in asked and said["summary"]:
        fields["summary"] = joined(said["summary"], found, lang)
    if "highlights" in asked:
        fields["highlights"] = [one.statement for one in said["highlights"]]
    evidence = tuple(one for name in said if name in asked for one in said[name])
    return Composed(fields, evidence, tuple(edits), lang, title, _readable(text, found, machine))


def _headline(
    title: str,
    text: str,
    found: Sequence[Sentence],
    checked: Sequence[Guard],
    scores: Sequence[float],
    lang: str,
    label: bool,
) -> titles.Title:
    """The headline, settled without the sentences that are addressed to a machine."""
    shown = [n for n, one in enumerate(checked) if one.never != MACHINE]
    best = sorted(range(len(shown)), key=lambda n: -scores[shown[n]])
    kept, guarded = [found[n] for n in shown], [checked[n] for n in shown]
    return titles.settle(title, text, kept, best, guarded, lang, label=label)


def _lead(text: str, found: Sequence[Sentence], checked: Sequence[Guard]) -> tuple[int, ...]:
    """The first sentences of the story, as they follow each other."""
    chosen: list[int] = []
    size = 0.0
    for n, guard in enumerate(checked):
        if (guard.never or guard.before) and not chosen:
            continue
        words = plain(text, found[n].start, found[n].end)
        size += max(len(words.split()), len(words) / 8)
        if guard.never or (chosen and size > LEAD_WORDS) or len(chosen) == LEAD:
            break
        chosen.append(n)
    return tuple(chosen)


def _readable(text: str, found: Sequence[Sentence], machine: Sequence[int]) -> str:
    """The text without the sentences of these numbers."""
    parts, place = [], 0
    for n in machine:
        parts.append(text[place : found[n].start])
        place = found[n].end
    return "".join([*parts, text[place:]])


def _whole(checked: Sequence[Guard]) -> tuple[int, ...]:
    """All sentences of a brief text but what is no part of its story."""
    return tuple(n for n, one in enumerate(checked) if not one.never or one.never in _SHOWN)


def _unbroken(
    text: str, found: Sequence[Sentence], checked: tuple[Guard, ...]
) -> tuple[Guard, ...]:
    """The guards, with one against a last sentence without an end behind one that has one.

    A text that was cut off on its way ends in the middle of a word.
    """
    if len(found) < 2 or {found[-1].kind, found[-2].kind} != {"prose"}:
        return checked
    before, last = (plain(text, one.start, one.end) for one in found[-2:])
    if ended(last) or not ended(before):
        return checked
    return (*checked[:-1], replace(checked[-1], never=checked[-1].never or "cut off at the end"))


def _summary(
    text: str, found: Sequence[Sentence], chosen: Sequence[int], lang: str
) -> list[Evidence]:
    """The chosen sentences within the contract's limits."""
    out: list[Evidence] = []
    size = 0
    for n in chosen:
        behind = n - 1 in chosen  # what joins it to the sentence before it may stay
        place = found[n]
        shown = statement(text, place.start, place.end, "" if behind else lang)
        size += len(shown.text) + len(GAP)
        if size <= LONGEST["summary"]:
            out.append(
                Evidence("summary", shown.text, shown.status, "text", place.start, place.end)
            )
    return out if sum(len(one.statement) for one in out) >= 10 else []


def _highlights(
    text: str,
    found: Sequence[Sentence],
    chosen: Sequence[int],
    checked: Sequence[Guard],
    lang: str,
    summary: Sequence[Evidence],
) -> list[Evidence]:
    """The chosen sentences that stand alone, within the contract's limits, none told twice."""
    out: list[Evidence] = []
    told = {one.statement.casefold() for one in summary}
    for n in chosen:
        shown = alone(text, found[n], checked[n], lang) if 0 <= n < len(found) else None
        if not shown or leans(shown.text, lang) or len(shown.text) > LONGEST["highlights"]:
            continue
        if shown.text.casefold() in told:
            continue
        told.add(shown.text.casefold())
        out.append(
            Evidence("highlights", shown.text, shown.status, "text", found[n].start, found[n].end)
        )
    return out[:HIGHLIGHTS]


def _first_words(text: str, found: Sequence[Sentence], machine: Sequence[int]) -> list[Evidence]:
    """The beginning of a text in which no sentence stands: all of it, or a first part."""
    shown = [one for n, one in enumerate(found) if n not in machine]
    for place in [one for one in shown if one.kind != "aside"] or shown:
        words = plain(text, place.start, place.end)
        if len(words) >= 10:
            kept = words if len(words) <= FIRST else _cut(words)
            status: Status = "quoted" if kept == words else "shortened"
            return [Evidence("summary", kept, status, "text", place.start, place.end)]
    return []


def _cut(words: str) -> str:
    """The first words within FIRST characters; scripts without spaces are cut behind any sign."""
    kept = words[: FIRST - 1]
    place = kept.rfind(" ")
    return kept[: place if place > FIRST // 2 else len(kept)].rstrip() + "…"


def _standing(chosen: Sequence[int], checked: Sequence[Guard]) -> list[int]:
    """The numbers of sentences that a model chose and that stand where they would be shown."""
    kept = [n for n in dict.fromkeys(chosen) if 0 <= n < len(checked) and not checked[n].never]
    kept = [n for n in kept if not checked[n].after or n + 1 in kept]
    return [n for n in kept if not checked[n].before or n - 1 in kept]


def joined(said: Sequence[Evidence], found: Sequence[Sentence], lang: str) -> str:
    """Statements as one summary: what follows in the text follows here, else a gap is shown."""
    places = {one.start: n for n, one in enumerate(found)}
    space = "" if lang in UNSPACED else " "
    parts = [said[0].statement] if said else []
    for before, after in pairwise(said):
        one, two = places.get(before.start, -9), places.get(after.start, -9)
        next_to = two == one + 1 and found[one].paragraph == found[two].paragraph
        parts += [space if next_to else GAP, after.statement]
    return "".join(parts)

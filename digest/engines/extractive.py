"""The degraded mode: names, domains and relevance without a model, by plain heuristics.

It understands nothing: its names are capitalised words, its domains are counted words. Every
digest it makes is marked degraded.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from digest.engines.lexicon import DOMAINS, LINKS, ORDINARY, ORGANISATION
from digest.protocols import Answer, Ask
from digest.quote.compose import compose
from digest.quote.sentences import plain, sentences
from digest.records import STATEMENT_FIELDS
from digest.schema import DigestFields, json_schema, validate

_LOOKED_AT = 20_000  # characters of text: bounds the time for one item
_NAMES, _DOMAINS = 12, 2  # entries at most, by measurement
_TOKEN = re.compile(r"[^\W_](?:[\w’'&+./-]*\w)?\+*|[^\w\s]")
_LAST_WORD = re.compile(r"(?<=\s)\S{1,50}\Z")


class ExtractiveEngine:
    """Answers every ask from the text itself, at once."""

    name = "extractive"
    model = "extractive-3"  # to be changed with the heuristics: it is part of the cache key
    context = 1 << 20

    def count(self, text: str) -> int:
        """Words: there is no tokenizer."""
        return len(text.split())

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer each ask from its last message, whose heading is the title."""
        for index, ask in enumerate(asks):
            title, text = "", ask.messages[-1]["content"]
            if text.startswith("# "):
                title, _, text = text[2:].partition("\n")
            yield Answer(index, extract(title, text, ask.fields).to_json(), "stop")

    def close(self) -> None:
        """Nothing to free."""


def extract(title: str, text: str, fields: Sequence[str]) -> DigestFields:
    """A digest of any text, in any language, even of none; always within the contract."""
    said = compose(title, _fit(text, _LOOKED_AT), STATEMENT_FIELDS).fields
    parts = [plain(title), *_sentences(_fit(text, _LOOKED_AT))]
    names = _names(parts)
    domains = _domains(" ".join(parts))
    first = next(filter(None, parts), "There is no text.")
    found = {
        "title": said.get("title") or _fit(first, _limit("title"), 3),
        "summary": said.get("summary") or _fit(first, _limit("summary"), 10),
        "highlights": said.get("highlights", []),
        "names": names,
        "domains": domains,
        "relevance_score": max((DOMAINS[domain][0] for domain in domains), default=2),
        "key_insights": [domain.title() for domain in domains],
        "company_names": [n for n in names if ORGANISATION & set(n.lower().split())],
    }
    return validate({name: found[name] for name in fields}, fields)


def _limit(field: str) -> int:
    """Characters that a field, or an entry of a list field, may have."""
    schema = json_schema([field])["properties"][field]
    return int(schema.get("items", schema)["maxLength"])


def _fit(text: str, most: int, least: int = 1) -> str:
    """`text` within its limits, cut between words if it has any."""
    if len(text) > most:
        kept = text[: most - 1]
        # A word that goes on is left out whole; scripts without spaces have none that long.
        if not text[most - 1].isspace() and (word := _LAST_WORD.search(kept)):
            kept = kept[: word.start()]
        text = kept.rstrip(" \t\n,;:–-") + "…"
    return text.ljust(least, ".")


def _sentences(markdown: str) -> list[str]:
    """Sentences worth reading; fragments of fewer than 20 letters only if there is no other."""
    found = [plain(markdown, one.start, one.end) for one in sentences(markdown)]
    return [s for s in found if len(s) >= 20] or [s for s in found if s]


def _names(sentences: Sequence[str]) -> list[str]:
    """Runs of capitalised words, the frequent and the early ones first.

    A word that is capitalised only because a sentence begins with it, or that occurs in lower
    case too, is none; nor is a part of a longer name.
    """
    count: Counter[str] = Counter()
    sure: set[str] = set()
    lower: set[str] = set()
    longest = _limit("names")
    for sentence in sentences:
        tokens = _TOKEN.findall(sentence)
        words = [t for t in tokens if t[0].isalpha()]
        lower.update(w for w in words if w[0].islower())
        # In a headline capitals say nothing.
        headline = len(words) > 3 and sum(not w[0].islower() for w in words) > len(words) * 0.6
        for start, run in _runs(tokens):
            name = re.sub(r"['’]s$", "", " ".join(run))
            if 1 < len(name) <= longest:
                count[name] += 1
                inner = any(c.isupper() and not before.isspace() for before, c in pairwise(name))
                if inner or (not headline and (start > 0 or len(run) > 1)):
                    sure.add(name)
    kept = [n for n in count if n in sure and n.lower() not in lower]
    parts = {part for name in kept if " " in name for part in name.split()}
    order = {name: n for n, name in enumerate(kept)}
    kept.sort(key=lambda n: (-min(count[n], 4) - (order[n] < 5) - (" " in n) / 2, order[n]))
    return [name for name in kept if " " in name or name not in parts][:_NAMES]


def _runs(tokens: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Capitalised runs and the place of their first word in the sentence."""
    run: list[str] = []
    begin = 0
    for place, token in enumerate([*tokens, ""]):
        capital = token[:1].isupper() and token.lower() not in ORDINARY
        links = run and token in LINKS and "".join(tokens[place + 1 : place + 2])[:1].isupper()
        number = run and token[:1].isdigit()
        if capital or links or number:
            begin = begin if run else place
            run.append(token)
        if run and (not (capital or links or number) or token.endswith(("'s", "’s"))):
            while run[-1] in LINKS:
                run.pop()
            yield begin, run
            run = []


def _domains(text: str) -> list[str]:
    """The domains whose words occur most; in a long text one mention is an accident."""
    found = {domain: len(pattern.findall(text)) for domain, pattern in _patterns().items()}
    least = 1 + len(text) // 1000
    ranked = sorted((d for d in found if found[d] >= least), key=lambda d: -found[d])
    return ranked[:_DOMAINS]


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Domain -> its words; those of up to three letters must stand alone."""
    return {
        domain: re.compile(
            r"\b(?:" + "|".join(re.escape(s) + r"s?\b" * (len(s) < 4) for s in stems) + ")",
            re.IGNORECASE,
        )
        for domain, (_, stems) in DOMAINS.items()
    }

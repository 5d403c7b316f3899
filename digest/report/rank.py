"""Which story comes first, and where: ranking, sections, what recurs, the index."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from digest.cluster import Story
from digest.records import Analyzed
from digest.report.model import Entry, Mention, Section, publishers

# Fields of news -> the content domains (digest contract, lower case) that belong to them.
FIELDS_OF_NEWS = {
    "Artificial intelligence": "artificial intelligence, machine learning, ai",
    "Software and the web": "software engineering, programming languages, open source, "
    "web development, cloud computing, data engineering, user experience, accessibility, design, "
    "software, developer tools, devops, technology",
    "Security and privacy": "cybersecurity, privacy, security",
    "Hardware, robots and space": "hardware, semiconductors, robotics, space, automotive",
    "Science, health and climate": "science, biotechnology, health, energy, climate, environment",
    "Business and work": "business, startups, finance, cryptocurrency, economics, labor, transport",
    "Politics and society": "politics, public policy, law, government services, "
    "international affairs, military, crime, society, education, religion",
    "Culture and life": "culture, entertainment, media, sports, food, travel, lifestyle, history, "
    "community",
}
OTHER = "Other news"
_FIELD_OF = {
    domain: field for field, domains in FIELDS_OF_NEWS.items() for domain in domains.split(", ")
}

APART = {  # kinds that are not news -> heading
    "sponsor": "Sponsors",
    "product": "Products and offers",
    "job": "Jobs",
    "event": "Events",
    "poll": "Polls, letters and appeals",
    "appeal": "Polls, letters and appeals",
    "intro": "Polls, letters and appeals",
}

ALWAYS_FULL = 12  # so many of the best are told in full, whatever their score
MOST_FULL = 40  # and no more than so many
WORTH_TELLING = 4  # relevance from which a story is told in full
TOP = 5
_MANY_SECTIONS = 5  # with more than these, a section of a single line joins the others


def weight(story: Story) -> float:
    """Relevance 1..10, and half a point for each further publisher that told it, up to two."""
    relevance = story.lead.digest.fields.relevance_score or 0
    return relevance + min(len(publishers(story.members)) - 1, 4) / 2


def ranked(stories: Iterable[Story]) -> list[Story]:
    """The weightiest first; equals by date, the latest first, then by content."""

    def key(story: Story) -> tuple[object, ...]:
        lead = story.lead
        published = lead.document.published
        return (
            -weight(story),
            bool(lead.digest.provenance.degraded),
            -published.timestamp() if published else 0.0,
            lead.item.kind == "link",
            lead.item.document_id,
            lead.item.position,
            lead.item.content_hash,
        )

    return sorted(stories, key=key)


def sections(stories: Sequence[Story]) -> list[Section]:
    """Sort news into few sections; the section with the weightiest news comes first."""
    best = {id(story): place for place, story in enumerate(stories)}
    by_field: dict[str, list[Story]] = defaultdict(list)
    for story in stories:
        by_field[field(story)].append(story)
    if len(by_field) > _MANY_SECTIONS:
        for name, group in list(by_field.items()):
            if name != OTHER and len(group) == 1 and not is_full(group[0], best[id(group[0])]):
                by_field[OTHER] += by_field.pop(name)

    def strength(name: str) -> tuple[object, ...]:
        heaviest = sorted((weight(story) for story in by_field[name]), reverse=True)[:3]
        return (name == OTHER, -sum(heaviest), name)

    found, number = [], 1
    for name in sorted(by_field, key=strength):
        group = sorted(by_field[name], key=lambda story: best[id(story)])
        full = [story for story in group if is_full(story, best[id(story)])]
        short = [story for story in group if not is_full(story, best[id(story)])]
        entries = []
        for story in full + short:
            entries.append(Entry(number, story, weight(story), is_full(story, best[id(story)])))
            number += 1
        found.append(Section(name, tuple(entries)))
    return found


def is_full(story: Story, place: int) -> bool:
    """Whether a story at this place (from 0) of the ranking is told in full."""
    if story.lead.item.kind == "link" and len(story.members) == 1:
        return False
    relevance = story.lead.digest.fields.relevance_score
    worth = relevance is None or relevance >= WORTH_TELLING
    return place < ALWAYS_FULL or (place < MOST_FULL and worth)


def field(story: Story) -> str:
    """The field of news of a story: by the first of its domains that belongs to one."""
    for one in story.members:
        for domain in one.digest.fields.domains or ():
            if found := _FIELD_OF.get(domain.strip().casefold()):
                return found
    return OTHER


def top(entries: Sequence[Entry], count: int = TOP) -> list[Entry]:
    """What matters most: the weightiest told in full; of equals, those of publishers not yet in."""
    left = [entry for entry in entries if entry.full]
    chosen: list[Entry] = []
    heard: Counter[str] = Counter()

    def key(entry: Entry) -> tuple[float, int, int]:
        return (-entry.weight, heard[publishers(entry.story.members)[0]], entry.number)

    while left and len(chosen) < count:
        best = min(left, key=key)
        left.remove(best)
        chosen.append(best)
        heard.update(publishers(best.story.members)[:1])
    return chosen


def mentions(
    entries: Sequence[Entry], labels: Callable[[Analyzed], Iterable[str]]
) -> list[Mention]:
    """What the entries speak of, the most frequent first, one entry counted once.

    Labels that differ in case or spacing only are one; its commonest spelling is shown.
    """
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    where: dict[str, dict[int, Entry]] = defaultdict(dict)
    who: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        for one in entry.story.members:
            for label in labels(one):
                if key := _key(label):
                    spelled[key][" ".join(label.split())] += 1
                    where[key][entry.number] = entry
                    who[key] |= set(publishers([one]))
    found = [
        Mention(
            label=min(spelled[key], key=lambda text: (-spelled[key][text], text)),
            entries=tuple(where[key][number] for number in sorted(where[key])),
            publishers=len(who[key]),
        )
        for key in where
    ]
    return sorted(found, key=lambda one: (-len(one.entries), _key(one.label), one.label))


def recurring(entries: Sequence[Entry], limit: int = 10) -> list[Mention]:
    """Themes and names that several publishers speak of in several stories."""

    def labels(one: Analyzed) -> Iterable[str]:
        fields = one.digest.fields
        return [*(fields.key_insights or ()), *(fields.company_names or ()), *(fields.names or ())]

    several = [
        one for one in mentions(entries, labels) if len(one.entries) > 1 and one.publishers > 1
    ]
    several.sort(key=lambda one: (-one.publishers, -len(one.entries), _key(one.label)))
    return several[:limit]


def _key(label: str) -> str:
    return re.sub(r"\W+", " ", label.casefold()).strip()

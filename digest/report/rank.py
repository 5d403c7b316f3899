"""Which story comes first, and where: ranking, sections, what recurs, the index."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from digest.records import Analyzed
from digest.report.model import Entry, Mention, Section, publishers
from digest.stories.cluster import Story
from digest.stories.interests import BOOST
from digest.stories.terms import key

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

# Labels that sort a text instead of naming what it speaks of: "Company News", "AI Industry Report".
_SORTING = re.compile(
    r"\bnews\b|^(?:other|misc\w*|general|company)\b|"
    r"\b(?:report|study|research|blog|post|article|guide|"
    r"tool|model|product|update|release|announcement)s?$",
    re.IGNORECASE,
)

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
FEWEST_TOP, MOST_TOP = 3, 5
_MANY_SECTIONS = 5  # with more than these, a section of a single line joins the others


def weight(story: Story) -> float:
    """Relevance 1..10, up to two points for further publishers, up to three for an interest.

    Each further publisher that told it counts half a point; the reader's votes on stories like
    it a point at most, up or down.
    """
    relevance = story.lead.digest.fields.relevance_score or 0
    met = max((match.similarity for match in story.interests), default=0.0)
    told = min(len(publishers(story.members)) - 1, 4) / 2
    return relevance + told + BOOST * met + story.liking.points


def ranked(stories: Iterable[Story]) -> list[Story]:
    """The weightiest first; of equals the latest, then by publisher."""

    def order(story: Story) -> tuple[object, ...]:
        lead = story.lead
        published = lead.document.published
        return (
            -weight(story),
            bool(lead.digest.provenance.degraded),
            -published.timestamp() if published else 0.0,
            lead.item.kind == "link",
            lead.document.publisher,
            lead.document.title,
            lead.item.position,
            lead.item.id,
            lead.item.content_hash,
        )

    return sorted(stories, key=order)


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
    return place < ALWAYS_FULL or (place < MOST_FULL and worth_telling(story))


def worth_telling(story: Story) -> bool:
    """Whether its relevance, if known, or an interest earns a story more than a line."""
    relevance = story.lead.digest.fields.relevance_score
    return relevance is None or relevance >= WORTH_TELLING or bool(story.interests)


def field(story: Story) -> str:
    """The field of news of a story: by the first of its domains that belongs to one."""
    for one in story.members:
        for domain in one.digest.fields.domains or ():
            if found := _FIELD_OF.get(domain.strip().casefold()):
                return found
    return OTHER


def top(entries: Sequence[Entry]) -> list[Entry]:
    """What matters most: the weightiest that are worth it, and three at least.

    Of equals, those whose publishers are not yet among them come first.
    """
    left = [entry for entry in entries if entry.full]
    count = max(FEWEST_TOP, min(MOST_TOP, sum(worth_telling(entry.story) for entry in left)))
    chosen: list[Entry] = []
    heard: Counter[str] = Counter()

    def order(entry: Entry) -> tuple[float, int, int]:
        return (-entry.weight, heard[publishers(entry.story.members)[0]], entry.number)

    while left and len(chosen) < count:
        best = min(left, key=order)
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
                if same := key(label):
                    spelled[same][" ".join(label.split())] += 1
                    where[same][entry.number] = entry
                    who[same] |= set(publishers([one]))
    found = [
        Mention(
            label=min(spelled[same], key=lambda text: (-spelled[same][text], text.isupper(), text)),
            entries=tuple(where[same][number] for number in sorted(where[same])),
            publishers=len(who[same]),
        )
        for same in where
    ]
    return sorted(found, key=lambda one: (-len(one.entries), key(one.label), one.label))


def recurring(entries: Sequence[Entry], limit: int = 10) -> list[Mention]:
    """Themes and names that several publishers speak of in several stories."""

    def labels(one: Analyzed) -> Iterable[str]:
        fields = one.digest.fields
        return [*(fields.key_insights or ()), *(fields.company_names or ()), *(fields.names or ())]

    # What a third of all stories share names the newsletters, not what recurs in them; so does
    # what only says the section that a story stands in.
    most = max(2, len(entries) // 3)
    sections = {key(name) for name in (OTHER, *FIELDS_OF_NEWS, *_FIELD_OF)}
    several = [
        one
        for one in mentions(entries, labels)
        if 1 < len(one.entries) <= most
        and one.publishers > 1
        and key(one.label) not in sections
        and not _SORTING.search(one.label)
    ]
    several.sort(key=lambda one: (-one.publishers, -len(one.entries), key(one.label)))
    return several[:limit]

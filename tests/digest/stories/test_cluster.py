"""The same story once, nothing lost, and stories that only look alike stay apart."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.records import Analyzed, Digest, Document, Item, Provenance, fingerprint
from digest.schema import DigestFields
from digest.stories.cluster import cluster

MONDAY = datetime(2026, 11, 16, 7, tzinfo=UTC)


def told(publisher, title, text, *, url="", kind="story", day=0, position=0, relevance=5):
    """A digest as a small model might write it: its headline is the title of the item."""
    document_id = fingerprint(publisher, str(day))
    item = Item(document_id, position, kind, title, text, url)
    published = MONDAY + timedelta(days=day)
    document = Document(
        document_id, "folder:news", f"{publisher}.eml", publisher, "", published, "", "", (item,)
    )
    fields = DigestFields(title=title[:120] if len(title) > 2 else None, relevance_score=relevance)
    return Analyzed(document, item, Digest(fields, Provenance("embedded", "m", "1")))


def groups(analyzed):
    return sorted(sorted(one.item.title for one in story.members) for story in cluster(analyzed))


# One line a story, two tellings in different words: (title, text), (title, text).
SAME = [
    (
        (
            "Lumen Labs open-sources its Firefly 3 speech model",
            "Lumen Labs put the weights of Firefly 3 on its site under Apache 2.0 on Tuesday. The"
            " speech model runs in 600 MB of memory and knows 31 languages.",
        ),
        (
            "Firefly 3, a speech model for 31 languages, is now open",
            "The Firefly 3 weights by Lumen Labs are out under Apache 2.0. It transcribes speech"
            " in 31 languages on a phone, within 600 MB of memory.",
        ),
    ),
    (
        (
            "Harbor Bridge in Port Ellison closes after crack is found",
            "Engineers closed the Harbor Bridge in Port Ellison when an inspection found a crack in"
            " a main girder. Repairs will take eight weeks, said mayor Ines Calder.",
        ),
        (
            "Crack shuts Port Ellison's Harbor Bridge for eight weeks",
            "Port Ellison's Harbor Bridge is shut: inspectors saw a crack in a girder. Mayor Ines"
            " Calder expects repairs to last eight weeks.",
        ),
    ),
    (
        (
            "Quillon buys chip designer Tessera Micro for $2.1 billion",
            "Cloud company Quillon is buying Tessera Micro, which designs low-power inference"
            " chips, for $2.1 billion in cash. The deal needs approval in Brussels.",
        ),
        (
            "Tessera Micro goes to Quillon in a $2.1 billion deal",
            "Quillon pays $2.1 billion for Tessera Micro and its inference chips. Brussels still"
            " has to approve the cash deal.",
        ),
    ),
    (
        (
            "Study of 4,000 nurses links night shifts to migraine",
            "Nurses who work nights report a third more migraine days, a study of 4,000 nurses in"
            " Tromsø found. Authors suggest fixed shifts over rotating ones.",
        ),
        (
            "Night shifts go with more migraine, Tromsø nurses study says",
            "A Tromsø study followed 4,000 nurses: night shifts meant a third more migraine days."
            " The authors recommend fixed shifts.",
        ),
    ),
]

# Two stories that share names, numbers or a mould.
APART = [
    (
        (
            "Lumen Labs open-sources its Firefly 3 speech model",
            "Lumen Labs put the weights of Firefly 3 on its site under Apache 2.0 on Tuesday.",
        ),
        (
            "Lumen Labs hires a chief scientist from Quillon",
            "Lumen Labs named Petra Osei chief scientist. She led search research at Quillon.",
        ),
    ),
    (
        (
            "Kernel 6.41 released with faster file locks",
            "Version 6.41 of the kernel is released. It brings faster file locks, new drivers and"
            " many fixes. Update when your distribution has it.",
        ),
        (
            "Kernel 6.42 released with faster swapping",
            "Version 6.42 of the kernel is released. It brings faster swapping, new drivers and"
            " many fixes. Update when your distribution has it.",
        ),
    ),
    (
        (
            "Ferry strike leaves Oslo islands without supplies",
            "Ferries to the islands off Oslo stand still. Union and owners meet again on Friday,"
            " and shops on Nesodden ration milk.",
        ),
        (
            "Rail strike leaves Bergen commuters without trains",
            "Trains around Bergen stand still. Union and owners meet again on Monday, and schools"
            " in Voss let pupils stay at home.",
        ),
    ),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=lambda pair: pair[0][:24])
def test_a_story_told_in_other_words_is_told_once(one, other):
    (story,) = cluster([told("Morning Wire", *one), told("Evening Post", *other, day=1)])
    assert len(story.members) == 2
    assert 0.5 <= story.score < 1


@pytest.mark.parametrize(("one", "other"), APART, ids=lambda pair: pair[0][:24])
def test_stories_that_share_names_or_a_mould_stay_apart(one, other):
    assert len(cluster([told("Morning Wire", *one), told("Evening Post", *other, day=1)])) == 2


def test_all_stories_together_find_their_own_and_only_their_own():
    everything = [
        told(f"Paper {side}", *telling, position=place)
        for place, pair in enumerate(SAME + APART[1:])
        for side, telling in enumerate(pair)
    ]
    stories = cluster(everything)
    assert sorted(len(story.members) for story in stories) == [1] * 2 * len(APART[1:]) + [2] * len(
        SAME
    )


def test_one_url_in_two_newsletters_is_one_story_however_it_is_told():
    first = told(
        "A", "Bees return", "They are back.", url="https://www.example.org/bees?utm_source=a"
    )
    other = told("B", "A comeback", "Meadows hum again.", url="https://example.org/bees/#top")
    (story,) = cluster([first, other])
    assert story.score == 1


def test_a_url_under_several_items_of_one_issue_identifies_none_of_them():
    url = "https://letters.example.org/p/issue-9"
    one = told("A", "Bees return", "They are back in the meadow.", url=url)
    two = told("A", "Tax rises", "The council needs money for roads.", url=url, position=1)
    three = told("B", "Read this letter", "A fine letter about a number of things.", url=url)
    assert len(cluster([one, two, three])) == 3


def test_a_front_page_is_no_story():
    one = told("A", "Bees return", "They are back in the meadow.", url="https://example.org/")
    two = told("B", "Tax rises", "The council needs money for roads.", url="https://example.org")
    assert len(cluster([one, two])) == 2


def test_equal_titles_with_other_contents_stay_apart():
    one = told("A", "Quick hits", "The ferry strike ends on Friday, union leaders said in Oslo.")
    two = told("B", "Quick hits", "A new compiler halves build times for large Rust projects.")
    assert len(cluster([one, two])) == 2


def test_an_advert_is_never_merged_with_the_news_about_its_product():
    url = "https://example.org/firefly"
    news = told("A", *SAME[0][0], url=url)
    advert = told("B", *SAME[0][0], url=url, kind="sponsor")
    assert len(cluster([news, advert])) == 2


def test_adverts_cast_in_one_mould_stay_apart():
    bramble = told(
        "A",
        "Sponsored promotion of Bramble accounting",
        "Bramble does your accounts while you sleep. Try it free for 30 days.",
        kind="sponsor",
    )
    pomelo = told(
        "B",
        "Sponsored promotion of Bramble payroll",
        "Bramble runs your payroll while you sleep. Try it free for 30 days.",
        kind="sponsor",
    )
    assert len(cluster([bramble, pomelo])) == 2


def test_two_votes_of_one_day_stay_apart():
    passed = "The senate passed the budget bill with 51 votes to 49 after a night of debate."
    rejected = "The senate rejected the privacy bill with 49 votes to 51 after a short debate."
    one = told("A", "Senate passes budget bill by two votes", passed)
    two = told("B", "Senate rejects privacy bill by two votes", rejected)
    assert len(cluster([one, two])) == 2


SERIES = [
    (
        "Heron 9 carries 22 relay satellites to orbit from the east coast",
        "Skyward launched 22 relay satellites on Tuesday night. The first stage of the Heron flew"
        " for the 9th time and landed on the ship Patience.",
        "Heron 9 carries 21 relay satellites to orbit from the west coast",
        "Skyward launched 21 relay satellites on Friday morning. The first stage of the Heron flew"
        " for the 14th time and landed on the ship Fortitude.",
    ),
    (
        "Ormond Bank earns more in the first quarter",
        "Ormond Bank raised its profit to 412 million euros from January to March, helped by higher"
        " interest. Chief executive Tilda Brandt keeps her forecast for the year.",
        "Ormond Bank earns less in the third quarter",
        "Ormond Bank's profit fell to 297 million euros from July to September, burdened by bad"
        " loans. Chief executive Tilda Brandt lowers her forecast for the year.",
    ),
]


@pytest.mark.parametrize("series", SERIES, ids=["launches", "quarters"])
def test_events_of_a_series_are_told_apart_by_their_numbers(series):
    title, text, next_title, next_text = series
    assert len(cluster([told("A", title, text), told("B", next_title, next_text)])) == 2
    # With the numbers of the first, the second is the same story: only they kept them apart.
    for new, old in (("21", "22"), ("14th", "9th"), ("297", "412")):
        next_title, next_text = next_title.replace(new, old), next_text.replace(new, old)
    assert len(cluster([told("A", title, text), told("B", next_title, next_text)])) == 1


def test_headlines_may_pick_different_numbers_of_one_story():
    one = told(
        "A",
        "Crack shuts Harbor Bridge for 8 weeks",
        "Port Ellison's Harbor Bridge is shut: inspectors saw a crack of 40 cm in a main girder."
        " Mayor Ines Calder expects repairs to last 8 weeks.",
    )
    other = told(
        "B",
        "A crack of 40 cm: Harbor Bridge in Port Ellison closed",
        "Inspectors found a crack of 40 cm in a main girder of Port Ellison's Harbor Bridge. Mayor"
        " Ines Calder speaks of 8 weeks of repairs.",
    )
    assert len(cluster([one, other])) == 1


def test_a_column_that_returns_weeks_later_is_another_story():
    one, other = SAME[1]
    assert len(cluster([told("A", *one), told("B", *other, day=15)])) == 2


def test_the_fullest_teller_leads():
    title, text = SAME[2][0]
    url = "https://example.org/deal"
    link = told("A", title, "", url=url, kind="link", relevance=9)
    story = told("B", title, text, url=url)
    assert cluster([link, story])[0].lead.document.publisher == "B"


WORDS = st.sampled_from(
    ["bees", "tax", "meadow", "council", "strike", "6.41", "6.42", "Tromsø", "日本語"]
)
SENTENCES = st.lists(WORDS, max_size=8).map(" ".join)
TELLINGS = st.builds(
    told,
    st.sampled_from(["A", "B", "C"]),
    SENTENCES,
    st.one_of(SENTENCES, st.text(max_size=40)),
    url=st.sampled_from(["", "https://example.org/a", "https://example.org/b", "http://[", "x"]),
    kind=st.sampled_from(["story", "link", "sponsor", "job"]),
    day=st.integers(0, 20),
    position=st.integers(0, 3),
)


@settings(deadline=None)
@given(st.lists(TELLINGS, max_size=12), st.randoms(use_true_random=False))
def test_nothing_is_lost_or_doubled_and_order_does_not_matter(analyzed, shuffle):
    stories = cluster(analyzed)
    assert sorted(id(one) for story in stories for one in story.members) == sorted(
        map(id, analyzed)
    )
    assert all(0 <= story.score <= 1 for story in stories)
    again = list(analyzed)
    shuffle.shuffle(again)
    assert cluster(again) == stories


def test_time_grows_with_the_number_of_texts_not_with_its_square(grows_like):
    def corpus(size):
        rng = random.Random(size)
        words = [f"word{n}" for n in range(size * 10)]  # a vocabulary grows with its corpus
        return [
            told(
                f"P{n % 50}", " ".join(rng.choices(words, k=8)), " ".join(rng.choices(words, k=80))
            )
            for n in range(size)
        ]

    grows_like(cluster, corpus(200), corpus(800))

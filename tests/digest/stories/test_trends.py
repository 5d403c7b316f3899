"""Trends: exact against brute force, silent where nothing changed, loud where something did."""

import itertools
import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.schema import DigestFields
from digest.stories import trends
from digest.stories.trends import Mentions, compare


def told(day: int, publisher: str, *spoken: str, kind: str = "name") -> Mentions:
    return Mentions(f"{publisher}-{day}", publisher, dict.fromkeys(spoken, kind))


def dailies(days: range, **spoken: str) -> list[Mentions]:
    """Six papers a day; what they always speak of, and more."""
    return [told(day, f"Paper {n}", "Parliament", *spoken) for day in days for n in range(6)]


def found(result: trends.Trends) -> dict[str, str]:
    return {one.label: one.direction for one in result.found}


def test_new_rising_and_gone_are_told_with_their_counts():
    before = dailies(range(28))
    before += [
        told(100 + day, f"Paper {n}", "Parliament", "Old Harbor")
        for day in range(8)
        for n in range(6)
    ]
    before.append(told(200, "Paper 1", "Tidal Power"))
    now = [
        told(300 + n, f"Paper {n % 6}", "Parliament", "Kestrel 4", "Tidal power") for n in range(36)
    ]
    result = compare(now, before)
    assert found(result) == {"Kestrel 4": "new", "Tidal power": "rising", "Old Harbor": "gone"}
    kestrel, tidal, harbor = result.found
    assert (kestrel.now, kestrel.before, kestrel.publishers) == (36, 0, 6)
    assert (tidal.now, tidal.before) == (36, 1)
    assert (harbor.now, harbor.before, harbor.publishers) == (0, 48, 6)
    assert (result.now, result.before) == (36, 28 * 6 + 48 + 1)


def test_nothing_is_said_without_something_to_compare_with():
    assert compare(dailies(range(3)), []).found == ()
    assert compare([], dailies(range(3))).found == ()
    assert compare([], []).found == ()


def test_a_publisher_that_is_new_makes_no_trend():
    before = dailies(range(28))
    now = dailies(range(30, 32)) + [told(n, "Cooking", "Sourdough", "Yeast") for n in range(20)]
    assert compare(now, before).found == ()


def test_a_publisher_that_comes_more_often_and_names_itself_makes_no_trend():
    before = [told(day, "Weekly", "Weekly Letters") for day in range(4)]
    before += [told(day, "Daily", "Parliament") for day in range(40)]
    now = [told(100 + n, "Weekly", "Weekly Letters") for n in range(20)]
    now += [told(100 + n, "Daily", "Parliament") for n in range(5)]
    assert compare(now, before).found == ()


def test_many_mentions_in_one_document_are_one():
    before = dailies(range(28))
    now = [told(300, "Paper 1", "Kestrel 4") for _ in range(50)] + dailies(range(301, 303))
    assert compare(now, before).found == ()


def test_spellings_are_one_label_and_the_most_telling_kind_is_shown():
    before = dailies(range(28))
    now = [told(300 + n, f"Paper {n}", "LUMEN LABS", kind="theme") for n in range(6)]
    now += [told(310 + n, f"Paper {n}", "Lumen Labs", kind="company") for n in range(6)]
    (one,) = compare(now + dailies(range(320, 323)), before).found
    assert (one.label, one.kind, one.now) == ("Lumen Labs", "company", 12)


def test_kinds_of_a_digest():
    fields = DigestFields(
        names=["Ada Moe", "Acme"],
        company_names=["Acme"],
        key_insights=["AI Model"],
        domains=["law"],
    )
    assert trends.labels(fields) == {
        "Acme": "company", "Ada Moe": "name", "AI Model": "theme", "law": "theme",
    }  # fmt: skip


def test_the_look_back_holds_every_weekly_issue_four_times():
    end = datetime(2026, 11, 21, tzinfo=UTC)
    assert trends.begin(end - timedelta(days=1), end) == end - timedelta(days=29)
    assert trends.begin(end - timedelta(days=30), end) == end - timedelta(days=150)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.data()), min_size=1, max_size=3
    ).filter(lambda sizes: sum(a + b for a, b, _ in sizes) <= 9)
)
def test_the_distribution_is_that_of_all_ways_to_deal_the_documents(publishers):
    """Brute force: every assignment of documents to the two periods, within each publisher."""
    documents = ({}, {})
    sizes = (Counter(), Counter())
    ways = [Counter({0: 1})]
    for number, (now, before, data) in enumerate(publishers):
        who = str(number)
        sizes[0][who], sizes[1][who] = now, before
        speak = data.draw(st.integers(0, now + before))
        for n in range(speak):
            documents[n % 2][f"{who}-{n}"] = who  # on which side they are does not matter
        deals = itertools.combinations(range(now + before), now)
        ways.append(Counter(sum(place < speak for place in deal) for deal in deals))
    expected: Counter[int] = Counter()
    for combination in itertools.product(*(one.items() for one in ways)):
        expected[sum(k for k, _ in combination)] += math.prod(n for _, n in combination)
    total = expected.total()
    chances = trends._distribution(documents, sizes)
    assert math.isclose(sum(chances), 1)
    for k in range(max(len(chances), max(expected) + 1)):
        got = chances[k] if k < len(chances) else 0
        assert math.isclose(got, expected[k] / total, abs_tol=1e-12)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_documents_does_not_matter(dice):
    before = dailies(range(28)) + [told(50 + n, f"Paper {n}", "Old Harbor") for n in range(6)]
    now = [told(300 + n, f"Paper {n % 6}", "Kestrel 4", f"Once {n}") for n in range(12)]
    expected = compare(now, before)
    dice.shuffle(now)
    dice.shuffle(before)
    assert compare(now, before) == expected
    assert expected.found


def random_world(dice: random.Random, days: range) -> list[Mentions]:
    """Publishers of different size and preferences, whose preferences does not change."""
    made = []
    for publisher in range(12):
        for day in days:
            for post in range(1 + publisher % 3):
                weights = [1 / (1 + (label * 7 + publisher * 13) % 97) for label in range(300)]
                spoken = {f"Label {n}" for n in dice.choices(range(300), weights, k=12)}
                made.append(
                    Mentions(
                        f"{publisher}-{day}-{post}", f"P{publisher}", dict.fromkeys(spoken, "name")
                    )
                )
    return made


def test_where_nothing_changes_almost_nothing_is_said():
    """Of 60 comparisons of what did not change, at most one in ten may say something."""
    spoke = 0
    for seed in range(60):
        dice = random.Random(seed)
        world = random_world(dice, range(16))
        spoke += bool(compare(world[-len(world) // 8 :], world[: -len(world) // 8]).found)
        days = random_world(dice, range(30))
        now = [one for one in days if int(one.document.split("-")[1]) >= 28]
        before = [one for one in days if int(one.document.split("-")[1]) < 28]
        spoke += bool(compare(now, before).found)
    assert spoke <= 12


@pytest.mark.parametrize(("share", "least"), [(0.5, 1.0), (0.25, 0.9)])
def test_what_does_change_is_found(share, least):
    """A name that a share of two days' documents speak of and none of four weeks did."""
    hits = 0
    for seed in range(20):
        dice = random.Random(seed)
        before = random_world(dice, range(28))
        now = [
            Mentions(f"now-{one.document}", one.publisher, {**one.labels, "Kestrel 4": "name"})
            if dice.random() < share
            else Mentions(f"now-{one.document}", one.publisher, one.labels)
            for one in random_world(dice, range(2))
        ]
        result = compare(now, before)
        hits += found(result).get("Kestrel 4") == "new"
    assert hits >= least * 20

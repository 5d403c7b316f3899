"""What recurs says something, and an index is short enough to be read."""

from datetime import UTC, datetime, timedelta

import pytest

from digest.report import build
from digest.report.markdown import ONCE

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
PERIOD = (NOW - timedelta(days=3), NOW - timedelta(hours=2))


def write(analyzed):
    return build(analyzed, period=PERIOD, sources=["folder:news"], generated=NOW).markdown


def stories(make, number, **fields):
    """So many stories of four publishers, each about something else."""
    return [
        make(
            f"Topic{n} happens in place{n}",
            publisher=f"P{n % 4}",
            url=f"https://example.org/{n}",
            text=f"Word{n} and term{n}.",
            position=n,
            **{name: value(n) for name, value in fields.items()},
        )
        for n in range(number)
    ]


def recurring(markdown):
    """Label -> the line's numbers."""
    _, _, found = markdown.partition("## What recurs across sources\n")
    lines = found.split("\n## ")[0].strip().splitlines()
    return dict(line.removeprefix("- **").split("**: ", 1) for line in lines)


def test_a_theme_of_some_stories_of_several_publishers_recurs(make):
    themes = lambda n: ["Battery Recycling"] * (n < 3) + ["Own Theme"] * (n in {4, 8})  # noqa: E731
    found = recurring(write(stories(make, 12, key_insights=themes)))
    assert list(found) == ["Battery Recycling"]  # the other one is that of P0 alone
    assert found["Battery Recycling"].startswith("3 stories from 3 publishers")


@pytest.mark.parametrize("number", [4, 5, 12])
def test_what_more_than_a_third_of_the_stories_share_is_no_news(make, number):
    def themes(n):
        return ["Company News"] * (n < number) + ["Harbour Robots"] * (n < 3)

    found = recurring(write(stories(make, 12, key_insights=themes)))
    assert "Harbour Robots" in found
    assert "Company News" not in found


@pytest.mark.parametrize(
    "label",
    [
        "Non-AI News", "AI News", "Other", "Other Topics", "Miscellaneous", "General Interest",
        "Company Update", "Business", "Business and Work", "security", "Machine Learning", "Sports",
        "Artificial intelligence",
    ],
)  # fmt: skip
def test_what_only_names_a_section_does_not_recur(make, label):
    themes = lambda n: [label] * (n in {0, 1}) + ["Harbour Robots"] * (n in {2, 3})  # noqa: E731
    assert list(recurring(write(stories(make, 12, key_insights=themes)))) == ["Harbour Robots"]


def test_nothing_recurs_in_a_few_stories_that_share_a_name_twice_at_most(make):
    names = lambda n: ["Ada Moe"]  # noqa: E731
    assert recurring(write(stories(make, 3, names=names))) == {}
    assert list(recurring(write(stories(make, 2, names=names)))) == ["Ada Moe"]


def test_at_most_ten_recur(make):
    themes = lambda n: [f"Theme {n % 15}"]  # noqa: E731
    assert len(recurring(write(stories(make, 60, key_insights=themes)))) == 10


def test_names_of_one_story_are_listed_up_to_a_number_and_the_rest_is_counted(make):
    names = lambda n: [f"Person {n} {k}" for k in range(10)] + ["Ada Moe"] * (n < 2)  # noqa: E731
    markdown = write(stories(make, 12, names=names))
    index = markdown.split("## Index of names\n")[1].split("\n## ")[0]
    assert "- **Ada Moe** (2): " in index
    once = index.split("In one story each: ")[1]
    assert once.count("Person") == ONCE
    assert once.strip().endswith(f"; and {120 - ONCE} more.")


def test_an_index_that_fits_is_whole(make):
    names = lambda n: [f"Person {n}"]  # noqa: E731
    index = (
        write(stories(make, ONCE, names=names)).split("## Index of names\n")[1].split("\n## ")[0]
    )
    assert index.count("Person") == ONCE
    assert "more." not in index


def test_a_company_is_in_one_index_only(make):
    both = lambda n: ["Acme Robotics"] * (n < 2)  # noqa: E731
    markdown = write(stories(make, 6, names=both, company_names=both))
    assert "## Index of companies" in markdown
    assert "## Index of names" not in markdown

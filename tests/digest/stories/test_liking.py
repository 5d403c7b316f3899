"""Votes bend the order of a report a little, say why, and can be taken back."""

from datetime import UTC, datetime

import pytest

from digest.errors import ConfigError
from digest.records import Analyzed, Digest, Document, Item, Provenance
from digest.report import build
from digest.report.rank import weight
from digest.schema import FIELDS, DigestFields
from digest.storage.ledger import Ledger
from digest.stories.cluster import Story
from digest.stories.interests import Preferences
from digest.stories.liking import Rated, liking

DAY = datetime(2026, 11, 16, 7, tzinfo=UTC)


def told(number, title, names=(), themes=(), score=5):
    item = Item(f"d{number}", 0, "story", title, f"{title}. It happened on Monday in Oron.")
    document = Document(
        f"d{number}", "mailbox:x", f"{number}.eml", f"P{number}", title, DAY, "", "#", (item,)
    )
    fields = DigestFields(
        title=title, summary=f"{title}. It happened on Monday.", names=list(names),
        key_insights=list(themes), relevance_score=score,
    )  # fmt: skip
    return Analyzed(document, item, Digest(fields, Provenance("embedded", "m", "2")))


def rated(vote, *labels, item="other", title="Dam breaks"):
    return Rated(item, vote, "", title, "P", labels)


RUST = told(1, "A compiler in Rust", ["Ferris Labs"], ["Rust"])


@pytest.mark.parametrize(
    ("votes", "low", "high", "reason"),
    [
        ([], 0, 0, ""),
        ([rated("more", "Ferris Labs", "Rust")], 0.9, 1, "more like “Dam breaks”"),
        ([rated("up", "ferris labs", "RUST")], 0.4, 0.6, "more like “Dam breaks”"),
        ([rated("less", "Ferris Labs", "Rust")], -1, -0.9, "less like “Dam breaks”"),
        ([rated("more", "Oron", "Floods", "Dams")], 0, 0, ""),
        ([rated("more", "Rust", "Floods", "Dams", "Oron", "Rain", "Mud")], 0, 0, ""),
        ([rated("more", "Ferris Labs", "Rust", title=f"T{n}") for n in range(9)], 1, 1, "more"),
        ([rated("less", item="d1-0")], -1, -1, "less like “Dam breaks”"),
    ],
)
def test_a_story_is_pushed_by_what_it_shares_with_rated_ones(votes, low, high, reason):
    found = liking([RUST], votes)
    assert low <= found.points <= high
    assert found.reason.startswith(reason) and bool(found.reason) == bool(reason)


def test_votes_bend_the_order_and_do_not_make_it():
    def story(one, *votes):
        return Story((one,), liking=liking([one], votes))

    better = told(2, "Peace in Oron", ["Oron"], score=8)
    more = rated("more", "Ferris Labs", "Rust")
    assert weight(story(RUST)) < weight(story(RUST, more)) < weight(story(better))


def test_the_report_says_what_a_vote_did():
    preferences = Preferences(ratings=(rated("more", "Ferris Labs", "Rust", title="Old *news*"),))
    built = build(
        [RUST, told(3, "Rain falls", ["Bergen"])],
        period=(DAY, DAY), sources=["mailbox:x"], generated=DAY, preferences=preferences,
    )  # fmt: skip
    assert "more like “Old \\*news\\*”" in built.markdown
    assert "for what you rated" in built.markdown
    assert "less like" not in built.markdown


def test_the_ledger_keeps_a_vote_a_story_until_it_is_cast_again(tmp_path):
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add_document("m", RUST.document)
        ledger.keep(RUST.item, FIELDS, "m", RUST.digest)
        assert ledger.rate("d1-0", "up", "good") == "rated"
        assert ledger.rate("d1-0", "more") == "changed"
        (one,) = ledger.ratings()
        assert (one.vote, one.title) == ("more", "A compiler in Rust")
        assert set(one.labels) == {"Ferris Labs", "Rust"}
        assert ledger.rate("d1-0", "more") == "undone"
        assert ledger.ratings() == []
        with pytest.raises(ConfigError, match="no item"):
            ledger.rate("nope", "up")

"""Clustering against labels: news articles, and the same news told again by another hand.

The articles lie outside the project. `retold.jsonl` holds 23 of their stories, written anew for
this test in other words and at a fifth of the length, as a newsletter would.
"""

import itertools
import json
import sys
from pathlib import Path

import pytest

from digest.cluster import cluster
from digest.records import Analyzed, Digest, Document, Item, Provenance
from digest.schema import DigestFields

ARTICLES = Path(__file__).parents[2].parent / "shared" / "data" / "articles" / "articles.jsonl"
RETOLD = Path(__file__).parents[1] / "fixtures" / "retold.jsonl"

# Among the articles themselves, read by hand: two outlets on one piece of news ...
SAME = [("a00017", "a00103"), ("a00042", "a00049"), ("a00063", "a00102")]
# ... and one event from several sides or days, where either answer is right.
EITHER = [
    {"a00008", "a00010", "a00029", "a00066", "a00097", "a00099", "a00107"},  # Sulawesi earthquake
    {"a00007", "a00027", "a00037", "a00046", "a00105"},  # one rally
    {"a00014", "a00025"},  # one hurricane, two forecasts
    {"a00047", "a00048", "a00073", "a00074", "a00121"},  # one golf tournament
    {"a00015", "a00027", "a00060", "a00068", "a00115", "a00117"},  # one hearing
]


def _told(identity: str, publisher: str, title: str, text: str) -> Analyzed:
    item = Item(identity, 0, "story", title, text)
    document = Document(identity, "s", "o", publisher, title, None, "", "", (item,))
    fields = DigestFields(title=title[:120])
    return Analyzed(document, item, Digest(fields, Provenance("embedded", "m", "1")))


def test_precision_and_recall_on_labelled_news(capsys) -> None:
    if not ARTICLES.is_file():
        pytest.skip("the labelled articles (../shared/data/articles) are not here")
    rows = [json.loads(line) for line in ARTICLES.open(encoding="utf-8")]
    news = [row for row in rows if row.get("parallel_id") and row["lang"] == "en"]
    retold = [json.loads(line) for line in RETOLD.open(encoding="utf-8")]
    analyzed = [_told(row["id"], row["outlet"], row["title"], row["text"]) for row in news]
    analyzed += [_told("re-" + row["of"], "Retold", row["title"], row["text"]) for row in retold]
    wanted = {frozenset(pair) for pair in SAME}
    for row in retold:
        others = {other for pair in SAME if row["of"] in pair for other in pair} | {row["of"]}
        wanted |= {frozenset(("re-" + row["of"], other)) for other in others}
    either = {
        frozenset(pair) for group in EITHER for pair in itertools.combinations(sorted(group), 2)
    }
    stories = cluster(analyzed)
    found = {
        frozenset((a.item.document_id, b.item.document_id))
        for story in stories
        for a, b in itertools.combinations(story.members, 2)
    } - either
    precision = len(found & wanted) / len(found)
    recall = len(found & wanted) / len(wanted)
    with capsys.disabled():
        sys.stdout.write(
            f"\nclustering: precision {precision:.3f} recall {recall:.3f}, "
            f"{len(wanted)} pairs among {len(analyzed)} texts "
        )
    assert sum(len(story.members) for story in stories) == len(analyzed)
    assert precision >= 0.95 and recall >= 0.8

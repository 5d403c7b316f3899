"""Every score beside an independent computation of it."""

import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.preprocessing import MultiLabelBinarizer

from digest.schema import DigestFields, Row
from finetune.evaluation import evaluate
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.rouge import rouge, sentences
from finetune.evaluation.text_metrics import is_english, repetition, templated
from finetune.evaluation.tree_score import similarity

from ..conftest import row

few_words = st.lists(st.sampled_from(["a", "b", "c", "ab.", "B!", "c.d", "é"]), max_size=14).map(
    " ".join
)
lines = st.lists(few_words, max_size=4).map("\n".join)


@pytest.mark.parametrize(
    ("candidate", "score"),
    [("police kill the gunman", 0.75), ("the gunman kill police", 0.5), ("", 0.0)],
)
def test_rouge_l_of_the_paper(candidate: str, score: float) -> None:
    assert rouge("police killed the gunman", candidate)["rouge_l"] == pytest.approx(score)


@given(lines, lines)
@settings(deadline=None)
def test_rouge_is_that_of_rouge_score(reference: str, candidate: str) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge-score is not installed")
    kinds = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    theirs = scorer.RougeScorer(kinds, use_stemmer=False).score(
        "\n".join(sentences(reference)), "\n".join(sentences(candidate))
    )
    ours = rouge(reference, candidate)
    for kind, name in zip(kinds, ("rouge_1", "rouge_2", "rouge_l", "rouge_lsum"), strict=True):
        assert ours[name] == pytest.approx(theirs[kind].fmeasure)


def test_stems_count_as_the_same_word() -> None:
    assert rouge("connected plants", "connecting plant", stem=True)["rouge_2"] == 1
    assert rouge("connected plants", "connecting plant")["rouge_1"] == 0


def lists(rng: random.Random, most: int) -> list[str]:
    return rng.sample(["Acme", "Bolt", "Ghent", "Zeta", "Oslo"], rng.randint(0, most))


def test_lists_and_scores_agree_with_scikit_learn() -> None:
    rng = random.Random(3)
    rows, answers = [], []
    for number in range(40):
        truth = {"names": lists(rng, 4), "relevance_score": rng.randint(1, 10)}
        rows.append(row(number, text="Acme Bolt Ghent Zeta Oslo", digest=truth))
        guess = DigestFields(names=lists(rng, 5), relevance_score=rng.randint(1, 10))
        answers.append(Prediction(f"r{number}", guess))
    table = evaluate.examine(rows, answers, ("names", "relevance_score"))
    binary = MultiLabelBinarizer().fit([["Acme", "Bolt", "Ghent", "Zeta", "Oslo"]])
    truth = binary.transform([r.digest.names or [] for r in rows])
    guess = binary.transform([(a.digest and a.digest.names) or [] for a in answers])
    options: dict[str, Any] = {"zero_division": 1.0}
    expected = {
        "f1_names": sk.f1_score(truth, guess, average="samples", **options),
        "f1_names_micro": sk.f1_score(truth, guess, average="micro"),
        "precision_names": sk.precision_score(truth, guess, average="micro"),
        "recall_names": sk.recall_score(truth, guess, average="micro"),
        "jaccard_names": sk.jaccard_score(truth, guess, average="samples", **options),
        "exact_names": sk.accuracy_score(truth, guess),
    }
    right = [r.digest.relevance_score for r in rows]
    given_scores = [a.digest.relevance_score for a in answers if a.digest]
    expected |= {
        "relevance_mae": sk.mean_absolute_error(right, given_scores),
        "relevance_r2": sk.r2_score(right, given_scores),
        "relevance_exact": sk.accuracy_score(right, given_scores),
    }
    assert {name: table[name] for name in expected} == pytest.approx(expected)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10), st.integers(1, 10)), min_size=1))
@settings(max_examples=30, deadline=None)
def test_shares_are_shares_and_intervals_hold_them(told: list[tuple[bool, int, int]]) -> None:
    rows = [
        row(n, digest={"relevance_score": t, "names": ["Acme"]}) for n, (_, t, _) in enumerate(told)
    ]
    answers = [
        Prediction(f"r{n}", DigestFields(relevance_score=g, names=["Ghent"]) if ok else None)
        for n, (ok, _, g) in enumerate(told)
    ]
    table = evaluate.examine(rows, answers, ("relevance_score", "names"))
    for name, value in table.items():
        if f"{name}_low" in table and name not in {"relevance_r2", "relevance_bias"}:
            assert table[f"{name}_low"] <= value + 1e-9 and value <= table[f"{name}_high"] + 1e-9
        if name.startswith(("valid", "f1_", "exact", "tree", "precision", "recall")):
            assert 0 <= value <= 1
    assert table["relevance_mae"] <= 10


# --- the tree score -----------------------------------------------------------------------------

leaf = st.text(string.ascii_lowercase, max_size=5) | st.integers(0, 3) | st.booleans()
keys = st.sampled_from("abc")
tree = st.recursive(
    leaf,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("truth", "guess", "score"),
    [
        ({"a": "x", "b": 3}, {"a": "x", "b": 4}, 1 / 2),
        ({"a": "x"}, {"b": "x"}, 0),  # two leaves, neither with a partner
        (["x", "y"], ["y"], 1 / 2),
        ([], [], 1),
        ([], ["x", "y"], 0),
        ("abcd", "abxd", 1 - 2 / 8),  # one letter out, one in
        ("A  Plant", "a plant", 1),
        (True, 1, 0),
        ({"s": "same", "l": ["p", "q", "r"]}, {"s": "same", "l": ["r", "p", "z"]}, 3 / 4),
    ],
)
def test_tree_score_by_hand(truth: object, guess: object, score: float) -> None:
    assert similarity(truth, guess) == pytest.approx(score)


@given(tree, tree)
def test_tree_score_is_a_similarity(a: object, b: object) -> None:
    assert similarity(a, a) == pytest.approx(1)
    assert 0 <= similarity(a, b) <= 1 + 1e-12
    assert similarity(a, b) == pytest.approx(similarity(b, a))


# --- texts --------------------------------------------------------------------------------------


def test_repetition_counts_what_comes_again() -> None:
    assert repetition("one two three four five six") == 0
    assert repetition("so it goes on " * 5) == pytest.approx(1 - 4 / 17)
    assert repetition("too short") == 0


def test_templates_are_shared_openings() -> None:
    texts = ["This article is about A", "this article is about B", "Plants", "This article was C"]
    assert templated(texts, 4) == [True, True, False, False]
    assert templated(["Hi", "Hi"], 4) == [False, False]  # too short to tell


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("Acme opened a plant in Ghent on Monday, the company said.", True),
        ("Acme hat am Montag in Gent ein Werk eröffnet, teilte die Firma mit.", False),
        ("A Acme abriu uma fábrica em Gent na segunda-feira, disse a empresa.", False),
    ],
)
def test_language(text: str, english: bool) -> None:
    assert is_english(text) == english


def test_collapse_and_language_show_in_the_table() -> None:
    same = DigestFields(title="A plant opens today", summary="It is a plant that opens today.")
    label = {"title": "x y z", "summary": "another text altogether"}
    rows: list[Row] = [row(n, digest=label) for n in range(4)]
    table = evaluate.examine(rows, [Prediction(r.id, same) for r in rows], ("title", "summary"))
    assert table["distinct_titles"] == 1 / 4 and table["template_summaries"] == 1
    assert table["english"] == 1 and table["words_title"] == 4
    assert table["words_title_ratio"] == pytest.approx(4 / 3)

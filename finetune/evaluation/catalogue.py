"""The names in metrics.json: what each means, and which way is better.

`docs/evaluation.md` holds this table, and the tests compare the two, and both with the names that
an examination really writes.
"""

import re
from dataclasses import dataclass
from functools import cache

from digest.schema import FIELDS, LIST_FIELDS

TEXTS: tuple[str, ...] = ("title", "summary", "highlights")
"""The fields that are running text; highlights also count as a list."""

_PLACES = {"LIST": LIST_FIELDS, "TEXT": TEXTS, "TAGS": ("key_insights", "company_names")}


@dataclass(frozen=True, slots=True)
class Measure:
    """One name, or one a field: LIST stands for any list field, TEXT for title, summary and
    highlights, TAGS for key_insights and company_names.
    """

    name: str
    meaning: str
    better: int = 0  # 1: more is better, -1: less is better, 0: neither

    def names(self) -> list[str]:
        """The names in metrics.json that this one stands for."""
        for place, fields in _PLACES.items():
            if re.search(rf"\b{place}\b", self.name.replace("_", " ")):
                return [self.name.replace(place, field) for field in fields]
        return [self.name]


MEASURES: tuple[Measure, ...] = (
    Measure("n", "rows examined"),
    Measure("groups", "groups among them: what the bootstrap resamples"),
    Measure("answered", "share of rows that have a prediction at all", 1),
    Measure("valid", "share of rows whose answer obeys the contract", 1),
    Measure("valid_json", "share of rows whose answer is one JSON object, right or wrong", 1),
    Measure("valid_unconstrained", "`valid` of the same model without the grammar", 1),
    Measure("finished", "share of answers that ended by themselves, not by a budget", 1),
    Measure("cut", "share of rows whose text was too long to be read whole"),
    Measure("tokens_in", "tokens of the prompt, mean"),
    Measure("tokens_out", "tokens of the answer, mean"),
    Measure("statements", "statements: the title, sentences of the summary, highlights; mean"),
    Measure("quoted", "share of statements that are the source's own words"),
    Measure("shortened", "share of statements that are those, with something left out"),
    Measure("written", "share of statements that are neither"),
    Measure("verbatim", "share of statements that the source holds word for word", 1),
    Measure("verbatim_TEXT", "the same by field", 1),
    Measure(
        "stands_alone",
        "share of sentences of summaries and highlights that no guard finds fault with",
        1,
    ),
    Measure("stands_alone_summary", "the same of sentences of summaries", 1),
    Measure("stands_alone_highlights", "the same of highlights", 1),
    Measure("true", "share of statements that judges found true (`--judged`)", 1),
    Measure("bent", "share that they found bent", -1),
    Measure("false", "share that they found false", -1),
    Measure("true_TEXT", "as true, by field", 1),
    Measure("bent_TEXT", "as bent, by field", -1),
    Measure("false_TEXT", "as false, by field", -1),
    Measure("wholly_true", "share of answers of which every judged statement is true", 1),
    Measure("judged", "share of statements that a judge read; other verbatim ones count as true"),
    Measure(
        "choice_f1",
        "mean over rows of the F1 of the sentences chosen for summary and highlights against an "
        "editor's (`--quotes`); both empty counts 1, an invalid answer chose none",
        1,
    ),
    Measure("choice_f1_micro", "one F1 over all chosen sentences of all rows", 1),
    Measure("choice_precision", "share of the chosen sentences that the editor chose", 1),
    Measure("choice_recall", "share of the editor's sentences that were chosen", 1),
    Measure("choice_f1_summary", "as choice_f1, of summaries alone", 1),
    Measure("choice_f1_highlights", "as choice_f1, of highlights alone", 1),
    Measure(
        "choice_f1_unseen",
        "as choice_f1, over rows of groups that the fit of the shipped ranker held out",
        1,
    ),
    Measure(
        "choice_title", "share of rows where the author's headline stands if the editor says so", 1
    ),
    Measure("f1_overall", "mean of f1_key_insights and f1_company_names, row by row", 1),
    Measure(
        "f1_LIST",
        "mean over rows of the F1 of the two sets; both empty counts 1, one empty or an invalid "
        "answer 0",
        1,
    ),
    Measure("f1_LIST_filled", "the same over rows where not both are empty", 1),
    Measure("both_empty_LIST", "share of rows where both are empty: what silence earns"),
    Measure("f1_LIST_micro", "one F1 over all entries of all rows", 1),
    Measure("precision_LIST", "share of the model's entries that are right, all rows pooled", 1),
    Measure("recall_LIST", "share of the right entries that the model has, all rows pooled", 1),
    Measure("jaccard_LIST", "mean over rows of |intersection| / |union|; both empty counts 1", 1),
    Measure("exact_LIST", "share of rows where the two sets are equal", 1),
    Measure("entries_LIST", "entries in the model's list, mean"),
    Measure("relevance_mae", "mean |error| of the score; an invalid answer counts as 0", -1),
    Measure(
        "relevance_mae_constant",
        "the same of the best constant for these rows, their median: the error to beat",
    ),
    Measure("relevance_r2", "1 - squared error / squared deviation from the rows' mean", 1),
    Measure("relevance_bias", "mean of score - truth"),
    Measure("relevance_exact", "share of rows with the right score", 1),
    Measure("relevance_within_1", "share of rows with a score at most 1 off", 1),
    Measure("rouge_1_TEXT", "ROUGE-1 F1 without stemming, mean; invalid counts 0", 1),
    Measure("rouge_2_TEXT", "ROUGE-2 F1", 1),
    Measure("rouge_l_TEXT", "ROUGE-L F1 (longest common subsequence)", 1),
    Measure("rouge_lsum_TEXT", "ROUGE-Lsum F1 (sentence by sentence)", 1),
    Measure(
        "bertscore_TEXT",
        "BERTScore F1, neither weighted nor rescaled, of the model named by `--bertscore`; "
        "invalid counts 0",
        1,
    ),
    Measure("tree", "NuExtract's JSON-tree score over the labelled fields; invalid counts 0", 1),
    Measure("exact_match", "share of rows where every labelled field is right", 1),
    Measure("grounding", "share of names and company names that occur in title + text", 1),
    Measure("dropped", "share of the model's names that were removed because they do not", -1),
    Measure("english", "share of valid answers whose title and summary are in English", 1),
    Measure("words_TEXT", "words in the model's text, mean"),
    Measure("words_TEXT_ratio", "words in the model's texts over words in the references"),
    Measure("distinct_titles", "different titles over all titles: low when a model collapses", 1),
    Measure("distinct_summaries", "different summaries over all summaries", 1),
    Measure("template_titles", "share of titles whose first 3 words begin another title too", -1),
    Measure(
        "template_summaries",
        "share of summaries whose first 4 words begin another summary too",
        -1,
    ),
    Measure("repetition", "share of the summary's 4-grams that repeat an earlier one, mean", -1),
    Measure("seed_f1_overall", "as f1_overall, but an invalid answer is two empty lists", 1),
    Measure("seed_f1_TAGS", "as f1_LIST, but an invalid answer is an empty list", 1),
    Measure("seed_jaccard_TAGS", "as jaccard_LIST, but an invalid answer is an empty list", 1),
    Measure("seed_precision", "mean of precision over (row, list) pairs not both empty", 1),
    Measure("seed_recall", "mean of recall over the same pairs", 1),
    Measure("seed_exact_match", "share of rows where score and both lists, in order, agree", 1),
    Measure("seed_rouge_1", "ROUGE-1 F1, stemmed, of tags and companies as one text", 1),
    Measure("seed_rouge_2", "ROUGE-2 F1 of the same", 1),
    Measure("seed_rouge_l", "ROUGE-L F1 of the same", 1),
)

_BOUND = re.compile(r"_(low|high)$")


@cache
def catalogue() -> dict[str, Measure]:
    """Every name that can stand in metrics.json, but for the bounds, in order."""
    return {name: measure for measure in MEASURES for name in measure.names()}


def better(name: str) -> int:
    """1 if more is better, -1 if less is, 0 if neither or unknown."""
    measure = catalogue().get(name)
    return measure.better if measure else 0


def is_bound(name: str) -> bool:
    """Whether a name bounds another one's interval."""
    return bool(_BOUND.search(name))


def markdown() -> str:
    """The table for the docs."""
    arrows = {1: "↑", -1: "↓", 0: ""}
    head = "| name | | meaning |\n|---|---|---|\n"
    return head + "".join(f"| `{m.name}` | {arrows[m.better]} | {m.meaning} |\n" for m in MEASURES)


def concerns(name: str) -> str | None:
    """The field that a name speaks of, if it speaks of one."""
    return next((f for f in FIELDS if re.search(rf"(^|_){f}(_|$)", name)), None)


HEADLINES: tuple[str, ...] = (
    "valid",
    "valid_unconstrained",
    "true",
    "bent",
    "false",
    "wholly_true",
    "quoted",
    "shortened",
    "written",
    "verbatim",
    "stands_alone",
    "choice_f1",
    "rouge_l_title",
    "rouge_l_summary",
    "rouge_lsum_highlights",
    "bertscore_title",
    "bertscore_summary",
    "f1_names",
    "f1_domains",
    "f1_overall",
    "f1_key_insights",
    "f1_company_names",
    "relevance_mae",
    "relevance_r2",
    "tree",
    "grounding",
    "dropped",
    "english",
    "distinct_titles",
    "repetition",
)
"""What a result is quoted by."""

TESTED: tuple[str, ...] = tuple(
    name
    for name in HEADLINES
    if name
    not in {
        "valid_unconstrained",
        "quoted",
        "shortened",
        "written",
        "relevance_r2",
        "grounding",
        "english",
        "distinct_titles",
    }
)
"""The headlines that models are tested on: those that speak of every row on its own, each once."""

"""What predictions are worth, against references: flat names (finetune.evaluation.catalogue).

A metric is kept as a `Ratio` over the rows, so that intervals and tests can be made of it.
Entries are compared after Unicode and case folding.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from digest.quote.grounding import GROUNDED, ground
from digest.schema import LIST_FIELDS, DigestFields, Row
from finetune.evaluation import stats
from finetune.evaluation.catalogue import TEXTS
from finetune.evaluation.folding import fold, fold_all, words
from finetune.evaluation.predictions import Prediction
from finetune.evaluation.rouge import rouge
from finetune.evaluation.stats import Ratio
from finetune.evaluation.tally import Tally
from finetune.evaluation.text_metrics import is_english, repetition, templated
from finetune.evaluation.tree_score import similarity

HEADLINE = 30  # rows below which no number is a headline
OPENING = {"title": 3, "summary": 4}  # words that make a template when two texts share them
SEED = ("relevance_score", "key_insights", "company_names")  # the fields of the seed's task


def measure(rows: Sequence[Row], predictions: Sequence[Prediction], fields: Sequence[str]) -> Tally:
    """Compare predictions with the rows' labels; a missing one counts as invalid.

    Rows without a label for a field do not count for its metrics. An answer is valid if it obeys
    the contract and has every asked field that its row labels.
    """
    tally = Tally(len(rows))
    given = {prediction.id: prediction for prediction in predictions}
    scores = [r.digest.relevance_score for r in rows if r.digest.relevance_score is not None]
    centre, mean = (median(scores), fmean(scores)) if scores else (0.0, 0.0)
    digests = []
    for index, row in enumerate(rows):
        prediction = given.get(row.id)
        truth = {n: v for n in fields if (v := getattr(row.digest, n)) is not None}
        digest = prediction.digest if prediction else None
        if digest and not truth.keys() <= set(digest.asked()):
            digest = None
        digests.append(digest)
        guess = {n: v for n in fields if digest and (v := getattr(digest, n)) is not None}
        _validity(tally, index, prediction, digest)
        _lists(tally, index, truth, guess if digest else None)
        _texts(tally, index, truth, guess)
        if "relevance_score" in truth:
            _relevance(tally, index, truth["relevance_score"], guess, centre, mean)
        if truth:
            shared = {name: guess[name] for name in truth} if digest else {}
            tally.add("tree", index, similarity(truth, shared))
            tally.add("exact_match", index, _same(truth, shared))
        if set(SEED) <= truth.keys():
            _seed(tally, index, truth, guess)
        if digest and prediction:
            _grounding(tally, index, row, digest, prediction)
    _collapse(tally, digests, fields)
    return tally


def table(
    ratios: Mapping[str, Ratio], groups: Sequence[str] = (), seed: int = 0
) -> dict[str, float]:
    """All metrics with their 95 % intervals (NAME_low, NAME_high), flat."""
    rows = len(next(iter(ratios.values())).over) if ratios else 0
    flat: dict[str, float] = {"n": rows, "groups": len(set(groups)) or rows}
    for name, ratio in ratios.items():
        value = ratio.value()
        if value is not None:
            low, high = stats.interval(ratio, groups, seed)
            flat |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return flat


def add_bertscore(
    ratios: dict[str, Ratio],
    rows: Sequence[Row],
    predictions: Sequence[Prediction],
    fields: Sequence[str],
    scorer: Any,
) -> None:
    """Add `bertscore_TEXT` to measured metrics; `scorer` is a `bertscore.BertScore`."""
    given = {prediction.id: prediction.digest for prediction in predictions}
    for name in (f for f in TEXTS if f in fields):
        pairs: dict[int, tuple[str, str]] = {}
        ratio = Ratio.zeros(len(rows))
        for index, row in enumerate(rows):
            truth, digest = getattr(row.digest, name), given.get(row.id)
            guess = getattr(digest, name) if digest else None
            if truth is not None:
                ratio.put(index, 0.0)
                if flat(truth) and flat(guess):
                    pairs[index] = flat(truth), flat(guess)
        if ratio.value() is not None:
            for index, score in zip(pairs, scorer.f1(list(pairs.values())), strict=True):
                ratio.put(index, score)
            ratios[f"bertscore_{name}"] = ratio


def flat(value: str | list[str] | None) -> str:
    """A text field, or the entries of a list as lines."""
    return "\n".join(value) if isinstance(value, list) else value or ""


# --- one row ------------------------------------------------------------------------------------


def _validity(
    tally: Tally, index: int, prediction: Prediction | None, digest: DigestFields | None
) -> None:
    tally.add("answered", index, prediction is not None)
    tally.add("valid", index, digest is not None)
    tally.add("valid_json", index, bool(prediction and (prediction.valid or _json(prediction))))
    if prediction and prediction.finish_reason:
        tally.add("finished", index, prediction.finish_reason == "stop")
        tally.add("cut", index, prediction.tokens_cut > 0)
        tally.add("tokens_in", index, prediction.tokens_in)
        tally.add("tokens_out", index, prediction.tokens_out)


def _json(prediction: Prediction) -> bool:
    try:
        return isinstance(json.loads(prediction.answer), dict)
    except ValueError:
        return False


def _lists(
    tally: Tally, index: int, truth: Mapping[str, Any], guess: Mapping[str, Any] | None
) -> None:
    """`guess` is None for an invalid answer, which earns nothing even where nothing is right."""
    overall = []
    for name in (f for f in LIST_FIELDS if f in truth):
        right, ours = fold_all(truth[name]), fold_all((guess or {}).get(name, ()))
        hits, empty = len(right & ours), guess is not None and not right and not ours
        f1 = 1.0 if empty else 2 * hits / max(1, len(right) + len(ours))
        tally.add(f"f1_{name}", index, f1)
        tally.add(f"f1_{name}_filled", index, 0.0 if empty else f1, not empty)
        tally.add(f"both_empty_{name}", index, empty)
        tally.add(f"f1_{name}_micro", index, 2 * hits, len(right) + len(ours))
        tally.add(f"precision_{name}", index, hits, len(ours))
        tally.add(f"recall_{name}", index, hits, len(right))
        tally.add(f"jaccard_{name}", index, 1.0 if empty else hits / max(1, len(right | ours)))
        tally.add(f"exact_{name}", index, guess is not None and right == ours)
        if guess is not None:
            tally.add(f"entries_{name}", index, len(guess[name]))
        if name in SEED:
            overall.append(f1)
    if len(overall) == 2:  # both tag lists are labelled
        tally.add("f1_overall", index, fmean(overall))


def _texts(tally: Tally, index: int, truth: Mapping[str, Any], guess: Mapping[str, Any]) -> None:
    for name in (f for f in TEXTS if f in truth):
        right, ours = flat(truth[name]), flat(guess.get(name))
        for kind, score in rouge(right, ours).items():
            tally.add(f"{kind}_{name}", index, score)
        if name in guess:
            tally.add(f"words_{name}", index, len(words(ours)))
            tally.add(f"words_{name}_ratio", index, len(words(ours)), len(words(right)))
    if "summary" in guess:
        tally.add("repetition", index, repetition(guess["summary"]))
    if text := " ".join(guess[name] for name in ("title", "summary") if name in guess):
        tally.add("english", index, is_english(text))


def _relevance(
    tally: Tally, index: int, truth: int, guess: Mapping[str, Any], centre: float, mean: float
) -> None:
    error = guess.get("relevance_score", 0) - truth
    tally.add("relevance_mae", index, abs(error))
    tally.add("relevance_mae_constant", index, abs(centre - truth))
    # The mean is that of all rows, in a resample too: its interval is a little too narrow.
    spread = (truth - mean) ** 2
    tally.add("relevance_r2", index, spread - error**2, spread)
    tally.add("relevance_bias", index, error)
    tally.add("relevance_exact", index, error == 0)
    tally.add("relevance_within_1", index, abs(error) <= 1)


def _seed(tally: Tally, index: int, truth: Mapping[str, Any], guess: Mapping[str, Any]) -> None:
    """The seed's own definitions: an invalid answer is two empty lists and relevance 0."""
    f1s, precisions, recalls = [], [], []
    for name in SEED[1:]:
        right, ours = fold_all(truth[name]), fold_all(guess.get(name, ()))
        hits, empty = len(right & ours), not right and not ours
        f1s.append(1.0 if empty else 2 * hits / (len(right) + len(ours)))
        tally.add(f"seed_f1_{name}", index, f1s[-1])
        tally.add(f"seed_jaccard_{name}", index, 1.0 if empty else hits / len(right | ours))
        if not empty:
            precisions.append(hits / len(ours) if ours else 0.0)
            recalls.append(hits / len(right) if right else 0.0)
    tally.add("seed_f1_overall", index, fmean(f1s))
    tally.add("seed_precision", index, sum(precisions), len(precisions))
    tally.add("seed_recall", index, sum(recalls), len(recalls))
    tally.add("seed_exact_match", index, all(guess.get(name) == truth[name] for name in SEED))
    reference, text = (" ".join([*v.get(SEED[1], ()), *v.get(SEED[2], ())]) for v in (truth, guess))
    if reference and text:
        scores = rouge(reference, text, stem=True)
        for kind in ("rouge_1", "rouge_2", "rouge_l"):
            tally.add(f"seed_{kind}", index, scores[kind])


def _same(truth: Mapping[str, Any], guess: Mapping[str, Any]) -> bool:
    """Whether all fields agree: lists as folded sets, texts folded."""
    folded = [
        {n: fold_all(v) if isinstance(v, list) else fold(str(v)) for n, v in side.items()}
        for side in (truth, guess)
    ]
    return folded[0] == folded[1]


def _grounding(
    tally: Tally, index: int, row: Row, digest: DigestFields, prediction: Prediction
) -> None:
    ungrounded = set(ground(digest, row.title, row.text).dropped)
    entries = {entry for name in GROUNDED for entry in getattr(digest, name) or []}
    lost = len(prediction.dropped)
    if entries:
        tally.add("grounding", index, len(entries - ungrounded), len(entries))
    if entries or lost:
        tally.add("dropped", index, lost, lost + len(entries))


def _collapse(tally: Tally, digests: Sequence[DigestFields | None], fields: Sequence[str]) -> None:
    """What only shows over all answers: the same text again and again."""
    for name, plural in (("title", "titles"), ("summary", "summaries")):
        texts = {i: getattr(d, name) for i, d in enumerate(digests) if d and getattr(d, name)}
        if name not in fields or not texts:
            continue
        count = Counter(map(fold, texts.values()))
        shared = templated(list(texts.values()), OPENING[name])
        for (index, text), template in zip(texts.items(), shared, strict=True):
            tally.add(f"distinct_{plural}", index, 1 / count[fold(text)])
            tally.add(f"template_{plural}", index, template)

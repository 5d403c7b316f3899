"""What a model must beat: engines that need no model, or one that is fitted in seconds.

constant   the same answer to every text: the most frequent entries and the median of the score
lead       the text's own title and first sentences; no entries, the median score
tfidf      as lead, and: logistic regression on TF-IDF of words for tags, domains and the score,
           a gazetteer of the training rows' names for names and companies

They are fitted on rows that share neither group nor text with the rows examined.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from statistics import fmean, median
from typing import Any

from digest.errors import ConfigError, EngineUnavailable
from digest.protocols import Answer, Ask, Engine
from digest.quote.grounding import fold as spelled
from digest.quote.grounding import occurs
from digest.schema import LIST_FIELDS, DigestFields, Row, json_schema, validate
from finetune.evaluation.folding import fold
from finetune.evaluation.rouge import sentences

_MIDDLE = 5  # the score where there are no rows to learn one from
_LEAD = 3  # sentences of a summary, and highlights after them
_SEEN = 8  # rows that must have an entry for it to be learnt
_TWICE = 2  # rows that must have a name for it to be looked up
_PRECISE = 0.5  # share of the texts with a name in which it must be labelled
_FOLDS = 2  # to choose the threshold of a tag with
_WORDS = 8000  # the most frequent, that are counted
_THRESHOLDS = tuple(n / 20 for n in range(1, 15))
LEARNT = ("key_insights", "domains")
LOOKED_UP = ("names", "company_names")


def open_baseline(name: str, fit: Sequence[Row]) -> Engine:
    """A baseline as an engine. Raises ConfigError for an unknown name or for want of rows."""
    made = {"constant": Constant, "lead": Lead, "tfidf": Tfidf}.get(name)
    if made is None:
        raise ConfigError(f"no baseline {name!r}; there are constant, lead and tfidf")
    if not fit and made is not Lead:
        raise ConfigError(
            f"baseline:{name} needs rows to learn from; name them with --fit ROWS.jsonl or "
            "examine with --held-out"
        )
    return made(fit)


def leaves(rows: Sequence[Row], examined: Sequence[Row]) -> list[Row]:
    """Rows that share neither group nor text with the rows examined."""
    groups = {row.group for row in examined}
    texts = {fold(row.text) for row in examined}
    return [r for r in rows if r.group not in groups and fold(r.text) not in texts]


class Baseline:
    """An engine that answers at once from the prompt's title and text."""

    name = "baseline"
    model = ""
    context = 1 << 20

    def digest(self, title: str, text: str) -> dict[str, Any]:
        """A value for each of the contract's fields."""
        raise NotImplementedError

    def count(self, text: str) -> int:
        """Words: there is no tokenizer."""
        return len(text.split())

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """One after another; always within the contract."""
        for index, ask in enumerate(asks):
            title, text = "", ask.messages[-1]["content"]
            if text.startswith("# "):
                title, _, text = text[2:].partition("\n\n")
            found = self.digest(title, text)
            fitted = {name: _fit(name, found[name]) for name in ask.fields}
            yield Answer(index, validate(fitted, ask.fields).to_json(), "stop")

    def close(self) -> None:
        """Nothing to free."""


class Constant(Baseline):
    """One answer to everything, the best one as far as the training rows tell."""

    model = "constant"

    def __init__(self, fit: Sequence[Row]) -> None:
        digests = [row.digest for row in fit]
        self._answer: dict[str, Any] = {name: _usual(name, digests) for name in LIST_FIELDS}
        self._answer["relevance_score"] = _median(digests)
        for name in ("title", "summary"):
            counted = Counter(text for d in digests if (text := getattr(d, name)))
            self._answer[name] = counted.most_common(1)[0][0] if counted else ""

    def digest(self, title: str, text: str) -> dict[str, Any]:  # noqa: ARG002
        """Whatever the text."""
        return self._answer


class Lead(Baseline):
    """The beginning of the text, which is hard to beat in news."""

    model = "lead"

    def __init__(self, fit: Sequence[Row]) -> None:
        self._score = _median([row.digest for row in fit])

    def digest(self, title: str, text: str) -> dict[str, Any]:
        """Title and first sentences as they stand."""
        found = sentences(text) or (title,)
        return {
            **{name: [] for name in LIST_FIELDS},
            "title": title or found[0],
            "summary": " ".join(found[:_LEAD]),
            "highlights": list(found[_LEAD : 2 * _LEAD]),
            "relevance_score": self._score,
        }


class Tfidf(Lead):
    """Counting words, at its best."""

    model = "tfidf"

    def __init__(self, fit: Sequence[Row]) -> None:
        super().__init__(fit)
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError as error:
            raise EngineUnavailable(
                f"baseline:tfidf needs {error.name}; "
                "install it with `pip install 'newsdigest[finetune]'`"
            ) from error
        self._words: Any = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=_WORDS)
        texts = [f"{row.title}\n{row.text}" for row in fit]
        features = self._words.fit_transform(texts)
        self._taggers = {
            name: tagger
            for name in LEARNT
            if (tagger := Tagger.fit(features, [getattr(r.digest, name) for r in fit]))
        }
        self._scorer: Any = _scorer(features, [row.digest.relevance_score for row in fit])
        spellings = [spelled(text) for text in texts]
        self._gazetteers = {
            name: gazetteer(spellings, [getattr(r.digest, name) or [] for r in fit])
            for name in LOOKED_UP
        }

    def digest(self, title: str, text: str) -> dict[str, Any]:
        """As lead, with entries and a score."""
        features = self._words.transform([f"{title}\n{text}"])
        here = spelled(f"{title}\n{text}")
        near = here.replace(" ", "")
        found = super().digest(title, text)
        found |= {name: tagger.tags(features)[0] for name, tagger in self._taggers.items()}
        for name, known in self._gazetteers.items():
            found[name] = [entry for entry in known if _likely(entry, near) and occurs(entry, here)]
        if self._scorer is not None:
            # The median of the distribution, which is what the mean error rewards.
            below = self._scorer.predict_proba(features)[0].cumsum()
            found["relevance_score"] = int(self._scorer.classes_[(below < 0.5).sum()])
        return found


class Tagger:
    """Logistic regression for each frequent entry, and one threshold for all of them."""

    def __init__(self, model: Any, binarizer: Any, threshold: float) -> None:
        self._model, self._binarizer, self._threshold = model, binarizer, threshold

    @classmethod
    def fit(cls, features: Any, labels: Sequence[list[str] | None]) -> "Tagger | None":
        """Learn; the threshold is the one with the best F1 (both empty counts 1) in
        cross-validation. None if no entry is frequent enough.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import KFold, cross_val_predict
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.preprocessing import MultiLabelBinarizer

        kept = [index for index, entries in enumerate(labels) if entries is not None]
        told = [labels[index] or [] for index in kept]
        count = Counter(entry for entries in told for entry in set(entries))
        frequent = sorted(entry for entry, rows in count.items() if rows >= _SEEN)
        if not frequent:
            return None
        binarizer = MultiLabelBinarizer(classes=frequent)
        known = set(frequent)
        target = binarizer.fit_transform([[e for e in entries if e in known] for entries in told])
        model = OneVsRestClassifier(
            LogisticRegression(C=10, class_weight="balanced", solver="liblinear")
        )
        folds = KFold(_FOLDS, shuffle=True, random_state=0)
        guessed = cross_val_predict(model, features[kept], target, cv=folds, method="predict_proba")
        sizes = [len(set(entries)) for entries in told]
        best = max(_THRESHOLDS, key=lambda t: _mean_f1(guessed >= t, target, sizes))
        return cls(model.fit(features[kept], target), binarizer, best)

    def tags(self, features: Any) -> list[list[str]]:
        """The entries of each text, the likeliest first."""
        found = []
        for line in self._model.predict_proba(features):
            order = [n for n in (-line).argsort() if line[n] >= self._threshold]
            found.append([str(self._binarizer.classes_[n]) for n in order])
        return found


def gazetteer(spellings: Sequence[str], labels: Sequence[Sequence[str]]) -> list[str]:
    """Entries to look up in a text: those that, where they occur, are mostly labelled too. The
    most frequent first. `spellings` are the texts, folded.
    """
    count = Counter(entry for entries in labels for entry in set(entries))
    unspaced = [text.replace(" ", "") for text in spellings]
    kept = []
    for entry, labelled in count.most_common():
        if labelled < _TWICE:
            break
        likely = (n for n, text in enumerate(unspaced) if _likely(entry, text))
        seen = sum(occurs(entry, spellings[n]) for n in likely)
        if seen and labelled / seen >= _PRECISE:
            kept.append(entry)
    return kept


def _likely(entry: str, unspaced: str) -> bool:
    """A fast look first: a text without spaces that lacks the letters lacks the name."""
    return _letters(entry) in unspaced


@cache
def _letters(entry: str) -> str:
    return spelled(entry).replace(" ", "")


def _mean_f1(guess: Any, truth: Any, sizes: Sequence[int]) -> float:
    """`sizes` counts the rare entries too, which cannot be guessed."""
    hits, given = (guess & (truth > 0)).sum(axis=1), guess.sum(axis=1)
    return fmean(
        2 * hit / (size + ours) if size + ours else 1.0
        for hit, ours, size in zip(hits.tolist(), given.tolist(), sizes, strict=True)
    )


def _scorer(features: Any, scores: Sequence[int | None]) -> Any:
    from sklearn.linear_model import LogisticRegression

    kept = [index for index, score in enumerate(scores) if score is not None]
    if len({scores[index] for index in kept}) < 2:
        return None
    model = LogisticRegression(C=10, max_iter=100)
    return model.fit(features[kept], [scores[index] for index in kept])


def _usual(name: str, digests: Sequence[DigestFields]) -> list[str]:
    """The list that agrees best with all others: the most frequent entries, as many as pay."""
    told = [set(entries) for d in digests if (entries := getattr(d, name)) is not None]
    ranked = [entry for entry, _ in Counter(e for entries in told for e in entries).most_common(8)]

    def worth(many: int) -> float:
        ours = set(ranked[:many])
        return fmean(2 * len(ours & t) / len([*ours, *t]) if ours or t else 1.0 for t in told)

    return ranked[: max(range(len(ranked) + 1), key=worth)] if told else []


def _median(digests: Sequence[DigestFields]) -> int:
    scores = [d.relevance_score for d in digests if d.relevance_score is not None]
    return int(median(scores)) if scores else _MIDDLE


@cache
def _limits(name: str) -> dict[str, Any]:
    limits: dict[str, Any] = json_schema([name])["properties"][name]
    return limits


def _fit(name: str, value: Any) -> Any:
    """A value cut, or filled up, to the contract's limits."""
    limits = _limits(name)
    if isinstance(value, list):
        most = limits["items"]["maxLength"]
        return [entry[:most] for entry in value if entry.strip()][: limits["maxItems"]]
    if isinstance(value, str):
        return value[: limits["maxLength"]].strip().ljust(limits["minLength"], ".")
    return value

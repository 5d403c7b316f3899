"""Items -> digests: asked in batches, cached, checked, asked again once, and never dropped.

Title, summary and highlights are the text's own sentences (`digest.quote`). The engine is asked
for the other fields of an item, over as much of its text as fits. Fields that the answer lacks,
because it was cut, breaks the contract or runs in circles, are asked for again over half the text.
What is missing even then is taken from the text by plain heuristics. Every shortfall is recorded
in the digest's provenance.

Where the encoder is in the cache (`digest model pull --encoder`) the fitted heads decide domains,
themes, relevance and companies in place of the engine (`digest.tags`). A text of a few words is not
asked about: a model would answer from memory.
"""

import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from digest.cutting import shorten
from digest.engines.extractive import ExtractiveEngine, extract
from digest.errors import EngineUnavailable, InvalidAnswer
from digest.grammar import answer_budget
from digest.model.encoder import available
from digest.model.weights import shipped
from digest.prompt import PROMPT_VERSION, messages, system
from digest.protocols import Answer, Ask, Engine
from digest.quote.compose import Composed, compose
from digest.quote.editing import edit
from digest.records import STATEMENT_FIELDS, Digest, Edit, Item, Provenance
from digest.schema import FIELDS, DigestFields, select, validate
from digest.tags import SHORT, limited, tag
from digest.tags.heads import FILE as HEADS

__all__ = ["PROMPT_VERSION", "TEXT_TOKENS", "Cache", "analyze"]

log = logging.getLogger(__name__)

TEXT_TOKENS = 2048  # of an item's text that the model reads: what it was trained on
_TITLE = 300  # characters of a title that the model reads
# What the heads decide, and what is said of a text of a few words.
TAGGED = ("domains", "relevance_score", "key_insights", "company_names")
NOTHING: dict[str, Any] = {"names": [], **{key: [] for key in TAGGED}, "relevance_score": 1}
_FRAME = 24  # tokens of ChatML around the turns, with head-room


class Cache(Protocol):
    """Keeps digests between runs, for one engine's model, prompt version and ask."""

    def get(self, item: Item) -> Digest | None:
        """The digest kept for this content."""
        ...

    def put(self, item: Item, digest: Digest) -> None:
        """Keep a digest."""
        ...


@dataclass(slots=True)
class _Work:
    """What is known so far about one content, and the items that have it."""

    items: list[Item]
    composed: Composed  # statements of the text itself, and what the engine may read of it
    missing: tuple[str, ...]
    found: dict[str, Any] = field(default_factory=dict)
    tagged: tuple[str, ...] = ()  # fields that the heads decide
    limit: str = ""  # why the relevance is the lowest
    reason: str = ""  # why fields are missing
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cut: int = 0

    @property
    def item(self) -> Item:
        return self.items[0]


def analyze(
    items: Sequence[Item],
    engine: Engine,
    fields: Sequence[str] = FIELDS,
    *,
    cache: Cache | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Item, Digest]]:
    """Yield each item with its digest, as soon as it is there, in any order.

    What `cache` holds is not asked again, equal contents are asked once, and every digest is in
    the cache before it is yielded: a kill loses at most what is in the engine. If the engine
    dies on the way the other items get digests without a model, which are not cached, so that
    the next run does better. `progress` is told items done and in all. When `cancelled` says so
    the rest is left undone.
    """
    asked = select(fields)
    by_content: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_content[item.content_hash].append(item)
    done = 0
    queue = []
    for same in by_content.values():
        if kept := cache.get(same[0]) if cache else None:
            for item in same:
                done += 1
                progress(done, len(items))
                yield item, kept
        else:
            queue.append(_work(same, asked))
    # The long ones first: no slot is left alone with a long item at the end.
    queue.sort(key=lambda work: len(work.item.text), reverse=True)
    for work, lasting in _answered(queue, engine, cancelled):
        digest = _digest(work, asked, engine)
        for item in work.items:
            if cache and lasting:
                cache.put(item, digest)
            done += 1
            progress(done, len(items))
            yield item, digest


def _work(same: list[Item], asked: tuple[str, ...]) -> _Work:
    """What the text says of itself, and what is left to be asked about it."""
    label = same[0].kind not in {"story", "link"}
    composed = compose(same[0].title, same[0].text, asked, label=label)
    missing = tuple(name for name in asked if name not in STATEMENT_FIELDS)
    found: dict[str, Any] = dict(composed.fields)
    limit = limited(same[0].title, same[0].text)
    if limit == SHORT:
        found |= {name: NOTHING[name] for name in missing}
        missing = ()
    tagged = tuple(name for name in missing if name in TAGGED) if _heads() else ()
    left = tuple(name for name in missing if name not in tagged)
    return _Work(same, composed, left, found, tagged, limit)


def _answered(
    queue: Sequence[_Work], engine: Engine, cancelled: Callable[[], bool]
) -> Iterator[tuple[_Work, bool]]:
    """Work as it is finished, and whether the result is the last word on it."""
    for work in queue:
        if not work.missing:
            yield work, True
    queue = [work for work in queue if work.missing]
    left = {id(work): work for work in queue}
    try:
        for portion in (1.0, 0.5):
            again = []
            asks = [_ask(work, engine, portion) for work in queue]
            for answer in engine.answer(asks):
                work = queue[answer.index]
                _take(work, answer)
                if not work.missing or portion < 1:
                    del left[id(work)]
                    yield work, True
                else:
                    again.append(work)
                if cancelled():
                    return
            queue = again
    except EngineUnavailable as error:
        log.warning("%s; the other digests are taken from the text itself", error)
        for work in left.values():
            work.reason = str(error)
            yield work, False


def _ask(work: _Work, engine: Engine, portion: float) -> Ask:
    """Ask for what is missing, over this portion of the text that a full ask may hold."""
    title, budget = work.composed.title[:_TITLE], answer_budget(work.missing)
    frame = engine.count(f"{system(work.missing)}\n# {title}\n\n") + _FRAME
    room = min(TEXT_TOKENS, engine.context - budget - frame)
    if portion < 1:
        room = min(room, engine.count(work.composed.readable))
    text, cut = shorten(work.composed.readable, max(int(room * portion), 16), engine.count)
    work.tokens_cut = max(work.tokens_cut, cut)
    return Ask(messages(title, text, work.missing), work.missing, budget)


def _take(work: _Work, answer: Answer) -> None:
    """Move the sound fields of an answer from missing to found."""
    work.tokens_in += answer.tokens_in
    work.tokens_out += answer.tokens_out
    work.reason = {
        "stop": "the model's answer broke the contract",
        "length": "the model's answer was cut at its token budget",
    }.get(answer.finish, answer.error or "the engine gave no answer")
    for name, value in _members(answer.text):
        try:
            sound = validate({name: value}, [name]) if name in work.missing else None
        except InvalidAnswer as error:
            work.reason = f"the model's answer broke the contract at {error}"
            continue
        if sound and not _circles(getattr(sound, name)):
            work.found[name] = getattr(sound, name)
        elif sound:
            work.reason = "the model ran in circles"
    work.missing = tuple(name for name in work.missing if name not in work.found)


def _members(text: str) -> Iterator[tuple[str, Any]]:
    """The finished members of a JSON object, of which the end may be cut off."""
    decoder = json.JSONDecoder()
    place = 1
    while opening := re.compile(r'\s*,?\s*("(?:[^"\\]|\\.)*")\s*:\s*').match(text, place):
        try:
            value, place = decoder.raw_decode(text, opening.end())
        except json.JSONDecodeError:
            return
        # A number at the very end may go on.
        if place < len(text):
            yield json.loads(opening[1]), value


def _circles(value: str | int | list[str]) -> bool:
    """Whether a text says the same again and again, or nothing at length."""
    if isinstance(value, int):
        return False
    text = value if isinstance(value, str) else "\n".join(value)
    words = text.casefold().split()
    runs = [tuple(words[n : n + 4]) for n in range(len(words) - 3)]
    return bool(re.search(r"\s{6}", text)) or (len(runs) > 12 and len(set(runs)) < len(runs) * 0.6)


def _digest(work: _Work, asked: tuple[str, ...], engine: Engine) -> Digest:
    """What was found, completed from the text and grounded in it."""
    title, degraded = work.composed.title, ""
    if engine.name == ExtractiveEngine.name:
        degraded = "names, domains and relevance estimated without a model"
    if work.missing:
        whence = "estimated from the text itself, because"
        degraded = f"{', '.join(work.missing)} {whence} {work.reason}"
        work.found.update(extract(title, work.composed.readable, work.missing).as_dict())
    if work.tagged:
        names = work.found.get("names", ())
        tags = tag(title, work.composed.readable, names=names, encoder=available())
        work.found.update({name: _plain(getattr(tags, name)) for name in work.tagged})
    # A text of a few characters has no title or summary that keeps the contract.
    said = [name for name in asked if name in work.found]
    fields = validate({n: work.found[n] for n in said}, said) if said else DigestFields()
    fields, edits = edit(fields, title, work.composed.readable, engine.model)
    fields, capped = _capped(fields, work.limit)
    provenance = Provenance(
        engine=engine.name,
        model=engine.model + ("+heads" if work.tagged else ""),
        prompt_version=PROMPT_VERSION,
        tokens_in=work.tokens_in,
        tokens_out=work.tokens_out,
        tokens_cut=work.tokens_cut,
        degraded=degraded,
        language=work.composed.language,
        edits=(*work.composed.edits, *edits, *capped),
    )
    return Digest(fields, provenance, work.composed.evidence)


def _capped(fields: DigestFields, limit: str) -> tuple[DigestFields, tuple[Edit, ...]]:
    """The fields with the lowest relevance where `limit` gives a reason for it."""
    score = fields.relevance_score
    if score is None or not limit:
        return fields, ()
    lowest = fields.model_copy(update={"relevance_score": 1})
    return lowest, (Edit("relevance", str(score), limit),) if score > 1 or limit == SHORT else ()


def _heads() -> bool:
    """Whether heads and encoder are there to decide what they decide better than a model."""
    return available() is not None and (shipped() / HEADS).is_file()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

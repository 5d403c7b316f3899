"""A look at what a run would learn, before it costs anything."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from digest.schema import Row
from finetune import data
from finetune.config import Config

_EDGES = (64, 128, 256, 512, 1024, 2048)


def report(config: Config, tokenizer: data.Tokenizer, show: int = 1) -> Iterator[str]:
    """Lines for people: rows, split, leaks, lengths, share cut, tokens, examples."""
    rows, read = data.read(config.data.rows)
    train, held = data.split(rows, config.data.split)
    yield f"rows {read.rows}, refused {len(read.refused)}, clipped lists {dict(read.clipped)}"
    yield from read.refused
    yield f"train {len(train)}, validation {len(held)} rows"
    yield from leaks(train, held)
    examples = data.epoch(train, config.data, tokenizer, config.train.seed)
    total = sum(map(len, examples))
    answers = sum(len(e.answer) for e in examples)
    cut = sum(e.cut > 0 for e in examples)
    yield (
        f"an epoch: {len(examples)} examples, {total:,} tokens, {answers:,} of them learnt, "
        f"{cut / max(1, len(examples)):.0%} of the texts cut"
    )
    yield from histogram("prompt tokens", [len(e.prompt) for e in examples])
    yield from histogram("answer tokens", [len(e.answer) for e in examples])
    asks = Counter(",".join(e.fields) for e in examples)
    yield "asked: " + "; ".join(f"{count} x {ask}" for ask, count in asks.most_common(4))
    for example in examples[:show]:
        yield from mask(example, tokenizer)


def leaks(train: Sequence[Row], held: Sequence[Row]) -> Iterator[str]:
    """What stands on both sides of the split, and texts that occur more than once."""
    keys: dict[str, Callable[[Row], str]] = {
        "groups": lambda row: row.group,
        "texts": lambda row: data.normal(row.text),
        "titles": lambda row: data.normal(row.title),
        "links": lambda row: row.url or "",
    }
    for what, key in keys.items():
        both = {key(row) for row in train} & {key(row) for row in held} - {""}
        yield f"{what} on both sides of the split: {len(both)}"
    texts = Counter(data.normal(row.text) for row in (*train, *held))
    yield f"texts that occur more than once: {sum(n > 1 for n in texts.values())}"


def histogram(name: str, lengths: Sequence[int]) -> Iterator[str]:
    """Bars of how many lengths fall under each edge."""
    yield name
    below = 0
    for edge in (*_EDGES, max([*lengths, _EDGES[-1]]) + 1):
        count = sum(below <= length < edge for length in lengths)
        share = count / max(1, len(lengths))
        yield f"  {below:>5}-{edge - 1:<5} {count:>5} {'█' * round(40 * share)}"
        below = edge


def mask(example: data.Example, tokenizer: data.Tokenizer) -> Iterator[str]:
    """The example token by token: prompt tokens marked `.`, learnt ones `+`."""
    yield f"example {example.id}: . is prompt, + is learnt"
    for mark, ids in ((".", example.prompt), ("+", example.answer)):
        for token in ids:
            yield f"{mark} {token:>6} {tokenizer.decode([token])!r}"

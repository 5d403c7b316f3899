"""A look at what a run would learn, before it costs anything."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from digest.schema import FIELDS, Row
from finetune.config import Config
from finetune.data import encoding
from finetune.data.prepared import Prepared, described
from finetune.data.split import common, normal, number, repeated
from finetune.tasks import registry

_EDGES = (64, 128, 256, 512, 1024, 2048)
_BAR = 40  # characters
_WARM, _TIMED = 1, 3  # steps that are thrown away, and that are timed


def report(
    config: Config, prepared: Prepared, tokenizer: encoding.Tokenizer, show: int = 1
) -> Iterator[str]:
    """Lines for people: rows, split, leaks, labels, lengths, share cut, tokens, examples."""
    train, held = prepared.train, prepared.validation
    yield from described(prepared.facts)
    yield from leaks(train, held)
    task = registry.open_task(config)
    yield from task.described(train)
    examples = task.epoch(train, tokenizer, config.train.seed)
    prompts, answers, cut = [], [], 0
    asks: Counter[str] = Counter()
    for place in range(len(examples)):
        (example,) = examples[place : place + 1]
        prompts.append(len(example.prompt))
        answers.append(len(example.answer))
        cut += example.cut > 0
        if example.fields:
            asks["all fields" if example.fields == FIELDS else ",".join(example.fields)] += 1
    yield (
        f"an epoch: {len(examples)} examples, {examples.tokens:,} tokens, {sum(answers):,} of "
        f"them learnt, {cut / max(1, len(examples)):.0%} of the texts cut"
    )
    yield from histogram("prompt tokens", prompts)
    yield from histogram("answer tokens", answers)
    if asks:
        yield "asked: " + "; ".join(f"{count} x {ask}" for ask, count in asks.most_common(4))
    for example in examples[:show]:
        yield from mask(example, tokenizer)


def leaks(train: Sequence[Row], held: Sequence[Row]) -> Iterator[str]:
    """What stands on both sides of the split, and texts that occur more than once."""
    keys: dict[str, Callable[[Row], str]] = {
        "groups": lambda row: row.group,
        "texts": lambda row: normal(row.text),
        "titles": lambda row: normal(row.title),
        "links": lambda row: row.url or "",
    }

    def hashes(rows: Sequence[Row], key: Callable[[Row], str]) -> Iterator[int]:
        return (number(value) for row in rows if (value := key(row)))

    for what, key in keys.items():
        both = common(hashes(train, key), hashes(held, key))
        yield f"{what} on both sides of the split: {both}"
    texts = (one for rows in (train, held) for one in hashes(rows, keys["texts"]))
    yield f"texts that occur more than once: {repeated(texts)}"


def histogram(name: str, lengths: Sequence[int]) -> Iterator[str]:
    """Bars of how many lengths fall under each edge."""
    yield name
    below = 0
    for edge in (*_EDGES, max([*lengths, _EDGES[-1]]) + 1):
        count = sum(below <= length < edge for length in lengths)
        share = count / max(1, len(lengths))
        yield f"  {below:>5}-{edge - 1:<5} {count:>5} {'█' * round(_BAR * share)}"
        below = edge


def mask(example: encoding.Example, tokenizer: encoding.Tokenizer) -> Iterator[str]:
    """The example token by token: prompt tokens marked `.`, learnt ones `+`."""
    yield f"example {example.id}: . is prompt, + is learnt"
    for mark, ids in ((".", example.prompt), ("+", example.answer)):
        for token in ids:
            yield f"{mark} {token:>6} {tokenizer.decode([token])!r}"


def estimate(
    config: Config, base: Path, rows: Sequence[Row], tokenizer: encoding.Tokenizer
) -> Iterator[str]:
    """Memory and time of the run, from a few of its own steps."""
    from finetune.train.learner import Learner
    from finetune.train.loop import Plan

    plan = Plan(rows, config, tokenizer)
    learner = Learner(config, base)
    few = [plan[index] for index in range(min(len(plan), _WARM + _TIMED))]
    seconds = tokens = 0.0
    for index, step in enumerate(few):
        began = time.perf_counter()
        _, _, count = learner.step(step, 0.0)  # a rate of nothing: only the cost is wanted
        if index >= _WARM or len(few) <= _WARM:
            seconds += time.perf_counter() - began
            tokens += count
    speed = tokens / seconds
    yield (
        f"measured: {speed:.0f} tokens/s over {tokens:.0f} tokens; the run's {len(plan)} steps "
        f"and {plan.tokens:,} tokens take about {plan.tokens / speed / 60:.1f} min and "
        f"{_peak() / 2**30:.1f} GiB of memory, validation and examination apart"
    )


def _peak() -> int:
    """The most memory that this process has held, in bytes."""
    try:  # not getrusage on Linux: there it begins with what the parent held
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS
